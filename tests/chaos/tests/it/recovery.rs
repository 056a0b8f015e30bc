//! Starting without stores, on a schema of another version, and over rows that nobody should have written.

use std::time::{Duration, Instant};

use domain::ids::KeyId;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use testkit::{Finding, Fleet, Member, await_that};

use crate::ground::{by_length, make_key};

/// Makes every version of a migration an older one.
const OLDER: i64 = 20_000_000_000_000;
/// How soon a process is ready after what it needs is there.
const READY_MAX: Duration = Duration::from_secs(5);
const PATIENCE: Duration = Duration::from_secs(20);

/// A page of a process' management; nothing while it does not listen.
async fn page(member: &Member, path: &str) -> (u16, String) {
    let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(2)).build().unwrap();
    let Ok(answer) = http.get(format!("{}{path}", member.management_url())).send().await else {
        return (0, String::new());
    };
    (answer.status().as_u16(), answer.text().await.unwrap_or_default())
}

/// What a process says of itself.
async fn health(member: &Member, which: &str) -> (u16, Value) {
    let (status, text) = page(member, &format!("/health/{which}")).await;
    (status, serde_json::from_str(&text).unwrap_or_default())
}

async fn metrics(member: &Member) -> String {
    page(member, "/metrics").await.1
}

async fn await_health(fleet: &Fleet, what: &str, is_it: impl Fn(u16, &Value) -> bool) {
    for member in fleet.members() {
        let is_so = async || {
            let (status, body) = health(member, "ready").await;
            is_it(status, &body)
        };
        await_that(&format!("{} is {what}", member.process().name()), PATIENCE, is_so).await;
    }
}

/// Until every process is ready and misses nothing.
async fn time_until_ready(fleet: &Fleet) -> Duration {
    let since = Instant::now();
    await_health(fleet, "ready", |_, body| *body == json!({"status": "ready", "degraded": []})).await;
    since.elapsed()
}

fn restart(fleet: &mut Fleet) {
    for member in fleet.keys.iter_mut().chain(&mut fleet.apis).chain(&mut fleet.workers) {
        member.restart().unwrap();
    }
}

fn record(situation: &str, bound: &str, times: &[Duration]) {
    let worst = times.iter().max().unwrap();
    let times_ms: Vec<f64> = times.iter().map(|time| time.as_secs_f64() * 1e3).collect();
    Finding::new("P11", situation, bound, format!("{:.1} s", worst.as_secs_f64()), times.len() as u64)
        .histogram(&times_ms, &[250.0, 500.0, 1_000.0, 2_000.0, 5_000.0])
        .record();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_starts_without_stores_and_is_ready_once_they_are() {
    let mut fleet = Fleet::builder().workers().start().await;
    let question = json!({"key": fleet.place().organization_key});
    let (mut postgres, mut redis) = (Vec::new(), Vec::new());
    for absent_ms in by_length(vec![500], vec![300, 700, 1_500, 3_000, 5_000, 8_000, 11_000, 15_000]) {
        fleet.postgres.kill();
        restart(&mut fleet);
        let is_waiting = |status, body: &Value| status == 503 && body["failed"]["postgres"].is_string();
        await_health(&fleet, "not ready without Postgres", is_waiting).await;
        for member in fleet.members() {
            assert_eq!(health(member, "live").await.0, 200, "{}", member.process().name());
        }
        fleet.place().keys(0).post("/v1/keys/verify", &question).await.expect(503);
        tokio::time::sleep(Duration::from_millis(absent_ms)).await;
        fleet.postgres.restart().await.unwrap();
        postgres.push(time_until_ready(&fleet).await);

        fleet.redis.kill();
        restart(&mut fleet);
        let is_degraded = |status, body: &Value| (status, &body["degraded"]) == (200, &json!(["redis"]));
        await_health(&fleet, "ready and degraded without Redis", is_degraded).await;
        let answer = fleet.place().keys(0).post("/v1/keys/verify", &question).await.expect(200);
        assert_eq!((answer.text("/verdict"), answer.text("/limits/0/enforced")), ("VALID", "local"));
        tokio::time::sleep(Duration::from_millis(absent_ms)).await;
        fleet.redis.restart().await.unwrap();
        redis.push(time_until_ready(&fleet).await);
    }
    // Both run on this machine, so their clocks agree.
    let agree = r#"claviger_clock_offset_seconds{postgres="postgres"} 0"#;
    await_that("the clocks were compared", PATIENCE, async || metrics(&fleet.keys[0]).await.contains(agree)).await;
    record("started without Postgres", "live, not ready; ready ≤ 5 s after it is back", &postgres);
    record("started without Redis", "ready and degraded; whole ≤ 5 s after it is back", &redis);
    assert!(postgres.iter().chain(&redis).all(|time| *time <= READY_MAX), "{postgres:?} {redis:?}");
}

async fn superuser(fleet: &Fleet) -> PgConnection {
    PgConnection::connect(&fleet.postgres.superuser_url(&fleet.place().database.name)).await.unwrap()
}

async fn run(connection: &mut PgConnection, sql: &str) {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
        .execute(connection)
        .await
        .unwrap_or_else(|error| panic!("{sql}: {error}"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_on_an_unknown_schema_is_not_ready_and_says_which() {
    let mut fleet = Fleet::builder().workers().start().await;
    let mut connection = superuser(&fleet).await;
    let newest = store::MIGRATIONS.iter().map(|migration| migration.version).max().unwrap();
    let situations = [
        (
            format!("update _sqlx_migrations set version = version - {OLDER}"),
            format!("the database's schema is {}; this program needs {newest}", newest - OLDER),
            format!("update _sqlx_migrations set version = version + {OLDER}"),
        ),
        (
            floor(99_990_101_000_000),
            "the database's schema is for programs from 99990101000000 on; this one is ".to_owned(),
            floor(0),
        ),
    ];
    for (change, message, undo) in &situations {
        run(&mut connection, change).await;
        restart(&mut fleet);
        let is_told = |status, body: &Value| {
            status == 503 && body["failed"]["postgres"].as_str().is_some_and(|why| why.starts_with(message))
        };
        await_health(&fleet, message, is_told).await;
        run(&mut connection, undo).await;
        assert!(time_until_ready(&fleet).await <= READY_MAX);
    }
    Finding::new("P11", "the schema is older or newer", "not ready, with both versions", "so it is", 6).record();
}

fn floor(version: i64) -> String {
    format!(
        "create or replace function claviger_schema_floor() returns bigint language sql immutable as 'select {version}::bigint'"
    )
}

/// What a superuser may do to the row of a key `$`, and which only a newer program or a mistake would.
const MISCHIEF: [&str; 25] = [
    "update keys set kind = '' where id = $",
    "update keys set kind = 'wizard' where id = $",
    "update keys set permissions = null where id = $",
    "update keys set permissions = array[null] where id = $",
    "update keys set permissions = array[''] where id = $",
    "update keys set permissions = array['NOT A NAME'] where id = $",
    "update keys set permissions = array(select repeat('x', 200) || n from generate_series(1, 100000) n) where id = $",
    "update keys set is_for_all_customers = null where id = $",
    "update keys set domains = '{}' where id = $",
    "update keys set domains = array[''] where id = $",
    "update keys set domains = array[null] where id = $",
    "update keys set ips = '{}' where id = $",
    "update keys set ips = array['10.0.0.0/99'] where id = $",
    "update keys set limits = null where id = $",
    "update keys set limits = 'null' where id = $",
    "update keys set limits = '[{\"name\": \"requests\"}]' where id = $",
    "update keys set limits = '[{\"name\": \"requests\", \"limit\": -1, \"window_ms\": 0}]' where id = $",
    "update keys set limits = '[{\"name\": \"requests\", \"limit\": 5, \"window_ms\": 1000, \"from\": \"the future\"}]' where id = $",
    "update keys set expires_at = 'infinity' where id = $",
    "update keys set expires_at = '294276-12-31' where id = $",
    "update keys set not_before = '-infinity' where id = $",
    "update secrets set retires_at = 'infinity' where key_id = $",
    "update keys set metadata = '7' where id = $",
    "update secrets set pepper_id = '' where key_id = $",
    "update secrets set hash = '' where key_id = $",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_whose_row_cannot_be_read_is_denied_and_nothing_else_is() {
    let fleet = Fleet::builder().start().await;
    let (root, keys) = (fleet.place().root(0), fleet.place().keys(0));
    let mut connection = superuser(&fleet).await;
    run(
        &mut connection,
        "do $$ declare it record; begin
        for it in select conrelid::regclass as relation, conname from pg_constraint
            where contype = 'c' and conrelid in ('keys'::regclass, 'secrets'::regclass)
        loop execute format('alter table %s drop constraint %I', it.relation, it.conname); end loop;
        for it in select attrelid::regclass as relation, attname from pg_attribute
            where attnum > 0 and attnotnull and attrelid in ('keys'::regclass, 'secrets'::regclass)
                and attname not in ('organization_id', 'id', 'key_id')
        loop execute format('alter table %s alter column %I drop not null', it.relation, it.attname); end loop;
        -- Labels have constraints of their own.
        alter table keys disable trigger keys_label_trigger;
    end $$",
    )
    .await;
    let mut told = Vec::new();
    // Each from an address of its own: what is asked too often in vain is not looked up any more.
    let question = |secret: &str, number: usize| json!({"key": secret, "domain": "example.com", "client_ip": format!("192.0.2.{}", number + 1)});
    let (_, secret) = make_key(&root, "unharmed").await;
    let answer = keys.post("/v1/keys/verify", &question(&secret, MISCHIEF.len())).await.expect(200);
    assert_eq!(answer.text("/verdict"), "VALID");
    for (number, mischief) in MISCHIEF.into_iter().enumerate() {
        let (id, secret) = make_key(&root, &format!("mischief {number}")).await;
        let id: KeyId = id.parse().unwrap();
        run(&mut connection, &mischief.replace('$', &format!("'{}'", id.uuid()))).await;
        let asked = Instant::now();
        let answer = keys.post("/v1/keys/verify", &question(&secret, number)).await;
        assert_ne!(answer.body["verdict"], "VALID", "{mischief}: {:#}", answer.body);
        assert!(asked.elapsed() < Duration::from_secs(5), "{mischief}: {:?}", asked.elapsed());
        told.push(format!("{} {}", answer.status.as_u16(), answer.body["verdict"].as_str().unwrap_or("-")));
        let good = keys.post("/v1/keys/verify", &json!({"key": fleet.place().organization_key})).await.expect(200);
        assert_eq!(good.text("/verdict"), "VALID", "{mischief}");
        let listed = root.get("/v1/organizations/acme/keys?limit=100").await;
        assert!(listed.status.as_u16() < 502, "{mischief}: {} {:#}", listed.status, listed.body);
        run(&mut connection, &format!("delete from secrets where key_id = '{0}'", id.uuid())).await;
        run(&mut connection, &format!("update keys set deleted_at = now() where id = '{0}'", id.uuid())).await;
    }
    println!("{told:?}");
    for member in fleet.members() {
        assert!(member.process().ended().is_none());
        let log = std::fs::read_to_string(member.process().log()).unwrap();
        assert!(!log.contains("panicked"), "{log}");
    }
    let trials = MISCHIEF.len() as u64;
    Finding::new("P11", "rows that this program did not write", "denied; the process goes on", "all denied", trials)
        .record();
}
