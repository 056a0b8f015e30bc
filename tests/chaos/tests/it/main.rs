//! What is promised, while stores and replicas are killed, frozen, slowed down, emptied and cut off.
//!
//! `make test` runs the short form; `make chaos` runs the long one and makes the page of promises.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "what a test needs, and tells, is part of the test")]

mod capacity;
mod dependencies;
mod durability;
mod fleet;
mod ground;
mod host;
mod limits;
mod load;
mod overload;
mod pace;
mod recovery;
mod repeats;
mod revocation;
mod revocation_away;
mod rolling;
mod strangers;
mod twins;
mod victims;
