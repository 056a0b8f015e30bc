//! Fixtures for tests: real Postgres and Redis, the real services, and clients by role.
//!
//! `World` is three environments in this process, `Fleet` processes of the real program, `KeysFixture` the key service
//! over rows that a test writes itself, `ConsoleWorld` the console over a control database, `EnvironmentStores` the stores alone. A fixture shares the servers that `with-stores` started for the whole run, in databases and under Redis prefixes of its
//! own; without `with-stores`, or where a test wants to break them, it starts its own.

mod answer;
mod api;
mod browser;
mod collector;
mod console;
mod dns;
pub mod examples;
mod fixtures;
mod fleet;
mod folder;
pub mod keys_fixture;
mod load;
mod member;
mod poller;
mod proxy;
mod running;
mod servers;
mod settings;
mod start;
mod stores;
pub mod token_signer;
mod world;

pub use answer::{Answer, Client};
pub use api::Api;
pub use browser::Browser;
pub use collector::{Collector, Mood, ReceivedSpan, Series};
pub use console::{ConsoleBuilder, ConsoleWorld};
pub use dns::NameServer;
pub use fixtures::EVERYTHING_LIMIT;
pub use fleet::{Fleet, FleetBuilder, FleetEnvironment};
pub use folder::temporary_folder;
pub use fuzzing::Finding;
pub use load::{Load, Loss, Outcome, RunningLoad, Sample, Samples};
pub use member::{Member, free_ports};
pub use poller::{Asked, VerifyPoller, about, await_that, last_accepted};
pub use proxy::{Fault, Proxy};
pub use servers::{Ownership, Servers};
pub use stores::EnvironmentStores;
pub use token_signer::TokenSigner;
pub use world::{ALLOWED_VERIFIER, EnvironmentWorld, World, WorldBuilder};
