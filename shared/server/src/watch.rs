//! Says now and then whether the stores answer; a process whose database is away stays up and is not ready.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::environment::Environment;
use store::Store;
use store::counters::Counters;

use crate::management::{Health, HealthCheck};
use crate::metrics::{ClockMetrics, Metrics};

const WATCH_INTERVAL: Duration = Duration::from_secs(1);
/// At the start the first connection is often still being made.
const RETRY_INTERVAL: Duration = Duration::from_millis(200);
/// From here on the times in logs and in the database tell different stories.
const CLOCKS_APART_SECONDS: i64 = 2;

/// Compares this machine's clock with a Postgres's. Nothing is decided by this machine's clock; what it stamps, as log
/// lines and spans, is read beside what Postgres stamps.
#[derive(Debug)]
pub struct Clocks {
    metrics: ClockMetrics,
    postgres: &'static str,
    are_apart: AtomicBool,
}

impl Clocks {
    /// Nothing is compared yet; `postgres` is the name that health gives it.
    pub fn new(metrics: &Metrics, postgres: &'static str) -> Self {
        Self { metrics: ClockMetrics::register(metrics), postgres, are_apart: AtomicBool::new(false) }
    }

    /// Postgres has just said that it is `now`. Warns when the clocks part, and not again until they have met.
    #[expect(clippy::disallowed_methods, reason = "this machine's clock is what is judged")]
    pub fn compare(&self, now: DateTime<Utc>) {
        let offset_seconds = (Utc::now() - now).num_seconds();
        self.metrics.compared(self.postgres, offset_seconds);
        let are_apart = offset_seconds.abs() >= CLOCKS_APART_SECONDS;
        if are_apart && !self.are_apart.swap(are_apart, Ordering::Relaxed) {
            tracing::warn!(offset_seconds, postgres = self.postgres, "this machine's clock differs from Postgres's");
        } else if !are_apart {
            self.are_apart.store(false, Ordering::Relaxed);
        }
    }
}

/// Watches a Postgres, without which the process is not ready, and a Redis, without which it is degraded. Never ends.
///
/// In production it is not ready either before its role was seen to be one that row-level security holds: a Postgres that
/// was away when the process started has not been asked yet. The checks are there, and count as failed, before this
/// returns: whoever asks before the first of them has run is not told that the process is ready.
pub fn stores(
    environment: Environment,
    stores: (Store, Counters),
    health: &Health,
    clocks: Clocks,
) -> impl Future<Output = ()> + Send + use<> {
    let checks = (health.required("postgres"), health.optional("redis"));
    watch(environment, stores, checks, clocks)
}

async fn watch(
    environment: Environment,
    (store, counters): (Store, Counters),
    (postgres, redis): (HealthCheck, HealthCheck),
    clocks: Clocks,
) {
    let mut is_safe = environment != Environment::Production;
    loop {
        let (rows, counters) = (check_postgres(&store, &mut is_safe).await, counters.now().await);
        let is_well = rows.is_ok() && counters.is_ok();
        match rows {
            Ok(()) => {
                postgres.works();
                if let Ok(now) = store.now().await {
                    clocks.compare(now);
                }
            }
            Err(why) => postgres.fails(why),
        }
        match counters {
            Ok(_) => redis.works(),
            Err(error) => redis.fails(error.to_string()),
        }
        tokio::time::sleep(if is_well { WATCH_INTERVAL } else { RETRY_INTERVAL }).await;
    }
}

async fn check_postgres(store: &Store, is_safe: &mut bool) -> Result<(), String> {
    store.check_ready().await.map_err(|why| why.to_string())?;
    if !*is_safe {
        check_role(store).await?;
        *is_safe = true;
    }
    Ok(())
}

/// Refuses a role that row-level security does not hold. What a server may lose in a crash is not ours to lose, and is told.
pub async fn check_role(store: &Store) -> Result<(), String> {
    let faults = store.check_role().await.map_err(|error| error.to_string())?;
    let (refused, told): (Vec<String>, Vec<String>) =
        faults.into_iter().partition(|fault| fault.starts_with("the role"));
    if !told.is_empty() {
        tracing::warn!(faults = told.join("; "), "Postgres may lose what it has confirmed");
    }
    if refused.is_empty() { Ok(()) } else { Err(refused.join("; ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "this machine's clock is what is judged")]
    fn clocks_that_part_are_told_by_how_much() {
        let metrics = Metrics::new();
        let clocks = Clocks::new(&metrics, "postgres");
        clocks.compare(Utc::now() - chrono::Duration::milliseconds(7_500));
        assert!(
            metrics.text().contains("claviger_clock_offset_seconds{postgres=\"postgres\"} 7"),
            "{}",
            metrics.text()
        );
        assert!(clocks.are_apart.load(Ordering::Relaxed));
        clocks.compare(Utc::now());
        assert!(
            metrics.text().contains("claviger_clock_offset_seconds{postgres=\"postgres\"} 0"),
            "{}",
            metrics.text()
        );
        assert!(!clocks.are_apart.load(Ordering::Relaxed));
    }
}
