//! What Redis is asked for, through sentinels and in a cluster, while masters die, freeze and change places.

use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use dev::{RedisCluster, RedisSentinel, RedisUser};
use domain::ids::{KeyId, OrganizationId};
use domain::limit::Limit;
use store::counters::{Counters, Expected, LimitSpend, Mode, RedisConfig, Source, SpendAnswer, SpendRequest};
use store::{Generation, Subject};
use uuid::Uuid;

const PATIENCE: Duration = Duration::from_secs(30);
const CLIENTS: usize = 3;
const ORGANIZATIONS: u128 = 24;

fn user() -> RedisUser {
    RedisUser { name: "keys".into(), password: "pass".into(), prefix: "claviger:test:".into() }
}

fn config(url: String) -> RedisConfig {
    // What a test breaks is late for ever; what is merely busy gets more time than in production.
    RedisConfig { timeout_ms: 300, ..RedisConfig::new(url, user().prefix) }
}

fn organization(number: u128) -> OrganizationId {
    OrganizationId::from_uuid(Uuid::from_u128((number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)))
}

fn key(number: u128) -> Subject {
    Subject::Key(KeyId::from_uuid(Uuid::from_u128(number)))
}

async fn await_that<F: Future<Output = bool>>(what: &str, mut is_so: impl FnMut() -> F) -> Duration {
    let started = Instant::now();
    while !is_so().await {
        assert!(started.elapsed() < PATIENCE, "{what}: it did not come about");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    started.elapsed()
}

async fn connect(url: String) -> Vec<Counters> {
    let config = config(url);
    let clients: Vec<Counters> = (0..CLIENTS).map(|_| Counters::connect(&config)).collect();
    for client in &clients {
        await_that("every organization has a master", async || {
            (0..ORGANIZATIONS).all(|number| client.run(organization(number)).is_some())
        })
        .await;
    }
    clients
}

async fn start_cluster(folder: &Path) -> (RedisCluster, Vec<Counters>) {
    let redis = RedisCluster::start(folder).await.unwrap();
    redis.create_user(&user()).await.unwrap();
    let clients = connect(redis.url(&user())).await;
    (redis, clients)
}

async fn start_sentinel(folder: &Path) -> (RedisSentinel, Vec<Counters>) {
    let redis = RedisSentinel::start(folder).await.unwrap();
    redis.create_user(&user()).await.unwrap();
    let clients = connect(redis.url(&user())).await;
    (redis, clients)
}

/// Compares a version and spends one of a limit.
async fn spend(client: &Counters, organization: OrganizationId, source: Source, limit: &Limit) -> Option<SpendAnswer> {
    let expected = [Expected { generation: Generation { subject: key(1), value: 1 }, source }];
    let limits = [LimitSpend { owner: key(1).into(), limit, cost: 1 }];
    let request = SpendRequest { organization, expected: &expected, limits: &limits, mode: Mode::Spend };
    client.spend(&request).await.ok()
}

fn limit(of: u64) -> Limit {
    Limit { name: "requests".to_owned(), limit: of, window_ms: 3_600_000, auto: true }
}

/// The name of an organization's key, as servers see it.
fn name_of(organization: OrganizationId) -> String {
    format!("claviger:test:{{{}}}:g", organization.uuid().simple())
}

/// When a call was answered, and by which run.
type Answers = Vec<(Instant, Option<u64>)>;

/// What several callers were answered about one organization while something happened.
struct Load {
    is_over: Arc<AtomicBool>,
    tasks: Vec<tokio::task::JoinHandle<Answers>>,
}

impl Load {
    fn start(clients: &[Counters], organization: OrganizationId) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let tasks = clients.iter().map(|client| {
            let (client, is_over) = (client.clone(), Arc::clone(&is_over));
            tokio::spawn(async move {
                let (mut answers, limit) = (Vec::new(), limit(1_000_000_000));
                while !is_over.load(Ordering::Relaxed) {
                    let answer = spend(&client, organization, Source::Postgres, &limit).await;
                    answers.push((Instant::now(), answer.map(|answer| answer.run)));
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
                answers
            })
        });
        Self { tasks: tasks.collect(), is_over }
    }

    /// For each client: how many calls failed, the longest time without an answer, and the runs that answered in turn.
    async fn finish(self) -> Vec<(usize, Duration, Vec<u64>)> {
        self.is_over.store(true, Ordering::Relaxed);
        let answers = futures_util::future::join_all(self.tasks).await.into_iter().map(Result::unwrap);
        let told = answers.map(|answers| {
            let good: Vec<(Instant, u64)> = answers.iter().filter_map(|(at, run)| Some((*at, (*run)?))).collect();
            let longest = good.windows(2).map(|pair| pair[1].0 - pair[0].0).max().unwrap_or_default();
            let mut runs: Vec<u64> = good.iter().map(|(_, run)| *run).collect();
            runs.dedup();
            (answers.len() - good.len(), longest, runs)
        });
        told.collect()
    }
}

/// Each client went from the first run to one other, and never back.
fn assert_one_change(told: &[(usize, Duration, Vec<u64>)], first: u64) {
    assert_changes(told, first, 1);
}

/// Each client went from the first run through at most so many others to the same, and never back.
fn assert_changes(told: &[(usize, Duration, Vec<u64>)], first: u64, changes: usize) {
    for (_, _, runs) in told {
        let each: std::collections::BTreeSet<&u64> = runs.iter().collect();
        assert_eq!((runs.len(), runs.first()), (each.len(), Some(&first)), "never back: {told:?}");
        assert!((2..=1 + changes).contains(&runs.len()), "{changes} changes: {told:?}");
    }
    assert!(told.iter().all(|(_, _, runs)| runs.last() == told[0].2.last()), "all to the same: {told:?}");
}

/// How often the sentinels in this folder have named another master. On a busy machine a master may seem dead to them.
fn switches(folder: &std::path::Path) -> usize {
    let count = |number: usize| {
        let log = std::fs::read_to_string(folder.join(format!("sentinel-{number}/log"))).unwrap();
        log.matches("+switch-master").count()
    };
    (0..3).map(count).max().unwrap()
}

fn slowest(told: &[(usize, Duration, Vec<u64>)]) -> Duration {
    told.iter().map(|(_, longest, _)| *longest).max().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_client_follows_sentinels_to_the_new_master() {
    let folder = tempfile::tempdir().unwrap();
    let (redis, clients) = start_sentinel(folder.path()).await;
    for is_frozen in [false, true] {
        let (master, first) = (redis.master().await.unwrap(), clients[0].run(organization(1)).unwrap());
        let before = switches(folder.path());
        let load = Load::start(&clients, organization(1));
        tokio::time::sleep(Duration::from_millis(300)).await;
        if is_frozen {
            redis.servers[master].pause()
        } else {
            redis.servers[master].kill()
        }
        let broken = Instant::now();
        await_that("every client has another run", async || {
            clients.iter().all(|client| client.run(organization(1)).is_some_and(|run| run != first))
        })
        .await;
        let took = broken.elapsed();
        tokio::time::sleep(Duration::from_millis(300)).await;
        // Thawed, it still takes itself for the master for some seconds, and would answer.
        redis.servers[master].resume();
        tokio::time::sleep(Duration::from_secs(3)).await;
        let told = load.finish().await;
        let changes = switches(folder.path()) - before;
        assert_changes(&told, first, changes);
        println!(
            "frozen {is_frozen}: {changes} changes, all clients moved after {took:?}; longest silence {:?}",
            slowest(&told)
        );
    }
    let first = clients[0].run(organization(1)).unwrap();
    for number in [0, 1] {
        redis.pause_sentinel(number);
    }
    let asked = Instant::now();
    await_that("nobody is believed without a majority", async || clients[0].run(organization(1)).is_none()).await;
    println!("without a majority of the sentinels the master was believed for {:?}", asked.elapsed());
    redis.resume_sentinel(0);
    await_that("two of three suffice", async || clients[0].run(organization(1)) == Some(first)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_planned_failover_by_sentinels_loses_little_time() {
    let folder = tempfile::tempdir().unwrap();
    let (redis, clients) = start_sentinel(folder.path()).await;
    let first = clients[0].run(organization(1)).unwrap();
    let load = Load::start(&clients, organization(1));
    tokio::time::sleep(Duration::from_millis(300)).await;
    redis.fail_over().await.unwrap();
    await_that("every client has another run", async || {
        clients.iter().all(|client| client.run(organization(1)).is_some_and(|run| run != first))
    })
    .await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let told = load.finish().await;
    assert_one_change(&told, first);
    println!("a planned failover: {told:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_client_follows_a_cluster_to_the_new_master() {
    let folder = tempfile::tempdir().unwrap();
    let (redis, clients) = start_cluster(folder.path()).await;
    let (dead, frozen) = (redis.owner(&name_of(organization(1))).await.unwrap(), {
        let other = (2..).find(|number| clients[0].run(organization(*number)) != clients[0].run(organization(1)));
        organization(other.unwrap())
    });
    for is_frozen in [false, true] {
        let own = if is_frozen { frozen } else { organization(1) };
        let master = if is_frozen { redis.owner(&name_of(own)).await.unwrap() } else { dead };
        let first = clients[0].run(own).unwrap();
        let elsewhere: Vec<OrganizationId> =
            (0..ORGANIZATIONS).map(organization).filter(|one| clients[0].run(*one) != Some(first)).collect();
        let others: Vec<Option<u64>> = elsewhere.iter().map(|one| clients[0].run(*one)).collect();
        let load = Load::start(&clients, own);
        tokio::time::sleep(Duration::from_millis(300)).await;
        if is_frozen {
            redis.servers[master].pause()
        } else {
            redis.servers[master].kill()
        }
        let broken = Instant::now();
        await_that("every client has another run", async || {
            clients.iter().all(|client| client.run(own).is_some_and(|run| run != first))
        })
        .await;
        let took = broken.elapsed();
        tokio::time::sleep(Duration::from_millis(300)).await;
        redis.servers[master].resume();
        tokio::time::sleep(Duration::from_secs(2)).await;
        let told = load.finish().await;
        assert_one_change(&told, first);
        let now: Vec<Option<u64>> = elsewhere.iter().map(|one| clients[0].run(*one)).collect();
        assert_eq!(now, others, "the other masters' organizations are as before");
        println!("frozen {is_frozen}: all clients moved after {took:?}; longest silence {:?}", slowest(&told));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_planned_failover_and_a_slot_that_moves_lose_little_time() {
    let folder = tempfile::tempdir().unwrap();
    let (redis, clients) = start_cluster(folder.path()).await;
    let own = organization(1);
    let master = redis.owner(&name_of(own)).await.unwrap();
    let first = clients[0].run(own).unwrap();
    let load = Load::start(&clients, own);
    tokio::time::sleep(Duration::from_millis(300)).await;
    redis.fail_over(master + 3).await.unwrap();
    let moved = async || clients.iter().all(|client| client.run(own).is_some_and(|run| run != first));
    await_that("every client has another run", moved).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let told = load.finish().await;
    assert_one_change(&told, first);
    println!("a planned failover: {told:?}");

    let first = clients[0].run(own).unwrap();
    let load = Load::start(&clients, own);
    tokio::time::sleep(Duration::from_millis(300)).await;
    redis.move_slot(&name_of(own), master + 3, (master + 1) % 3).await.unwrap();
    let moved = async || clients.iter().all(|client| client.run(own).is_some_and(|run| run != first));
    await_that("every client has another run", moved).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let told = load.finish().await;
    assert_one_change(&told, first);
    println!("a slot that moves: {told:?}");
}
