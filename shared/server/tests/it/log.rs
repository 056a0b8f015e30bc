//! The request log as the document describes it, and what must never be in it.

use std::{
    io::Write,
    sync::{Arc, Mutex},
};

use opentelemetry::trace::TracerProvider;
use server::{
    listener::Limits,
    management,
    metrics::{MetricRow, Metrics},
};
use tokio_util::sync::CancellationToken;

use crate::edge::{Edge, PATIENCE};

#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Sink {
    fn take(&self) -> String {
        String::from_utf8(std::mem::take(&mut *self.0.lock().unwrap())).unwrap()
    }
}

/// Catches what this thread logs; the tests' runtimes have but one.
fn catch() -> (Sink, tracing::subscriber::DefaultGuard) {
    let sink = Sink::default();
    let writer = sink.clone();
    let lines = tracing_subscriber::fmt().json().flatten_event(true).with_writer(move || writer.clone()).finish();
    (sink, tracing::subscriber::set_default(lines))
}

#[tokio::test]
async fn one_line_tells_who_asked_and_what_came_of_it() {
    let (sink, _guard) = catch();
    let edge = Edge::start().await;
    let answer = edge.post(r#"{"name":"a"}"#).await;
    let text = sink.take();
    assert_eq!(text.lines().count(), 1, "{text}");
    let line: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(line["request.id"].as_str(), answer.header("x-request-id"));
    for (field, value) in [
        ("operation", "create_thing"),
        ("http.method", "POST"),
        ("http.path", "/v1/things"),
        ("key.id", "key_0000000000000000000001"),
        ("client.address", "127.0.0.1"),
        ("peer.address", "127.0.0.1"),
        ("level", "INFO"),
        ("target", "request"),
    ] {
        assert_eq!(line[field], value, "{field}");
    }
    assert_eq!(line["http.status"], 201);
    assert!(line["message"].as_str().unwrap().starts_with("POST /v1/things 201 in "));
    for field in ["code", "cause", "verdict", "organization"] {
        assert!(line.get(field).is_none(), "{field} is missing when there is none");
    }
    let documented = include_str!("../../../../docs/telemetry.md");
    for field in line.as_object().unwrap().keys().filter(|name| name.contains('.')) {
        assert!(documented.contains(&format!("`{field}`")), "{field} is not in docs/telemetry.md");
    }
}

#[tokio::test]
async fn a_line_names_the_trace_that_its_request_belongs_to() {
    let (sink, _guard) = catch();
    let provider = opentelemetry_sdk::trace::SdkTracerProvider::builder().build();
    let tracer = trace::Tracer::new(provider.tracer("edge"));
    let edge = Edge::with(Limits::promised(), |config| config.tracer(Some(tracer))).await;
    let id = "0af7651916cd43dd8448eb211c80319c";
    for flags in ["00", "01"] {
        edge.get("/v1/nowhere", &format!("traceparent: 00-{id}-b7ad6b7169203331-{flags}\r\n")).await;
        let line: serde_json::Value = serde_json::from_str(&sink.take()).unwrap();
        assert_eq!(line["trace.id"], id, "recorded or not");
    }
    let edge = Edge::start().await;
    edge.get("/v1/nowhere", &format!("traceparent: 00-{id}-b7ad6b7169203331-01\r\n")).await;
    let line: serde_json::Value = serde_json::from_str(&sink.take()).unwrap();
    assert!(line.get("trace.id").is_none(), "nobody would find it anywhere");
}

#[tokio::test]
async fn a_failure_is_logged_once_with_its_cause_and_code() {
    let (sink, _guard) = catch();
    let edge = Edge::start().await;
    edge.get("/v1/cause", "").await;
    let line: serde_json::Value = serde_json::from_str(&sink.take()).unwrap();
    assert_eq!((line["level"].as_str(), line["code"].as_str()), (Some("ERROR"), Some("internal")));
    assert_eq!((line["cause"].as_str(), line["operation"].as_str()), (Some("password hunter2"), Some("find_cause")));
    edge.get("/v1/nowhere", "").await;
    let line: serde_json::Value = serde_json::from_str(&sink.take()).unwrap();
    assert_eq!((line["level"].as_str(), line["code"].as_str()), (Some("INFO"), Some("not-found")));
}

#[tokio::test]
async fn no_credential_query_or_body_is_ever_logged() {
    let (sink, _guard) = catch();
    let edge = Edge::start().await;
    let canary = "clv_prod_0123456789abcdef_canary";
    edge.get("/v1/things?q=canary", &format!("Authorization: Bearer {canary}\r\n")).await;
    edge.get(&format!("/v1/things?q={canary}"), "").await;
    edge.get(&format!("/v1/things/{canary}"), "").await;
    edge.post_as(&format!("Content-Type: {canary}\r\n"), canary).await;
    edge.post(format!("{{\"name\":\"{canary}\",\"canary\":1}}")).await;
    edge.post(format!("{{\"{canary}\":1,\"{canary}\":2}}")).await;
    edge.send(format!(
        "BREW /v1/things HTTP/1.1\r\nHost: edge\r\nCookie: {canary}\r\nX-Forwarded-For: {canary}\r\n\r\n"
    ))
    .await;
    let text = sink.take();
    assert_eq!(text.lines().count(), 7, "{text}");
    assert!(!text.contains("canary"), "{text}");
}

#[tokio::test]
async fn management_tells_health_and_metrics_and_nothing_else() {
    let metrics = Metrics::new();
    let shutdown = CancellationToken::new();
    let health = management::Health::new(shutdown.clone(), &metrics);
    let postgres = health.required("postgres");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let stopped = CancellationToken::new();
    let served = tokio::spawn(management::serve(listener, health, metrics.clone(), stopped.clone()));
    let client = reqwest::Client::builder().timeout(PATIENCE).build().unwrap();
    let ask = async |path: &str| {
        let response = client.get(format!("{base}{path}")).send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    };
    assert_eq!(ask("/health/live").await.0, 200);
    assert_eq!(ask("/health/ready").await.0, 503);
    postgres.works();
    assert_eq!(ask("/health/ready").await, (200, r#"{"status":"ready","degraded":[]}"#.to_owned()));
    shutdown.cancel();
    assert_eq!(ask("/health/ready").await.0, 503, "a process that is told to stop is not ready at once");
    let row = MetricRow { name: "things_total", help: "Things.", labels: &["kind"] };
    metrics.counter(row).count(&["small"]);
    assert!(ask("/metrics").await.1.contains(r#"things_total{kind="small"} 1"#));
    assert_eq!(ask("/anything").await.0, 404);
    stopped.cancel();
    served.await.unwrap().unwrap();
}
