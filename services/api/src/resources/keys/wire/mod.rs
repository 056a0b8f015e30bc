//! Keys on the wire. A doc comment here is what customers read in the documentation.

pub mod credits;
pub mod import;
pub mod key;
pub mod key_input;
pub mod lifecycle;

use chrono::{DateTime, Utc};
use domain::policy::KeyStatus;

use crate::query::query;

query! {
    /// Which keys are listed.
    pub struct KeyQuery {
        /// Only active, inactive, expired or scheduled keys.
        status: KeyStatus,
        /// Only keys limited to this customer (id or external id).
        customer: String,
        /// Only keys that hold this permission.
        permission: String,
        /// Only keys with this tag.
        tag: String,
        /// Only keys with this text in their name, or known by it: the beginning of a hint or of a public id, or last
        /// four characters.
        text: String,
        /// Only keys that end before this instant.
        expires_before: DateTime<Utc>,
        /// Only keys not used since this instant, or never.
        unused_since: DateTime<Utc>,
    }
}
