//! Keys that seal what an organization entrusts to an environment: made of its pepper, so that nothing that is stored opens it.

use std::sync::Arc;

use zeroize::Zeroizing;

use crate::ids::OrganizationId;
use crate::secret::{Pepper, PepperRing};

/// What stands before all else under the HMAC. Behind 16 bytes, where an organization's id would end, is no zero.
const LABEL: &[u8] = b"claviger sealing key\0";

/// A key to seal with, and the pepper that it is made of.
pub struct SealingKey {
    /// Which pepper.
    pub pepper_id: Arc<str>,
    /// The key.
    pub bytes: Zeroizing<[u8; 32]>,
}

impl PepperRing {
    /// The key that seals something of an organization for one purpose, under the current pepper.
    pub fn sealing_key(&self, purpose: &str, organization: OrganizationId) -> SealingKey {
        let current = self.all().next().expect("there is a current pepper");
        SealingKey::of(current, purpose, organization)
    }

    /// The key that it was sealed with; `None` once that pepper is gone.
    pub fn opening_key(&self, purpose: &str, organization: OrganizationId, pepper_id: &str) -> Option<SealingKey> {
        let pepper = self.all().find(|pepper| pepper.id() == pepper_id)?;
        Some(SealingKey::of(pepper, purpose, organization))
    }
}

impl SealingKey {
    fn of(pepper: &Pepper, purpose: &str, organization: OrganizationId) -> Self {
        let bytes = pepper.hmac(&[LABEL, organization.uuid().as_bytes(), purpose.as_bytes()]);
        Self { pepper_id: Arc::clone(&pepper.id), bytes: Zeroizing::new(bytes) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pepper(id: &str, seed: u8) -> Pepper {
        Pepper::new(id, (0..32).map(|at: u8| at.wrapping_mul(37) ^ seed).collect()).expect("32 mixed bytes")
    }

    #[test]
    fn each_purpose_organization_and_pepper_has_its_own_key() {
        let [one, two] = [1, 2].map(|id| OrganizationId::from_uuid(uuid::Uuid::from_u128(id)));
        let before = PepperRing::new(pepper("1", 5), Vec::new());
        let after = PepperRing::new(pepper("2", 9), vec![pepper("1", 5)]);
        let sealed = before.sealing_key("headers", one);
        let opened = after.opening_key("headers", one, &sealed.pepper_id).expect("the pepper is still there");
        assert_eq!(opened.bytes, sealed.bytes);
        for other in
            [after.sealing_key("headers", one), before.sealing_key("headers", two), before.sealing_key("others", one)]
        {
            assert_ne!(other.bytes, sealed.bytes);
        }
        assert!(before.opening_key("headers", one, "2").is_none());
    }
}
