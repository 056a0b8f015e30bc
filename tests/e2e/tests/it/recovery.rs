//! A schema of another version, and rows that nobody should have written: a process says so, and lives.

use std::time::Duration;

use domain::ids::KeyId;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use testkit::{Answer, Client, Fleet, Member, await_that};

/// Makes every version of a migration an older one.
const OLDER: i64 = 20_000_000_000_000;
const PATIENCE: Duration = Duration::from_secs(30);

/// What a process says of its readiness; nothing while it does not listen.
async fn readiness(member: &Member) -> (u16, Value) {
    let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(2)).build().unwrap();
    let Ok(answer) = http.get(format!("{}/health/ready", member.management_url())).send().await else {
        return (0, Value::Null);
    };
    (answer.status().as_u16(), answer.json().await.unwrap_or_default())
}

async fn await_health(fleet: &Fleet, what: &str, is_it: impl Fn(u16, &Value) -> bool) {
    for member in fleet.members() {
        let is_so = async || {
            let (status, body) = readiness(member).await;
            is_it(status, &body)
        };
        await_that(&format!("{} is {what}", member.process().name()), PATIENCE, is_so).await;
    }
}

/// Until every process is ready and misses nothing.
async fn await_ready(fleet: &Fleet) {
    await_health(fleet, "ready", |_, body| *body == json!({"status": "ready", "degraded": []})).await;
}

fn restart(fleet: &mut Fleet) {
    for member in fleet.keys.iter_mut().chain(&mut fleet.apis).chain(&mut fleet.workers) {
        member.restart().unwrap();
    }
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

async fn make_key(root: &Client, name: &str) -> Answer {
    root.post("/v1/organizations/acme/keys", &json!({"name": name})).await.expect(201)
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
        await_ready(&fleet).await;
    }
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
async fn only_a_key_whose_row_cannot_be_read_is_denied() {
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
    let secret = make_key(&root, "unharmed").await.text("/secret").to_owned();
    let answer = keys.post("/v1/keys/verify", &question(&secret, MISCHIEF.len())).await.expect(200);
    assert_eq!(answer.text("/verdict"), "VALID");
    for (number, mischief) in MISCHIEF.into_iter().enumerate() {
        let made = make_key(&root, &format!("mischief {number}")).await;
        let (secret, id) = (made.text("/secret"), made.text("/key/id").parse::<KeyId>().unwrap());
        run(&mut connection, &mischief.replace('$', &format!("'{}'", id.uuid()))).await;
        let answer = keys.post("/v1/keys/verify", &question(secret, number)).await;
        assert_ne!(answer.body["verdict"], "VALID", "{mischief}: {:#}", answer.body);
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
}
