//! The promise of the limits over several replicas.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use domain::policy::Policy;
use serde_json::json;

use testkit::keys_fixture::{KeysFixture, limit, policy};

/// Nobody else is exact across nodes at this speed; this is the claim.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_replicas_under_many_callers_admit_exactly_the_limit() {
    let bench = Arc::new(KeysFixture::start().await);
    let replicas = Arc::new(bench.replicas(3).await);
    let issued = bench.issue(policy()).await;
    let (admitted, asked) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let callers: Vec<_> = (0..64)
        .map(|caller: usize| {
            let (bench, replicas, secret) = (Arc::clone(&bench), Arc::clone(&replicas), issued.secret.clone());
            let (admitted, asked) = (Arc::clone(&admitted), Arc::clone(&asked));
            tokio::spawn(async move {
                while asked.fetch_add(1, Ordering::SeqCst) < 1_600 {
                    let is_valid = bench.verdict(&replicas[caller % 3], &secret).await == "VALID";
                    admitted.fetch_add(u64::from(is_valid), Ordering::SeqCst);
                }
            })
        })
        .collect();
    for caller in callers {
        caller.await.unwrap();
    }
    assert_eq!(admitted.load(Ordering::SeqCst), 1_000);
}

#[tokio::test]
async fn named_costs_are_charged_and_unknown_names_refused_unspent() {
    let bench = KeysFixture::start().await;
    let replica = &bench.replicas(1).await[0];
    let issued = bench.issue(Policy { limits: vec![limit("requests", 10), limit("tokens", 100)], ..policy() }).await;
    let left = |answer: &serde_json::Value| [0, 1].map(|at| answer["limits"][at]["remaining"].as_u64().unwrap());
    let asked = json!({"key": issued.secret, "limits": [{"name": "tokens", "cost": 40}]});
    assert_eq!(left(&bench.verify(replica, asked.clone()).await), [9, 60]);
    let looked =
        json!({"key": issued.secret, "limits": [{"name": "tokens", "cost": 0}, {"name": "requests", "cost": 0}]});
    assert_eq!(left(&bench.verify(replica, looked.clone()).await), [9, 60]);
    assert_eq!(left(&bench.verify(replica, asked.clone()).await), [8, 20]);
    let refused = bench.verify(replica, asked.clone()).await;
    assert_eq!((&refused["verdict"], &refused["reason"]), (&json!("RATE_LIMITED"), &json!("tokens")));
    assert_eq!(left(&refused), [8, 20]);
    let above = json!({"key": issued.secret, "limits": [{"name": "tokens", "cost": 101}]});
    assert_eq!(bench.verify(replica, above).await["verdict"], json!("RATE_LIMITED"));

    let unknown = json!({"key": issued.secret, "limits": [{"name": "requests"}, {"name": "nonsense"}]});
    let (status, problem) = bench.ask(replica, "/v1/keys/verify", &unknown).await;
    assert_eq!((status, &problem["code"]), (422, &json!("validation")));
    assert_eq!(problem["errors"][0]["pointer"], json!("/limits/1/name"));
    let batch = json!({"requests": [{"key": issued.secret}, unknown]});
    let (status, problem) = bench.ask(replica, "/v1/keys/verify-batch", &batch).await;
    assert_eq!((status, &problem["errors"][0]["pointer"]), (422, &json!("/requests/1/limits/1/name")));
    assert_eq!(left(&bench.verify(replica, looked).await), [8, 20], "nothing of the batch was consumed");
}

#[tokio::test]
async fn a_new_secret_and_another_limit_never_refill_a_budget() {
    let bench = KeysFixture::start().await;
    let replica = &bench.replicas(1).await[0];
    let issued = bench.issue(Policy { limits: vec![limit("requests", 5)], ..policy() }).await;
    for _ in 0..5 {
        assert_eq!(bench.verdict(replica, &issued.secret).await, "VALID");
    }
    let (plain, secret) = bench.new_secret(bench.acme);
    bench.regenerate(&issued.key, &secret).await;
    assert_eq!(bench.verdict(replica, plain.expose()).await, "RATE_LIMITED");
    assert_eq!(bench.verdict(replica, &issued.secret).await, "REVOKED");
}
