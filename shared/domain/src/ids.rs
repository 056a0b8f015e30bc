//! Prefixed, sortable ids: `key_` and 22 base62 digits of a UUIDv7.

use chrono::{DateTime, Utc};
use uuid::{NoContext, Timestamp, Uuid};

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const DIGITS: usize = 22;
const PREFIX_LENGTH_MAX: usize = 4;
const PIECE_DIGITS: usize = 10;
const PIECE: u128 = 62_u128.pow(10);

/// A text that is not an id of the wanted kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an id of this kind")]
pub struct InvalidId;

/// Declares ids, each with its three or four letters. A resource declares its own beside its rows; its crate has `chrono`, `serde`
/// and `uuid`.
#[macro_export]
macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Deserialize)]
        #[serde(try_from = "String")]
        pub struct $name(uuid::Uuid);

        impl $name {
            /// The text before the underscore.
            pub const PREFIX: &'static str = $prefix;

            /// A new id whose order follows `at`.
            pub fn mint(at: chrono::DateTime<chrono::Utc>) -> Self {
                Self($crate::ids::uuid_at(at))
            }

            /// The id that a row holds.
            pub const fn from_uuid(uuid: uuid::Uuid) -> Self {
                Self(uuid)
            }

            /// What a row stores.
            pub const fn uuid(self) -> uuid::Uuid {
                self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str($crate::ids::IdText::new($prefix, self.0).as_str())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str($crate::ids::IdText::new($prefix, self.0).as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::ids::InvalidId;

            fn from_str(text: &str) -> Result<Self, $crate::ids::InvalidId> {
                let digits = text.strip_prefix(concat!($prefix, "_")).ok_or($crate::ids::InvalidId)?;
                $crate::ids::decode(digits).map(Self).ok_or($crate::ids::InvalidId)
            }
        }

        impl TryFrom<String> for $name {
            type Error = $crate::ids::InvalidId;

            fn try_from(text: String) -> Result<Self, $crate::ids::InvalidId> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.to_string()
            }
        }
    )*};
}

ids! {
    /// An organization: the tenant.
    OrganizationId = "org";
    /// An organization's own customer.
    CustomerId = "cus";
    /// A key as an object; never changes over its life.
    KeyId = "key";
    /// One secret of a key, in lists; not the public part of its text.
    SecretId = "sec";
    /// A host name that an organization has registered.
    DomainId = "dom";
    /// A role of an organization: a named set of permissions.
    RoleId = "role";
    /// An entry of the action log.
    EventId = "evt";
    /// A request, as the caller may quote it.
    RequestId = "req";
    /// A receipt: how far a revocation has reached.
    ReceiptId = "rcp";
    /// A person who signs in to the console.
    UserId = "usr";
    /// A person's session in the console.
    SessionId = "ses";
    /// A person as a member of an organization.
    MemberId = "mem";
    /// An invitation to become a member.
    InviteId = "inv";
    /// A browser that somebody signs in from.
    DeviceId = "dev";
    /// An organization's place in one environment, as the directory has it.
    ProvisioningId = "prv";
}

impl OrganizationId {
    /// The installation itself: what root keys and their bookkeeping belong to.
    pub const INSTALLATION: Self = Self(Uuid::nil());

    /// Says whether this is the installation and not a tenant.
    pub fn is_installation(self) -> bool {
        self == Self::INSTALLATION
    }
}

/// A UUIDv7 whose order follows `at`.
pub fn uuid_at(at: DateTime<Utc>) -> Uuid {
    let seconds = u64::try_from(at.timestamp()).unwrap_or(0);
    Uuid::new_v7(Timestamp::from_unix(NoContext, seconds, at.timestamp_subsec_nanos()))
}

/// An id as text, on the stack: every answer holds several.
pub struct IdText {
    text: [u8; PREFIX_LENGTH_MAX + 1 + DIGITS],
    /// Where a shorter prefix begins.
    start: usize,
}

impl IdText {
    /// The text of an id.
    pub fn new(prefix: &str, uuid: Uuid) -> Self {
        let mut text = [b'_'; PREFIX_LENGTH_MAX + 1 + DIGITS];
        let start = PREFIX_LENGTH_MAX - prefix.len();
        text[start..PREFIX_LENGTH_MAX].copy_from_slice(prefix.as_bytes());
        // In register-sized pieces: dividing 128 bits once per digit takes ten times as long.
        let mut rest = uuid.as_u128();
        for piece in text[PREFIX_LENGTH_MAX + 1..].rchunks_mut(PIECE_DIGITS) {
            let mut low = u64::try_from(rest % PIECE).expect("below 62^10");
            rest /= PIECE;
            for digit in piece.iter_mut().rev() {
                *digit = ALPHABET[usize::try_from(low % 62).expect("below 62")];
                low /= 62;
            }
        }
        Self { text, start }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.text[self.start..]).expect("prefixes and the alphabet are ASCII")
    }
}

pub fn decode(digits: &str) -> Option<Uuid> {
    if digits.len() != DIGITS {
        return None;
    }
    let mut value: u128 = 0;
    for byte in digits.bytes() {
        let digit = base62_digit(byte)?;
        value = value.checked_mul(62)?.checked_add(u128::from(digit))?;
    }
    Some(Uuid::from_u128(value))
}

/// The value of one base62 digit, `0-9A-Za-z`.
pub(crate) fn base62_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'A'..=b'Z' => Some(byte - b'A' + 10),
        b'a'..=b'z' => Some(byte - b'a' + 36),
        0..=b'/' | b':'..=b'@' | b'['..=b'`' | b'{'..=u8::MAX => None,
    }
}

/// The base62 digit of a value below 62.
pub(crate) fn base62_char(value: u8) -> u8 {
    ALPHABET[usize::from(value)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_id_reads_back(value: u128) {
            let id = KeyId::from_uuid(Uuid::from_u128(value));
            prop_assert_eq!(id.to_string().parse::<KeyId>(), Ok(id));
            let id = RoleId::from_uuid(id.uuid());
            prop_assert_eq!(id.to_string().parse::<RoleId>(), Ok(id));
        }

        #[test]
        fn text_sorts_as_the_value_does(a: u128, b: u128) {
            let (x, y) = (KeyId::from_uuid(Uuid::from_u128(a)), KeyId::from_uuid(Uuid::from_u128(b)));
            prop_assert_eq!(a.cmp(&b), x.to_string().cmp(&y.to_string()));
        }

        #[test]
        fn no_text_makes_it_panic(text in ".{0,40}") {
            let _ = text.parse::<KeyId>();
        }
    }

    #[test]
    fn another_kind_and_an_overflow_are_refused() {
        let id = KeyId::mint(DateTime::UNIX_EPOCH).to_string();
        assert!(id.parse::<CustomerId>().is_err());
        assert!("key_zzzzzzzzzzzzzzzzzzzzzz".parse::<KeyId>().is_err());
        assert!("key_".parse::<KeyId>().is_err());
    }
}
