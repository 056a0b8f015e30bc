//! The stack around every handler: id, log line, panic guard, framing, deadline, and one form for every failure.

mod catch;
pub mod framing;
mod log;
mod routes;
mod traced;

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
    time::{Duration, Instant},
};

use chrono::Utc;
use domain::ids::RequestId;
use http::{HeaderMap, HeaderName, HeaderValue, Version, header};
use ipnet::IpNet;
use poem::{Addr, Endpoint, FromRequest, IntoEndpoint, IntoResponse, Request, RequestBody, Response, Result};
use poem_openapi::OperationId;
use tracing::Level;

use crate::{
    json::BODY_MAX_BYTES,
    listener::{Panic, SpawnOnDrop},
    metrics::{Metrics, RequestMetrics},
    problem::{ErrorCode, Problem},
    request_log::RequestLogQueue,
    trusted_proxies,
};

pub use framing::credential_in_url;
pub use log::LogFields;
use routes::RouteTable;
pub use routes::Routes;
pub use traced::Traced;

/// The header that names a request's log line.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The header that names the environment.
pub const X_ENVIRONMENT: HeaderName = HeaderName::from_static("x-environment");

/// How long a request may take before it is answered without its result.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// What the stack needs to know of its service.
#[derive(Debug, Clone)]
pub struct StackConfig {
    routes: Arc<RouteTable>,
    metrics: RequestMetrics,
    request_log: Option<RequestLogQueue>,
    environment: Option<&'static str>,
    trusted_proxies: Arc<[IpNet]>,
    body_max_bytes: u64,
    larger_bodies: Option<(&'static str, u64)>,
    also_serves: &'static [&'static str],
    secret_paths: &'static [&'static str],
    deadline: Duration,
    tracer: Option<trace::Tracer>,
    success_level: Level,
}

impl StackConfig {
    /// A stack for these routes, with the limits that hold unless a service says otherwise.
    pub fn new(routes: Routes, metrics: &Metrics) -> Self {
        Self {
            routes: routes.table(),
            metrics: RequestMetrics::register(metrics),
            request_log: None,
            environment: None,
            trusted_proxies: Arc::from([]),
            body_max_bytes: BODY_MAX_BYTES as u64,
            larger_bodies: None,
            also_serves: &[],
            secret_paths: &[],
            deadline: DEADLINE,
            tracer: None,
            success_level: Level::INFO,
        }
    }

    /// Names the environment in every answer.
    #[must_use]
    pub fn environment(mut self, name: &'static str) -> Self {
        self.environment = Some(name);
        self
    }

    /// Keeps a row of each request beside its log line.
    #[must_use]
    pub fn request_log(mut self, queue: RequestLogQueue) -> Self {
        self.request_log = Some(queue);
        self
    }

    /// Lets these peers vouch for where a request comes from.
    #[must_use]
    pub fn trusted_proxies(mut self, networks: &[IpNet]) -> Self {
        self.trusted_proxies = Arc::from(networks);
        self
    }

    /// Admits declared bodies of up to this size; `Json` keeps its own, smaller limit.
    #[must_use]
    pub fn body_max_bytes(mut self, bytes: u64) -> Self {
        self.body_max_bytes = bytes;
        self
    }

    /// Admits declared bodies of up to this size where the path ends so.
    #[must_use]
    pub fn larger_bodies(mut self, path_end: &'static str, bytes: u64) -> Self {
        self.larger_bodies = Some((path_end, bytes));
        self
    }

    /// Lets `Accept` name these media types alone, for downloads that are not JSON.
    #[must_use]
    pub fn also_serves(mut self, media_types: &'static [&'static str]) -> Self {
        self.also_serves = media_types;
        self
    }

    /// Withholds from the log what follows these beginnings of a path: a link that is good once.
    #[must_use]
    pub fn secret_paths(mut self, beginnings: &'static [&'static str]) -> Self {
        self.secret_paths = beginnings;
        self
    }

    /// Answers 503 after this long.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Logs what succeeds at the level for debugging: for a service that is asked the same all day, by others who log
    /// their own requests.
    #[must_use]
    pub fn quiet(mut self) -> Self {
        self.success_level = Level::DEBUG;
        self
    }

    /// Gives every request a span.
    #[must_use]
    pub fn tracer(mut self, tracer: Option<trace::Tracer>) -> Self {
        self.tracer = tracer;
        self
    }

    /// The largest declared body that a path takes.
    fn body_max_bytes_of(&self, path: &str) -> u64 {
        let larger = self.larger_bodies.filter(|(end, _)| path.ends_with(end));
        larger.map_or(self.body_max_bytes, |(_, bytes)| bytes)
    }

    fn finish(&self, response: &mut Response, request_id: &str, version: Version) {
        let must_close = response.status().is_client_error()
            && response.data::<ErrorCode>().is_some_and(|code| {
                // The last one is answered before the body was read, which ends the connection: say so.
                matches!(
                    code,
                    ErrorCode::BadFraming
                        | ErrorCode::HeadersTooLarge
                        | ErrorCode::UriTooLong
                        | ErrorCode::PayloadTooLarge
                )
            });
        let headers = response.headers_mut();
        let id = HeaderValue::try_from(request_id).expect("ids are letters, digits, - and _");
        headers.insert(X_REQUEST_ID, id);
        if let Some(environment) = self.environment {
            headers.insert(X_ENVIRONMENT, HeaderValue::from_static(environment));
        }
        headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        if version >= Version::HTTP_2 {
            headers.remove(header::CONNECTION);
        } else if must_close {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
    }
}

/// What every part of a request's handling may know of it.
#[derive(Debug, Clone)]
pub struct RequestContext {
    /// The id in the answer and in the log.
    pub request_id: String,
    /// The other end of the connection.
    pub peer: IpAddr,
    /// Who the request comes from; `None` when a trusted proxy's chain cannot be read, which denies.
    pub client_ip: Option<IpAddr>,
    /// When the request arrived, for durations only.
    pub started: Instant,
}

impl RequestContext {
    fn of(request: &Request, config: &StackConfig) -> Self {
        let peer = match request.remote_addr().0 {
            Addr::SocketAddr(address) => address.ip().to_canonical(),
            Addr::Unix(_) | Addr::Custom(..) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        };
        Self {
            request_id: request_id(request.headers()),
            peer,
            client_ip: trusted_proxies::client_ip(peer, request.headers(), &config.trusted_proxies),
            started: Instant::now(),
        }
    }
}

impl<'a> FromRequest<'a> for RequestContext {
    async fn from_request(request: &'a Request, _body: &mut RequestBody) -> Result<Self> {
        let attached = request.data::<Arc<Self>>();
        attached.map(|context| Self::clone(context)).ok_or_else(|| Problem::new(ErrorCode::Internal).into())
    }
}

/// A caller's own id when it is harmless in logs and headers, else a new one.
fn request_id(headers: &HeaderMap) -> String {
    let mut sent = headers.get_all(X_REQUEST_ID).iter().map(HeaderValue::as_bytes);
    let is_fit = |text: &&str| {
        (8..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    if let (Some(id), None) = (sent.next().and_then(|value| str::from_utf8(value).ok()).filter(is_fit), sent.next()) {
        return id.to_owned();
    }
    mint_request_id().to_string()
}

#[expect(clippy::disallowed_methods, reason = "an id for logs, minted before any store's clock is known")]
fn mint_request_id() -> RequestId {
    RequestId::mint(Utc::now())
}

/// Wraps the routes of a service. What comes out never fails: every failure is an answer.
pub fn stack<E>(routes: E, mut config: StackConfig) -> Traced<Stack<E::Endpoint>>
where
    E: IntoEndpoint,
    E::Endpoint: 'static,
{
    let (tracer, routes_known, environment) = (config.tracer.take(), Arc::clone(&config.routes), config.environment);
    let inner = Stack { inner: Arc::new(routes.into_endpoint()), config: Arc::new(config) };
    Traced { inner, tracer, routes: routes_known, environment }
}

/// The routes of a service with everything around them.
pub struct Stack<E> {
    inner: Arc<E>,
    config: Arc<StackConfig>,
}

impl<E: Endpoint + 'static> Endpoint for Stack<E> {
    type Output = Response;

    async fn call(&self, mut request: Request) -> Result<Response> {
        let context = Arc::new(RequestContext::of(&request, &self.config));
        let fields = LogFields::default();
        let (method, uri, version) = (request.method().clone(), request.uri().clone(), request.version());
        if trusted_proxies::is_ignored_chain(context.peer, request.headers(), &self.config.trusted_proxies) {
            self.config.metrics.ignored_chain();
        }
        request.set_data(Arc::clone(&context));
        request.set_data(fields.clone());

        let (mut response, cause) = match self.run(request).await {
            Ok(response) => (response, None),
            Err(failure) => {
                let cause = failure.problem.cause();
                let mut response = failure.problem.into_response(&context.request_id);
                if let Some(operation) = failure.operation {
                    response.set_data(operation);
                }
                (response, cause)
            }
        };
        self.config.finish(&mut response, &context.request_id, version);
        let line = log::Line {
            method,
            uri,
            secret_paths: self.config.secret_paths,
            operation: response.data::<OperationId>().map(|operation| operation.0),
            status: response.status().as_u16(),
            code: response.data::<ErrorCode>().copied(),
            cause,
            duration: context.started.elapsed(),
        };
        self.config.metrics.answered(line.operation, line.code, line.duration);
        log::write(&line, self.config.success_level, &context, &fields);
        if let Some(request_log) = self.config.request_log.as_ref().filter(|_| !line.is_rejection()) {
            request_log.offer(log::entry(line, &context, &fields));
        }
        Ok(response)
    }
}

struct Failure {
    problem: Problem,
    operation: Option<OperationId>,
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self { problem, operation: None }
    }
}

impl<E: Endpoint + 'static> Stack<E> {
    async fn run(&self, request: Request) -> Result<Response, Failure> {
        framing::screen(&request, &self.config)?;
        let path = request.uri().path().to_owned();
        let inner = Arc::clone(&self.inner);
        let handled = SpawnOnDrop::new(async move { inner.as_ref().call(request).await });
        match tokio::time::timeout(self.config.deadline, handled).await {
            Ok(Ok(Ok(output))) => Ok(output.into_response()),
            Ok(Ok(Err(error))) => {
                let operation = error.data::<OperationId>().copied();
                Err(Failure { problem: catch::problem_of(error, &path, &self.config), operation })
            }
            Ok(Err(panic)) => Err(Problem::new(ErrorCode::Internal).source(Panicked(panic_text(&panic))).into()),
            Err(_elapsed) => {
                // The answer is late, not the work, which goes on: a transaction could be left half cancelled.
                let detail = "The request took too long and was given up on; its effect is not known.";
                let problem = Problem::new(ErrorCode::Overloaded).detail(detail).retry_after(Duration::from_secs(1));
                Err(problem.source(TookTooLong).into())
            }
        }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("panicked: {0}")]
struct Panicked(String);

#[derive(Debug, thiserror::Error)]
#[error("took longer than a request may")]
struct TookTooLong;

fn panic_text(panic: &Panic) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a value that is no text".to_owned())
}
