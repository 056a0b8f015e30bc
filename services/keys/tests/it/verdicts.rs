//! Each verdict, the order of the checks, and that nothing is consumed before the last two.

use chrono::Duration;
use domain::addresses::IpRule;
use domain::environment::Environment;
use domain::event::Event;
use domain::hosts::HostName;
use domain::permission::PermissionName;
use domain::policy::{AllOr, Credits, Policy};
use domain::secret::{PlainSecret, Prefix};
use serde_json::{Value, json};

use testkit::keys_fixture::{ENVIRONMENT, KeysFixture, limit, policy, wrong_secret};

async fn told(bench: &KeysFixture, question: Value) -> (String, Value) {
    let replicas = bench.replicas(1).await;
    let answer = bench.verify(&replicas[0], question).await;
    (answer["verdict"].as_str().unwrap().to_owned(), answer)
}

#[tokio::test]
async fn a_valid_key_is_told_with_every_member() {
    let bench = KeysFixture::start().await;
    let issued = bench.issue(policy()).await;
    let (verdict, answer) = told(&bench, json!({"key": issued.secret})).await;
    assert_eq!(verdict, "VALID");
    let mut members: Vec<&str> = answer.as_object().unwrap().keys().map(String::as_str).collect();
    members.sort_unstable();
    let promised = [
        "credits",
        "customer",
        "environment",
        "expires_at",
        "key_id",
        "kind",
        "limit_name",
        "limits",
        "metadata",
        "missing_permissions",
        "name",
        "organization_id",
        "permissions",
        "reason",
        "request_id",
        "roles",
        "secret_id",
        "trace",
        "verdict",
    ];
    assert_eq!(members, promised);
    assert_eq!(answer["key_id"], json!(issued.id.to_string()));
    assert_eq!(answer["organization_id"], json!(bench.acme.to_string()));
    assert_eq!(answer["environment"], json!(ENVIRONMENT.name()));
    let requests = &answer["limits"][0];
    assert_eq!((&requests["name"], &requests["remaining"]), (&json!("requests"), &json!(999)));
    assert_eq!(requests["enforced"], json!("global"));
}

#[tokio::test]
async fn who_proved_no_secret_learns_nothing() {
    let bench = KeysFixture::start().await;
    let replica = &bench.replicas(1).await[0];
    let issued = bench.issue(policy()).await;
    let foreign = bench.issue_for(bench.globex, policy(), None).await;
    let wrong = wrong_secret(&issued.secret);
    let unknown = PlainSecret::generate(&Prefix::organization(), ENVIRONMENT).expose().to_owned();
    let within = json!({"organization_id": bench.acme.to_string(), "customers": "all", "domains": "all"});
    let mut bodies = Vec::new();
    for key in [&wrong, &unknown, &foreign.secret, &wrong] {
        let question = json!({"within": within, "requests": [{"key": key}], "request_id": "req_same"});
        bodies.push(bench.ask_raw(replica, "/internal/v1/verify", question.to_string()).await);
    }
    for body in &bodies {
        assert_eq!(body, &(200, r#"{"results":[{"verdict":"NOT_FOUND","request_id":"req_same"}]}"#.to_owned()));
    }
    let elsewhere = PlainSecret::generate(&Prefix::organization(), Environment::Production);
    for (key, verdict) in [
        ("", "MALFORMED"),
        ("clv_stag_x", "MALFORMED"),
        ("clv\nstag", "MALFORMED"),
        (&issued.secret.replace("clv_", "clw_"), "MALFORMED"),
        ("eyJhbGciOiJFZERTQSJ9.e30.AAAA", "MALFORMED"),
        (elsewhere.expose(), "WRONG_ENVIRONMENT"),
    ] {
        let answer = bench.verify(replica, json!({"key": key})).await;
        assert_eq!(answer["verdict"], json!(verdict), "{key}");
        assert_eq!(answer.as_object().unwrap().len(), 2, "{answer}");
    }
}

/// A key with which everything is wrong; the question that nothing satisfies; then one mistake after another is mended.
#[tokio::test]
async fn the_first_failed_check_is_the_verdict_and_consumes_nothing() {
    let bench = KeysFixture::start().await;
    let replica = &bench.replicas(1).await[0];
    let now = bench.now().await;
    let customer = bench.insert_customer("them", vec![]).await;
    let strict = Policy {
        domains: AllOr::Only(vec![HostName::parse("shop.acme.com").unwrap()]),
        customers: AllOr::Only(vec![customer.id]),
        ips: AllOr::Only(vec![IpRule::parse("203.0.113.0/24").unwrap()]),
        not_before: Some(now + Duration::days(1)),
        expires_at: Some(now + Duration::days(2)),
        limits: vec![limit("requests", 1)],
        ..policy()
    };
    let issued = bench.issue_for(bench.acme, strict.clone(), Some(Credits { remaining: 1, refill: None })).await;
    let mut asked = json!({"key": issued.secret, "permissions": ["documents.read"]});
    let expect = async |asked: &Value, verdict: &str, reason: Option<&str>| {
        let answer = bench.verify(replica, asked.clone()).await;
        assert_eq!((&answer["verdict"], &answer["reason"]), (&json!(verdict), &json!(reason)), "{answer}");
        answer
    };
    let update = async |policy: Policy| {
        let generation = find_generation(&bench, issued.id).await;
        let change = testkit::keys_fixture::change(policy, Some(Credits { remaining: 1, refill: None }));
        let event = Event::of("key.updated", issued.id);
        let (_, committed) = bench
            .commit(event, async |write| write.update_key(issued.id, generation, &change).await.unwrap().unwrap())
            .await;
        bench.publish(bench.acme, &committed).await;
    };

    let event = Event::of("organization.suspended", bench.acme);
    let (_, committed) = bench.commit(event, async |write| write.suspend_organization().await.unwrap()).await;
    bench.publish(bench.acme, &committed).await;
    let committed = bench.revoke(issued.id).await;
    bench.publish(bench.acme, &committed).await;
    expect(&asked, "SUSPENDED", Some("ORGANIZATION_SUSPENDED")).await;

    let event = Event::of("organization.resumed", bench.acme);
    let (_, committed) = bench.commit(event, async |write| write.resume_organization().await.unwrap()).await;
    bench.publish(bench.acme, &committed).await;
    expect(&asked, "REVOKED", Some("KEY_REVOKED")).await;

    let event = Event::of("key.reactivated", issued.id);
    let (_, committed) = bench.commit(event, async |write| write.reactivate_key(issued.id).await.unwrap()).await;
    bench.publish(bench.acme, &committed).await;
    expect(&asked, "NOT_YET_VALID", None).await;

    update(Policy { not_before: None, ..strict.clone() }).await;
    expect(&asked, "FORBIDDEN", Some("IP_NOT_ALLOWED")).await;
    asked["client_ip"] = json!("203.0.113.9");
    expect(&asked, "FORBIDDEN", Some("DOMAIN_NOT_ALLOWED")).await;
    asked["domain"] = json!("SHOP.acme.com");
    asked["customer"] = json!("somebody else");
    expect(&asked, "FORBIDDEN", Some("CUSTOMER_NOT_ALLOWED")).await;
    asked["customer"] = json!("them");
    let answer = expect(&asked, "INSUFFICIENT_PERMISSIONS", None).await;
    assert_eq!(answer["missing_permissions"], json!(["documents.read"]));
    assert_eq!(answer["limits"][0]["remaining"], json!(1), "nothing is consumed yet");

    let permitted = vec![PermissionName::parse("documents.read").unwrap()];
    update(Policy { not_before: None, permissions: permitted, ..strict }).await;
    asked["cost"] = json!(2);
    let short = expect(&asked, "USAGE_EXCEEDED", None).await;
    assert_eq!((&short["limits"][0]["remaining"], &short["credits"]), (&json!(1), &json!(1)), "given back");
    asked["cost"] = json!(1);
    let valid = expect(&asked, "VALID", None).await;
    assert_eq!((&valid["credits"], &valid["customer"]["id"]), (&json!(0), &json!(customer.id.to_string())));
    assert_eq!((&valid["limit_name"], &valid["roles"]), (&json!(null), &json!([])));
    let limited = expect(&asked, "RATE_LIMITED", None).await;
    assert_eq!(limited["limit_name"], json!("requests"));
    assert_eq!(limited["credits"], json!(0), "told whatever the verdict");
    assert!(limited["retry_after_ms"].as_u64().unwrap() > 50_000);
}

#[tokio::test]
async fn every_verdict_of_a_proven_key_tells_its_balance() {
    let bench = KeysFixture::start().await;
    let replica = &bench.replicas(1).await[0];
    let restricted = Policy { limits: vec![limit("requests", 2)], ..policy() };
    let credits = Some(Credits { remaining: 7, refill: None });
    let issued = bench.issue_for(bench.acme, restricted, credits).await;
    let ask = async |extra: Value| {
        let mut question = json!({"key": issued.secret});
        question.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        let answer = bench.verify(replica, question).await;
        (answer["verdict"].as_str().unwrap().to_owned(), answer["credits"].as_i64())
    };
    let told = |verdict: &str, left| (verdict.to_owned(), Some(left));
    for _ in 0..20 {
        let looks = json!({"cost": 0, "limits": [{"name": "requests", "cost": 0}]});
        assert_eq!(ask(looks).await, told("VALID", 7), "a cost of 0 asks without spending");
    }
    assert_eq!(ask(json!({"permissions": ["a.b"]})).await, told("INSUFFICIENT_PERMISSIONS", 7));
    assert_eq!(ask(json!({"cost": 8})).await, told("USAGE_EXCEEDED", 7));
    assert_eq!(ask(json!({"cost": 5})).await, told("VALID", 2));
    assert_eq!(ask(json!({"cost": 2})).await, told("VALID", 0));
    assert_eq!(ask(json!({"cost": 0})).await, told("RATE_LIMITED", 0));
    let (status, _) = bench.ask(replica, "/v1/keys/verify", &json!({"key": issued.secret, "cost": -1})).await;
    assert_eq!(status, 422, "nothing is given back by asking");
    let committed = bench.revoke(issued.id).await;
    bench.publish(bench.acme, &committed).await;
    assert_eq!(ask(json!({})).await, told("REVOKED", 0));
    let free = bench.issue(policy()).await;
    assert_eq!(bench.verify(replica, json!({"key": free.secret})).await["credits"], Value::Null);
}

async fn find_generation(bench: &KeysFixture, key: domain::ids::KeyId) -> i64 {
    let mut write = bench.write(bench.acme).await;
    write.find_key(key).await.unwrap().unwrap().generation
}

/// The promise is the second; the replica carries on the time that it was told, and the machine may be busy.
#[tokio::test]
async fn a_key_ends_at_its_instant_in_postgres_time() {
    let bench = KeysFixture::start().await;
    let replica = &bench.replicas(1).await[0];
    let end = bench.now().await + Duration::seconds(2);
    let issued = bench.issue(Policy { expires_at: Some(end), limits: Vec::new(), ..policy() }).await;
    assert_eq!(bench.verdict(replica, &issued.secret).await, "VALID");
    loop {
        let before = bench.now().await;
        let verdict = bench.verdict(replica, &issued.secret).await;
        let after = bench.now().await;
        if after < end - Duration::milliseconds(250) {
            assert_eq!(verdict, "VALID");
        }
        if before >= end + Duration::milliseconds(250) {
            assert_eq!(verdict, "EXPIRED");
            return;
        }
    }
}

#[tokio::test]
async fn explaining_runs_every_check_and_consumes_nothing() {
    let bench = KeysFixture::start().await;
    let replica = &bench.replicas(1).await[0];
    let rules = AllOr::Only(vec![IpRule::parse("203.0.113.0/24").unwrap()]);
    let credits = Some(Credits { remaining: 3, refill: None });
    let restricted = Policy { ips: rules, limits: vec![limit("requests", 5)], ..policy() };
    let issued = bench.issue_for(bench.acme, restricted, credits).await;
    let asked = json!({"key": issued.secret, "permissions": ["a.b"], "explain": true});
    for _ in 0..10 {
        let answer = bench.verify(replica, asked.clone()).await;
        assert_eq!(answer["verdict"], json!("FORBIDDEN"), "the first failure: {answer}");
        let trace = answer["trace"].as_array().unwrap();
        let told: Vec<(&str, &str)> =
            trace.iter().map(|step| (step["check"].as_str().unwrap(), step["outcome"].as_str().unwrap())).collect();
        let expected = [
            ("shape", "passed"),
            ("environment", "passed"),
            ("secret", "passed"),
            ("organization", "passed"),
            ("revocation", "passed"),
            ("time", "passed"),
            ("client_ip", "failed"),
            ("domain", "passed"),
            ("customer", "passed"),
            ("permissions", "failed"),
            ("limits", "passed"),
            ("credits", "passed"),
        ];
        assert_eq!(told, expected);
        assert_eq!((&answer["limits"][0]["remaining"], &answer["credits"]), (&json!(5), &json!(3)));
    }
    let allowed = json!({"key": issued.secret, "client_ip": "203.0.113.1", "explain": true});
    for _ in 0..10 {
        let answer = bench.verify(replica, allowed.clone()).await;
        assert_eq!((&answer["verdict"], &answer["limits"][0]["remaining"]), (&json!("VALID"), &json!(5)));
    }
}

#[tokio::test]
async fn a_key_of_one_customer_stands_for_it_and_shares_its_limits() {
    let bench = KeysFixture::start().await;
    let replica = &bench.replicas(1).await[0];
    let customer = bench.insert_customer("shared", vec![limit("customer", 3)]).await;
    let only = || Policy { customers: AllOr::Only(vec![customer.id]), ..policy() };
    let (one, two) = (bench.issue(only()).await, bench.issue(only()).await);
    for key in [&one, &two, &one] {
        let answer = bench.verify(replica, json!({"key": key.secret})).await;
        let told = json!({"id": customer.id, "external_id": "shared", "name": "shared", "metadata": {}});
        assert_eq!((&answer["verdict"], &answer["customer"]), (&json!("VALID"), &told));
    }
    let answer = bench.verify(replica, json!({"key": two.secret})).await;
    assert_eq!((&answer["verdict"], &answer["limit_name"]), (&json!("RATE_LIMITED"), &json!("customer")));
    let remaining = answer["limits"].as_array().unwrap().iter().map(|limit| limit["remaining"].as_u64().unwrap());
    assert_eq!(remaining.collect::<Vec<_>>(), [999, 0], "all or nothing: the key's own limit lost nothing");

    let event = Event::of("customer.suspended", customer.id);
    let (_, committed) = bench.commit(event, async |write| write.suspend_customer(customer.id).await.unwrap()).await;
    bench.publish(bench.acme, &committed).await;
    let answer = bench.verify(replica, json!({"key": one.secret})).await;
    assert_eq!((&answer["verdict"], &answer["reason"]), (&json!("SUSPENDED"), &json!("CUSTOMER_SUSPENDED")));
}

#[tokio::test]
async fn a_deleted_key_tells_nothing_but_that_it_is_not_valid() {
    let bench = KeysFixture::start().await;
    let replica = &bench.replicas(1).await[0];
    let issued = bench.issue(policy()).await;
    let ask = async |extra: Value| {
        let mut question = json!({"key": issued.secret});
        question.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        let mut answer = bench.verify(replica, question).await;
        answer.as_object_mut().unwrap().remove("request_id").unwrap();
        answer
    };
    assert_eq!(ask(json!({})).await["name"], json!(issued.key.name));
    let delete = async |write: &mut store::Write| write.delete_key(issued.id).await.unwrap();
    let (_, committed) = bench.commit(Event::of("key.deleted", issued.id), delete).await;
    bench.publish(bench.acme, &committed).await;
    let refused = json!({"verdict": "REVOKED"});
    let suspend = async |write: &mut store::Write| write.suspend_organization().await.unwrap();
    for is_suspended in [false, true] {
        if is_suspended {
            let (_, committed) = bench.commit(Event::of("organization.suspended", bench.acme), suspend).await;
            bench.publish(bench.acme, &committed).await;
        }
        for extra in [
            json!({}),
            json!({"explain": true}),
            json!({"permissions": ["documents.read"]}),
            json!({"customer": "them", "limits": [{"name": "requests"}, {"name": "nonsense"}]}),
        ] {
            assert_eq!(ask(extra.clone()).await, refused, "{extra} {is_suspended}");
        }
    }
    let question = json!({"key": issued.secret, "client_ip": null, "request_id": "req_test"});
    let (_, answer) = bench.ask(replica, "/internal/v1/authenticate", &question).await;
    assert_eq!((&answer["verdict"], &answer["reason"]), (&json!("REVOKED"), &Value::Null), "as a caller, too");
}

#[tokio::test]
async fn nothing_is_told_of_a_customer_that_the_key_is_not_for() {
    let bench = KeysFixture::start().await;
    let replica = &bench.replicas(1).await[0];
    let own = bench.insert_customer("own", vec![]).await;
    let other = bench.insert_customer("other", vec![]).await;
    let issued = bench.issue(Policy { customers: AllOr::Only(vec![own.id]), ..policy() }).await;
    for named in ["other", &other.id.to_string(), "nobody"] {
        let answer = bench.verify(replica, json!({"key": issued.secret, "customer": named})).await;
        assert_eq!((&answer["reason"], &answer["customer"]), (&json!("CUSTOMER_NOT_ALLOWED"), &Value::Null), "{named}");
    }
    let answer = bench.verify(replica, json!({"key": issued.secret, "customer": "own"})).await;
    assert_eq!((&answer["verdict"], &answer["customer"]["id"]), (&json!("VALID"), &json!(own.id)));
}
