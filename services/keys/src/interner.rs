//! What many keys have in common, in memory once.
//!
//! A million keys of one organization have its facts, and mostly a handful of policies between them. Besides what they
//! take, each copy of its own is another line for the processor to fetch. Things are one only when they are equal as a
//! whole: an organization that changed is another one, by its version if by nothing else.

use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use domain::snapshot::{EffectivePolicy, OrganizationFacts, Snapshot};
use serde_json::{Map, Value};

/// How many of equal digest are remembered, so that the few that most keys have do not displace each other.
const WAYS: usize = 4;
/// How many digests are told apart of policies, and of organizations.
const SETS: usize = 1_024;

/// The common parts of the keys of one environment.
pub struct Interner {
    organizations: Pool<OrganizationFacts>,
    policies: Pool<EffectivePolicy>,
    peppers: Pool<str>,
    no_metadata: Arc<Map<String, Value>>,
}

impl Default for Interner {
    fn default() -> Self {
        Self {
            organizations: Pool::new(SETS),
            policies: Pool::new(SETS),
            // A ring has a current pepper and seldom more than one that it replaces.
            peppers: Pool::new(1),
            no_metadata: Arc::default(),
        }
    }
}

impl Interner {
    /// Has a snapshot hold what others hold already, wherever that is equal to its own.
    pub fn intern(&self, snapshot: &mut Snapshot) {
        self.organizations.intern(&mut snapshot.organization);
        self.policies.intern(&mut snapshot.key.policy);
        self.peppers.intern(&mut snapshot.secret.hash.pepper_id);
        // Notes that are equal need not read the same, as 0.0 and -0.0 do not; without any, there is nothing to read.
        if snapshot.key.metadata.is_empty() {
            snapshot.key.metadata = Arc::clone(&self.no_metadata);
        }
    }
}

/// Remembers things for as long as somebody holds them, up to a fixed number; what is forgotten is merely held twice.
struct Pool<T: ?Sized> {
    /// Seeded: nobody can choose what displaces what.
    digests: RandomState,
    sets: Box<[Mutex<Set<T>>]>,
}

/// Things of equal digest, the latest first.
type Set<T> = [Option<Weak<T>>; WAYS];

impl<T: ?Sized + Eq + Hash> Pool<T> {
    fn new(sets: usize) -> Self {
        let set = || Mutex::new([const { None }; WAYS]);
        Self { digests: RandomState::new(), sets: std::iter::repeat_with(set).take(sets).collect() }
    }

    /// Replaces `held` by an equal one that is remembered, or else remembers it in the place of the oldest.
    fn intern(&self, held: &mut Arc<T>) {
        let set = self.digests.hash_one(&**held) as usize % self.sets.len();
        let mut set = self.sets[set].lock().unwrap_or_else(PoisonError::into_inner);
        let mut living = set.iter().flatten().filter_map(Weak::upgrade);
        if let Some(same) = living.find(|known| **known == **held) {
            *held = same;
            return;
        }
        set.rotate_right(1);
        set[0] = Some(Arc::downgrade(held));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_equal_becomes_one_and_nothing_else_does() {
        // One set for all: what is told apart here is told apart by more than its digest.
        let pool = Pool::<str>::new(1);
        let interned = |text: &str| {
            let mut held = Arc::from(text);
            pool.intern(&mut held);
            assert_eq!(&*held, text);
            held
        };
        let (first, other, again) = (interned("a"), interned("b"), interned("a"));
        assert!(Arc::ptr_eq(&first, &again));
        assert!(!Arc::ptr_eq(&first, &other));
    }

    #[test]
    fn only_the_latest_that_somebody_holds_are_remembered() {
        let pool = Pool::<str>::new(1);
        let held: Vec<Arc<str>> = (0..=WAYS).map(|number| Arc::from(number.to_string())).collect();
        for one in &held {
            pool.intern(&mut Arc::clone(one));
        }
        let is_remembered = |number: usize| {
            let mut one = Arc::from(number.to_string());
            pool.intern(&mut one);
            Arc::ptr_eq(&one, &held[number])
        };
        assert!(is_remembered(WAYS) && is_remembered(1));
        assert!(!is_remembered(0), "it made room");
        let gone = Arc::downgrade(&held[WAYS]);
        drop(held);
        assert!(gone.upgrade().is_none(), "nobody holds it, and the pool keeps nothing alive");
    }
}
