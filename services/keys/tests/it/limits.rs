//! The promise of the limits over several replicas.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use domain::event::Event;
use domain::limit::Limit;
use domain::limit_settings::Rate;
use domain::policy::{AllOr, Policy};
use serde_json::{Value, json};

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
    assert_eq!((&refused["verdict"], &refused["limit_name"]), (&json!("RATE_LIMITED"), &json!("tokens")));
    assert_eq!((left(&refused), &refused["reason"]), ([8, 20], &json!(null)));
    let above = json!({"key": issued.secret, "limits": [{"name": "tokens", "cost": 101}]});
    assert_eq!(bench.verify(replica, above).await["verdict"], json!("RATE_LIMITED"));

    let unknown = json!({"key": issued.secret, "limits": [{"name": "requests"}, {"name": "nonsense"}]});
    let (status, problem) = bench.ask(replica, "/v1/keys/verify", &unknown).await;
    assert_eq!((status, &problem["code"]), (422, &json!("validation")));
    assert_eq!(problem["errors"][0]["pointer"], json!("/limits/1/name"));
    let batch = json!({"requests": [{"key": issued.secret}, unknown]});
    let (status, answer) = bench.ask(replica, "/v1/keys/verify-batch", &batch).await;
    assert_eq!((status, &answer["results"][0]["verdict"]), (200, &json!("VALID")));
    assert_eq!(answer["results"][1]["errors"][0]["pointer"], json!("/requests/1/limits/1/name"));
    assert_eq!(left(&bench.verify(replica, looked).await), [7, 19], "the bad question consumed nothing");
}

#[tokio::test]
async fn a_limit_says_whose_it_is_and_counts_what_it_should() {
    let bench = KeysFixture::start().await;
    let replica = &bench.replicas(1).await[0];
    let by_name = |name: &str, of| Limit { auto: false, ..limit(name, of) };
    let customer = bench.insert_customer("shared", vec![limit("requests", 30)]).await;
    let own = vec![limit("requests", 10), by_name("exports", 2)];
    let issued = bench.issue(Policy { limits: own, customers: AllOr::Only(vec![customer.id]), ..policy() }).await;
    let told = |answer: &Value| {
        let one = |limit: &Value| (limit["of"].clone(), limit["name"].clone(), limit["remaining"].clone());
        answer["limits"].as_array().unwrap().iter().map(one).collect::<Vec<_>>()
    };
    let (key, shared) = (json!("key"), json!("customer"));
    let answer = bench.verify(replica, json!({"key": issued.secret})).await;
    let requests = json!("requests");
    let expected = [(key.clone(), requests.clone(), json!(9)), (shared.clone(), requests.clone(), json!(29))];
    assert_eq!(told(&answer), expected, "one that is not automatic counts only where it is named");
    let named = json!({"key": issued.secret, "limits": [{"name": "exports", "cost": 2}]});
    let answer = bench.verify(replica, named.clone()).await;
    let exports = (key.clone(), json!("exports"), json!(0));
    let expected = [(key.clone(), requests.clone(), json!(8)), exports, (shared, requests.clone(), json!(28))];
    assert_eq!(told(&answer), expected);
    let refused = bench.verify(replica, named).await;
    assert_eq!((&refused["verdict"], &refused["limit_name"]), (&json!("RATE_LIMITED"), &json!("exports")));
    assert_eq!(refused["retry_after_ms"], refused["limits"][1]["reset_ms"], "both say when there is room again");
    assert_eq!(bench.verdict(replica, &issued.secret).await, "VALID", "it binds nothing else");
    let above = json!({"key": issued.secret, "limits": [{"name": "exports", "cost": 3}]});
    assert_eq!(bench.verify(replica, above).await.get("retry_after_ms"), None, "waiting never helps");
    let organization = bench.insert_organization("own", vec![limit("requests", 20), by_name("exports", 5)]).await;
    let free = bench.issue_for(organization, Policy { limits: Vec::new(), ..policy() }, None).await;
    let answer = bench.verify(replica, json!({"key": free.secret})).await;
    assert_eq!(told(&answer), [(json!("organization"), requests, json!(19))]);
}

/// Without a key, over replicas: the same exactness, and what is configured holds from the next request on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_limit_without_a_key_is_exact_over_replicas() {
    let bench = Arc::new(KeysFixture::start().await);
    let replicas = Arc::new(bench.replicas(3).await);
    let body = |limit: u64| {
        json!({"organization": bench.acme.to_string(), "namespace": "mail", "identifier": "anna", "limit": limit,
            "window_ms": 3_600_000})
    };
    let (admitted, body_of_all) = (Arc::new(AtomicU64::new(0)), body(200));
    let callers: Vec<_> = (0..30)
        .map(|caller: usize| {
            let (bench, replicas) = (Arc::clone(&bench), Arc::clone(&replicas));
            let (admitted, body) = (Arc::clone(&admitted), body_of_all.clone());
            tokio::spawn(async move {
                for at in 0..10 {
                    let (status, answer) = bench.ask(&replicas[(caller + at) % 3], "/v1/limits/spend", &body).await;
                    assert_eq!((status, &answer["enforced"]), (200, &json!("global")), "{answer}");
                    admitted.fetch_add(u64::from(answer["admitted"] == true), Ordering::SeqCst);
                }
            })
        })
        .collect();
    for caller in callers {
        caller.await.unwrap();
    }
    assert_eq!(admitted.load(Ordering::SeqCst), 200);
    for limit in [201, 202] {
        let rate = Some(Rate { limit, window_ms: 3_600_000 });
        let set = async |write: &mut store::Write| write.set_limit_namespace("mail", rate).await.unwrap();
        let (_, committed) = bench.commit(Event::of("limit_namespace.set", "mail"), set).await;
        bench.publish(bench.acme, &committed).await;
        let mut admitted = 0;
        for replica in &*replicas {
            let (_, answer) = bench.ask(replica, "/v1/limits/spend", &body(200)).await;
            assert_eq!((&answer["limit"], &answer["source"]), (&json!(limit), &json!("namespace")), "on every replica");
            admitted += u64::from(answer["admitted"] == true);
        }
        assert_eq!(admitted, 1);
    }
    let foreign = json!({"organization": bench.globex.to_string(), "namespace": "mail", "identifier": "anna"});
    let (status, answer) = bench.ask(&replicas[0], "/v1/limits/spend", &foreign).await;
    assert_eq!((status, &answer["errors"][0]["pointer"]), (422, &json!("/limit")), "another organization's is its own");
    for organization in ["acme", "org_0000000000000000000000"] {
        let mut nobody = body(1);
        nobody["organization"] = json!(organization);
        assert_eq!(bench.ask(&replicas[0], "/v1/limits/spend", &nobody).await.0, 422, "{organization}");
    }
    let mut absent = body(1);
    absent["organization"] = json!("org_01000000000000000000ab");
    assert_eq!(bench.ask(&replicas[0], "/v1/limits/spend", &absent).await.0, 404);
}

#[tokio::test]
async fn a_question_counts_by_its_own_numbers_where_none_are_set() {
    let bench = KeysFixture::start().await;
    let replica = &bench.replicas(1).await[0];
    let (one, two) = (bench.issue(policy()).await, bench.issue(policy()).await);
    let ask = async |secret: &str, limit: Value| {
        let answer = bench.verify(replica, json!({"key": secret, "limits": [limit]})).await;
        let told = answer["limits"].as_array().unwrap().last().unwrap().clone();
        assert_eq!(told["of"], json!("key"), "{answer}");
        (answer["verdict"].as_str().unwrap().to_owned(), told["remaining"].as_u64().unwrap())
    };
    let exports = |cost: u64| json!({"name": "exports", "limit": 3, "window_ms": 60_000, "cost": cost});
    let valid = |left| ("VALID".to_owned(), left);
    for _ in 0..5 {
        assert_eq!(ask(&one.secret, exports(0)).await, valid(3));
    }
    assert_eq!(ask(&one.secret, exports(2)).await, valid(1));
    assert_eq!(ask(&two.secret, exports(2)).await, valid(1), "another key, another counter");
    assert_eq!(ask(&one.secret, exports(2)).await, ("RATE_LIMITED".to_owned(), 1));
    let hourly = json!({"name": "exports", "limit": 3, "window_ms": 3_600_000});
    assert_eq!(ask(&one.secret, hourly).await, valid(2), "another window, another counter");
    for (limit, pointer) in [
        (json!({"name": "exports", "limit": 3}), "/limits/0"),
        (json!({"name": "exports", "window_ms": 60_000}), "/limits/0"),
        (json!({"name": "Exports", "limit": 3, "window_ms": 60_000}), "/limits/0/name"),
        (json!({"name": "exports", "limit": 0, "window_ms": 60_000}), "/limits/0/limit"),
        (json!({"name": "exports", "limit": 3, "window_ms": 60_000, "cost": 1_000_000_001}), "/limits/0/cost"),
    ] {
        let asked = json!({"key": one.secret, "limits": [limit]});
        let (status, problem) = bench.ask(replica, "/v1/keys/verify", &asked).await;
        assert_eq!((status, &problem["errors"][0]["pointer"]), (422, &json!(pointer)), "{problem}");
    }
    let many: Vec<Value> =
        (0..11).map(|at| json!({"name": format!("n{at}"), "limit": 3, "window_ms": 60_000})).collect();
    let (status, _) = bench.ask(replica, "/v1/keys/verify", &json!({"key": one.secret, "limits": many})).await;
    assert_eq!(status, 422);
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
