//! Opaque cursors: authenticated, and bound to environment, organization, credential, route and filters. Other texts that a
//! caller brings back unchanged are sealed in the same way.

use chrono::{DateTime, TimeDelta, Utc};
use data_encoding::BASE64URL_NOPAD;
use domain::environment::Environment;
use hmac::{Hmac, KeyInit, Mac};
use server::problem::{ErrorCode, Problem};
use sha2::Sha256;
use store::{Position, SortValue};
use uuid::Uuid;

/// How long a cursor can be used.
const CURSOR_HOURS: i64 = 1;
const ISSUED_BYTES: usize = 8;
const MAC_BYTES: usize = 16;
const ID_BYTES: usize = 16;
/// The longest text that is looked at: well above a cursor whose name is as long as names are.
const TEXT_BYTES_MAX: usize = 8 * 1024;

/// What a cursor is bound to. A cursor for anything else does not authenticate.
#[derive(Debug, Clone)]
pub struct Binding {
    /// The environment of this deployment.
    pub environment: Environment,
    /// The organization whose list it is.
    pub organization: Uuid,
    /// The credential that asked.
    pub credential: Uuid,
    /// The operation.
    pub operation: &'static str,
    /// All filters, in a fixed order.
    pub filters: String,
}

/// Makes and reads cursors under one environment's key.
pub struct Cursors {
    key: [u8; 32],
}

impl Cursors {
    /// Cursors under this key.
    pub fn new(key: [u8; 32]) -> Self {
        Self { key }
    }

    /// The text for the position after which the next page starts.
    pub fn seal(&self, binding: &Binding, position: &Position, now: DateTime<Utc>) -> String {
        self.seal_bytes(binding, &written(position), now)
    }

    /// The position behind a text; one and the same refusal for everything that is wrong with it.
    pub fn open(&self, binding: &Binding, text: &str, now: DateTime<Utc>) -> Result<Position, Problem> {
        let bytes = self.open_bytes(binding, text, (TimeDelta::hours(CURSOR_HOURS), now));
        bytes.and_then(|bytes| read_position(&bytes)).ok_or_else(|| Problem::new(ErrorCode::InvalidCursor))
    }

    /// A text that stands for these bytes wherever the binding is the same. Whoever holds it can read them.
    pub fn seal_bytes(&self, binding: &Binding, payload: &[u8], now: DateTime<Utc>) -> String {
        let mut bytes = Vec::with_capacity(payload.len() + ISSUED_BYTES + MAC_BYTES);
        bytes.extend(payload);
        bytes.extend(now.timestamp().to_be_bytes());
        let mac = self.mac(binding, &bytes);
        bytes.extend(&mac[..MAC_BYTES]);
        BASE64URL_NOPAD.encode(&bytes)
    }

    /// The bytes behind a text that was sealed no longer ago than that.
    pub fn open_bytes(
        &self,
        binding: &Binding,
        text: &str,
        (age_max, now): (TimeDelta, DateTime<Utc>),
    ) -> Option<Vec<u8>> {
        if text.len() > TEXT_BYTES_MAX {
            return None;
        }
        let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).ok()?;
        let (sealed, mac) = bytes.split_at_checked(bytes.len().checked_sub(MAC_BYTES)?)?;
        self.authenticate(binding, sealed, mac)?;
        let (payload, issued_at) = sealed.split_at_checked(sealed.len().checked_sub(ISSUED_BYTES)?)?;
        let issued_at = DateTime::from_timestamp(i64::from_be_bytes(issued_at.try_into().ok()?), 0)?;
        (now - issued_at <= age_max).then(|| payload.to_vec())
    }

    /// A key for another use, which no cursor shares: a cursor's text starts with the length of a name.
    pub fn derive(&self, purpose: &[u8]) -> [u8; 32] {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("HMAC takes any key length");
        mac.update(&u64::MAX.to_be_bytes());
        mac.update(purpose);
        mac.finalize().into_bytes().into()
    }

    fn authenticate(&self, binding: &Binding, position: &[u8], mac: &[u8]) -> Option<()> {
        self.hmac(binding, position).verify_truncated_left(mac).ok()
    }

    fn mac(&self, binding: &Binding, position: &[u8]) -> [u8; 32] {
        self.hmac(binding, position).finalize().into_bytes().into()
    }

    fn hmac(&self, binding: &Binding, position: &[u8]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("HMAC takes any key length");
        let parts: [&[u8]; 6] = [
            binding.environment.name().as_bytes(),
            binding.organization.as_bytes(),
            binding.credential.as_bytes(),
            binding.operation.as_bytes(),
            binding.filters.as_bytes(),
            position,
        ];
        for part in parts {
            // Each part goes in behind its length, so that no two bindings share a text.
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac
    }
}

/// What the list is sorted by, its kind in front, and the id behind.
fn written(position: &Position) -> Vec<u8> {
    let mut bytes = match &position.value {
        SortValue::Never => vec![b'n'],
        SortValue::At(at) => [&b"a"[..], &at.timestamp_micros().to_be_bytes()].concat(),
        SortValue::Text(text) => [b"t", text.as_bytes()].concat(),
    };
    bytes.extend(position.id.as_bytes());
    bytes
}

fn read_position(bytes: &[u8]) -> Option<Position> {
    let (value, id) = bytes.split_at_checked(bytes.len().checked_sub(ID_BYTES)?)?;
    let value = match value.split_first()? {
        (b'n', []) => SortValue::Never,
        (b'a', micros) => SortValue::At(DateTime::from_timestamp_micros(i64::from_be_bytes(micros.try_into().ok()?))?),
        (b't', text) => SortValue::Text(str::from_utf8(text).ok()?.to_owned()),
        (_, _) => return None,
    };
    Some(Position { value, id: Uuid::from_slice(id).ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binding() -> Binding {
        Binding {
            environment: Environment::Staging,
            organization: Uuid::from_u128(1),
            credential: Uuid::from_u128(2),
            operation: "list_keys",
            filters: "status=active".to_owned(),
        }
    }

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 0).expect("a date")
    }

    fn position() -> Position {
        Position { value: SortValue::At(now()), id: Uuid::from_u128(3) }
    }

    #[test]
    fn a_cursor_reads_back_where_it_belongs() {
        let cursors = Cursors::new([7; 32]);
        let text = cursors.seal(&binding(), &position(), now());
        assert_eq!(cursors.open(&binding(), &text, now()).expect("its own"), position());
    }

    #[test]
    fn a_cursor_is_worth_nothing_anywhere_else() {
        let cursors = Cursors::new([7; 32]);
        let text = cursors.seal(&binding(), &position(), now());
        let others = [
            Binding { environment: Environment::Production, ..binding() },
            Binding { organization: Uuid::from_u128(9), ..binding() },
            Binding { credential: Uuid::from_u128(9), ..binding() },
            Binding { operation: "list_customers", ..binding() },
            Binding { filters: String::new(), ..binding() },
        ];
        for other in others {
            assert!(cursors.open(&other, &text, now()).is_err(), "{other:?}");
        }
        assert!(Cursors::new([8; 32]).open(&binding(), &text, now()).is_err());
        assert!(cursors.open(&binding(), &text, now() + TimeDelta::minutes(61)).is_err());
    }

    #[test]
    fn no_changed_character_and_no_other_text_is_taken() {
        let cursors = Cursors::new([7; 32]);
        let text = cursors.seal(&binding(), &position(), now());
        for at in 0..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).expect("ASCII");
            assert!(cursors.open(&binding(), &changed, now()).is_err(), "position {at}");
        }
        for text in ["", "eyJhIjoxfQ", "💥", &"A".repeat(65_536)] {
            assert!(cursors.open(&binding(), text, now()).is_err());
        }
    }

    mod fuzz {
        use fuzzing::{Outcome, fuzz, spoiled};
        use proptest::prelude::*;

        use super::*;

        /// A cursor as it was made, and the text that comes back, more or less the same.
        fn some_cursor() -> impl Strategy<Value = (Position, String)> {
            let micros = -62_135_596_800_000_000i64..253_402_300_800_000_000;
            let at = |micros| SortValue::At(DateTime::from_timestamp_micros(micros).expect("in the years 1 to 9999"));
            let value = prop_oneof![
                2 => micros.prop_map(at),
                1 => any::<String>().prop_map(SortValue::Text),
                1 => Just(SortValue::Never),
            ];
            let position = (value, any::<u128>()).prop_map(|(value, id)| Position { value, id: Uuid::from_u128(id) });
            let seal = |position: &Position| Cursors::new([7; 32]).seal(&binding(), position, now());
            position.prop_flat_map(move |position| {
                let sealed = Just(seal(&position));
                let texts = prop_oneof![
                    1 => sealed.clone(),
                    4 => spoiled(sealed, "ABCXYZabcxyz0129-_+/="),
                    1 => proptest::collection::vec(any::<u8>(), 40..56).prop_map(|bytes| BASE64URL_NOPAD.encode(&bytes)),
                    1 => proptest::collection::vec(any::<char>(), 0..80).prop_map(String::from_iter),
                ];
                (Just(position), texts)
            })
        }

        #[test]
        fn the_only_text_that_opens_is_the_one_that_was_sealed() {
            let cursors = Cursors::new([7; 32]);
            fuzz("cursor", some_cursor(), |(position, text)| match cursors.open(&binding(), &text, now()) {
                Ok(opened) => {
                    prop_assert_eq!(&opened, &position);
                    prop_assert_eq!(cursors.seal(&binding(), &position, now()), text);
                    Ok(Outcome::Accepted)
                }
                Err(problem) => {
                    prop_assert_ne!(cursors.seal(&binding(), &position, now()), text);
                    prop_assert_eq!(problem.code(), ErrorCode::InvalidCursor);
                    prop_assert_eq!(problem.cause(), None);
                    Ok(Outcome::Refused)
                }
            });
        }
    }
}
