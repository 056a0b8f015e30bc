//! What a key is bound to, and the one rule that no grant goes beyond its grantor.

use chrono::{DateTime, Utc};

use crate::addresses::IpRule;
use crate::hosts::HostName;
use crate::ids::CustomerId;
use crate::limit::Limit;
use crate::permission::{PermissionName, holds};

/// The two kinds of key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyKind {
    /// Inside one organization.
    Organization,
    /// Across the organizations of one environment.
    Root,
}

impl KeyKind {
    /// The word in the API and in rows.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Organization => "organization",
            Self::Root => "root",
        }
    }
}

/// Everything, said explicitly, or a list that is never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AllOr<T> {
    /// `"all"`.
    All,
    /// These and no others.
    Only(Vec<T>),
}

impl<T: PartialEq> AllOr<T> {
    /// Says whether every member of `self` is one of `wider`.
    pub fn is_within(&self, wider: &Self) -> bool {
        match (self, wider) {
            (_, Self::All) => true,
            (Self::All, Self::Only(_)) => false,
            (Self::Only(mine), Self::Only(theirs)) => mine.iter().all(|item| theirs.contains(item)),
        }
    }

    /// Says whether `item` is covered.
    pub fn covers(&self, item: &T) -> bool {
        match self {
            Self::All => true,
            Self::Only(items) => items.contains(item),
        }
    }

    /// The list, or `None` for everything.
    pub fn only(&self) -> Option<&[T]> {
        match self {
            Self::All => None,
            Self::Only(items) => Some(items),
        }
    }
}

/// A balance that verification may spend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credits {
    /// What is left.
    pub remaining: i64,
    /// How it comes back, if it does.
    pub refill: Option<Refill>,
}

/// When and how far a balance is filled up again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refill {
    /// The balance after a refill.
    pub amount: i64,
    /// Every day, or once a month.
    pub interval: RefillInterval,
    /// Day of the month, 1 to 31; the last day where the month is shorter. Ignored for daily.
    pub day: u8,
}

/// How often a balance is filled up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefillInterval {
    /// At midnight UTC.
    Daily,
    /// At midnight UTC of the given day.
    Monthly,
}

/// All that binds a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Sorted, without repetition.
    pub permissions: Vec<PermissionName>,
    /// Host names it may act for.
    pub domains: AllOr<HostName>,
    /// Customers it may act for.
    pub customers: AllOr<CustomerId>,
    /// Addresses it may come from.
    pub ips: AllOr<IpRule>,
    /// Not valid before.
    pub not_before: Option<DateTime<Utc>>,
    /// Not valid from this instant on.
    pub expires_at: Option<DateTime<Utc>>,
    /// Its own limits.
    pub limits: Vec<Limit>,
}

/// What a grant would take beyond its grantor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Excess {
    /// A permission that the grantor lacks.
    Permissions,
    /// A domain outside the grantor's.
    Domains,
    /// A customer outside the grantor's.
    Customers,
    /// An address outside the grantor's.
    Ips,
    /// A life longer than the grantor's.
    Lifetime,
    /// A rate above the grantor's.
    Limits,
}

impl Excess {
    /// The member of the key's shape that is too wide.
    pub const fn member(self) -> &'static str {
        match self {
            Self::Permissions => "permissions",
            Self::Domains => "domains",
            Self::Customers => "customers",
            Self::Ips => "ips",
            Self::Lifetime => "expires_at",
            Self::Limits => "limits",
        }
    }
}

/// A grantor: the policy of the credential that gives, and its kind.
pub struct Grantor<'a> {
    /// The kind of the giving key.
    pub kind: KeyKind,
    /// What the giving key is bound to.
    pub policy: &'a Policy,
    /// The permissions of the organization's own API, which carry no authority here and may always be given.
    pub own_permissions: &'a [PermissionName],
}

impl Grantor<'_> {
    /// Lists what `granted` takes beyond this grantor; empty when it may be given.
    pub fn excess(&self, granted: &Policy) -> Vec<Excess> {
        let mut excess = Vec::new();
        let mut check = |is_within: bool, kind: Excess| {
            if !is_within {
                excess.push(kind);
            }
        };
        check(granted.permissions.iter().all(|p| self.may_give(p)), Excess::Permissions);
        check(granted.domains.is_within(&self.policy.domains), Excess::Domains);
        check(granted.customers.is_within(&self.policy.customers), Excess::Customers);
        check(ips_within(&granted.ips, &self.policy.ips), Excess::Ips);
        check(lives_within(granted, self.policy), Excess::Lifetime);
        check(self.policy.limits.is_empty() || rate_within(&granted.limits, &self.policy.limits), Excess::Limits);
        excess
    }

    /// Says whether this one permission may be given on.
    pub fn may_give(&self, permission: &PermissionName) -> bool {
        holds(&self.policy.permissions, self.kind, permission) || self.own_permissions.contains(permission)
    }
}

fn ips_within(granted: &AllOr<IpRule>, held: &AllOr<IpRule>) -> bool {
    match (granted, held) {
        (_, AllOr::All) => true,
        (AllOr::All, AllOr::Only(_)) => false,
        (AllOr::Only(granted), AllOr::Only(held)) => granted.iter().all(|g| held.iter().any(|h| h.encloses(g))),
    }
}

fn lives_within(granted: &Policy, held: &Policy) -> bool {
    match (granted.expires_at, held.expires_at) {
        (_, None) => true,
        (None, Some(_)) => false,
        (Some(granted), Some(held)) => granted <= held,
    }
}

/// Says whether some granted limit is at least as strict as each held one, whatever schedule the two windows meet.
fn rate_within(granted: &[Limit], held: &[Limit]) -> bool {
    held.iter().all(|h| granted.iter().any(|g| g.limit <= h.limit && g.window_ms >= h.window_ms || rate_fits(g, h)))
}

/// A shorter window is as strict as a longer one when all its repetitions inside the longer one stay below its limit.
fn rate_fits(granted: &Limit, held: &Limit) -> bool {
    let repetitions = held.window_ms.div_ceil(granted.window_ms);
    granted.limit.saturating_mul(repetitions) <= held.limit
}
