//! What a verification checks: one key, its secret and its organization, all as of one version.
//!
//! A key service caches a million of them, so equal parts can be shared between snapshots.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::environment::Environment;
use crate::ids::{CustomerId, KeyId, OrganizationId, SecretId};
use crate::limit::Limit;
use crate::permission::PermissionName;
use crate::policy::{KeyKind, Policy};
use crate::role::{self, HeldRole};
use crate::secret::SecretHash;

/// A secret with the key and the organization behind it.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// The organization that owns the key; the installation for root keys.
    pub organization: Arc<OrganizationFacts>,
    /// The key.
    pub key: KeyFacts,
    /// The secret that was presented.
    pub secret: SecretFacts,
}

/// The organization behind a key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct OrganizationFacts {
    /// Its id.
    pub id: OrganizationId,
    /// Its slug in URLs.
    pub slug: String,
    /// Whether all its keys are refused.
    pub is_suspended: bool,
    /// The row's version.
    pub generation: i64,
    /// Limits that all its keys share.
    pub limits: Vec<Limit>,
    /// The permissions of its own API, sorted: all that a wildcard stands for beside the catalogue.
    pub permissions: Vec<PermissionName>,
}

/// A key's policy and state.
#[derive(Debug, Clone)]
pub struct KeyFacts {
    /// Its id, which never changes.
    pub id: KeyId,
    /// Root or organization.
    pub kind: KeyKind,
    /// The environment of the database that holds it.
    pub environment: Environment,
    /// Its name.
    pub name: Box<str>,
    /// Its policy, with everything that it holds.
    pub policy: Arc<EffectivePolicy>,
    /// Whether verifying it spends credits.
    pub has_credits: bool,
    /// The organization's own metadata.
    pub metadata: Arc<serde_json::Map<String, serde_json::Value>>,
    /// Whether it was revoked.
    pub is_revoked: bool,
    /// Whether it was deleted.
    pub is_deleted: bool,
    /// The row's version.
    pub generation: i64,
}

/// What binds a key, with the roles that a part of its permissions comes from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EffectivePolicy {
    /// The policy, with everything that the key holds as its permissions.
    policy: Policy,
    /// Its roles, by id.
    pub roles: Vec<HeldRole>,
}

impl EffectivePolicy {
    /// A policy and the roles beside it.
    pub fn new(policy: Policy, roles: Vec<HeldRole>) -> Self {
        let permissions = role::effective(&policy.permissions, &roles);
        Self { policy: Policy { permissions, ..policy }, roles }
    }
}

impl From<Policy> for EffectivePolicy {
    fn from(policy: Policy) -> Self {
        Self::new(policy, Vec::new())
    }
}

impl Deref for EffectivePolicy {
    type Target = Policy;

    fn deref(&self) -> &Policy {
        &self.policy
    }
}

impl DerefMut for EffectivePolicy {
    fn deref_mut(&mut self) -> &mut Policy {
        &mut self.policy
    }
}

/// One secret of a key.
#[derive(Debug, Clone)]
pub struct SecretFacts {
    /// Its id in lists.
    pub id: SecretId,
    /// Its hash at rest.
    pub hash: SecretHash,
    /// When it stops working: the end of an overlap, or the moment it was retired.
    pub retired_at: Option<DateTime<Utc>>,
}

/// A customer that a verification names.
#[derive(Debug, Clone)]
pub struct CustomerFacts {
    /// Its id.
    pub id: CustomerId,
    /// The organization's own id for it.
    pub external_id: Option<Arc<str>>,
    /// Its name.
    pub name: Arc<str>,
    /// The organization's own notes on it.
    pub metadata: Arc<serde_json::Map<String, serde_json::Value>>,
    /// Whether it is suspended.
    pub is_suspended: bool,
    /// The row's version.
    pub generation: i64,
    /// Limits that all its keys share.
    pub limits: Vec<Limit>,
}
