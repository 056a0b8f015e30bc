//! Verification through the Integration API.

use serde_json::json;

use crate::access::{Cast, Example};

/// Requests for the access matrix.
pub async fn example(cast: &Cast<'_>, operation: &str) -> Example {
    let question = json!({"key": cast.side.organization_key().secret()});
    if operation == "verify_keys" { Example::of(json!({"requests": [question]})) } else { Example::of(question) }
}
