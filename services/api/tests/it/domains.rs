//! Domains through the API.

use domain::environment::Environment;
use reqwest::Method;
use serde_json::json;

use crate::access::{Cast, Example};
use crate::support::Installation;

/// Requests for the access matrix.
pub async fn example(cast: &Cast<'_>, operation: &str) -> Example {
    match operation {
        "list_domains" => Example::default(),
        "create_domain" => Example::of(json!({"name": cast.side.fresh_host()})),
        "delete_domain" => Example::at("domain", &cast.side.create_domain().await),
        _ => Example::at("domain", &cast.domain),
    }
}

#[tokio::test]
async fn a_domain_is_proven_by_its_record_and_by_nothing_else() {
    let installation = Installation::start().await;
    let side = installation.side(Environment::Production);
    let body = json!({"name": "*.shop.example.com"});
    let domain = side.root(Method::POST, &side.path("domains"), Some(body)).await;
    let text = |member: &str| domain[member].as_str().unwrap();
    assert_eq!(text("challenge_name"), "_claviger.shop.example.com");
    let check = side.path(&format!("domains/{}/check", text("id")));
    assert!(side.root(Method::POST, &check, None).await["verified_at"].is_null(), "no such name");
    installation.set_record(text("challenge_name"), "claviger-domain=somebody-else");
    assert!(side.root(Method::POST, &check, None).await["verified_at"].is_null(), "another value");
    installation.set_record(text("challenge_name"), text("challenge_value"));
    assert!(side.root(Method::POST, &check, None).await["verified_at"].is_string());
    installation.set_record(text("challenge_name"), "gone");
    assert!(side.root(Method::POST, &check, None).await["verified_at"].is_null(), "it holds while the record does");
}
