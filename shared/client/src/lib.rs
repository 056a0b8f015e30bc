//! The client of the key service, and the wire types that both ends share.

pub mod keys;
mod retries;
pub mod wire;

pub use keys::{KeysClient, KeysError};
