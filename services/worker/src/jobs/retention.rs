//! Deletes what is kept for a while only: answers of creations, receipts and retired secrets. In batches.

use std::time::Duration;

use store::{Error, Expiring, Store};

use crate::metrics::WorkerMetrics;

/// The time between two runs.
pub const INTERVAL: Duration = Duration::from_secs(900);

/// The most batches per table and run, so that many old rows are worked off over several runs.
const BATCHES_MAX: usize = 50;

/// One run: counts what it did, and logs each table that failed once. None waits for another.
pub async fn run(store: &Store, metrics: &WorkerMetrics) {
    for what in Expiring::ALL {
        if let Err(error) = delete(store, what, metrics).await {
            metrics.retention_failures.count(&[what.table()]);
            let cause = format!("{:#}", anyhow::Error::from(error));
            tracing::warn!(job = "retention", table = what.table(), cause, "the retention job ended early");
        }
    }
}

async fn delete(store: &Store, what: Expiring, metrics: &WorkerMetrics) -> Result<(), Error> {
    for _ in 0..BATCHES_MAX {
        let deleted = store.delete_expired(what).await?;
        metrics.retention_deleted.add(&[what.table()], deleted);
        if deleted == 0 {
            break;
        }
    }
    Ok(())
}
