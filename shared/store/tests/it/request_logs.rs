//! The request log: batches of many organizations, partitions made ahead and dropped when they are old.

use std::time::{Duration, Instant};

use chrono::{DateTime, Days, Utc};
use domain::ids::{CustomerId, KeyId, OrganizationId, RequestId};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use store::{Error, PartitionsMade, RequestLog};

use crate::world::World;

const AHEAD: u16 = 7;
const KEPT: u16 = 30;

/// A row as the writer makes it.
pub fn request_log(organization: OrganizationId, at: DateTime<Utc>) -> RequestLog {
    let id = RequestId::mint(at);
    RequestLog {
        id,
        at,
        organization,
        requests: 1,
        request_id: id.to_string(),
        key: Some(KeyId::mint(at)),
        customer: None,
        operation: Some("find_key".into()),
        method: "GET".into(),
        path: "/v1/organizations/acme/keys/key_01".into(),
        status: 200,
        code: None,
        verdict: Some("VALID".into()),
        client_ip: Some([203, 0, 113, 9].into()),
        duration: Duration::from_micros(1_234),
    }
}

#[expect(clippy::disallowed_methods, reason = "a test of what the writer does")]
pub async fn insert_request_logs(world: &World, rows: &[RequestLog]) {
    world.store.insert_request_logs(rows).await.unwrap();
}

/// As the owner of the tables, who is who runs migrations.
async fn owner(world: &World) -> PgConnection {
    PgConnection::connect(&world.database.owner_url).await.unwrap()
}

/// A partition of the day so many days before today, as if it had been made then.
async fn make_old_partition(world: &World, now: DateTime<Utc>, days_ago: u64) -> (DateTime<Utc>, String) {
    let at = now - Days::new(days_ago);
    let day = at.date_naive();
    let name = format!("request_logs_{}", day.format("%Y%m%d"));
    let end = day + Days::new(1);
    let sql =
        format!("create table {name} partition of request_logs for values from ('{day} 00:00Z') to ('{end} 00:00Z')");
    owner(world).await.execute(AssertSqlSafe(sql)).await.unwrap();
    (at, name)
}

async fn exists(world: &World, table: &str) -> bool {
    world.count(&format!("select count(*) from pg_class where relname = '{table}'")).await == 1
}

async fn rows_of(world: &World, table: &str) -> i64 {
    world.count(&format!("select count(*) from {table}")).await
}

/// How many rows there are for the services' role inside an organization.
async fn seen_by(world: &World, organization: OrganizationId) -> i64 {
    let mut app = PgConnection::connect(&world.database.app_url).await.unwrap();
    let set = "select set_config('claviger.organization', $1, false)";
    sqlx::query(set).bind(organization.uuid().to_string()).execute(&mut app).await.unwrap();
    sqlx::query_scalar("select count(*) from request_logs").fetch_one(&mut app).await.unwrap()
}

#[tokio::test]
async fn a_batch_holds_many_organizations_and_each_sees_its_own() {
    let world = World::start().await;
    let now = world.store.now().await.unwrap();
    let mut rows: Vec<_> = [world.acme, world.globex, OrganizationId::INSTALLATION]
        .into_iter()
        .flat_map(|organization| [request_log(organization, now), request_log(organization, now)])
        .collect();
    rows[0].customer = Some(CustomerId::mint(now));
    rows[1] = RequestLog {
        key: None,
        operation: None,
        verdict: None,
        client_ip: None,
        status: 404,
        code: Some("not-found".into()),
        path: "ä".repeat(500),
        method: "X".repeat(500).into(),
        duration: Duration::MAX,
        ..rows[1].clone()
    };
    insert_request_logs(&world, &rows).await;
    // A batch whose answer got lost is written again, and changes nothing.
    insert_request_logs(&world, &rows).await;
    insert_request_logs(&world, &[]).await;
    assert_eq!(rows_of(&world, "request_logs").await, 6);
    for organization in [world.acme, world.globex, OrganizationId::INSTALLATION] {
        assert_eq!(seen_by(&world, organization).await, 2);
    }
    assert_eq!(
        world
            .count(
                "select count(*) from request_logs where length(path) = 256 and length(method) = 16
                    and duration_us = 2147483647 and status = 404 and key_id is null"
            )
            .await,
        1
    );
    assert_eq!(rows_of(&world, "request_logs_default").await, 0, "today has a partition");
}

#[tokio::test]
async fn the_writers_policy_only_inserts_and_nobody_changes_a_row() {
    let world = World::start().await;
    let now = world.store.now().await.unwrap();
    insert_request_logs(&world, &[request_log(world.acme, now)]).await;
    let mut app = PgConnection::connect(&world.database.app_url).await.unwrap();
    let begin = "begin; select set_config('claviger.job', 'request-log', true)";
    sqlx::raw_sql(begin).execute(&mut app).await.unwrap();
    let seen: i64 = sqlx::query_scalar("select count(*) from request_logs").fetch_one(&mut app).await.unwrap();
    assert_eq!(seen, 0);
    for statement in
        ["update request_logs set status = 200", "delete from request_logs", "drop table request_logs_default"]
    {
        sqlx::raw_sql(AssertSqlSafe(format!("rollback; {begin}"))).execute(&mut app).await.unwrap();
        let error = app.execute(statement).await.unwrap_err();
        let code = error.as_database_error().unwrap().code().unwrap().into_owned();
        assert_eq!(code, "42501", "{statement}");
    }
}

#[tokio::test]
async fn partitions_are_made_ahead_once_and_hold_what_comes() {
    let world = World::start().await;
    let now = world.store.now().await.unwrap();
    // Made by the migration: today and a week.
    let none = PartitionsMade { created: 0, missing: 0 };
    assert_eq!(world.store.insert_request_log_partitions(AHEAD).await.unwrap(), none);
    let more = world.store.insert_request_log_partitions(AHEAD + 2).await.unwrap();
    assert_eq!(more, PartitionsMade { created: 2, missing: 0 });
    let later = now + Days::new(u64::from(AHEAD) + 2);
    insert_request_logs(&world, &[request_log(world.acme, later)]).await;
    assert_eq!(rows_of(&world, &format!("request_logs_{}", later.format("%Y%m%d"))).await, 1);
    // A number alone, and no more than a month of it.
    world.store.insert_request_log_partitions(u16::MAX).await.unwrap();
    assert_eq!(rows_of(&world, "pg_inherits where inhparent = 'request_logs'::regclass").await, 1 + 32);
    let mut superuser = world.superuser().await;
    let violations = crate::catalogue::violations(&mut superuser, &world.database.app_role).await;
    assert_eq!(violations, Vec::<String>::new(), "those made later are as closed as the first");
}

#[tokio::test]
async fn a_row_without_a_partition_is_kept_and_its_day_missing() {
    let world = World::start().await;
    let now = world.store.now().await.unwrap();
    let late = now + Days::new(u64::from(AHEAD) + 1);
    insert_request_logs(&world, &[request_log(world.acme, late)]).await;
    assert_eq!(rows_of(&world, "request_logs_default").await, 1);
    let made = world.store.insert_request_log_partitions(AHEAD + 2).await.unwrap();
    assert_eq!(made, PartitionsMade { created: 1, missing: 1 });
    assert_eq!(rows_of(&world, "request_logs").await, 1);
    // Its own organization sees it as if it had one, and no other does.
    assert_eq!((seen_by(&world, world.acme).await, seen_by(&world, world.globex).await), (1, 0));
}

#[tokio::test]
async fn retention_drops_whole_days_oldest_first_and_nothing_younger() {
    let world = World::start().await;
    let now = world.store.now().await.unwrap();
    let kept_days = u64::from(KEPT);
    let (old, oldest_name) = make_old_partition(&world, now, kept_days + 9).await;
    let (_, old_name) = make_old_partition(&world, now, kept_days + 1).await;
    let (kept, kept_name) = make_old_partition(&world, now, kept_days).await;
    let stray = now - Days::new(kept_days + 100);
    let rows = [old, kept, now, stray].map(|at| request_log(world.acme, at));
    insert_request_logs(&world, &rows).await;
    assert_eq!(rows_of(&world, "request_logs_default").await, 1);

    assert!(world.store.delete_request_log_partition(KEPT).await.unwrap());
    assert!(!exists(&world, &oldest_name).await && exists(&world, &old_name).await, "one at a time");
    assert!(world.store.delete_request_log_partition(KEPT).await.unwrap());
    assert!(!exists(&world, &old_name).await);
    assert!(world.store.delete_request_log_partition(KEPT).await.unwrap(), "the row that is in no day's partition");
    assert!(!world.store.delete_request_log_partition(KEPT).await.unwrap());
    assert!(exists(&world, &kept_name).await);
    assert_eq!(rows_of(&world, "request_logs").await, 2);
}

#[tokio::test]
async fn nobody_can_drop_the_partitions_of_the_last_week() {
    let world = World::start().await;
    let now = world.store.now().await.unwrap();
    let (at, name) = make_old_partition(&world, now, 7).await;
    insert_request_logs(&world, &[request_log(world.acme, at), request_log(world.acme, now)]).await;
    let mut app = PgConnection::connect(&world.database.app_url).await.unwrap();
    for asked in ["0", "-1000", "null"] {
        let sql = format!("select claviger_drop_request_log_partition({asked})");
        let has_dropped: bool = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut app).await.unwrap();
        assert!(!has_dropped, "{asked}");
    }
    assert!(exists(&world, &name).await);
    assert_eq!(rows_of(&world, "request_logs").await, 2);
}

/// Somebody reads the whole log in a transaction that does not end: the job gives up soon, and writers go on.
#[tokio::test]
async fn maintenance_that_has_to_wait_gives_up_and_writers_go_on() {
    let world = World::start().await;
    let now = world.store.now().await.unwrap();
    let (_, name) = make_old_partition(&world, now, u64::from(KEPT) + 5).await;
    let mut reader = world.superuser().await;
    sqlx::raw_sql("begin; select count(*) from request_logs").execute(&mut reader).await.unwrap();
    let begun = Instant::now();
    let (dropped, made, ()) = tokio::join!(
        world.store.delete_request_log_partition(KEPT),
        world.store.insert_request_log_partitions(AHEAD + 1),
        async {
            for _ in 0..20 {
                insert_request_logs(&world, &[request_log(world.acme, now)]).await;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    );
    assert!(matches!(dropped, Err(Error::Unavailable(_)) | Ok(false)), "{dropped:?}");
    assert!(matches!(made, Err(Error::Unavailable(_)) | Ok(PartitionsMade { created: 0, missing: 0 })), "{made:?}");
    assert!(begun.elapsed() < Duration::from_secs(10));
    assert_eq!(rows_of(&world, "request_logs").await, 20);
    reader.execute("rollback").await.unwrap();
    assert!(world.store.delete_request_log_partition(KEPT).await.unwrap());
    assert!(!exists(&world, &name).await);
}
