//! Hostile callers: a flood of keys that do not exist, as many in a second as a gateway can pass on: each is another one, so that no
//! memory of absent keys would help, and none is kept.

mod enumeration;
mod unknown_keys;

use std::time::Duration;

use domain::environment::Environment;
use domain::secret::{PlainSecret, Prefix};
use serde_json::json;
use sqlx::{Connection, PgConnection};
use testkit::{Finding, Fleet};

use crate::overload::{BATCH, fleet, keys_of, memory_mib, pin, requests, single};
use load::{Load, percentile};

/// Unknown keys in a second.
const RATE: usize = 100_000;
const GROWTH_MAX_MIB: u64 = 64;

/// Transactions of the environment's database so far.
async fn transactions(fleet: &Fleet) -> i64 {
    // Counts of a backend come to light a while after it is idle.
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    let mut connection = PgConnection::connect(&fleet.postgres.superuser_url("postgres")).await.unwrap();
    let sql = "select xact_commit + xact_rollback from pg_stat_database where datname = $1";
    sqlx::query_scalar(sql).bind(&fleet.place().database.name).fetch_one(&mut connection).await.unwrap()
}

/// The processors that the fleet leaves to us.
fn own_processors() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).unwrap();
    line.trim().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_flood_of_unknown_keys_costs_a_bounded_amount() {
    let fleet = fleet(&[Environment::Production]).await;
    // What such a flood meets has Postgres on a machine of its own.
    let postgres = fleet.postgres.process().id();
    let children = std::fs::read_to_string(format!("/proc/{postgres}/task/{postgres}/children")).unwrap();
    for process in children.split_whitespace().map(|child| child.parse().unwrap()).chain([postgres]) {
        pin(process, &own_processors());
    }
    let place = fleet.place();
    let known = single(place, &keys_of(place, 4).await);
    let (rate, time) = (RATE, Duration::from_secs(15));
    let unknown = || PlainSecret::generate(&Prefix::organization(), Environment::Production).expose().to_owned();
    let batches = rate / BATCH * time.as_secs() as usize;
    let seeds: Vec<_> = (0..batches).map(|_| String::new()).collect();
    let body = |_: &str| json!({"requests": (0..BATCH).map(|_| json!({"key": unknown()})).collect::<Vec<_>>()});
    let strangers = requests(place, "/v1/keys/verify-batch", &seeds, body);
    let flood = Load { connections: 256, time, ..strangers.at((rate / BATCH) as f64) };
    let _warm = Load { connections: 64, time: Duration::from_secs(1), ..known.at(200.0) }.run().await;
    // After a flood an idle allocator keeps what it had until something else asks of it, at times.
    let memory = memory_mib(&fleet);
    let _warm = Load { time: Duration::from_secs(2), ..flood.clone() }.run().await;

    let before = transactions(&fleet).await;
    let usual = Load { connections: 64, time, ..known.at(500.0) };
    let [flood, usual] = Load::run_all([flood, usual]).await.try_into().expect("an outcome for each load");
    let grown = memory_mib(&fleet).saturating_sub(memory);
    let transactions = transactions(&fleet).await - before;

    let asked = flood.answered() * BATCH;
    let rate = asked as f64 / flood.time.as_secs_f64();
    let lost = (1.0 - usual.success()).max(0.0) * 100.0;
    println!(
        "P14 unknown keys: {asked} asked ({rate:.0}/s), batches: {} read, {} refused, {} for want of a read; {transactions} transactions; grown by {grown} MiB; known: {} offered, {} refused, {lost:.2} % not served, p99 {:.0} ms",
        flood.accepted_ms.len(),
        flood.refused_ms.len(),
        flood.unavailable,
        usual.offered,
        usual.refused_ms.len(),
        percentile(&usual.accepted_ms, 0.99),
    );
    let situation = "a flood of unknown keys in batches";
    let told = |bound: &str, worst: String| Finding::new("P14", situation, bound, worst, asked as u64);
    let spent = format!("{rate:.0}/s: {grown} MiB, {transactions} transactions");
    let (is_much, are_many) = (grown >= GROWTH_MAX_MIB, transactions >= asked as i64 / 10);
    told("≤ 64 MiB more, one read for ten keys at the most", spent).missed(is_much || are_many).record();
    told("< 1 % of known keys are not served", format!("{lost:.2} %")).missed(lost >= 1.0).record();
    assert_eq!((flood.failed, usual.failed, usual.unavailable), (0, 0, 0), "{} {}", flood.example, usual.example);
    assert_eq!(flood.without_retry_after + usual.without_retry_after, 0, "every refusal says when to come back");
    assert!(!is_much, "{grown} MiB more");
    assert!(!are_many, "{transactions} transactions");
    assert!(!usual.accepted_ms.is_empty(), "work goes on");
    assert!(lost < 1.0, "{lost} % of the known keys were not served");
}
