//! What the key service counts.

use std::sync::Arc;
use std::time::Duration;

use domain::environment::Environment;
use domain::verdict::Verdict;
use server::metrics::{Counter, CounterSeries, Histogram, HistogramSeries, MetricRow, Metrics};

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
    cold_reads_rejected: Counter,
}

/// One environment's view of them, with every series at hand.
#[derive(Debug, Clone)]
pub struct EnvironmentMetrics(Arc<Series>);

#[derive(Debug)]
struct Series {
    environment: &'static str,
    /// In the order of `Verdict::ALL`.
    verifications: [CounterSeries; Verdict::ALL.len()],
    duration: HistogramSeries,
    /// In the order of `CacheOutcome::ALL`.
    cache: [CounterSeries; CacheOutcome::ALL.len()],
    redis_away: CounterSeries,
    local_limits: CounterSeries,
    usage_dropped: Counter,
    throttled: CounterSeries,
    cold_reads_rejected: CounterSeries,
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
    const ALL: [Self; 4] = [Self::Hit, Self::Miss, Self::Stale, Self::Kept];

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
            cold_reads_rejected: counter(
                "claviger_cold_reads_rejected_total",
                "Presented keys that were not looked up, because too many cold reads waited.",
                &["environment"],
            ),
        }
    }

    /// The view of one environment.
    pub fn of(&self, environment: Environment) -> EnvironmentMetrics {
        let environment = environment.name();
        let verdict = |verdict: Verdict| self.verifications.series(&[environment, verdict.name()]);
        let cache = |outcome: CacheOutcome| self.cache.series(&[environment, outcome.name()]);
        EnvironmentMetrics(Arc::new(Series {
            verifications: Verdict::ALL.map(verdict),
            duration: self.duration.series(&[environment]),
            cache: CacheOutcome::ALL.map(cache),
            redis_away: self.redis_away.series(&[environment]),
            local_limits: self.local_limits.series(&[environment]),
            usage_dropped: self.usage_dropped.clone(),
            throttled: self.throttled.series(&[environment]),
            cold_reads_rejected: self.cold_reads_rejected.series(&[environment]),
            environment,
        }))
    }
}

impl EnvironmentMetrics {
    /// A verdict was given.
    pub fn verified(&self, verdict: Verdict, duration: Duration) {
        let at = Verdict::ALL.iter().position(|known| *known == verdict).expect("ALL has all of them");
        self.0.verifications[at].count();
        self.0.duration.record(duration);
    }

    /// The cache was looked into.
    pub fn cached(&self, outcome: CacheOutcome) {
        let at = CacheOutcome::ALL.iter().position(|known| *known == outcome).expect("ALL has all of them");
        self.0.cache[at].count();
    }

    /// Redis could not be asked.
    pub fn redis_away(&self) {
        self.0.redis_away.count();
    }

    /// Limits were counted here alone.
    pub fn local_limits(&self) {
        self.0.local_limits.count();
    }

    /// Notes of a last use were given up.
    pub fn usage_dropped(&self, number: usize) {
        self.0.usage_dropped.add(&[self.0.environment], number as u64);
    }

    /// A cold read found its queue full.
    pub fn cold_reads_rejected(&self) {
        self.0.cold_reads_rejected.count();
    }

    /// A source was not listened to.
    pub fn throttled(&self) {
        self.0.throttled.count();
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
