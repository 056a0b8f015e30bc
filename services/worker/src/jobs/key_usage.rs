//! Deletes hourly key usage that is past its retention, in batches.

use std::time::Duration;

use store::{Error, Store};

use crate::metrics::WorkerMetrics;

/// The time between two runs.
pub const INTERVAL: Duration = Duration::from_secs(900);

/// The most batches per run, so that a shortened retention is worked off over several runs.
const BATCHES_MAX: usize = 50;

/// One run: counts what it did, and logs once if it failed.
pub async fn run(store: &Store, retention_days: u16, metrics: &WorkerMetrics) {
    if let Err(error) = delete_old(store, retention_days, metrics).await {
        metrics.key_usage_failures.count(&[]);
        let cause = format!("{:#}", anyhow::Error::from(error));
        tracing::warn!(job = "key_usage", cause, "the job of the usage of keys ended early");
    }
}

async fn delete_old(store: &Store, retention_days: u16, metrics: &WorkerMetrics) -> Result<(), Error> {
    for _ in 0..BATCHES_MAX {
        let deleted = store.delete_key_usage(retention_days).await?;
        metrics.key_usage_deleted.add(&[], deleted);
        if deleted == 0 {
            break;
        }
    }
    Ok(())
}
