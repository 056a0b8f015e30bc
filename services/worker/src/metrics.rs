//! The worker's metrics.

use server::metrics::{Counter, Gauge, MetricRow, Metrics};

/// The worker's counters.
#[derive(Debug, Clone)]
pub struct WorkerMetrics {
    /// Versions published by the outbox job.
    pub outbox_published: Counter,
    /// Runs of the outbox job that failed in part.
    pub outbox_failures: Counter,
    /// How long the oldest unpublished version has waited.
    pub outbox_oldest: Gauge,
    /// Partitions of the request log that were created or dropped.
    pub request_log_partitions: Counter,
    /// Coming days without a partition of the request log.
    pub request_log_partitions_missing: Gauge,
    /// Runs of the request log job that failed.
    pub request_log_failures: Counter,
    /// Rows of key usage deleted for their age.
    pub key_usage_deleted: Counter,
    /// Runs of the key usage job that failed.
    pub key_usage_failures: Counter,
    /// Rows deleted because they were past their retention.
    pub retention_deleted: Counter,
    /// Runs of the retention job that failed.
    pub retention_failures: Counter,
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
                help: "Runs of the outbox job that could not do all, by the store that failed.",
                labels: &["store"],
            }),
            outbox_oldest: metrics.gauge(MetricRow {
                name: "claviger_outbox_oldest_seconds",
                help: "How long the oldest version has waited that Redis may not have heard of; 0 when none waits.",
                labels: &[],
            }),
            request_log_partitions: metrics.counter(MetricRow {
                name: "claviger_request_log_partitions_total",
                help: "Partitions of the request log that were created or dropped.",
                labels: &["change"],
            }),
            request_log_partitions_missing: metrics.gauge(MetricRow {
                name: "claviger_request_log_partitions_missing",
                help: "Days from today on that have no partition of the request log, because rows of them came too early.",
                labels: &[],
            }),
            request_log_failures: metrics.counter(MetricRow {
                name: "claviger_request_log_failures_total",
                help: "Runs of the job that makes and drops partitions of the request log that ended early.",
                labels: &[],
            }),
            key_usage_deleted: metrics.counter(MetricRow {
                name: "claviger_key_usage_deleted_total",
                help: "Rows of the usage of keys that were deleted for their age.",
                labels: &[],
            }),
            key_usage_failures: metrics.counter(MetricRow {
                name: "claviger_key_usage_failures_total",
                help: "Runs of the job that deletes old usage of keys that ended early.",
                labels: &[],
            }),
            retention_deleted: metrics.counter(MetricRow {
                name: "claviger_retention_deleted_total",
                help: "Rows that were deleted because they were past their retention, by table.",
                labels: &["table"],
            }),
            retention_failures: metrics.counter(MetricRow {
                name: "claviger_retention_failures_total",
                help: "Runs of the retention job that ended early, by table.",
                labels: &["table"],
            }),
        }
    }
}
