//! The worker over a real Postgres and a real Redis.

mod bench;
mod outbox;
mod process;
