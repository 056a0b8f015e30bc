//! Limits without a key on the wire.

use domain::limit::Limit;
use domain::limit_settings::{Rate, check_identifier};
use domain::validation::ValidationError;
use poem_openapi::Object;
use server::problem::Problem;

use crate::fields::{Fields, unread};
use crate::wire::instant::Instant;
use crate::wire::nullable::Nullable;

/// A namespace of limits: what is limited, and how many an identifier has there unless it has an override.
#[derive(Debug, Clone, Object)]
#[oai(rename = "LimitNamespace")]
pub struct NamespaceBody {
    /// Its name.
    pub name: String,
    /// Requests (or cost) per window; `null` where the question says it.
    pub limit: Nullable<u64>,
    /// The window in milliseconds.
    pub window_ms: Nullable<u64>,
    /// When it was first set.
    pub created_at: Instant,
    /// When it was last changed.
    pub updated_at: Instant,
}

/// The default of a namespace: both members, or neither for a namespace that has overrides alone.
#[derive(Debug, Clone, Object)]
#[oai(rename = "LimitNamespaceInput", deny_unknown_fields)]
pub struct NamespaceInput {
    /// Requests (or cost) per window.
    #[oai(validator(minimum(value = "1"), maximum(value = "1000000000")))]
    pub limit: Option<u64>,
    /// The window in milliseconds, one second to 31 days.
    #[oai(validator(minimum(value = "1000"), maximum(value = "2678400000")))]
    pub window_ms: Option<u64>,
}

/// What holds for one identifier instead of the namespace's default.
#[derive(Debug, Clone, Object)]
#[oai(rename = "LimitOverride")]
pub struct OverrideBody {
    /// Its id.
    pub id: String,
    /// The namespace.
    pub namespace: String,
    /// Whom it is for.
    pub identifier: String,
    /// Requests (or cost) per window.
    pub limit: u64,
    /// The window in milliseconds.
    pub window_ms: u64,
    /// When it was first set.
    pub created_at: Instant,
    /// When it was last changed.
    pub updated_at: Instant,
}

/// What an identifier has from the next request on.
#[derive(Debug, Clone, Object)]
#[oai(rename = "LimitOverrideInput", deny_unknown_fields)]
pub struct OverrideInput {
    /// Whom it is for: 1 to 200 characters.
    #[oai(validator(max_length = 200))]
    pub identifier: String,
    /// Requests (or cost) per window.
    #[oai(validator(minimum(value = "1"), maximum(value = "1000000000")))]
    pub limit: u64,
    /// The window in milliseconds, one second to 31 days.
    #[oai(validator(minimum(value = "1000"), maximum(value = "2678400000")))]
    pub window_ms: u64,
}

impl NamespaceInput {
    /// Reads the default, beside the name that the path gives.
    pub fn read(&self, name: &str) -> Result<Option<Rate>, Problem> {
        let mut fields = Fields::default();
        fields.take("/path/namespace", Limit::check_name(name));
        let rate = match (self.limit, self.window_ms) {
            (None, None) => None,
            (Some(limit), Some(window_ms)) => fields.take("/limit", Rate::parse(limit, window_ms)),
            (Some(_), None) | (None, Some(_)) => {
                let message = "send both limit and window_ms, or neither";
                fields.refuse("/limit", ValidationError::new("contradiction", message));
                None
            }
        };
        fields.finish()?;
        Ok(rate)
    }
}

impl OverrideInput {
    /// Reads it, or says what is wrong.
    pub fn read(&self) -> Result<Rate, Problem> {
        let mut fields = Fields::default();
        fields.take("/identifier", check_identifier(&self.identifier));
        let rate = fields.take("/limit", Rate::parse(self.limit, self.window_ms));
        fields.finish()?;
        rate.ok_or_else(unread)
    }
}

impl From<&store::LimitNamespace> for NamespaceBody {
    fn from(row: &store::LimitNamespace) -> Self {
        Self {
            name: row.name.clone(),
            limit: Nullable(row.default.map(|rate| rate.limit)),
            window_ms: Nullable(row.default.map(|rate| rate.window_ms)),
            created_at: Instant(row.created_at),
            updated_at: Instant(row.updated_at),
        }
    }
}

impl OverrideBody {
    /// The answer about an override of a namespace.
    pub fn new(namespace: &store::LimitNamespace, row: &store::LimitOverride) -> Self {
        Self {
            id: row.id.to_string(),
            namespace: namespace.name.clone(),
            identifier: row.identifier.clone(),
            limit: row.rate.limit,
            window_ms: row.rate.window_ms,
            created_at: Instant(row.created_at),
            updated_at: Instant(row.updated_at),
        }
    }
}
