//! A bounded pool for what is slow on purpose: one hash for each core, a short queue, and no for whoever comes beyond.

use std::sync::Arc;
use std::time::Duration;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use server::problem::{ErrorCode, Problem};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use zeroize::Zeroizing;

use crate::config::Hashing;

/// How many wait for a core.
const WAITING_MAX: usize = 32;
/// How long anybody waits.
const WAIT_MAX: Duration = Duration::from_secs(1);
/// Of what is compared where there is nothing to compare with.
const NOBODYS_PASSWORD: &[u8] = b"the password of nobody";

/// Hashes passwords.
#[derive(Clone)]
pub struct HashPool {
    cores: Arc<Semaphore>,
    places: Arc<Semaphore>,
    params: Params,
    /// Compared where there is no account, so that it takes as long as where there is one.
    nobodys: Arc<str>,
}

/// There are too many who want to sign in at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many passwords are being compared")]
pub struct TooBusy;

impl HashPool {
    /// A pool for this machine.
    pub fn new(hashing: Hashing) -> anyhow::Result<Self> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let params = match hashing {
            Hashing::Standard => Params::new(19 * 1024, 2, 1, None),
            Hashing::CheapForTests => Params::new(64, 1, 1, None),
        };
        let params = params.map_err(|error| anyhow::anyhow!("the parameters of the hash: {error}"))?;
        let nobodys = hash(params.clone(), NOBODYS_PASSWORD)?;
        Ok(Self {
            cores: Arc::new(Semaphore::new(cores)),
            places: Arc::new(Semaphore::new(cores + WAITING_MAX)),
            params,
            nobodys: nobodys.into(),
        })
    }

    /// Hashes a new password, in PHC form.
    pub async fn hash(&self, password: Zeroizing<String>) -> Result<String, TooBusy> {
        let params = self.params.clone();
        let hashed = self.run(move || hash(params, password.as_bytes())).await?;
        Ok(hashed.expect("the parameters were tried when the pool was made"))
    }

    /// Says whether a password is the one that was hashed. Without a hash it takes as long to say no.
    pub async fn verify(&self, password: Zeroizing<String>, hash: Option<&str>) -> Result<bool, TooBusy> {
        let is_somebodys = hash.is_some();
        let hash: Arc<str> = hash.map_or_else(|| Arc::clone(&self.nobodys), Arc::from);
        let is_right = self.run(move || is_right(password.as_bytes(), &hash)).await?;
        Ok(is_right && is_somebodys)
    }

    /// Whether a hash was made with other parameters than those that hold now.
    pub fn is_outdated(&self, hash: &str) -> bool {
        let parsed = PasswordHash::new(hash);
        parsed.is_ok_and(|parsed| {
            Params::try_from(&parsed).is_ok_and(|params| {
                params.m_cost() != self.params.m_cost()
                    || params.t_cost() != self.params.t_cost()
                    || params.p_cost() != self.params.p_cost()
            })
        })
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, TooBusy> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| TooBusy)?;
        let core = timeout(WAIT_MAX, Arc::clone(&self.cores).acquire_owned()).await;
        let core: OwnedSemaphorePermit = core.map_err(|_| TooBusy)?.map_err(|_| TooBusy)?;
        let done = tokio::task::spawn_blocking(move || {
            // Given back by the thread, not by whoever waits for it: that one may leave.
            let _permits = (place, core);
            work()
        });
        done.await.map_err(|_| TooBusy)
    }
}

impl std::fmt::Debug for HashPool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HashPool")
    }
}

impl From<TooBusy> for Problem {
    fn from(_: TooBusy) -> Self {
        let detail = "Too many people are signing in at this moment; try again.";
        Self::new(ErrorCode::Overloaded).detail(detail).retry_after(WAIT_MAX)
    }
}

fn hash(params: Params, password: &[u8]) -> anyhow::Result<String> {
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let hashed: PasswordHash =
        argon2.hash_password(password).map_err(|error| anyhow::anyhow!("hashing a password: {error}"))?;
    Ok(hashed.to_string())
}

fn is_right(password: &[u8], hash: &str) -> bool {
    let parsed = PasswordHash::new(hash);
    // The parameters are those of the hash.
    parsed.is_ok_and(|parsed| Argon2::default().verify_password(password, &parsed).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Zeroizing<String> {
        Zeroizing::new(text.to_owned())
    }

    #[tokio::test]
    async fn a_password_is_proven_by_its_hash_alone() {
        let pool = HashPool::new(Hashing::CheapForTests).unwrap();
        let hash = pool.hash(secret("correct horse 🐎 battery")).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=64,t=1,p=1$"), "{hash}");
        assert!(pool.verify(secret("correct horse 🐎 battery"), Some(&hash)).await.unwrap());
        assert!(!pool.verify(secret("correct horse battery"), Some(&hash)).await.unwrap());
        assert!(!pool.verify(secret("the password of nobody"), None).await.unwrap());
        assert!(!pool.verify(secret("x"), Some("no hash")).await.unwrap());
        assert!(!pool.is_outdated(&hash));
        assert!(HashPool::new(Hashing::Standard).unwrap().is_outdated(&hash));
    }

    #[tokio::test]
    async fn whoever_comes_beyond_the_queue_is_refused() {
        let pool = HashPool::new(Hashing::CheapForTests).unwrap();
        let cores = u32::try_from(pool.cores.available_permits()).unwrap();
        let _all = pool.cores.acquire_many(cores).await.unwrap();
        let places = u32::try_from(pool.places.available_permits()).unwrap();
        let _queue = pool.places.acquire_many(places).await.unwrap();
        assert_eq!(pool.verify(secret("x"), None).await, Err(TooBusy));
    }
}
