//! Seven ways to break isolation. Each must turn the checks red, or the checks prove nothing.

use crate::catalogue::violations;
use crate::isolation::{fill, leaks};
use crate::world::World;

/// What the checks see after a change of the schema: in the catalogue, and by trying.
async fn seen_after(change: impl Fn(&World) -> String) -> (Vec<String>, Vec<String>) {
    let world = World::start().await;
    fill(&world, world.acme).await;
    fill(&world, world.globex).await;
    world.run(&change(&world)).await;
    let mut superuser = world.superuser().await;
    (violations(&mut superuser, &world.database.app_role).await, leaks(&world).await)
}

#[tokio::test]
async fn a_table_that_does_not_force_its_policies_is_seen() {
    let (catalogue, _) = seen_after(|_| "alter table keys no force row level security".into()).await;
    assert_eq!(catalogue, ["keys: row-level security is not forced"]);
}

#[tokio::test]
async fn a_policy_that_lets_everybody_in_is_seen() {
    let (catalogue, leaks) = seen_after(|_| "create policy debug on customers for select using (true)".into()).await;
    assert!(catalogue.iter().any(|violation| violation.starts_with("customers.debug")), "{catalogue:?}");
    assert!(leaks.contains(&"customers: select".to_owned()), "{leaks:?}");
}

#[tokio::test]
async fn an_organization_that_outlives_its_transaction_is_seen() {
    let set = |world: &World| {
        let (role, id) = (&world.database.app_role, world.acme.uuid());
        format!("alter role \"{role}\" set claviger.organization = '{id}'")
    };
    let (catalogue, leaks) = seen_after(set).await;
    assert!(catalogue.iter().any(|violation| violation.starts_with("a session starts with")), "{catalogue:?}");
    assert!(leaks.contains(&"keys: select without an organization".to_owned()), "{leaks:?}");
}

#[tokio::test]
async fn a_policy_that_no_longer_checks_what_is_written_is_seen() {
    let drop = "drop policy customers_update on customers;
        create policy customers_update on customers for update using (organization_id = claviger_organization());
        alter policy customers_insert on customers with check (true)";
    let (catalogue, leaks) = seen_after(|_| drop.into()).await;
    assert!(catalogue.contains(&"customers: no policy for update".to_owned()), "{catalogue:?}");
    assert!(leaks.contains(&"customers: insert".to_owned()), "{leaks:?}");
}

#[tokio::test]
async fn a_role_that_bypasses_policies_is_seen() {
    let (catalogue, leaks) = seen_after(|world| format!("alter role \"{}\" bypassrls", world.database.app_role)).await;
    assert_eq!(catalogue, ["the role bypasses row-level security"]);
    assert!(leaks.contains(&"secrets: select".to_owned()), "{leaks:?}");
}

#[tokio::test]
async fn a_partition_that_is_open_under_its_own_name_is_seen() {
    let grant = |world: &World| format!("grant select on request_logs_default to \"{}\"", world.database.app_role);
    let (catalogue, _) = seen_after(grant).await;
    assert_eq!(catalogue, ["request_logs_default: the role may select beside its table"]);
    let (catalogue, _) = seen_after(|_| "alter table request_logs_default disable row level security".into()).await;
    assert_eq!(catalogue, ["request_logs_default: row-level security is not enabled"]);
}

#[tokio::test]
async fn an_unlisted_or_public_owner_function_is_seen() {
    let new = "create function claviger_run(statement text) returns void language plpgsql security definer
        as 'begin execute statement; end'";
    let (catalogue, _) = seen_after(|_| new.into()).await;
    assert_eq!(catalogue, ["claviger_run: runs with its owner's rights"]);
    let open = "grant execute on function claviger_drop_request_log_partition(integer) to public";
    let (catalogue, _) = seen_after(|_| open.into()).await;
    assert_eq!(catalogue, ["claviger_drop_request_log_partition: runs with its owner's rights"]);
}
