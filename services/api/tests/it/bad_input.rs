//! What bad input gets: a clear error that names the place, and nothing changes.

use domain::environment::Environment;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Caller, Installation, Side};

/// The first mistake that a 422 lists.
fn first(answer: &Answer) -> (String, String) {
    let body = answer.json();
    let text = |member: &str| body["errors"][0][member].as_str().unwrap_or_default().to_owned();
    (text("pointer"), text("code"))
}

async fn create(side: &Side, body: Value) -> Answer {
    side.ask(&side.organization_key(), Method::POST, &side.path("keys"), Some(body)).await
}

async fn keys_there(side: &Side) -> usize {
    side.root(Method::GET, &side.path("keys?limit=200"), None).await["items"].as_array().unwrap().len()
}

#[tokio::test]
async fn a_key_with_a_mistake_is_refused_with_its_place() {
    let installation = Installation::start().await;
    let side = installation.side(Environment::Development);
    let before = keys_there(side).await;
    let limit = |limit: Value, window_ms: Value| json!([{"name": "requests", "limit": limit, "window_ms": window_ms}]);
    let many: Vec<String> = (0..101).map(|number| format!("10.0.0.{number}")).collect();
    let cases: Vec<(Value, &str, &str)> = vec![
        (json!({}), "/name", "required"),
        (json!({"name": ""}), "/name", "empty"),
        (json!({"name": "a\u{202e}b"}), "/name", "invisible-character"),
        (json!({"name": 7}), "/name", "type"),
        (json!({"name": null}), "/name", "type"),
        (json!({"name": "k", "colour": "red"}), "/colour", "unknown-member"),
        (json!({"name": "k", "environment": "production"}), "/environment", "unknown-member"),
        (json!({"name": "k", "organization_id": "org_1"}), "/organization_id", "unknown-member"),
        (json!({"name": "k", "permissions": ["keys.raed"]}), "/permissions/0", "unknown-permission"),
        (json!({"name": "k", "permissions": ["Keys.read"]}), "/permissions/0", "permission"),
        (json!({"name": "k", "permissions": ["organizations.create"]}), "/permissions/0", "permission-plane"),
        (json!({"name": "k", "permissions": vec!["keys.read"; 201]}), "/permissions", "too-many"),
        (json!({"name": "k", "ips": []}), "/ips", "would-lock-out"),
        (json!({"name": "k", "domains": []}), "/domains", "would-lock-out"),
        (json!({"name": "k", "customers": []}), "/customers", "would-lock-out"),
        (json!({"name": "k", "ips": null}), "/ips", "type"),
        (json!({"name": "k", "ips": ["10.1.2.3/8"]}), "/ips/0", "host-bits-set"),
        (json!({"name": "k", "ips": ["0.0.0.0/0"]}), "/ips/0", "allow-all"),
        (json!({"name": "k", "ips": many}), "/ips", "too-many"),
        (json!({"name": "k", "domains": ["*.co.uk"]}), "/domains/0", "public-suffix"),
        (json!({"name": "k", "customers": ["cus_0000000000000000000000"]}), "/customers/0", "unknown-customer"),
        (json!({"name": "k", "customers": ["nobody"]}), "/customers/0", "unknown-customer"),
        (json!({"name": "k", "expires_at": "2020-01-01T00:00:00Z"}), "/expires_at", "in-the-past"),
        (json!({"name": "k", "expires_at": "2999-01-01T00:00:00Z"}), "/expires_at", "too-far"),
        (json!({"name": "k", "expires_at": "tomorrow"}), "/expires_at", "date-time"),
        (json!({"name": "k", "limits": []}), "/limits", "empty"),
        (json!({"name": "k", "limits": limit(json!(0), json!(60_000))}), "/limits/0/limit", "range"),
        (json!({"name": "k", "limits": limit(json!(-1), json!(60_000))}), "/limits/0/limit", "range"),
        (json!({"name": "k", "limits": limit(json!(1.5), json!(60_000))}), "/limits/0/limit", "type"),
        (json!({"name": "k", "limits": limit(json!(1_000_000_001), json!(60_000))}), "/limits/0/limit", "range"),
        (json!({"name": "k", "limits": limit(json!(1), json!(0))}), "/limits/0/window_ms", "range"),
        (json!({"name": "k", "limits": limit(json!(1), json!(2_678_400_001_u64))}), "/limits/0/window_ms", "range"),
        (json!({"name": "k", "secret": "short"}), "/secret", "secret-length"),
        (json!({"name": "k", "secret": "é".repeat(40)}), "/secret", "secret-alphabet"),
        (json!({"name": "k", "prefix": "clvroot"}), "/prefix", "prefix"),
        (json!({"name": "k", "metadata": []}), "/metadata", "type"),
    ];
    for (body, pointer, code) in cases {
        let answer = create(side, body.clone()).await;
        assert_eq!(answer.status, 422, "{body} {}", answer.text);
        assert_eq!(first(&answer), (pointer.to_owned(), code.to_owned()), "{body}");
        assert_eq!(answer.headers["content-type"], "application/problem+json");
    }
    assert_eq!(keys_there(side).await, before, "nothing was made");
}

#[tokio::test]
async fn every_mistake_is_told_at_once() {
    let installation = Installation::start().await;
    let side = installation.side(Environment::Development);
    let answer =
        create(side, json!({"name": "", "ips": ["x"], "permissions": ["nope"], "expires_at": "never ever"})).await;
    let pointers: Vec<String> =
        answer.json()["errors"].as_array().unwrap().iter().map(|e| e["pointer"].as_str().unwrap().to_owned()).collect();
    assert_eq!(pointers, ["/name", "/permissions/0", "/ips/0", "/expires_at"]);
}

#[tokio::test]
async fn a_wildcard_and_whatever_the_grantor_lacks_exceed_it() {
    let installation = Installation::start().await;
    let side = installation.side(Environment::Development);
    let narrow = json!({"name": "narrow", "permissions": ["keys.create", "keys.read"]});
    let (_, narrow) = side.create_key(narrow).await;
    for body in [
        json!({"name": "k", "permissions": ["*"]}),
        json!({"name": "k", "permissions": ["keys.delete"]}),
        json!({"name": "k", "limits": [{"name": "requests", "limit": 1_000_000, "window_ms": 1_000}]}),
    ] {
        let answer = side.ask(&narrow, Method::POST, &side.path("keys"), Some(body.clone())).await;
        assert_eq!((answer.status, answer.json()["code"].as_str()), (403, Some("exceeds-grantor")), "{body}");
    }
}

/// The different answers to these credentials.
async fn told(side: &Side, texts: &[String]) -> Vec<(u16, String)> {
    let mut bodies = Vec::new();
    for text in texts {
        let answer = side.ask(&Caller::with(text), Method::GET, "/v1/whoami", None).await;
        assert_eq!(answer.status, 401, "{text}");
        assert!(answer.headers["www-authenticate"].to_str().unwrap().starts_with("Bearer"));
        bodies.push(answer.without_request_id());
    }
    bodies.dedup();
    bodies
}

#[tokio::test]
async fn a_credential_that_does_not_work_is_not_told_why() {
    let installation = Installation::start().await;
    let side = installation.side(Environment::Staging);
    let own = side.organization_key();
    let mut wrong_secret = own.secret().to_owned();
    wrong_secret.replace_range(30..31, if wrong_secret.as_bytes()[30] == b'x' { "y" } else { "x" });
    let unknown = side.foreign_secret();
    // What begins like a key and is none looks like a key that is not there; what is no key at all is told so.
    let token = "eyJhbGciOiJIUzI1NiJ9.e30.abc".to_owned();
    let none = ["x".to_owned(), "a".repeat(2_000), token];
    let mut bodies = Vec::new();
    for texts in [&none[..], &[wrong_secret, unknown]] {
        bodies.push(told(side, texts).await);
    }
    assert!(bodies.iter().all(|bodies| bodies.len() == 1), "{bodies:?}");

    let answer = side.ask(&Caller::anonymous(), Method::GET, "/v1/whoami", None).await;
    assert_eq!(answer.headers["www-authenticate"], "Bearer");
    let path = format!("/v1/whoami?token={}", own.secret());
    let answer = side.ask(&own, Method::GET, &path, None).await;
    assert_eq!((answer.status, answer.json()["code"].as_str()), (400, Some("credential-in-url")));
}

#[tokio::test]
async fn the_wrong_environment_names_both_sides() {
    let installation = Installation::start().await;
    let key = installation.side(Environment::Staging).organization_key();
    let answer = installation.side(Environment::Production).ask(&key, Method::GET, "/v1/whoami", None).await;
    assert_eq!((answer.status, answer.json()["code"].as_str()), (401, Some("wrong-environment")));
    let detail = answer.json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("staging") && detail.contains("production"), "{detail}");
}

#[tokio::test]
async fn a_list_takes_its_own_parameters_and_cursors_and_no_others() {
    let installation = Installation::start().await;
    let side = installation.side(Environment::Development);
    let own = side.organization_key();
    let get = async |path: String| side.ask(&own, Method::GET, &path, None).await;
    for query in
        ["limit=0", "limit=-1", "limit=201", "limit=abc", "limit=1&limit=2", "nope=1", "a[]=1", "status=sleeping"]
    {
        assert_eq!(get(side.path(&format!("keys?{query}"))).await.status, 422, "{query}");
    }
    side.create_key(json!({"name": "one"})).await;
    side.create_key(json!({"name": "two"})).await;
    for path in
        ["/v1/whoami?limit=1".to_owned(), side.path("domains/dom_1?x="), side.path("keys/key_1/secrets?limit=1")]
    {
        assert_eq!(get(path.clone()).await.status, 422, "{path}");
    }
    let page = get(side.path("keys?limit=1")).await.json();
    let cursor = page["next_cursor"].as_str().expect("there are more keys").to_owned();
    let next = get(side.path(&format!("keys?limit=1&cursor={cursor}"))).await.json();
    assert_ne!(page["items"][0]["id"], next["items"][0]["id"]);
    let mut tampered = cursor.clone();
    tampered.replace_range(5..6, if &tampered[5..6] == "A" { "B" } else { "A" });
    let others = [tampered, String::new(), "e30".to_owned(), "x".repeat(5_000)];
    for cursor in &others {
        let answer = get(side.path(&format!("keys?limit=1&cursor={cursor}"))).await;
        assert_eq!((answer.status, answer.json()["code"].as_str()), (400, Some("invalid-cursor")), "{cursor}");
    }
    let elsewhere = get(side.path(&format!("customers?cursor={cursor}"))).await;
    assert_eq!(elsewhere.json()["code"], "invalid-cursor", "another list");
    let filtered = get(side.path(&format!("keys?limit=1&status=active&cursor={cursor}"))).await;
    assert_eq!(filtered.json()["code"], "invalid-cursor", "other filters");
    let literal = get(side.path("keys?text=%25")).await.json();
    assert_eq!(literal["items"].as_array().unwrap().len(), 0, "a percent sign is a percent sign");
}

#[tokio::test]
async fn a_change_needs_the_version_that_it_was_decided_on() {
    let installation = Installation::start().await;
    let side = installation.side(Environment::Development);
    let (key, _) = side.create_key(json!({"name": "versions"})).await;
    let (own, path) = (side.organization_key(), side.path(&format!("keys/{key}")));
    let patch = async |version: Option<&str>, body: Value| match version {
        Some(version) => side.change(&own, &path, Some(body), version).await,
        None => side.ask(&own, Method::PATCH, &path, Some(body)).await,
    };
    assert_eq!(patch(None, json!({"name": "a"})).await.status, 428);
    assert_eq!(patch(Some("1"), json!({"name": "a"})).await.status, 400);
    assert_eq!(patch(Some("\"99\""), json!({"name": "a"})).await.status, 412);
    let done = patch(Some("\"1\""), json!({"name": "b"})).await;
    assert_eq!((done.status, done.headers["etag"].to_str().unwrap()), (200, "\"2\""));
    assert_eq!(patch(Some("\"1\""), json!({"name": "c"})).await.status, 412);
    for lifting in
        [json!({"expires_at": null}), json!({"ips": null}), json!({"limits": null}), json!({"credits": null})]
    {
        assert_eq!(patch(Some("\"2\""), lifting.clone()).await.status, 422, "{lifting}");
    }
}

#[tokio::test]
async fn what_a_caller_may_not_see_is_byte_for_byte_what_is_not_there() {
    let installation = Installation::start().await;
    let side = installation.side(Environment::Production);
    let (mine, theirs) = (side.create_customer("mine").await, side.create_customer("theirs").await);
    let all = ["keys.read", "keys.update", "keys.revoke", "customers.read", "customers.update"];
    let limited = json!({"name": "limited", "permissions": all, "customers": [mine]});
    let (_, limited) = side.create_key(limited).await;
    let (hidden, _) = side.create_key(json!({"name": "hidden", "customers": [theirs]})).await;
    let absent = "key_01000000000000000000ab";
    let pairs = [
        (Method::GET, side.path(&format!("keys/{hidden}")), side.path(&format!("keys/{absent}"))),
        (Method::POST, side.path(&format!("keys/{hidden}/revoke")), side.path(&format!("keys/{absent}/revoke"))),
        (Method::GET, side.path(&format!("customers/{theirs}")), side.path("customers/cus_01000000000000000000ab")),
    ];
    for (method, hidden, absent) in pairs {
        let hidden = side.ask(&limited, method.clone(), &hidden, None).await;
        let absent = side.ask(&limited, method, &absent, None).await;
        assert_eq!(hidden.status, 404);
        assert_eq!(hidden.without_request_id(), absent.without_request_id());
    }
    let other = side.other_organization_key();
    let known = side.ask(&other, Method::GET, &side.path("keys"), None).await;
    let unknown = side.ask(&other, Method::GET, "/v1/organizations/nobody-here/keys", None).await;
    assert_eq!(known.status, 404);
    assert_eq!(known.without_request_id(), unknown.without_request_id());
}
