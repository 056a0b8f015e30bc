//! Root keys through the API: for server admins who are signed in to the console, and nobody else.

use domain::environment::Environment;
use reqwest::Method;
use serde_json::{Value, json};
use testkit::token_signer::server_admin_claims;

use crate::access::{Cast, Example};
use crate::support::{Caller, Installation, Side};

/// Requests for the access matrix.
pub async fn example(cast: &Cast<'_>, operation: &str) -> Example {
    let side = cast.side;
    match operation {
        "list_root_keys" => return Example::default(),
        "create_root_key" => return Example::of(json!({"name": side.fresh("root")})),
        _ => {}
    }
    let admin = cast.server_admin();
    let key = create(side, &admin, json!({"name": side.fresh("root")})).await["key"]["id"].clone();
    let key = key.as_str().unwrap();
    if operation == "reactivate_root_key" {
        side.ask(&admin, Method::POST, &format!("/v1/root-keys/{key}/revoke"), None).await;
    }
    let example = Example::at("key", key).seen("\"1\"");
    if operation == "update_root_key" { example.with(json!({"name": side.fresh("renamed")})) } else { example }
}

async fn create(side: &Side, admin: &Caller, body: Value) -> Value {
    let made = side.ask(admin, Method::POST, "/v1/root-keys", Some(body)).await;
    assert_eq!(made.status, 201, "{}", made.text);
    made.json()
}

#[tokio::test]
async fn a_root_key_lives_and_ends_in_the_console() {
    let installation = Installation::start().await;
    let side = installation.side(Environment::Staging);
    let admin = installation.server_admin(side);
    let made = create(side, &admin, json!({"name": "Deploys", "permissions": ["organizations.list"]})).await;
    let (id, secret) = (made["key"]["id"].as_str().unwrap(), made["secret"].as_str().unwrap());
    assert_eq!((&made["key"]["kind"], &made["key"]["organization_id"]), (&json!("root"), &Value::Null));
    assert!(made["key"]["expires_at"].is_string(), "90 days unless told otherwise");
    assert!(made["key"]["created_by"].as_str().unwrap().starts_with("usr_"));
    let path = format!("/v1/root-keys/{id}");
    let status =
        async |secret: &str| side.ask(&Caller::with(secret), Method::GET, "/v1/organizations", None).await.status;
    assert_eq!(status(secret).await, 200);
    let narrowed = side.change(&admin, &path, Some(json!({"permissions": []})), "\"1\"").await;
    assert_eq!((narrowed.status, narrowed.json()["receipt"].is_object()), (200, true), "{}", narrowed.text);
    assert_eq!(status(secret).await, 403);
    let widened = side.change(&admin, &path, Some(json!({"permissions": ["*"]})), "\"2\"").await;
    assert_eq!(widened.status, 200, "{}", widened.text);
    let renewed = side.ask(&admin, Method::POST, &format!("{path}/regenerate"), None).await.json();
    let new_secret = renewed["secret"].as_str().unwrap();
    assert_eq!((status(secret).await, status(new_secret).await), (401, 200));
    side.ask(&admin, Method::POST, &format!("{path}/revoke"), None).await;
    assert_eq!(status(new_secret).await, 401);
    side.ask(&admin, Method::POST, &format!("{path}/reactivate"), None).await;
    assert_eq!(status(new_secret).await, 200);
    let listed = side.ask(&admin, Method::GET, "/v1/root-keys?count=true", None).await.json();
    assert!(listed["items"].as_array().unwrap().iter().any(|key| key["id"] == id), "{listed}");
    assert_eq!(side.ask(&admin, Method::DELETE, &path, None).await.status, 200);
    assert_eq!(status(new_secret).await, 401);
    assert_eq!(side.ask(&admin, Method::GET, &path, None).await.status, 404);
}

#[tokio::test]
async fn no_key_reaches_root_keys_and_changes_need_a_fresh_proof() {
    let installation = Installation::start().await;
    let side = installation.side(Environment::Production);
    let body = || Some(json!({"name": side.fresh("root"), "permissions": ["*"]}));
    let own = side.organization_key();
    for caller in [side.root_key(), own, installation.member(side, "owner")] {
        for (method, body) in [(Method::GET, None), (Method::POST, body())] {
            let refused = side.ask(&caller, method, "/v1/root-keys", body).await;
            assert_eq!((refused.status, &refused.json()["code"]), (403, &json!("insufficient-permissions")));
        }
    }
    let mut claims = server_admin_claims(Environment::Production);
    for until in [None, Some(claims.iat - 1)] {
        claims.step_up_until = until;
        let admin = Caller::with(&installation.signer().sign(&claims));
        assert_eq!(side.ask(&admin, Method::GET, "/v1/root-keys", None).await.status, 200);
        let refused = side.ask(&admin, Method::POST, "/v1/root-keys", body()).await;
        assert_eq!((refused.status, &refused.json()["code"]), (403, &json!("step-up-required")));
    }
    // Another organization's key is no root key, whoever asks.
    let (key, _) = side.create_key(json!({"name": "no root key"})).await;
    let admin = installation.server_admin(side);
    for (method, path) in [(Method::GET, ""), (Method::DELETE, ""), (Method::POST, "/regenerate")] {
        let path = format!("/v1/root-keys/{key}{path}");
        assert_eq!(side.ask(&admin, method, &path, None).await.status, 404, "{path}");
    }
    let unknown =
        side.ask(&admin, Method::POST, "/v1/root-keys", Some(json!({"name": "x", "permissions": ["a.b"]}))).await;
    assert_eq!(unknown.status, 422, "{}", unknown.text);
}

#[test]
fn the_public_document_says_nothing_of_root_keys() {
    for text in
        [api::openapi_json(), std::fs::read_to_string(crate::support::manifest_dir().join("openapi.json")).unwrap()]
    {
        assert!(
            !text.contains("/v1/root-keys") && !text.contains("NewRootKey") && !text.contains("provision"),
            "hidden"
        );
    }
}
