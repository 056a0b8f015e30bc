//! The promises that no single crate can keep alone, each told by the name of a test.

#![expect(clippy::unwrap_used, reason = "what a test needs is part of the test")]

mod asking;
mod dump;
mod fleet;
mod haystacks;
mod isolation;
mod limits;
mod monitor;
mod pooler;
mod processes;
mod recovery;
mod request_log;
mod revocation;
mod roles;
mod rotation;
mod search;
mod secrets;
mod stores;
mod suspension;
mod telemetry;
