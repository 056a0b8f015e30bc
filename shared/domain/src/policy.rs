//! A key's policy, and the rule that no grant exceeds its grantor.

use chrono::{DateTime, Utc};

use crate::addresses::IpRule;
use crate::hosts::HostName;
use crate::ids::CustomerId;
use crate::limit::Limit;
use crate::permission::{PermissionName, holds};
use crate::refill::Refill;

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

/// Everything, stated explicitly, or a list that is never empty.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
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

/// Credits: a balance that verifications spend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credits {
    /// What is left.
    pub remaining: i64,
    /// How it is refilled, if at all.
    pub refill: Option<Refill>,
}

impl Credits {
    /// Says whether `granted` never exceeds `held`, now or after any refill. `None` is a key without a balance, which may
    /// spend without limit.
    pub fn are_within(granted: Option<&Self>, held: Option<&Self>) -> bool {
        match (granted, held) {
            (_, None) => true,
            (None, Some(_)) => false,
            (Some(granted), Some(held)) => {
                let refill_is_within = match (granted.refill, held.refill) {
                    (None, _) => true,
                    (Some(_), None) => false,
                    (Some(granted), Some(held)) => granted.is_within(&held),
                };
                granted.remaining <= held.remaining && refill_is_within
            }
        }
    }
}

/// Everything that restricts a key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
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

impl Policy {
    /// Says whether no member of this policy allows anything that `old`, the same key's policy before, did not.
    ///
    /// Stricter than what a grantor is held to: counters hang on a limit's name, so that a limit under another name is a
    /// fresh one, and a longer window may admit more at once.
    pub fn is_within(&self, old: &Self) -> bool {
        let keeps_permissions = self.permissions.iter().all(|p| holds(&old.permissions, KeyKind::Organization, p));
        keeps_permissions
            && self.domains.is_within(&old.domains)
            && self.customers.is_within(&old.customers)
            && ips_within(&self.ips, &old.ips)
            && self.not_before >= old.not_before
            && lives_within(self, old)
            && limits_within(&self.limits, &old.limits)
    }
}

/// How a grant exceeds its grantor.
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
    /// A lifetime beyond the grantor's.
    Lifetime,
    /// A rate above the grantor's.
    Limits,
    /// More credits than the grantor has left.
    Credits,
}

impl Excess {
    /// The member of the key that is too wide.
    pub const fn member(self) -> &'static str {
        match self {
            Self::Permissions => "permissions",
            Self::Domains => "domains",
            Self::Customers => "customers",
            Self::Ips => "ips",
            Self::Lifetime => "expires_at",
            Self::Limits => "limits",
            Self::Credits => "credits",
        }
    }
}

/// A grantor: kind, policy and credits of the credential that grants.
pub struct Grantor<'a> {
    /// The kind of the granting key.
    pub kind: KeyKind,
    /// The policy of the granting key.
    pub policy: &'a Policy,
    /// Credits left on the granting key; `None` if it has no balance.
    pub credits: Option<&'a Credits>,
}

impl Grantor<'_> {
    /// Lists how a key with this policy and balance exceeds this grantor; empty when it may be granted.
    pub fn excess(&self, granted: &Policy, credits: Option<&Credits>) -> Vec<Excess> {
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
        // A root key's limit counts its own calls, and says nothing about the keys that it makes for organizations.
        check(self.kind == KeyKind::Root || rate_within(&granted.limits, &self.policy.limits), Excess::Limits);
        check(Credits::are_within(credits, self.credits), Excess::Credits);
        excess
    }

    /// Says whether this permission may be granted: whoever holds it may, by name or by a wildcard.
    pub fn may_give(&self, permission: &PermissionName) -> bool {
        holds(&self.policy.permissions, self.kind, permission)
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

/// Says whether each held limit has a granted one with no higher rate; without held limits any is allowed. One that counts
/// only what names it is no match for one that counts everything.
pub fn rate_within(granted: &[Limit], held: &[Limit]) -> bool {
    let is_slower = |g: &Limit, h: &Limit| {
        u128::from(g.limit) * u128::from(h.window_ms) <= u128::from(h.limit) * u128::from(g.window_ms)
    };
    held.iter().all(|h| granted.iter().any(|g| counts_as_much(g, h) && is_slower(g, h)))
}

fn counts_as_much(limit: &Limit, other: &Limit) -> bool {
    limit.auto || !other.auto
}

/// Says whether each limit of `old` still exists under its name and admits no more in any period.
pub fn limits_within(limits: &[Limit], old: &[Limit]) -> bool {
    let is_kept = |limit: &Limit, old: &Limit| {
        // How many windows of the new length one of the old covers.
        let windows = u128::from(old.window_ms).div_ceil(u128::from(limit.window_ms));
        limit.name == old.name
            && counts_as_much(limit, old)
            && u128::from(limit.limit) * windows <= u128::from(old.limit)
    };
    old.iter().all(|old| limits.iter().any(|limit| is_kept(limit, old)))
}

/// Whether a key works, as lists show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyStatus {
    /// It works.
    Active,
    /// It was revoked.
    Inactive,
    /// It has expired.
    Expired,
    /// It has not started yet.
    Scheduled,
}

impl KeyStatus {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Active, Self::Inactive, Self::Expired, Self::Scheduled];

    /// The word in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Inactive => "inactive",
            Self::Expired => "expired",
            Self::Scheduled => "scheduled",
        }
    }

    /// The status with this name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == text)
    }
}

/// The status of a key: revoked first, then its end, then its start.
pub fn status(revoked_at: Option<DateTime<Utc>>, policy: &Policy, now: DateTime<Utc>) -> KeyStatus {
    if revoked_at.is_some() {
        KeyStatus::Inactive
    } else if policy.expires_at.is_some_and(|end| end <= now) {
        KeyStatus::Expired
    } else if policy.not_before.is_some_and(|start| now < start) {
        KeyStatus::Scheduled
    } else {
        KeyStatus::Active
    }
}

/// Why a key was revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RevokeReason {
    /// The secret is or may be in the wrong hands: it never works again.
    Compromised,
    /// Another key took its place.
    Superseded,
    /// Nobody uses it.
    Unused,
    /// Its owner has left.
    OwnerLeft,
    /// Something else.
    Other,
    /// The last domain or customer that it was limited to was deleted. Never chosen by a caller.
    ScopeRemoved,
}

impl RevokeReason {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Compromised, Self::Superseded, Self::Unused, Self::OwnerLeft, Self::Other, Self::ScopeRemoved];

    /// The word in the API and in rows.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Compromised => "compromised",
            Self::Superseded => "superseded",
            Self::Unused => "unused",
            Self::OwnerLeft => "owner_left",
            Self::Other => "other",
            Self::ScopeRemoved => "scope_removed",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::refill::RefillInterval;
    use proptest::prelude::*;

    fn limit(limit: u64, window_ms: u64) -> Limit {
        Limit { name: "requests".to_owned(), limit, window_ms, auto: true }
    }

    fn wide() -> Policy {
        Policy {
            permissions: Vec::new(),
            domains: AllOr::All,
            customers: AllOr::All,
            ips: AllOr::All,
            not_before: None,
            expires_at: None,
            limits: vec![limit(1_000, 60_000)],
        }
    }

    fn grantor<'a>(policy: &'a Policy, credits: Option<&'a Credits>) -> Grantor<'a> {
        Grantor { kind: KeyKind::Organization, policy, credits }
    }

    fn excess(held: &Policy, granted: &Policy) -> Vec<Excess> {
        grantor(held, None).excess(granted, None)
    }

    fn names(texts: &[&str]) -> Vec<PermissionName> {
        texts.iter().map(|text| PermissionName::parse(text).expect("a name")).collect()
    }

    #[test]
    fn each_restriction_of_the_grantor_binds_what_it_grants() {
        let later = DateTime::from_timestamp(2_000_000_000, 0);
        let sooner = DateTime::from_timestamp(1_900_000_000, 0);
        let shop = || vec![HostName::parse("shop.example.com").expect("a host")];
        let office = || vec![IpRule::parse("10.0.0.0/8").expect("a network")];
        let desk = || vec![IpRule::parse("10.1.2.3").expect("an address")];
        let one = || vec![CustomerId::from_uuid(uuid::Uuid::from_u128(1))];
        let cases: [(Policy, Policy, Excess); 6] = [
            (wide(), Policy { permissions: names(&["keys.read"]), ..wide() }, Excess::Permissions),
            (Policy { domains: AllOr::Only(shop()), ..wide() }, wide(), Excess::Domains),
            (Policy { customers: AllOr::Only(one()), ..wide() }, wide(), Excess::Customers),
            (
                Policy { ips: AllOr::Only(desk()), ..wide() },
                Policy { ips: AllOr::Only(office()), ..wide() },
                Excess::Ips,
            ),
            (Policy { expires_at: sooner, ..wide() }, Policy { expires_at: later, ..wide() }, Excess::Lifetime),
            (wide(), Policy { limits: vec![limit(1_001, 60_000)], ..wide() }, Excess::Limits),
        ];
        for (held, granted, expected) in cases {
            assert_eq!(excess(&held, &granted), [expected]);
            assert_eq!(excess(&held, &held), [], "what is held may be given");
        }
    }

    #[test]
    fn credits_are_given_as_far_as_they_are_held() {
        let of = |remaining, refill| Some(Credits { remaining, refill });
        let refill = |amount, interval| Some(Refill { amount, interval });
        let (daily, monthly) = (RefillInterval::Daily, |day| RefillInterval::Monthly { day });
        let held = of(100, refill(50, monthly(15)));
        let within = |granted: Option<Credits>, held: &Option<Credits>| {
            let excess = grantor(&wide(), held.as_ref()).excess(&wide(), granted.as_ref());
            assert!(excess.is_empty() || excess == [Excess::Credits], "{excess:?}");
            excess.is_empty()
        };
        for granted in [of(100, None), of(0, refill(50, monthly(15))), held.clone()] {
            assert!(within(granted.clone(), &held), "{granted:?}");
            assert!(within(granted, &None), "whoever has no balance gives any");
        }
        for granted in [
            None,
            of(101, None),
            of(100, refill(51, monthly(15))),
            of(100, refill(50, monthly(14))),
            of(100, refill(1, daily)),
        ] {
            assert!(!within(granted.clone(), &held), "{granted:?}");
        }
        assert!(!within(of(1, refill(1, monthly(1))), &of(1, None)), "a refill is more than none");
        assert!(within(of(1, refill(5, monthly(3))), &of(1, refill(5, daily))));
    }

    #[test]
    fn any_member_that_allows_more_widens_a_key() {
        let at = |seconds| DateTime::from_timestamp(seconds, 0);
        let shop = || AllOr::Only(vec![HostName::parse("shop.example.com").expect("a host")]);
        let ip = |text| AllOr::Only(vec![IpRule::parse(text).expect("a network")]);
        let customer = |id| AllOr::Only(vec![CustomerId::from_uuid(uuid::Uuid::from_u128(id))]);
        let named = |name: &str, of, window_ms| vec![Limit { name: name.to_owned(), limit: of, window_ms, auto: true }];
        let old = Policy {
            permissions: names(&["documents.read"]),
            domains: shop(),
            customers: customer(1),
            ips: ip("10.0.0.0/8"),
            not_before: at(1_800_000_000),
            expires_at: at(1_900_000_000),
            limits: named("requests", 60, 60_000),
        };
        let same = || old.clone();
        for wider in [
            Policy { permissions: names(&["documents.read", "documents.write"]), ..same() },
            Policy { domains: AllOr::All, ..same() },
            Policy { customers: AllOr::All, ..same() },
            Policy { customers: customer(2), ..same() },
            Policy { ips: AllOr::All, ..same() },
            Policy { ips: ip("11.0.0.0/8"), ..same() },
            Policy { not_before: None, ..same() },
            Policy { not_before: at(1_700_000_000), ..same() },
            Policy { expires_at: None, ..same() },
            Policy { expires_at: at(1_900_000_001), ..same() },
            Policy { limits: Vec::new(), ..same() },
            Policy { limits: named("requests", 61, 60_000), ..same() },
            Policy { limits: named("requests", 2, 1_000), ..same() },
            Policy { limits: named("requests", 3_600, 3_600_000), ..same() },
            Policy { limits: named("calls", 60, 60_000), ..same() },
        ] {
            assert!(!wider.is_within(&old), "{wider:?}");
        }
        for narrower in [
            same(),
            Policy { permissions: Vec::new(), ..same() },
            Policy { ips: ip("10.1.2.3"), ..same() },
            Policy { not_before: at(1_850_000_000), ..same() },
            Policy { expires_at: at(1_850_000_000), ..same() },
            Policy { limits: named("requests", 60, 3_600_000), ..same() },
            Policy { limits: named("requests", 1, 1_000), ..same() },
            Policy { limits: [old.limits.clone(), named("more", 9, 1_000)].concat(), ..same() },
        ] {
            assert!(narrower.is_within(&old), "{narrower:?}");
        }
    }

    #[test]
    fn a_permission_is_given_by_whoever_holds_it_alone() {
        let gives = |held: &[&str], given: &str| {
            let policy = Policy { permissions: names(held), ..wide() };
            grantor(&policy, None).may_give(&names(&[given])[0])
        };
        assert!(gives(&["documents.read"], "documents.read") && gives(&["documents.*"], "documents.read"));
        assert!(gives(&["*"], "documents.read") && gives(&["*"], "documents.*") && gives(&["*"], "*"));
        assert!(!gives(&[], "documents.read") && !gives(&["documents.read"], "documents.*"));
        assert!(!gives(&["documents.*"], "*"));
    }

    #[test]
    fn a_rate_counts_by_its_pace_and_not_by_its_number() {
        let held = wide();
        assert_eq!(excess(&held, &Policy { limits: vec![limit(10_000, 3_600_000)], ..wide() }), []);
        assert_eq!(excess(&held, &Policy { limits: vec![limit(100, 1_000)], ..wide() }), [Excess::Limits]);
        assert_eq!(excess(&held, &Policy { limits: Vec::new(), ..wide() }), [Excess::Limits]);
        let named = || Policy { limits: vec![Limit { auto: false, ..limit(1, 60_000) }], ..wide() };
        assert_eq!(excess(&held, &named()), [Excess::Limits], "it restricts only what names it");
        assert_eq!(excess(&named(), &named()), []);
        assert!(!named().is_within(&held) && held.limits[0].auto);
    }

    proptest! {
        /// No chain of grants widens: what a grantee may grant, its grantor could have granted.
        #[test]
        fn granting_never_widens(
            a in prop::sample::subsequence(vec!["keys.read", "keys.create", "customers.read"], 0..=3),
            b in prop::sample::subsequence(vec!["keys.read", "keys.create", "customers.read"], 0..=3),
            c in prop::sample::subsequence(vec!["keys.read", "keys.create", "customers.read"], 0..=3),
            rates in prop::array::uniform3((1u64..5_000, 1_000u64..100_000)),
        ) {
            let policy = |texts: &[&str], (of, window): (u64, u64)| {
                Policy { permissions: names(texts), limits: vec![limit(of, window)], ..wide() }
            };
            let (a, b, c) = (policy(&a, rates[0]), policy(&b, rates[1]), policy(&c, rates[2]));
            if excess(&a, &b).is_empty() && excess(&b, &c).is_empty() {
                prop_assert_eq!(excess(&a, &c), []);
            }
        }
    }
}
