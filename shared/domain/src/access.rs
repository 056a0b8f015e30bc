//! Authority and scope: the only way from a proven caller to a tenant's rows.
//!
//! A [`Scope`] has private fields and two constructors: [`Authority::authorize`] for a caller, and [`Scope::system`]
//! for the short list of places in `clippy.toml`.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::environment::Environment;
use crate::hosts::HostName;
use crate::ids::{CustomerId, KeyId, MemberId, OrganizationId, SessionId, UserId};
use crate::permission::{Permission, PermissionName, holds};
use crate::policy::{AllOr, Credits, Grantor, KeyKind, Policy};

/// Who did something, as rows and the action log name it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Actor {
    /// A key, under its own name; never the person who made it.
    Key(KeyId),
    /// A person who is signed in to the console.
    Member(Arc<Member>),
    /// The installation itself: a job or an administrator's command.
    System(&'static str),
}

impl std::fmt::Display for Actor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Key(id) => write!(f, "{id}"),
            Self::Member(member) => write!(f, "{}", member.id),
            Self::System(name) => write!(f, "system:{name}"),
        }
    }
}

/// A person who is signed in to the console, as the console vouches for them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Member {
    /// Which person, in which organization.
    pub id: PersonId,
    /// What people call them: their e-mail address.
    pub email: String,
    /// The role in this environment, as the console names it.
    pub role: String,
    /// Their session in the console.
    pub session: SessionId,
    /// Whether they proved a second factor when they signed in.
    pub has_second_factor: bool,
    /// Until when they may do what needs a fresh proof of who they are.
    pub step_up_until: Option<DateTime<Utc>>,
}

/// A person as rows and the action log name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PersonId {
    /// A member of an organization.
    Member(MemberId),
    /// A server admin, who is in no organization.
    User(UserId),
}

impl PersonId {
    /// What a row stores.
    pub const fn uuid(self) -> Uuid {
        match self {
            Self::Member(id) => id.uuid(),
            Self::User(id) => id.uuid(),
        }
    }
}

impl std::fmt::Display for PersonId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Member(id) => write!(f, "{id}"),
            Self::User(id) => write!(f, "{id}"),
        }
    }
}

impl Member {
    /// Whether they have proved who they are lately.
    pub fn is_stepped_up(&self, now: DateTime<Utc>) -> bool {
        self.step_up_until.is_some_and(|until| now < until)
    }
}

/// Whose authority it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Principal {
    /// A key's.
    Key(KeyId),
    /// A person's.
    Member(Arc<Member>),
}

impl Principal {
    /// The key; `None` for a person.
    pub fn key(&self) -> Option<KeyId> {
        match self {
            Self::Key(id) => Some(*id),
            Self::Member(_) => None,
        }
    }

    /// The person; `None` for a key.
    pub fn member(&self) -> Option<&Member> {
        match self {
            Self::Key(_) => None,
            Self::Member(member) => Some(member),
        }
    }

    /// What a row stores.
    pub fn uuid(&self) -> Uuid {
        match self {
            Self::Key(id) => id.uuid(),
            Self::Member(member) => member.id.uuid(),
        }
    }

    /// As who it acts.
    pub fn actor(&self) -> Actor {
        match self {
            Self::Key(id) => Actor::Key(*id),
            Self::Member(member) => Actor::Member(Arc::clone(member)),
        }
    }
}

/// What a proven caller is and may do.
#[derive(Debug, Clone)]
pub struct Authority {
    /// The caller itself.
    pub principal: Principal,
    /// Whether it acts across organizations, as root keys and server admins do, or inside one.
    pub kind: KeyKind,
    /// The environment that authenticated it.
    pub environment: Environment,
    /// Its organization; the installation for who acts across organizations.
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
    /// It is no server admin who is signed in to the console.
    ServerAdmin,
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
            actor: self.principal.actor(),
        })
    }

    /// The scope over root keys, which belong to the installation: for server admins alone, whatever a root key holds.
    pub fn authorize_root_keys(&self) -> Result<Scope, Denied> {
        if self.kind != KeyKind::Root || self.principal.member().is_none() {
            return Err(Denied::ServerAdmin);
        }
        Ok(Scope {
            organization: OrganizationId::INSTALLATION,
            environment: self.environment,
            customers: AllOr::All,
            domains: AllOr::All,
            actor: self.principal.actor(),
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
