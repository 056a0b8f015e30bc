//! The secret's form, `<prefix>_<tag>_<id>_<secret><check>`, and how it is proven at rest.
//!
//! A plain secret cannot be printed, compared or serialized; the one way to its text is [`PlainSecret::expose`].

mod prefix;

use std::sync::Arc;

use hmac::{Hmac, KeyInit, Mac};
use rand::TryRng;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

use crate::environment::Environment;
use crate::ids::{OrganizationId, base62_char, base62_digit};
use crate::validation::ValidationError;

pub use self::prefix::Prefix;

/// The longest text that is looked at.
pub const TEXT_BYTES_MAX: usize = 200;
/// Characters of the public id.
pub const LOOKUP_ID_LENGTH: usize = 16;
/// Characters of the secret part; a caller's own may be longer.
pub const SECRET_PART_LENGTH: usize = 32;
const CHECK_LENGTH: usize = 6;

/// The public part of a secret's text: finds the row, shown in lists and logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LookupId([u8; LOOKUP_ID_LENGTH]);

impl LookupId {
    /// Reads 16 base62 characters.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes: [u8; LOOKUP_ID_LENGTH] = text.as_bytes().try_into().ok()?;
        bytes.iter().all(|b| base62_digit(*b).is_some()).then_some(Self(bytes))
    }

    /// An id made of what nobody can tell without the pepper.
    pub(crate) fn derived(hash: &[u8; 32]) -> Self {
        let (first, _) = hash.split_first_chunk().expect("32 bytes are more than 16");
        let mut rest = u128::from_be_bytes(*first);
        Self(std::array::from_fn(|_| {
            let digit = u8::try_from(rest % 62).expect("below 62");
            rest /= 62;
            base62_char(digit)
        }))
    }

    /// The 16 characters.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("base62 is ASCII")
    }
}

/// A whole secret in the clear. `Debug` names the type and nothing else.
pub struct PlainSecret {
    text: Zeroizing<String>,
    prefix: Prefix,
    environment: Environment,
    lookup_id: LookupId,
}

impl std::fmt::Debug for PlainSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PlainSecret")
    }
}

/// The text is not a secret: wrong shape or checksum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a secret: wrong shape or checksum")]
pub struct Malformed;

impl PlainSecret {
    /// A new secret from the operating system's generator.
    pub fn generate(prefix: &Prefix, environment: Environment) -> Self {
        Self::generate_of_length(prefix, environment, SECRET_PART_LENGTH)
    }

    /// A new secret with so many characters in its secret part: 32 to 128.
    pub fn generate_of_length(prefix: &Prefix, environment: Environment, length: usize) -> Self {
        let part = Zeroizing::new(random_base62(length));
        Self::assemble(prefix, environment, &part)
    }

    /// A secret around a part that the caller supplies: base62, at least 32 characters.
    pub fn from_part(prefix: &Prefix, environment: Environment, part: &str) -> Result<Self, ValidationError> {
        let longest = TEXT_BYTES_MAX - CHECK_LENGTH - LOOKUP_ID_LENGTH - 3 - 16 - 4;
        if !(SECRET_PART_LENGTH..=longest).contains(&part.len()) {
            return Err(ValidationError::new("secret-length", format!("a secret part has 32 to {longest} characters")));
        }
        if !part.bytes().all(|b| base62_digit(b).is_some()) {
            return Err(ValidationError::new(
                "secret-alphabet",
                "a secret part has only the characters 0-9, A-Z and a-z",
            ));
        }
        if distinct_bytes(part.as_bytes()) < 8 {
            return Err(ValidationError::new("secret-weak", "a secret part must come from a random generator"));
        }
        Ok(Self::assemble(prefix, environment, part))
    }

    /// Reads a presented text; looks at nothing but its shape and checksum.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        if text.len() > TEXT_BYTES_MAX || !text.is_ascii() {
            return Err(Malformed);
        }
        let mut parts = text.split('_');
        let mut next = || parts.next().ok_or(Malformed);
        let (prefix, tag, id, tail) = (next()?, next()?, next()?, next()?);
        if parts.next().is_some() || tail.len() < SECRET_PART_LENGTH + CHECK_LENGTH {
            return Err(Malformed);
        }
        let prefix = Prefix::parse(prefix).map_err(|_| Malformed)?;
        let environment = Environment::from_tag(tag).ok_or(Malformed)?;
        let lookup_id = LookupId::parse(id).ok_or(Malformed)?;
        let (body, check) = text.split_at(text.len() - CHECK_LENGTH);
        let is_base62 = tail.bytes().all(|b| base62_digit(b).is_some());
        if !is_base62 || check.as_bytes() != checksum(body) {
            return Err(Malformed);
        }
        Ok(Self { text: Zeroizing::new(text.to_owned()), prefix, environment, lookup_id })
    }

    /// The whole text: for the one response that shows it, and for hashing.
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// The text before the tag.
    pub fn prefix(&self) -> &Prefix {
        &self.prefix
    }

    /// The environment that the text claims. A hint for people; the pepper and the database are the boundary.
    pub fn environment(&self) -> Environment {
        self.environment
    }

    /// The public part that finds the row.
    pub fn lookup_id(&self) -> LookupId {
        self.lookup_id
    }

    /// How long the secret part is, in bytes, which are base62 characters.
    pub fn part_bytes(&self) -> usize {
        let tail = self.text.rsplit('_').next().unwrap_or_default();
        tail.len().saturating_sub(CHECK_LENGTH)
    }

    /// SHA-256 of the whole text: all that an import may know of it.
    pub fn digest(&self) -> [u8; 32] {
        Sha256::digest(self.text.as_bytes()).into()
    }

    /// The last four characters, as lists show them.
    pub fn last4(&self) -> &str {
        &self.text[self.text.len() - 4..]
    }

    fn assemble(prefix: &Prefix, environment: Environment, part: &str) -> Self {
        let id = random_base62(LOOKUP_ID_LENGTH);
        let mut text = format!("{}_{}_{id}_{part}", prefix.as_str(), environment.tag());
        let check = checksum(&text);
        text.push_str(std::str::from_utf8(&check).expect("base62 is ASCII"));
        Self {
            text: Zeroizing::new(text),
            prefix: prefix.clone(),
            environment,
            lookup_id: LookupId::parse(&id).expect("just made from the alphabet"),
        }
    }
}

/// How many characters a text lacks at the least that begins like a secret; `None` for one that does not. Looks at its shape alone.
pub fn missing_bytes(text: &str) -> Option<usize> {
    let mut parts = text.split('_');
    let prefix = Prefix::parse(parts.next()?).ok()?;
    let environment = Environment::from_tag(parts.next()?)?;
    let front = prefix.as_str().len() + 1 + environment.tag().len() + 1;
    let whole = front + LOOKUP_ID_LENGTH + 1 + SECRET_PART_LENGTH + CHECK_LENGTH;
    Some(whole.saturating_sub(text.len()))
}

/// The secret with its middle replaced, as lists show it.
pub fn hint(prefix: &str, environment: Environment, lookup_id: &str, last4: &str) -> String {
    format!("{prefix}_{}_{lookup_id}_…{last4}", environment.tag())
}

/// One pepper of one environment: an id that rows name, and 32 bytes that never leave the process.
pub struct Pepper {
    pub(crate) id: Arc<str>,
    bytes: Zeroizing<[u8; 32]>,
}

impl Pepper {
    /// A pepper from its configured id and bytes; refuses bytes that nobody drew at random.
    pub fn new(id: impl Into<Arc<str>>, mut bytes: Vec<u8>) -> Result<Self, ValidationError> {
        let fixed: Result<[u8; 32], _> = bytes.as_slice().try_into();
        bytes.zeroize();
        let fixed = fixed.map_err(|_| ValidationError::new("pepper-length", "a pepper has exactly 32 bytes"))?;
        if is_sample(&fixed) {
            return Err(ValidationError::new("pepper-sample", "this pepper is a sample value; draw 32 random bytes"));
        }
        Ok(Self { id: id.into(), bytes: Zeroizing::new(fixed) })
    }

    /// The id that rows name.
    pub fn id(&self) -> &str {
        &self.id
    }

    fn hash(&self, organization: OrganizationId, text: &[u8]) -> [u8; 32] {
        self.hmac(&[organization.uuid().as_bytes(), &[0], text])
    }

    pub(crate) fn hmac(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.bytes.as_slice()).expect("HMAC takes any key length");
        parts.iter().for_each(|part| mac.update(part));
        mac.finalize().into_bytes().into()
    }
}

impl std::fmt::Debug for Pepper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pepper")
    }
}

/// Whether so few different bytes are in 32 of them that nobody drew them at random: a placeholder, or the sample of some
/// documentation.
pub fn is_sample(bytes: &[u8; 32]) -> bool {
    distinct_bytes(bytes) < 12
}

/// The peppers of one environment: the current one hashes, all of them prove.
#[derive(Debug)]
pub struct PepperRing {
    current: Pepper,
    retired: Vec<Pepper>,
}

/// What the row of an imported secret was made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HashScheme {
    /// The secret's own text was hashed.
    Text,
    /// The SHA-256 digest of the text was hashed: what an import without the plain text can offer.
    Sha256,
    /// The SHA-256 digest of a text that is not of our form was hashed, without its organization.
    Foreign,
}

/// A secret at rest: an HMAC under a named pepper.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretHash {
    /// Which pepper of the environment's ring.
    pub pepper_id: Arc<str>,
    /// What went under the HMAC.
    pub scheme: HashScheme,
    /// HMAC-SHA-256.
    pub bytes: [u8; 32],
}

impl PepperRing {
    /// A ring with its current pepper and any number of retired ones.
    pub fn new(current: Pepper, retired: Vec<Pepper>) -> Self {
        Self { current, retired }
    }

    /// Hashes a secret for storage, under the current pepper.
    pub fn hash(&self, organization: OrganizationId, secret: &PlainSecret) -> SecretHash {
        self.seal(HashScheme::Text, self.current.hash(organization, secret.expose().as_bytes()))
    }

    /// Hashes the SHA-256 digest of a secret that was issued elsewhere, under the current pepper.
    pub fn hash_digest(&self, organization: OrganizationId, digest: &[u8; 32]) -> SecretHash {
        self.seal(HashScheme::Sha256, self.current.hash(organization, digest))
    }

    /// Says in constant time whether `secret` is the one behind `stored`.
    pub fn proves(&self, organization: OrganizationId, secret: &PlainSecret, stored: &SecretHash) -> bool {
        let pepper = self.pepper(&stored.pepper_id);
        let digest;
        let input: &[u8] = match stored.scheme {
            HashScheme::Text => secret.expose().as_bytes(),
            HashScheme::Sha256 => {
                digest = secret.digest();
                &digest
            }
            // No text of our form is behind it.
            HashScheme::Foreign => return false,
        };
        // An unknown pepper does the same work and proves nothing.
        let hash = pepper.unwrap_or(&self.current).hash(organization, input);
        bool::from(hash.ct_eq(&stored.bytes)) && pepper.is_some()
    }

    /// Says in constant time whether `digest` is that of the secret behind `stored`; `None` where a text was hashed, of which
    /// that cannot be told.
    pub fn proves_digest(&self, organization: OrganizationId, digest: &[u8; 32], stored: &SecretHash) -> Option<bool> {
        match stored.scheme {
            HashScheme::Text => None,
            HashScheme::Foreign => Some(false),
            HashScheme::Sha256 => {
                let pepper = self.pepper(&stored.pepper_id);
                let hash = pepper.unwrap_or(&self.current).hash(organization, digest);
                Some(bool::from(hash.ct_eq(&stored.bytes)) && pepper.is_some())
            }
        }
    }

    /// Does the work of [`Self::proves`] for a secret that is not there, so that a miss takes as long as a hit.
    pub fn disprove(&self, secret: &PlainSecret) {
        let hash = self.current.hash(OrganizationId::INSTALLATION, secret.expose().as_bytes());
        std::hint::black_box(bool::from(hash.ct_eq(&[0; 32])));
    }

    /// All of them, the current one first.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Pepper> {
        std::iter::once(&self.current).chain(&self.retired)
    }

    fn pepper(&self, id: &str) -> Option<&Pepper> {
        self.all().find(|pepper| &*pepper.id == id)
    }

    fn seal(&self, scheme: HashScheme, bytes: [u8; 32]) -> SecretHash {
        SecretHash { pepper_id: Arc::clone(&self.current.id), scheme, bytes }
    }
}

/// How many different bytes there are in a secret.
pub fn distinct_bytes(secret: &[u8]) -> usize {
    let mut bytes = secret.to_vec();
    bytes.sort_unstable();
    bytes.dedup();
    let count = bytes.len();
    bytes.zeroize();
    count
}

fn checksum(body: &str) -> [u8; CHECK_LENGTH] {
    let mut rest = crc32fast::hash(body.as_bytes());
    let mut digits = [b'0'; CHECK_LENGTH];
    for digit in digits.iter_mut().rev() {
        *digit = base62_char(u8::try_from(rest % 62).expect("below 62"));
        rest /= 62;
    }
    digits
}

/// Base62 characters without bias: bytes of 248 and above are drawn again.
fn random_base62(length: usize) -> String {
    let mut text = String::with_capacity(length);
    let mut buffer = [0u8; 64];
    while text.len() < length {
        rand::rngs::SysRng.try_fill_bytes(&mut buffer).expect("the operating system has randomness");
        let wanted = length - text.len();
        let fair = buffer.iter().filter(|byte| **byte < 248).take(wanted);
        text.extend(fair.map(|byte| char::from(base62_char(byte % 62))));
    }
    buffer.zeroize();
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use uuid::Uuid;

    fn pepper(id: &str, seed: u8) -> Pepper {
        let bytes = (0..32).map(|at: u8| at.wrapping_mul(37) ^ seed).collect();
        Pepper::new(id, bytes).expect("32 mixed bytes")
    }

    fn organization(number: u128) -> OrganizationId {
        OrganizationId::from_uuid(Uuid::from_u128(number))
    }

    #[test]
    fn a_secret_reads_back_as_what_it_is() {
        for environment in Environment::ALL {
            let secret = PlainSecret::generate(&Prefix::organization(), environment);
            let read = PlainSecret::parse(secret.expose()).expect("its own text");
            assert_eq!(read.environment(), environment);
            assert_eq!(read.lookup_id(), secret.lookup_id());
            assert_eq!(read.prefix().as_str(), "clv");
            assert_eq!(secret.expose().split('_').count(), 4);
            assert_eq!(secret.part_bytes(), 32);
            let longest = PlainSecret::generate_of_length(&Prefix::organization(), environment, 128);
            assert_eq!(PlainSecret::parse(longest.expose()).expect("its own text").part_bytes(), 128);
        }
    }

    #[test]
    fn a_truncated_secret_is_told_by_its_length() {
        let text = PlainSecret::generate(&Prefix::organization(), Environment::Production).expose().to_owned();
        assert_eq!(missing_bytes(&text), Some(0));
        assert_eq!(missing_bytes(&text[..text.len() - 7]), Some(7));
        assert_eq!(missing_bytes("clv_prod_"), Some(55));
        assert_eq!(missing_bytes("clv_prod"), Some(56));
        for other in ["", "clv", "clv_test_abc", "Basic", "c2VydmljZSB0b2tlbg==", "eyJhbGciOiJIUzI1NiJ9.e30.abc"] {
            assert_eq!(missing_bytes(other), None, "{other}");
        }
    }

    #[test]
    fn the_form_and_the_checksum_are_the_published_ones() {
        let body = "clv_stag_0123456789ABCDEF_0123456789abcdefghijABCDEFGHIJ01";
        let text = format!("{body}{}", std::str::from_utf8(&checksum(body)).expect("ASCII"));
        assert!(PlainSecret::parse(&text).is_ok());
        assert_eq!(crc32fast::hash(b"123456789"), 0xCBF4_3926, "CRC-32 (IEEE)");
        assert_eq!(checksum("123456789"), *b"3jZRME");
    }

    #[test]
    fn no_changed_character_is_taken_for_a_secret() {
        let text = PlainSecret::generate(&Prefix::root(), Environment::Production).expose().to_owned();
        for at in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[at] = if bytes[at] == b'x' { b'y' } else { b'x' };
            assert!(PlainSecret::parse(std::str::from_utf8(&bytes).expect("ASCII")).is_err(), "position {at}");
        }
    }

    #[test]
    fn a_supplied_part_is_long_plain_and_random_looking() {
        let supply = |part: &str| PlainSecret::from_part(&Prefix::organization(), Environment::Production, part);
        assert!(supply("0123456789abcdefghijABCDEFGHIJ01").is_ok());
        assert!(supply(&"0123456789abcdefghijABCDEFGHIJ01".repeat(3)).is_ok());
        assert_eq!(supply("short").expect_err("short").code, "secret-length");
        assert_eq!(supply(&"0a1b".repeat(100)).expect_err("long").code, "secret-length");
        assert_eq!(supply("0123456789abcdefghijABCDEFGHIJ-1").expect_err("alphabet").code, "secret-alphabet");
        assert_eq!(supply(&"a".repeat(32)).expect_err("weak").code, "secret-weak");
        let longest = supply(&"0123456789abcdefghijABCDEFGHIJ01".repeat(4)).expect("128 characters");
        assert!(PlainSecret::parse(longest.expose()).is_ok());
    }

    #[test]
    fn a_secret_is_proven_under_its_pepper_and_organization_only() {
        let secret = PlainSecret::generate(&Prefix::organization(), Environment::Production);
        let ring = PepperRing::new(pepper("2", 9), vec![pepper("1", 5)]);
        let stored = ring.hash(organization(1), &secret);
        assert!(ring.proves(organization(1), &secret, &stored));
        assert!(!ring.proves(organization(2), &secret, &stored));
        let older = PepperRing::new(pepper("1", 5), Vec::new());
        assert!(
            ring.proves(organization(1), &secret, &older.hash(organization(1), &secret)),
            "a retired pepper proves"
        );
        assert!(!older.proves(organization(1), &secret, &stored), "an unknown pepper proves nothing");
        let elsewhere = PepperRing::new(pepper("2", 77), Vec::new());
        assert!(!elsewhere.proves(organization(1), &secret, &stored), "another environment's pepper proves nothing");
    }

    #[test]
    fn an_imported_digest_proves_its_text() {
        let secret = PlainSecret::generate(&Prefix::organization(), Environment::Production);
        let ring = PepperRing::new(pepper("1", 5), Vec::new());
        let digest: [u8; 32] = Sha256::digest(secret.expose().as_bytes()).into();
        let stored = ring.hash_digest(organization(1), &digest);
        assert!(ring.proves(organization(1), &secret, &stored));
        let other = PlainSecret::generate(&Prefix::organization(), Environment::Production);
        assert!(!ring.proves(organization(1), &other, &stored));
    }

    #[test]
    fn a_secret_is_never_printed() {
        let secret = PlainSecret::generate(&Prefix::organization(), Environment::Production);
        assert_eq!(format!("{secret:?}"), "PlainSecret");
        assert_eq!(format!("{:?}", pepper("1", 5)), "Pepper");
    }

    #[test]
    fn a_pepper_that_nobody_drew_at_random_is_refused() {
        assert_eq!(Pepper::new("1", vec![0; 32]).expect_err("sample").code, "pepper-sample");
        assert_eq!(Pepper::new("1", vec![1; 31]).expect_err("short").code, "pepper-length");
    }

    #[test]
    fn root_keys_keep_their_prefix_to_themselves() {
        assert!(Prefix::parse_own("clvroot").is_err());
        for bad in ["", "a", "A1", "1a", "a_b", "abcdefghijklmnopq", "é1"] {
            assert!(Prefix::parse(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in ".{0,260}") {
            let _ = PlainSecret::parse(&text);
        }

        #[test]
        fn nothing_like_a_secret_slips_through(text in "[a-z]{2,5}_(prod|stag|dev)_[0-9A-Za-z]{16}_[0-9A-Za-z]{38}") {
            let body = &text[..text.len() - CHECK_LENGTH];
            let is_right = text.as_bytes().ends_with(&checksum(body));
            prop_assert_eq!(PlainSecret::parse(&text).is_ok(), is_right);
        }
    }
}
