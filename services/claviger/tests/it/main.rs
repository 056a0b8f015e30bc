//! The program itself, as people and CI start it.

#![expect(clippy::unwrap_used, reason = "what a test needs is part of the test")]

mod commands;
mod dev;
mod root_keys;
mod startup;
mod users;
