//! The edge through a real socket, and configuration from real files.

#![expect(clippy::unwrap_used, reason = "the helpers of a test are part of the test")]

mod body;
mod config;
mod edge;
mod framing;
mod fuzz;
mod hostile;
mod log;
mod request_log;
mod time;
