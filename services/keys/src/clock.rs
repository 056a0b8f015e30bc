//! The time of the stores, carried on by a monotonic clock. This machine's wall clock is never asked.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Instant;

use chrono::{DateTime, Utc};

/// Nothing was heard yet.
const UNHEARD: i64 = i64::MIN;

/// Knows what time it is in Postgres and Redis, from when it was last told.
#[derive(Debug)]
pub struct StoreClock {
    started: Instant,
    /// Store time minus time since the start, in microseconds.
    offset_us: AtomicI64,
}

impl StoreClock {
    /// A clock that knows nothing yet.
    pub fn new() -> Self {
        Self { started: Instant::now(), offset_us: AtomicI64::new(UNHEARD) }
    }

    /// Takes note of what a store has just said.
    pub fn hear(&self, now: DateTime<Utc>) {
        self.offset_us.store(now.timestamp_micros() - self.elapsed_us(), Ordering::Relaxed);
    }

    /// The stores' time; `None` when none of them ever told it.
    pub fn now(&self) -> Option<DateTime<Utc>> {
        let offset_us = self.offset_us.load(Ordering::Relaxed);
        (offset_us != UNHEARD).then(|| DateTime::from_timestamp_micros(offset_us + self.elapsed_us()))?
    }

    /// Milliseconds since the start, for ages.
    pub fn monotonic_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn elapsed_us(&self) -> i64 {
        i64::try_from(self.started.elapsed().as_micros()).unwrap_or(i64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_what_the_stores_said_however_far_from_this_machines() {
        let clock = StoreClock::new();
        assert_eq!(clock.now(), None);
        let told = DateTime::from_timestamp(4_000_000_000, 0).unwrap();
        clock.hear(told);
        let later = clock.now().unwrap() - told;
        assert!(later >= chrono::Duration::zero() && later < chrono::Duration::seconds(5), "{later}");
    }
}
