//! Authority and scope: the only way from a proven caller to a tenant's rows.
//!
//! A [`Scope`] has private fields and two constructors: [`Authority::authorize`] for a caller, and [`Scope::system`]
//! for the short list of places in `clippy.toml`.

use crate::environment::Environment;
use crate::hosts::HostName;
use crate::ids::{CustomerId, KeyId, OrganizationId};
use crate::permission::{Permission, PermissionName, holds};
use crate::policy::{AllOr, Credits, Grantor, KeyKind, Policy};

/// Who did something, as rows and the action log name it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Actor {
    /// A key, under its own name; never the person who made it.
    Key(KeyId),
    /// The installation itself: a job or an administrator's command.
    System(&'static str),
}

impl std::fmt::Display for Actor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Key(id) => write!(f, "{id}"),
            Self::System(name) => write!(f, "system:{name}"),
        }
    }
}

/// What a proven caller is and may do.
#[derive(Debug, Clone)]
pub struct Authority {
    /// The caller's own key.
    pub key: KeyId,
    /// Root or organization.
    pub kind: KeyKind,
    /// The environment whose key service authenticated it.
    pub environment: Environment,
    /// Its organization; the installation for a root key.
    pub organization: OrganizationId,
    /// The organization's slug in URLs.
    pub slug: String,
    /// Its policy.
    pub policy: Policy,
}

/// Why a caller does not get a scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denied {
    /// It lacks this permission.
    Missing(Permission),
    /// It may not know of the organization: answer as if it did not exist.
    Hidden,
}

/// What a request may touch: organization, environment, customers and domains.
#[derive(Debug, Clone)]
pub struct Scope {
    organization: OrganizationId,
    environment: Environment,
    customers: AllOr<CustomerId>,
    domains: AllOr<HostName>,
    actor: Actor,
}

impl Authority {
    /// Says whether the caller holds `permission`, whatever the organization.
    pub fn check(&self, permission: Permission) -> Result<(), Denied> {
        if holds(&self.policy.permissions, self.kind, &PermissionName::from(permission)) {
            return Ok(());
        }
        Err(Denied::Missing(permission))
    }

    /// The scope in which the caller may use `permission` on `organization`.
    pub fn authorize(&self, permission: Permission, organization: OrganizationId) -> Result<Scope, Denied> {
        self.check(permission)?;
        let is_visible = match self.kind {
            KeyKind::Root => !organization.is_installation(),
            KeyKind::Organization => organization == self.organization,
        };
        if !is_visible {
            return Err(Denied::Hidden);
        }
        Ok(Scope {
            organization,
            environment: self.environment,
            customers: self.policy.customers.clone(),
            domains: self.policy.domains.clone(),
            actor: Actor::Key(self.key),
        })
    }

    /// The grantor that this caller is with what it has left.
    pub fn grantor<'a>(&'a self, credits: Option<&'a Credits>) -> Grantor<'a> {
        Grantor { kind: self.kind, policy: &self.policy, credits }
    }
}

impl Scope {
    /// A scope for the installation's own work. Callable only where clippy's list says so.
    pub fn system(name: &'static str, environment: Environment, organization: OrganizationId) -> Self {
        Self { organization, environment, customers: AllOr::All, domains: AllOr::All, actor: Actor::System(name) }
    }

    /// Whose rows.
    pub fn organization(&self) -> OrganizationId {
        self.organization
    }

    /// In which environment.
    pub fn environment(&self) -> Environment {
        self.environment
    }

    /// Which customers' rows.
    pub fn customers(&self) -> &AllOr<CustomerId> {
        &self.customers
    }

    /// Which domains' rows.
    pub fn domains(&self) -> &AllOr<HostName> {
        &self.domains
    }

    /// Who acts.
    pub fn actor(&self) -> &Actor {
        &self.actor
    }
}
