//! Organizations through the API.

use reqwest::Method;
use serde_json::json;

use crate::access::{Cast, Example};

/// Requests for the access matrix.
pub async fn example(cast: &Cast<'_>, operation: &str) -> Example {
    match operation {
        "provision_organization" => Example::at("organization", &cast.side.fresh_organization_id())
            .with(json!({"name": "New", "slug": cast.side.fresh_slug()})),
        "list_organizations" => Example::default(),
        "create_organization" => Example::of(json!({"name": "New", "slug": cast.side.fresh_slug()})),
        operation => {
            let target = cast.side.target_organization(operation).await;
            if operation == "resume_organization" {
                let suspend = format!("/v1/organizations/{}/suspend", target.id);
                cast.side.root(Method::POST, &suspend, None).await;
            }
            let example = Example::at("organization", &target.id).seen(&target.etag);
            if operation == "update_organization" { example.with(json!({"name": "Renamed"})) } else { example }
        }
    }
}
