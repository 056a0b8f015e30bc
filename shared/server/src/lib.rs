//! The edge: everything between a socket and a handler, and nothing that knows the product's rules.

pub mod answer;
pub mod json;
pub mod problem;
pub mod query;
