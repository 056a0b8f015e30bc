//! What the registry of metrics holds, in OTLP's words: the same names, labels and buckets as on `/metrics`.

use std::time::{SystemTime, UNIX_EPOCH};

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint, ResourceMetrics,
    ScopeMetrics, Sum,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use prometheus::proto::{LabelPair, Metric as Sample, MetricFamily, MetricType};

/// Everything counts from the start of the process.
const TEMPORALITY: i32 = AggregationTemporality::Cumulative as i32;

/// When counting began, and when it was read.
pub(super) type Span = (SystemTime, SystemTime);

/// The message that says all of it.
pub(super) fn message(
    families: &[MetricFamily],
    resource: &ResourceAttributesWithSchema,
    time: Span,
) -> ExportMetricsServiceRequest {
    let scope = InstrumentationScope { name: super::SCOPE.to_owned(), ..InstrumentationScope::default() };
    let metrics = families.iter().filter_map(|family| metric(family, time)).collect();
    let resource = Resource { attributes: resource.attributes.0.clone(), ..Resource::default() };
    let scope_metrics = vec![ScopeMetrics { scope: Some(scope), metrics, schema_url: String::new() }];
    let resource_metrics = vec![ResourceMetrics { resource: Some(resource), scope_metrics, schema_url: String::new() }];
    ExportMetricsServiceRequest { resource_metrics }
}

/// One family; `None` for the kinds that nothing here declares.
fn metric(family: &MetricFamily, time: Span) -> Option<Metric> {
    let samples = || family.get_metric().iter();
    let data = match family.get_field_type() {
        MetricType::COUNTER => Data::Sum(Sum {
            data_points: samples().map(|sample| number(sample, sample.get_counter().get_value(), time)).collect(),
            aggregation_temporality: TEMPORALITY,
            is_monotonic: true,
        }),
        MetricType::GAUGE => Data::Gauge(Gauge {
            data_points: samples().map(|sample| number(sample, sample.get_gauge().get_value(), time)).collect(),
        }),
        MetricType::HISTOGRAM => Data::Histogram(Histogram {
            data_points: samples().map(|sample| histogram(sample, time)).collect(),
            aggregation_temporality: TEMPORALITY,
        }),
        MetricType::SUMMARY | MetricType::UNTYPED => return None,
    };
    let name = family.name().to_owned();
    let unit = if name.ends_with("_seconds") { "s" } else { "1" }.to_owned();
    Some(Metric { name, description: family.help().to_owned(), unit, data: Some(data), ..Metric::default() })
}

fn number(sample: &Sample, value: f64, time: Span) -> NumberDataPoint {
    NumberDataPoint {
        attributes: attributes(sample.get_label()),
        start_time_unix_nano: nanoseconds(time.0),
        time_unix_nano: nanoseconds(time.1),
        value: Some(Value::AsDouble(value)),
        ..NumberDataPoint::default()
    }
}

fn histogram(sample: &Sample, time: Span) -> HistogramDataPoint {
    let histogram = sample.get_histogram();
    // Here each bucket holds what the smaller ones hold, too; there, only its own. The last one has no bound.
    let cumulative = histogram.get_bucket().iter().map(prometheus::proto::Bucket::cumulative_count);
    let mut below = 0;
    let bucket_counts = cumulative
        .chain([histogram.get_sample_count()])
        .map(|count| count.saturating_sub(std::mem::replace(&mut below, count)))
        .collect();
    HistogramDataPoint {
        attributes: attributes(sample.get_label()),
        start_time_unix_nano: nanoseconds(time.0),
        time_unix_nano: nanoseconds(time.1),
        count: histogram.get_sample_count(),
        sum: Some(histogram.get_sample_sum()),
        bucket_counts,
        explicit_bounds: histogram.get_bucket().iter().map(prometheus::proto::Bucket::upper_bound).collect(),
        ..HistogramDataPoint::default()
    }
}

fn attributes(labels: &[LabelPair]) -> Vec<KeyValue> {
    let attribute = |label: &LabelPair| KeyValue {
        key: label.name().to_owned(),
        value: Some(AnyValue { value: Some(any_value::Value::StringValue(label.value().to_owned())) }),
        ..KeyValue::default()
    };
    labels.iter().map(attribute).collect()
}

fn nanoseconds(time: SystemTime) -> u64 {
    u64::try_from(time.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::metrics::{MetricRow, Metrics};

    #[test]
    fn what_is_exported_is_what_is_shown() {
        let metrics = Metrics::new();
        let row = |name, labels| MetricRow { name, help: "Things.", labels };
        metrics.counter(row("things_total", &["kind"])).add(&["small"], 7);
        metrics.gauge(row("things", &[])).set(&[], -3);
        let durations = metrics.histogram(row("thing_duration_seconds", &[]), &[0.1, 1.0]);
        for milliseconds in [50, 500, 600, 5_000] {
            durations.record(&[], Duration::from_millis(milliseconds));
        }
        let time = (UNIX_EPOCH, UNIX_EPOCH + Duration::from_secs(9));
        let message = message(&metrics.families(), &ResourceAttributesWithSchema::default(), time);
        let exported = &message.resource_metrics[0].scope_metrics[0].metrics;
        let data = |name: &str| exported.iter().find(|metric| metric.name == name).unwrap().data.clone().unwrap();
        let Data::Sum(sum) = data("things_total") else { panic!("a counter is a sum") };
        assert!(sum.is_monotonic);
        assert_eq!(sum.data_points[0].value, Some(Value::AsDouble(7.0)));
        assert_eq!(sum.data_points[0].attributes[0].key, "kind");
        assert_eq!(sum.data_points[0].time_unix_nano, 9_000_000_000);
        let Data::Gauge(gauge) = data("things") else { panic!("a gauge is a gauge") };
        assert_eq!(gauge.data_points[0].value, Some(Value::AsDouble(-3.0)));
        let Data::Histogram(histogram) = data("thing_duration_seconds") else { panic!("a histogram is one") };
        let point = &histogram.data_points[0];
        assert_eq!((point.count, &point.bucket_counts), (4, &vec![1, 2, 1]));
        assert_eq!(point.explicit_bounds, [0.1, 1.0]);
        assert_eq!(exported.iter().find(|metric| metric.name == "thing_duration_seconds").unwrap().unit, "s");
    }
}
