//! Secrets that are not of our form: known by their SHA-256 alone, and found without knowing whose they are.
//!
//! At rest a digest is wrapped under the environment's pepper. A public id is derived from the wrapping, so that such a secret
//! is looked up like one of ours; nothing in its text is an id.

use std::sync::Arc;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::environment::Environment;
use crate::ids::OrganizationId;
use crate::secret::{HashScheme, LookupId, Pepper, PepperRing, PlainSecret, SecretHash};
use crate::validation::ValidationError;

/// The longest text that is looked at.
pub const FOREIGN_TEXT_BYTES_MAX: usize = 1_024;
/// The shortest one that can be brought as a text; of a digest nobody can tell.
const FOREIGN_TEXT_BYTES_MIN: usize = 16;
/// How many different bytes are in one, at the least.
const DISTINCT_BYTES_MIN: usize = 6;
/// The longest hint.
pub const HINT_CHARS_MAX: usize = 32;
/// What stands before a digest under the HMAC. Behind 16 bytes, where an organization's id would end, is no zero.
const LABEL: &[u8] = b"claviger foreign secret\0";
/// How many characters of a text its hint shows.
const HINT_SHOWN: usize = 4;

/// SHA-256 of a secret that is not of our form. `Debug` names the type and nothing else: who has a digest can have the secret
/// refused.
#[derive(Clone, Copy)]
pub struct ForeignDigest([u8; 32]);

/// A digest as one pepper wraps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrapped {
    /// What finds the row.
    pub lookup_id: LookupId,
    /// What is stored, and proves the secret.
    pub hash: SecretHash,
}

/// A presented secret, as a lookup needs it.
#[derive(Debug, Clone, Copy)]
pub enum Presented<'a> {
    /// One of our form.
    Own(&'a PlainSecret),
    /// A text of another form, as each pepper wraps its digest.
    Foreign(&'a [Wrapped]),
}

/// What lists show of a secret that is not of our form, in its owner's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignHint(String);

impl ForeignDigest {
    /// Of a presented text, if it may be a secret that was issued elsewhere. One of our form never is.
    pub fn of_presented(text: &str) -> Option<Self> {
        let is_possible = (1..=FOREIGN_TEXT_BYTES_MAX).contains(&text.len()) && !text.chars().any(char::is_control);
        is_possible.then(|| Self(Sha256::digest(text.as_bytes()).into()))
    }

    /// Of a text that is to become a key's secret.
    pub fn of_text(text: &str) -> Result<Self, ValidationError> {
        if PlainSecret::parse(text).is_ok() {
            return Err(ValidationError::new("secret-form", "this secret has Claviger's own form"));
        }
        if !(FOREIGN_TEXT_BYTES_MIN..=FOREIGN_TEXT_BYTES_MAX).contains(&text.len()) {
            let message = format!("a secret has {FOREIGN_TEXT_BYTES_MIN} to {FOREIGN_TEXT_BYTES_MAX} bytes");
            return Err(ValidationError::new("secret-length", message));
        }
        if crate::secret::distinct_bytes(text.as_bytes()) < DISTINCT_BYTES_MIN {
            return Err(ValidationError::new("secret-weak", "a secret must come from a random generator"));
        }
        Self::of_presented(text)
            .ok_or_else(|| ValidationError::new("secret-alphabet", "a secret has no control characters"))
    }

    /// Takes a digest that was made elsewhere.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    fn is_of(&self, text: &str) -> bool {
        let other: [u8; 32] = Sha256::digest(text.as_bytes()).into();
        bool::from(self.0.ct_eq(&other))
    }
}

impl std::fmt::Debug for ForeignDigest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ForeignDigest")
    }
}

impl ForeignHint {
    /// Reads a hint; refuses one that is the secret itself.
    pub fn parse(text: &str, digest: &ForeignDigest) -> Result<Self, ValidationError> {
        let length = text.chars().count();
        if !(1..=HINT_CHARS_MAX).contains(&length) || text.chars().any(char::is_control) {
            let message = format!("a hint has 1 to {HINT_CHARS_MAX} characters, none of them a control character");
            return Err(ValidationError::new("hint", message));
        }
        if digest.is_of(text) {
            return Err(ValidationError::new("hint", "a hint must not be the secret"));
        }
        Ok(Self(text.to_owned()))
    }

    /// The end of a text, behind an ellipsis.
    pub fn of_text(text: &str) -> Self {
        let end: Zeroizing<Vec<char>> = Zeroizing::new(text.chars().rev().take(HINT_SHOWN).collect());
        Self(std::iter::once('…').chain(end.iter().rev().copied()).collect())
    }

    /// Of a secret of which nothing but the digest is known.
    pub fn unknown() -> Self {
        Self("…".to_owned())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its last four characters, by which people search; fewer if it has fewer.
    pub fn last4(&self) -> String {
        let letters: Vec<char> =
            self.0.chars().rev().take_while(char::is_ascii_alphanumeric).take(HINT_SHOWN).collect();
        letters.into_iter().rev().collect()
    }
}

impl Presented<'_> {
    /// The public ids that it may be found by.
    pub fn lookup_ids(self) -> Vec<LookupId> {
        match self {
            Self::Own(secret) => vec![secret.lookup_id()],
            Self::Foreign(wrapped) => wrapped.iter().map(|one| one.lookup_id).collect(),
        }
    }

    /// Whether its tag, if it has one, is this environment's.
    pub fn is_of(self, environment: Environment) -> bool {
        match self {
            Self::Own(secret) => secret.environment() == environment,
            Self::Foreign(_) => true,
        }
    }

    /// Whether a row with this prefix may be behind it. The prefix of a secret of another form is that of its successor.
    pub fn fits_prefix(self, prefix: &str) -> bool {
        match self {
            Self::Own(secret) => prefix == secret.prefix().as_str(),
            Self::Foreign(_) => true,
        }
    }
}

impl<'a> From<&'a PlainSecret> for Presented<'a> {
    fn from(secret: &'a PlainSecret) -> Self {
        Self::Own(secret)
    }
}

impl PepperRing {
    /// Says in constant time whether a presented secret is the one behind `stored`.
    pub fn proves_presented(
        &self,
        organization: OrganizationId,
        presented: Presented<'_>,
        stored: &SecretHash,
    ) -> bool {
        match presented {
            Presented::Own(secret) => self.proves(organization, secret, stored),
            Presented::Foreign(wrapped) => is_stored(wrapped, stored),
        }
    }

    /// The digest as each pepper wraps it; the first is the current one, which new rows are made with.
    pub fn wrap(&self, digest: &ForeignDigest) -> Vec<Wrapped> {
        let wrap = |pepper: &Pepper| {
            let bytes = pepper.hmac(&[LABEL, &digest.0]);
            let hash = SecretHash { pepper_id: Arc::clone(&pepper.id), scheme: HashScheme::Foreign, bytes };
            Wrapped { lookup_id: LookupId::derived(&bytes), hash }
        };
        self.all().map(wrap).collect()
    }
}

/// Whether one of these is what is stored, in constant time for each.
pub fn is_stored(wrapped: &[Wrapped], stored: &SecretHash) -> bool {
    let is_it = |one: &Wrapped| {
        one.hash.scheme == stored.scheme
            && one.hash.pepper_id == stored.pepper_id
            && bool::from(one.hash.bytes.ct_eq(&stored.bytes))
    };
    wrapped.iter().any(is_it)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Prefix;

    fn pepper(id: &str, seed: u8) -> Pepper {
        Pepper::new(id, (0..32).map(|at: u8| at.wrapping_mul(37) ^ seed).collect()).expect("32 mixed bytes")
    }

    fn digest(text: &str) -> ForeignDigest {
        ForeignDigest::of_presented(text).expect("it may be a secret")
    }

    #[test]
    fn a_rotated_pepper_still_finds_what_it_wrapped() {
        let before = PepperRing::new(pepper("1", 5), Vec::new());
        let after = PepperRing::new(pepper("2", 9), vec![pepper("1", 5)]);
        let stored = before.wrap(&digest("acme_live_4242424242424242")).remove(0);
        let asked = after.wrap(&digest("acme_live_4242424242424242"));
        assert!(asked.iter().any(|one| one.lookup_id == stored.lookup_id));
        assert!(is_stored(&asked, &stored.hash));
        assert!(!is_stored(&after.wrap(&digest("acme_live_4242424242424243")), &stored.hash));
        let elsewhere = PepperRing::new(pepper("1", 77), Vec::new());
        assert!(!is_stored(&elsewhere.wrap(&digest("acme_live_4242424242424242")), &stored.hash));
        assert_eq!(LookupId::parse(stored.lookup_id.as_str()), Some(stored.lookup_id), "it has the form of an id");
    }

    #[test]
    fn a_weak_text_or_one_of_our_form_is_not_brought_as_foreign() {
        let own = PlainSecret::generate(&Prefix::organization(), Environment::Production);
        let long = "0123456789abcdef".repeat(65);
        for (text, code) in [
            (own.expose(), "secret-form"),
            ("short", "secret-length"),
            (long.as_str(), "secret-length"),
            ("aaaaaaaaaaaaaaaaaaaa", "secret-weak"),
            ("0123456789\nabcdef", "secret-alphabet"),
        ] {
            assert_eq!(ForeignDigest::of_text(text).expect_err(text).code, code);
        }
        assert!(ForeignDigest::of_text("acme_live_5HqLyjWDarjtT1zdp7dc").is_ok());
        for text in ["", "a\u{7f}", long.as_str()] {
            assert!(ForeignDigest::of_presented(text).is_none(), "{text:?}");
        }
    }

    #[test]
    fn a_hint_is_never_the_secret() {
        let secret = "acme_live_4242424242424242";
        assert!(ForeignHint::parse(secret, &digest(secret)).is_err());
        assert!(ForeignHint::parse(&"x".repeat(33), &digest(secret)).is_err());
        assert!(ForeignHint::parse("", &digest(secret)).is_err());
        let own = ForeignHint::parse("acme_live_…4242", &digest(secret)).expect("a hint");
        assert_eq!((own.as_str(), own.last4().as_str()), ("acme_live_…4242", "4242"));
        assert_eq!(ForeignHint::of_text(secret).as_str(), "…4242");
        assert_eq!(ForeignHint::unknown().last4(), "");
        assert_eq!(format!("{:?}", digest(secret)), "ForeignDigest");
    }
}
