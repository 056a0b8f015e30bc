//! Limits that hang on no key: namespaces of an organization, their defaults, and overrides of single identifiers.

use std::collections::HashMap;

use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::ids::OrganizationId;
use crate::limit::{LIMIT_MAX, Limit, WINDOW_MS_MAX, WINDOW_MS_MIN};
use crate::validation::ValidationError;

/// The most namespaces that an organization configures.
pub const NAMESPACES_MAX: usize = 100;
/// The most overrides of an organization, over all of its namespaces: a change has every replica read all of them again.
pub const OVERRIDES_MAX: usize = 1_000;
/// The longest identifier.
pub const IDENTIFIER_CHARS_MAX: usize = 200;

/// So many per window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Rate {
    /// Requests, or cost, per window.
    pub limit: u64,
    /// The window's length in milliseconds.
    pub window_ms: u64,
}

/// What an organization has configured, as of one version.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LimitSettings {
    /// The version; 0 before anything was configured.
    pub generation: i64,
    /// The namespaces by their names.
    pub namespaces: HashMap<String, Namespace>,
}

/// One namespace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Namespace {
    /// What holds for an identifier without an override.
    pub default: Option<Rate>,
    /// What holds for single identifiers.
    pub overrides: HashMap<String, Rate>,
}

/// Who says what holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RateSource {
    /// The override of the identifier.
    Override,
    /// The default of the namespace.
    Namespace,
    /// The question.
    Question,
}

impl Rate {
    /// Checks the bounds that every limit has.
    pub fn parse(limit: u64, window_ms: u64) -> Result<Self, ValidationError> {
        if !(1..=LIMIT_MAX).contains(&limit) {
            return Err(ValidationError::new("range", format!("limit is 1 to {LIMIT_MAX}")));
        }
        if !(WINDOW_MS_MIN..=WINDOW_MS_MAX).contains(&window_ms) {
            return Err(ValidationError::new("range", format!("window_ms is {WINDOW_MS_MIN} to {WINDOW_MS_MAX}")));
        }
        Ok(Self { limit, window_ms })
    }

    /// The same as a limit with a name.
    pub fn named(self, name: &str) -> Limit {
        Limit { name: name.to_owned(), limit: self.limit, window_ms: self.window_ms, auto: true }
    }
}

impl LimitSettings {
    /// What holds for an identifier: its override, else the namespace's default, else what the question says. What is configured
    /// wins over the question, so that a limit changes without a new release of whoever asks.
    pub fn rate(&self, namespace: &str, identifier: &str, asked: Option<Rate>) -> Option<(Rate, RateSource)> {
        let configured = self.namespaces.get(namespace);
        let overridden =
            configured.and_then(|it| it.overrides.get(identifier)).map(|rate| (*rate, RateSource::Override));
        let default = || configured.and_then(|it| it.default).map(|rate| (rate, RateSource::Namespace));
        overridden.or_else(default).or(asked.map(|rate| (rate, RateSource::Question)))
    }

    /// How many entries it has.
    pub fn entries(&self) -> usize {
        self.namespaces.values().map(|namespace| 1 + namespace.overrides.len()).sum()
    }
}

/// Checks an identifier: 1 to 200 characters without controls.
pub fn check_identifier(text: &str) -> Result<(), ValidationError> {
    if (1..=IDENTIFIER_CHARS_MAX).contains(&text.chars().count()) && !text.chars().any(char::is_control) {
        return Ok(());
    }
    let message = format!("an identifier is 1 to {IDENTIFIER_CHARS_MAX} characters without controls");
    Err(ValidationError::new("identifier", message))
}

/// The name under which an identifier is counted: of one length, whatever it is, and saying nothing of it. No two lists of parts
/// and no two organizations share one.
pub fn counter_id(organization: OrganizationId, parts: &[&str]) -> Uuid {
    let mut digest = Sha256::new();
    digest.update(organization.uuid().as_bytes());
    for part in parts {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part.as_bytes());
    }
    let bytes: [u8; 32] = digest.finalize().into();
    let mut short = [0; 16];
    short.copy_from_slice(&bytes[..16]);
    Uuid::from_bytes(short)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_configured_wins_over_what_is_asked() {
        let rate = |limit| Rate { limit, window_ms: 1_000 };
        let overrides = HashMap::from([("vip".to_owned(), rate(9))]);
        let namespace = |default| Namespace { default, overrides: overrides.clone() };
        let namespaces =
            HashMap::from([("mail".to_owned(), namespace(Some(rate(5)))), ("sms".to_owned(), namespace(None))]);
        let settings = LimitSettings { generation: 1, namespaces };
        let asked = Some(rate(1));
        assert_eq!(settings.rate("mail", "vip", asked), Some((rate(9), RateSource::Override)));
        assert_eq!(settings.rate("mail", "anna", asked), Some((rate(5), RateSource::Namespace)));
        assert_eq!(settings.rate("sms", "anna", asked), Some((rate(1), RateSource::Question)));
        assert_eq!(settings.rate("other", "vip", asked), Some((rate(1), RateSource::Question)));
        assert_eq!(settings.rate("sms", "anna", None), None);
    }

    #[test]
    fn no_two_identifiers_and_no_two_organizations_share_a_counter() {
        let organization = |id| OrganizationId::from_uuid(Uuid::from_u128(id));
        let ids = [
            counter_id(organization(1), &["a", "bc"]),
            counter_id(organization(1), &["ab", "c"]),
            counter_id(organization(1), &["abc"]),
            counter_id(organization(2), &["a", "bc"]),
        ];
        for (at, id) in ids.iter().enumerate() {
            assert!(!ids[..at].contains(id));
        }
        assert_eq!(ids[0], counter_id(organization(1), &["a", "bc"]));
    }

    #[test]
    fn an_identifier_is_any_short_text_without_controls() {
        for good in ["anna@example.com", "203.0.113.9", "a/b", "日本", &"x".repeat(200)] {
            assert!(check_identifier(good).is_ok(), "{good}");
        }
        for bad in ["", "a\nb", "\u{0}", &"x".repeat(201)] {
            assert!(check_identifier(bad).is_err(), "{bad:?}");
        }
    }
}
