//! Credits: a balance and its refill change apart, beside those who spend, and only as far as the caller's authority goes.

use std::sync::Arc;

use domain::environment::Environment;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Caller, Installation, Side};

async fn post(side: &Side, caller: &Caller, key: &str, body: Value) -> Answer {
    side.ask(caller, Method::POST, &side.path(&format!("keys/{key}/credits")), Some(body)).await
}

async fn credits(side: &Side, key: &str) -> Value {
    side.root(Method::GET, &side.path(&format!("keys/{key}")), None).await["credits"].clone()
}

async fn spend(side: &Side, secret: &Caller, cost: i64) -> Value {
    let body = json!({"key": secret.secret(), "cost": cost});
    side.root(Method::POST, "/v1/keys/verify", Some(body)).await
}

#[tokio::test]
async fn a_balance_and_its_refill_change_apart() {
    let installation = Installation::start().await;
    let side = installation.side(Environment::Production);
    let daily = json!({"amount": 50, "interval": "daily"});
    let body = json!({"name": "counted", "credits": {"remaining": 10, "refill": daily}});
    let (key, secret) = side.create_key(body).await;
    let patch = async |body: Value| {
        let path = side.path(&format!("keys/{key}"));
        let answer = side.change(&side.root_key(), &path, Some(json!({"credits": body})), "*").await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json()["credits"].clone()
    };
    assert_eq!(patch(json!({"remaining": 20})).await, json!({"remaining": 20, "refill": daily}), "the refill stays");
    spend(side, &secret, 3).await;
    let hourly = json!({"amount": 5, "interval": "hourly", "hours": 6});
    assert_eq!(patch(json!({"refill": hourly})).await, json!({"remaining": 17, "refill": hourly}), "the balance stays");
    let weekly = json!({"amount": 5, "interval": "weekly", "day": 7});
    assert_eq!(patch(json!({"refill": weekly})).await["refill"], weekly);
    assert_eq!(patch(json!({"refill": "none"})).await, json!({"remaining": 17, "refill": null}));
    assert_eq!(patch(json!("unlimited")).await, Value::Null);
    assert_eq!(spend(side, &secret, 1_000).await["credits"], Value::Null, "from the next request on");
    let path = side.path(&format!("keys/{key}"));
    let refused = side.change(&side.root_key(), &path, Some(json!({"credits": {"refill": weekly}})), "*").await;
    assert_eq!((refused.status, &refused.json()["errors"][0]["pointer"]), (422, &json!("/credits/remaining")));
    assert_eq!(patch(json!({"remaining": 1, "refill": weekly})).await, json!({"remaining": 1, "refill": weekly}));
    assert_eq!(spend(side, &secret, 2).await["verdict"], "USAGE_EXCEEDED");
}

#[tokio::test]
async fn what_is_no_balance_is_refused_where_it_stands() {
    let installation = Installation::start().await;
    let side = installation.side(Environment::Staging);
    let (key, _) = side.create_key(json!({"name": "counted", "credits": {"remaining": 1}})).await;
    let refill = |refill: Value| json!({"remaining": 1, "refill": refill});
    for (credits, pointer) in [
        (json!({}), "/credits/remaining"),
        (json!({"remaining": -1}), "/credits/remaining"),
        (json!({"remaining": 1_000_000_000_001_u64}), "/credits/remaining"),
        (refill(json!({"amount": 0, "interval": "daily"})), "/credits/refill/amount"),
        (refill(json!({"amount": 1, "interval": "weekly", "day": 8})), "/credits/refill/day"),
        (refill(json!({"amount": 1, "interval": "hourly", "hours": 745})), "/credits/refill/hours"),
        (refill(json!({"amount": 1, "interval": "hourly", "day": 1})), "/credits/refill/day"),
        (refill(json!({"amount": 1, "interval": "monthly", "hours": 1})), "/credits/refill/hours"),
        (json!("all"), "/credits"),
    ] {
        let body = json!({"name": side.fresh("new"), "credits": credits});
        let refused = side.ask(&side.root_key(), Method::POST, &side.path("keys"), Some(body)).await;
        let found = refused.json()["errors"][0]["pointer"].clone();
        assert_eq!((refused.status, found.as_str()), (422, Some(pointer)), "{credits}: {}", refused.text);
    }
    for body in [
        json!({}),
        json!({"add": 1, "set": 1}),
        json!({"add": null}),
        json!({"add": 1.5}),
        json!({"add": 1_000_000_000_000_i64}),
        json!({"add": i64::MIN}),
        json!({"set": -1}),
        json!({"set": i64::MAX}),
    ] {
        let refused = post(side, &side.root_key(), &key, body.clone()).await;
        assert_eq!(refused.status, 422, "{body}: {}", refused.text);
    }
    assert_eq!(credits(side, &key).await["remaining"], 1);
    let (free, _) = side.create_key(json!({"name": "free", "credits": "unlimited"})).await;
    let refused = post(side, &side.root_key(), &free, json!({"add": 1})).await;
    assert_eq!((refused.status, refused.json()["code"].as_str()), (409, Some("conflict")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_additions_beside_fifty_spendings_lose_nothing() {
    let installation = Arc::new(Installation::start().await);
    let side = installation.side(Environment::Production);
    let refill = json!({"amount": 7, "interval": "monthly", "day": 31});
    let (key, secret) = side.create_key(json!({"name": "raced", "credits": {"remaining": 50, "refill": refill}})).await;
    let additions = (0..50).map(async |at: usize| {
        // Each is sent twice: the second time it adds nothing.
        let (path, body, attempt) = (side.path(&format!("keys/{key}/credits")), json!({"add": 2}), format!("add {at}"));
        let root = side.root_key();
        let send = || side.ask_once(&root, &path, &body, &attempt);
        let first = send().await;
        assert_eq!(first.status, 200, "{}", first.text);
        let again = send().await;
        assert_eq!((again.status, again.json()["credits"].clone()), (200, first.json()["credits"].clone()));
    });
    let spendings = (0..50).map(async |_| {
        let answer = spend(side, &secret, 1).await;
        assert_eq!(answer["verdict"], "VALID", "{answer}");
    });
    futures_util::future::join(futures_util::future::join_all(additions), futures_util::future::join_all(spendings))
        .await;
    assert_eq!(credits(side, &key).await, json!({"remaining": 50 + 100 - 50, "refill": refill}));
    let set = post(side, &side.root_key(), &key, json!({"set": 4})).await;
    assert_eq!(set.json()["credits"], json!({"remaining": 4, "refill": refill}));
    let (action, details) = installation.last_event(Environment::Production).await;
    assert_eq!((action.as_str(), &details["set"]), ("key.credits_changed", &json!(4)));
    assert_eq!(details["changed"]["credits"]["before"]["remaining"], 100);
    let taken = post(side, &side.root_key(), &key, json!({"add": -9})).await;
    assert_eq!(taken.json()["credits"]["remaining"], 0, "never less than nothing");
}

#[tokio::test]
async fn adding_credits_needs_what_making_the_key_needs() {
    let installation = Installation::start().await;
    let side = installation.side(Environment::Development);
    let make = async |name: &str, permissions: &[&str], extra: Value| {
        let mut body = json!({"name": name, "permissions": permissions});
        body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        side.create_key(body).await
    };
    let balance = json!({"credits": {"remaining": 10}});
    let (weak, _) = make("weak", &["documents.read"], balance.clone()).await;
    let (strong, _) = make("strong", &["customers.read"], balance).await;
    let (_, editor) = make("editor", &["keys.update"], json!({})).await;
    let (_, maker) = make("maker", &["keys.update", "keys.create", "documents.read"], json!({})).await;
    let held = json!({"credits": {"remaining": 12}});
    let (own, counted) = make("counted", &["keys.update", "keys.create", "documents.read"], held).await;
    let outcome = async |caller: &Caller, key: &str, body: Value| {
        let answer = post(side, caller, key, body).await;
        let code = if answer.status == 200 { String::new() } else { answer.json()["code"].to_string() };
        (answer.status, code.trim_matches('"').to_owned())
    };
    let lacks = (403, "insufficient-permissions".to_owned());
    let exceeds = (403, "exceeds-grantor".to_owned());
    let done = (200, String::new());
    for more in [json!({"add": 1}), json!({"set": 11})] {
        assert_eq!(outcome(&editor, &weak, more.clone()).await, lacks, "{more}");
        assert_eq!(outcome(&maker, &strong, more.clone()).await, exceeds, "{more}");
    }
    assert_eq!(outcome(&editor, &weak, json!({"add": -1})).await, done);
    assert_eq!(outcome(&maker, &weak, json!({"add": 1})).await, done);
    assert_eq!(outcome(&counted, &weak, json!({"add": 3})).await, exceeds, "13 are more than 12");
    assert_eq!(outcome(&counted, &weak, json!({"add": 2})).await, done);
    assert_eq!(outcome(&counted, &own, json!({"add": 1})).await, exceeds, "nobody fills up its own");
    let absent = "key_01000000000000000000ab";
    let hidden = post(side, &side.other_organization_key(), &weak, json!({"add": 1})).await;
    assert_eq!(hidden.status, 404, "{}", hidden.text);
    let customer = side.create_customer("one").await;
    let (_, limited) = make("limited", &["keys.update", "keys.create"], json!({"customers": [customer]})).await;
    let unseen = post(side, &limited, &weak, json!({"add": 1})).await;
    assert_eq!(unseen.without_request_id(), post(side, &limited, absent, json!({"add": 1})).await.without_request_id());
    assert_eq!(credits(side, &weak).await["remaining"], 12);
}
