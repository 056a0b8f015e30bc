//! The Integration API from outside: the document, and every operation against real stores.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod access;
mod authority;
mod bad_input;
mod lifecycle;
mod openapi;
mod support;
