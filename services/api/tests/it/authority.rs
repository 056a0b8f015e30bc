//! No key can make another stronger than it is itself: by making, importing, regenerating, reactivating or changing it.

use std::time::Duration;

use domain::environment::Environment;
use domain::permission::{Permission, Plane};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Caller, Installation, Side};

/// What a key holds that can do whatever a key of the organization can.
fn everything() -> Vec<&'static str> {
    let grantable = Permission::ALL.iter().filter(|permission| permission.plane() == Plane::Organization);
    grantable.map(|permission| permission.name()).collect()
}

/// A key with these permissions and whatever else `more` says.
async fn key(side: &Side, permissions: &[&str], more: Value) -> (String, Caller) {
    let mut body = json!({"name": side.fresh("authority"), "permissions": permissions});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    side.create_key(body).await
}

async fn post(side: &Side, caller: &Caller, rest: &str, body: Option<Value>) -> Answer {
    side.ask(caller, Method::POST, &side.path(rest), body).await
}

async fn patch(side: &Side, caller: &Caller, key: &str, body: &Value) -> Answer {
    side.change(caller, &side.path(&format!("keys/{key}")), Some(body.clone()), "*").await
}

async fn verdict(side: &Side, secret: &str) -> String {
    let body = json!({"key": secret, "client_ip": "192.0.2.9", "explain": true});
    let answer = side.ask(&side.root_key(), Method::POST, "/v1/keys/verify", Some(body)).await;
    answer.json()["verdict"].as_str().unwrap().to_owned()
}

/// Refused, and for reaching beyond these members of the caller's own key.
#[track_caller]
fn assert_exceeds(answer: &Answer, members: &[&str]) {
    assert_eq!(answer.status, 403, "{}", answer.text);
    let problem = answer.json();
    assert_eq!(problem["code"], "exceeds-grantor");
    let errors = problem["errors"].as_array().unwrap();
    let pointers: Vec<&str> = errors.iter().map(|error| error["pointer"].as_str().unwrap()).collect();
    let expected: Vec<String> = members.iter().map(|member| format!("/{member}")).collect();
    assert_eq!(pointers, expected);
}

#[tokio::test]
async fn reactivating_needs_the_authority_of_creating() {
    let installation = Installation::start().await;
    let side = installation.side(Environment::Production);
    let (strong, secret) = key(side, &everything(), json!({})).await;
    let (weak, _) = key(side, &[], json!({})).await;
    for key in [&strong, &weak] {
        side.root(Method::POST, &side.path(&format!("keys/{key}/revoke")), None).await;
    }
    let reactivate = |key: &str| format!("keys/{key}/reactivate");
    let (_, revoker) = key(side, &["keys.revoke"], json!({})).await;
    for target in [&strong, &weak] {
        let refused = post(side, &revoker, &reactivate(target), None).await;
        assert_eq!(refused.json()["missing_permissions"], json!(["keys.create"]), "{}", refused.text);
    }
    let (_, maker) = key(side, &["keys.revoke", "keys.create"], json!({})).await;
    assert_exceeds(&post(side, &maker, &reactivate(&strong), None).await, &["permissions"]);
    let bounds = json!({
        "ips": ["127.0.0.1"], "expires_at": installation.instant_in(Duration::from_secs(3_600)).await,
        "limits": [{"name": "requests", "limit": 100, "window_ms": 60_000}], "credits": {"remaining": 5},
    });
    let (_, bound) = key(side, &everything(), bounds).await;
    let refused = post(side, &bound, &reactivate(&strong), None).await;
    assert_exceeds(&refused, &["ips", "expires_at", "limits", "credits"]);
    assert_eq!(verdict(side, secret.secret()).await, "REVOKED");
    assert_eq!(post(side, &maker, &reactivate(&weak), None).await.status, 200);
    side.root(Method::POST, &side.path(&reactivate(&strong)), None).await;
    assert_eq!(verdict(side, secret.secret()).await, "VALID");
}

#[tokio::test]
async fn widening_any_member_is_judged_by_the_whole_key() {
    let installation = Installation::start().await;
    let side = installation.side(Environment::Staging);
    let (one, two) = (side.create_customer("one").await, side.create_customer("two").await);
    let (soon, later) = (Duration::from_secs(3_600), Duration::from_secs(7_200));
    let (soon, later) = (installation.instant_in(soon).await, installation.instant_in(later).await);
    let locked = json!({
        "customers": [one], "domains": ["shop.example.com"], "ips": ["10.0.0.0/8"], "not_before": soon,
        "expires_at": later, "limits": [{"name": "requests", "limit": 10, "window_ms": 60_000}],
        "credits": {"remaining": 10},
    });
    let (strong, _) = key(side, &["keys.read", "customers.read"], locked.clone()).await;
    let (weak, _) = key(side, &["documents.read"], locked).await;
    let (_, editor) = key(side, &["keys.update"], json!({})).await;
    let own = ["documents.read", "documents.write"];
    let (_, maker) = key(side, &[&["keys.update", "keys.create"], &own[..]].concat(), json!({})).await;
    let earlier = installation.instant_in(Duration::from_secs(60)).await;
    let latest = installation.instant_in(Duration::from_secs(9_000)).await;
    for wider in [
        json!({"customers": "all"}),
        json!({"customers": [two]}),
        json!({"domains": "all"}),
        json!({"domains": ["shop.example.com", "www.example.com"]}),
        json!({"ips": "all"}),
        json!({"not_before": earlier}),
        json!({"expires_at": "never"}),
        json!({"expires_at": latest}),
        json!({"limits": [{"name": "requests", "limit": 11, "window_ms": 60_000}]}),
        json!({"limits": [{"name": "calls", "limit": 10, "window_ms": 60_000}]}),
        json!({"credits": {"remaining": 11}}),
        json!({"credits": {"remaining": 1, "refill": {"amount": 1, "interval": "monthly"}}}),
        json!({"customers": "all", "ips": "all", "domains": "all", "expires_at": "never"}),
    ] {
        let refused = patch(side, &editor, &strong, &wider).await;
        assert_eq!(refused.json()["missing_permissions"], json!(["keys.create"]), "{wider}: {}", refused.text);
        assert_exceeds(&patch(side, &maker, &strong, &wider).await, &["permissions"]);
        let done = patch(side, &maker, &weak, &wider).await;
        assert_eq!(done.status, 200, "{wider}: {}", done.text);
    }
    // What the caller holds may be given, but not to a key that is stronger already.
    let wider = json!({"permissions": ["customers.read", "documents.read"]});
    assert_exceeds(&patch(side, &maker, &strong, &wider).await, &["permissions"]);
    let wider = json!({"permissions": ["documents.read", "documents.write"]});
    assert_eq!(patch(side, &maker, &weak, &wider).await.status, 200);
    for narrower in [
        json!({"name": side.fresh("renamed"), "tags": ["locked"]}),
        json!({"permissions": ["keys.read"]}),
        json!({"ips": ["10.1.2.3"]}),
        json!({"limits": [{"name": "requests", "limit": 9, "window_ms": 60_000}]}),
        json!({"credits": {"remaining": 9}}),
    ] {
        let done = patch(side, &editor, &strong, &narrower).await;
        assert_eq!(done.status, 200, "{narrower}: {}", done.text);
    }
}

#[tokio::test]
async fn a_new_end_revives_no_key_beyond_the_caller() {
    let installation = Installation::start().await;
    let side = installation.side(Environment::Development);
    let soon = installation.instant_in(Duration::from_millis(1_600)).await;
    let (expired, secret) = key(side, &everything(), json!({"expires_at": soon})).await;
    let (_, maker) = key(side, &["keys.update", "keys.create"], json!({})).await;
    side.wait_until_expired(&expired).await;
    let later = installation.instant_in(Duration::from_secs(3_600)).await;
    for end in [json!("never"), json!(later)] {
        let refused = patch(side, &maker, &expired, &json!({"expires_at": end})).await;
        assert_exceeds(&refused, &["permissions"]);
    }
    assert_eq!(verdict(side, secret.secret()).await, "EXPIRED");
}

#[tokio::test]
async fn credits_are_given_only_by_whoever_has_as_many() {
    let installation = Installation::start().await;
    let side = installation.side(Environment::Production);
    let permissions = ["keys.create", "keys.update", "keys.regenerate"];
    let (own, spender) = key(side, &permissions, json!({"credits": {"remaining": 20}})).await;
    let (free, _) = key(side, &[], json!({})).await;
    for more in [json!({"remaining": 1_000_000_000_000_u64}), json!({"remaining": 21})] {
        assert_exceeds(&patch(side, &spender, &own, &json!({"credits": more})).await, &["credits"]);
    }
    let create = |credits: Value| json!({"name": side.fresh("spent"), "credits": credits});
    for credits in
        [Value::Null, json!({"remaining": 21}), json!({"remaining": 1, "refill": {"amount": 1, "interval": "daily"}})]
    {
        let body = create(credits);
        assert_exceeds(&post(side, &spender, "keys", Some(body.clone())).await, &["credits"]);
        let import = json!({"key": body, "secret": side.foreign_secret()});
        assert_exceeds(&post(side, &spender, "keys/import", Some(import)).await, &["key/credits"]);
    }
    let regenerate = format!("keys/{free}/regenerate");
    assert_exceeds(&post(side, &spender, &regenerate, None).await, &["credits"]);
    let given = post(side, &spender, "keys", Some(create(json!({"remaining": 20})))).await;
    assert_eq!(given.status, 201, "{}", given.text);
    // What is spent can be given no more.
    let spend = json!({"key": spender.secret(), "cost": 15});
    side.ask(&side.root_key(), Method::POST, "/v1/keys/verify", Some(spend)).await;
    assert_exceeds(&post(side, &spender, "keys", Some(create(json!({"remaining": 6})))).await, &["credits"]);
    assert_exceeds(&patch(side, &spender, &own, &json!({"credits": {"remaining": 20}})).await, &["credits"]);
    assert_eq!(patch(side, &spender, &own, &json!({"credits": {"remaining": 5}})).await.status, 200);
}

#[tokio::test]
async fn nobody_lifts_a_shared_limit_that_binds_it_too() {
    let installation = Installation::start().await;
    let side = installation.side(Environment::Staging);
    let limit = |of: u64| json!([{"name": "requests", "limit": of, "window_ms": 60_000}]);
    let body = json!({"name": "bound", "limits": limit(50)});
    let customer = side.root(Method::POST, &side.path("customers"), Some(body)).await["id"].clone();
    let path = side.path(&format!("customers/{}", customer.as_str().unwrap()));
    let permissions = ["customers.update", "customers.suspend"];
    let (_, inside) = key(side, &permissions, json!({"customers": [customer]})).await;
    let (_, outside) = key(side, &permissions, json!({})).await;
    for limits in [limit(51), json!([])] {
        let lifted = Some(json!({"limits": limits}));
        assert_exceeds(&side.change(&inside, &path, lifted.clone(), "*").await, &["limits"]);
    }
    for (caller, limits) in [(&inside, limit(40)), (&outside, limit(60))] {
        let changed = side.change(caller, &path, Some(json!({"limits": limits})), "*").await;
        assert_eq!(changed.status, 200, "{}", changed.text);
    }
    let mixed = json!({"customers": [customer, side.create_customer("other").await]});
    let (_, inside) = key(side, &permissions, mixed).await;
    for (caller, action, status) in [(&inside, "suspend", 200), (&inside, "resume", 403), (&outside, "resume", 200)] {
        let answer = side.ask(caller, Method::POST, &format!("{path}/{action}"), None).await;
        assert_eq!(answer.status, status, "{action}: {}", answer.text);
    }
    let organization = format!("/v1/organizations/{}", side.organization());
    let (_, slow) = key(side, &["organizations.update"], json!({"limits": limit(100)})).await;
    let raised = Some(json!({"default_limits": limit(2_000)}));
    assert_exceeds(&side.change(&slow, &organization, raised.clone(), "*").await, &["default_limits"]);
    let lowered = side.change(&slow, &organization, Some(json!({"default_limits": limit(900)})), "*").await;
    assert_eq!(lowered.status, 200, "{}", lowered.text);
    assert_eq!(side.change(&side.root_key(), &organization, raised, "*").await.status, 200);
}

#[tokio::test]
async fn a_conflict_tells_a_limited_key_nothing_it_cannot_see() {
    let installation = Installation::start().await;
    let side = installation.side(Environment::Production);
    let (own, other) = (side.create_customer("own").await, side.create_customer("other").await);
    let scopes = [json!({"customers": [own]}), json!({"domains": ["shop.example.com"]})];
    let named = |name: &str, more: &Value| {
        let mut body = json!({"name": name});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let permissions = ["keys.create", "keys.update", "customers.update"];
    for (number, scope) in scopes.iter().enumerate() {
        let (hidden, seen) = (format!("hidden {number}"), format!("seen {number}"));
        key(side, &[], json!({"name": hidden, "customers": [other]})).await;
        key(side, &[], named(&seen, scope)).await;
        let (_, limited) = key(side, &permissions, scope.clone()).await;
        let create = async |name: &str| post(side, &limited, "keys", Some(named(name, scope))).await;
        let made = create(&hidden.to_uppercase()).await;
        assert_eq!(made.status, 201, "the name of a key that it cannot see: {}", made.text);
        assert_eq!(create(&hidden).await.status, 409, "now it sees one");
        assert_eq!(create(&seen.to_uppercase()).await.status, 409, "a name that it sees");
        let id = made.json()["key"]["id"].as_str().unwrap().to_owned();
        assert_eq!(patch(side, &limited, &id, &json!({"name": seen})).await.status, 409);
        assert_eq!(patch(side, &limited, &id, &json!({"name": "renamed"})).await.status, 200);
        assert_eq!(patch(side, &limited, &id, &json!({"name": hidden})).await.status, 200);
        let taken = post(side, &side.root_key(), "keys", Some(json!({"name": hidden}))).await;
        assert_eq!(taken.status, 409, "who sees all keys sees the clash");
        assert_eq!(patch(side, &side.root_key(), &id, &json!({"tags": ["kept"]})).await.status, 200);
    }
    let path = |customer: &str| side.path(&format!("customers/{customer}"));
    let change = |id: &str| Some(json!({"external_id": id}));
    assert_eq!(side.change(&side.root_key(), &path(&other), change("taken"), "*").await.status, 200);
    let (_, limited) = key(side, &permissions, json!({"customers": [own]})).await;
    for id in ["taken", "free"] {
        let refused = side.change(&limited, &path(&own), change(id), "*").await;
        assert_eq!(
            (refused.status, &refused.json()["code"]),
            (403, &json!("customer-not-allowed")),
            "{}",
            refused.text
        );
    }
    assert_eq!(side.change(&limited, &path(&own), Some(json!({"name": "own still"})), "*").await.status, 200);
}

#[tokio::test]
async fn an_idempotency_key_seals_anew_after_a_day() {
    let installation = Installation::start().await;
    let side = installation.side(Environment::Development);
    let (path, own) = (side.path("keys"), side.organization_key());
    let body = json!({"name": "sealed"});
    let secret = |answer: &Answer| answer.json()["secret"].as_str().unwrap().to_owned();
    let first = side.ask_once(&own, &path, &body, "one-key").await;
    let sealed = installation.sealed_secret(Environment::Development, "one-key").await;
    let made = side.path(&format!("keys/{}", first.json()["key"]["id"].as_str().unwrap()));
    side.root(Method::DELETE, &made, None).await;
    installation.age_replays(Environment::Development, "25 hours").await;
    let second = side.ask_once(&own, &path, &body, "one-key").await;
    assert_eq!(second.status, 201, "{}", second.text);
    assert_ne!(secret(&first), secret(&second), "a day later it is another creation");
    let resealed = installation.sealed_secret(Environment::Development, "one-key").await;
    assert_ne!(sealed[..12], resealed[..12], "the nonce is another");
    // Under one key and nonce the differences of the texts would show: the texts begin alike.
    assert_ne!(sealed[12..20], resealed[12..20], "the same beginning is sealed to other bytes");
    let again = side.ask_once(&own, &path, &body, "one-key").await;
    assert_eq!(secret(&again), secret(&second));
    installation.age_replays(Environment::Development, "11 minutes").await;
    assert!(side.ask_once(&own, &path, &body, "one-key").await.json()["secret"].is_null());
}

#[tokio::test]
async fn a_request_that_changes_nothing_writes_nothing() {
    let installation = Installation::start().await;
    let side = installation.side(Environment::Staging);
    let (target, _) = key(side, &["documents.read"], json!({"credits": {"remaining": 5}})).await;
    let customer = side.create_customer("still").await;
    let path = |rest: &str| side.path(&format!("keys/{target}{rest}"));
    let revoked = side.root(Method::POST, &path("/revoke"), None).await;
    side.root(Method::POST, &side.path(&format!("customers/{customer}/suspend")), None).await;
    let rows = "select (select count(*) from events) + (select count(*) from receipts)";
    let before = installation.count(Environment::Staging, rows).await;
    for _ in 0..5 {
        let again = side.root(Method::POST, &path("/revoke"), None).await;
        assert_eq!(again["receipt"]["id"], revoked["receipt"]["id"]);
        let suspended = side.path(&format!("customers/{customer}"));
        side.root(Method::POST, &format!("{suspended}/suspend"), None).await;
        let body = Some(json!({"name": "still"}));
        assert_eq!(side.change(&side.root_key(), &suspended, body, "*").await.status, 200);
        let body = json!({"permissions": ["documents.read"], "customers": "all", "credits": {"remaining": 5}});
        let same = side.change(&side.root_key(), &path(""), Some(body), "*").await;
        assert_eq!((same.status, same.headers["etag"].to_str().unwrap()), (200, "\"2\""));
    }
    assert_eq!(installation.count(Environment::Staging, rows).await, before);
}
