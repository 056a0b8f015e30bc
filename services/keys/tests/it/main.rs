//! The key service over real Postgres and Redis, through its own sockets.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on is a test that failed")]

mod document;
mod enumeration;
mod foreign;
mod imports;
mod limits;
mod outage;
mod requesters;
mod revocation;
mod tls;
mod usage;
mod verdicts;
mod wire;
