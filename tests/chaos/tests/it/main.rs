//! What is promised, while stores and replicas are killed, frozen, slowed down, emptied and cut off.
//!
//! `make test` runs the short form; `make chaos` runs the long one and makes the page of promises.

#![expect(clippy::unwrap_used, reason = "what a test needs is part of the test")]
#![expect(clippy::print_stdout, reason = "a test tells what it has seen")]

mod dependencies;
mod durability;
mod fleet;
mod ground;
mod limits;
mod recovery;
mod repeats;
mod revocation;
mod revocation_away;
mod rolling;
mod victims;
