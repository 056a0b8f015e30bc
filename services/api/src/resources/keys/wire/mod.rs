//! Keys on the wire. A doc comment here is what customers read in the documentation.

pub mod bulk;
pub mod credits;
pub mod import;
pub mod key;
pub mod key_input;
pub mod lifecycle;
pub mod list;

use chrono::{DateTime, Utc};
use domain::policy::KeyStatus;
use store::KeySort;

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
        /// Only keys limited to this domain.
        domain: String,
        /// Only keys made by this member or key: its id, as keys show it.
        created_by: String,
        /// Only keys with this text in their name, or known by it: the beginning of a hint or of a public id, or last
        /// four characters.
        text: String,
        /// Only keys that end before this instant.
        expires_before: DateTime<Utc>,
        /// Only keys not used since this instant, or never.
        unused_since: DateTime<Utc>,
        /// The order: newest first when left out, and with - in front the greatest first. Keys without an end come behind
        /// those with one, keys that were never used before those that were. The last use counts to the minute.
        sort: KeySort,
        /// With `true` the answer says how many keys there are, up to 10,000.
        count: bool,
    }
}

query! {
    /// How a customer's keys are listed.
    pub struct CustomerKeyQuery {
        /// The order: newest first when left out, and with - in front the greatest first. Keys without an end come behind
        /// those with one, keys that were never used before those that were. The last use counts to the minute.
        sort: KeySort,
        /// With `true` the answer says how many keys there are, up to 10,000.
        count: bool,
    }
}
