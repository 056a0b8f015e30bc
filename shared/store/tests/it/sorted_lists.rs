//! Lists of keys in every order: pages that neither skip nor repeat, along an index, and counts.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use domain::event::Event;
use domain::names::fold;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use store::{Key, KeyCount, KeyFilter, KeySort, KeySortBy, LastUse, Slice};

use crate::world::{World, later, new_key};

/// Keys of which many share an instant, and many have none.
async fn make_keys(world: &World, count: i64) -> Vec<Key> {
    let now = world.store.now().await.unwrap();
    let mut keys = Vec::new();
    for number in 0..count {
        // Upper and lower case, so that the order of names is not that of their letters.
        let name = if number % 2 == 0 { format!("Key {number:03}") } else { format!("key {number:03}") };
        let mut change = new_key(&name);
        change.policy.expires_at = (number % 3 != 0).then(|| later(now, 600 + 60 * (number % 4)));
        change.tags = if number % 2 == 0 { vec!["even".to_owned()] } else { Vec::new() };
        keys.push(world.insert_key(world.acme, &change).await.unwrap());
    }
    world.run("update keys set created_at = (select min(created_at) from keys) where name_folded < 'key 010'").await;
    let mut uses = Vec::new();
    for (number, key) in (0..).zip(&keys).filter(|(number, _)| number % 3 != 1) {
        let secret = world.read(world.acme).await.list_secrets(key.id).await.unwrap()[0].id;
        uses.push(LastUse { organization: world.acme, secret, at: later(now, 60 * (number % 5)), ip: None });
    }
    world.store.update_last_used(&uses).await.unwrap();
    keys
}

/// What decides, with the instants that stand for none.
fn value(key: &Key, by: KeySortBy) -> (DateTime<Utc>, String) {
    let at = |at: DateTime<Utc>| (at, String::new());
    match by {
        KeySortBy::CreatedAt => at(key.created_at),
        KeySortBy::Name => (DateTime::<Utc>::MIN_UTC, fold(&key.name)),
        KeySortBy::ExpiresAt => at(key.policy.expires_at.unwrap_or(DateTime::<Utc>::MAX_UTC)),
        KeySortBy::LastUsedAt => {
            let minute = |at: DateTime<Utc>| DateTime::from_timestamp(at.timestamp().div_euclid(60) * 60, 0).unwrap();
            at(key.last_used_at.map_or(DateTime::<Utc>::MIN_UTC, minute))
        }
    }
}

fn orders() -> impl Iterator<Item = KeySort> {
    KeySortBy::ALL.into_iter().flat_map(|by| [false, true].map(|is_descending| KeySort { by, is_descending }))
}

async fn pages(world: &World, filter: &KeyFilter, sort: KeySort) -> Vec<Key> {
    let (mut seen, mut slice) = (Vec::new(), Slice::first(4));
    loop {
        let page = world.read(world.acme).await.list_sorted_keys(filter, sort, &slice).await.unwrap();
        assert!(page.items.len() <= 4);
        seen.extend(page.items);
        slice.after = page.next;
        if slice.after.is_none() {
            return seen;
        }
    }
}

#[tokio::test]
async fn every_order_shows_each_key_once() {
    let world = World::start().await;
    make_keys(&world, 31).await;
    world.insert_key(world.globex, &new_key("foreign")).await.unwrap();
    let tagged = KeyFilter { tag: Some("even".to_owned()), ..KeyFilter::none() };
    for sort in orders() {
        for (filter, count) in [(&KeyFilter::none(), 31), (&tagged, 16)] {
            let seen = pages(&world, filter, sort).await;
            assert_eq!(seen.iter().map(|key| key.id).collect::<BTreeSet<_>>().len(), count, "{sort:?}");
            assert_eq!(seen.len(), count, "{sort:?}");
            let mut expected = seen.clone();
            expected.sort_by_key(|key| (value(key, sort.by), key.id));
            if sort.is_descending {
                expected.reverse();
            }
            let names = |keys: &[Key]| keys.iter().map(|key| key.name.clone()).collect::<Vec<_>>();
            assert_eq!(names(&seen), names(&expected), "{sort:?}");
        }
    }
}

#[tokio::test]
async fn keys_that_come_and_go_disturb_no_order() {
    let world = World::start().await;
    let all: BTreeSet<_> = make_keys(&world, 21).await.into_iter().map(|key| key.id).collect();
    for sort in orders() {
        let (mut seen, mut slice) = (BTreeSet::new(), Slice::first(4));
        let mut made = Vec::new();
        loop {
            let page = world.read(world.acme).await.list_sorted_keys(&KeyFilter::none(), sort, &slice).await.unwrap();
            for key in page.items.iter().filter(|key| all.contains(&key.id)) {
                assert!(seen.insert(key.id), "{} was seen twice by {sort:?}", key.name);
            }
            slice.after = page.next;
            if slice.after.is_none() {
                break;
            }
            made.push(world.insert_key(world.acme, &new_key(&format!("late {}", made.len()))).await.unwrap().id);
        }
        assert_eq!(seen, all, "{sort:?}");
        for key in made {
            let mut write = world.write(world.acme).await;
            write.delete_key(key).await.unwrap().unwrap();
            write.commit(Event::of("key.deleted", key)).await.unwrap();
        }
    }
    let places = "select count(*) from key_last_uses u
        where not exists (select 1 from keys k where k.id = u.key_id and k.deleted_at is null)";
    assert_eq!(world.count(places).await, 0, "a deleted key has no place");
}

#[tokio::test]
async fn keys_that_were_made_before_there_were_places_get_theirs() {
    let world = World::start().await;
    make_keys(&world, 5).await;
    let by_use = KeySort { by: KeySortBy::LastUsedAt, is_descending: true };
    let names = async || {
        let keys = pages(&world, &KeyFilter::none(), by_use).await;
        keys.into_iter().map(|key| key.name).collect::<Vec<_>>()
    };
    let before = names().await;
    world.run("delete from key_last_uses").await;
    assert_eq!(names().await, Vec::<String>::new());
    let migration = store::MIGRATIONS.iter().find(|migration| migration.version == 20_261_130_130_001).unwrap();
    let mut owner = PgConnection::connect(&world.database.owner_url).await.unwrap();
    for _ in 0..2 {
        let mut transaction = owner.begin().await.unwrap();
        sqlx::raw_sql(migration.sql.clone()).execute(&mut *transaction).await.unwrap();
        transaction.commit().await.unwrap();
        assert_eq!(names().await, before);
    }
}

#[tokio::test]
async fn keys_are_counted_as_far_as_they_are_listed() {
    let world = World::start().await;
    make_keys(&world, 7).await;
    let count = async |filter: &KeyFilter| world.read(world.acme).await.count_keys(filter).await.unwrap();
    assert_eq!(count(&KeyFilter::none()).await, KeyCount { total: 7, is_exact: true });
    let tagged = KeyFilter { tag: Some("even".to_owned()), ..KeyFilter::none() };
    assert_eq!(count(&tagged).await, KeyCount { total: 4, is_exact: true });
    let many = format!(
        "insert into keys (organization_id, id, kind, name, name_folded, permissions, is_for_all_customers, limits, metadata,
            tags, created_at, created_by, updated_at)
        select '{}', gen_random_uuid(), 'organization', n::text, n::text, '{{}}', true, '[]', '{{}}', '{{}}', now(), 'me', now()
        from generate_series(1, {}) n",
        world.acme.uuid(),
        KeyCount::MAX - 7
    );
    world.run(&many).await;
    assert_eq!(count(&KeyFilter::none()).await, KeyCount { total: KeyCount::MAX, is_exact: true });
    world.insert_key(world.acme, &new_key("one more")).await.unwrap();
    assert_eq!(count(&KeyFilter::none()).await, KeyCount { total: KeyCount::MAX, is_exact: false });
}

/// Row-level security lets an index be used only with operators that are leakproof; the services' role is subject to it.
#[tokio::test]
async fn every_order_is_read_along_an_index() {
    let world = World::start().await;
    let mut app = PgConnection::connect(&world.database.app_url).await.unwrap();
    sqlx::raw_sql("set enable_seqscan = off; set enable_sort = off; set enable_bitmapscan = off")
        .execute(&mut app)
        .await
        .unwrap();
    let nil = "00000000-0000-0000-0000-000000000001";
    let ends = "case when expires_at is null then 'infinity'::timestamptz else expires_at end";
    for (table, value, id, index, start) in [
        ("keys", "created_at", "id", "keys_organization_created_at_index", "now()"),
        ("keys", "name_folded", "id", "keys_organization_name_unique", "'m'::text"),
        ("keys", ends, "id", "keys_organization_expires_at_index", "now()"),
        ("key_last_uses", "minute", "key_id", "key_last_uses_organization_minute_index", "now()"),
    ] {
        for (way, than) in [("asc", '>'), ("desc", '<')] {
            let live = if table == "keys" { "deleted_at is null" } else { "true" };
            let sql = format!(
                "explain (format json) select 1 from {table}
                where organization_id = '{nil}' and {live} and ({value}, {id}) {than} ({start}, '{nil}'::uuid)
                order by {value} {way}, {id} {way} limit 50"
            );
            let plan: serde_json::Value = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut app).await.unwrap();
            let text = plan.to_string();
            let condition =
                text.split("\"Index Cond\":").nth(1).and_then(|rest| rest.split("\",").next()).unwrap_or("");
            let column = value.split_whitespace().find(|word| word.ends_with("_at") || !value.contains(' ')).unwrap();
            assert!(condition.contains(column), "{value} {way}: {text}");
            assert!(text.contains(index) && !text.contains("\"Sort\""), "{value} {way}: {text}");
        }
    }
}
