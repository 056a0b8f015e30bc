//! The time of the stores, carried on by a monotonic clock. This machine's wall clock is never asked.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use chrono::{DateTime, Utc};

/// Nothing was heard yet.
const UNHEARD: i64 = i64::MIN;
/// How much worse than the last one a reading may be, for each second since: about what clocks drift, and some.
const DECAY_US_PER_SECOND: u64 = 1_000;

/// What a store nearby needs to answer on a connection that stands.
const PRECISE_US: u64 = 20_000;

/// Knows what time it is in Postgres, from the best of what it was told.
#[derive(Debug)]
pub struct StoreClock {
    started: Instant,
    /// Store time minus time since the start, in microseconds.
    offset_us: AtomicI64,
    last: Mutex<Option<Reading>>,
}

/// What is known of a reading: it was taken somewhere between question and answer.
#[derive(Debug, Clone, Copy)]
struct Reading {
    heard_at: Instant,
    uncertainty_us: u64,
}

impl StoreClock {
    /// A clock that knows nothing yet.
    pub fn new() -> Self {
        Self { started: Instant::now(), offset_us: AtomicI64::new(UNHEARD), last: Mutex::new(None) }
    }

    /// Takes note of what a store said to a question asked at `asked_at`, unless something better is known. A slow
    /// answer tells the time badly.
    pub fn hear(&self, now: DateTime<Utc>, asked_at: Instant) {
        let heard_at = Instant::now();
        let uncertainty_us = micros(heard_at - asked_at);
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = *last {
            let allowed = (heard_at - last.heard_at).as_secs().saturating_mul(DECAY_US_PER_SECOND);
            if uncertainty_us > last.uncertainty_us.saturating_add(allowed) {
                return;
            }
        }
        *last = Some(Reading { heard_at, uncertainty_us });
        let midway_us = micros(asked_at.saturating_duration_since(self.started)) + uncertainty_us / 2;
        let offset_us = now.timestamp_micros() - i64::try_from(midway_us).unwrap_or(i64::MAX);
        self.offset_us.store(offset_us, Ordering::Relaxed);
    }

    /// The stores' time; `None` when none of them ever told it.
    pub fn now(&self) -> Option<DateTime<Utc>> {
        let offset_us = self.offset_us.load(Ordering::Relaxed);
        let elapsed_us = i64::try_from(micros(self.started.elapsed())).unwrap_or(i64::MAX);
        (offset_us != UNHEARD).then(|| DateTime::from_timestamp_micros(offset_us.saturating_add(elapsed_us)))?
    }

    /// Whether the time is known as well as a store nearby can tell it.
    pub fn is_precise(&self) -> bool {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.is_some_and(|last| last.uncertainty_us <= PRECISE_US)
    }

    /// Milliseconds since the start, for ages.
    pub fn monotonic_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

fn micros(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn time_is_what_the_stores_said_however_far_from_this_machines() {
        let clock = StoreClock::new();
        assert_eq!(clock.now(), None);
        let told = DateTime::from_timestamp(4_000_000_000, 0).unwrap();
        clock.hear(told, Instant::now());
        let later = clock.now().unwrap() - told;
        assert!(later >= chrono::Duration::zero() && later < chrono::Duration::seconds(5), "{later}");
    }

    #[test]
    fn a_slow_answer_does_not_spoil_what_a_quick_one_told() {
        let clock = StoreClock::new();
        let told = DateTime::from_timestamp(4_000_000_000, 0).unwrap();
        clock.hear(told, Instant::now());
        let asked_at = Instant::now() - Duration::from_millis(800);
        clock.hear(told + chrono::Duration::hours(1), asked_at);
        assert!(clock.now().unwrap() - told < chrono::Duration::minutes(1));
    }
}
