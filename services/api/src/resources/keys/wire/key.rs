//! Keys in answers.

use client::wire::{AllOr as AllOrBody, EnvironmentName, KeyKindName, Metadata, RoleName};
use domain::permission::PermissionName;
use domain::policy::KeyStatus;
use domain::secret::{PlainSecret, hint};
use poem_openapi::{Enum, Object};

use super::credits::CreditsBody;
use crate::resources::receipts::wire::ReceiptBody;
use crate::wire::instant::Instant;
use crate::wire::limit::LimitBody;
use crate::wire::nullable::Nullable;
use domain::environment::Environment;

/// Where a permission comes from that a key has of its own.
const OWN: &str = "key";

/// A key: everything but its secrets.
#[derive(Debug, Clone, Object)]
#[oai(rename = "Key")]
pub struct KeyBody {
    /// Its id, which never changes.
    pub id: String,
    /// `root` across organizations, `organization` inside one.
    pub kind: KeyKindName,
    /// Its name.
    pub name: String,
    /// The environment that it works in, and no other.
    pub environment: EnvironmentName,
    /// Its organization; `null` for a root key.
    pub organization_id: Nullable<String>,
    /// Whether it works now.
    pub status: StatusBody,
    /// The newest secret with its middle replaced.
    pub hint: String,
    /// What it may do of its own.
    pub permissions: Vec<String>,
    /// Its roles, whose permissions it has as well.
    pub roles: Vec<RoleName>,
    /// Everything that it may do, with where each permission comes from.
    pub effective_permissions: Vec<EffectivePermission>,
    /// `"all"`, or the host names that it may act for.
    pub domains: AllOrBody,
    /// `"all"`, or the ids of the customers that it may act for.
    pub customers: AllOrBody,
    /// `"all"`, or the addresses and networks that it may come from.
    pub ips: AllOrBody,
    /// Not valid before.
    pub not_before: Nullable<Instant>,
    /// Not valid from this instant on.
    pub expires_at: Nullable<Instant>,
    /// Its own limits.
    pub limits: Vec<LimitBody>,
    /// The balance that verification spends.
    pub credits: Nullable<CreditsBody>,
    /// The organization's own notes.
    pub metadata: Metadata,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// When it was made.
    pub created_at: Instant,
    /// Who made it: a key's id, or `system:` and a name.
    pub created_by: String,
    /// When it was last changed.
    pub updated_at: Instant,
    /// When one of its secrets was last accepted.
    pub last_used_at: Nullable<Instant>,
    /// From where.
    pub last_used_ip: Nullable<String>,
    /// When it was revoked.
    pub revoked_at: Nullable<Instant>,
    /// Why.
    pub revoke_reason: Nullable<String>,
    /// How many of its secrets work: two while a rotation overlaps.
    pub secrets_active: i64,
    /// How far the change has reached; only in the answer to a change that takes power away.
    #[oai(skip_serializing_if_is_none)]
    pub receipt: Option<ReceiptBody>,
}

/// A permission of a key, with where it comes from.
#[derive(Debug, Clone, Object)]
pub struct EffectivePermission {
    /// Its name.
    pub name: String,
    /// `key` where the key has it of its own, and the ids of those of its roles that hold it.
    pub from: Vec<String>,
}

/// A key with its secret, which is shown this once.
#[derive(Debug, Clone, Object)]
pub struct KeyWithSecret {
    /// The key.
    pub key: KeyBody,
    /// The secret: store it now. `null` when a replay comes too late to show it again.
    pub secret: Nullable<String>,
    /// Why a replay shows no secret.
    #[oai(skip_serializing_if_is_none)]
    pub secret_note: Option<String>,
    /// How far the end of the old secret has reached, after a regenerate.
    #[oai(skip_serializing_if_is_none)]
    pub receipt: Option<ReceiptBody>,
}

/// An imported key.
#[derive(Debug, Clone, Object)]
pub struct ImportedKey {
    /// The key.
    pub key: KeyBody,
}

/// One secret of a key.
#[derive(Debug, Clone, Object)]
#[oai(rename = "Secret")]
pub struct SecretBody {
    /// Its id.
    pub id: String,
    /// The secret with its middle replaced.
    pub hint: String,
    /// Whether it proves the key now.
    pub is_active: bool,
    /// Whether another organization held the same secret: it proves nothing any more. Regenerate the key.
    pub is_duplicated: bool,
    /// When it was made.
    pub created_at: Instant,
    /// From when it is dead: the end of its overlap, or when it was retired.
    pub retires_at: Nullable<Instant>,
    /// When it was last accepted: an old secret that is idle is safe to retire.
    pub last_used_at: Nullable<Instant>,
    /// From where.
    pub last_used_ip: Nullable<String>,
}

/// Whether a key works now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename = "KeyStatus", rename_all = "lowercase")]
pub enum StatusBody {
    /// It works.
    Active,
    /// It was revoked.
    Inactive,
    /// Its end has come.
    Expired,
    /// Its start has not come.
    Scheduled,
}

impl From<KeyStatus> for StatusBody {
    fn from(status: KeyStatus) -> Self {
        match status {
            KeyStatus::Active => Self::Active,
            KeyStatus::Inactive => Self::Inactive,
            KeyStatus::Expired => Self::Expired,
            KeyStatus::Scheduled => Self::Scheduled,
        }
    }
}

impl From<StatusBody> for KeyStatus {
    fn from(status: StatusBody) -> Self {
        match status {
            StatusBody::Active => Self::Active,
            StatusBody::Inactive => Self::Inactive,
            StatusBody::Expired => Self::Expired,
            StatusBody::Scheduled => Self::Scheduled,
        }
    }
}

impl KeyBody {
    /// The answer about a row as it stands at `now`.
    pub fn new(key: &store::Key, environment: Environment, now: chrono::DateTime<chrono::Utc>) -> Self {
        let policy = &key.policy;
        let instant = |at: Option<chrono::DateTime<chrono::Utc>>| Nullable(at.map(Instant));
        let is_root = key.organization_id.is_installation();
        Self {
            id: key.id.to_string(),
            kind: key.kind.into(),
            name: key.name.clone(),
            environment: environment.into(),
            organization_id: Nullable((!is_root).then(|| key.organization_id.to_string())),
            status: key.status(now).into(),
            hint: key.shown_hint(environment),
            permissions: policy.permissions.iter().map(ToString::to_string).collect(),
            roles: key.roles.iter().map(|role| RoleName { id: role.id.to_string(), name: role.name.clone() }).collect(),
            effective_permissions: effective_permissions(key),
            domains: AllOrBody::of(&policy.domains),
            customers: AllOrBody::of(&policy.customers),
            ips: AllOrBody::of(&policy.ips),
            not_before: instant(policy.not_before),
            expires_at: instant(policy.expires_at),
            limits: policy.limits.iter().map(LimitBody::from).collect(),
            credits: Nullable(key.credits.as_ref().map(CreditsBody::from)),
            metadata: key.metadata.clone().into_iter().collect(),
            tags: key.tags.clone(),
            created_at: Instant(key.created_at),
            created_by: key.created_by.clone(),
            updated_at: Instant(key.updated_at),
            last_used_at: instant(key.last_used_at),
            last_used_ip: Nullable(key.last_used_ip.map(|ip| ip.to_string())),
            revoked_at: instant(key.revoked_at),
            revoke_reason: Nullable(key.revoke_reason.map(|reason| reason.name().to_owned())),
            secrets_active: key.secrets_active,
            receipt: None,
        }
    }
}

fn effective_permissions(key: &store::Key) -> Vec<EffectivePermission> {
    let sources = |name: &PermissionName| {
        let own = key.policy.permissions.contains(name).then(|| OWN.to_owned());
        let roles = key.roles.iter().filter(|role| role.permissions.contains(name));
        own.into_iter().chain(roles.map(|role| role.id.to_string())).collect()
    };
    let held = key.effective_permissions();
    held.iter().map(|name| EffectivePermission { name: name.to_string(), from: sources(name) }).collect()
}

impl KeyWithSecret {
    /// The answer that shows a secret, this once.
    pub fn new(key: KeyBody, secret: &PlainSecret) -> Self {
        Self { key, secret: Nullable(Some(secret.expose().to_owned())), secret_note: None, receipt: None }
    }
}

impl SecretBody {
    /// The answer about a secret as it stands at `now`.
    pub fn new(secret: &store::Secret, environment: Environment, now: chrono::DateTime<chrono::Utc>) -> Self {
        Self {
            id: secret.id.to_string(),
            hint: secret
                .hint
                .clone()
                .unwrap_or_else(|| hint(&secret.prefix, environment, &secret.lookup_id, &secret.last4)),
            is_active: !secret.is_duplicated && secret.retires_at.is_none_or(|at| now < at),
            is_duplicated: secret.is_duplicated,
            created_at: Instant(secret.created_at),
            retires_at: Nullable(secret.retires_at.map(Instant)),
            last_used_at: Nullable(secret.last_used_at.map(Instant)),
            last_used_ip: Nullable(secret.last_used_ip.map(|ip| ip.to_string())),
        }
    }
}
