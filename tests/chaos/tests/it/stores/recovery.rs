//! Starting without stores, and being ready soon after they are there.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::{Finding, Fleet, Member, await_that};

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
    for absent_ms in [300, 700, 1_500, 3_000, 5_000, 8_000, 11_000, 15_000] {
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
