//! What an admission queue counts.

use domain::priority::Priority;

use crate::metrics::{Counter, Gauge, MetricRow, Metrics};

/// What a queue counts.
#[derive(Debug)]
pub(crate) struct AdmissionMetrics {
    queue: &'static str,
    rejected: Counter,
    queued: Gauge,
    in_progress: Gauge,
    bound: Gauge,
}

impl AdmissionMetrics {
    pub(crate) fn register(metrics: &Metrics, queue: &'static str) -> Self {
        let gauge = |name, help| metrics.gauge(MetricRow { name, help, labels: &["queue"] });
        Self {
            queue,
            rejected: metrics.counter(MetricRow {
                name: "http_requests_rejected_total",
                help: "Requests rejected for want of time, by what they waited for and the kind of work.",
                labels: &["queue", "priority"],
            }),
            queued: gauge("http_requests_queued", "Requests that waited for a permit when that was last looked at."),
            in_progress: gauge("http_requests_in_progress", "Requests in progress when that was last looked at."),
            bound: gauge("http_requests_in_progress_bound", "Requests that may be in progress at once now."),
        }
    }

    pub(super) fn rejected(&self, priority: Priority) {
        self.rejected.count(&[self.queue, priority.name()]);
    }

    pub(super) fn show(&self, waiting: usize, in_progress: usize, bound: usize) {
        let shown = |count| i64::try_from(count).unwrap_or(i64::MAX);
        self.queued.set(&[self.queue], shown(waiting));
        self.in_progress.set(&[self.queue], shown(in_progress));
        self.bound.set(&[self.queue], shown(bound));
    }
}
