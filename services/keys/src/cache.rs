//! What was read of keys and customers, each piece good only as long as somebody vouches for it.
//!
//! Redis vouches by the generation on every request; without Redis, an age on a monotonic clock is the bound. What was
//! not found is never kept: a new secret works at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use domain::ids::OrganizationId;
use domain::secret::LookupId;
use domain::snapshot::{CustomerFacts, Snapshot};
use papaya::HashMap;
use store::{Generation, Subject};

/// How many public ids are kept; beyond, some others make room.
const KEYS_MAX: usize = 1_000_000;
/// How many secrets of one public id are kept: organizations that import keys may have the same.
const CANDIDATES_MAX: usize = 16;
/// How many customers are kept.
const CUSTOMERS_MAX: usize = 200_000;
/// How many entries make room at once.
const EVICTED: usize = 256;
/// How long a change is remembered: longer than the hardest age, so that no older entry outlives it.
const FLOOR_MS: u64 = 60_000;

/// When and by whom an entry was last vouched for.
#[derive(Debug)]
pub struct Freshness {
    at_ms: AtomicU64,
    run: u64,
}

impl Freshness {
    /// Read from Postgres at `at_ms`, while Redis run `run` was reached (0: none was).
    pub fn new(at_ms: u64, run: u64) -> Self {
        Self { at_ms: AtomicU64::new(at_ms), run }
    }

    /// Redis has the same version.
    pub fn confirm(&self, at_ms: u64) {
        self.at_ms.fetch_max(at_ms, Ordering::Relaxed);
    }

    /// Milliseconds since it was last vouched for.
    pub fn age_ms(&self, now_ms: u64) -> u64 {
        now_ms.saturating_sub(self.at_ms.load(Ordering::Relaxed))
    }

    /// Which run of Redis can vouch for it.
    pub fn run(&self) -> u64 {
        self.run
    }
}

/// A secret with its key and organization, as they were read.
#[derive(Debug)]
pub struct CachedKey {
    pub snapshot: Snapshot,
    pub freshness: Freshness,
}

/// A customer as it was read.
#[derive(Debug)]
pub struct CachedCustomer {
    pub facts: CustomerFacts,
    pub freshness: Freshness,
}

impl CachedKey {
    /// The versions on which a verdict about it rests.
    pub fn generations(&self) -> [Generation; 2] {
        let (key, organization) = (&self.snapshot.key, &self.snapshot.organization);
        [
            Generation { subject: Subject::Key(key.id), value: key.generation },
            Generation { subject: Subject::Organization(organization.id), value: organization.generation },
        ]
    }
}

impl CachedCustomer {
    /// Its version.
    pub fn generation(&self) -> Generation {
        Generation { subject: Subject::Customer(self.facts.id), value: self.facts.generation }
    }
}

/// The secrets of one public id that were proven.
pub type Candidates = Arc<[Arc<CachedKey>]>;

/// The entries of one environment in this process.
#[derive(Default)]
pub struct Cache {
    keys: HashMap<LookupId, Candidates>,
    customers: HashMap<(OrganizationId, String), Arc<CachedCustomer>>,
    /// The version that each changed row has at least, with when that was heard.
    floors: HashMap<Subject, (i64, u64)>,
}

impl Cache {
    /// What is known of a public id.
    pub fn find_key(&self, id: &LookupId) -> Option<Candidates> {
        self.keys.pin().get(id).cloned()
    }

    /// Keeps what was read of a secret, beside other secrets with the same public id.
    pub fn keep_key(&self, id: LookupId, read: &Arc<CachedKey>) {
        let keys = self.keys.pin();
        if keys.len() >= KEYS_MAX {
            let evicted: Vec<LookupId> = keys.keys().take(EVICTED).copied().collect();
            for id in &evicted {
                keys.remove(id);
            }
        }
        let is_other = |known: &&Arc<CachedKey>| known.snapshot.secret.id != read.snapshot.secret.id;
        let beside = |known: &Candidates| {
            known.iter().filter(is_other).take(CANDIDATES_MAX - 1).chain([read]).map(Arc::clone).collect()
        };
        keys.update_or_insert_with(id, beside, || Arc::from([Arc::clone(read)]));
    }

    /// Forgets a public id: what was known of it is no more.
    pub fn forget_key(&self, id: &LookupId) {
        self.keys.pin().remove(id);
    }

    /// What is known of a customer.
    pub fn find_customer(&self, organization: OrganizationId, reference: &str) -> Option<Arc<CachedCustomer>> {
        self.customers.pin().get(&(organization, reference.to_owned())).cloned()
    }

    /// Keeps a customer that was read, or forgets it when there is none any more.
    pub fn keep_customer(&self, organization: OrganizationId, reference: &str, customer: Option<&Arc<CachedCustomer>>) {
        let customers = self.customers.pin();
        let name = (organization, reference.to_owned());
        let Some(customer) = customer else {
            customers.remove(&name);
            return;
        };
        if customers.len() >= CUSTOMERS_MAX {
            let evicted: Vec<(OrganizationId, String)> = customers.keys().take(EVICTED).cloned().collect();
            for name in &evicted {
                customers.remove(name);
            }
        }
        customers.insert(name, Arc::clone(customer));
    }

    /// Takes note that a row has at least this version from now on.
    pub fn raise_floor(&self, generation: Generation, now_ms: u64) {
        let raised = |(value, _): &(i64, u64)| ((*value).max(generation.value), now_ms);
        self.floors.pin().update_or_insert(generation.subject, raised, (generation.value, now_ms));
    }

    /// Says whether a version is known to be an old one.
    pub fn is_outdated(&self, generation: &Generation) -> bool {
        if self.floors.is_empty() {
            return false;
        }
        self.floors.pin().get(&generation.subject).is_some_and(|(floor, _)| generation.value < *floor)
    }

    /// Forgets changes that no entry can predate any more.
    pub fn forget_floors(&self, now_ms: u64) {
        self.floors.pin().retain(|_, (_, heard_ms)| now_ms.saturating_sub(*heard_ms) < FLOOR_MS);
    }
}

#[cfg(test)]
mod tests {
    use domain::ids::KeyId;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_change_that_was_heard_of_outdates_what_was_read_before() {
        let cache = Cache::default();
        let key = |value| Generation { subject: Subject::Key(KeyId::from_uuid(Uuid::from_u128(1))), value };
        cache.raise_floor(key(5), 0);
        cache.raise_floor(key(4), 1);
        assert!(cache.is_outdated(&key(4)) && !cache.is_outdated(&key(5)));
        cache.forget_floors(30_000);
        assert!(cache.is_outdated(&key(4)));
        cache.forget_floors(70_000);
        assert!(!cache.is_outdated(&key(4)));
    }

    #[test]
    fn an_entry_is_as_old_as_the_last_word_about_it() {
        let freshness = Freshness::new(100, 7);
        freshness.confirm(400);
        freshness.confirm(300);
        assert_eq!(freshness.age_ms(1_000), 600);
    }
}
