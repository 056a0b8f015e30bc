//! Replacing replicas one after the other under load, and starting all of them cold.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use sqlx::{Connection, PgConnection};
use testkit::{Finding, Fleet, Loss, Outcome, await_that};

use crate::support::KeySet;

const REPLICAS: usize = 3;
const RECOVERY_MAX: Duration = Duration::from_secs(10);
/// How soon readiness says that a process is going.
const TOLD_WITHIN: Duration = Duration::from_millis(250);
/// Statements of a replica that are neither for keys nor every second: its readiness, its role, its prepared statements.
const START_STATEMENTS: f64 = 20.0;

async fn readiness(url: &str) -> u16 {
    let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(1)).build().unwrap();
    http.get(format!("{url}/health/ready")).send().await.map_or(0, |answer| answer.status().as_u16())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_are_replaced_one_by_one_and_no_answer_is_lost() {
    let mut fleet = Fleet::builder().replicas(REPLICAS).start().await;
    let key_set = KeySet::make(fleet.place(), 8).await;
    let load = key_set.load(fleet.place()).rate(400.0).start();
    let mut told = Vec::new();
    let rounds = 10;
    for replica in (0..rounds).flat_map(|_| 0..REPLICAS) {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let member = &mut fleet.keys[replica];
        member.process().ask_to_stop();
        let asked_at = Instant::now();
        let url = member.management_url();
        // 0 when it has gone already: it had nothing left to do.
        await_that("it is not ready any more", Duration::from_secs(5), async || readiness(&url).await != 200).await;
        told.push(asked_at.elapsed());
        assert!(member.process().wait(Duration::from_secs(12)), "requests in flight end within ten seconds");
        member.restart().unwrap();
        member.await_ready().await.unwrap();
    }
    let samples = load.finish().await;
    let lost = |loss| samples.of(|sample| sample.outcome == Outcome::Lost(loss)).count();
    let (resets, refusals, late) = (lost(Loss::Reset), lost(Loss::Refused), lost(Loss::Late));
    let right = samples.percent(|sample| sample.outcome.is(key_set.expected(sample.body)));
    let slowest_told = told.iter().max().unwrap();
    let worst = format!(
        "{resets} reset, {refusals} refused by all, {late} late; {right:.3} % right; told within {slowest_told:.0?}"
    );
    let bound = "0 answers lost; not ready at once";
    Finding::new("P11", "replicas replaced one by one under load", bound, worst, samples.count() as u64).record();
    assert_eq!((resets, refusals, late), (0, 0, 0));
    assert!(right >= 100.0, "{right} % right");
    assert!(*slowest_told <= TOLD_WITHIN, "{slowest_told:?}");
}

/// How many transactions Postgres has ended in the database of the fleet, and when.
#[derive(Debug, Clone, Copy)]
struct Counted {
    transactions: i64,
    at: Instant,
}

impl Counted {
    async fn now(fleet: &Fleet) -> Self {
        // Backends tell what they did a second later, at the earliest.
        tokio::time::sleep(Duration::from_millis(1_100)).await;
        let mut connection = PgConnection::connect(&fleet.postgres.superuser_url("postgres")).await.unwrap();
        let sql = "select xact_commit + xact_rollback from pg_stat_database where datname = $1";
        let counted = sqlx::query_scalar(sql).bind(&fleet.place().database.name).fetch_one(&mut connection).await;
        Self { transactions: counted.unwrap(), at: Instant::now() }
    }

    /// Since an earlier count: how many, and in how many seconds.
    fn since(self, earlier: Self) -> (f64, f64) {
        ((self.transactions - earlier.transactions) as f64, (self.at - earlier.at).as_secs_f64())
    }
}

/// Until every replica answers all of the key_set as before.
async fn await_recovery(key_set: &KeySet, fleet: &Fleet) {
    let replicas = (0..REPLICAS).map(|replica| fleet.place().keys(replica));
    let recovered = replicas.map(async |keys| {
        await_that("the replica answers as before", Duration::from_secs(30), async || key_set.is_right(&keys).await)
            .await
    });
    join_all(recovered).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_that_all_start_cold_do_not_fall_upon_postgres() {
    let mut fleet = Fleet::builder().replicas(REPLICAS).start().await;
    let goods = 200;
    let key_set = KeySet::make(fleet.place(), goods).await;
    let load = key_set.load(fleet.place());
    let rate = 0.8 * load.capacity(16, Duration::from_secs(5)).await;
    let running = load.clone().rate(rate).start();
    let window = Duration::from_secs(10);
    tokio::time::sleep(window).await;
    let first = Counted::now(&fleet).await;
    tokio::time::sleep(window).await;
    let steady = Counted::now(&fleet).await;

    for member in &fleet.keys {
        member.kill();
    }
    let started = Instant::now();
    for member in &mut fleet.keys {
        member.restart().unwrap();
    }
    await_recovery(&key_set, &fleet).await;
    let recovered = started.elapsed();
    tokio::time::sleep(window).await;
    let warm = Counted::now(&fleet).await;
    tokio::time::sleep(window).await;
    let last = Counted::now(&fleet).await;
    let spent = [steady.since(first), warm.since(steady), last.since(warm)];
    judge_cold(running.finish().await.count(), goods, spent, recovered);
}

fn judge_cold(asked: usize, goods: usize, spent: [(f64, f64); 3], recovered: Duration) {
    let [(before, before_s), (cold, cold_s), (after, after_s)] = spent;
    let (steady, after) = (before / before_s, after / after_s);
    // Each replica reads each key once: that is what being cold means.
    let needed = (REPLICAS * (goods + 2)) as f64 + REPLICAS as f64 * START_STATEMENTS;
    let worst = format!(
        "{:.1} s; {cold:.0} transactions in {cold_s:.1} s for {goods} keys, then {after:.1} a second against {steady:.1} before",
        recovered.as_secs_f64()
    );
    let bound = "as before within 10 s; each key read once by each replica, then at most twice as many transactions a second as before";
    Finding::new("P11", "all replicas start cold under load", bound, worst, asked as u64).record();
    assert!(recovered <= RECOVERY_MAX, "{recovered:?}");
    // One more a second: the counts come late and whole.
    let usual = 2.0 * (steady + 1.0);
    assert!(cold <= needed + usual * cold_s, "{cold} transactions in {cold_s} s, {needed} to read everything");
    assert!(after <= usual, "{after} transactions a second after, {steady} before");
}
