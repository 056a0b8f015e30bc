//! The shapes of the Integration API. A doc comment here is what customers read in the documentation.

pub mod credits;
pub mod customer;
pub mod domain_name;
pub mod instant;
pub mod key;
pub mod key_input;
pub mod lifecycle;
pub mod limit;
pub mod nullable;
pub mod organization;
pub mod receipt;
