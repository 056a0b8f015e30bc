//! The ordered checks of a verification. The order is the policy; the first failure is the verdict.
//!
//! Format, tag and proof are checked before (they need no snapshot), limits and credits after (they consume).

use std::net::IpAddr;

use chrono::{DateTime, Utc};

use crate::hosts::HostName;
use crate::permission::{Permission, PermissionName, holds_sorted};
use crate::policy::{AllOr, KeyKind};
use crate::snapshot::{CustomerFacts, Snapshot};
use crate::verdict::{Reason, Verdict};

/// Which permissions the key must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Needed {
    /// This one.
    One(PermissionName),
    /// All of these; an empty list asks for none.
    All(Vec<Self>),
    /// At least one of these; an empty list is never met.
    Any(Vec<Self>),
}

impl Needed {
    /// All of these names.
    pub fn all(names: impl IntoIterator<Item = PermissionName>) -> Self {
        Self::All(names.into_iter().map(Self::One).collect())
    }

    /// Says whether it is met by whoever has what `has` says.
    pub fn is_met(&self, has: &impl Fn(&PermissionName) -> bool) -> bool {
        match self {
            Self::One(name) => has(name),
            Self::All(parts) => parts.iter().all(|part| part.is_met(has)),
            Self::Any(parts) => parts.iter().any(|part| part.is_met(has)),
        }
    }

    /// Adds the names that are lacking in each part that is not met.
    fn add_missing(&self, has: &impl Fn(&PermissionName) -> bool, missing: &mut Vec<PermissionName>) {
        match self {
            Self::One(name) if !has(name) && !missing.contains(name) => missing.push(name.clone()),
            Self::One(_) => {}
            Self::Any(parts) if parts.iter().any(|part| part.is_met(has)) => {}
            Self::All(parts) | Self::Any(parts) => parts.iter().for_each(|part| part.add_missing(has, missing)),
        }
    }
}

/// The customer that the question is about.
#[derive(Debug, Clone)]
pub enum CustomerAsked {
    /// The question names none.
    Unnamed,
    /// The question names one that the organization does not have.
    Unknown,
    /// This one.
    Known(CustomerFacts),
}

/// What is asked about a proven key.
#[derive(Debug, Clone)]
pub struct Question {
    /// The time of the stores, never of this machine.
    pub now: DateTime<Utc>,
    /// Where the request came from.
    pub client_ip: Option<IpAddr>,
    /// The host name that the request is for.
    pub domain: Option<HostName>,
    /// The customer that the request is for.
    pub customer: CustomerAsked,
    /// The permissions that the request needs.
    pub needed: Needed,
    /// Who asks.
    pub purpose: Purpose,
}

/// Who asks about the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// An application that guards its own requests: a restriction refuses if the question has no value for it.
    Guard,
    /// The Integration API: domains and customers restrict the objects that the caller sees, not the request.
    Caller,
}

/// Why a key is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The verdict.
    pub verdict: Verdict,
    /// The finer reason.
    pub reason: Option<Reason>,
    /// The limit that refused, for `RATE_LIMITED`.
    pub limit_name: Option<String>,
    /// The permissions it lacks, for `INSUFFICIENT_PERMISSIONS`.
    pub missing_permissions: Vec<PermissionName>,
}

/// One check of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// 4: the organization is not suspended.
    Organization,
    /// 5: neither key nor secret is revoked, deleted or retired.
    Revocation,
    /// 6: between start and end.
    Time,
    /// 7: the client's address.
    ClientIp,
    /// 8: the domain.
    Domain,
    /// 9: the customer.
    Customer,
    /// 10: the permissions.
    Permissions,
}

type CheckFn = fn(&Snapshot, &Question) -> Result<(), Failure>;

/// The checks in their order.
pub const CHECKS: [(Check, CheckFn); 7] = [
    (Check::Organization, check_organization),
    (Check::Revocation, check_revocation),
    (Check::Time, check_time),
    (Check::ClientIp, check_client_ip),
    (Check::Domain, check_domain),
    (Check::Customer, check_customer),
    (Check::Permissions, check_permissions),
];

/// What is checked before the list, in a trace: the text alone, and the proof.
pub const STEPS_BEFORE: [&str; 3] = ["shape", "environment", "secret"];
/// The limits, in a trace.
pub const STEP_LIMITS: &str = "limits";
/// The credits, in a trace.
pub const STEP_CREDITS: &str = "credits";

/// The words of a whole trace, in their order.
pub fn step_names() -> impl Iterator<Item = &'static str> {
    let checks = CHECKS.iter().map(|(check, _)| check.name());
    STEPS_BEFORE.into_iter().chain(checks).chain([STEP_LIMITS, STEP_CREDITS])
}

impl Check {
    /// The word in a trace.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Organization => "organization",
            Self::Revocation => "revocation",
            Self::Time => "time",
            Self::ClientIp => "client_ip",
            Self::Domain => "domain",
            Self::Customer => "customer",
            Self::Permissions => "permissions",
        }
    }
}

/// Runs the checks in their order and stops at the first failure.
pub fn evaluate(snapshot: &Snapshot, question: &Question) -> Result<(), Failure> {
    CHECKS.iter().try_for_each(|(_, check)| check(snapshot, question))
}

impl Failure {
    /// A refusal for which there is no more to say.
    pub fn new(verdict: Verdict, reason: Option<Reason>) -> Self {
        Self { verdict, reason, limit_name: None, missing_permissions: Vec::new() }
    }
}

fn check_organization(snapshot: &Snapshot, _: &Question) -> Result<(), Failure> {
    if snapshot.organization.is_suspended {
        return Err(Failure::new(Verdict::Suspended, Some(Reason::OrganizationSuspended)));
    }
    Ok(())
}

fn check_revocation(snapshot: &Snapshot, question: &Question) -> Result<(), Failure> {
    // Of a deleted key no more is told than that.
    let reason = if snapshot.key.is_deleted {
        None
    } else if snapshot.key.is_revoked {
        Some(Reason::KeyRevoked)
    } else if snapshot.secret.retired_at.is_some_and(|at| at <= question.now) {
        Some(Reason::SecretRetired)
    } else {
        return Ok(());
    };
    Err(Failure::new(Verdict::Revoked, reason))
}

fn check_time(snapshot: &Snapshot, question: &Question) -> Result<(), Failure> {
    let policy = &snapshot.key.policy;
    if policy.not_before.is_some_and(|start| question.now < start) {
        return Err(Failure::new(Verdict::NotYetValid, None));
    }
    if policy.expires_at.is_some_and(|end| question.now >= end) {
        return Err(Failure::new(Verdict::Expired, None));
    }
    Ok(())
}

fn check_client_ip(snapshot: &Snapshot, question: &Question) -> Result<(), Failure> {
    let is_allowed = match (&snapshot.key.policy.ips, question.client_ip) {
        (AllOr::All, _) => true,
        (AllOr::Only(_), None) => false,
        (AllOr::Only(rules), Some(address)) => rules.iter().any(|rule| rule.contains(address)),
    };
    if is_allowed { Ok(()) } else { Err(Failure::new(Verdict::Forbidden, Some(Reason::IpNotAllowed))) }
}

fn check_domain(snapshot: &Snapshot, question: &Question) -> Result<(), Failure> {
    let is_allowed = match (&snapshot.key.policy.domains, &question.domain, question.purpose) {
        (AllOr::All, _, _) | (AllOr::Only(_), None, Purpose::Caller) => true,
        (AllOr::Only(_), None, Purpose::Guard) => false,
        (AllOr::Only(rules), Some(domain), _) => rules.iter().any(|rule| rule.matches(domain)),
    };
    if is_allowed { Ok(()) } else { Err(Failure::new(Verdict::Forbidden, Some(Reason::DomainNotAllowed))) }
}

fn check_customer(snapshot: &Snapshot, question: &Question) -> Result<(), Failure> {
    let is_allowed = match (&snapshot.key.policy.customers, &question.customer, question.purpose) {
        (AllOr::All, CustomerAsked::Unnamed, _) | (AllOr::Only(_), CustomerAsked::Unnamed, Purpose::Caller) => true,
        (AllOr::Only(_), CustomerAsked::Unnamed, Purpose::Guard) | (_, CustomerAsked::Unknown, _) => false,
        (allowed, CustomerAsked::Known(customer), _) => allowed.covers(&customer.id),
    };
    if !is_allowed {
        return Err(Failure::new(Verdict::Forbidden, Some(Reason::CustomerNotAllowed)));
    }
    match &question.customer {
        CustomerAsked::Known(customer) if customer.is_suspended => {
            Err(Failure::new(Verdict::Suspended, Some(Reason::CustomerSuspended)))
        }
        CustomerAsked::Known(_) | CustomerAsked::Unknown | CustomerAsked::Unnamed => Ok(()),
    }
}

fn check_permissions(snapshot: &Snapshot, question: &Question) -> Result<(), Failure> {
    let has = |permission: &PermissionName| has_permission(snapshot, permission);
    if question.needed.is_met(&has) {
        return Ok(());
    }
    let mut missing = Vec::new();
    question.needed.add_missing(&has, &mut missing);
    Err(Failure { missing_permissions: missing, ..Failure::new(Verdict::InsufficientPermissions, None) })
}

/// Whether a key has a permission: by name, or by a wildcard as long as there is such a permission. Root keys belong to no
/// organization that could say which there are.
fn has_permission(snapshot: &Snapshot, wanted: &PermissionName) -> bool {
    let (key, own) = (&snapshot.key, &snapshot.organization.permissions);
    let held = &key.policy.permissions;
    let exists = || {
        wanted.is_wildcard()
            || key.kind == KeyKind::Root
            || Permission::find(wanted.as_str()).is_some()
            || own.binary_search(wanted).is_ok()
    };
    held.binary_search(wanted).is_ok() || (holds_sorted(held, key.kind, wanted) && exists())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::addresses::IpRule;
    use crate::environment::Environment;
    use crate::ids::{CustomerId, KeyId, OrganizationId, SecretId};
    use crate::policy::Policy;
    use crate::secret::{HashScheme, SecretHash};
    use crate::snapshot::{KeyFacts, OrganizationFacts, SecretFacts};
    use uuid::Uuid;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + second, 0).expect("a date")
    }

    fn customer(number: u128, is_suspended: bool) -> CustomerFacts {
        let id = CustomerId::from_uuid(Uuid::from_u128(number));
        let (name, metadata) = ("c".into(), Arc::default());
        CustomerFacts { id, external_id: None, name, metadata, is_suspended, generation: 1, limits: Vec::new() }
    }

    fn host(text: &str) -> HostName {
        HostName::parse(text).expect("a host")
    }

    /// A key that fails every check, so that fixing one exposes the next.
    fn hopeless() -> (Snapshot, Question) {
        let organization = OrganizationId::from_uuid(Uuid::from_u128(1));
        let policy = Policy {
            permissions: Vec::new(),
            domains: AllOr::Only(vec![host("shop.example.com")]),
            customers: AllOr::Only(vec![customer(1, false).id]),
            ips: AllOr::Only(vec![IpRule::parse("10.0.0.0/8").expect("a network")]),
            not_before: None,
            expires_at: Some(at(0)),
            limits: Vec::new(),
        };
        let snapshot = Snapshot {
            organization: Arc::new(OrganizationFacts {
                id: organization,
                slug: "acme".to_owned(),
                is_suspended: true,
                generation: 1,
                limits: Vec::new(),
                permissions: Vec::new(),
            }),
            key: KeyFacts {
                id: KeyId::from_uuid(Uuid::from_u128(2)),
                kind: KeyKind::Organization,
                environment: Environment::Production,
                name: "k".into(),
                policy: Arc::new(policy.into()),
                has_credits: false,
                metadata: Arc::default(),
                is_revoked: true,
                is_deleted: false,
                generation: 1,
            },
            secret: SecretFacts {
                id: SecretId::from_uuid(Uuid::from_u128(3)),
                hash: SecretHash { pepper_id: "1".into(), scheme: HashScheme::Text, bytes: [0; 32] },
                retired_at: None,
            },
        };
        let question = Question {
            now: at(0),
            client_ip: Some("192.0.2.1".parse().expect("an address")),
            domain: Some(host("other.example.com")),
            customer: CustomerAsked::Known(customer(2, false)),
            needed: Needed::all([PermissionName::parse("keys.read").expect("a name")]),
            purpose: Purpose::Guard,
        };
        (snapshot, question)
    }

    fn policy(snapshot: &mut Snapshot) -> &mut Policy {
        let policy: &mut crate::snapshot::EffectivePolicy = Arc::make_mut(&mut snapshot.key.policy);
        policy
    }

    fn verdict(snapshot: &Snapshot, question: &Question) -> (Verdict, Option<Reason>) {
        match evaluate(snapshot, question) {
            Ok(()) => (Verdict::Valid, None),
            Err(failure) => (failure.verdict, failure.reason),
        }
    }

    #[test]
    fn the_first_failure_in_the_order_of_the_policy_is_the_verdict() {
        let (mut snapshot, mut question) = hopeless();
        assert_eq!(verdict(&snapshot, &question), (Verdict::Suspended, Some(Reason::OrganizationSuspended)));
        Arc::make_mut(&mut snapshot.organization).is_suspended = false;
        assert_eq!(verdict(&snapshot, &question), (Verdict::Revoked, Some(Reason::KeyRevoked)));
        snapshot.key.is_revoked = false;
        assert_eq!(verdict(&snapshot, &question), (Verdict::Expired, None), "the end is exclusive");
        question.now = at(-1);
        assert_eq!(verdict(&snapshot, &question), (Verdict::Forbidden, Some(Reason::IpNotAllowed)));
        question.client_ip = Some("::ffff:10.1.2.3".parse().expect("an address"));
        assert_eq!(verdict(&snapshot, &question), (Verdict::Forbidden, Some(Reason::DomainNotAllowed)));
        question.domain = Some(host("shop.example.com"));
        assert_eq!(verdict(&snapshot, &question), (Verdict::Forbidden, Some(Reason::CustomerNotAllowed)));
        question.customer = CustomerAsked::Known(customer(1, true));
        assert_eq!(verdict(&snapshot, &question), (Verdict::Suspended, Some(Reason::CustomerSuspended)));
        question.customer = CustomerAsked::Known(customer(1, false));
        assert_eq!(verdict(&snapshot, &question), (Verdict::InsufficientPermissions, None));
        policy(&mut snapshot).permissions = vec![PermissionName::parse("keys.read").expect("a name")];
        assert_eq!(verdict(&snapshot, &question), (Verdict::Valid, None));
    }

    #[test]
    fn a_restriction_that_the_question_says_nothing_of_refuses() {
        let (mut snapshot, mut question) = hopeless();
        Arc::make_mut(&mut snapshot.organization).is_suspended = false;
        snapshot.key.is_revoked = false;
        question.now = at(-1);
        question.client_ip = None;
        assert_eq!(verdict(&snapshot, &question), (Verdict::Forbidden, Some(Reason::IpNotAllowed)));
        policy(&mut snapshot).ips = AllOr::All;
        question.domain = None;
        assert_eq!(verdict(&snapshot, &question), (Verdict::Forbidden, Some(Reason::DomainNotAllowed)));
        policy(&mut snapshot).domains = AllOr::All;
        question.customer = CustomerAsked::Unnamed;
        assert_eq!(verdict(&snapshot, &question), (Verdict::Forbidden, Some(Reason::CustomerNotAllowed)));
        question.customer = CustomerAsked::Unknown;
        policy(&mut snapshot).customers = AllOr::All;
        assert_eq!(verdict(&snapshot, &question), (Verdict::Forbidden, Some(Reason::CustomerNotAllowed)));
    }

    #[test]
    fn a_deleted_key_and_a_retired_secret_are_revoked() {
        let (mut snapshot, question) = hopeless();
        Arc::make_mut(&mut snapshot.organization).is_suspended = false;
        snapshot.key.is_deleted = true;
        assert_eq!(verdict(&snapshot, &question), (Verdict::Revoked, None));
        snapshot.key.is_deleted = false;
        snapshot.key.is_revoked = false;
        snapshot.secret.retired_at = Some(at(0));
        assert_eq!(verdict(&snapshot, &question), (Verdict::Revoked, Some(Reason::SecretRetired)));
    }

    #[test]
    fn any_of_several_permissions_is_enough_when_it_is_asked_so() {
        let (mut snapshot, mut question) = hopeless();
        let names = ["keys.read", "keys.create"].map(|text| PermissionName::parse(text).expect("a name"));
        policy(&mut snapshot).permissions = vec![names[1].clone()];
        question.needed = Needed::Any(names.clone().map(Needed::One).to_vec());
        assert_eq!(check_permissions(&snapshot, &question), Ok(()));
        question.needed = Needed::all(names.clone());
        let failure = check_permissions(&snapshot, &question).expect_err("one is missing");
        assert_eq!(failure.missing_permissions, vec![names[0].clone()]);
    }

    #[test]
    fn what_is_missing_is_told_of_the_parts_that_are_not_met() {
        let (mut snapshot, mut question) = hopeless();
        let name = |text: &str| PermissionName::parse(text).expect("a name");
        let one = |text: &str| Needed::One(name(text));
        let own = ["a.a", "b.b", "c.c", "d.d"].map(name);
        Arc::make_mut(&mut snapshot.organization).permissions = own.to_vec();
        policy(&mut snapshot).permissions = vec![name("a.a"), name("c.c")];
        let any = |parts: &[Needed]| Needed::Any(parts.to_vec());
        let all = |parts: &[Needed]| Needed::All(parts.to_vec());
        let (both, neither) = (all(&[one("a.a"), one("b.b")]), any(&[one("b.b"), one("d.d"), one("b.b")]));
        for (needed, missing) in [
            (all(&[]), Some("")),
            (any(&[]), None),
            (any(&[both.clone(), one("c.c")]), Some("")),
            (any(&[both.clone(), one("d.d")]), None),
            (all(&[any(&[one("a.a"), one("d.d")]), one("b.b")]), None),
            (all(&[neither.clone(), both.clone()]), None),
            (all(&[one("c.c"), any(&[all(&[any(&[one("d.d"), one("a.a")])])])]), Some("")),
        ] {
            question.needed = needed.clone();
            assert_eq!(check_permissions(&snapshot, &question).is_ok(), missing.is_some(), "{needed:?}");
        }
        let told = |needed: Needed| {
            let failure =
                check_permissions(&snapshot, &Question { needed, ..question.clone() }).expect_err("it lacks some");
            failure.missing_permissions.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(told(any(&[both.clone(), one("d.d")])), "b.b d.d");
        assert_eq!(told(all(&[any(&[one("a.a"), one("d.d")]), one("b.b")])), "b.b", "what is met is no part of it");
        assert_eq!(told(all(&[neither, both])), "b.b d.d", "each once");
    }

    #[test]
    fn a_wildcard_stands_for_permissions_that_there_are() {
        let (mut snapshot, mut question) = hopeless();
        let name = |text: &str| PermissionName::parse(text).expect("a name");
        let mut has = |snapshot: &Snapshot, text: &str| {
            question.needed = Needed::all([name(text)]);
            check_permissions(snapshot, &question).is_ok()
        };
        for held in ["*", "documents.*"] {
            policy(&mut snapshot).permissions = vec![name(held)];
            assert!(!has(&snapshot, "documents.read"), "{held}: the organization has no such permission");
            Arc::make_mut(&mut snapshot.organization).permissions = vec![name("documents.read"), name("pages.read")];
            assert!(has(&snapshot, "documents.read"), "{held}");
            assert!(!has(&snapshot, "documents.write"), "{held}");
            assert_eq!(has(&snapshot, "pages.read"), held == "*");
            assert_eq!(has(&snapshot, "keys.read"), held == "*");
            assert!(!has(&snapshot, "organizations.create"), "{held}: for root keys only");
            Arc::make_mut(&mut snapshot.organization).permissions = Vec::new();
        }
    }
}
