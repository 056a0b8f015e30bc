//! What the key service counts.

use std::time::Duration;

use domain::environment::Environment;
use domain::verdict::Verdict;
use server::metrics::{Counter, Gauge, Histogram, MetricRow, Metrics};

/// Seconds; from a verification that Redis answers at once to one that waits for everything.
const VERIFICATION_BUCKETS: &[f64] =
    &[0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];

/// The metrics of the process; each environment has its own label.
#[derive(Debug, Clone)]
pub struct KeyMetrics {
    verifications: Counter,
    duration: Histogram,
    cache: Counter,
    redis_away: Counter,
    local_limits: Counter,
    usage_dropped: Counter,
    throttled: Counter,
    clock_skew: Gauge,
}

/// One environment's view of them.
#[derive(Debug, Clone)]
pub struct EnvironmentMetrics {
    all: KeyMetrics,
    environment: &'static str,
}

/// What the cache had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CacheOutcome {
    /// An entry that was vouched for.
    Hit,
    /// Nothing, or nothing that the secret proved.
    Miss,
    /// An entry that was outdated.
    Stale,
    /// An old entry, because Postgres was away.
    Kept,
}

impl CacheOutcome {
    const fn name(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Miss => "miss",
            Self::Stale => "stale",
            Self::Kept => "kept",
        }
    }
}

impl KeyMetrics {
    /// Declares them.
    pub fn register(metrics: &Metrics) -> Self {
        let counter = |name, help, labels| metrics.counter(MetricRow { name, help, labels });
        Self {
            verifications: counter(
                "claviger_verifications_total",
                "Verdicts given, by verdict.",
                &["environment", "verdict"],
            ),
            duration: metrics.histogram(
                MetricRow {
                    name: "claviger_verification_duration_seconds",
                    help: "Time from a question to its verdict.",
                    labels: &["environment"],
                },
                VERIFICATION_BUCKETS,
            ),
            cache: counter(
                "claviger_cache_total",
                "Looks into the cache of keys, by what it had.",
                &["environment", "outcome"],
            ),
            redis_away: counter(
                "claviger_redis_away_total",
                "Verifications that could not ask Redis.",
                &["environment"],
            ),
            local_limits: counter(
                "claviger_local_limits_total",
                "Verifications whose limits this replica counted alone.",
                &["environment"],
            ),
            usage_dropped: counter(
                "claviger_usage_dropped_total",
                "Notes of a last use that were given up.",
                &["environment"],
            ),
            throttled: counter(
                "claviger_throttled_total",
                "Presented keys that were not looked at, because their source had failed too often.",
                &["environment"],
            ),
            clock_skew: metrics.gauge(MetricRow {
                name: "claviger_clock_skew_seconds",
                help: "How far this machine's wall clock is ahead of Postgres', in whole seconds.",
                labels: &["environment"],
            }),
        }
    }

    /// The view of one environment.
    pub fn of(&self, environment: Environment) -> EnvironmentMetrics {
        EnvironmentMetrics { all: self.clone(), environment: environment.name() }
    }
}

impl EnvironmentMetrics {
    /// A verdict was given.
    pub fn verified(&self, verdict: Verdict, duration: Duration) {
        self.all.verifications.count(&[self.environment, verdict.name()]);
        self.all.duration.record(&[self.environment], duration);
    }

    /// The cache was looked into.
    pub fn cached(&self, outcome: CacheOutcome) {
        self.all.cache.count(&[self.environment, outcome.name()]);
    }

    /// Redis could not be asked.
    pub fn redis_away(&self) {
        self.all.redis_away.count(&[self.environment]);
    }

    /// Limits were counted here alone.
    pub fn local_limits(&self) {
        self.all.local_limits.count(&[self.environment]);
    }

    /// Notes of a last use were given up.
    pub fn usage_dropped(&self, number: usize) {
        self.all.usage_dropped.add(&[self.environment], number as u64);
    }

    /// A source was not listened to.
    pub fn throttled(&self) {
        self.all.throttled.count(&[self.environment]);
    }

    /// The wall clock was compared with Postgres'.
    pub fn clock_skew(&self, seconds: i64) {
        self.all.clock_skew.set(&[self.environment], seconds);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_is_documented_with_its_labels() {
        let metrics = Metrics::new();
        KeyMetrics::register(&metrics);
        let telemetry = include_str!("../../../docs/telemetry.md");
        for row in metrics.rows() {
            let line = telemetry.lines().find(|line| line.starts_with(&format!("| `{}` |", row.name)));
            let line = line.unwrap_or_else(|| panic!("{} is not in docs/telemetry.md", row.name));
            assert!(row.labels.iter().all(|label| line.contains(&format!("`{label}`"))), "{line}");
        }
    }
}
