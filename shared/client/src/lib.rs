//! What the key service and its callers say to each other, and the client that says it.

pub mod keys;
mod retries;
pub mod wire;

pub use keys::{KeysClient, KeysError};
