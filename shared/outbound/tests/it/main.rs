//! What a tenant's URL can and cannot reach.

#![expect(clippy::unwrap_used, reason = "a fixture that cannot be made is a test that failed")]

mod hostile;
mod server;
