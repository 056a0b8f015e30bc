//! Which requests get a row each, and which are only counted, so that nobody fills the disk.
//!
//! A request that an organization's key was admitted for has a row of its own. Of the others a minute keeps so many for
//! each source; what is beyond is counted, one row for each minute, key, status and code.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use domain::{
    ids::{KeyId, OrganizationId},
    verdict::Verdict,
};
use http::Method;

use super::Entry;

const MINUTE: Duration = Duration::from_secs(60);
/// Rows of one source in a minute: a network (/24, /64), or a proven key that was refused.
pub const ROWS_PER_SOURCE: u32 = 60;
/// Rows of all networks together in a minute.
pub const ROWS_WITHOUT_ORGANIZATION: u32 = 300;
/// How many refused keys are told apart in a minute; the requests of any more are only counted.
const REFUSED_KEYS_MAX: usize = 4_096;
/// How many rows of counts wait for Postgres. Codes are few; keys with refused requests are those of real organizations.
const COUNTS_MAX: usize = 16_384;

/// What one process may still keep this minute, and what it has counted instead.
#[derive(Debug)]
pub(super) struct Budget {
    epoch: Instant,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    minute: u64,
    networks: HashMap<Option<IpAddr>, u32>,
    networks_total: u32,
    keys: HashMap<KeyId, u32>,
    counts: HashMap<CountOf, Count>,
}

/// What requests have in common that are counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct CountOf {
    minute: u64,
    organization: Option<OrganizationId>,
    key: Option<KeyId>,
    status: u16,
    code: Option<&'static str>,
    verdict: Option<&'static str>,
}

#[derive(Debug)]
struct Count {
    requests: u32,
    first_started: Instant,
    longest: Duration,
}

/// What is to become of a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// It has a row of its own.
    Keep,
    /// It was counted with others.
    Counted,
    /// There is no room for the count either.
    Lost,
}

impl Budget {
    pub(super) fn new(epoch: Instant) -> Self {
        Self { epoch, state: Mutex::default() }
    }

    /// Decides about a request that is answered at `now`.
    pub(super) fn decide(&self, entry: &Entry, now: Instant) -> Decision {
        let is_admitted = entry.verdict.is_none_or(|verdict| verdict == Verdict::Valid.name());
        if entry.organization.is_some() && is_admitted {
            return Decision::Keep;
        }
        let mut state = self.lock();
        state.advance(self.minute(now));
        match entry.key {
            Some(key) if state.has_room_for_key(key) => Decision::Keep,
            None if state.has_room_for_network(entry.client_ip) => Decision::Keep,
            Some(_) | None => state.count(entry),
        }
    }

    /// Counts of the minutes that are over at `now`, or of any at the end; no more than `most`.
    pub(super) fn take_counts(&self, now: Option<Instant>, most: usize) -> Vec<Entry> {
        let current = now.map_or(u64::MAX, |now| self.minute(now));
        let mut state = self.lock();
        let over = state.counts.extract_if(|of, _| of.minute < current).take(most);
        over.map(|(of, count)| of.into_entry(&count)).collect()
    }

    /// How many requests are counted in rows that nobody has taken.
    pub(super) fn counted(&self) -> usize {
        self.lock().counts.values().map(|count| count.requests as usize).sum()
    }

    fn minute(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.epoch).as_secs() / MINUTE.as_secs()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn advance(&mut self, minute: u64) {
        if minute > self.minute {
            self.minute = minute;
            self.networks.clear();
            self.networks_total = 0;
            self.keys.clear();
        }
    }

    fn has_room_for_key(&mut self, key: KeyId) -> bool {
        if self.keys.len() >= REFUSED_KEYS_MAX && !self.keys.contains_key(&key) {
            return false;
        }
        let rows = self.keys.entry(key).or_default();
        *rows = rows.saturating_add(1);
        *rows <= ROWS_PER_SOURCE
    }

    /// Networks are told apart only while there is room for any, which bounds how many there are.
    fn has_room_for_network(&mut self, client_ip: Option<IpAddr>) -> bool {
        if self.networks_total >= ROWS_WITHOUT_ORGANIZATION {
            return false;
        }
        let rows = self.networks.entry(client_ip.map(network)).or_default();
        if *rows >= ROWS_PER_SOURCE {
            return false;
        }
        *rows += 1;
        self.networks_total += 1;
        true
    }

    fn count(&mut self, entry: &Entry) -> Decision {
        let of = CountOf {
            minute: self.minute,
            organization: entry.organization,
            key: entry.key,
            status: entry.status,
            code: entry.code,
            verdict: entry.verdict,
        };
        let is_full = self.counts.len() >= COUNTS_MAX;
        match self.counts.get_mut(&of) {
            Some(count) => {
                count.requests = count.requests.saturating_add(entry.requests);
                count.longest = count.longest.max(entry.duration);
            }
            None if is_full => return Decision::Lost,
            None => {
                let (requests, first_started, longest) = (entry.requests, entry.started, entry.duration);
                self.counts.insert(of, Count { requests, first_started, longest });
            }
        }
        Decision::Counted
    }
}

impl CountOf {
    fn into_entry(self, count: &Count) -> Entry {
        Entry {
            started: count.first_started,
            requests: count.requests,
            request_id: None,
            key: self.key,
            organization: self.organization,
            customer: None,
            operation: None,
            method: Method::from_bytes(b"*").expect("a star may stand in a method"),
            path: "*".to_owned(),
            status: self.status,
            code: self.code,
            verdict: self.verdict,
            client_ip: None,
            duration: count.longest,
        }
    }
}

/// The network of an address that one party usually has to itself.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let [a, b, c, _] = address.octets();
            IpAddr::from([a, b, c, 0])
        }
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn entry(client_ip: &str) -> Entry {
        Entry {
            started: Instant::now(),
            requests: 1,
            request_id: Some("req".to_owned()),
            key: None,
            organization: None,
            customer: None,
            operation: Some("whoami"),
            method: Method::GET,
            path: "/v1/whoami".to_owned(),
            status: 401,
            code: Some("credentials-missing"),
            verdict: None,
            client_ip: Some(client_ip.parse().unwrap()),
            duration: Duration::from_millis(1),
        }
    }

    fn entry_of_key(verdict: Verdict) -> Entry {
        Entry {
            key: Some(KeyId::from_uuid(Uuid::from_u128(7))),
            organization: Some(OrganizationId::from_uuid(Uuid::from_u128(8))),
            verdict: Some(verdict.name()),
            ..entry("203.0.113.1")
        }
    }

    fn kept(budget: &Budget, entries: impl IntoIterator<Item = Entry>, now: Instant) -> u32 {
        entries.into_iter().map(|entry| u32::from(budget.decide(&entry, now) == Decision::Keep)).sum()
    }

    #[test]
    fn one_network_has_its_share_of_each_minute() {
        let epoch = Instant::now();
        let budget = Budget::new(epoch);
        let flood = || (0..6_000).map(|number| entry(&format!("203.0.113.{}", number % 256)));
        assert_eq!(kept(&budget, flood(), epoch), ROWS_PER_SOURCE);
        assert_eq!(kept(&budget, [entry("203.0.114.1"), entry("2001:db8::1")], epoch), 2);
        assert_eq!(kept(&budget, flood(), epoch + MINUTE), ROWS_PER_SOURCE);
        let same_v6 = (0..6_000).map(|number| entry(&format!("2001:db8:0:1::{number:x}")));
        assert_eq!(kept(&budget, same_v6, epoch + MINUTE), ROWS_PER_SOURCE);
    }

    #[test]
    fn many_networks_share_what_a_minute_keeps() {
        let epoch = Instant::now();
        let budget = Budget::new(epoch);
        let flood = (0..6_000).map(|number| entry(&format!("10.{}.{}.1", number / 250, number % 250)));
        assert_eq!(kept(&budget, flood, epoch), ROWS_WITHOUT_ORGANIZATION);
        assert!(budget.lock().networks.len() <= ROWS_WITHOUT_ORGANIZATION as usize);
        assert_eq!(budget.counted(), 6_000 - ROWS_WITHOUT_ORGANIZATION as usize);
    }

    #[test]
    fn counts_are_exact_and_taken_once_a_minute_is_over() {
        let epoch = Instant::now();
        let budget = Budget::new(epoch);
        for _ in 0..1_000 {
            budget.decide(&entry("203.0.113.1"), epoch);
            budget.decide(&Entry { status: 404, code: Some("not-found"), ..entry("203.0.113.1") }, epoch);
        }
        assert!(budget.take_counts(Some(epoch), COUNTS_MAX).is_empty(), "the minute is not over");
        let counts = budget.take_counts(Some(epoch + MINUTE), COUNTS_MAX);
        let requests: u32 = counts.iter().map(|count| count.requests).sum();
        assert_eq!((counts.len(), requests), (2, 2_000 - ROWS_PER_SOURCE));
        assert!(counts.iter().all(|count| count.organization.is_none() && count.request_id.is_none()));
        assert!(budget.take_counts(None, COUNTS_MAX).is_empty(), "each is taken once");
    }

    #[test]
    fn what_a_key_is_admitted_for_is_always_kept() {
        let epoch = Instant::now();
        let budget = Budget::new(epoch);
        let flood = (0..6_000).map(|number| entry(&format!("10.{}.{}.1", number / 250, number % 250)));
        kept(&budget, flood, epoch);
        assert_eq!(kept(&budget, (0..6_000).map(|_| entry_of_key(Verdict::Valid)), epoch), 6_000);
    }

    #[test]
    fn a_refused_key_has_its_own_share_and_count() {
        let epoch = Instant::now();
        let budget = Budget::new(epoch);
        let flood = (0..6_000).map(|number| entry(&format!("10.{}.{}.1", number / 250, number % 250)));
        kept(&budget, flood, epoch);
        budget.take_counts(None, COUNTS_MAX);
        let revoked = (0..6_000).map(|_| entry_of_key(Verdict::Revoked));
        assert_eq!(kept(&budget, revoked, epoch), ROWS_PER_SOURCE, "a flood of strangers takes nothing of it");
        let counts = budget.take_counts(None, COUNTS_MAX);
        assert_eq!((counts.len(), counts[0].requests), (1, 6_000 - ROWS_PER_SOURCE));
        assert_eq!((counts[0].key, counts[0].verdict), (entry_of_key(Verdict::Revoked).key, Some("REVOKED")));
    }

    #[test]
    fn counts_that_nobody_takes_are_bounded() {
        let epoch = Instant::now();
        let budget = Budget::new(epoch);
        let mut lost = 0;
        for number in 0..COUNTS_MAX as u128 + 10 {
            let key = Some(KeyId::from_uuid(Uuid::from_u128(number)));
            let decide = || budget.decide(&Entry { key, ..entry_of_key(Verdict::RateLimited) }, epoch);
            let decisions: Vec<Decision> = (0..=ROWS_PER_SOURCE).map(|_| decide()).collect();
            lost += decisions.iter().filter(|decision| **decision == Decision::Lost).count();
        }
        assert!(budget.lock().keys.len() <= REFUSED_KEYS_MAX);
        assert!(budget.lock().counts.len() <= COUNTS_MAX && lost > 0, "{lost}");
    }
}
