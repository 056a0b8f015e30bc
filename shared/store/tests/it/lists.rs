//! Lists: filters that mean what they say, pages that neither skip nor repeat, and scopes that see their own.

use std::collections::BTreeSet;
use std::time::Duration;

use domain::access::{Authority, Principal, Scope};
use domain::ids::{CustomerId, KeyId, OrganizationId};
use domain::permission::{Permission, PermissionName};
use domain::policy::{AllOr, KeyKind, KeyStatus, Policy};
use sqlx::Connection;
use store::{KeyFilter, LastUse, Page, Slice};

use crate::world::{
    ENVIRONMENT, World, for_customers, for_domains, host, key_with, later, new_key, new_secret, origin, policy,
};

/// The scope of a key that is limited.
fn limited(world: &World, customers: AllOr<CustomerId>, domains: &[&str]) -> Scope {
    let domains = match domains {
        [] => AllOr::All,
        names => AllOr::Only(names.iter().map(|name| host(name)).collect()),
    };
    let permissions = vec![PermissionName::from(Permission::KeysRead)];
    authority(KeyKind::Organization, world.acme, Policy { customers, domains, permissions, ..policy() })
        .authorize(Permission::KeysRead, world.acme)
        .unwrap()
}

fn authority(kind: KeyKind, organization: OrganizationId, policy: Policy) -> Authority {
    let key = KeyId::from_uuid(uuid::Uuid::from_u128(1));
    Authority {
        principal: Principal::Key(key),
        kind,
        environment: ENVIRONMENT,
        organization,
        slug: "acme".to_owned(),
        policy,
    }
}

async fn names(world: &World, filter: &KeyFilter) -> BTreeSet<String> {
    let page = world.read(world.acme).await.list_keys(filter, &Slice::first(200)).await.unwrap();
    page.items.into_iter().map(|key| key.name).collect()
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[tokio::test]
async fn a_limited_scope_touches_only_keys_limited_as_much() {
    let world = World::start().await;
    let (one, two) = (world.insert_customer(world.acme, "one").await, world.insert_customer(world.acme, "two").await);
    let keys = [
        new_key("all"),
        for_customers("one", &[one.id]),
        for_customers("both", &[one.id, two.id]),
        for_domains("shop", &["shop.example.com"]),
        for_domains("shops", &["shop.example.com", "other.example.com"]),
    ];
    let mut ids = Vec::new();
    for key in &keys {
        ids.push(world.insert_key(world.acme, key).await.unwrap().id);
    }
    for (scope, expected) in [
        (limited(&world, AllOr::All, &[]), set(&["all", "one", "both", "shop", "shops"])),
        (limited(&world, AllOr::Only(vec![one.id]), &[]), set(&["one"])),
        (limited(&world, AllOr::Only(vec![one.id, two.id]), &[]), set(&["one", "both"])),
        (limited(&world, AllOr::All, &["shop.example.com"]), set(&["shop"])),
        (limited(&world, AllOr::Only(vec![one.id]), &["shop.example.com"]), set(&[])),
    ] {
        let mut read = world.store.read(&scope).await.unwrap();
        let page = read.list_keys(&KeyFilter::none(), &Slice::first(200)).await.unwrap();
        assert_eq!(page.items.iter().map(|key| key.name.clone()).collect::<BTreeSet<_>>(), expected);
        let mut write = world.store.write(&scope, &origin()).await.unwrap();
        for (id, key) in ids.iter().zip(&keys) {
            let is_seen = expected.contains(key.name.as_str());
            assert_eq!(read.find_key(*id).await.unwrap().is_some(), is_seen);
            assert_eq!(read.list_secrets(*id).await.unwrap().is_empty(), !is_seen);
            let found = write.revoke_key(*id, domain::policy::RevokeReason::Other, None).await.unwrap();
            assert_eq!(found.is_some(), is_seen);
            assert_eq!(write.update_key(*id, 99, key).await.unwrap(), None);
            assert_eq!(write.delete_key(*id).await.unwrap().is_some(), is_seen);
        }
    }
}

#[tokio::test]
async fn a_limited_scope_sees_only_its_customers_and_domains() {
    let world = World::start().await;
    let one = world.insert_customer(world.acme, "one").await;
    let two = world.insert_customer(world.acme, "two").await;
    let mut write = world.write(world.acme).await;
    let shop = write.insert_domain(&host("shop.example.com")).await.unwrap();
    let other = write.insert_domain(&host("other.example.com")).await.unwrap();
    write.commit(domain::event::Event::of("domain.created", shop.id)).await.unwrap();

    let scope = limited(&world, AllOr::Only(vec![one.id]), &["shop.example.com"]);
    let mut write = world.store.write(&scope, &origin()).await.unwrap();
    assert_eq!(write.list_customers(None, &Slice::first(9)).await.unwrap().items, std::slice::from_ref(&one));
    assert_eq!(write.find_customer("two").await.unwrap(), None);
    assert_eq!(write.find_customer(&two.id.to_string()).await.unwrap(), None);
    assert_eq!(write.suspend_customer(two.id).await.unwrap(), None);
    assert_eq!(write.delete_customer(two.id).await.unwrap(), None);
    assert_eq!(write.list_domains(None, &Slice::first(9)).await.unwrap().items, [shop]);
    assert_eq!(write.find_domain(other.id).await.unwrap(), None);
    assert_eq!(write.delete_domain(other.id).await.unwrap(), None);
}

#[tokio::test]
async fn each_filter_lets_through_what_it_says() {
    let world = World::start().await;
    let now = world.store.now().await.unwrap();
    let customer = world.insert_customer(world.acme, "one").await;
    world.insert_key(world.acme, &for_customers("100%_sure\\", &[customer.id])).await.unwrap();
    let ending = Policy { expires_at: Some(later(now, 600)), ..policy() };
    let ending = world.insert_key(world.acme, &key_with("Ending", ending)).await.unwrap();
    let mut tagged = new_key("tagged");
    tagged.tags = vec!["blue".to_owned(), "web".to_owned()];
    tagged.policy.permissions = vec![PermissionName::parse("keys.verify").unwrap()];
    let tagged = world.insert_key(world.acme, &tagged).await.unwrap();
    world.insert_key(world.globex, &new_key("foreign")).await.unwrap();

    let none = KeyFilter::none();
    let text = |text: &str| KeyFilter { text: Some(text.to_owned()), ..KeyFilter::none() };
    let all = set(&["100%_sure\\", "Ending", "tagged"]);
    assert_eq!(names(&world, &none).await, all);
    assert_eq!(names(&world, &KeyFilter { customer: Some(customer.id), ..none.clone() }).await, set(&["100%_sure\\"]));
    assert_eq!(
        names(&world, &KeyFilter { permission: Some("keys.verify".into()), ..none.clone() }).await,
        set(&["tagged"])
    );
    assert_eq!(names(&world, &KeyFilter { tag: Some("blue".into()), ..none.clone() }).await, set(&["tagged"]));
    let both =
        |tag: &str| KeyFilter { tag: Some(tag.into()), permission: Some("keys.verify".into()), ..KeyFilter::none() };
    assert_eq!(names(&world, &both("web")).await, set(&["tagged"]));
    assert_eq!(names(&world, &both("keys.verify")).await, set(&[]), "a permission is no tag");
    assert_eq!(
        names(&world, &KeyFilter { expires_before: Some(later(now, 601)), ..none.clone() }).await,
        set(&["Ending"])
    );
    assert_eq!(names(&world, &KeyFilter { expires_before: Some(later(now, 600)), ..none.clone() }).await, set(&[]));
    for (needle, expected) in [
        ("%", set(&["100%_sure\\"])),
        ("0%_s", set(&["100%_sure\\"])),
        ("\\", set(&["100%_sure\\"])),
        ("ENDING", set(&["Ending"])),
        (&format!("clv_dev_{}", tagged.lookup_id), set(&["tagged"])),
        (&format!("clv_dev_{}", &tagged.lookup_id[..9]), set(&["tagged"])),
        (&format!("other_dev_{}", tagged.lookup_id), set(&[])),
        (&tagged.lookup_id[..9], set(&["tagged"])),
        (&tagged.lookup_id[1..], set(&[])),
        (&format!("{}_…{}", tagged.lookup_id, tagged.last4), set(&["tagged"])),
        (&format!("…{}", ending.last4), set(&["Ending"])),
        (&ending.last4, set(&["Ending"])),
        ("clv_dev_", set(&[])),
        ("clv_prod_", set(&[])),
    ] {
        assert_eq!(names(&world, &text(needle)).await, expected, "{needle}");
    }

    let before = format!("…{}", tagged.last4);
    let mut write = world.write(world.acme).await;
    let rotated = write.regenerate_key(&tagged, &new_secret(world.acme).1, Duration::from_secs(600)).await.unwrap();
    assert_ne!(rotated.unwrap().last4, tagged.last4);
    write.commit(domain::event::Event::of("key.regenerated", tagged.id)).await.unwrap();
    assert_eq!(names(&world, &text(&before)).await, set(&["tagged"]), "by the hint of a secret that still works");

    let used = LastUse {
        organization: world.acme,
        secret: world.read(world.acme).await.list_secrets(ending.id).await.unwrap()[0].id,
        at: later(now, 300),
        ip: Some([203, 0, 113, 9].into()),
    };
    let earlier = LastUse { at: later(now, 200), ip: None, ..used };
    world.store.update_last_used(&[earlier, used, earlier]).await.unwrap();
    world.store.update_last_used(&[earlier]).await.unwrap();
    let ending = world.find_key(world.acme, ending.id).await.unwrap();
    assert_eq!((ending.last_used_at, ending.last_used_ip), (Some(used.at), used.ip));
    assert_eq!(ending.generation, 1, "use makes no new version");
    let unused = KeyFilter { unused_since: Some(later(now, 300)), ..none };
    assert_eq!(names(&world, &unused).await, set(&["100%_sure\\", "tagged"]));
}

#[tokio::test]
async fn the_status_in_lists_is_the_status_of_the_row() {
    let world = World::start().await;
    let marks = [("null", "null"), ("now()", "'other'")];
    let starts = ["null", "now() - interval '1 minute'", "now() + interval '1 hour'"];
    let ends = ["null", "now() - interval '1 second'", "now()", "now() + interval '2 hours'"];
    let cases = marks.iter().flat_map(|mark| starts.iter().flat_map(move |start| ends.map(|end| (*mark, *start, end))));
    let mut number = 0;
    for ((revoked, reason), start, end) in cases {
        number += 1;
        world.insert_key(world.acme, &new_key(&format!("k{number}"))).await.unwrap();
        let set = format!("revoked_at = {revoked}, revoke_reason = {reason}, not_before = {start}, expires_at = {end}");
        world.run(&format!("update keys set {set} where name = 'k{number}'")).await;
    }
    let mut seen = 0;
    for status in KeyStatus::ALL {
        let filter = KeyFilter { status: Some(status), ..KeyFilter::none() };
        let mut read = world.read(world.acme).await;
        let page = read.list_keys(&filter, &Slice::first(200)).await.unwrap();
        assert!(!page.items.is_empty(), "{status:?} was never tried");
        for key in &page.items {
            assert_eq!(key.status(read.now()), status, "{}", key.name);
        }
        seen += page.items.len();
    }
    assert_eq!(seen, number, "each key has exactly one status");
}

#[tokio::test]
async fn pages_neither_skip_nor_repeat_while_rows_come_and_go() {
    let world = World::start().await;
    let mut expected = Vec::new();
    for number in 0..25 {
        expected.push(world.insert_key(world.acme, &new_key(&format!("k{number}"))).await.unwrap());
    }
    // Some of the same instant: the id decides.
    world.run("update keys set created_at = (select min(created_at) from keys) where name < 'k15'").await;
    expected.reverse();
    let mut slice = Slice::first(4);
    let mut seen = BTreeSet::new();
    loop {
        let page: Page<_> = world.read(world.acme).await.list_keys(&KeyFilter::none(), &slice).await.unwrap();
        for key in &page.items {
            assert!(seen.insert(key.id), "{} was seen twice", key.name);
        }
        let (Some(last), Some(next)) = (page.items.last(), page.next) else { break };
        slice.after = Some(next);
        // The row under the cursor goes, and a new one comes.
        let mut write = world.write(world.acme).await;
        write.delete_key(last.id).await.unwrap().unwrap();
        write.commit(domain::event::Event::of("key.deleted", last.id)).await.unwrap();
        world.insert_key(world.acme, &new_key(&format!("late {}", seen.len()))).await.unwrap();
    }
    let all: BTreeSet<_> = expected.iter().map(|key| key.id).collect();
    assert_eq!(seen, all);
}

#[tokio::test]
async fn a_page_is_never_longer_than_it_may_be() {
    let world = World::start().await;
    world.insert_customer(world.acme, "one").await;
    world.insert_customer(world.acme, "two").await;
    for (limit, expected) in [(i64::MIN, 1), (0, 1), (1, 1), (2, 2), (i64::MAX, 2)] {
        let page = world.read(world.acme).await.list_customers(None, &Slice::first(limit)).await.unwrap();
        assert_eq!((page.items.len(), page.next.is_some()), (expected, expected == 1), "{limit}");
    }
}

#[tokio::test]
async fn every_organization_is_for_root_keys_that_may_list_them() {
    let world = World::start().await;
    let list = Policy { permissions: vec![Permission::OrganizationsList.into()], ..policy() };
    let deaf = Policy { permissions: vec![Permission::OrganizationsRead.into()], ..policy() };
    let root = OrganizationId::INSTALLATION;
    for (caller, expected) in [
        (authority(KeyKind::Root, root, list.clone()), vec!["globex", "acme"]),
        (authority(KeyKind::Root, root, deaf), vec![]),
        (authority(KeyKind::Organization, world.acme, list), vec!["acme"]),
    ] {
        let mut read = world.store.read_installation(&caller).await.unwrap();
        let page = read.list_organizations(None, &Slice::first(50)).await.unwrap();
        assert_eq!(page.items.iter().map(|row| row.slug.as_str()).collect::<Vec<_>>(), expected);
    }
}

/// Without an index a page of a large organization would read all of it.
#[tokio::test]
async fn every_list_is_read_along_an_index() {
    let world = World::start().await;
    let mut superuser = world.superuser().await;
    sqlx::raw_sql("set enable_seqscan = off; set enable_sort = off").execute(&mut superuser).await.unwrap();
    for (table, tenant, condition) in [
        ("organizations", "true", "deleted_at is null"),
        ("customers", "organization_id = gen_random_uuid()", "true"),
        ("domains", "organization_id = gen_random_uuid()", "true"),
        ("keys", "organization_id = gen_random_uuid()", "deleted_at is null"),
    ] {
        let tenant = tenant.replace("gen_random_uuid()", "'00000000-0000-0000-0000-000000000001'");
        let sql = format!(
            "explain (format json) select 1 from {table} where {tenant} and {condition}
                and (created_at, id) < (now(), '00000000-0000-0000-0000-000000000001')
            order by created_at desc, id desc limit 50"
        );
        let query = sqlx::query_scalar(sqlx::AssertSqlSafe(sql));
        let plan: serde_json::Value = query.fetch_one(&mut superuser).await.unwrap();
        let text = plan.to_string();
        assert!(text.contains("created_at_index") && !text.contains("\"Sort\""), "{table}: {text}");
    }
}

/// What the labels of the organization's keys say, and what they have to say.
async fn labels(world: &World) -> [Vec<String>; 2] {
    let made = "select concat_ws(' ', k.id, l.kind, l.label, k.created_at) from keys k
        cross join lateral (
            select 'permission', unnest(k.permissions) union select 'tag', unnest(k.tags)) l (kind, label)
        where k.deleted_at is null order by 1";
    let found = "select concat_ws(' ', key_id, kind, label, created_at) from key_labels order by 1";
    let mut superuser = world.superuser().await;
    let mut texts = async |sql: &'static str| sqlx::query_scalar(sql).fetch_all(&mut superuser).await.unwrap();
    [texts(found).await, texts(made).await]
}

fn assert_labelled([found, expected]: [Vec<String>; 2]) -> Vec<String> {
    assert_eq!(found, expected);
    found
}

#[tokio::test]
async fn the_labels_of_a_key_follow_it() {
    let world = World::start().await;
    let mut change = new_key("one");
    change.tags = vec!["blue".to_owned(), "web".to_owned()];
    let key = world.insert_key(world.acme, &change).await.unwrap();
    world.insert_key(world.globex, &change).await.unwrap();
    let before = assert_labelled(labels(&world).await);
    assert!(before.iter().any(|label| label.contains("tag blue")), "{before:?}");

    change.tags = vec!["web".to_owned(), "red".to_owned()];
    change.policy.permissions = vec![PermissionName::parse("keys.verify").unwrap()];
    let mut write = world.write(world.acme).await;
    write.update_key(key.id, key.generation, &change).await.unwrap().unwrap();
    write.commit(domain::event::Event::of("key.updated", key.id)).await.unwrap();
    let changed = assert_labelled(labels(&world).await);
    assert_ne!(changed, before);
    let blue = KeyFilter { tag: Some("blue".into()), ..KeyFilter::none() };
    assert_eq!(names(&world, &blue).await, set(&[]));

    // Made by hand, as a key that changes while its old labels are being written may leave it.
    world.run("insert into key_labels select organization_id, kind, 'blue', created_at, key_id from key_labels where label = 'red'").await;
    assert_eq!(names(&world, &blue).await, set(&[]), "the key itself is looked at");
    world.run("delete from key_labels where label = 'blue' and key_id in (select key_id from key_labels where label = 'red')").await;

    let mut write = world.write(world.acme).await;
    write.delete_key(key.id).await.unwrap().unwrap();
    write.commit(domain::event::Event::of("key.deleted", key.id)).await.unwrap();
    let left = assert_labelled(labels(&world).await);
    assert!(!left.iter().any(|label| label.contains(&key.id.uuid().to_string())), "{left:?}");
}

#[tokio::test]
async fn keys_that_were_made_before_there_were_labels_get_theirs() {
    let world = World::start().await;
    let mut change = new_key("old");
    change.tags = vec!["blue".to_owned()];
    world.insert_key(world.acme, &change).await.unwrap();
    world.insert_key(world.globex, &new_key("other")).await.unwrap();
    world.insert_key(OrganizationId::INSTALLATION, &new_key("root")).await.unwrap();
    let before = assert_labelled(labels(&world).await);
    world.run("drop trigger keys_label_trigger on keys; drop function claviger_label_key; drop table key_labels").await;

    let mut owner = sqlx::PgConnection::connect(&world.database.owner_url).await.unwrap();
    let name_role = "select set_config('claviger.app_role', $1, false)";
    sqlx::query(name_role).bind(&world.database.app_role).execute(&mut owner).await.unwrap();
    run_migration(&mut owner, 20_261_124_000_000).await;
    // A program that runs already goes on making keys, which have labels from now on.
    change.name = new_key("meanwhile").name;
    let meanwhile = world.insert_key(world.acme, &change).await.unwrap();
    for _ in 0..2 {
        run_migration(&mut owner, 20_261_124_000_001).await;
        let after = assert_labelled(labels(&world).await);
        let is_new = |label: &&String| label.starts_with(&meanwhile.id.uuid().to_string());
        assert_eq!(after.iter().filter(|label| !is_new(label)).collect::<Vec<_>>(), before.iter().collect::<Vec<_>>());
    }
}

async fn run_migration(owner: &mut sqlx::PgConnection, version: i64) {
    let migration = store::MIGRATIONS.iter().find(|migration| migration.version == version).unwrap();
    let mut transaction = owner.begin().await.unwrap();
    sqlx::raw_sql(migration.sql.clone()).execute(&mut *transaction).await.unwrap();
    transaction.commit().await.unwrap();
}

/// Row-level security lets an index be used only with operators that are leakproof; the services' role is subject to it.
#[tokio::test]
async fn lists_by_label_use_the_label_index_under_row_security() {
    let world = World::start().await;
    let mut app = sqlx::PgConnection::connect(&world.database.app_url).await.unwrap();
    sqlx::raw_sql("set enable_seqscan = off; set enable_sort = off; set enable_bitmapscan = off")
        .execute(&mut app)
        .await
        .unwrap();
    let nil = "00000000-0000-0000-0000-000000000001";
    let sql = format!(
        "explain (format json) select 1 from key_labels
        where organization_id = '{nil}' and kind = 'tag' and label = 'blue' and (created_at, key_id) < (now(), '{nil}')
        order by created_at desc, key_id desc limit 50"
    );
    let plan: serde_json::Value = sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(&mut app).await.unwrap();
    let text = plan.to_string();
    let condition = text.split("\"Index Cond\":").nth(1).and_then(|rest| rest.split("\",").next()).unwrap_or_default();
    for part in ["kind", "label", "ROW(created_at, key_id)"] {
        assert!(condition.contains(part), "{part}: {text}");
    }
    assert!(text.contains("key_labels_pkey") && !text.contains("\"Sort\""), "{text}");
}
