//! What Redis is asked for, through sentinels and in a cluster. What becomes of it while masters die and
//! change places is in `tests/chaos`.

use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dev::{RedisCluster, RedisSentinel, RedisUser};
use domain::ids::{KeyId, OrganizationId, ReceiptId};
use domain::limit::Limit;
use store::counters::{Change, Counters, Expected, LimitSpend, Mode, RedisConfig, Source, SpendAnswer, SpendRequest};
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

fn is_admitted(answer: &SpendAnswer) -> bool {
    answer.limits.as_ref().is_some_and(|limits| limits[0].is_admitted)
}

/// Everything that the services ask of Redis, by one client and seen by another.
async fn use_everything(one: &Counters, other: &Counters) {
    let wait = Duration::from_millis(500);
    let mut changes = other.follow(wait).await.unwrap();
    for number in 0..ORGANIZATIONS {
        let generations = vec![Generation { subject: key(1_000 + number), value: 5 }];
        let receipt = ReceiptId::from_uuid(Uuid::from_u128(number));
        one.publish(organization(number), &generations, Some(receipt)).await.unwrap();
        let expected = [Expected { generation: generations[0], source: Source::Cache }];
        let organization = organization(number);
        let request = SpendRequest { organization, expected: &expected, limits: &[], mode: Mode::Spend };
        let answer = other.spend(&request).await.unwrap();
        assert_eq!((answer.generations, answer.run), (vec![Some(5)], other.run(organization).unwrap()));
        let mut seen = Vec::new();
        while seen.is_empty() {
            seen = changes.next(wait).await.unwrap();
        }
        assert_eq!(seen, [Change { generations, receipt: Some(receipt) }]);
        other.ack("two", receipt).await.unwrap();
        assert_eq!(one.find_acks(receipt).await.unwrap(), ["two"]);
    }
    one.heartbeat("one").await.unwrap();
    other.heartbeat("two").await.unwrap();
    let names = async || one.find_replicas().await.unwrap().into_iter().map(|replica| replica.name).collect::<Vec<_>>();
    assert_eq!(names().await, ["one", "two"]);
    other.delete_replica("two").await.unwrap();
    assert_eq!(names().await, ["one"]);
}

/// How many of 300 requests to each of the organizations were admitted, through all clients at once.
async fn rush(clients: &[Counters]) {
    let limit = Arc::new(limit(200));
    let tasks = (0..CLIENTS).flat_map(|place| {
        let (client, limit) = (clients[place].clone(), Arc::clone(&limit));
        (0..ORGANIZATIONS).map(move |number| {
            let (client, limit) = (client.clone(), Arc::clone(&limit));
            tokio::spawn(async move {
                let mut admitted = 0;
                for _ in 0..100 {
                    let answer = spend(&client, organization(number), Source::Postgres, &limit).await;
                    admitted += u64::from(is_admitted(&answer.expect("nothing is broken")));
                }
                (number, admitted)
            })
        })
    });
    let mut admitted = vec![0; usize::try_from(ORGANIZATIONS).unwrap()];
    for (number, count) in futures_util::future::join_all(tasks).await.into_iter().map(Result::unwrap) {
        admitted[usize::try_from(number).unwrap()] += count;
    }
    assert!(admitted.iter().all(|count| *count == 200), "of 300 each: {admitted:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_works_through_sentinels_and_in_a_cluster() {
    let folder = tempfile::tempdir().unwrap();
    let (_sentinel, through_sentinels) = start_sentinel(&folder.path().join("sentinel")).await;
    use_everything(&through_sentinels[0], &through_sentinels[1]).await;
    rush(&through_sentinels).await;
    let (_cluster, in_a_cluster) = start_cluster(&folder.path().join("cluster")).await;
    let runs: std::collections::BTreeSet<u64> =
        (0..ORGANIZATIONS).filter_map(|number| in_a_cluster[0].run(organization(number))).collect();
    assert_eq!(runs.len(), 3, "every master has some of the organizations");
    use_everything(&in_a_cluster[0], &in_a_cluster[1]).await;
    rush(&in_a_cluster).await;
}
