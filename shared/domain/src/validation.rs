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

/// The known name that somebody may have meant: the same but for case, hyphens and underscores, or one with a slip or two.
pub fn meant<'a>(text: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    const LENGTH_MAX: usize = 64;
    const SLIPS_MAX: usize = 2;
    if text.len() > LENGTH_MAX {
        return None;
    }
    let plain = |name: &str| name.replace(['_', '-'], "").to_lowercase();
    let wanted = plain(text);
    let slips = |name: &str| strsim::damerau_levenshtein(&plain(name), &wanted);
    let near = known.into_iter().map(|name| (slips(name), name)).min_by_key(|(slips, _)| *slips)?;
    // In a short name a slip or two makes another word.
    (near.0 <= SLIPS_MAX.min(wanted.chars().count() / 3)).then_some(near.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_a_slip_is_told_from_another_name() {
        let known = ["expires_at", "ips", "name", "not_before"];
        for (text, expected) in [
            ("expiresAt", Some("expires_at")),
            ("ExpiresAt", Some("expires_at")),
            ("expires-at", Some("expires_at")),
            ("expire_at", Some("expires_at")),
            ("notBefore", Some("not_before")),
            ("nam", Some("name")),
            ("ip", None),
            ("colour", None),
            ("environment", None),
            ("", None),
        ] {
            assert_eq!(meant(text, known), expected, "{text}");
        }
    }
}
