//! The jobs of one environment: one file each, each safe to run twice, also concurrently.

pub mod key_usage;
pub mod outbox;
pub mod request_log;
pub mod retention;

use std::time::Duration;

use store::Store;
use store::counters::Counters;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::metrics::WorkerMetrics;

/// The stores that jobs use.
#[derive(Debug, Clone)]
pub struct Stores {
    /// This environment's rows.
    pub store: Store,
    /// This environment's Redis.
    pub counters: Counters,
}

/// Jitter of the interval, so that several workers do not run in step.
const JITTER_PERCENT: u64 = 20;

/// Runs every job at its own interval until the token is cancelled; a run in progress is finished first.
pub async fn run(stores: &Stores, settings: &Config, metrics: &WorkerMetrics, shutdown: &CancellationToken) {
    let (log_days, usage_days) = (settings.request_log.retention_days, settings.key_usage.retention_days);
    tokio::join!(
        repeat(outbox::INTERVAL, shutdown, || outbox::run(stores, metrics)),
        repeat(request_log::INTERVAL, shutdown, || request_log::run(&stores.store, log_days, metrics)),
        repeat(key_usage::INTERVAL, shutdown, || key_usage::run(&stores.store, usage_days, metrics)),
        repeat(retention::INTERVAL, shutdown, || retention::run(&stores.store, metrics)),
    );
}

async fn repeat<F>(interval: Duration, shutdown: &CancellationToken, run: impl Fn() -> F)
where
    F: Future<Output = ()>,
{
    while !shutdown.is_cancelled() {
        run().await;
        shutdown.run_until_cancelled(tokio::time::sleep(jittered(interval))).await;
    }
}

fn jittered(interval: Duration) -> Duration {
    let percent = rand::random_range(100 - JITTER_PERCENT..=100 + JITTER_PERCENT);
    interval.mul_f64(f64::from(u32::try_from(percent).expect("a percentage is small")) / 100.0)
}
