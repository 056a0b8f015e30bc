//! A key's life through the API: created, limited, rotated, revoked, brought back, deleted; and creations sent twice.

use domain::environment::Environment;
use reqwest::Method;
use serde_json::{Value, json};

use crate::access::{Cast, DOMAIN, Example};
use crate::support::{Caller, Installation, Side};

/// Requests for the access matrix, on keys that both limited callers see.
pub async fn example(cast: &Cast<'_>, operation: &str) -> Example {
    let side = cast.side;
    let within = |name: &str| json!({"name": side.fresh(name), "customers": [cast.customer], "domains": [DOMAIN]});
    match operation {
        "list_keys" => return Example::default(),
        "bulk_revoke_keys" => return Example::of(json!({"select": {"tag": "nobody has it"}})),
        "create_key" => return Example::of(within("made")),
        "import_key" => return Example::of(json!({"key": within("imported"), "secret": side.foreign_secret()})),
        "import_keys" => {
            let line = json!({"key": within("imported"), "secret": side.foreign_secret()});
            return Example::of(json!({"keys": [line]}));
        }
        _ => {}
    }
    let mut target = within("target");
    if operation == "update_credits" {
        target["credits"] = json!({"remaining": 5});
    }
    let (key, _) = side.create_key(target).await;
    let example = Example::at("key", &key);
    match operation {
        "update_key" => example.with(json!({"name": side.fresh("renamed")})).seen("\"1\""),
        "reactivate_key" => {
            side.root(Method::POST, &side.path(&format!("keys/{key}/revoke")), None).await;
            example
        }
        // To take some away needs no more than the permission.
        "update_credits" => example.with(json!({"add": -1})),
        "retire_secret" => example.and("secret", &side.rotate(&key).await),
        _ => example,
    }
}

pub async fn verify(side: &Side, secret: &str) -> Value {
    let own = side.organization_key();
    let answer = side.ask(&own, Method::POST, "/v1/keys/verify", Some(json!({"key": secret}))).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()
}

#[tokio::test]
async fn a_key_is_made_used_revoked_and_brought_back() {
    let installation = Installation::start().await;
    for environment in Environment::ALL {
        let side = installation.side(environment);
        let (key, caller) = side.create_key(json!({"name": "life", "permissions": ["documents.read"]})).await;
        let answer = verify(side, caller.secret()).await;
        assert_eq!(answer["verdict"], "VALID");
        assert_eq!(answer["key_id"], key.as_str());
        assert_eq!(answer["environment"], environment.name());
        let path = |action: &str| side.path(&format!("keys/{key}/{action}"));
        let revoked = side.root(Method::POST, &path("revoke"), Some(json!({"reason": "unused"}))).await;
        assert_eq!(revoked["status"], "inactive");
        assert_eq!(revoked["receipt"]["effective_within_ms"], 0);
        assert_eq!(verify(side, caller.secret()).await["verdict"], "REVOKED");
        side.root(Method::POST, &path("revoke"), None).await;
        assert_eq!(side.root(Method::POST, &path("reactivate"), None).await["status"], "active");
        assert_eq!(verify(side, caller.secret()).await["verdict"], "VALID");
        side.root(Method::DELETE, &side.path(&format!("keys/{key}")), None).await;
        assert_eq!(verify(side, caller.secret()).await["verdict"], "REVOKED");
    }
}

#[tokio::test]
async fn a_compromised_secret_never_works_again() {
    let installation = Installation::start().await;
    let side = installation.side(Environment::Production);
    let (key, old) = side.create_key(json!({"name": "leaked"})).await;
    let path = |action: &str| side.path(&format!("keys/{key}/{action}"));
    side.root(Method::POST, &path("revoke"), Some(json!({"reason": "compromised"}))).await;
    let refused = side.ask(&side.root_key(), Method::POST, &path("reactivate"), None).await;
    assert_eq!((refused.status, refused.json()["code"].as_str()), (409, Some("secret-compromised")));
    let renewed = side.root(Method::POST, &path("regenerate"), Some(json!({"overlap_seconds": 600}))).await;
    let new = renewed["secret"].as_str().unwrap();
    assert_eq!(verify(side, new).await["verdict"], "REVOKED", "regenerating leaves the status as it is");
    side.root(Method::POST, &path("reactivate"), None).await;
    assert_eq!(verify(side, new).await["verdict"], "VALID");
    assert_eq!(verify(side, old.secret()).await["verdict"], "REVOKED", "no overlap after a compromise");
}

#[tokio::test]
async fn an_overlap_keeps_the_old_secret_until_it_is_retired() {
    let installation = Installation::start().await;
    let side = installation.side(Environment::Development);
    let limits = json!([{"name": "requests", "limit": 5, "window_ms": 60_000}]);
    let (key, old) = side.create_key(json!({"name": "rotated", "limits": limits})).await;
    verify(side, old.secret()).await;
    let path = |rest: &str| side.path(&format!("keys/{key}/{rest}"));
    let renewed = side.root(Method::POST, &path("regenerate"), Some(json!({"overlap_seconds": 600}))).await;
    let new = renewed["secret"].as_str().unwrap().to_owned();
    assert_eq!(verify(side, old.secret()).await["verdict"], "VALID");
    let answer = verify(side, &new).await;
    assert_eq!(answer["limits"][0]["remaining"], 2, "the budget is carried over");
    let secrets = side.root(Method::GET, &path("secrets"), None).await;
    assert_eq!(secrets["items"].as_array().unwrap().len(), 2);
    let oldest = secrets["items"][1]["id"].as_str().unwrap();
    let retired = side.root(Method::POST, &path(&format!("secrets/{oldest}/retire")), None).await;
    assert_eq!(retired["secrets_active"], 1);
    assert_eq!(verify(side, old.secret()).await["verdict"], "REVOKED");
    assert_eq!(verify(side, &new).await["verdict"], "VALID");
}

#[tokio::test]
async fn an_imported_secret_works_whether_its_text_or_its_digest_came() {
    let installation = Installation::start().await;
    let side = installation.side(Environment::Staging);
    let text = side.foreign_secret();
    let body = json!({"key": {"name": "brought"}, "secret": text});
    let answer = side.ask(&side.root_key(), Method::POST, &side.path("keys/import"), Some(body)).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    assert!(!answer.text.contains(&text), "an import shows no secret");
    assert_eq!(verify(side, &text).await["verdict"], "VALID");
    let text = side.foreign_secret();
    let parts: Vec<&str> = text.split('_').collect();
    let hashed = json!({
        "prefix": parts[0], "id": parts[2], "sha256": side.sha256(&text), "last4": &text[text.len() - 4..],
    });
    let body = json!({"key": {"name": "hashed"}, "hashed": hashed});
    let answer = side.ask(&side.root_key(), Method::POST, &side.path("keys/import"), Some(body)).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    assert_eq!(verify(side, &text).await["verdict"], "VALID");
}

#[tokio::test]
async fn fifty_duplicates_make_one_key_shown_to_one_credential() {
    let installation = Installation::start().await;
    let side = installation.side(Environment::Production);
    let (body, path) = (json!({"name": "once"}), side.path("keys"));
    let own = side.organization_key();
    let send = || side.ask_once(&own, &path, &body, "the-same-attempt");
    let mut answers = futures_util::future::join_all((0..50).map(|_| send())).await;
    answers.push(send().await);
    let mut secrets: Vec<String> = Vec::new();
    for answer in &answers {
        match answer.status {
            201 => secrets.push(answer.json()["secret"].as_str().unwrap().to_owned()),
            409 => assert_eq!(answer.json()["code"], "idempotency-in-flight"),
            other => panic!("{other} {}", answer.text),
        }
    }
    assert!(!secrets.is_empty());
    secrets.dedup();
    assert_eq!(secrets.len(), 1, "one key, one secret");
    let named = side.root(Method::GET, &side.path("keys?text=once"), None).await;
    assert_eq!(named["items"].as_array().unwrap().len(), 1);
    let other_body = side.ask_once(&own, &path, &json!({"name": "other"}), "the-same-attempt").await;
    assert_eq!((other_body.status, other_body.json()["code"].as_str()), (422, Some("idempotency-mismatch")));
    let stranger: Caller = side.create_key(json!({"name": "stranger", "permissions": ["keys.create"]})).await.1;
    let theirs = side.ask_once(&stranger, &path, &body, "the-same-attempt").await;
    assert_eq!(theirs.status, 409, "another credential's attempt is its own, and the name is taken: {}", theirs.text);
    for bad in ["", &"x".repeat(256)] {
        assert_eq!(side.ask_once(&own, &path, &body, bad).await.status, 400);
    }
}
