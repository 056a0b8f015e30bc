//! Reading within a scope: what both a [`Read`] and a [`Write`](crate::Write) can look at.

use std::ops::{Deref, DerefMut};

use chrono::{DateTime, Utc};
use domain::access::{Authority, Scope};
use domain::environment::Environment;
use domain::ids::OrganizationId;
use domain::policy::AllOr;
use uuid::Uuid;

use crate::decode::only_texts;
use crate::session::Session;

/// The bounds that every query of a scope carries.
#[derive(Debug, Clone)]
pub(crate) struct Bounds {
    pub(crate) organization: OrganizationId,
    pub(crate) environment: Environment,
    /// Customers in scope; `None` for all.
    pub(crate) customers: Option<Vec<Uuid>>,
    /// Domains in scope; `None` for all.
    pub(crate) domains: Option<Vec<String>>,
    /// Who acts, as rows and events name it.
    pub(crate) actor: String,
}

/// The rows of one scope, in one transaction. Its methods are in the file of their table.
#[derive(Debug)]
pub struct Rows {
    pub(crate) session: Session,
    pub(crate) bounds: Bounds,
    pub(crate) now: DateTime<Utc>,
}

/// A look at the rows of one scope. Ends when dropped.
#[derive(Debug)]
pub struct Read(pub(crate) Rows);

impl Bounds {
    pub(crate) fn of(scope: &Scope) -> Self {
        Self {
            organization: scope.organization(),
            environment: scope.environment(),
            customers: customer_uuids(scope.customers()),
            domains: only_texts(scope.domains()),
            actor: scope.actor().to_string(),
        }
    }

    /// The bounds of a caller in its own organization, whatever permissions it holds.
    pub(crate) fn of_own(authority: &Authority) -> Self {
        Self {
            organization: authority.organization,
            environment: authority.environment,
            customers: customer_uuids(&authority.policy.customers),
            domains: only_texts(&authority.policy.domains),
            actor: authority.key.to_string(),
        }
    }
}

impl Rows {
    /// The instant of this transaction, on the database's clock.
    pub fn now(&self) -> DateTime<Utc> {
        self.now
    }

    pub(crate) fn organization(&self) -> Uuid {
        self.bounds.organization.uuid()
    }
}

impl Deref for Read {
    type Target = Rows;

    fn deref(&self) -> &Rows {
        &self.0
    }
}

impl DerefMut for Read {
    fn deref_mut(&mut self) -> &mut Rows {
        &mut self.0
    }
}

fn customer_uuids(customers: &AllOr<domain::ids::CustomerId>) -> Option<Vec<Uuid>> {
    customers.only().map(|ids| ids.iter().map(|id| id.uuid()).collect())
}
