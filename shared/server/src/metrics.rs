//! Metrics with closed labels: a label's values are words of the program, never input.
//!
//! Each metric is declared once and listed in `docs/telemetry.md`.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use prometheus::{
    Encoder, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGaugeVec, Opts, Registry, TextEncoder,
    core::Collector, proto::MetricFamily,
};

use crate::problem::ErrorCode;

/// Seconds; from a cached verification to the request deadline.
pub const DURATION_BUCKETS: &[f64] =
    &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// What a metric is called and what it means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MetricRow {
    /// Underscores, the unit last.
    pub name: &'static str,
    /// One sentence.
    pub help: &'static str,
    /// The names of its labels.
    pub labels: &'static [&'static str],
}

/// The metrics of one process.
#[derive(Debug, Clone, Default)]
pub struct Metrics {
    registry: Registry,
    declared: Arc<Mutex<Vec<(MetricRow, Declared)>>>,
}

#[derive(Debug, Clone)]
enum Declared {
    Counter(Counter),
    Gauge(Gauge),
    Histogram(Histogram),
}

/// A number that only grows.
#[derive(Debug, Clone)]
pub struct Counter(IntCounterVec);

/// One series of a counter.
#[derive(Debug, Clone)]
pub struct CounterSeries(IntCounter);

/// One series of a histogram.
#[derive(Debug, Clone)]
pub struct HistogramSeries(prometheus::Histogram);

/// A number that is what it is now.
#[derive(Debug, Clone)]
pub struct Gauge(IntGaugeVec);

/// How often something took how long.
#[derive(Debug, Clone)]
pub struct Histogram(HistogramVec);

impl Metrics {
    /// No metrics yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Declares a counter; its name ends in `_total`. Two listeners of one process that declare the same share it.
    pub fn counter(&self, row: MetricRow) -> Counter {
        let make = || {
            let counter = IntCounterVec::new(Opts::new(row.name, row.help), row.labels).expect("rows are well named");
            self.register(counter.clone());
            Declared::Counter(Counter(counter))
        };
        match self.declare(row, make) {
            Declared::Counter(counter) => counter,
            Declared::Gauge(_) | Declared::Histogram(_) => panic!("{} is declared as two kinds of metric", row.name),
        }
    }

    /// Declares a gauge.
    pub fn gauge(&self, row: MetricRow) -> Gauge {
        let make = || {
            let gauge = IntGaugeVec::new(Opts::new(row.name, row.help), row.labels).expect("rows are well named");
            self.register(gauge.clone());
            Declared::Gauge(Gauge(gauge))
        };
        match self.declare(row, make) {
            Declared::Gauge(gauge) => gauge,
            Declared::Counter(_) | Declared::Histogram(_) => panic!("{} is declared as two kinds of metric", row.name),
        }
    }

    /// Declares a histogram with these bucket bounds.
    pub fn histogram(&self, row: MetricRow, buckets: &[f64]) -> Histogram {
        let make = || {
            let options = HistogramOpts::new(row.name, row.help).buckets(buckets.to_vec());
            let histogram = HistogramVec::new(options, row.labels).expect("rows are well named");
            self.register(histogram.clone());
            Declared::Histogram(Histogram(histogram))
        };
        match self.declare(row, make) {
            Declared::Histogram(histogram) => histogram,
            Declared::Counter(_) | Declared::Gauge(_) => panic!("{} is declared as two kinds of metric", row.name),
        }
    }

    /// All that were declared, in order.
    pub fn rows(&self) -> Vec<MetricRow> {
        self.declared.lock().unwrap_or_else(PoisonError::into_inner).iter().map(|(row, _)| *row).collect()
    }

    /// The metrics as they are now.
    pub(crate) fn families(&self) -> Vec<MetricFamily> {
        self.registry.gather()
    }

    /// The metrics in Prometheus's text format.
    pub fn text(&self) -> String {
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.families(), &mut text).expect("a Vec takes all that is written");
        String::from_utf8(text).expect("names, labels and numbers are UTF-8")
    }

    /// What the row was declared as before, or what `make` declares it as now.
    fn declare(&self, row: MetricRow, make: impl FnOnce() -> Declared) -> Declared {
        let mut declared = self.declared.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, known)) = declared.iter().find(|(known, _)| *known == row) {
            return known.clone();
        }
        let made = make();
        declared.push((row, made.clone()));
        made
    }

    fn register(&self, collector: impl Collector + 'static) {
        self.registry.register(Box::new(collector)).expect("a metric's name stands for one row");
    }
}

impl Counter {
    /// Counts one.
    pub fn count(&self, labels: &[&'static str]) {
        self.0.with_label_values(labels).inc();
    }

    /// Counts several.
    pub fn add(&self, labels: &[&'static str], number: u64) {
        self.0.with_label_values(labels).inc_by(number);
    }

    /// What was counted so far.
    pub fn value(&self, labels: &[&'static str]) -> u64 {
        self.0.with_label_values(labels).get()
    }
}

impl Counter {
    /// The series with these labels, for those who count often: finding it costs more than counting.
    pub fn series(&self, labels: &[&'static str]) -> CounterSeries {
        CounterSeries(self.0.with_label_values(labels))
    }
}

impl CounterSeries {
    /// Counts one.
    pub fn count(&self) {
        self.0.inc();
    }
}

impl HistogramSeries {
    /// Records one duration, in seconds.
    pub fn record(&self, duration: Duration) {
        self.0.observe(duration.as_secs_f64());
    }
}

impl Gauge {
    /// Says what it is now.
    pub fn set(&self, labels: &[&'static str], value: i64) {
        self.0.with_label_values(labels).set(value);
    }

    /// Changes it by a difference.
    pub fn shift(&self, labels: &[&'static str], difference: i64) {
        self.0.with_label_values(labels).add(difference);
    }
}

impl Histogram {
    /// The series with these labels.
    pub fn series(&self, labels: &[&'static str]) -> HistogramSeries {
        HistogramSeries(self.0.with_label_values(labels))
    }

    /// Records one duration, in seconds.
    pub fn record(&self, labels: &[&'static str], duration: Duration) {
        self.0.with_label_values(labels).observe(duration.as_secs_f64());
    }
}

/// An operation and how it went.
type Outcome = (&'static str, &'static str);

/// What the stack counts of requests.
#[derive(Debug, Clone)]
pub(crate) struct RequestMetrics {
    requests: Counter,
    duration: Histogram,
    /// By operation and outcome: what was found once is not sought again.
    series: Arc<papaya::HashMap<Outcome, (CounterSeries, HistogramSeries)>>,
    ignored_chains: Counter,
}

impl RequestMetrics {
    pub(crate) fn register(metrics: &Metrics) -> Self {
        Self {
            requests: metrics.counter(MetricRow {
                name: "http_requests_total",
                help: "Requests answered, by operation and outcome (ok or an error code).",
                labels: &["operation", "outcome"],
            }),
            duration: metrics.histogram(
                MetricRow {
                    name: "http_request_duration_seconds",
                    help: "Time from a request's head to its answer, by operation.",
                    labels: &["operation"],
                },
                DURATION_BUCKETS,
            ),
            series: Arc::default(),
            ignored_chains: metrics.counter(MetricRow {
                name: "http_forwarded_ignored_total",
                help: "Requests with an X-Forwarded-For that was ignored because the peer is not a trusted proxy.",
                labels: &[],
            }),
        }
    }

    /// `operation` is `none` for what no operation answered: a closed set, unlike paths.
    pub(crate) fn answered(&self, operation: Option<&'static str>, code: Option<ErrorCode>, duration: Duration) {
        let outcome = (operation.unwrap_or("none"), code.map_or("ok", ErrorCode::name));
        let series = self.series.pin();
        let (requests, durations) = series.get_or_insert_with(outcome, || {
            (self.requests.series(&[outcome.0, outcome.1]), self.duration.series(&[outcome.0]))
        });
        requests.count();
        durations.record(duration);
    }

    pub(crate) fn ignored_chain(&self) {
        self.ignored_chains.count(&[]);
    }
}

/// What a process says of what it rests on.
#[derive(Debug, Clone)]
pub(crate) struct HealthMetrics {
    works: Gauge,
}

impl HealthMetrics {
    pub(crate) fn register(metrics: &Metrics) -> Self {
        Self {
            works: metrics.gauge(MetricRow {
                name: "claviger_check_up",
                help: "Whether what the process rests on works: 1 or 0, by the name that health gives it.",
                labels: &["check"],
            }),
        }
    }

    pub(crate) fn checked(&self, check: &'static str, works: bool) {
        self.works.set(&[check], i64::from(works));
    }
}

/// How far apart the clocks are.
#[derive(Debug, Clone)]
pub(crate) struct ClockMetrics {
    offset: Gauge,
}

impl ClockMetrics {
    pub(crate) fn register(metrics: &Metrics) -> Self {
        Self {
            offset: metrics.gauge(MetricRow {
                name: "claviger_clock_offset_seconds",
                help: "How far this machine's clock is ahead of Postgres's, in whole seconds.",
                labels: &["postgres"],
            }),
        }
    }

    pub(crate) fn compared(&self, postgres: &'static str, seconds: i64) {
        self.offset.set(&[postgres], seconds);
    }
}

/// What is exported to a collector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    Traces,
    Metrics,
}

impl Signal {
    /// As in OTLP's paths.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Traces => "traces",
            Self::Metrics => "metrics",
        }
    }
}

/// What the exporter counts of its own work.
#[derive(Debug, Clone)]
pub(crate) struct ExportMetrics {
    exports: Counter,
    lost: Counter,
}

impl ExportMetrics {
    pub(crate) fn register(metrics: &Metrics) -> Self {
        Self {
            exports: metrics.counter(MetricRow {
                name: "claviger_exports_total",
                help: "Messages for the collector, by signal and by whether it took them.",
                labels: &["signal", "outcome"],
            }),
            lost: metrics.counter(MetricRow {
                name: "claviger_spans_lost_total",
                help: "Finished spans that the collector never got, by where they were given up.",
                labels: &["at"],
            }),
        }
    }

    pub(crate) fn exported(&self, signal: Signal, is_taken: bool) {
        self.exports.count(&[signal.name(), if is_taken { "ok" } else { "failed" }]);
    }

    pub(crate) fn lost_in_queue(&self) {
        self.lost.count(&["queue"]);
    }

    pub(crate) fn lost_in_export(&self, number: usize) {
        self.lost.add(&["export"], number as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_is_what_is_shown() {
        let metrics = Metrics::new();
        let requests = RequestMetrics::register(&metrics);
        requests.answered(Some("create_key"), None, Duration::from_millis(3));
        requests.answered(None, Some(ErrorCode::NotFound), Duration::from_millis(1));
        let text = metrics.text();
        assert!(text.contains(r#"http_requests_total{operation="create_key",outcome="ok"} 1"#), "{text}");
        assert!(text.contains(r#"http_requests_total{operation="none",outcome="not-found"} 1"#), "{text}");
        assert!(
            text.contains(r#"http_request_duration_seconds_bucket{operation="create_key",le="0.005"} 1"#),
            "{text}"
        );
    }

    #[test]
    fn two_listeners_of_one_process_count_together() {
        let metrics = Metrics::new();
        let listeners = [RequestMetrics::register(&metrics), RequestMetrics::register(&metrics)];
        for listener in &listeners {
            listener.answered(Some("verify_key"), None, Duration::from_millis(1));
        }
        let text = metrics.text();
        assert!(text.contains(r#"http_requests_total{operation="verify_key",outcome="ok"} 2"#), "{text}");
        assert_eq!(metrics.rows().len(), 3, "each is declared once");
    }

    #[test]
    fn every_metric_and_every_code_is_documented() {
        let metrics = Metrics::new();
        RequestMetrics::register(&metrics);
        crate::listener::metrics::ConnectionMetrics::register(&metrics);
        ExportMetrics::register(&metrics);
        HealthMetrics::register(&metrics);
        ClockMetrics::register(&metrics);
        crate::request_log::RequestLogMetrics::register(&metrics);
        crate::admission::metrics::AdmissionMetrics::register(&metrics, "requests");
        let telemetry = include_str!("../../../docs/telemetry.md");
        for row in metrics.rows() {
            let line = telemetry.lines().find(|line| line.starts_with(&format!("| `{}` |", row.name)));
            let line = line.unwrap_or_else(|| panic!("{} is not in docs/telemetry.md", row.name));
            assert!(row.labels.iter().all(|label| line.contains(&format!("`{label}`"))), "{line}");
        }
        let errors = include_str!("../../../docs/errors.md");
        let headings: Vec<&str> = errors.lines().filter_map(|line| line.strip_prefix("## ")).collect();
        let codes: Vec<&str> = ErrorCode::ALL.iter().map(|code| code.name()).collect();
        assert_eq!(headings, codes, "one heading per code, in the order of the table");
    }
}
