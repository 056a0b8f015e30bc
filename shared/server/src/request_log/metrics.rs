//! What the request log counts.

use crate::metrics::{Counter, MetricRow, Metrics};

/// What becomes of the rows of the request log.
#[derive(Debug, Clone)]
pub(crate) struct RequestLogMetrics {
    written: Counter,
    counted: Counter,
    dropped: Counter,
}

impl RequestLogMetrics {
    pub(crate) fn register(metrics: &Metrics) -> Self {
        Self {
            written: metrics.counter(MetricRow {
                name: "claviger_request_log_written_total",
                help: "Rows of the request log that Postgres has.",
                labels: &[],
            }),
            counted: metrics.counter(MetricRow {
                name: "claviger_request_log_aggregated_total",
                help: "Requests beyond the request log's budget, which share a row for their minute.",
                labels: &[],
            }),
            dropped: metrics.counter(MetricRow {
                name: "claviger_request_log_dropped_total",
                help: "Requests whose row in the request log was given up, by why.",
                labels: &["reason"],
            }),
        }
    }

    pub(crate) fn written(&self, rows: usize) {
        self.written.add(&[], rows as u64);
    }

    pub(crate) fn counted(&self) {
        self.counted.count(&[]);
    }

    /// `reason` is a word of the program.
    pub(crate) fn dropped(&self, reason: &'static str, requests: usize) {
        self.dropped.add(&[reason], requests as u64);
    }
}
