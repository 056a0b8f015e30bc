//! Throttles sources that present one wrong key after another.
//!
//! A source is what the requester says it is, so that each requester has counters of its own: what one claims counts
//! neither against another nor against authentication, and takes none of their memory.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use domain::ids::OrganizationId;
use domain::limit::{Limit, Window};

use crate::requester::Account;

/// How many unproven secrets one source may present in a minute.
const FAILURES_PER_MINUTE: u64 = 20;
const MINUTE_MS: u64 = 60_000;
/// How many sources are remembered of services, of authentication, and of all organizations together.
const SOURCES_MAX: usize = 25_000;
/// How many sources are remembered of one organization.
const ORGANIZATION_SOURCES_MAX: usize = 1_000;

/// Counts the failures of each source for each requester, in this replica. Loopback is no source.
#[derive(Debug)]
pub struct Throttle {
    limit: Limit,
    failures: Mutex<Failures>,
}

#[derive(Debug, Default)]
struct Failures {
    service: Sources,
    authentication: Sources,
    organizations: HashMap<OrganizationId, Sources>,
}

type Sources = HashMap<IpAddr, Window>;

impl Throttle {
    /// Without failures.
    pub fn new() -> Self {
        let limit = Limit { name: "failures".to_owned(), limit: FAILURES_PER_MINUTE, window_ms: MINUTE_MS, auto: true };
        Self { limit, failures: Mutex::default() }
    }

    /// How long the source has to wait at this requester, if it has failed too often.
    pub fn wait_ms(&self, account: Account, source: Option<IpAddr>, now_ms: u64) -> Option<u64> {
        let source = counted(source)?;
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let mut probe = failures.of(account)?.get(&source)?.clone();
        drop(failures);
        let spending = probe.spend(&self.limit, 1, now_us(now_ms));
        if spending.is_admitted { None } else { spending.retry_after_ms }
    }

    /// Counts a failure.
    pub fn count(&self, account: Account, source: Option<IpAddr>, now_ms: u64) {
        let Some(source) = counted(source) else { return };
        let is_over = |window: &mut Window| window.spend(&self.limit, 0, now_us(now_ms)).remaining == self.limit.limit;
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let sources = failures.with_room(account, is_over);
        sources.entry(source).or_insert_with(|| Window::new(MINUTE_MS)).spend(&self.limit, 1, now_us(now_ms));
    }
}

impl Failures {
    fn of(&mut self, account: Account) -> Option<&mut Sources> {
        match account {
            Account::Service => Some(&mut self.service),
            Account::Authentication => Some(&mut self.authentication),
            Account::Organization(id) => self.organizations.get_mut(&id),
        }
    }

    /// The sources of a requester, with room for one more. Room is made of what is over, and then of the requester's own
    /// memory; where organizations have too much together, of that of the one with the most.
    fn with_room(&mut self, account: Account, is_over: impl Fn(&mut Window) -> bool) -> &mut Sources {
        let (sources, sources_max) = match account {
            Account::Service => (&mut self.service, SOURCES_MAX),
            Account::Authentication => (&mut self.authentication, SOURCES_MAX),
            Account::Organization(id) => {
                if self.organizations.values().map(HashMap::len).sum::<usize>() >= SOURCES_MAX {
                    let most = self.organizations.iter().max_by_key(|(_, sources)| sources.len()).map(|(id, _)| *id);
                    most.map(|id| self.organizations.remove(&id));
                }
                (self.organizations.entry(id).or_default(), ORGANIZATION_SOURCES_MAX)
            }
        };
        if sources.len() >= sources_max {
            sources.retain(|_, window| !is_over(window));
        }
        if sources.len() >= sources_max {
            sources.clear();
        }
        sources
    }
}

/// A whole /64 of IPv6 is one source: its holder has all of its addresses.
fn counted(source: Option<IpAddr>) -> Option<IpAddr> {
    let source = source?.to_canonical();
    match source {
        _ if source.is_loopback() => None,
        IpAddr::V4(_) => Some(source),
        IpAddr::V6(address) => Some(IpAddr::V6((u128::from(address) >> 64 << 64).into())),
    }
}

/// Far from zero, so that the first cells of a window are as good as any.
fn now_us(now_ms: u64) -> u64 {
    1_000_000_000_000 + now_ms * 1_000
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use uuid::Uuid;

    use super::*;

    fn organization(number: u128) -> Account {
        Account::Organization(OrganizationId::from_uuid(Uuid::from_u128(number)))
    }

    fn source(number: u32) -> Option<IpAddr> {
        Some(IpAddr::V4(Ipv4Addr::from(0x0a00_0000 + number)))
    }

    fn fail_too_often(throttle: &Throttle, account: Account, source: Option<IpAddr>) {
        for _ in 0..FAILURES_PER_MINUTE {
            assert_eq!(throttle.wait_ms(account, source, 5), None);
            throttle.count(account, source, 5);
        }
        assert!(throttle.wait_ms(account, source, 6).is_some());
    }

    #[test]
    fn a_source_that_fails_too_often_waits_and_others_do_not() {
        let throttle = Throttle::new();
        let source = "2001:db8::1".parse().ok();
        let wait_ms = |source, now_ms| throttle.wait_ms(Account::Service, source, now_ms);
        fail_too_often(&throttle, Account::Service, source);
        assert!(wait_ms("2001:db8::2".parse().ok(), 6).is_some(), "the same network");
        assert_eq!(wait_ms("2001:db8:0:1::1".parse().ok(), 6), None);
        assert_eq!(wait_ms(source, 62_000), None, "a minute later");
        for _ in 0..100 {
            throttle.count(Account::Service, "127.0.0.1".parse().ok(), 5);
        }
        assert_eq!(wait_ms("127.0.0.1".parse().ok(), 6), None);
        assert_eq!(wait_ms(None, 6), None);
    }

    #[test]
    fn what_one_requester_claims_counts_against_no_other() {
        let all = [Account::Service, Account::Authentication, organization(1), organization(2)];
        for claimant in all {
            let throttle = Throttle::new();
            fail_too_often(&throttle, claimant, source(1));
            for other in all.into_iter().filter(|other| *other != claimant) {
                assert_eq!(throttle.wait_ms(other, source(1), 6), None, "{claimant:?} against {other:?}");
            }
        }
    }

    #[test]
    fn claimed_sources_displace_nobody_elses() {
        let throttle = Throttle::new();
        let victims = [Account::Service, Account::Authentication, organization(1)];
        for victim in victims {
            fail_too_often(&throttle, victim, source(1));
        }
        // Enough organizations that their memory is full several times over.
        for number in 2..60 {
            for claimed in 0..=ORGANIZATION_SOURCES_MAX {
                throttle.count(organization(number), source(u32::try_from(claimed).unwrap()), 5);
            }
        }
        for victim in victims {
            assert!(throttle.wait_ms(victim, source(1), 6).is_some(), "{victim:?} remembers");
        }
        let failures = throttle.failures.lock().unwrap();
        assert!(failures.organizations.values().map(HashMap::len).sum::<usize>() <= SOURCES_MAX);
    }

    #[test]
    fn room_is_made_of_what_is_over_first() {
        let throttle = Throttle::new();
        for old in 0..SOURCES_MAX - 1 {
            throttle.count(Account::Service, source(u32::try_from(old + 2).unwrap()), 5);
        }
        for _ in 0..FAILURES_PER_MINUTE {
            throttle.count(Account::Service, source(1), 70_000);
        }
        throttle.count(Account::Service, source(0), 70_000);
        assert!(throttle.wait_ms(Account::Service, source(1), 70_000).is_some(), "it is not over");
        assert_eq!(throttle.failures.lock().unwrap().service.len(), 2);
    }
}
