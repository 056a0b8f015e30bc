//! Creates the request log's partitions for coming days, and drops days past their retention.
//!
//! The Postgres functions give up rather than wait long for a lock. A run that ended early is repeated, and
//! partitions exist for a week ahead.

use std::time::Duration;

use store::{Error, Store};

use crate::metrics::WorkerMetrics;

/// The time between two runs.
pub const INTERVAL: Duration = Duration::from_secs(300);
/// How many days ahead partitions are created.
pub const DAYS_AHEAD: u16 = 7;

/// The most partitions dropped per run, so that a shortened retention is worked off over several runs.
const DROPS_MAX: usize = 50;

/// One run: counts what it did, and logs once if it failed.
pub async fn run(store: &Store, retention_days: u16, metrics: &WorkerMetrics) {
    let made = create(store, metrics).await;
    // Either is useful without the other.
    let dropped = drop_old(store, retention_days, metrics).await;
    for error in [made.err(), dropped.err()].into_iter().flatten() {
        metrics.request_log_failures.count(&[]);
        let cause = format!("{:#}", anyhow::Error::from(error));
        tracing::warn!(job = "request_log", cause, "the request log's job ended early");
    }
}

async fn create(store: &Store, metrics: &WorkerMetrics) -> Result<(), Error> {
    let made = store.insert_request_log_partitions(DAYS_AHEAD).await?;
    metrics.request_log_partitions.add(&["created"], made.created);
    metrics.request_log_partitions_missing.set(&[], i64::try_from(made.missing).unwrap_or(i64::MAX));
    Ok(())
}

async fn drop_old(store: &Store, retention_days: u16, metrics: &WorkerMetrics) -> Result<(), Error> {
    for _ in 0..DROPS_MAX {
        if !store.delete_request_log_partition(retention_days).await? {
            break;
        }
        metrics.request_log_partitions.count(&["dropped"]);
    }
    Ok(())
}
