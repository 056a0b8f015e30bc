//! The console from outside: its pages and its operations, over a real database.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod session;
