//! Why a value is not acceptable, in words for the caller.

/// Why one value was refused: a stable code and a message for the caller.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ValidationError {
    /// Kebab-case code, stable, sent as `errors[].code`.
    pub code: &'static str,
    /// What is wrong and what would be accepted; repeats at most 64 escaped characters of the input.
    pub message: String,
}

impl ValidationError {
    /// An error with its code and message.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

/// At most 64 characters of `input`, with everything unprintable escaped, for use in a message.
pub fn excerpt(input: &str) -> String {
    let escaped: String = input.chars().take(64).flat_map(char::escape_debug).collect();
    escaped.chars().take(64).collect()
}
