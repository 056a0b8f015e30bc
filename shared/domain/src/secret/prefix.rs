//! What a secret begins with.

use crate::validation::ValidationError;

/// The text before the tag: `clv`, `clvroot` or an organization's own.
#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Prefix(String);

impl Prefix {
    /// Of organization keys, unless the organization chose its own.
    pub fn organization() -> Self {
        Self("clv".to_owned())
    }

    /// Of root keys, and of nothing else.
    pub fn root() -> Self {
        Self("clvroot".to_owned())
    }

    /// Reads `[a-z][a-z0-9]{1,15}`.
    pub fn parse(text: &str) -> Result<Self, ValidationError> {
        let mut bytes = text.bytes();
        let starts_well = bytes.next().is_some_and(|b| b.is_ascii_lowercase());
        let goes_on_well = bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        if starts_well && goes_on_well && (2..=16).contains(&text.len()) {
            return Ok(Self(text.to_owned()));
        }
        Err(ValidationError::new("prefix", "a prefix is a lower-case letter and 1 to 15 lower-case letters or digits"))
    }

    /// Reads a prefix that an organization may choose for itself: any but the one of root keys.
    pub fn parse_own(text: &str) -> Result<Self, ValidationError> {
        let prefix = Self::parse(text)?;
        if prefix == Self::root() {
            return Err(ValidationError::new("prefix", "this prefix is kept for root keys"));
        }
        Ok(prefix)
    }

    /// The prefix as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Prefix {
    type Error = ValidationError;

    fn try_from(text: String) -> Result<Self, ValidationError> {
        Self::parse(&text)
    }
}

impl From<Prefix> for String {
    fn from(prefix: Prefix) -> String {
        prefix.0
    }
}
