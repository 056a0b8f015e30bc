//! The worker over a real Postgres and a real Redis.

#![expect(clippy::unwrap_used, reason = "what a test needs is part of the test")]

mod fixture;
mod key_usage;
mod outbox;
mod process;
mod request_log;
mod retention;
