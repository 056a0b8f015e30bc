//! What the door of a process counts.

use domain::priority::Priority;

use crate::metrics::{Counter, Gauge, MetricRow, Metrics};

/// What the door counts.
#[derive(Debug)]
pub(super) struct AdmissionMetrics {
    refused: Counter,
    in_progress: Gauge,
    bound: Gauge,
}

impl AdmissionMetrics {
    pub(super) fn register(metrics: &Metrics) -> Self {
        let gauge = |name, help| metrics.gauge(MetricRow { name, help, labels: &[] });
        Self {
            refused: metrics.counter(MetricRow {
                name: "http_requests_refused_total",
                help: "Requests refused for want of time, by the kind of work.",
                labels: &["priority"],
            }),
            in_progress: gauge("http_requests_in_progress", "Requests in progress, at most, in the last 50 ms."),
            bound: gauge("http_requests_in_progress_bound", "Requests that may be in progress at once now."),
        }
    }

    pub(super) fn refused(&self, priority: Priority) {
        self.refused.count(&[priority.name()]);
    }

    pub(super) fn show(&self, busy: usize, bound: usize) {
        self.in_progress.set(&[], i64::try_from(busy).unwrap_or(i64::MAX));
        self.bound.set(&[], i64::try_from(bound).unwrap_or(i64::MAX));
    }
}
