//! `Idempotency-Key`: the answer of a creation is kept in the creation's own transaction and given again.
//!
//! A created secret is kept too, for ten minutes, under a key that only the same credential and the same
//! Idempotency-Key can make again; nothing that is stored opens it.

use std::borrow::Cow;

use chacha20poly1305::aead::{Aead, KeyInit};
use chacha20poly1305::{ChaCha20Poly1305, Key, Nonce};
use chrono::TimeDelta;
use domain::secret::PlainSecret;
use hmac::{Hmac, Mac};
use poem_openapi::registry::{MetaSchemaRef, Registry};
use poem_openapi::types::{ToJSON, Type};
use serde_json::Value;
use server::problem::{ErrorCode, Problem};
use sha2::{Digest, Sha256};
use store::Write;
use store::idempotency::{Replay, ReplayKey};

use crate::caller::Caller;

/// How long a replay still shows a created secret.
const SECRET_MINUTES: i64 = 10;
const KEY_LENGTH_MAX: usize = 255;
const SECRET_NOTE: &str = "This secret was shown before and cannot be shown again; regenerate the key to get another.";
const RETRY_AFTER: std::time::Duration = std::time::Duration::from_secs(1);
const LOCK_TRIES: u32 = 10;
const LOCK_PAUSE: std::time::Duration = std::time::Duration::from_millis(10);

/// A creation; its caller may send it again if it asked for that.
pub struct Attempt(Option<Repeatable>);

struct Repeatable {
    key: ReplayKey,
    request_hash: [u8; 32],
    sealing_key: [u8; 32],
}

/// What became of an attempt.
pub enum Outcome {
    /// No such creation yet: do it, then [`Attempt::keep`] the answer.
    First,
    /// It was done: this is its answer.
    Again(Value),
}

/// The body of a creation's answer: made now, or kept from the first time.
#[derive(Debug)]
pub enum Kept<T> {
    /// Made now.
    First(T),
    /// Kept from the first time.
    Again(Value),
}

impl Attempt {
    /// Reads the header; without one the attempt is not repeatable.
    pub fn read(caller: &Caller, body: &[u8]) -> Result<Self, Problem> {
        let mut values = caller.headers.get_all("idempotency-key").iter();
        let Some(value) = values.next() else { return Ok(Self(None)) };
        let text = value.to_str().ok().filter(|text| is_acceptable(text) && values.next().is_none());
        let text = text.ok_or_else(|| Problem::new(ErrorCode::IdempotencyKeyInvalid))?;
        let path = caller.uri.path();
        let mut sealing = <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(caller.presented.expose().as_bytes())
            .expect("HMAC takes any key length");
        sealing.update(b"claviger idempotent replay\0");
        sealing.update(path.as_bytes());
        sealing.update(&[0]);
        sealing.update(text.as_bytes());
        Ok(Self(Some(Repeatable {
            key: ReplayKey {
                organization: caller.authority.organization,
                credential: caller.authority.key,
                route: format!("POST {path}"),
                key: text.to_owned(),
            },
            request_hash: Sha256::digest(body).into(),
            sealing_key: sealing.finalize().into_bytes().into(),
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
        if let (Some(secret), Some(members)) = (sealed.and_then(|sealed| attempt.unseal(sealed)), body.as_object_mut())
        {
            members.insert("secret".to_owned(), Value::String(secret));
            members.remove("secret_note");
        }
        Ok(Outcome::Again(body))
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
            sealed_secret: secret.map(|secret| attempt.seal(secret)),
            created_at: write.now(),
        };
        Ok(write.insert_replay(&attempt.key, &replay).await?)
    }
}

impl Repeatable {
    /// The nonce may be fixed: the key is used for one message, the one secret of this creation.
    fn seal(&self, secret: &str) -> Vec<u8> {
        let cipher = ChaCha20Poly1305::new(Key::from_slice(&self.sealing_key));
        cipher.encrypt(&Nonce::default(), secret.as_bytes()).expect("a secret is short enough to encrypt")
    }

    fn unseal(&self, sealed: &[u8]) -> Option<String> {
        let cipher = ChaCha20Poly1305::new(Key::from_slice(&self.sealing_key));
        String::from_utf8(cipher.decrypt(&Nonce::default(), sealed).ok()?).ok()
    }
}

impl<T: Type> Type for Kept<T> {
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

impl<T: ToJSON> ToJSON for Kept<T> {
    fn to_json(&self) -> Option<Value> {
        match self {
            Self::First(answer) => answer.to_json(),
            Self::Again(answer) => Some(answer.clone()),
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
