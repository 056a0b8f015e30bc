//! Customers through the API.

use domain::environment::Environment;
use reqwest::Method;
use serde_json::json;

use crate::access::{Cast, Example};
use crate::keys::verify;
use crate::support::Installation;

/// Requests for the access matrix.
pub async fn example(cast: &Cast<'_>, operation: &str) -> Example {
    match operation {
        "list_customers" => Example::default(),
        "create_customer" => Example::of(json!({"name": "Made"})),
        "find_customer" | "list_customer_keys" => Example::at("customer", &cast.customer),
        operation => {
            let target = cast.side.create_customer("Target").await;
            if operation == "resume_customer" {
                cast.side.root(Method::POST, &cast.side.path(&format!("customers/{target}/suspend")), None).await;
            }
            let example = Example::at("customer", &target);
            match operation {
                "update_customer" => example.with(json!({"name": "Renamed"})).seen("\"1\""),
                _ => example,
            }
        }
    }
}

#[tokio::test]
async fn the_log_keeps_what_an_update_changed_and_no_more() {
    let installation = Installation::start().await;
    let side = installation.side(Environment::Development);
    let customer = side.create_customer("before").await;
    let path = side.path(&format!("customers/{customer}"));
    let renamed = side.change(&side.root_key(), &path, Some(json!({"name": "after"})), "*").await;
    assert_eq!(renamed.status, 200, "{}", renamed.text);
    let (action, details) = installation.last_event(Environment::Development).await;
    let changed = json!({"changed": {"name": {"before": "before", "after": "after"}}});
    assert_eq!((action.as_str(), details), ("customer.updated", changed));
}

#[tokio::test]
async fn deleting_the_last_customer_of_a_key_revokes_it() {
    let installation = Installation::start().await;
    let side = installation.side(Environment::Development);
    let (one, two) = (side.create_customer("one").await, side.create_customer("two").await);
    let (both, _) = side.create_key(json!({"name": "both", "customers": [one, two]})).await;
    let (single, caller) = side.create_key(json!({"name": "single", "customers": [one]})).await;
    side.root(Method::DELETE, &side.path(&format!("customers/{one}")), None).await;
    let key = side.root(Method::GET, &side.path(&format!("keys/{single}")), None).await;
    assert_eq!((key["status"].as_str(), key["revoke_reason"].as_str()), (Some("inactive"), Some("scope_removed")));
    assert_eq!(verify(side, caller.secret()).await["verdict"], "REVOKED");
    let key = side.root(Method::GET, &side.path(&format!("keys/{both}")), None).await;
    assert_eq!(key["customers"], json!([two]));
}
