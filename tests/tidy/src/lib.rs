//! The rules of this repository that no compiler and no linter checks.
//!
//! Each rule is a function from a [`Tree`] to what breaks it, in a file of its own; its tests hold it against this
//! repository, and against a planted violation to show that it can fail.

pub mod circles;
pub mod configuration;
pub mod decisions;
pub mod documents;
pub mod frozen;
pub mod headers;
pub mod layers;
pub mod migrations;
pub mod orphans;
pub mod sizes;
pub mod telemetry;
pub mod test_names;
mod tree;
pub mod words;

pub use tree::{Finding, Tree};
