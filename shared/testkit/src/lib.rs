//! Worlds for tests: real Postgres and Redis, the real services in this process, and clients by role.
//!
//! A world shares the servers that `with-stores` started for the whole run, in databases and under Redis prefixes of its
//! own; without `with-stores`, or where a test wants to break them, it starts its own.

mod answer;
mod api;
mod collector;
mod dns;
mod fixtures;
mod fleet;
mod folder;
mod load;
mod member;
mod proxy;
mod running;
mod servers;
mod settings;
mod start;
mod watch;
mod world;

pub use answer::{Answer, Client};
pub use api::Api;
pub use collector::{Collector, Mood, ReceivedSpan, Series};
pub use dns::NameServer;
pub use fixtures::EVERYTHING_LIMIT;
pub use fleet::{Fleet, FleetBuilder, Place};
pub use folder::temporary_folder;
pub use fuzzing::Finding;
pub use load::{Load, Loss, Outcome, RunningLoad, Sample, Samples};
pub use member::{Member, free_ports};
pub use proxy::{Fault, Proxy};
pub use servers::Servers;
pub use watch::{Asked, Watch, about, await_that, last_accepted};
pub use world::{EnvironmentWorld, World, WorldBuilder};
