//! How many requests may be repeated: a share of those that were made, so that repeats never become the load.

use std::{
    sync::atomic::{AtomicU32, Ordering::Relaxed},
    time::Duration,
};

use rand::RngExt;

/// A repeat costs as much as so many requests bring.
const REQUESTS_PER_REPEAT: u32 = 10;
/// How many repeats can be saved up: for the few moments in which a replica goes and the next one comes.
const SAVED_MAX: u32 = 10;
/// How long a repeat waits. Callers that failed together must not come back together.
const PAUSE_MS: std::ops::Range<u64> = 10..60;

/// What may be spent on repeats: one for every ten requests, and a few at the start.
#[derive(Debug)]
pub struct Retries {
    /// In requests.
    saved: AtomicU32,
}

impl Retries {
    /// All that can be saved.
    pub fn new() -> Self {
        Self { saved: AtomicU32::new(SAVED_MAX * REQUESTS_PER_REPEAT) }
    }

    /// A request is made.
    pub fn earn(&self) {
        let _ = self
            .saved
            .fetch_update(Relaxed, Relaxed, |saved| (saved < SAVED_MAX * REQUESTS_PER_REPEAT).then_some(saved + 1));
    }

    /// Whether a request may be repeated, and after which pause.
    pub fn spend(&self) -> Option<Duration> {
        let spent = self.saved.fetch_update(Relaxed, Relaxed, |saved| saved.checked_sub(REQUESTS_PER_REPEAT));
        spent.ok().map(|_| Duration::from_millis(rand::rng().random_range(PAUSE_MS)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn when_everything_fails_at_most_every_tenth_request_is_repeated() {
        let retries = Retries::new();
        let mut repeats = 0;
        for _ in 0..1_000 {
            retries.earn();
            repeats += u32::from(retries.spend().is_some());
        }
        assert!((100..=100 + SAVED_MAX).contains(&repeats), "{repeats}");
    }

    #[test]
    fn what_is_saved_has_an_end() {
        let retries = Retries::new();
        for _ in 0..1_000 {
            retries.earn();
        }
        let repeats = (0..1_000).filter(|_| retries.spend().is_some()).count();
        assert_eq!(repeats, SAVED_MAX as usize);
    }
}
