//! Sends traces and metrics to an OTLP collector: protobuf over HTTP, beside the requests and never in their way.
//!
//! A request only puts its finished spans into a bounded queue. Whatever the collector does, or does not do, what comes
//! on top is counted and forgotten.

mod families;
mod spans;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderName, HeaderValue, header};
use opentelemetry::trace::TracerProvider;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_proto::transform::trace::tonic::group_spans_by_resource_and_scope;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider, SpanData};
use prost::Message;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use trace::Tracer;

use crate::metrics::{ExportMetrics, Metrics, Signal};
use crate::settings::Telemetry;

use self::spans::Batches;

/// How long the collector may take for one export, and, at the end, for all that waits.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(5);
/// What the spans are said to come from.
const SCOPE: &str = "claviger";

/// What a process says of itself.
#[derive(Debug, Clone, Copy)]
pub struct Process {
    /// `claviger-keys` and so on.
    pub service: &'static str,
    /// The environment, unless it serves several.
    pub environment: Option<&'static str>,
}

/// The way to the collector; it leads nowhere when none is configured.
#[derive(Debug, Default)]
pub struct Otlp {
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    tracer: Tracer,
    tasks: TaskTracker,
    stopped: CancellationToken,
}

impl Otlp {
    /// Starts to export in tasks of its own. `metrics` are what is exported, and where exports are counted.
    pub fn start(config: &Telemetry, process: Process, metrics: &Metrics) -> Self {
        if config.otlp_endpoint.is_empty() {
            return Self::default();
        }
        let counts = ExportMetrics::register(metrics);
        let resource = resource(process);
        let collector = Arc::new(Collector::new(config, &resource, counts.clone()));
        let (queue, waiting) = spans::queue(counts);
        let provider = SdkTracerProvider::builder()
            .with_resource(resource)
            .with_sampler(Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(config.trace_ratio))))
            .with_span_processor(queue)
            .build();
        let (tasks, stopped) = (TaskTracker::new(), CancellationToken::new());
        tasks.spawn(export_spans(Batches::new(waiting), Arc::clone(&collector), stopped.clone()));
        let interval = Duration::from_millis(config.metrics_interval_ms);
        tasks.spawn(export_metrics(metrics.clone(), interval, collector, stopped.clone()));
        tasks.close();
        Self { running: Some(Running { tracer: Tracer::new(provider.tracer(SCOPE)), tasks, stopped }) }
    }

    /// Where this process's spans go; `None` when nobody wants them.
    pub fn tracer(&self) -> Option<Tracer> {
        self.running.as_ref().map(|running| running.tracer.clone())
    }

    /// Sends what waits, and the metrics as they are at the end. After a few seconds it is given up: whoever stops a
    /// process waits for this.
    pub async fn stop(self) {
        let Some(running) = self.running else { return };
        running.stopped.cancel();
        if tokio::time::timeout(EXPORT_TIMEOUT, running.tasks.wait()).await.is_err() {
            tracing::warn!("the collector did not take what was left to send");
        }
    }
}

fn resource(process: Process) -> Resource {
    let mut attributes = vec![
        opentelemetry::KeyValue::new("service.namespace", "claviger"),
        opentelemetry::KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
        opentelemetry::KeyValue::new("service.instance.id", format!("{:016x}", rand::random::<u64>())),
    ];
    attributes
        .extend(process.environment.map(|name| opentelemetry::KeyValue::new("deployment.environment.name", name)));
    // Nothing that the surroundings say: configuration has one source.
    Resource::builder_empty().with_service_name(process.service).with_attributes(attributes).build()
}

/// Who is sent to, and as whom.
struct Collector {
    http: reqwest::Client,
    base_url: String,
    headers: HeaderMap,
    resource: ResourceAttributesWithSchema,
    counts: ExportMetrics,
}

impl Collector {
    fn new(config: &Telemetry, resource: &Resource, counts: ExportMetrics) -> Self {
        let http = reqwest::Client::builder()
            .timeout(EXPORT_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .expect("the settings are constants that the client takes");
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
        for entry in &config.otlp_headers {
            let name = HeaderName::try_from(entry.name.as_str()).expect("the configuration was checked");
            let mut value = HeaderValue::try_from(entry.value.as_str()).expect("the configuration was checked");
            value.set_sensitive(true);
            headers.append(name, value);
        }
        let base_url = config.otlp_endpoint.trim_end_matches('/').to_owned();
        Self { http, base_url, headers, resource: resource.into(), counts }
    }

    /// Sends one message; says whether it was taken. A failure is counted, and told to whoever debugs.
    async fn send(&self, signal: Signal, message: &impl Message) -> bool {
        let url = format!("{}/v1/{}", self.base_url, signal.name());
        let request = self.http.post(url).headers(self.headers.clone()).body(message.encode_to_vec());
        let outcome = request.send().await.and_then(reqwest::Response::error_for_status);
        self.counts.exported(signal, outcome.is_ok());
        let is_taken = outcome.is_ok();
        if let Err(error) = outcome {
            // A URL may hold a password.
            let error = error.without_url();
            tracing::debug!(%error, signal = signal.name(), "the collector did not take an export");
        }
        is_taken
    }

    async fn send_spans(&self, spans: Vec<SpanData>) {
        let number = spans.len();
        let resource_spans = group_spans_by_resource_and_scope(spans, &self.resource);
        if !self.send(Signal::Traces, &ExportTraceServiceRequest { resource_spans }).await {
            self.counts.lost_in_export(number);
        }
    }
}

async fn export_spans(mut batches: Batches, collector: Arc<Collector>, stopped: CancellationToken) {
    while let Some(Some(spans)) = stopped.run_until_cancelled(batches.next()).await {
        collector.send_spans(spans).await;
    }
    while let Some(spans) = batches.rest() {
        collector.send_spans(spans).await;
    }
}

async fn export_metrics(metrics: Metrics, interval: Duration, collector: Arc<Collector>, stopped: CancellationToken) {
    let started = now();
    loop {
        let is_last = stopped.run_until_cancelled(tokio::time::sleep(interval)).await.is_none();
        let message = families::message(&metrics.families(), &collector.resource, (started, now()));
        collector.send(Signal::Metrics, &message).await;
        if is_last {
            return;
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "when a number was read, for the collector alone")]
fn now() -> SystemTime {
    SystemTime::now()
}
