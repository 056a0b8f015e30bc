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

    /// Counts a connection until what this returns is dropped.
    pub(crate) fn opened(&self) -> OpenConnection {
        self.open.shift(&[], 1);
        OpenConnection(self.open.clone())
    }

    pub(crate) fn refused(&self) {
        self.refused.count(&[]);
    }

    pub(crate) fn cut(&self, slow_at: &'static str) {
        self.cut.count(&[slow_at]);
    }
}

/// A connection while it is open.
#[derive(Debug)]
pub(crate) struct OpenConnection(Gauge);

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.shift(&[], -1);
    }
}
