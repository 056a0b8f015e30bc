//! What the listener counts.

use crate::metrics::{Counter, Gauge, MetricRow, Metrics};

/// What the listener counts of connections.
#[derive(Debug, Clone)]
pub(crate) struct ConnectionMetrics {
    open: Gauge,
    refused: Counter,
    cut: Counter,
}

impl ConnectionMetrics {
    pub(crate) fn register(metrics: &Metrics) -> Self {
        Self {
            open: metrics.gauge(MetricRow {
                name: "http_connections",
                help: "Connections that are open now.",
                labels: &[],
            }),
            refused: metrics.counter(MetricRow {
                name: "http_connections_refused_total",
                help: "Connections closed unread because their source had too many.",
                labels: &[],
            }),
            cut: metrics.counter(MetricRow {
                name: "http_connections_cut_total",
                help: "Connections closed because the other end was too slow, by what it was slow at.",
                labels: &["slow_at"],
            }),
        }
    }

    pub(crate) fn opened(&self) {
        self.open.shift(&[], 1);
    }

    pub(crate) fn closed(&self) {
        self.open.shift(&[], -1);
    }

    pub(crate) fn refused(&self) {
        self.refused.count(&[]);
    }

    pub(crate) fn cut(&self, slow_at: &'static str) {
        self.cut.count(&[slow_at]);
    }
}

/// What is told of those who wait to be read.
#[derive(Debug)]
pub(super) struct LineMetrics {
    unread: Gauge,
}

impl LineMetrics {
    pub(super) fn register(metrics: &Metrics) -> Self {
        Self {
            unread: metrics.gauge(MetricRow {
                name: "http_requests_unread",
                help: "Requests that waited to be read when that was last looked at.",
                labels: &[],
            }),
        }
    }

    pub(super) fn show(&self, unread: usize) {
        self.unread.set(&[], i64::try_from(unread).unwrap_or(i64::MAX));
    }
}
