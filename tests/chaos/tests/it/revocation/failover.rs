//! Redis masters that are replaced, behind sentinels and in a cluster: what the old one was told may be lost, and no
//! entry that it confirmed counts any more.

use std::path::Path;
use std::time::{Duration, Instant};

use dev::{Redis, RedisCluster, RedisSentinel, RedisUser};
use domain::ids::KeyId;
use domain::policy::Policy;
use serde_json::json;
use store::counters::{Expected, Mode, RedisConfig, Source, SpendRequest};
use store::{Generation, Subject};

use testkit::keys_fixture::{Issued, KeysFixture, Replica, limit, policy, wait_for};
use testkit::{Asked, Client, VerifyPoller, about, last_accepted};

/// The bound on a change that Redis has forgotten.
const BOUND: Duration = Duration::from_secs(5);
const PREFIX: &str = "claviger:failover:";

/// Servers of which one is the master of what a test looks at.
enum Servers {
    Sentinel(RedisSentinel),
    Cluster(RedisCluster),
}

impl Servers {
    async fn sentinel(folder: &Path) -> (Self, RedisConfig) {
        let redis = RedisSentinel::start(folder).await.unwrap();
        redis.create_user(&user()).await.unwrap();
        let config = config(redis.url(&user()));
        (Self::Sentinel(redis), config)
    }

    async fn cluster(folder: &Path) -> (Self, RedisConfig) {
        let redis = RedisCluster::start(folder).await.unwrap();
        redis.create_user(&user()).await.unwrap();
        let config = config(redis.url(&user()));
        (Self::Cluster(redis), config)
    }

    /// The master of acme's keys, and its replicas.
    async fn master(&self, bench: &KeysFixture) -> (usize, Vec<usize>) {
        match self {
            Self::Sentinel(redis) => {
                let master = redis.master().await.unwrap();
                (master, (0..redis.servers.len()).filter(|number| *number != master).collect())
            }
            Self::Cluster(redis) => {
                let key = format!("{PREFIX}{{{}}}:x", bench.acme.uuid().simple());
                let master = redis.owner(&key).await.unwrap();
                (master, vec![(master + 3) % 6])
            }
        }
    }

    fn server(&self, number: usize) -> &Redis {
        match self {
            Self::Sentinel(redis) => &redis.servers[number],
            Self::Cluster(redis) => &redis.servers[number],
        }
    }

    /// Has a replica take the master's place.
    async fn fail_over(&self, bench: &KeysFixture) {
        match self {
            Self::Sentinel(redis) => redis.fail_over().await.unwrap(),
            Self::Cluster(redis) => redis.fail_over(self.master(bench).await.1[0]).await.unwrap(),
        }
    }
}

fn user() -> RedisUser {
    RedisUser { name: "keys".into(), password: "pass".into(), prefix: PREFIX.into() }
}

fn config(url: String) -> RedisConfig {
    RedisConfig { timeout_ms: 200, ..RedisConfig::new(url, PREFIX) }
}

/// Asks every replica about a key again and again.
fn watch(replicas: &[Replica], secret: &str) -> VerifyPoller {
    let clients: Vec<Client> = replicas.iter().map(Replica::client).collect();
    VerifyPoller::start(&clients, &about(secret), Duration::from_millis(10))
}

async fn issue(bench: &KeysFixture) -> Issued {
    bench.issue(Policy { limits: vec![limit("requests", 1_000_000)], ..policy() }).await
}

async fn await_verdict(bench: &KeysFixture, replicas: &[Replica], secret: &str, verdict: &str) {
    for replica in replicas {
        wait_for(verdict, async || {
            let (status, answer) = bench.ask(replica, "/v1/keys/verify", &json!({"key": secret})).await;
            status == 200 && answer["verdict"] == verdict
        })
        .await;
    }
}

async fn await_global(bench: &KeysFixture, replicas: &[Replica], secret: &str) {
    for replica in replicas {
        wait_for("the counters' return", async || {
            let (_, answer) = bench.ask(replica, "/v1/keys/verify", &json!({"key": secret})).await;
            answer["limits"][0]["enforced"] == json!("global")
        })
        .await;
    }
}

/// Has a revocation die with its master, before anybody has heard of it; fails when the key is accepted for too long, and says for
/// how long it was.
async fn lose_a_revocation(servers: &Servers, config: RedisConfig) -> f64 {
    let bench = KeysFixture::on(config).await;
    let replicas = bench.replicas(3).await;
    let (bystander, victim) = (issue(&bench).await, issue(&bench).await);
    await_verdict(&bench, &replicas, &victim.secret, "VALID").await;
    await_verdict(&bench, &replicas, &bystander.secret, "VALID").await;
    let (master, others) = servers.master(&bench).await;
    for replica in &others {
        servers.server(*replica).pause();
    }
    servers.server(master).server().disconnect_replicas().await.unwrap();
    // What the master is told now goes down with it; the replicas of the service would have heard of the victim in time,
    // and so it is not even told that: everybody believes it was.
    let witness = Generation { subject: Subject::Key(KeyId::from_uuid(uuid::Uuid::from_u128(7))), value: 9 };
    bench.counters.publish(bench.acme, &[witness], None).await.unwrap();
    let committed = bench.revoke(victim.id).await;
    bench.store.delete_outbox(&committed.outbox_ids).await.unwrap();
    let answered = Instant::now();
    servers.server(master).kill();
    for replica in &others {
        servers.server(*replica).resume();
    }
    let watched = watch(&replicas, &victim.secret);
    let beside = watch(&replicas, &bystander.secret);
    tokio::time::sleep(BOUND + Duration::from_secs(2)).await;
    await_global(&bench, &replicas, &bystander.secret).await;
    await_verdict(&bench, &replicas, &victim.secret, "REVOKED").await;
    let asked = watched.finish().await;
    let late = if asked.iter().any(Asked::is_accepted) { last_accepted(&asked, answered) } else { 0.0 };
    assert!(late <= BOUND.as_secs_f64(), "accepted {late:.3} s after the revocation was answered");
    let refused = beside.finish().await.iter().filter(|asked| !asked.is_accepted()).count();
    assert_eq!(refused, 0, "nobody else is harmed");

    let fresh = KeysFixture::connect(&bench.redis_config).await;
    let expected = [Expected { generation: witness, source: Source::Cache }];
    let look = SpendRequest { organization: bench.acme, expected: &expected, limits: &[], mode: Mode::Look };
    let known = fresh.spend(&look).await.unwrap().generations;
    assert_eq!(known, [None], "what the old master was told last is lost, or this test proves nothing");
    late
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revocation_lost_with_its_master_holds_behind_sentinels() {
    let folder = tempfile::tempdir().unwrap();
    let (servers, config) = Servers::sentinel(folder.path()).await;
    let late = lose_a_revocation(&servers, config).await;
    println!("a revocation that was lost with its master was refused everywhere {late:.1} s after the answer");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revocation_lost_with_its_master_holds_in_a_cluster() {
    let folder = tempfile::tempdir().unwrap();
    let (servers, config) = Servers::cluster(folder.path()).await;
    let late = lose_a_revocation(&servers, config).await;
    println!("a revocation that was lost with its master was refused everywhere {late:.1} s after the answer");
}

/// Changes Postgres and tells nobody: as long as the run is the same the entries stand, and with the next they fall.
/// Says when there was another run, and how many verifications there were meanwhile, none of them wrong.
async fn replace_in_order(servers: &Servers, config: RedisConfig) -> (Duration, usize) {
    let bench = KeysFixture::on(config).await;
    let replicas = bench.replicas(3).await;
    let (bystander, revoked, untold) = (issue(&bench).await, issue(&bench).await, issue(&bench).await);
    for key in [&bystander, &revoked, &untold] {
        await_verdict(&bench, &replicas, &key.secret, "VALID").await;
    }
    let committed = bench.revoke(revoked.id).await;
    bench.publish(bench.acme, &committed).await;
    let committed = bench.revoke(untold.id).await;
    bench.store.delete_outbox(&committed.outbox_ids).await.unwrap();
    for replica in replicas.iter() {
        assert_eq!(bench.verdict(replica, &untold.secret).await, "VALID", "nobody was told");
    }
    let good = watch(&replicas, &bystander.secret);
    let bad = watch(&replicas, &revoked.secret);
    let before = bench.counters.run(bench.acme).unwrap();
    let started = Instant::now();
    servers.fail_over(&bench).await;
    wait_for("another run", async || bench.counters.run(bench.acme).is_some_and(|run| run != before)).await;
    let moved = started.elapsed();
    await_global(&bench, &replicas, &bystander.secret).await;
    await_verdict(&bench, &replicas, &untold.secret, "REVOKED").await;
    let bad = bad.finish().await;
    assert!(
        bad.iter().all(|asked| asked.verdict.as_deref() == Some("REVOKED")),
        "a revoked key is never accepted again"
    );
    let good = good.finish().await;
    assert!(good.iter().all(Asked::is_accepted), "keys in use go on");
    (moved, good.len() + bad.len())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_entry_survives_the_run_that_confirmed_it_behind_sentinels() {
    let folder = tempfile::tempdir().unwrap();
    let (servers, config) = Servers::sentinel(folder.path()).await;
    let (moved, asked) = replace_in_order(&servers, config).await;
    println!("another run after {moved:?}; {asked} verifications beside it, none wrong");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_entry_survives_the_run_that_confirmed_it_in_a_cluster() {
    let folder = tempfile::tempdir().unwrap();
    let (servers, config) = Servers::cluster(folder.path()).await;
    let (moved, asked) = replace_in_order(&servers, config).await;
    println!("another run after {moved:?}; {asked} verifications beside it, none wrong");
}
