//! `Idempotency-Key`: the answer of a creation is kept in the creation's own transaction and given again.
//!
//! A created secret is kept too, for ten minutes, under a key that only the same credential and the same
//! Idempotency-Key can make again, for this one creation; nothing that is stored opens it.

use std::borrow::Cow;

use chacha20poly1305::aead::{Aead, AeadCore, KeyInit, OsRng};
use chacha20poly1305::{ChaCha20Poly1305, Key, Nonce};
use chrono::{DateTime, TimeDelta, Utc};
use domain::secret::PlainSecret;
use hmac::{Hmac, Mac};
use poem_openapi::registry::{MetaSchemaRef, Registry};
use poem_openapi::types::{ToJSON, Type};
use serde_json::Value;
use server::problem::{ErrorCode, Problem};
use sha2::{Digest, Sha256};
use store::Write;
use store::idempotency::{Replay, ReplayKey};

use crate::authenticate::Proven;

/// How long a replay still shows a created secret.
const SECRET_MINUTES: i64 = 10;
const KEY_LENGTH_MAX: usize = 255;
const NONCE_LENGTH: usize = 12;
const SECRET_NOTE: &str = "This secret was shown before and cannot be shown again; regenerate the key to get another.";
const RETRY_AFTER: std::time::Duration = std::time::Duration::from_secs(1);
const LOCK_TRIES: u32 = 10;
const LOCK_PAUSE: std::time::Duration = std::time::Duration::from_millis(10);

/// A creation; its caller may send it again if it asked for that.
pub struct IdempotentRequest(Option<Repeatable>);

struct Repeatable {
    key: ReplayKey,
    request_hash: [u8; 32],
    /// Of the credential and the Idempotency-Key; every creation's own key is made of it.
    sealing_root: [u8; 32],
}

/// What became of an attempt.
pub enum Outcome {
    /// No such creation yet: do it, then [`IdempotentRequest::keep`] the answer.
    First,
    /// It was done: this is its answer.
    Replayed(Value),
}

/// The body of a creation's answer: made now, or kept from the first time.
#[derive(Debug)]
pub enum Idempotent<T> {
    /// Made now.
    First(T),
    /// Kept from the first time.
    Replayed(Value),
}

impl IdempotentRequest {
    /// Reads the header; without one the attempt is not repeatable.
    pub fn read(caller: &Proven, body: &[u8]) -> Result<Self, Problem> {
        let mut values = caller.headers.get_all("idempotency-key").iter();
        let Some(value) = values.next() else { return Ok(Self(None)) };
        let text = value.to_str().ok().filter(|text| is_acceptable(text) && values.next().is_none());
        let text = text.ok_or_else(|| Problem::new(ErrorCode::IdempotencyKeyInvalid))?;
        let path = caller.uri.path();
        let sealing_root = sealing_root(caller.replay_secret.expose(), path, text);
        Ok(Self(Some(Repeatable {
            key: ReplayKey {
                organization: caller.authority.organization,
                credential: caller.authority.principal.uuid(),
                route: format!("POST {path}"),
                key: text.to_owned(),
            },
            request_hash: Sha256::digest(body).into(),
            sealing_root,
        })))
    }

    /// Takes the attempt's lock for this transaction and looks whether it was done before.
    pub async fn begin(&self, write: &mut Write) -> Result<Outcome, Problem> {
        let Some(attempt) = &self.0 else { return Ok(Outcome::First) };
        if !lock_patiently(write, &attempt.key).await? {
            return Err(Problem::new(ErrorCode::IdempotencyInFlight).retry_after(RETRY_AFTER));
        }
        let Some(replay) = write.find_replay(&attempt.key).await? else { return Ok(Outcome::First) };
        if replay.request_hash != attempt.request_hash {
            return Err(Problem::new(ErrorCode::IdempotencyMismatch));
        }
        let is_fresh = write.now() - replay.created_at < TimeDelta::minutes(SECRET_MINUTES);
        let sealed = replay.sealed_secret.as_deref().filter(|_| is_fresh);
        let mut body = replay.body;
        if let (Some(secret), Some(members)) =
            (sealed.and_then(|sealed| attempt.unseal(sealed, replay.created_at)), body.as_object_mut())
        {
            members.insert("secret".to_owned(), Value::String(secret));
            members.remove("secret_note");
        }
        Ok(Outcome::Replayed(body))
    }

    /// Keeps the answer beside the creation. The secret, if there is one, is kept sealed and apart from the answer.
    pub async fn keep(&self, write: &mut Write, answer: &impl ToJSON, secret: Option<&str>) -> Result<(), Problem> {
        let Some(attempt) = &self.0 else { return Ok(()) };
        let mut body = answer.to_json().unwrap_or_default();
        if let (Some(_), Some(members)) = (secret, body.as_object_mut()) {
            members.insert("secret".to_owned(), Value::Null);
            members.insert("secret_note".to_owned(), Value::String(SECRET_NOTE.to_owned()));
        }
        let replay = Replay {
            request_hash: attempt.request_hash,
            body,
            sealed_secret: secret.map(|secret| attempt.seal(secret, write.now())),
            created_at: write.now(),
        };
        Ok(write.insert_replay(&attempt.key, &replay).await?)
    }
}

impl Repeatable {
    /// A nonce, and the secret under a key of this one creation. The same Idempotency-Key makes another creation a day
    /// later, which shares neither.
    fn seal(&self, secret: &str, created_at: DateTime<Utc>) -> Vec<u8> {
        let nonce = ChaCha20Poly1305::generate_nonce(&mut OsRng);
        let sealed = self.cipher(created_at).encrypt(&nonce, secret.as_bytes());
        [nonce.as_slice(), &sealed.expect("a secret is short enough to encrypt")].concat()
    }

    fn unseal(&self, sealed: &[u8], created_at: DateTime<Utc>) -> Option<String> {
        let (nonce, sealed) = sealed.split_at_checked(NONCE_LENGTH)?;
        let secret = self.cipher(created_at).decrypt(Nonce::from_slice(nonce), sealed).ok()?;
        String::from_utf8(secret).ok()
    }

    fn cipher(&self, created_at: DateTime<Utc>) -> ChaCha20Poly1305 {
        let key = hmac(&self.sealing_root, &[&created_at.timestamp_micros().to_be_bytes(), &self.request_hash]);
        ChaCha20Poly1305::new(Key::from_slice(&key))
    }
}

/// Keyed by what is stored nowhere. Neither a path nor a header's value holds a zero byte.
fn sealing_root(credential: &[u8], path: &str, key: &str) -> [u8; 32] {
    hmac(credential, &[b"claviger idempotent replay 2\0", path.as_bytes(), b"\0", key.as_bytes()])
}

fn hmac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(key).expect("HMAC takes any key length");
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

impl<T: Type> Type for Idempotent<T> {
    const IS_REQUIRED: bool = true;
    type RawValueType = Self;
    type RawElementValueType = Self;

    fn name() -> Cow<'static, str> {
        T::name()
    }

    fn schema_ref() -> MetaSchemaRef {
        T::schema_ref()
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
        Box::new(std::iter::empty())
    }
}

impl<T: ToJSON> ToJSON for Idempotent<T> {
    fn to_json(&self) -> Option<Value> {
        match self {
            Self::First(answer) => answer.to_json(),
            Self::Replayed(answer) => Some(answer.clone()),
        }
    }
}

/// The transaction behind an answer that changed nothing ends a moment after the answer: whoever repeats a request
/// right after it was answered is not in flight with itself.
async fn lock_patiently(write: &mut Write, key: &ReplayKey) -> Result<bool, store::Error> {
    for _ in 0..LOCK_TRIES {
        if write.lock_replay(key).await? {
            return Ok(true);
        }
        tokio::time::sleep(LOCK_PAUSE).await;
    }
    write.lock_replay(key).await
}

/// It is stored as it comes, so whoever mistakes a secret for it is refused.
fn is_acceptable(text: &str) -> bool {
    let is_printable = text.bytes().all(|byte| (0x20..0x7f).contains(&byte));
    let mut words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    (1..=KEY_LENGTH_MAX).contains(&text.len()) && is_printable && words.all(|word| PlainSecret::parse(word).is_err())
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::ids::{KeyId, OrganizationId};

    fn at(micros: i64) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(micros).expect("an instant")
    }

    fn repeatable(credential: &str, text: &str) -> Repeatable {
        let key = ReplayKey {
            organization: OrganizationId::INSTALLATION,
            credential: KeyId::mint(at(0)).uuid(),
            route: "POST /v1/keys".to_owned(),
            key: text.to_owned(),
        };
        Repeatable { key, request_hash: [7; 32], sealing_root: sealing_root(credential.as_bytes(), "/v1/keys", text) }
    }

    #[test]
    fn no_two_creations_share_a_nonce_or_a_key() {
        let (first, later) = (at(1_000_000), at(1_000_001));
        let repeatable = repeatable("a credential", "again");
        let (one, two) = (repeatable.seal("first", first), repeatable.seal("first", first));
        assert_ne!(one[..NONCE_LENGTH], two[..NONCE_LENGTH]);
        assert_eq!(repeatable.unseal(&one, first).as_deref(), Some("first"));
        assert_eq!(repeatable.unseal(&one, later), None, "the key is that of another creation");
    }

    #[test]
    fn nothing_but_the_same_request_opens_a_seal() {
        let own = repeatable("a credential", "again");
        let sealed = own.seal("secret", at(0));
        let other_body = Repeatable { request_hash: [8; 32], ..repeatable("a credential", "again") };
        for other in [repeatable("another", "again"), repeatable("a credential", "once"), other_body] {
            assert_eq!(other.unseal(&sealed, at(0)), None);
        }
        for broken in [&sealed[..NONCE_LENGTH], &sealed[..3], &[]] {
            assert_eq!(own.unseal(broken, at(0)), None);
        }
    }
}
