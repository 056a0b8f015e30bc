//! What was read of keys and customers, each piece good only as long as somebody vouches for it.
//!
//! Redis vouches by the generation on every request; without Redis, an age on a monotonic clock is the bound. What was
//! not found is never kept: a new secret works at once.

use std::hash::{Hash, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use domain::ids::OrganizationId;
use domain::limit_settings::LimitSettings;
use domain::secret::LookupId;
use domain::snapshot::{CustomerFacts, Snapshot};
use papaya::HashMap;
use quick_cache::sync::{DefaultLifecycle, EntryAction, EntryResult};
use quick_cache::{OptionsBuilder, UnitWeighter, Weighter};
use store::{Generation, Subject};

use crate::interner::Interner;

/// How many public ids are kept; beyond, those that are used least make room.
const KEYS_MAX: usize = 1_000_000;
/// How many secrets of one public id are kept: organizations that import keys may have the same.
const CANDIDATES_MAX: usize = 16;
/// How many customers are kept.
const CUSTOMERS_MAX: usize = 200_000;
/// How many namespaces of limits and overrides are kept, with one for each organization that asks: some 100 MB.
const SETTINGS_ENTRIES_MAX: u64 = 500_000;
/// Of how many organizations, about.
const SETTINGS_MAX: usize = 10_000;
/// Each part of a table has a lock of its own. Growing one part copies it under that lock, so that many small ones keep
/// readers waiting for a moment only.
const SHARDS: usize = 128;
/// How long a change is remembered: longer than the hardest age, so that no older entry outlives it.
const MIN_VERSION_MS: u64 = 60_000;

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

/// What an organization has configured of limits without a key, as it was read.
#[derive(Debug)]
pub struct CachedSettings {
    pub settings: LimitSettings,
    pub freshness: Freshness,
}

impl CachedSettings {
    /// The version of all of it.
    pub fn generation(&self, organization: OrganizationId) -> Generation {
        Generation { subject: Subject::Limits(organization), value: self.settings.generation }
    }
}

/// An organization weighs what it has configured, and one more.
#[derive(Debug, Clone)]
struct EntriesWeighter;

impl Weighter<OrganizationId, Arc<CachedSettings>> for EntriesWeighter {
    fn weight(&self, _: &OrganizationId, cached: &Arc<CachedSettings>) -> u64 {
        1 + cached.settings.entries() as u64
    }
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
#[derive(Debug, Clone)]
pub enum Candidates {
    /// The rule, without a list around it.
    One(Arc<CachedKey>),
    /// Organizations that import keys may have the same.
    Several(Arc<[Arc<CachedKey>]>),
}

impl Candidates {
    /// All of them.
    pub fn as_slice(&self) -> &[Arc<CachedKey>] {
        match self {
            Self::One(key) => std::slice::from_ref(key),
            Self::Several(keys) => keys,
        }
    }

    /// What was read of a secret, beside what is known of others.
    fn with(&self, read: &Arc<CachedKey>) -> Self {
        let is_other = |known: &&Arc<CachedKey>| known.snapshot.secret.id != read.snapshot.secret.id;
        let mut others = self.as_slice().iter().filter(is_other).take(CANDIDATES_MAX - 1).peekable();
        if others.peek().is_none() {
            return Self::One(Arc::clone(read));
        }
        Self::Several(others.chain([read]).map(Arc::clone).collect())
    }
}

/// A table that evicts what is used least, by CLOCK-Pro: whatever passes through once displaces nothing that is in use.
/// A read takes a shared lock and marks the entry.
type Evicting<K, V> = quick_cache::sync::Cache<K, V, UnitWeighter, RandomState>;

/// The entries of one environment in this process.
pub struct Cache {
    keys: Evicting<LookupId, Candidates>,
    customers: Evicting<(OrganizationId, String), Arc<CachedCustomer>>,
    settings: quick_cache::sync::Cache<OrganizationId, Arc<CachedSettings>, EntriesWeighter>,
    /// The version that each changed row has at least, with when that was heard.
    min_versions: HashMap<Subject, (i64, u64)>,
    /// What keys have in common.
    interner: Interner,
}

impl Default for Cache {
    fn default() -> Self {
        Self {
            keys: evicting(KEYS_MAX),
            customers: evicting(CUSTOMERS_MAX),
            settings: quick_cache::sync::Cache::with_weighter(SETTINGS_MAX, SETTINGS_ENTRIES_MAX, EntriesWeighter),
            min_versions: HashMap::default(),
            interner: Interner::default(),
        }
    }
}

fn evicting<K: Eq + Hash, V: Clone>(items_max: usize) -> Evicting<K, V> {
    let mut options = OptionsBuilder::new();
    options.shards(SHARDS).estimated_items_capacity(items_max).weight_capacity(items_max as u64);
    let options = options.build().expect("both capacities are set");
    Evicting::with_options(options, UnitWeighter, RandomState::new(), DefaultLifecycle::default())
}

impl Cache {
    /// What is known of a public id.
    pub fn find_key(&self, id: &LookupId) -> Option<Candidates> {
        self.keys.get(id)
    }

    /// Keeps what was read of a secret, beside other secrets with the same public id.
    pub fn keep_key(&self, id: LookupId, mut snapshot: Snapshot, freshness: Freshness) -> Arc<CachedKey> {
        self.interner.intern(&mut snapshot);
        let read = Arc::new(CachedKey { snapshot, freshness });
        self.insert_key(id, &read);
        read
    }

    fn insert_key(&self, id: LookupId, read: &Arc<CachedKey>) {
        let entry = self.keys.entry(&id, None, |_, known| {
            *known = known.with(read);
            EntryAction::Retain(())
        });
        match entry {
            EntryResult::Vacant(vacant) => {
                // It fails where the id was removed meanwhile; whoever asks next reads again.
                let _ = vacant.insert(Candidates::One(Arc::clone(read)));
            }
            EntryResult::Retained(()) => {}
            EntryResult::Removed(..) | EntryResult::Replaced(..) | EntryResult::Timeout => {
                unreachable!("an entry is retained, and waited for without an end")
            }
        }
    }

    /// Forgets a public id: what was known of it is no more.
    pub fn forget_key(&self, id: &LookupId) {
        self.keys.remove(id);
    }

    /// What is known of a customer.
    pub fn find_customer(&self, organization: OrganizationId, reference: &str) -> Option<Arc<CachedCustomer>> {
        self.customers.get(&(organization, reference.to_owned()))
    }

    /// Keeps a customer that was read, or forgets it when there is none any more.
    pub fn keep_customer(&self, organization: OrganizationId, reference: &str, customer: Option<&Arc<CachedCustomer>>) {
        let name = (organization, reference.to_owned());
        match customer {
            Some(customer) => self.customers.insert(name, Arc::clone(customer)),
            None => drop(self.customers.remove(&name)),
        }
    }

    /// What is known of an organization's limits without a key.
    pub fn find_settings(&self, organization: OrganizationId) -> Option<Arc<CachedSettings>> {
        self.settings.get(&organization)
    }

    /// Keeps what was read of an organization's limits without a key, or forgets an organization that is no more.
    pub fn keep_settings(&self, organization: OrganizationId, settings: Option<&Arc<CachedSettings>>) {
        match settings {
            Some(settings) => self.settings.insert(organization, Arc::clone(settings)),
            None => drop(self.settings.remove(&organization)),
        }
    }

    /// Takes note that a row has at least this version from now on.
    pub fn set_min_version(&self, generation: Generation, now_ms: u64) {
        let raised = |(value, _): &(i64, u64)| ((*value).max(generation.value), now_ms);
        self.min_versions.pin().update_or_insert(generation.subject, raised, (generation.value, now_ms));
    }

    /// Says whether a version is known to be an old one.
    pub fn is_outdated(&self, generation: &Generation) -> bool {
        if self.min_versions.is_empty() {
            return false;
        }
        self.min_versions.pin().get(&generation.subject).is_some_and(|(min, _)| generation.value < *min)
    }

    /// Forgets changes that no entry can predate any more.
    pub fn expire_min_versions(&self, now_ms: u64) {
        self.min_versions.pin().retain(|_, (_, heard_ms)| now_ms.saturating_sub(*heard_ms) < MIN_VERSION_MS);
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use domain::environment::Environment;
    use domain::ids::{KeyId, SecretId};
    use domain::limit::Limit;
    use domain::permission::PermissionName;
    use domain::policy::{AllOr, KeyKind, Policy};
    use domain::secret::{HashScheme, SecretHash};
    use domain::snapshot::{KeyFacts, OrganizationFacts, SecretFacts};
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_change_that_was_heard_of_outdates_what_was_read_before() {
        let cache = Cache::default();
        let key = |value| Generation { subject: Subject::Key(KeyId::from_uuid(Uuid::from_u128(1))), value };
        cache.set_min_version(key(5), 0);
        cache.set_min_version(key(4), 1);
        assert!(cache.is_outdated(&key(4)) && !cache.is_outdated(&key(5)));
        cache.expire_min_versions(30_000);
        assert!(cache.is_outdated(&key(4)));
        cache.expire_min_versions(70_000);
        assert!(!cache.is_outdated(&key(4)));
    }

    #[test]
    fn an_entry_is_as_old_as_the_last_word_about_it() {
        let freshness = Freshness::new(100, 7);
        freshness.confirm(400);
        freshness.confirm(300);
        assert_eq!(freshness.age_ms(1_000), 600);
    }

    /// A key of the one organization, with nothing of its own but ids and a name.
    fn key(number: u128) -> Snapshot {
        let organization = OrganizationFacts {
            id: OrganizationId::from_uuid(Uuid::from_u128(1)),
            slug: "acme".to_owned(),
            is_suspended: false,
            generation: 3,
            limits: Vec::new(),
            permissions: Vec::new(),
        };
        let policy = Policy {
            permissions: vec![PermissionName::parse("documents.read").expect("a name")],
            domains: AllOr::All,
            customers: AllOr::All,
            ips: AllOr::All,
            not_before: None,
            expires_at: None,
            limits: vec![Limit::platform_default()],
        };
        let key = KeyFacts {
            id: KeyId::from_uuid(Uuid::from_u128(number)),
            kind: KeyKind::Organization,
            environment: Environment::Production,
            name: Box::from(&*format!("1 limits, 1000000 keys, {number}")),
            policy: Arc::new(policy.into()),
            has_credits: false,
            metadata: Arc::default(),
            is_revoked: false,
            is_deleted: false,
            generation: 1,
        };
        let hash = SecretHash { pepper_id: "1".into(), scheme: HashScheme::Text, bytes: [7; 32] };
        let secret = SecretFacts { id: SecretId::from_uuid(Uuid::from_u128(number)), hash, retired_at: None };
        Snapshot { organization: Arc::new(organization), key, secret }
    }

    fn lookup_id(number: u128) -> LookupId {
        LookupId::parse(&format!("{number:016}")).expect("16 digits")
    }

    fn keep(cache: &Cache, id: u128, snapshot: Snapshot) -> Arc<CachedKey> {
        cache.keep_key(lookup_id(id), snapshot, Freshness::new(1, 1))
    }

    #[test]
    fn keys_hold_in_common_what_is_equal_and_nothing_else() {
        let cache = Cache::default();
        let first = keep(&cache, 1, key(1)).snapshot.clone();
        let same = keep(&cache, 2, key(2)).snapshot.clone();
        assert!(Arc::ptr_eq(&first.organization, &same.organization));
        assert!(Arc::ptr_eq(&first.key.policy, &same.key.policy));
        assert!(Arc::ptr_eq(&first.key.metadata, &same.key.metadata));
        assert!(Arc::ptr_eq(&first.secret.hash.pepper_id, &same.secret.hash.pepper_id));

        let mut changed = key(3);
        Arc::make_mut(&mut changed.organization).generation += 1;
        Arc::make_mut(&mut changed.key.policy).expires_at = DateTime::from_timestamp(1_800_000_000, 0);
        Arc::make_mut(&mut changed.key.metadata).insert("plan".to_owned(), 1.into());
        changed.secret.hash.pepper_id = "2".into();
        let other = keep(&cache, 3, changed).snapshot.clone();
        assert_eq!((other.organization.generation, first.organization.generation), (4, 3));
        assert!(other.key.policy.expires_at.is_some() && first.key.policy.expires_at.is_none());
        assert!(other.key.metadata.len() == 1 && first.key.metadata.is_empty());
        assert_eq!((&*other.secret.hash.pepper_id, &*first.secret.hash.pepper_id), ("2", "1"));
    }

    #[test]
    fn each_secret_of_a_public_id_is_cached_once_as_last_read() {
        let cache = Cache::default();
        let kept = || {
            let known = cache.find_key(&lookup_id(1)).expect("it is known");
            known.as_slice().iter().map(|key| (key.snapshot.key.id, key.snapshot.key.generation)).collect::<Vec<_>>()
        };
        let id = |number| KeyId::from_uuid(Uuid::from_u128(number));
        keep(&cache, 1, key(1));
        let mut newer = key(1);
        newer.key.generation = 2;
        keep(&cache, 1, newer);
        assert_eq!(kept(), [(id(1), 2)]);
        keep(&cache, 1, key(2));
        assert_eq!(kept(), [(id(1), 2), (id(2), 1)]);
        keep(&cache, 1, key(1));
        assert_eq!(kept(), [(id(2), 1), (id(1), 1)], "what was read last is last");
        for number in 3..30 {
            keep(&cache, 1, key(number));
        }
        assert_eq!(kept().len(), CANDIDATES_MAX);
        assert!(kept().contains(&(id(29), 1)));
        cache.forget_key(&lookup_id(1));
        assert!(cache.find_key(&lookup_id(1)).is_none());
    }

    /// A thousand keys are asked for now and then, while more pass through once than there is room for.
    #[test]
    fn keys_in_use_stay_while_others_pass_through() {
        const HOT: usize = 1_000;
        const ONCE: usize = KEYS_MAX + KEYS_MAX / 4;
        /// So many of the others come between two questions about the same hot key: half of what there is room for.
        const BETWEEN: usize = KEYS_MAX / 2;
        let cache = Cache::default();
        let read = Arc::new(CachedKey { snapshot: key(1), freshness: Freshness::new(1, 1) });
        let insert = |number: usize| cache.insert_key(lookup_id(number as u128), &read);
        (0..HOT).for_each(insert);
        let mut missed = 0;
        for number in 0..ONCE {
            insert(HOT + number);
            if number.is_multiple_of(BETWEEN / HOT) {
                let hot = number / (BETWEEN / HOT) % HOT;
                missed += usize::from(cache.find_key(&lookup_id(hot as u128)).is_none());
            }
        }
        assert_eq!(missed, 0, "of {} questions about keys in use", ONCE / (BETWEEN / HOT));
        // Each shard rounds up.
        let kept = cache.keys.len();
        assert!((KEYS_MAX - KEYS_MAX / 50..=KEYS_MAX + SHARDS).contains(&kept), "{kept}");
    }

    #[cfg(target_os = "linux")]
    fn resident_bytes() -> u64 {
        let status = std::fs::read_to_string("/proc/self/status").expect("the kernel tells");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") * 1_024
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_warm_key_takes_no_more_memory_than_is_promised() {
        /// A quarter of all that are kept: it fills the table to the same degree.
        const COUNT: u64 = KEYS_MAX as u64 / 4;
        let cache = Cache::default();
        let before = resident_bytes();
        for number in 0..COUNT {
            keep(&cache, number.into(), key(number.into()));
        }
        let taken = (resident_bytes() - before) / COUNT;
        println!("{taken} bytes for each of {COUNT} keys");
        assert!(taken <= 400, "{taken} bytes for each key");
        // With the two counts of its `Arc` it fills a block of 192 bytes; the next larger one has 224.
        assert!(size_of::<CachedKey>() <= 192 - 2 * size_of::<usize>(), "{} bytes", size_of::<CachedKey>());
    }
}
