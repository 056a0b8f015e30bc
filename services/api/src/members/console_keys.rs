//! The keys that the configured console publishes, and no others: read when a token names one that is not known yet, and no more
//! often than a bound, so that tokens with invented key ids ask the console for nothing.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use anyhow::Context;
use jsonwebtoken::DecodingKey;
use serde::Deserialize;
use tokio::sync::Mutex;

/// After so long the keys are read again: a key that the console withdrew is good for no longer.
const AGE_MAX: Duration = Duration::from_secs(300);
/// The least time between two answers of the console.
const REFRESH_INTERVAL: Duration = Duration::from_secs(10);
/// The least time between two tries while the console is away.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);
const BODY_BYTES_MAX: usize = 64 * 1024;
const KEYS_MAX: usize = 16;
/// An Ed25519 public key is 32 bytes: 43 characters.
const KEY_CHARS: usize = 43;

/// The console did not answer with its keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the console's keys cannot be read")]
pub struct Away;

/// The keys of one console.
pub struct ConsoleKeys {
    http: reqwest::Client,
    url: String,
    known: RwLock<Known>,
    last: Mutex<Option<Attempt>>,
}

#[derive(Default)]
struct Known {
    keys: Arc<HashMap<String, DecodingKey>>,
    read_at: Option<Instant>,
}

/// The last time that the console was asked.
#[derive(Debug, Clone, Copy)]
struct Attempt {
    at: Instant,
    is_answered: bool,
}

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<PublishedKey>,
}

#[derive(Deserialize)]
struct PublishedKey {
    kty: String,
    crv: Option<String>,
    kid: Option<String>,
    x: Option<String>,
}

impl ConsoleKeys {
    /// The keys at this address, which is asked when the first token comes.
    pub fn new(url: &str) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(ANSWER_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .context("console.jwks_url")?;
        Ok(Self { http, url: url.to_owned(), known: RwLock::default(), last: Mutex::new(None) })
    }

    /// The key with this id, if the console publishes it.
    pub async fn find(&self, id: &str) -> Result<Option<DecodingKey>, Away> {
        if let Some(key) = self.find_known(id) {
            return Ok(Some(key));
        }
        // One asks, and the others wait for its answer.
        let mut last = self.last.lock().await;
        if let Some(key) = self.find_known(id) {
            return Ok(Some(key));
        }
        if let Some(attempt) = *last
            && attempt.at.elapsed() < attempt.pause()
        {
            return if attempt.is_answered { Ok(None) } else { Err(Away) };
        }
        let read = self.read().await;
        *last = Some(Attempt { at: Instant::now(), is_answered: read.is_ok() });
        match read {
            Ok(keys) => {
                *self.known.write().unwrap_or_else(PoisonError::into_inner) =
                    Known { keys: Arc::new(keys), read_at: Some(Instant::now()) };
                Ok(self.find_known(id))
            }
            Err(error) => {
                tracing::warn!(error = format!("{error:#}"), "the console's keys cannot be read");
                Err(Away)
            }
        }
    }

    fn find_known(&self, id: &str) -> Option<DecodingKey> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let is_young = known.read_at.is_some_and(|at| at.elapsed() < AGE_MAX);
        known.keys.get(id).filter(|_| is_young).cloned()
    }

    async fn read(&self) -> anyhow::Result<HashMap<String, DecodingKey>> {
        let mut response = self.http.get(&self.url).send().await?.error_for_status()?;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            body.extend_from_slice(&chunk);
            anyhow::ensure!(body.len() <= BODY_BYTES_MAX, "more than {BODY_BYTES_MAX} bytes");
        }
        read_keys(&body)
    }
}

impl Attempt {
    const fn pause(self) -> Duration {
        if self.is_answered { REFRESH_INTERVAL } else { RETRY_INTERVAL }
    }
}

/// Those of the published keys that can have signed a token: Ed25519, with an id.
fn read_keys(body: &[u8]) -> anyhow::Result<HashMap<String, DecodingKey>> {
    let set: KeySet = serde_json::from_slice(body).context("not a set of keys")?;
    anyhow::ensure!(set.keys.len() <= KEYS_MAX, "more than {KEYS_MAX} keys");
    let usable = set.keys.into_iter().filter_map(|key| {
        let is_ed25519 = key.kty == "OKP" && key.crv.as_deref() == Some("Ed25519");
        let x = key.x.filter(|x| is_ed25519 && x.len() == KEY_CHARS)?;
        Some((key.kid?, DecodingKey::from_ed_components(&x).ok()?))
    });
    Ok(usable.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_another_kind_are_no_keys() {
        let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
        let set = |key: &str| read_keys(format!("{{\"keys\": [{key}]}}").as_bytes()).map(|keys| keys.len()).ok();
        let good = format!(r#"{{"kty": "OKP", "crv": "Ed25519", "kid": "1", "x": "{x}", "use": "sig"}}"#);
        assert_eq!(set(&good), Some(1));
        for bad in [
            good.replace("Ed25519", "X25519"),
            good.replace("OKP", "oct"),
            good.replace("kid", "other"),
            good.replace(x, "c2hvcnQ"),
            r#"{"kty": "oct", "kid": "1", "k": "c2VjcmV0"}"#.to_owned(),
        ] {
            assert_eq!(set(&bad), Some(0), "{bad}");
        }
        assert_eq!(set(&vec![good.as_str(); KEYS_MAX + 1].join(",")), None);
        assert!(read_keys(b"<html>").is_err());
    }
}
