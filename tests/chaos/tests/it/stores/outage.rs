//! Stores that go away and come back, by the second: never a wrong accept, and keys in use go on.

use std::time::{Duration, Instant};

use domain::event::Event;
use domain::policy::{AllOr, Policy};
use serde_json::json;
use sqlx::Connection as _;
use store::counters::RedisConfig;
use store::{Customer, Generation, Subject, Write};
use testkit::keys_fixture::{KeysFixture, limit, policy, wait_for};

#[tokio::test]
async fn without_redis_a_replica_admits_its_share_and_no_revoked_key() {
    let mut bench = KeysFixture::alone().await;
    let replicas = bench.replicas(3).await;
    let limited = bench.issue(Policy { limits: vec![limit("requests", 10)], ..policy() }).await;
    let revoked = bench.issue(policy()).await;
    for replica in &replicas {
        assert_eq!(bench.verdict(replica, &revoked.secret).await, "VALID");
        assert_eq!(bench.verdict(replica, &limited.secret).await, "VALID");
    }
    bench.redis().kill();
    bench.revoke(revoked.id).await;
    let committed_at = Instant::now();

    for replica in &replicas {
        let mut admitted = 0;
        for _ in 0..8 {
            let answer = bench.verify(replica, json!({"key": limited.secret})).await;
            assert_eq!(answer["limits"][0]["enforced"], json!("local"), "{answer}");
            admitted += u32::from(answer["verdict"] == json!("VALID"));
        }
        assert_eq!(admitted, 4, "ceil(10 / 3)");
        let metrics = bench.metrics(replica).await;
        assert!(metrics.contains(r#"claviger_local_limits_total{environment="staging"} 8"#), "{metrics}");
    }
    for replica in &replicas {
        wait_for("the hard age", async || bench.verdict(replica, &revoked.secret).await == "REVOKED").await;
    }
    assert!(committed_at.elapsed() < Duration::from_secs(5), "{:?}", committed_at.elapsed());
    let unknown = bench.new_secret(bench.acme).0;
    assert_eq!(bench.verdict(&replicas[0], unknown.expose()).await, "NOT_FOUND");
    wait_for("degradation", async || bench.ready(&replicas[0]).await.1["degraded"] == json!(["redis"])).await;
    assert_eq!(bench.ready(&replicas[0]).await.0, 200);

    // It comes back empty, as another run: everything is read again, and the count starts from what Redis knows.
    bench.redis_mut().restart().await.unwrap();
    for replica in &replicas {
        wait_for("Redis's return", async || {
            bench.verify(replica, json!({"key": limited.secret})).await["limits"][0]["enforced"] == json!("global")
        })
        .await;
        assert_eq!(bench.verdict(replica, &revoked.secret).await, "REVOKED");
    }
}

#[tokio::test]
async fn without_redis_keys_in_use_are_read_again_in_advance() {
    let bench = KeysFixture::alone().await;
    let replica = &bench.replicas(1).await[0];
    let (customer, suspended) = (bench.insert_customer("a", vec![]).await, bench.insert_customer("b", vec![]).await);
    let of = |customer: &Customer| Policy { customers: AllOr::Only(vec![customer.id]), ..policy() };
    let used = bench.issue(of(&customer)).await;
    let (revoked, orphan) = (bench.issue(policy()).await, bench.issue(of(&suspended)).await);
    for issued in [&used, &revoked, &orphan] {
        assert_eq!(bench.verdict(replica, &issued.secret).await, "VALID");
    }
    let misses = count_of(&bench.metrics(replica).await, "miss");
    bench.redis().kill();
    let killed_at = Instant::now();
    bench.revoke(revoked.id).await;
    let suspend = async |write: &mut Write| write.suspend_customer(suspended.id).await.unwrap();
    bench.commit(Event::of("customer.suspended", suspended.id), suspend).await;
    let mut accepted_until = Duration::ZERO;
    while killed_at.elapsed() < Duration::from_secs(7) {
        assert_eq!(bench.verdict(replica, &used.secret).await, "VALID");
        for changed in [&revoked, &orphan] {
            if bench.verdict(replica, &changed.secret).await == "VALID" {
                accepted_until = killed_at.elapsed();
            }
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(accepted_until < Duration::from_secs(4), "what was changed held until {accepted_until:?}");
    let metrics = bench.metrics(replica).await;
    assert_eq!((count_of(&metrics, "stale"), count_of(&metrics, "miss")), (0, misses), "nobody waited for a read");
}

#[tokio::test]
async fn what_redis_says_is_as_old_as_the_question() {
    let bench = KeysFixture::alone().await;
    let mut config = bench.config(1);
    let own = config.environments.values_mut().next().unwrap();
    own.redis = RedisConfig { timeout_ms: 1_000, ..own.redis.clone() };
    let replica = bench.replica(config).await;
    let revoked = bench.issue(policy()).await;
    let is_global = async || {
        bench.verify(&replica, json!({"key": revoked.secret})).await["limits"][0]["enforced"] == json!("global")
    };
    wait_for("Redis", is_global).await;
    let redis = bench.redis();
    redis.pause();
    let asked_at = Instant::now();
    let answered = async {
        tokio::time::sleep(Duration::from_millis(800)).await;
        redis.resume();
    };
    let (verdict, ()) = tokio::join!(bench.verdict(&replica, &revoked.secret), answered);
    assert_eq!(verdict, "VALID");
    redis.kill();
    bench.revoke(revoked.id).await;
    wait_for("the hard age", async || bench.verdict(&replica, &revoked.secret).await == "REVOKED").await;
    // From 3 s on it is read again: since the question, and not since the answer.
    assert!(asked_at.elapsed() < Duration::from_millis(3_600), "{:?}", asked_at.elapsed());
}

/// How many looks into the cache came to this.
fn count_of(metrics: &str, outcome: &str) -> u64 {
    let start = format!(r#"claviger_cache_total{{environment="staging",outcome="{outcome}"}} "#);
    metrics.lines().find_map(|line| line.strip_prefix(&start)).map_or(0, |count| count.parse().unwrap())
}

#[tokio::test]
async fn a_frozen_redis_delays_few_requests_and_no_later_ones() {
    let bench = KeysFixture::alone().await;
    let mut config = bench.config(1);
    let own = config.environments.values_mut().next().unwrap();
    own.redis = RedisConfig { timeout_ms: 50, ..own.redis.clone() };
    let replica = bench.replica(config).await;
    let issued = bench.issue(policy()).await;
    wait_for("Redis", async || {
        bench.verify(&replica, json!({"key": issued.secret})).await["limits"][0]["enforced"] == json!("global")
    })
    .await;
    bench.redis().pause();
    let mut slow = 0;
    for _ in 0..60 {
        let started = Instant::now();
        assert_eq!(bench.verdict(&replica, &issued.secret).await, "VALID");
        slow += u32::from(started.elapsed() > Duration::from_millis(40));
    }
    assert!(slow <= 20, "{slow} requests waited");
    bench.redis().resume();
    let resumed_at = Instant::now();
    wait_for("recovery", async || {
        bench.verify(&replica, json!({"key": issued.secret})).await["limits"][0]["enforced"] == json!("global")
    })
    .await;
    assert!(resumed_at.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn without_postgres_keys_in_use_go_on_and_others_get_503() {
    let mut bench = KeysFixture::alone().await;
    let replicas = bench.replicas(1).await;
    let replica = &replicas[0];
    let (used, unused) = (bench.issue(policy()).await, bench.issue(policy()).await);
    assert_eq!(bench.verdict(replica, &used.secret).await, "VALID");
    bench.postgres().kill();
    let killed_at = Instant::now();
    assert_eq!(bench.verdict(replica, &used.secret).await, "VALID");
    let question = json!({"key": unused.secret});
    let (status, problem) = bench.ask(replica, "/v1/keys/verify", &question).await;
    assert_eq!((status, &problem["code"]), (503, &json!("unavailable")));
    assert_eq!(problem["retry_after_ms"], json!(1_000));
    assert_eq!(bench.ready(replica).await.0, 200, "what was ready goes on with the keys it knows");

    bench.redis().kill();
    let started = Instant::now();
    assert_eq!(bench.verdict(replica, &used.secret).await, "VALID", "neither answers: an age of 30 s is tolerable");
    assert!(started.elapsed() < Duration::from_millis(500), "{:?}", started.elapsed());
    assert_eq!(bench.ask(replica, "/v1/keys/verify", &question).await.0, 503, "and never an unknown key");

    // A new Redis knows nothing, and that is no reason to refuse what is known; what it knows to be newer is one.
    wait_for("Postgres to count as gone", async || killed_at.elapsed() > Duration::from_secs(4)).await;
    bench.redis_mut().restart().await.unwrap();
    wait_for("the new Redis", async || {
        let answer = bench.verify(replica, json!({"key": used.secret})).await;
        assert_eq!(answer["verdict"], json!("VALID"), "{answer}");
        answer["limits"][0]["enforced"] == json!("global")
    })
    .await;
    assert_eq!(bench.ask(replica, "/v1/keys/verify", &question).await.0, 503);
    let changed = Generation { subject: Subject::Key(used.id), value: 1_000 };
    let publish = async || bench.counters.publish(bench.acme, &[changed], None).await.is_ok();
    wait_for("the way to the new Redis", publish).await;
    assert_eq!(bench.ask(replica, "/v1/keys/verify", &json!({"key": used.secret})).await.0, 503);
    bench.redis().kill();
    for _ in 0..20 {
        let asked = bench.ask(replica, "/v1/keys/verify", &json!({"key": used.secret})).await;
        assert_eq!(asked.0, 503, "it is not forgotten");
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
}

/// A new Redis that knows nothing vouches for nothing: what a replica keeps ends when it would have ended without it.
#[tokio::test]
async fn what_is_kept_without_postgres_grows_no_younger_by_use() {
    const AGE_MAX: Duration = Duration::from_secs(30);
    let mut bench = KeysFixture::alone().await;
    let replica = &bench.replicas(1).await[0];
    let issued = bench.issue(policy()).await;
    let question = json!({"key": issued.secret});
    assert_eq!(bench.verdict(replica, &issued.secret).await, "VALID");
    bench.redis().kill();
    let vouched_at = Instant::now();
    bench.postgres().kill();
    wait_for("Postgres to count as gone", async || vouched_at.elapsed() > Duration::from_secs(4)).await;
    bench.redis_mut().restart().await.unwrap();
    let mut last = vouched_at;
    while vouched_at.elapsed() < AGE_MAX + Duration::from_secs(2) {
        let asked_at = Instant::now();
        if bench.ask(replica, "/v1/keys/verify", &question).await.0 == 200 {
            last = asked_at;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let kept = last - vouched_at;
    assert!(kept > AGE_MAX / 2 && kept < AGE_MAX + Duration::from_millis(200), "{kept:?}");
}

/// A Postgres that is slow is not gone: the five seconds hold, whatever else is believed while neither store answers.
#[tokio::test]
async fn without_redis_a_slow_postgres_revives_no_revoked_key() {
    let bench = KeysFixture::alone().await;
    let replicas = bench.replicas(2).await;
    let revoked = bench.issue(policy()).await;
    for replica in &replicas {
        assert_eq!(bench.verdict(replica, &revoked.secret).await, "VALID");
    }
    bench.redis().kill();
    bench.revoke(revoked.id).await;
    let committed_at = Instant::now();
    wait_for("the promised bound", async || committed_at.elapsed() > Duration::from_secs(5)).await;
    for replica in &replicas {
        let mut owner = sqlx::PgConnection::connect(&bench.owner_url).await.unwrap();
        sqlx::raw_sql("begin; lock table keys").execute(&mut owner).await.unwrap();
        let held = tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(400)).await;
            sqlx::raw_sql("rollback").execute(&mut owner).await.unwrap();
        });
        assert_eq!(bench.verdict(replica, &revoked.secret).await, "REVOKED");
        held.await.unwrap();
    }
}

#[tokio::test]
async fn what_redis_was_not_told_is_repaired_within_five_seconds() {
    let bench = KeysFixture::start().await;
    let replicas = bench.replicas(2).await;
    let issued = bench.issue(policy()).await;
    for replica in &replicas {
        assert_eq!(bench.verdict(replica, &issued.secret).await, "VALID");
    }
    // The API committed, and could not reach Redis.
    let committed_at = Instant::now();
    bench.revoke(issued.id).await;
    for replica in &replicas {
        wait_for("the repair", async || bench.verdict(replica, &issued.secret).await == "REVOKED").await;
    }
    assert!(committed_at.elapsed() < Duration::from_secs(5), "{:?}", committed_at.elapsed());
}
