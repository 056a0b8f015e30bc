//! The closed sets of words in answers, as the OpenAPI document lists them.

use domain::environment::Environment;
use domain::policy::KeyKind;
use domain::verdict::Verdict;
use poem_openapi::Enum;
use serde::{Deserialize, Serialize};

/// The answer about a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename = "Verdict", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum VerdictName {
    /// It may.
    Valid,
    /// Not a secret: wrong shape or checksum.
    Malformed,
    /// The text names another environment.
    WrongEnvironment,
    /// No such secret here.
    NotFound,
    /// Its organization or customer is suspended.
    Suspended,
    /// Revoked, deleted, or the secret retired.
    Revoked,
    /// Before its start.
    NotYetValid,
    /// At or after its end.
    Expired,
    /// The address, domain or customer is not one of its own.
    Forbidden,
    /// A needed permission is missing.
    InsufficientPermissions,
    /// A limit is spent.
    RateLimited,
    /// The credits are spent.
    UsageExceeded,
}

impl From<Verdict> for VerdictName {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Valid => Self::Valid,
            Verdict::Malformed => Self::Malformed,
            Verdict::WrongEnvironment => Self::WrongEnvironment,
            Verdict::NotFound => Self::NotFound,
            Verdict::Suspended => Self::Suspended,
            Verdict::Revoked => Self::Revoked,
            Verdict::NotYetValid => Self::NotYetValid,
            Verdict::Expired => Self::Expired,
            Verdict::Forbidden => Self::Forbidden,
            Verdict::InsufficientPermissions => Self::InsufficientPermissions,
            Verdict::RateLimited => Self::RateLimited,
            Verdict::UsageExceeded => Self::UsageExceeded,
        }
    }
}

/// An environment of the installation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename = "Environment", rename_all = "lowercase")]
pub enum EnvironmentName {
    /// Real operations.
    Production,
    /// Rehearsal with realistic data.
    Staging,
    /// Coding and experiments.
    Development,
}

impl From<Environment> for EnvironmentName {
    fn from(environment: Environment) -> Self {
        match environment {
            Environment::Production => Self::Production,
            Environment::Staging => Self::Staging,
            Environment::Development => Self::Development,
        }
    }
}

/// The two kinds of key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename = "KeyKind", rename_all = "lowercase")]
pub enum KeyKindName {
    /// Inside one organization.
    Organization,
    /// Across the organizations of one environment.
    Root,
}

impl From<KeyKind> for KeyKindName {
    fn from(kind: KeyKind) -> Self {
        match kind {
            KeyKind::Organization => Self::Organization,
            KeyKind::Root => Self::Root,
        }
    }
}

/// What became of one check of an explained verification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Enum)]
#[serde(rename_all = "lowercase")]
#[oai(rename_all = "lowercase")]
pub enum TraceOutcome {
    /// It holds.
    Passed,
    /// It does not.
    Failed,
    /// It could not be asked, because an earlier one left nothing to look at.
    Skipped,
}
