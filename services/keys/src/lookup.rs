//! Finds the secret that was presented, and the customer that was named, as somebody still vouches for them.

use std::sync::Arc;
use std::time::Instant;

use domain::foreign::Presented;
use domain::ids::OrganizationId;
use domain::policy::AllOr;
use domain::secret::PepperRing;
use domain::snapshot::CustomerFacts;
use store::Generation;
use store::counters::{Counters, Source};

use crate::cache::{Cache, CachedCustomer, CachedKey, CachedSettings, Candidates, Freshness};
use crate::clock::StoreClock;
use crate::metrics::{CacheOutcome, EnvironmentMetrics};
use crate::reader::{CachedOrCold, ReadError, ReadTimeout, Reader};
use crate::requester::Account;
use crate::verify::VerifyError;

/// How old an entry may be while Redis cannot be asked. A change is promised to hold within five seconds, and an entry
/// goes on for as long as its next reading takes.
pub const AGE_WITHOUT_REDIS_MS: u64 = 4_500;
/// How old it may become until it is read again, behind the backs of those who ask, while Redis cannot be asked: nobody waits
/// for what is asked for all the time. Half a second for a Postgres that is slow, and one for whoever asks seldom.
const AGE_TO_REFRESH_MS: u64 = 3_000;
/// How old an entry may be while neither Redis nor Postgres can be asked.
pub const AGE_WITHOUT_BOTH_MS: u64 = 30_000;

/// How good what is found has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consistency {
    /// An entry of the cache, if it is vouched for.
    Cached,
    /// Read from Postgres after this: Redis said that what was used is an old version.
    ReadAfter(Instant),
    /// The same, or, when Postgres is away too, an entry of tolerable age: Redis did not answer, or is a new one that
    /// knows nothing of it.
    ReadAfterOrKept(Instant),
}

/// A secret that was proven.
#[derive(Debug)]
pub struct Proven {
    pub key: Arc<CachedKey>,
    pub provenance: Provenance,
}

/// Who vouches for an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provenance {
    /// Redis will, or its age does.
    Cached,
    /// It was just read from Postgres.
    Read,
    /// Nobody; its age is tolerable while neither store answers.
    Kept,
}

/// The customer of a question.
#[derive(Debug)]
pub enum CustomerLookup {
    /// None was named, and the key does not stand for exactly one.
    Unnamed,
    /// The organization has no such customer.
    Unknown,
    /// This one.
    Known(KnownCustomer),
}

/// What an organization has configured of limits without a key.
#[derive(Debug)]
pub struct KnownSettings {
    pub settings: Arc<CachedSettings>,
    pub provenance: Provenance,
}

/// A customer that was found.
#[derive(Debug)]
pub struct KnownCustomer {
    pub customer: Arc<CachedCustomer>,
    pub provenance: Provenance,
}

impl Provenance {
    /// What Redis makes of the entry's version.
    pub const fn source(self) -> Source {
        match self {
            Self::Cached => Source::Cache,
            Self::Read => Source::Postgres,
            Self::Kept => Source::Kept,
        }
    }

    /// Whether the entry can be used although Redis did not answer. One that was just read is young, unless the read began
    /// before this process was frozen.
    pub fn stands_alone(self, freshness: &Freshness, now_ms: u64) -> bool {
        match self {
            Self::Kept => true,
            Self::Cached | Self::Read => freshness.age_ms(now_ms) <= AGE_WITHOUT_REDIS_MS,
        }
    }
}

impl CustomerLookup {
    /// What is known of the customer.
    pub fn facts(&self) -> Option<&CustomerFacts> {
        self.known().map(|known| &known.customer.facts)
    }

    /// The customer, if it is known.
    pub fn known(&self) -> Option<&KnownCustomer> {
        match self {
            Self::Known(known) => Some(known),
            Self::Unnamed | Self::Unknown => None,
        }
    }
}

/// Whose an entry is, and when it was last confirmed.
type Held<'a> = (OrganizationId, &'a Freshness);

/// The cache with the stores behind it.
pub struct Lookup {
    pub cache: Arc<Cache>,
    pub reader: Reader,
    pub counters: Counters,
    pub clock: Arc<StoreClock>,
    pub metrics: EnvironmentMetrics,
}

impl Lookup {
    /// The key behind a presented secret; `None` when there is none, whatever the reason.
    ///
    /// A secret that the cache does not prove always costs one read and one HMAC, whether or not its id is known.
    pub async fn prove(
        &self,
        ring: &PepperRing,
        (secret, account): (Presented<'_>, Account),
        consistency: Consistency,
    ) -> Result<Option<Proven>, VerifyError> {
        let cached = self.find_cached(ring, secret);
        let outcome = match (&cached, consistency) {
            (Some(key), Consistency::Cached)
                if self.is_vouched((organization_of(key), &key.freshness), &key.generations()) =>
            {
                CacheOutcome::Hit
            }
            (Some(_), _) => CacheOutcome::Stale,
            (None, _) => CacheOutcome::Miss,
        };
        self.metrics.cached(outcome);
        let since = match consistency {
            Consistency::Cached => None,
            Consistency::ReadAfter(since) | Consistency::ReadAfterOrKept(since) => Some(since),
        };
        let is_cached = cached.is_some();
        let fallback = match (outcome, cached) {
            (CacheOutcome::Hit, Some(key)) => return Ok(Some(Proven { key, provenance: Provenance::Cached })),
            (_, cached) => cached.filter(|key| {
                self.is_tolerable(consistency, (organization_of(key), &key.freshness), &key.generations())
            }),
        };
        let timeout = self.timeout(fallback.is_some());
        let kind = if is_cached { CachedOrCold::Cached } else { CachedOrCold::Cold(account) };
        match (Box::pin(self.reader.read_key((secret, kind), since, timeout)).await, fallback) {
            (Ok(Some(key)), _) => Ok(Some(Proven { key, provenance: Provenance::Read })),
            (Ok(None), _) => Ok(None),
            (Err(_), Some(key)) if self.was_gone(timeout) => {
                self.metrics.cached(CacheOutcome::Kept);
                Ok(Some(Proven { key, provenance: Provenance::Kept }))
            }
            (Err(error), _) => {
                if error == ReadError::QueueFull {
                    self.metrics.cold_reads_rejected();
                }
                Err(error.into())
            }
        }
    }

    /// Has what was used without Redis read again before it is too old for that.
    pub fn refresh(&self, secret: Presented<'_>, named: Option<&str>, proven: &Proven, customer: &CustomerLookup) {
        let now_ms = self.clock.monotonic_ms();
        let is_ageing = |provenance, freshness: &Freshness| {
            provenance == Provenance::Cached && freshness.age_ms(now_ms) > AGE_TO_REFRESH_MS
        };
        if is_ageing(proven.provenance, &proven.key.freshness) {
            self.reader.refresh_key(secret);
        }
        if let CustomerLookup::Known(known) = customer
            && is_ageing(known.provenance, &known.customer.freshness)
            && let Some(reference) = reference_of(proven, named)
        {
            self.reader.refresh_customer(organization_of(&proven.key), &reference);
        }
    }

    /// Takes note of versions that there are by now.
    pub fn note_newer(&self, generations: &[Generation]) {
        for generation in generations {
            self.cache.set_min_version(*generation, self.clock.monotonic_ms());
        }
    }

    /// An entry to fall back on makes nobody impatient with a Postgres that is merely slow.
    fn timeout(&self, has_fallback: bool) -> ReadTimeout {
        if has_fallback && self.reader.is_postgres_gone() { ReadTimeout::Short } else { ReadTimeout::Full }
    }

    /// Whether Postgres was gone when a read began that failed, or is by now. One that answered somebody else meanwhile was
    /// not there to answer this read.
    fn was_gone(&self, timeout: ReadTimeout) -> bool {
        timeout == ReadTimeout::Short || self.reader.is_postgres_gone()
    }

    /// The key behind a presented secret as far as the cache knows it.
    pub fn find_vouched(&self, ring: &PepperRing, secret: Presented<'_>) -> Option<Proven> {
        let key = self.find_cached(ring, secret)?;
        let is_vouched = self.is_vouched((organization_of(&key), &key.freshness), &key.generations());
        is_vouched.then_some(Proven { key, provenance: Provenance::Cached })
    }

    /// The cached secret that this one is; the same work whether or not the id is known.
    fn find_cached(&self, ring: &PepperRing, secret: Presented<'_>) -> Option<Arc<CachedKey>> {
        let own = match secret {
            Presented::Own(own) => own,
            // Its digest was wrapped already, which is all the work that there is.
            Presented::Foreign(wrapped) => {
                let candidates = wrapped.iter().filter_map(|one| self.cache.find_key(&one.lookup_id));
                return candidates.into_iter().find_map(|candidates| proven_among(ring, &candidates, secret));
            }
        };
        let Some(candidates) = self.cache.find_key(&own.lookup_id()) else {
            ring.disprove(own);
            return None;
        };
        proven_among(ring, &candidates, secret)
    }

    /// The customer that the question names, or the only one that the key stands for.
    pub async fn find_customer(
        &self,
        proven: &Proven,
        named: Option<&str>,
        consistency: Consistency,
    ) -> Result<CustomerLookup, VerifyError> {
        let Some(reference) = reference_of(proven, named) else { return Ok(CustomerLookup::Unnamed) };
        self.find_named(organization_of(&proven.key), &reference, consistency).await
    }

    async fn find_named(
        &self,
        organization: OrganizationId,
        reference: &str,
        consistency: Consistency,
    ) -> Result<CustomerLookup, VerifyError> {
        let cached = self.cache.find_customer(organization, reference);
        let (since, fallback) = match (consistency, cached) {
            (Consistency::Cached, Some(customer)) => {
                if self.is_vouched((organization, &customer.freshness), &[customer.generation()]) {
                    return Ok(CustomerLookup::Known(KnownCustomer { customer, provenance: Provenance::Cached }));
                }
                (None, Some(customer))
            }
            (Consistency::Cached, None) => (None, None),
            (Consistency::ReadAfter(since) | Consistency::ReadAfterOrKept(since), cached) => (Some(since), cached),
        };
        let fallback = fallback.filter(|customer| {
            self.is_tolerable(consistency, (organization, &customer.freshness), &[customer.generation()])
        });
        let timeout = self.timeout(fallback.is_some());
        let reading = Box::pin(self.reader.read_customer(organization, reference, since, timeout));
        match (reading.await, fallback) {
            (Ok(Some(customer)), _) => {
                Ok(CustomerLookup::Known(KnownCustomer { customer, provenance: Provenance::Read }))
            }
            (Ok(None), _) => Ok(CustomerLookup::Unknown),
            (Err(_), Some(customer)) if self.was_gone(timeout) => {
                Ok(CustomerLookup::Known(KnownCustomer { customer, provenance: Provenance::Kept }))
            }
            (Err(error), _) => Err(error.into()),
        }
    }

    /// What an organization has configured of limits without a key; `None` when there is no such organization.
    pub async fn find_settings(
        &self,
        organization: OrganizationId,
        consistency: Consistency,
    ) -> Result<Option<KnownSettings>, VerifyError> {
        let cached = self.cache.find_settings(organization);
        let (since, fallback) = match (consistency, cached) {
            (Consistency::Cached, Some(settings)) => {
                if self.is_vouched((organization, &settings.freshness), &[settings.generation(organization)]) {
                    return Ok(Some(KnownSettings { settings, provenance: Provenance::Cached }));
                }
                (None, Some(settings))
            }
            (Consistency::Cached, None) => (None, None),
            (Consistency::ReadAfter(since) | Consistency::ReadAfterOrKept(since), cached) => (Some(since), cached),
        };
        let fallback = fallback.filter(|settings| {
            self.is_tolerable(consistency, (organization, &settings.freshness), &[settings.generation(organization)])
        });
        let timeout = self.timeout(fallback.is_some());
        match (Box::pin(self.reader.read_settings(organization, since, timeout)).await, fallback) {
            (Ok(settings), _) => Ok(settings.map(|settings| KnownSettings { settings, provenance: Provenance::Read })),
            (Err(_), Some(settings)) if self.was_gone(timeout) => {
                Ok(Some(KnownSettings { settings, provenance: Provenance::Kept }))
            }
            (Err(error), _) => Err(error.into()),
        }
    }

    /// Whether an entry may go on to Redis, or, without Redis, is young enough.
    fn is_vouched(&self, (organization, freshness): Held<'_>, generations: &[Generation]) -> bool {
        if generations.iter().any(|generation| self.cache.is_outdated(generation)) {
            return false;
        }
        match self.counters.run(organization) {
            Some(run) => freshness.run() == run,
            None => freshness.age_ms(self.clock.monotonic_ms()) <= AGE_WITHOUT_REDIS_MS,
        }
    }

    /// Whether an entry may be used if Postgres does not answer either.
    fn is_tolerable(
        &self,
        consistency: Consistency,
        (organization, freshness): Held<'_>,
        generations: &[Generation],
    ) -> bool {
        let knows_redis_nothing = match consistency {
            Consistency::Cached => self.counters.run(organization) != Some(freshness.run()),
            Consistency::ReadAfter(_) => false,
            Consistency::ReadAfterOrKept(_) => true,
        };
        knows_redis_nothing
            && !generations.iter().any(|generation| self.cache.is_outdated(generation))
            && freshness.age_ms(self.clock.monotonic_ms()) <= AGE_WITHOUT_BOTH_MS
    }
}

impl From<ReadError> for VerifyError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Unavailable | ReadError::QueueFull => Self::Unavailable,
            ReadError::Broken => Self::Broken,
        }
    }
}

/// What the customer is called that the question names, or that the key alone stands for.
fn reference_of(proven: &Proven, named: Option<&str>) -> Option<String> {
    let only = || match &proven.key.snapshot.key.policy.customers {
        AllOr::Only(customers) if customers.len() == 1 => customers.first().map(ToString::to_string),
        AllOr::Only(_) | AllOr::All => None,
    };
    named.map(str::to_owned).or_else(only)
}

fn organization_of(key: &CachedKey) -> OrganizationId {
    key.snapshot.organization.id
}

/// The candidate whose secret this is; the first one, should there be two.
fn proven_among(ring: &PepperRing, candidates: &Candidates, secret: Presented<'_>) -> Option<Arc<CachedKey>> {
    let proves =
        |key: &&Arc<CachedKey>| ring.proves_presented(key.snapshot.organization.id, secret, &key.snapshot.secret.hash);
    candidates.as_slice().iter().find(proves).cloned()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use domain::environment::Environment;
    use domain::ids::CustomerId;
    use server::metrics::Metrics;
    use tokio::net::TcpListener;
    use uuid::Uuid;

    use super::*;
    use crate::metrics::KeyMetrics;
    use crate::reader::tests::{no_counters, reader};

    #[test]
    fn without_redis_a_read_is_trusted_no_longer_than_one_before() {
        let freshness = Freshness::new(1_000, 1);
        for provenance in [Provenance::Cached, Provenance::Read] {
            assert!(provenance.stands_alone(&freshness, 1_000 + AGE_WITHOUT_REDIS_MS), "{provenance:?}");
            assert!(!provenance.stands_alone(&freshness, 1_001 + AGE_WITHOUT_REDIS_MS), "{provenance:?}");
        }
        assert!(Provenance::Kept.stands_alone(&freshness, 30_000), "its age was looked at when it was taken");
    }

    #[tokio::test]
    async fn a_read_that_began_without_postgres_falls_back() {
        // It takes connections and says nothing.
        let postgres = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let clock = Arc::new(StoreClock::new());
        let lookup = Lookup {
            cache: Arc::default(),
            reader: reader(postgres.local_addr().unwrap().port()).await,
            counters: no_counters(),
            clock: Arc::clone(&clock),
            metrics: KeyMetrics::register(&Metrics::new()).of(Environment::Staging),
        };
        let organization = OrganizationId::from_uuid(Uuid::from_u128(1));
        let facts = CustomerFacts {
            id: CustomerId::from_uuid(Uuid::from_u128(2)),
            external_id: None,
            name: "customer".into(),
            metadata: Arc::default(),
            is_suspended: false,
            generation: 1,
            limits: Vec::new(),
        };
        let customer = CachedCustomer { facts, freshness: Freshness::new(clock.monotonic_ms(), 1) };
        lookup.cache.keep_customer(organization, "customer", Some(&Arc::new(customer)));
        while !lookup.reader.is_postgres_gone() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let answer = async {
            tokio::time::sleep(Duration::from_millis(20)).await;
            lookup.reader.heard();
        };
        let find = lookup.find_named(organization, "customer", Consistency::ReadAfterOrKept(Instant::now()));
        let (found, ()) = tokio::join!(find, answer);
        assert!(!lookup.reader.is_postgres_gone());
        let provenance = match found {
            Ok(CustomerLookup::Known(known)) => Some(known.provenance),
            _ => None,
        };
        assert_eq!(provenance, Some(Provenance::Kept));
    }
}
