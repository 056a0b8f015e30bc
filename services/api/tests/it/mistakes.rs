//! What the mistakes are answered that people make first: what to do instead, and nothing that is not theirs to know.

use domain::environment::Environment;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Caller, Installation, Side};

async fn create(side: &Side, body: Value) -> Answer {
    side.ask(&side.organization_key(), Method::POST, &side.path("keys"), Some(body)).await
}

async fn detail(side: &Side, caller: &Caller, path: &str) -> (u16, String) {
    let answer = side.ask(caller, Method::GET, path, None).await;
    (answer.status, answer.json()["detail"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn a_mistaken_member_is_told_what_was_meant() {
    let installation = Installation::start().await;
    let side = installation.side(Environment::Production);
    let rfc = "Send RFC 3339, for instance \"2026-01-31T10:00:00Z\", not a number.";
    for (member, value, told) in [
        ("expiresAt", json!("2030-01-01T00:00:00Z"), "There is no such member; did you mean expires_at?"),
        ("permission", json!([]), "There is no such member; did you mean permissions?"),
        ("colour", json!("red"), "There is no such member."),
        ("expires_at", json!(1_767_225_600), rfc),
        ("not_before", json!(1_767_225_600_000_i64), rfc),
        ("ips", json!("10.0.0.1"), "Send \"all\" or a list."),
        ("domains", json!("shop.example.com"), "Send \"all\" or a list."),
        ("customers", Value::Null, "Send \"all\" or a list, not null."),
        ("limits", json!("unlimited"), "Send \"none\" or a list."),
        ("credits", json!("none"), "Send \"unlimited\" or an object."),
    ] {
        let mut body = json!({"name": side.fresh("mistaken")});
        body[member] = value;
        let answer = create(side, body).await;
        assert_eq!(answer.status, 422, "{member}: {}", answer.text);
        assert_eq!(answer.json()["errors"][0]["message"], told, "{member}");
    }
    let answer = create(side, json!({"name": "own", "permissions": ["invoices.read"]})).await;
    let told = answer.json()["errors"][0]["message"].as_str().unwrap().to_owned();
    assert!(told.contains("POST /v1/organizations/{organization}/permissions"), "{told}");
    assert!(told.contains("\"create_permissions\": true"), "{told}");
    let answer = create(side, json!({"name": "text", "expires_at": "1767225600"})).await;
    let told = answer.json()["errors"][0]["message"].as_str().unwrap().to_owned();
    assert!(told.contains("is not an RFC 3339 date and time such as"), "{told}");
}

#[tokio::test]
async fn a_path_that_there_is_not_is_told_what_is_near() {
    let installation = Installation::start().await;
    let side = installation.side(Environment::Production);
    let root = side.root_key();
    for (path, meant) in [
        (side.path("key"), "/v1/organizations/{organization}/keys"),
        (side.path("customer"), "/v1/organizations/{organization}/customers"),
        ("/v1/organisations".to_owned(), "/v1/organizations"),
        ("/v1/who-am-i".to_owned(), "/v1/whoami"),
    ] {
        let told = detail(side, &root, &path).await;
        assert_eq!(told, (404, format!("There is no such path; did you mean {meant}?")), "{path}");
    }
    let absent = detail(side, &root, &side.path("keys/key_0000000000000000000000")).await;
    assert_eq!(detail(side, &root, "/nothing/like/it").await, absent);
}

#[tokio::test]
async fn a_credential_is_told_what_anybody_can_see_of_it() {
    let installation = Installation::start().await;
    let side = installation.side(Environment::Production);
    let whole = side.organization_key().secret().to_owned();
    let generic = detail(side, &Caller::with(&side.foreign_secret()), "/v1/whoami").await;
    assert_eq!(generic.0, 401);
    for cut in [1, 7, 30] {
        let told = detail(side, &Caller::with(&whole[..whole.len() - cut]), "/v1/whoami").await;
        assert_eq!(told, (401, format!("This is the beginning of a key: at least {cut} characters are missing.")));
    }
    let mut slip = whole.clone();
    slip.replace_range(30..31, if whole.as_bytes()[30] == b'x' { "y" } else { "x" });
    assert_eq!(detail(side, &Caller::with(&slip), "/v1/whoami").await, generic, "a slip is as an unknown key");
    for token in ["c2VydmljZS10b2tlbi1vZi1zdGFnaW5nLTAwMDE=", "x"] {
        let told = detail(side, &Caller::with(token), "/v1/whoami").await;
        assert!(told.0 == 401 && told.1.contains("a service token works at the key service alone"), "{told:?}");
    }
    let unmarked = installation.ask_with(Environment::Production, &whole, "/v1/whoami").await;
    assert_eq!(unmarked.status, 401);
    assert!(unmarked.text.contains("Authorization: Bearer <key>"), "{}", unmarked.text);
    assert!(!unmarked.text.contains(&whole));
}

#[tokio::test]
async fn a_proven_key_that_has_ended_is_told_how() {
    let installation = Installation::start().await;
    let side = installation.side(Environment::Production);
    let (revoked, caller) = side.create_key(json!({"name": "revoked"})).await;
    side.root(Method::POST, &side.path(&format!("keys/{revoked}/revoke")), None).await;
    assert_eq!(detail(side, &caller, "/v1/whoami").await, (401, "This key has been revoked or deleted.".to_owned()));
    let soon = installation.instant_in(std::time::Duration::from_millis(1_600)).await;
    let (expiring, expired) = side.create_key(json!({"name": "expired", "expires_at": soon})).await;
    side.wait_until_expired(&expiring).await;
    assert_eq!(detail(side, &expired, "/v1/whoami").await, (401, "This key has expired.".to_owned()));
    side.root(Method::DELETE, &side.path(&format!("keys/{revoked}")), None).await;
    let told = detail(side, &caller, "/v1/whoami").await;
    assert_eq!(told.1, "This key has been revoked or deleted.", "of a deleted key it is not told which");
}
