//! E-mail addresses of people: as they are written, and as they are compared.

use crate::names::fold;
use crate::validation::ValidationError;

/// Longest address, in characters: what SMTP carries.
pub const EMAIL_CHARS_MAX: usize = 254;

/// An address that could be somebody's. Only mail that arrives shows that it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Email {
    text: String,
    canonical: String,
}

impl Email {
    /// Reads `local@domain`, without spaces, quotes and control characters.
    pub fn parse(text: &str) -> Result<Self, ValidationError> {
        if text.chars().count() > EMAIL_CHARS_MAX {
            let message = format!("must have at most {EMAIL_CHARS_MAX} characters");
            return Err(ValidationError::new("too-long", message));
        }
        let invalid = || ValidationError::new("invalid-email", "must be an e-mail address, as name@example.com");
        let is_fit = |c: char| !c.is_whitespace() && !c.is_control() && !"\"(),:;<>[\\]".contains(c);
        let (local, domain) = text.rsplit_once('@').ok_or_else(invalid)?;
        let has_parts = !local.is_empty() && !local.contains('@') && domain.split('.').all(|label| !label.is_empty());
        if !has_parts || !text.chars().all(is_fit) {
            return Err(invalid());
        }
        let canonical = canonical(local, domain);
        // Folding can leave nothing of a part, or make an @ of what looks like one.
        if canonical.starts_with('@') || canonical.matches('@').count() != 1 {
            return Err(invalid());
        }
        Ok(Self { text: text.to_owned(), canonical })
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// As it is compared: folded, without what follows a `+`. Two spellings with the same one are one account.
    pub fn canonical(&self) -> &str {
        &self.canonical
    }
}

impl std::fmt::Display for Email {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

fn canonical(local: &str, domain: &str) -> String {
    let folded = fold(local);
    let base = match folded.split_once('+') {
        Some((base, _)) if !base.is_empty() => base,
        Some(_) | None => folded.as_str(),
    };
    format!("{base}@{}", fold(domain))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn spellings_of_one_address_are_compared_as_one() {
        let one = Email::parse("ines.okafor@halden.app").unwrap();
        for other in ["Ines.Okafor@HALDEN.app", "ines.okafor+claviger@halden.app", "ｉｎｅｓ.okafor@halden.app"] {
            assert_eq!(Email::parse(other).unwrap().canonical(), one.canonical(), "{other}");
        }
        assert_ne!(Email::parse("ines@halden.app").unwrap().canonical(), one.canonical());
        assert_eq!(Email::parse("+a@b").unwrap().canonical(), "+a@b");
    }

    #[test]
    fn what_cannot_be_an_address_is_refused() {
        for refused in
            ["", "a", "@b.c", "a@", "a@b..c", "a b@c.d", "a@b\n.c", "<a@b.c>", "a@b@c", "a@b.c,d@e.f", "a\u{7f}@b"]
        {
            assert!(Email::parse(refused).is_err(), "{refused:?}");
        }
        assert!(Email::parse(&format!("{}@b", "a".repeat(253))).is_err());
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,40}") {
            let _ = Email::parse(&text);
        }
    }
}
