//! Who asks a question, and which keys it may learn about.
//!
//! What a question claims (its client's address, above all) is its requester's word, and counts for that requester alone.

use client::wire::{AllOr as WireAllOr, Within};
use domain::ids::{CustomerId, OrganizationId};
use domain::policy::AllOr;
use domain::snapshot::Snapshot;

/// Who asks.
#[derive(Debug, Clone, Copy)]
pub enum Requester<'a> {
    /// A holder of the service token. It guards requests of every organization, and counts as the platform itself.
    Service,
    /// Our own API, about its own caller, whose address it took from the connection.
    Authentication,
    /// A root key, through our own API.
    Root,
    /// A key of an organization, through our own API.
    Organization(&'a Within),
}

/// For whom failures and reads of unknown keys are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Account {
    Service,
    Authentication,
    /// The installation stands for root keys.
    Organization(OrganizationId),
}

impl<'a> Requester<'a> {
    /// For whom our own API asks: a caller that may know of `within`, or a root key.
    pub fn caller(within: Option<&'a Within>) -> Self {
        within.map_or(Self::Root, Self::Organization)
    }

    /// Whose account the question is on.
    pub fn account(self) -> Account {
        match self {
            Self::Service => Account::Service,
            Self::Authentication => Account::Authentication,
            Self::Root => Account::Organization(OrganizationId::INSTALLATION),
            Self::Organization(within) => Account::Organization(within.organization_id),
        }
    }

    /// The organization that asks.
    pub fn organization(self) -> Option<OrganizationId> {
        self.within().map(|within| within.organization_id)
    }

    /// Whether it may learn about a key: one of its organization that reaches no customer or domain beyond its own.
    pub fn may_see(self, snapshot: &Snapshot) -> bool {
        let Some(within) = self.within() else { return true };
        within.organization_id == snapshot.organization.id
            && is_inside(&snapshot.key.policy.customers, &within.customers)
            && is_inside(&snapshot.key.policy.domains, &within.domains)
    }

    /// Whether it may learn about a customer of the organization.
    pub fn may_see_customer(self, customer: CustomerId) -> bool {
        match self.within().map(|within| &within.customers) {
            None | Some(WireAllOr::All) => true,
            Some(WireAllOr::Only(allowed)) => allowed.contains(&customer.to_string()),
        }
    }

    fn within(self) -> Option<&'a Within> {
        match self {
            Self::Service | Self::Authentication | Self::Root => None,
            Self::Organization(within) => Some(within),
        }
    }
}

fn is_inside<T: ToString>(held: &AllOr<T>, allowed: &WireAllOr) -> bool {
    match (held, allowed) {
        (_, WireAllOr::All) => true,
        (AllOr::All, WireAllOr::Only(_)) => false,
        (AllOr::Only(held), WireAllOr::Only(allowed)) => held.iter().all(|item| allowed.contains(&item.to_string())),
    }
}
