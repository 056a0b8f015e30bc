//! What is promised, while stores and replicas are killed, frozen, slowed down, emptied and cut off, and while more is asked
//! than can be done.
//!
//! A module for each group of `make chaos GROUP=…`. `make test` and `make check` build these tests and do not run them: they
//! take minutes, and the machine alone.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "what a test needs, and tells, is part of the test")]

mod durability;
mod hostile;
mod limits;
mod overload;
mod revocation;
mod stores;
mod support;
