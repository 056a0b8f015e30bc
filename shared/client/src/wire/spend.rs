//! `POST /v1/limits/spend`: a limit that hangs on no key.

use domain::ids::OrganizationId;
use domain::limit_settings::RateSource;
use poem_openapi::{Enum, Object};
use serde::{Deserialize, Serialize};

use super::verify::Enforced;

/// A request of somebody who has no key, to be counted.
#[derive(Debug, Clone, Serialize, Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(deny_unknown_fields)]
pub struct SpendLimitRequest {
    /// Whose limit it is: an organization's id. A key of an organization may leave it out, and names no other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[oai(validator(max_length = 64))]
    pub organization: Option<String>,
    /// What is limited: a lower-case letter and up to 39 letters, digits, `-` or `_`. It need not be configured.
    #[oai(validator(max_length = 40))]
    pub namespace: String,
    /// Who is limited: 1 to 200 characters, for instance a user's id or an address. Each is counted by itself.
    #[oai(validator(max_length = 200))]
    pub identifier: String,
    /// Requests (or cost) per window, where neither an override nor the namespace says otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[oai(validator(minimum(value = "1"), maximum(value = "1000000000")))]
    pub limit: Option<u64>,
    /// The window of that in milliseconds, one second to 31 days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[oai(validator(minimum(value = "1000"), maximum(value = "2678400000")))]
    pub window_ms: Option<u64>,
    /// What the request costs; 1 when left out, and 0 only looks.
    #[serde(default = "one")]
    #[oai(default = "one", validator(maximum(value = "1000000000")))]
    pub cost: u64,
}

fn one() -> u64 {
    1
}

/// Whether the request fits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Object)]
pub struct SpendLimitAnswer {
    /// Whether it was admitted; if not, nothing was spent.
    pub admitted: bool,
    /// The limit that holds.
    pub limit: u64,
    /// Its window.
    pub window_ms: u64,
    /// Who says so: the identifier's override, else the namespace, else the question.
    pub source: RateSourceName,
    /// What is left now.
    pub remaining: u64,
    /// How long until the oldest counted request has left the window; 0 when none is counted.
    pub reset_ms: u64,
    /// How long until the same request would be admitted; only when it was refused, and absent when waiting never helps: the cost is
    /// above the limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[oai(skip_serializing_if_is_none)]
    pub retry_after_ms: Option<u64>,
    /// Why it was refused, where it was not the limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[oai(skip_serializing_if_is_none)]
    pub reason: Option<SpendReason>,
    /// Who counts.
    pub enforced: Enforced,
}

/// Who says which limit holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Enum)]
#[serde(rename_all = "lowercase")]
#[oai(rename = "RateSource", rename_all = "lowercase")]
pub enum RateSourceName {
    /// The identifier's override.
    Override,
    /// The default of the namespace.
    Namespace,
    /// The question.
    Question,
}

impl From<RateSource> for RateSourceName {
    fn from(source: RateSource) -> Self {
        match source {
            RateSource::Override => Self::Override,
            RateSource::Namespace => Self::Namespace,
            RateSource::Question => Self::Question,
        }
    }
}

/// Why a request was refused, where it was not the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Enum)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[oai(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SpendReason {
    /// The organization has as many identifiers in windows as it may: 200,000 in windows of up to a minute, an hour, a day and a
    /// month each.
    TooManyIdentifiers,
}

/// Whose counter a request is on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SpendCounter {
    /// One that the organization names: nobody else's.
    #[default]
    Namespace,
    /// A member's of the console, which the organization can neither spend nor configure. The question has its numbers.
    Member,
}

/// What the Integration API asks for a caller.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InternalSpendRequest {
    /// Whose limit it is.
    pub organization_id: OrganizationId,
    /// Whose counter it is.
    #[serde(default)]
    pub counter: SpendCounter,
    /// The question.
    pub request: SpendLimitRequest,
}
