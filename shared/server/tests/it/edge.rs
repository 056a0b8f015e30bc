//! A toy API behind the real stack and the real listener, and a client that writes raw bytes.

use std::{net::SocketAddr, time::Duration};

use domain::priority::Priority;
use poem::error::NotFoundError;
use poem_openapi::{Object, OpenApi, OpenApiService, param::Path};
use server::{
    admission::{AdmissionQueue, FairnessKey, Permit},
    answer::{Created, Ok200},
    http::{LogFields, RequestContext, Routes, StackConfig, stack},
    json::Json,
    listener::{self, Limits},
    metrics::Metrics,
    problem::{ErrorCode, Problem},
    query::Query,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

/// Far longer than any limit under test; reached only when a guarantee is broken.
pub const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Debug, Object)]
pub struct Thing {
    name: String,
    count: Option<i64>,
    #[oai(nullable)]
    note: Option<String>,
}

#[derive(Debug, Default)]
pub struct Signals {
    pub entered: Notify,
    pub go_on: Notify,
    pub finished: Notify,
}

pub struct Toy {
    signals: std::sync::Arc<Signals>,
    admission: Option<AdmissionQueue>,
}

impl Toy {
    async fn admit(&self) -> Result<Option<Permit>, Problem> {
        let Some(queue) = &self.admission else { return Ok(None) };
        Ok(Some(queue.acquire(Priority::Verification, FairnessKey::Unknown, 1).await?))
    }
}

#[OpenApi]
impl Toy {
    #[oai(path = "/v1/things", method = "post", operation_id = "create_thing")]
    async fn create_thing(&self, fields: LogFields, body: Json<Thing>) -> Result<Created<Thing>, Problem> {
        fields.key("key_0000000000000000000001".parse().unwrap());
        Ok(Created::new(body.parse()?).etag(1))
    }

    #[oai(path = "/v1/things", method = "get", operation_id = "list_things")]
    async fn list_things(&self, request: &poem::Request) -> Result<Ok200<i64>, Problem> {
        let _permit = self.admit().await?;
        let mut query = Query::parse(request, &["limit", "q"])?;
        let limit = query.integer("limit", 1..=200, 50);
        query.finish()?;
        Ok(Ok200::new(limit))
    }

    #[oai(path = "/v1/things/:id", method = "get", operation_id = "find_thing")]
    async fn find_thing(&self, id: Path<i64>) -> Result<Ok200<i64>, Problem> {
        if id.0 > 9 { Err(Problem::new(ErrorCode::NotFound)) } else { Ok(Ok200::new(id.0)) }
    }

    #[oai(path = "/v1/context", method = "get", operation_id = "find_context")]
    async fn find_context(&self, context: RequestContext) -> Result<Ok200<String>, Problem> {
        Ok(Ok200::new(context.client_ip.map_or("denied".to_owned(), |address| address.to_string())))
    }

    #[oai(path = "/v1/panic", method = "get", operation_id = "panic")]
    async fn panic(&self) -> Result<Ok200<String>, Problem> {
        panic!("a bug")
    }

    #[oai(path = "/v1/cause", method = "get", operation_id = "find_cause")]
    async fn find_cause(&self) -> Result<Ok200<String>, Problem> {
        Err(Problem::new(ErrorCode::Internal).source(std::io::Error::other("password hunter2")))
    }

    #[oai(path = "/v1/framework", method = "get", operation_id = "find_framework")]
    async fn find_framework(&self) -> poem::Result<Ok200<String>> {
        Err(NotFoundError.into())
    }

    #[oai(path = "/v1/slow", method = "get", operation_id = "find_slow")]
    async fn find_slow(&self) -> Result<Ok200<String>, Problem> {
        let _permit = self.admit().await?;
        self.signals.entered.notify_one();
        self.signals.go_on.notified().await;
        self.signals.finished.notify_one();
        Ok(Ok200::new("done".to_owned()))
    }

    #[oai(path = "/v1/large", method = "get", operation_id = "find_large")]
    async fn find_large(&self) -> Result<Ok200<String>, Problem> {
        Ok(Ok200::new("x".repeat(64 * 1024 * 1024)))
    }
}

/// A running edge.
pub struct Edge {
    pub address: SocketAddr,
    pub signals: std::sync::Arc<Signals>,
    pub metrics: Metrics,
    pub shutdown: CancellationToken,
    pub served: JoinHandle<std::io::Result<()>>,
}

impl Edge {
    pub async fn start() -> Self {
        Self::with(Limits::promised(), |config| config).await
    }

    pub async fn with(limits: Limits, adjust: impl FnOnce(StackConfig) -> StackConfig) -> Self {
        Self::open(limits, adjust, None).await
    }

    /// An edge that lists things and is slow only with a permit of this queue.
    pub async fn admitting(limits: Limits, queue: AdmissionQueue) -> Self {
        Self::open(limits, |config| config, Some(queue)).await
    }

    async fn open(
        limits: Limits,
        adjust: impl FnOnce(StackConfig) -> StackConfig,
        admission: Option<AdmissionQueue>,
    ) -> Self {
        let metrics = Metrics::new();
        let signals = std::sync::Arc::new(Signals::default());
        let config = adjust(StackConfig::new(Routes::of::<Toy>(), &metrics).environment("staging"));
        let api = OpenApiService::new(Toy { signals: signals.clone(), admission }, "toy", "1");
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let served = tokio::spawn({
            let (metrics, shutdown) = (metrics.clone(), shutdown.clone());
            async move { listener::serve(listener, stack(api, config), limits, &metrics, shutdown).await }
        });
        Self { address, signals, metrics, shutdown, served }
    }

    pub async fn connect(&self) -> Wire {
        Wire { stream: TcpStream::connect(self.address).await.unwrap(), buffer: Vec::new() }
    }

    /// Waits until the metrics say so.
    pub async fn shows(&self, metric: &str) {
        let is_shown = async {
            while !self.metrics.text().lines().any(|line| line == metric) {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, is_shown).await.unwrap_or_else(|_| panic!("never showed {metric}"));
    }

    /// Sends raw bytes on a connection of their own and reads the first answer.
    pub async fn send(&self, raw: impl AsRef<[u8]>) -> Answer {
        let mut wire = self.connect().await;
        wire.write(raw).await;
        wire.answer().await
    }

    /// A GET with nothing but a host and these extra lines.
    pub async fn get(&self, target: &str, lines: &str) -> Answer {
        self.send(format!("GET {target} HTTP/1.1\r\nHost: edge\r\n{lines}\r\n")).await
    }

    /// A POST of a JSON body.
    pub async fn post(&self, body: impl AsRef<[u8]>) -> Answer {
        self.post_as("Content-Type: application/json\r\n", body).await
    }

    pub async fn post_as(&self, lines: &str, body: impl AsRef<[u8]>) -> Answer {
        let body = body.as_ref();
        let mut raw =
            format!("POST /v1/things HTTP/1.1\r\nHost: edge\r\n{lines}Content-Length: {}\r\n\r\n", body.len())
                .into_bytes();
        raw.extend_from_slice(body);
        self.send(raw).await
    }
}

/// One TCP connection.
pub struct Wire {
    pub stream: TcpStream,
    buffer: Vec<u8>,
}

/// One answer; `status` 0 when the connection ended instead.
#[derive(Debug, Default)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .filter_map(|line| line.split_once(": "))
            .find_map(|(found, value)| found.eq_ignore_ascii_case(name).then_some(value))
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or(serde_json::Value::Null)
    }

    pub fn code(&self) -> String {
        let json = self.json();
        if self.header("content-type") != Some("application/problem+json") || json["request_id"].as_str().is_none() {
            return format!("no problem but {} {}", self.status, self.body);
        }
        assert_eq!(self.header("x-request-id"), json["request_id"].as_str());
        assert_eq!(json["status"], self.status);
        json["code"].as_str().unwrap_or_default().to_owned()
    }
}

impl Wire {
    pub async fn write(&mut self, raw: impl AsRef<[u8]>) {
        // The edge may have refused and closed already; what matters is what it answered.
        let _ = self.stream.write_all(raw.as_ref()).await;
    }

    /// Reads the next answer.
    pub async fn answer(&mut self) -> Answer {
        tokio::time::timeout(PATIENCE, self.read_answer()).await.expect("an answer or an end within patience")
    }

    /// Waits for the other end to close; what comes before is dropped.
    pub async fn closed(&mut self) {
        let mut rest = Vec::new();
        let end = self.stream.read_to_end(&mut rest);
        let _ = tokio::time::timeout(PATIENCE, end).await.expect("an end within patience");
    }

    async fn read_answer(&mut self) -> Answer {
        let head_end = loop {
            if let Some(end) = self.buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
            if !self.read_more().await {
                return Answer::default();
            }
        };
        let head = String::from_utf8(self.buffer.drain(..head_end).collect()).unwrap();
        let status = head.split(' ').nth(1).and_then(|text| text.parse().ok()).unwrap_or_default();
        let mut answer = Answer { status, head, body: String::new() };
        let length = answer.header("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
        while self.buffer.len() < length && self.read_more().await {}
        answer.body = String::from_utf8_lossy(&self.buffer.drain(..length.min(self.buffer.len())).collect::<Vec<_>>())
            .into_owned();
        answer
    }

    async fn read_more(&mut self) -> bool {
        let mut chunk = [0; 4096];
        match self.stream.read(&mut chunk).await {
            Ok(0) | Err(_) => false,
            Ok(count) => {
                self.buffer.extend_from_slice(&chunk[..count]);
                true
            }
        }
    }
}
