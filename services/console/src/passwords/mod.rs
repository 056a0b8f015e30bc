//! Passwords: what they have to be like, and their hashes, made and compared by few threads at a time.

mod pool;
mod rules;

pub use pool::{HashPool, TooBusy};
pub use rules::{PASSWORD_BYTES_MAX, Rules};
