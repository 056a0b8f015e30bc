//! An OTLP collector on loopback that keeps what it is sent, and that can be told to fail.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::{HeaderMap, StatusCode};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{Metric, NumberDataPoint, number_data_point};
use opentelemetry_proto::tonic::resource::v1::Resource;
use poem::{Endpoint, Request, Response};
use prost::Message;
use server::listener::{self, Limits};
use server::metrics::Metrics;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

const POLL: Duration = Duration::from_millis(20);
const PATIENCE: Duration = Duration::from_secs(30);

/// The service and the labels of each series, with its last value.
pub type Series = BTreeMap<(String, Vec<String>), f64>;

/// A collector. Dropping it stops it.
#[derive(Debug)]
pub struct Collector {
    /// Where it listens.
    pub address: SocketAddr,
    shared: Arc<Shared>,
    stopped: CancellationToken,
}

/// What a collector does with what it is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mood {
    /// Keeps it.
    #[default]
    Keeps,
    /// Answers 503.
    Fails,
    /// Takes the request and never answers.
    Hangs,
}

#[derive(Debug, Default)]
struct Shared {
    mood: Mutex<Mood>,
    received: Mutex<Vec<Received>>,
}

#[derive(Debug, Clone)]
struct Received {
    path: String,
    headers: HeaderMap,
    body: Vec<u8>,
}

/// A span as the collector has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceivedSpan {
    /// The process that it comes from.
    pub service: String,
    /// Its name.
    pub name: String,
    /// Its trace, in hexadecimal.
    pub trace_id: String,
    /// Its own id.
    pub span_id: String,
    /// Its parent's id; empty for the first of a trace.
    pub parent_id: String,
    /// Its attributes as text.
    pub attributes: BTreeMap<String, String>,
    /// Whether it says that it failed.
    pub is_failed: bool,
}

impl Collector {
    /// Starts it on a free port.
    pub async fn start() -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (shared, stopped) = (Arc::<Shared>::default(), CancellationToken::new());
        let endpoint = Keeper(Arc::clone(&shared));
        let token = stopped.clone();
        tokio::spawn(
            async move { listener::serve(listener, endpoint, Limits::promised(), &Metrics::new(), token).await },
        );
        Ok(Self { address, shared, stopped })
    }

    /// Its address as a configuration says it.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on it does this.
    pub fn set_mood(&self, mood: Mood) {
        *self.shared.mood.lock().unwrap_or_else(PoisonError::into_inner) = mood;
    }

    /// Every byte of every message that it kept.
    pub fn bytes(&self) -> Vec<u8> {
        self.received().into_iter().flat_map(|received| received.body).collect()
    }

    /// Whether every message carried this header.
    pub fn was_always_told(&self, name: &str, value: &str) -> bool {
        let received = self.received();
        let is_told = |one: &Received| one.headers.get(name).is_some_and(|sent| sent == value);
        !received.is_empty() && received.iter().all(is_told)
    }

    /// The spans so far.
    ///
    /// # Panics
    ///
    /// When a message is not what it should be.
    pub fn spans(&self) -> Vec<ReceivedSpan> {
        let mut spans = Vec::new();
        for received in self.received().into_iter().filter(|received| received.path == "/v1/traces") {
            let message = ExportTraceServiceRequest::decode(received.body.as_slice()).expect("traces are traces");
            for of_resource in message.resource_spans {
                let service = service_of(of_resource.resource.as_ref());
                let all = of_resource.scope_spans.into_iter().flat_map(|scope| scope.spans);
                spans.extend(all.map(|span| ReceivedSpan {
                    service: service.clone(),
                    name: span.name,
                    trace_id: hex(&span.trace_id),
                    span_id: hex(&span.span_id),
                    parent_id: hex(&span.parent_span_id),
                    attributes: texts(&span.attributes),
                    is_failed: span.status.is_some_and(|status| status.code == 2),
                }));
            }
        }
        spans
    }

    /// The spans once they are as the test wants them.
    ///
    /// # Panics
    ///
    /// When they do not become so for a long time.
    pub async fn await_spans(&self, are_there: impl Fn(&[ReceivedSpan]) -> bool) -> Vec<ReceivedSpan> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let spans = self.spans();
            if are_there(&spans) {
                return spans;
            }
            assert!(Instant::now() < deadline, "not what was waited for: {spans:#?}");
            tokio::time::sleep(POLL).await;
        }
    }

    /// The last value of each series of a counter or a gauge, with its service and its labels.
    ///
    /// # Panics
    ///
    /// When a message is not what it should be.
    pub fn series(&self, name: &str) -> Series {
        let mut series = BTreeMap::new();
        for received in self.received().into_iter().filter(|received| received.path == "/v1/metrics") {
            let message = ExportMetricsServiceRequest::decode(received.body.as_slice()).expect("metrics are metrics");
            for of_resource in message.resource_metrics {
                let service = service_of(of_resource.resource.as_ref());
                let metrics = of_resource.scope_metrics.into_iter().flat_map(|scope| scope.metrics);
                let numbers = metrics.filter(|metric| metric.name == name).flat_map(numbers);
                series.extend(numbers.map(|(labels, value)| ((service.clone(), labels), value)));
            }
        }
        series
    }

    /// The same, once the test has what it waits for in them.
    ///
    /// # Panics
    ///
    /// When that does not come for a long time.
    pub async fn await_series(&self, name: &str, is_there: impl Fn(&Series) -> bool) -> Series {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let series = self.series(name);
            if is_there(&series) {
                return series;
            }
            assert!(Instant::now() < deadline, "not what was waited for: {series:#?}");
            tokio::time::sleep(POLL).await;
        }
    }

    fn received(&self) -> Vec<Received> {
        self.shared.received.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.stopped.cancel();
    }
}

struct Keeper(Arc<Shared>);

impl Endpoint for Keeper {
    type Output = Response;

    async fn call(&self, mut request: Request) -> poem::Result<Response> {
        let mood = *self.0.mood.lock().unwrap_or_else(PoisonError::into_inner);
        match mood {
            Mood::Keeps => {}
            Mood::Fails => return Ok(Response::builder().status(StatusCode::SERVICE_UNAVAILABLE).finish()),
            Mood::Hangs => std::future::pending().await,
        }
        let (path, headers) = (request.uri().path().to_owned(), request.headers().clone());
        let body = request.take_body().into_vec().await?;
        self.0.received.lock().unwrap_or_else(PoisonError::into_inner).push(Received { path, headers, body });
        Ok(Response::builder().status(StatusCode::OK).finish())
    }
}

/// The labels' values with the number of each series.
fn numbers(metric: Metric) -> Vec<(Vec<String>, f64)> {
    let points = match metric.data {
        Some(Data::Sum(sum)) => sum.data_points,
        Some(Data::Gauge(gauge)) => gauge.data_points,
        other => panic!("{} has no single numbers: {other:?}", metric.name),
    };
    let number = |point: NumberDataPoint| match point.value {
        Some(number_data_point::Value::AsDouble(value)) => {
            Some((texts(&point.attributes).into_values().collect(), value))
        }
        Some(number_data_point::Value::AsInt(_)) | None => None,
    };
    points.into_iter().filter_map(number).collect()
}

fn service_of(resource: Option<&Resource>) -> String {
    resource.and_then(|resource| texts(&resource.attributes).remove("service.name")).unwrap_or_default()
}

fn texts(attributes: &[KeyValue]) -> BTreeMap<String, String> {
    let text = |attribute: &KeyValue| {
        let value = match attribute.value.as_ref().and_then(|value| value.value.as_ref()) {
            Some(any_value::Value::StringValue(text)) => text.clone(),
            Some(any_value::Value::IntValue(number)) => number.to_string(),
            other => format!("{other:?}"),
        };
        (attribute.key.clone(), value)
    };
    attributes.iter().map(text).collect()
}

fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}
