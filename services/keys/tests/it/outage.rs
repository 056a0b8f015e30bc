//! Stores that are away: a replica starts and goes on without them, and says so.

use serde_json::json;
use store::counters::RedisConfig;
use testkit::keys_fixture::{KeysFixture, policy, wait_for};

#[tokio::test]
async fn without_postgres_keys_in_use_go_on_and_others_have_to_wait() {
    let bench = KeysFixture::alone().await;
    let replica = &bench.replicas(1).await[0];
    let (used, unused) = (bench.issue(policy()).await, bench.issue(policy()).await);
    assert_eq!(bench.verdict(replica, &used.secret).await, "VALID");
    bench.postgres().kill();
    assert_eq!(bench.verdict(replica, &used.secret).await, "VALID");
    let question = json!({"key": unused.secret});
    let (status, problem) = bench.ask(replica, "/v1/keys/verify", &question).await;
    assert_eq!((status, &problem["code"]), (503, &json!("unavailable")));
    assert_eq!(problem["retry_after_ms"], json!(1_000));
    assert_eq!(bench.ready(replica).await.0, 200, "what was ready goes on with the keys it knows");
    bench.redis().kill();
    assert_eq!(bench.verdict(replica, &used.secret).await, "VALID", "neither answers: an age of 30 s is tolerable");
    assert_eq!(bench.ask(replica, "/v1/keys/verify", &question).await.0, 503, "and never an unknown key");
}

#[tokio::test]
async fn a_replica_starts_without_its_stores_and_says_so() {
    let bench = KeysFixture::start().await;
    let mut config = bench.config(1);
    let own = config.environments.values_mut().next().unwrap();
    own.database.url = "postgres://app:secret@127.0.0.1:1/none".to_owned();
    let replica = bench.replica(config).await;
    let (status, body) = bench.ready(&replica).await;
    assert_eq!((status, &body["status"]), (503, &json!("not-ready")));
    let mut config = bench.config(1);
    let own = config.environments.values_mut().next().unwrap();
    own.redis = RedisConfig { url: "redis://127.0.0.1:1".to_owned(), ..own.redis.clone() };
    let replica = bench.replica(config).await;
    wait_for("readiness without Redis", async || {
        bench.ready(&replica).await == (200, json!({"status": "ready", "degraded": ["redis"]}))
    })
    .await;
}

#[tokio::test]
async fn last_uses_are_written_at_the_latest_when_the_replica_stops() {
    let bench = KeysFixture::start().await;
    let replica = bench.replicas(1).await.remove(0);
    let issued = bench.issue(policy()).await;
    bench.verify(&replica, json!({"key": issued.secret, "client_ip": "203.0.113.9"})).await;
    replica.stop().await;
    let mut write = bench.write(bench.acme).await;
    let key = write.find_key(issued.id).await.unwrap().unwrap();
    assert!(key.last_used_at.is_some());
    assert_eq!(key.last_used_ip, "203.0.113.9".parse().ok());
}
