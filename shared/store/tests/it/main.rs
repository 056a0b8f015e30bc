//! The store against a real Postgres: isolation, the rules of each row, and what a commit leaves behind.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod by_hand;
mod cancellation;
mod catalogue;
mod credits;
mod events;
mod idempotency;
mod isolation;
mod key_usage;
mod keys;
mod limit_settings;
mod lists;
mod mutations;
mod pooler;
mod readiness;
mod removal;
mod request_logs;
mod snapshots;
mod sorted_lists;
mod tenants;
mod topologies;
mod unchanged;
mod verifiers;
mod world;
