//! Receipts through the API.

use crate::access::{Cast, Example};

/// Requests for the access matrix.
pub async fn example(cast: &Cast<'_>, _operation: &str) -> Example {
    Example::at("receipt", &cast.side.create_receipt(&cast.customer).await)
}
