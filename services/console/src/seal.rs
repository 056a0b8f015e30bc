//! Secrets that have to be read again are sealed: the database holds nothing that works without the configuration.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac};
use rand::TryRng;
use rand::rngs::SysRng;
use sha2::Sha256;
use zeroize::{ZeroizeOnDrop, Zeroizing};

const NONCE_BYTES: usize = 24;
const RECOVERY_PURPOSE: &[u8] = b"claviger recovery code 1";

/// Seals and opens under one key.
#[derive(Clone, ZeroizeOnDrop)]
pub struct Sealer {
    key: [u8; 32],
}

impl Sealer {
    /// A sealer with the key of the configuration.
    pub fn new(key: [u8; 32]) -> Self {
        Self { key }
    }

    /// Seals `plain` for one purpose and one owner: moved to another row, it does not open.
    pub fn seal(&self, purpose: &str, owner: &str, plain: &[u8]) -> Vec<u8> {
        let mut nonce = [0; NONCE_BYTES];
        SysRng.try_fill_bytes(&mut nonce).expect("the system has random numbers");
        let bound = bound(purpose, owner);
        let payload = Payload { msg: plain, aad: bound.as_bytes() };
        let sealed = self.cipher().encrypt(XNonce::from_slice(&nonce), payload).expect("a secret is short");
        [nonce.as_slice(), &sealed].concat()
    }

    /// Opens what was sealed for the same purpose and owner under the same key.
    pub fn open(&self, purpose: &str, owner: &str, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (nonce, sealed) = sealed.split_at_checked(NONCE_BYTES)?;
        let bound = bound(purpose, owner);
        let payload = Payload { msg: sealed, aad: bound.as_bytes() };
        self.cipher().decrypt(XNonce::from_slice(nonce), payload).ok().map(Zeroizing::new)
    }

    /// What is stored of a recovery code: nobody finds the code of it without the key, however short it is.
    pub fn hash_recovery_code(&self, owner: &str, code: &str) -> Vec<u8> {
        let mut mac = <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(&self.key).expect("HMAC takes any key");
        for part in [RECOVERY_PURPOSE, owner.as_bytes(), code.as_bytes()] {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().to_vec()
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&self.key.into())
    }
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sealer")
    }
}

fn bound(purpose: &str, owner: &str) -> String {
    format!("claviger {purpose} 1\n{owner}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_in_its_own_place_alone() {
        let sealer = Sealer::new([7; 32]);
        let sealed = sealer.seal("totp", "usr_1", b"secret");
        assert_eq!(sealer.open("totp", "usr_1", &sealed).unwrap().as_slice(), b"secret");
        assert!(sealer.open("totp", "usr_2", &sealed).is_none());
        assert!(sealer.open("signing", "usr_1", &sealed).is_none());
        assert!(Sealer::new([8; 32]).open("totp", "usr_1", &sealed).is_none());
        assert!(sealer.open("totp", "usr_1", &sealed[..10]).is_none());
        assert_ne!(sealer.seal("totp", "usr_1", b"secret"), sealed);
        assert_ne!(sealer.hash_recovery_code("usr_1", "a"), sealer.hash_recovery_code("usr_2", "a"));
    }
}
