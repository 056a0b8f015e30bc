//! What the Integration API counts, beside its requests.

use server::metrics::{Counter, MetricRow, Metrics};

/// The API's counters.
#[derive(Debug, Clone)]
pub struct ApiMetrics {
    changes_untold: Counter,
}

impl ApiMetrics {
    /// Declares them.
    pub fn register(metrics: &Metrics) -> Self {
        let changes_untold = metrics.counter(MetricRow {
            name: "claviger_changes_untold_total",
            help: "Changes that were committed and that Redis could not be told; they take up to five seconds to hold.",
            labels: &[],
        });
        // Shown as 0 until there is one, so that the first one is seen as a rise.
        changes_untold.add(&[], 0);
        Self { changes_untold }
    }

    /// Redis could not be told of a change.
    pub fn untold(&self) {
        self.changes_untold.count(&[]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_is_documented() {
        let metrics = Metrics::new();
        ApiMetrics::register(&metrics).untold();
        assert!(metrics.text().contains("claviger_changes_untold_total 1"), "{}", metrics.text());
        let telemetry = include_str!("../../../docs/telemetry.md");
        for row in metrics.rows() {
            assert!(telemetry.lines().any(|line| line.starts_with(&format!("| `{}` |", row.name))), "{}", row.name);
        }
    }
}
