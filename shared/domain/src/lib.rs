//! The rules of the product: ids, the format of secrets, permissions, policy, verdicts, limits and events.
//!
//! Pure: no I/O, no async, and no wall clock; every instant comes in as an argument.

pub mod access;
pub mod addresses;
pub mod adoption;
pub mod email;
pub mod environment;
pub mod event;
pub mod foreign;
pub mod hosts;
pub mod ids;
pub mod instants;
pub mod limit;
pub mod limit_settings;
pub mod names;
pub mod organization_policy;
pub mod permission;
pub mod policy;
pub mod priority;
pub mod refill;
pub mod role;
pub mod sealing;
pub mod secret;
pub mod snapshot;
pub mod validation;
pub mod verdict;
pub mod verify;
