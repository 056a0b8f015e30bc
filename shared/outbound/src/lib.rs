//! Requests to servers that a tenant names: nothing but public addresses is ever connected to.
//!
//! A name is resolved once, every address that it has is checked, and the connection goes to one of those. No redirect is
//! followed, no proxy is asked, and neither a body nor a wait is without a bound.

mod addresses;
mod client;
mod resolver;

pub use addresses::is_public;
pub use client::{Answer, Outbound, OutboundError, Request};
pub use resolver::{Names, TrustedOrigin};
