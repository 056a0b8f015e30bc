//! Connections to Redis, whatever its topology: found, shared, given up when they fail, and made anew in the background.
//!
//! From the bottom up: `topology` reads the URL, `server` connects, `slots` says who has which key, `link` sends calls;
//! `sentinel` and `cluster` know who the masters are, and `connect` keeps the link to them.

mod cluster;
mod config;
mod connect;
mod link;
mod script;
mod sentinel;
mod server;
mod slots;
mod topology;

pub use config::RedisConfig;
pub(crate) use connect::open;
pub(crate) use link::Link;
pub use link::Runs;
pub(crate) use script::Script;
pub use server::Away;
pub(crate) use server::Connection;
pub(crate) use slots::Slot;
