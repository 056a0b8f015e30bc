//! What the console counts.

use server::metrics::{Counter, MetricRow, Metrics};

/// The console's counters.
#[derive(Debug, Clone)]
pub struct ConsoleMetrics {
    sign_ins: Counter,
}

impl ConsoleMetrics {
    /// Declares them.
    pub fn register(metrics: &Metrics) -> Self {
        Self {
            sign_ins: metrics.counter(MetricRow {
                name: "claviger_console_sign_ins_total",
                help: "Steps of sign-ins, by their outcome in the access log.",
                labels: &["outcome"],
            }),
        }
    }

    /// A step of a sign-in was answered.
    pub fn sign_in(&self, outcome: &'static str) {
        self.sign_ins.add(&[outcome], 1);
    }
}
