//! Reads keys and customers from Postgres for the cache: one read at a time per thing, few at a time in all, and those
//! for secrets that the cache does not prove behind all others.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use domain::environment::Environment;
use domain::foreign::Presented;
use domain::ids::{KeyId, OrganizationId};
use domain::secret::{LookupId, PepperRing, SecretHash};
use store::Store;
use store::counters::{Counters, Runs};
use tokio::sync::Semaphore;

use crate::cache::{Cache, CachedCustomer, CachedKey, CachedSettings, Freshness};
use crate::clock::StoreClock;
use crate::cold_reads::{ColdReadLimiter, QueueFull};
use crate::foreign::Sought;
use crate::requester::Account;
use crate::single_flight::SingleFlight;

/// How many reads run at once; what comes on top is refused rather than queued.
const READS_MAX: usize = 256;
/// How many have to be free for a refresh, which nobody waits for.
const REFRESH_FREE_MIN: usize = READS_MAX / 2;
/// How long a read may take when there is nothing else to go by.
const TIMEOUT: Duration = Duration::from_millis(1_500);
/// The same when an entry that may still be used is at hand.
const SHORT_TIMEOUT: Duration = Duration::from_millis(80);
/// How long Postgres is left alone after it did not answer.
const BACKOFF_MS: u64 = 250;
/// How long Postgres has to have been silent, whatever was asked, before it counts as gone and not as slow. The replica
/// asks it something once a second.
const GONE_AFTER_MS: u64 = 3_000;

/// Why nothing was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadError {
    /// Postgres is away, or busy.
    Unavailable,
    /// Too many cold reads wait.
    QueueFull,
    /// A statement or a row is wrong: a mistake of ours.
    Broken,
}

impl From<QueueFull> for ReadError {
    fn from(QueueFull: QueueFull) -> Self {
        Self::QueueFull
    }
}

/// How long to wait for a read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadTimeout {
    /// Nothing else will do.
    Full,
    /// There is an entry to fall back on.
    Short,
}

/// Whether the cache proves a presented secret. One that is wrong is cold, whether or not its id exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CachedOrCold {
    /// The cache has what it stands for, if not as fresh as it should be.
    Cached,
    /// It may stand for a new key, for one that nobody asked about lately, or for nothing. The read is on this account.
    Cold(Account),
}

/// A public id with a digest of the whole secret: whoever presents a wrong one shares its read with nobody else, and nobody
/// shares the queue that another's read waits in.
type KeyName = (LookupId, u64, CachedOrCold);
type KeyRead = Result<Option<Arc<CachedKey>>, ReadError>;
type CustomerRead = Result<Option<Arc<CachedCustomer>>, ReadError>;
type SettingsRead = Result<Option<Arc<CachedSettings>>, ReadError>;
type BalanceRead = Result<Option<i64>, ReadError>;

/// One environment's stores, and who waits for them.
pub struct Stores {
    pub store: Store,
    pub counters: Counters,
    pub cold_reads: ColdReadLimiter,
}

/// The way to Postgres, for the cache.
#[derive(Clone)]
pub struct Reader(Arc<Inner>);

struct Inner {
    environment: Environment,
    ring: Arc<PepperRing>,
    stores: Stores,
    cache: Arc<Cache>,
    clock: Arc<StoreClock>,
    digests: RandomState,
    keys: SingleFlight<KeyName, KeyRead>,
    customers: SingleFlight<(OrganizationId, String), CustomerRead>,
    settings: SingleFlight<OrganizationId, SettingsRead>,
    balances: SingleFlight<(OrganizationId, KeyId), BalanceRead>,
    permits: Semaphore,
    backoff_until_ms: AtomicU64,
    /// When Postgres last answered anything; 0 when it never did.
    answered_at_ms: AtomicU64,
}

impl Reader {
    /// A reader that fills `cache`.
    pub fn new(
        environment: Environment,
        ring: Arc<PepperRing>,
        stores: Stores,
        cache: Arc<Cache>,
        clock: Arc<StoreClock>,
    ) -> Self {
        Self(Arc::new(Inner {
            environment,
            ring,
            stores,
            cache,
            clock,
            digests: RandomState::new(),
            keys: SingleFlight::new(),
            customers: SingleFlight::new(),
            settings: SingleFlight::new(),
            balances: SingleFlight::new(),
            permits: Semaphore::new(READS_MAX),
            backoff_until_ms: AtomicU64::new(0),
            answered_at_ms: AtomicU64::new(0),
        }))
    }

    /// The key behind a presented secret, if it proves one. What is there may come from a read that runs already, if
    /// that began at `since` or later; what is not there never does: it may be there by now.
    pub async fn read_key(
        &self,
        (secret, kind): (Presented<'_>, CachedOrCold),
        since: Option<Instant>,
        timeout: ReadTimeout,
    ) -> KeyRead {
        self.check_backoff()?;
        let (arrived, arrived_ms) = (Instant::now(), self.0.clock.monotonic_ms());
        let name = self.name_of(secret, kind);
        let read = async |since| self.0.keys.join(&name, since, || self.fetching_key(secret, kind)).await;
        let outcome =
            tokio::time::timeout(timeout.duration(), read(since)).await.map_err(|_| self.0.back_off(arrived_ms))?;
        if matches!(outcome.value, Ok(None)) && outcome.started < arrived {
            return tokio::time::timeout(timeout.duration(), read(Some(arrived)))
                .await
                .map_err(|_| self.0.back_off(arrived_ms))?
                .value;
        }
        outcome.value
    }

    /// The customer that a question names, from a read that began at `since` or later.
    pub async fn read_customer(
        &self,
        organization: OrganizationId,
        reference: &str,
        since: Option<Instant>,
        timeout: ReadTimeout,
    ) -> CustomerRead {
        self.check_backoff()?;
        // What is not there is never shared with who came later: it may be there by then.
        let (arrived, arrived_ms) = (Instant::now(), self.0.clock.monotonic_ms());
        let name = (organization, reference.to_owned());
        let read = async |since| self.0.customers.join(&name, since, || self.fetching_customer(&name)).await;
        let outcome =
            tokio::time::timeout(timeout.duration(), read(since)).await.map_err(|_| self.0.back_off(arrived_ms))?;
        if matches!(outcome.value, Ok(None)) && outcome.started < arrived {
            return tokio::time::timeout(timeout.duration(), read(Some(arrived)))
                .await
                .map_err(|_| self.0.back_off(arrived_ms))?
                .value;
        }
        outcome.value
    }

    /// What an organization has configured of limits without a key, from a read that began at `since` or later; `None` when there
    /// is no such organization.
    pub async fn read_settings(
        &self,
        organization: OrganizationId,
        since: Option<Instant>,
        timeout: ReadTimeout,
    ) -> SettingsRead {
        self.check_backoff()?;
        let (arrived, arrived_ms) = (Instant::now(), self.0.clock.monotonic_ms());
        let fetching = || {
            let inner = Arc::clone(&self.0);
            async move { inner.fetch_settings(organization).await }
        };
        let read = async |since| {
            let joined = tokio::time::timeout(timeout.duration(), self.0.settings.join(&organization, since, fetching));
            joined.await.map_err(|_| self.0.back_off(arrived_ms))
        };
        let outcome = read(since).await?;
        // One that was not there may be there by now.
        if matches!(outcome.value, Ok(None)) && outcome.started < arrived {
            return read(Some(arrived)).await?.value;
        }
        outcome.value
    }

    /// What is left of a proven key's credits, if Postgres can tell. All who ask about one key at a time share a read: a flood
    /// of refused questions asks no more of Postgres than one of them.
    pub async fn read_balance(&self, organization: OrganizationId, key: KeyId) -> Option<i64> {
        self.check_backoff().ok()?;
        let arrived_ms = self.0.clock.monotonic_ms();
        let (inner, name) = (Arc::clone(&self.0), (organization, key));
        let read = self.0.balances.join(&name, None, || async move { inner.fetch_balance(organization, key).await });
        let outcome = tokio::time::timeout(TIMEOUT, read).await.map_err(|_| self.0.back_off(arrived_ms)).ok()?;
        outcome.value.ok().flatten()
    }

    /// Reads a key anew that was proven here, for those who will ask for it; whoever asks now does not wait. Nothing
    /// comes of it while Postgres rests or has much to do.
    pub fn refresh_key(&self, secret: Presented<'_>) {
        if self.may_refresh() {
            let kind = CachedOrCold::Cached;
            self.0.keys.begin(&self.name_of(secret, kind), || self.fetching_key(secret, kind));
        }
    }

    /// The same for a customer.
    pub fn refresh_customer(&self, organization: OrganizationId, reference: &str) {
        if self.may_refresh() {
            let name = (organization, reference.to_owned());
            self.0.customers.begin(&name, || self.fetching_customer(&name));
        }
    }

    /// Notes that Postgres has answered something.
    pub fn heard(&self) {
        self.0.heard();
    }

    /// Whether Postgres counts as gone. One that is slow, or busy with one table, does not: what is known of a key then
    /// has to be read again, however long that takes.
    pub fn is_postgres_gone(&self) -> bool {
        let answered_at_ms = self.0.answered_at_ms.load(Ordering::Relaxed);
        self.0.clock.monotonic_ms().saturating_sub(answered_at_ms) > GONE_AFTER_MS
    }

    fn name_of(&self, secret: Presented<'_>, kind: CachedOrCold) -> KeyName {
        match secret {
            Presented::Own(secret) => (secret.lookup_id(), self.0.digests.hash_one(secret.expose()), kind),
            Presented::Foreign(wrapped) => {
                let first = wrapped.first().expect("there is a pepper");
                (first.lookup_id, self.0.digests.hash_one(first.hash.bytes), kind)
            }
        }
    }

    fn fetching_key(&self, secret: Presented<'_>, kind: CachedOrCold) -> impl Future<Output = KeyRead> + Send + use<> {
        let inner = Arc::clone(&self.0);
        let own = Sought::of(secret);
        async move { inner.fetch_key(own, kind).await }
    }

    fn fetching_customer(&self, name: &(OrganizationId, String)) -> impl Future<Output = CustomerRead> + Send + use<> {
        let (inner, own) = (Arc::clone(&self.0), name.clone());
        async move { inner.fetch_customer(own).await }
    }

    fn may_refresh(&self) -> bool {
        self.check_backoff().is_ok() && self.0.permits.available_permits() > REFRESH_FREE_MIN
    }

    fn check_backoff(&self) -> Result<(), ReadError> {
        let is_backing_off = self.0.clock.monotonic_ms() < self.0.backoff_until_ms.load(Ordering::Relaxed);
        if is_backing_off { Err(ReadError::Unavailable) } else { Ok(()) }
    }
}

impl ReadTimeout {
    const fn duration(self) -> Duration {
        match self {
            Self::Full => TIMEOUT,
            Self::Short => SHORT_TIMEOUT,
        }
    }
}

impl Inner {
    #[expect(clippy::disallowed_methods, reason = "the lookup of a presented secret")]
    async fn fetch_key(&self, sought: Sought, kind: CachedOrCold) -> KeyRead {
        let _cold = match kind {
            CachedOrCold::Cached => None,
            CachedOrCold::Cold(account) => Some(self.stores.cold_reads.admit(account).await?),
        };
        let _permit = self.permits.try_acquire().map_err(|_| ReadError::Unavailable)?;
        let (at_ms, runs) = self.vouch();
        let (secret, asked_at) = (sought.presented(), Instant::now());
        let proves = |organization, hash: &SecretHash| self.ring.proves_presented(organization, secret, hash);
        // In memory of its own, some 15 KiB: whoever waits for a turn above is a task like this and has no need of it yet.
        let found = Box::pin(self.stores.store.find_snapshots(self.environment, secret, proves)).await;
        let found = found.map_err(|error| self.failed(&error, at_ms))?;
        self.heard();
        self.clock.hear(found.now, asked_at);
        let Some(snapshot) = found.into_sole() else {
            // What a secret stood for that was proven here before is no more.
            if kind == CachedOrCold::Cached {
                secret.lookup_ids().iter().for_each(|id| self.cache.forget_key(id));
            }
            return Ok(None);
        };
        let id = sought.lookup_id(&snapshot.secret.hash);
        let run = runs.of(snapshot.organization.id).unwrap_or(0);
        Ok(Some(self.cache.keep_key(id, snapshot, Freshness::new(at_ms, run))))
    }

    #[expect(clippy::disallowed_methods, reason = "the key of this verification is proven")]
    async fn fetch_customer(&self, name: (OrganizationId, String)) -> CustomerRead {
        let _permit = self.permits.try_acquire().map_err(|_| ReadError::Unavailable)?;
        let (at_ms, runs) = self.vouch();
        let found =
            self.stores.store.find_customer_facts(name.0, &name.1).await.map_err(|error| self.failed(&error, at_ms))?;
        self.heard();
        let run = runs.of(name.0).unwrap_or(0);
        let cached = |facts| Arc::new(CachedCustomer { facts, freshness: Freshness::new(at_ms, run) });
        let customer = found.map(cached);
        self.cache.keep_customer(name.0, &name.1, customer.as_ref());
        Ok(customer)
    }

    #[expect(clippy::disallowed_methods, reason = "whoever asks proved to be of the organization, or guards them all")]
    async fn fetch_settings(&self, organization: OrganizationId) -> SettingsRead {
        let _permit = self.permits.try_acquire().map_err(|_| ReadError::Unavailable)?;
        let (at_ms, runs) = self.vouch();
        let found = self.stores.store.find_limit_settings(organization).await;
        let found = found.map_err(|error| self.failed(&error, at_ms))?;
        self.heard();
        let run = runs.of(organization).unwrap_or(0);
        let cached = |settings| Arc::new(CachedSettings { settings, freshness: Freshness::new(at_ms, run) });
        let settings = found.map(cached);
        self.cache.keep_settings(organization, settings.as_ref());
        Ok(settings)
    }

    async fn fetch_balance(&self, organization: OrganizationId, key: KeyId) -> BalanceRead {
        let _permit = self.permits.try_acquire().map_err(|_| ReadError::Unavailable)?;
        let began_ms = self.clock.monotonic_ms();
        let found = self.stores.store.find_balance(organization, key).await;
        let balance = found.map_err(|error| self.failed(&error, began_ms))?;
        self.heard();
        Ok(balance)
    }

    /// Taken before a read: nobody vouches for what changed while it ran.
    fn vouch(&self) -> (u64, Runs) {
        (self.clock.monotonic_ms(), self.stores.counters.runs())
    }

    /// What to make of a read that began at `began_ms` and failed.
    fn failed(&self, error: &store::Error, began_ms: u64) -> ReadError {
        match error {
            store::Error::Unavailable(_) => self.back_off(began_ms),
            store::Error::Database(_) | store::Error::Conflict(_) => {
                // Many may wait for this read; the edge would tell it once for each of them.
                let source = std::error::Error::source(error).map(ToString::to_string);
                tracing::error!(error = %error, source, "a read for the cache went wrong");
                ReadError::Broken
            }
        }
    }

    fn heard(&self) {
        self.answered_at_ms.store(self.clock.monotonic_ms(), Ordering::Relaxed);
        self.backoff_until_ms.store(0, Ordering::Relaxed);
    }

    /// Leaves Postgres alone for a while after what began at `began_ms` came to nothing, unless it has answered something
    /// since: then it is back, and whoever is not read now has nothing to fall back on.
    fn back_off(&self, began_ms: u64) -> ReadError {
        if self.answered_at_ms.load(Ordering::Relaxed) <= began_ms {
            self.backoff_until_ms.store(self.clock.monotonic_ms() + BACKOFF_MS, Ordering::Relaxed);
        }
        ReadError::Unavailable
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use domain::secret::{Pepper, PlainSecret, Prefix};
    use store::DatabaseConfig;
    use store::counters::RedisConfig;

    use super::*;

    const ENVIRONMENT: Environment = Environment::Staging;

    /// A Redis that is not there.
    pub(crate) fn no_counters() -> Counters {
        Counters::connect(&RedisConfig::new("redis://127.0.0.1:1/", "test:"))
    }

    /// A reader of a Postgres that answers nothing, on this port.
    pub(crate) async fn reader(postgres: u16) -> Reader {
        let ring = PepperRing::new(Pepper::new("test", (0..32).collect()).unwrap(), Vec::new());
        let database = DatabaseConfig::new(format!("postgres://app@127.0.0.1:{postgres}/none"), 2);
        let (store, counters) = (Store::connect(&database).await.unwrap(), no_counters());
        let cold_reads = ColdReadLimiter::new(2);
        let stores = Stores { store, counters, cold_reads };
        Reader::new(ENVIRONMENT, Arc::new(ring), stores, Arc::default(), Arc::new(StoreClock::new()))
    }

    #[tokio::test]
    async fn a_postgres_that_answers_again_is_asked_at_once() {
        let reader = reader(1).await;
        let secret = PlainSecret::generate(&Prefix::organization(), ENVIRONMENT);
        let read = reader.read_key(((&secret).into(), CachedOrCold::Cached), None, ReadTimeout::Full).await;
        assert_eq!(read.err(), Some(ReadError::Unavailable));
        assert_eq!(reader.check_backoff(), Err(ReadError::Unavailable), "it is left alone for a while");
        let began_ms = reader.0.clock.monotonic_ms();
        while reader.0.clock.monotonic_ms() == began_ms {
            tokio::task::yield_now().await;
        }
        reader.heard();
        assert_eq!(reader.check_backoff(), Ok(()));
        reader.0.back_off(began_ms);
        assert_eq!(reader.check_backoff(), Ok(()), "what began before it answered");
        reader.0.back_off(reader.0.clock.monotonic_ms());
        assert_eq!(reader.check_backoff(), Err(ReadError::Unavailable));
    }

    #[tokio::test]
    async fn a_waiting_cold_read_has_no_memory_of_a_read() {
        let reader = reader(1).await;
        let secret = PlainSecret::generate(&Prefix::organization(), ENVIRONMENT);
        let bytes = size_of_val(&reader.fetching_key((&secret).into(), CachedOrCold::Cold(Account::Service)));
        assert!(bytes <= 1_024, "{bytes}, for each of 512 that wait and for all that are sent away");
    }
}
