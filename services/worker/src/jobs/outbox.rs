//! Publishes to Redis the row versions that the committing process could not publish.
//!
//! A version is published before its row is deleted, and publishing an old version changes nothing: a run that is cut
//! short, repeated, or doubled by another worker does no harm.

use std::time::Duration;

use super::Stores;
use crate::metrics::WorkerMetrics;

/// The time between two runs. A row is due a second after its commit, so Redis gets it within about two seconds.
pub const INTERVAL: Duration = Duration::from_secs(1);

/// How many rows are read at once.
const BATCH: i64 = 200;
/// The most batches per run.
const BATCHES_MAX: usize = 25;

/// One run: counts what it did, and logs once if something failed.
pub async fn run(stores: &Stores, metrics: &WorkerMetrics) {
    let mut published = 0;
    let result = publish_due(stores, &mut published).await;
    // While Postgres is away the last value stays: what waited then still waits.
    if let Ok(age) = stores.store.find_outbox_age().await {
        let seconds = age.unwrap_or_default().as_secs();
        metrics.outbox_oldest.set(&[], i64::try_from(seconds).unwrap_or(i64::MAX));
    }
    metrics.outbox_published.add(&[], published);
    if let Err(failure) = result {
        metrics.outbox_failures.count(&[failure.store]);
        let cause = format!("{:#}", failure.cause);
        tracing::warn!(job = "outbox", store = failure.store, published, cause, "the outbox job could not do all");
    }
}

/// Which store failed, and why.
struct Failure {
    store: &'static str,
    cause: anyhow::Error,
}

/// Publishes everything due. A row that Redis refuses, such as for a cluster server that is away, blocks no other.
async fn publish_due(stores: &Stores, published: &mut u64) -> Result<(), Failure> {
    let (mut last, mut refusal) = (None, None);
    for _ in 0..BATCHES_MAX {
        let run =
            stores.store.publish_due(&stores.counters, last.as_ref(), BATCH).await.map_err(Failure::of_postgres)?;
        *published += u64::try_from(run.published).unwrap_or(u64::MAX);
        refusal = refusal.or(run.refusal);
        last = run.last;
        if last.is_none() {
            break;
        }
    }
    match refusal {
        Some(away) => Err(Failure { store: "redis", cause: away.into() }),
        None => Ok(()),
    }
}

impl Failure {
    fn of_postgres(error: store::Error) -> Self {
        Self { store: "postgres", cause: error.into() }
    }
}
