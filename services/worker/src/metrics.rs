//! What a worker counts.

use server::metrics::{Counter, Gauge, MetricRow, Metrics};

/// The worker's counters.
#[derive(Debug, Clone)]
pub struct WorkerMetrics {
    /// Versions that Redis had not heard of and now has.
    pub outbox_published: Counter,
    /// Runs of the outbox job that ended early.
    pub outbox_failures: Counter,
    /// How long the oldest version waits that Redis has not heard of.
    pub outbox_oldest: Gauge,
}

impl WorkerMetrics {
    /// Declares them.
    pub fn register(metrics: &Metrics) -> Self {
        Self {
            outbox_published: metrics.counter(MetricRow {
                name: "claviger_outbox_published_total",
                help: "Versions that a commit could not tell Redis and that the worker has told it.",
                labels: &[],
            }),
            outbox_failures: metrics.counter(MetricRow {
                name: "claviger_outbox_failures_total",
                help: "Runs of the outbox job that ended early, by the store that failed.",
                labels: &["store"],
            }),
            outbox_oldest: metrics.gauge(MetricRow {
                name: "claviger_outbox_oldest_seconds",
                help: "How long the oldest version has waited that Redis may not have heard of; 0 when none waits.",
                labels: &[],
            }),
        }
    }
}
