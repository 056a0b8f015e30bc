//! What the Integration API counts, beside its requests.

use server::metrics::{Counter, MetricRow, Metrics};

/// The API's counters.
#[derive(Debug, Clone)]
pub struct ApiMetrics {
    publish_failures: Counter,
}

impl ApiMetrics {
    /// Declares them.
    pub fn register(metrics: &Metrics) -> Self {
        let publish_failures = metrics.counter(MetricRow {
            name: "claviger_publish_failures_total",
            help: "Changes that were committed and could not be published to Redis; they take up to five seconds to hold.",
            labels: &[],
        });
        // Shown as 0 until there is one, so that the first one is seen as a rise.
        publish_failures.add(&[], 0);
        Self { publish_failures }
    }

    /// A change could not be published.
    pub fn publish_failed(&self) {
        self.publish_failures.count(&[]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_is_documented() {
        let metrics = Metrics::new();
        ApiMetrics::register(&metrics).publish_failed();
        assert!(metrics.text().contains("claviger_publish_failures_total 1"), "{}", metrics.text());
        let telemetry = include_str!("../../../docs/telemetry.md");
        for row in metrics.rows() {
            assert!(telemetry.lines().any(|line| line.starts_with(&format!("| `{}` |", row.name))), "{}", row.name);
        }
    }
}
