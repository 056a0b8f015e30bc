//! Rows that somebody changes with SQL: the change gets a version and an outbox row like any other.

use domain::event::Event;
use domain::ids::KeyId;
use domain::policy::RevokeReason;

use store::RoleChange;

use crate::world::{World, for_customers, name, new_key};

async fn versions_to_tell(world: &World, kind: &str) -> i64 {
    world.count(&format!("select count(*) from outbox where subject_kind = '{kind}'")).await
}

async fn generation(world: &World, key: KeyId) -> i64 {
    world.count(&format!("select generation from keys where id = '{}'", key.uuid())).await
}

#[tokio::test]
async fn a_row_changed_by_hand_is_told_as_a_new_version() {
    let world = World::start().await;
    let one = world.insert_customer(world.acme, "one").await;
    let key = world.insert_key(world.acme, &new_key("by hand")).await.unwrap();
    let bound = world.insert_key(world.acme, &for_customers("bound", &[one.id])).await.unwrap();
    world.run("delete from outbox").await;
    for (at, sql) in [
        "update keys set revoked_at = now(), revoke_reason = 'compromised' where name = 'by hand'",
        "update secrets set retires_at = now() where key_id = (select id from keys where name = 'by hand')",
        "update secrets set is_compromised = true where key_id = (select id from keys where name = 'by hand')",
    ]
    .into_iter()
    .enumerate()
    {
        world.run(sql).await;
        let expected = i64::try_from(at).unwrap() + 1;
        assert_eq!(generation(&world, key.id).await, 1 + expected, "{sql}");
        assert_eq!(versions_to_tell(&world, "key").await, expected, "{sql}");
    }
    let newest = format!("select max(generation) from outbox where subject_id = '{}'", key.id.uuid());
    assert_eq!(world.count(&newest).await, 4);
    world.run("delete from key_customers").await;
    assert_eq!(generation(&world, bound.id).await, 2, "what a key is limited to is a part of it");
    world.run("update organizations set suspended_at = now() where slug = 'acme'").await;
    world.run("update customers set suspended_at = now()").await;
    assert_eq!(versions_to_tell(&world, "organization").await, 1);
    assert_eq!(versions_to_tell(&world, "customer").await, 1);
    world.run("delete from outbox; update keys set name = name; update secrets set last_used_at = now()").await;
    assert_eq!(world.count("select count(*) from outbox").await, 0, "nothing changed that verification reads");
}

#[tokio::test]
async fn a_role_changed_by_hand_is_told_of_its_organization() {
    let world = World::start().await;
    let change =
        RoleChange { name: name("desk"), description: String::new(), permissions: Vec::new(), permissions_since: 1 };
    let mut write = world.write(world.acme).await;
    let role = write.insert_role(&change).await.unwrap();
    write.commit(Event::of("role.created", role.id)).await.unwrap();
    world.run("delete from outbox").await;
    let version = async || world.count("select generation from organizations where slug = 'acme'").await;
    let before = version().await;
    world.run("update roles set permissions = '{keys.read}'").await;
    assert_eq!((version().await, versions_to_tell(&world, "organization").await), (before + 1, 1));
    let mut write = world.write(world.acme).await;
    write
        .update_role(role.id, role.generation, &RoleChange { name: name("counter"), ..change })
        .await
        .unwrap()
        .unwrap();
    write.commit(Event::of("role.updated", role.id)).await.unwrap();
    assert_eq!(
        (version().await, versions_to_tell(&world, "organization").await),
        (before + 2, 2),
        "ours are told once"
    );
    world.run("delete from roles").await;
    assert_eq!((version().await, versions_to_tell(&world, "organization").await), (before + 3, 3));
}

#[tokio::test]
async fn a_key_deleted_by_hand_is_told() {
    let world = World::start().await;
    let key = world.insert_key(world.acme, &new_key("gone")).await.unwrap();
    let id = key.id.uuid();
    let delete =
        format!("begin; delete from secrets where key_id = '{id}'; delete from keys where id = '{id}'; commit");
    world.run(&delete).await;
    assert_eq!(world.count(&format!("select max(generation) from outbox where subject_id = '{id}'")).await, 2);
}

#[tokio::test]
async fn the_programs_own_changes_are_told_once() {
    let world = World::start().await;
    let one = world.insert_customer(world.acme, "one").await;
    let key = world.insert_key(world.acme, &for_customers("ours", &[one.id])).await.unwrap();
    assert_eq!(generation(&world, key.id).await, 1);
    world.run("delete from outbox").await;
    let mut write = world.write(world.acme).await;
    write.revoke_key(key.id, RevokeReason::Compromised, None).await.unwrap();
    write.commit(Event::of("key.revoked", key.id)).await.unwrap();
    assert_eq!((generation(&world, key.id).await, versions_to_tell(&world, "key").await), (2, 1));
    let mut write = world.write(world.acme).await;
    write.delete_customer(one.id).await.unwrap();
    write.commit(Event::of("customer.deleted", one.id)).await.unwrap();
    assert_eq!((generation(&world, key.id).await, versions_to_tell(&world, "key").await), (3, 2));
    assert_eq!(versions_to_tell(&world, "customer").await, 1);
}
