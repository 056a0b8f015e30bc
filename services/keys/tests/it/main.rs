//! The key service over real Postgres and Redis, through its own sockets.

mod bench;
mod limits;
mod outage;
mod revocation;
mod verdicts;
mod wire;
