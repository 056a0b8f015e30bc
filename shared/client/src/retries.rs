//! The retry budget: retries are a share of the requests made, so that they never become the load.

use std::{
    sync::atomic::{AtomicU32, Ordering::Relaxed},
    time::Duration,
};

use rand::RngExt;

/// Requests that earn one retry.
const REQUESTS_PER_REPEAT: u32 = 10;
/// How many retries can be saved up: enough for the moments in which one replica replaces another.
const SAVED_MAX: u32 = 10;
/// How long a retry waits, with jitter: callers that failed together must not come back together.
const PAUSE_MS: std::ops::Range<u64> = 10..60;

/// The retry budget: one for every ten requests, and a few at the start.
#[derive(Debug)]
pub struct Retries {
    /// Counted in requests.
    saved: AtomicU32,
}

impl Retries {
    /// A full budget.
    pub fn new() -> Self {
        Self { saved: AtomicU32::new(SAVED_MAX * REQUESTS_PER_REPEAT) }
    }

    /// Earns for one request.
    pub fn earn(&self) {
        let _ = self
            .saved
            .fetch_update(Relaxed, Relaxed, |saved| (saved < SAVED_MAX * REQUESTS_PER_REPEAT).then_some(saved + 1));
    }

    /// Spends one retry if there is one, and says how long to wait.
    pub fn spend(&self) -> Option<Duration> {
        let spent = self.saved.fetch_update(Relaxed, Relaxed, |saved| saved.checked_sub(REQUESTS_PER_REPEAT));
        spent.ok().map(|_| Duration::from_millis(rand::rng().random_range(PAUSE_MS)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn when_all_fails_at_most_a_tenth_of_requests_is_repeated() {
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
