//! What the action log says: one entry for each change, written by the commit that made it.

use crate::ids::{CustomerId, DomainId, KeyId, OrganizationId, SecretId};

/// A change that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// An organization came to be.
    OrganizationCreated(OrganizationId),
    /// Its name, limits or policy changed.
    OrganizationUpdated(OrganizationId),
    /// All its keys are refused from now on.
    OrganizationSuspended(OrganizationId),
    /// Its keys work again.
    OrganizationResumed(OrganizationId),
    /// It is gone.
    OrganizationDeleted(OrganizationId),
    /// A key was made.
    KeyCreated(KeyId),
    /// A key was brought from elsewhere.
    KeyImported(KeyId),
    /// A key's policy changed.
    KeyUpdated(KeyId),
    /// A key was cut off.
    KeyRevoked(KeyId),
    /// A revoke was undone.
    KeyReactivated(KeyId),
    /// A key got a new secret.
    KeyRegenerated(KeyId),
    /// An old secret was ended early.
    SecretRetired(KeyId, SecretId),
    /// A key is gone.
    KeyDeleted(KeyId),
    /// A customer came to be.
    CustomerCreated(CustomerId),
    /// A customer changed.
    CustomerUpdated(CustomerId),
    /// A customer's requests are refused from now on.
    CustomerSuspended(CustomerId),
    /// A customer's requests work again.
    CustomerResumed(CustomerId),
    /// A customer is gone.
    CustomerDeleted(CustomerId),
    /// A domain was registered.
    DomainCreated(DomainId),
    /// A domain's proof was looked up.
    DomainChecked(DomainId),
    /// A domain is gone.
    DomainDeleted(DomainId),
}

impl Event {
    /// `resource.action`, as the log shows it.
    pub const fn action(&self) -> &'static str {
        match self {
            Self::OrganizationCreated(_) => "organization.created",
            Self::OrganizationUpdated(_) => "organization.updated",
            Self::OrganizationSuspended(_) => "organization.suspended",
            Self::OrganizationResumed(_) => "organization.resumed",
            Self::OrganizationDeleted(_) => "organization.deleted",
            Self::KeyCreated(_) => "key.created",
            Self::KeyImported(_) => "key.imported",
            Self::KeyUpdated(_) => "key.updated",
            Self::KeyRevoked(_) => "key.revoked",
            Self::KeyReactivated(_) => "key.reactivated",
            Self::KeyRegenerated(_) => "key.regenerated",
            Self::SecretRetired(_, _) => "secret.retired",
            Self::KeyDeleted(_) => "key.deleted",
            Self::CustomerCreated(_) => "customer.created",
            Self::CustomerUpdated(_) => "customer.updated",
            Self::CustomerSuspended(_) => "customer.suspended",
            Self::CustomerResumed(_) => "customer.resumed",
            Self::CustomerDeleted(_) => "customer.deleted",
            Self::DomainCreated(_) => "domain.created",
            Self::DomainChecked(_) => "domain.checked",
            Self::DomainDeleted(_) => "domain.deleted",
        }
    }

    /// The id of what changed.
    pub fn subject(&self) -> String {
        match self {
            Self::OrganizationCreated(id)
            | Self::OrganizationUpdated(id)
            | Self::OrganizationSuspended(id)
            | Self::OrganizationResumed(id)
            | Self::OrganizationDeleted(id) => id.to_string(),
            Self::KeyCreated(id)
            | Self::KeyImported(id)
            | Self::KeyUpdated(id)
            | Self::KeyRevoked(id)
            | Self::KeyReactivated(id)
            | Self::KeyRegenerated(id)
            | Self::KeyDeleted(id) => id.to_string(),
            Self::SecretRetired(_, id) => id.to_string(),
            Self::CustomerCreated(id)
            | Self::CustomerUpdated(id)
            | Self::CustomerSuspended(id)
            | Self::CustomerResumed(id)
            | Self::CustomerDeleted(id) => id.to_string(),
            Self::DomainCreated(id) | Self::DomainChecked(id) | Self::DomainDeleted(id) => id.to_string(),
        }
    }
}
