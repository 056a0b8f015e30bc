//! Reading within a scope: what both a [`Read`] and a [`Write`](crate::Write) can look at.

use std::ops::{Deref, DerefMut};

use chrono::{DateTime, Utc};
use domain::access::{Actor, Authority, Scope};
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
    /// What people call whoever acts, where the log would not know it otherwise.
    pub(crate) actor_name: Option<String>,
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
            actor_name: name_of(scope.actor()),
        }
    }

    /// The bounds of a caller in its own organization, whatever permissions it holds.
    pub(crate) fn of_own(authority: &Authority) -> Self {
        Self {
            organization: authority.organization,
            environment: authority.environment,
            customers: customer_uuids(&authority.policy.customers),
            domains: only_texts(&authority.policy.domains),
            actor: authority.principal.actor().to_string(),
            actor_name: name_of(&authority.principal.actor()),
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

/// Members are rows of the console's database, which this environment does not see.
fn name_of(actor: &Actor) -> Option<String> {
    match actor {
        Actor::Member(member) => Some(member.email.clone()),
        Actor::Key(_) | Actor::System(_) => None,
    }
}

fn customer_uuids(customers: &AllOr<domain::ids::CustomerId>) -> Option<Vec<Uuid>> {
    customers.only().map(|ids| ids.iter().map(|id| id.uuid()).collect())
}
