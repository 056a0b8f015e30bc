//! The parsers of the domain against generated input.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on is a test that failed")]

mod fuzz;
mod oracles;
