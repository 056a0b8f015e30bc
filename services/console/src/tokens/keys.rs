//! The keys themselves: made when there are none, advanced when the current one is old, sealed in the database.

use chrono::TimeDelta;
use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use jsonwebtoken::jwk::{AlgorithmParameters, Jwk};
use jsonwebtoken::{Algorithm, EncodingKey};
use rand::TryRng;
use rand::rngs::SysRng;
use server::problem::{ErrorCode, Problem};
use store::control::{Control, ControlActor, ControlOrigin, ControlWrite, SigningKey, SigningKeyState};
use zeroize::Zeroizing;

use crate::seal::Sealer;

/// How long a key signs.
const SIGNS_FOR: TimeDelta = TimeDelta::days(30);
/// How long a retired key stays published: tokens are of a minute, and the environments keep keys for five.
const PUBLISHED_FOR: TimeDelta = TimeDelta::hours(24);
const PURPOSE: &str = "signing key";
const SEED_BYTES: usize = 32;
/// What stands before the bytes of an Ed25519 key in PKCS #8.
const PKCS8_START: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

/// The keys of a moment.
pub struct Keys {
    /// The one that signs.
    pub current: CurrentKey,
    /// All that prove.
    pub published: Vec<PublishedKey>,
}

/// The key that signs.
pub struct CurrentKey {
    pub kid: String,
    pub key: EncodingKey,
}

/// A key as the environments read it.
pub struct PublishedKey {
    pub kid: String,
    /// The public key in base64url.
    pub x: String,
}

/// The keys, after what was due was done: by one replica, while the others wait.
pub async fn read(control: &Control, sealer: &Sealer) -> Result<Keys, Problem> {
    let mut read = control.read().await?;
    let (rows, now) = (read.list_signing_keys().await?, read.now());
    drop(read);
    let is_settled = |rows: &[SigningKey]| {
        let in_state = |state| rows.iter().find(|key| key.state == state);
        let is_young = |key: &SigningKey| now - key.state_since < SIGNS_FOR;
        in_state(SigningKeyState::Current).is_some_and(is_young) && in_state(SigningKeyState::Next).is_some()
    };
    let rows = if is_settled(&rows) { rows } else { settle(control, sealer).await? };
    open(sealer, &rows)
}

/// Makes what is missing, and lets the next key sign if the current one has signed for long enough.
async fn settle(control: &Control, sealer: &Sealer) -> Result<Vec<SigningKey>, Problem> {
    let origin = ControlOrigin::new("", None, "");
    let mut write = control.write(ControlActor::System("console"), &origin).await?;
    write.hold_signing_keys().await?;
    let rows = write.list_signing_keys().await?;
    let in_state = |state| rows.iter().find(|key| key.state == state);
    match in_state(SigningKeyState::Current) {
        None => insert(&mut write, sealer, SigningKeyState::Current).await?,
        Some(current) if write.now() - current.state_since >= SIGNS_FOR => write.advance_signing_keys().await?,
        Some(_) => {}
    }
    let has_next = write.list_signing_keys().await?.iter().any(|key| key.state == SigningKeyState::Next);
    if !has_next {
        insert(&mut write, sealer, SigningKeyState::Next).await?;
    }
    write.delete_retired_signing_keys(PUBLISHED_FOR).await?;
    let rows = write.list_signing_keys().await?;
    write.commit_bookkeeping().await?;
    Ok(rows)
}

async fn insert(write: &mut ControlWrite, sealer: &Sealer, state: SigningKeyState) -> Result<(), Problem> {
    let mut seed = Zeroizing::new([0; SEED_BYTES]);
    SysRng.try_fill_bytes(seed.as_mut_slice()).expect("the system has random numbers");
    let mut name = [0; 8];
    SysRng.try_fill_bytes(&mut name).expect("the system has random numbers");
    let kid = HEXLOWER.encode(&name);
    let public = public_key(&signing_key(seed.as_slice()))?;
    let sealed = sealer.seal(PURPOSE, &kid, seed.as_slice());
    Ok(write.insert_signing_key(&kid, (&public, &sealed), state).await?)
}

fn open(sealer: &Sealer, rows: &[SigningKey]) -> Result<Keys, Problem> {
    let broken = |why: &'static str| Problem::new(ErrorCode::Internal).source(std::io::Error::other(why));
    let current = rows.iter().find(|key| key.state == SigningKeyState::Current);
    let current = current.ok_or_else(|| broken("there is no key to sign with"))?;
    let seed = sealer.open(PURPOSE, &current.kid, &current.secret_key);
    let seed = seed.ok_or_else(|| broken("a signing key was sealed with another secrets.sealing_key"))?;
    let published =
        rows.iter().map(|key| PublishedKey { kid: key.kid.clone(), x: BASE64URL_NOPAD.encode(&key.public_key) });
    Ok(Keys {
        current: CurrentKey { kid: current.kid.clone(), key: signing_key(&seed) },
        published: published.collect(),
    })
}

fn signing_key(seed: &[u8]) -> EncodingKey {
    EncodingKey::from_ed_der(&Zeroizing::new([&PKCS8_START[..], seed].concat()))
}

fn public_key(key: &EncodingKey) -> Result<Vec<u8>, Problem> {
    let internal = |error: jsonwebtoken::errors::Error| Problem::new(ErrorCode::Internal).source(error);
    match Jwk::from_encoding_key(key, Algorithm::EdDSA).map_err(internal)?.algorithm {
        AlgorithmParameters::OctetKeyPair(pair) => {
            BASE64URL_NOPAD.decode(pair.x.as_bytes()).map_err(|error| Problem::new(ErrorCode::Internal).source(error))
        }
        _ => Err(Problem::new(ErrorCode::Internal)),
    }
}
