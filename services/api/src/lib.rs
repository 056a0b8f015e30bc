//! The Integration API of one environment: every request is proven by the key service, then answered from the
//! environment's own rows.

pub mod access;
mod adoption;
pub mod app;
pub mod authenticate;
pub mod config;
mod cursor;
mod demands;
pub mod document;
mod fields;
mod grant;
mod idempotency;
mod import;
mod limit_headers;
pub mod members;
mod metrics;
pub mod operation;
mod optional_body;
mod outbox_ack;
mod ownership;
mod page;
mod precondition;
mod priority;
mod query;
pub mod resources;
pub mod root_keys;
pub mod wire;

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;
use http::{Method, StatusCode};
use poem::{Endpoint, EndpointExt, IntoResponse, Request, Response};
use poem_openapi::OpenApiService;
use server::docs_pages::{self, Documented, Pages};
use server::http::{StackConfig, stack};
use server::listener::tls::Binding;
use server::listener::{Limits, serve};
use server::management::{self, Health};
use server::metrics::Metrics;
use server::otlp::{Otlp, Process};
use server::problem::{ErrorCode, Problem};
use server::request_log::{self, RequestLogQueue};
use server::watch;
use store::{DatabaseConfig, Store};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use trace::Tracer;

use crate::app::App;
pub use crate::config::{Config, DEFAULTS};
use crate::limit_headers::WithLimitHeaders;
use crate::resources::Apis;

/// The API with its two listeners bound, before it answers.
pub struct Bound {
    /// Where the Integration API listens.
    pub address: SocketAddr,
    /// Where health and metrics listen.
    pub management: SocketAddr,
    config: Config,
    listener: Binding,
    management_listener: TcpListener,
}

/// Checks the configuration and binds both listeners; port 0 takes a free one.
pub async fn bind(config: Config) -> anyhow::Result<Bound> {
    let config = config.checked()?;
    let listener = TcpListener::bind((config.server.host, config.server.integration_port)).await?;
    let management_listener = TcpListener::bind((config.server.management_host, config.server.management_port)).await?;
    let tls = config.server.tls.acceptor().context("server.tls")?;
    Ok(Bound {
        address: listener.local_addr()?,
        management: management_listener.local_addr()?,
        config,
        listener: Binding::new(listener, tls),
        management_listener,
    })
}

/// Binds and answers until the token is cancelled.
pub async fn run(config: Config, shutdown: CancellationToken) -> anyhow::Result<()> {
    bind(config).await?.run(shutdown).await
}

impl Bound {
    /// Answers until the token is cancelled, then drains.
    pub async fn run(self, shutdown: CancellationToken) -> anyhow::Result<()> {
        let metrics = Metrics::new();
        let app = App::connect(&self.config, &metrics).await?;
        let health = Health::new(shutdown.clone(), &metrics);
        let stopped = CancellationToken::new();
        let watch = tokio::spawn(watch::stores(
            self.config.environment,
            (app.store.clone(), app.counters.clone()),
            &health,
            watch::Clocks::new(&metrics, "postgres"),
        ));
        let management =
            tokio::spawn(management::serve(self.management_listener, health.clone(), metrics.clone(), stopped.clone()));
        let process = Process { service: "claviger-api", environment: Some(self.config.environment.name()) };
        let otlp = Otlp::start(&self.config.telemetry, process, &metrics);
        // A connection of its own, so that writing behind never takes one from a request.
        let database = DatabaseConfig { pool_size: 1, ..self.config.database.clone() };
        let rows_max = self.config.request_log.queue_rows_max;
        let (queue, writer) = request_log::queue(Store::connect(&database).await?, rows_max, &metrics);
        let drained = CancellationToken::new();
        let writing = tokio::spawn(writer.run(drained.clone()));
        let observed = Observed { metrics: metrics.clone(), tracer: otlp.tracer(), request_log: queue, health };
        let endpoint = endpoint(&self.config, &app, observed);
        // A proxy stands for many clients; it bounds the connections of each.
        let limits = Limits { exempt_sources: self.config.server.trusted_proxies.clone(), ..Limits::promised() };
        let served = serve(self.listener, endpoint, limits, &metrics, shutdown).await;
        drained.cancel();
        writing.await?;
        served?;
        stopped.cancel();
        watch.abort();
        management.await??;
        otlp.stop().await;
        Ok(())
    }
}

/// What a process tells of itself.
struct Observed {
    metrics: Metrics,
    tracer: Option<Tracer>,
    request_log: RequestLogQueue,
    health: Health,
}

/// Everything that answers on the API's port.
fn endpoint(config: &Config, app: &Arc<App>, observed: Observed) -> impl Endpoint<Output = Response> + use<> {
    let service = service();
    let openapi = document::openapi(&service.spec());
    let llms = document::llms_text(&openapi);
    let pages = Documented {
        name: NAME,
        environment: config.environment.name(),
        is_public: config.flags.public_docs,
        openapi,
        llms: Some(llms),
    };
    let page_paths = pages.paths();
    let mut known = server::http::Routes::of::<Apis>();
    for path in page_paths.iter().chain(&HEALTH_PATHS) {
        known = known.and(path, &[Method::GET]);
    }
    let front = Front {
        is_enabled: config.flags.enable_integration_api,
        health: observed.health,
        page_paths,
        pages: pages.routes(),
        api: service.data(Arc::clone(app)),
    };
    let stack_config = StackConfig::new(known, &observed.metrics)
        .tracer(observed.tracer)
        .environment(config.environment.name())
        .request_log(observed.request_log)
        .trusted_proxies(&config.server.trusted_proxies)
        .larger_bodies(resources::keys::import::BATCH_PATH_END, resources::keys::import::BATCH_MAX_BYTES as u64)
        .also_serves(docs_pages::MEDIA_TYPES);
    WithLimitHeaders(stack(front, stack_config))
}

const HEALTH_PATHS: [&str; 2] = ["/health/live", "/health/ready"];

/// Sends a request to the health of the process, to the documentation, or to the operations.
struct Front<E> {
    is_enabled: bool,
    health: Health,
    page_paths: Vec<&'static str>,
    pages: Pages,
    api: E,
}

impl<E: Endpoint> Endpoint for Front<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        let path = request.uri().path();
        if HEALTH_PATHS.contains(&path) && request.method() == Method::GET {
            let is_well = path.ends_with("live") || self.health.is_ready();
            let (status, word) =
                if is_well { (StatusCode::OK, "ok") } else { (StatusCode::SERVICE_UNAVAILABLE, "not-ready") };
            return Ok(Response::builder()
                .status(status)
                .content_type(server::answer::JSON)
                .body(format!("{{\"status\":\"{word}\"}}")));
        }
        // The console goes on working where keys are shut out: what it presents is proven further on.
        if !self.is_enabled && !presents_a_token(&request) {
            return Err(Problem::new(ErrorCode::IntegrationApiDisabled).into());
        }
        if self.page_paths.contains(&path) {
            return self.pages.call(request).await;
        }
        Ok(self.api.call(request).await?.into_response())
    }
}

/// What the service is called in its document.
const NAME: &str = "Claviger Integration API";

fn presents_a_token(request: &Request) -> bool {
    let value = request.headers().get(http::header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    value.and_then(|text| text.split_once(' ')).is_some_and(|(_, token)| members::is_token(token))
}

fn service() -> OpenApiService<Apis, ()> {
    OpenApiService::new(resources::APIS, NAME, "1").description(include_str!("../introduction.md"))
}

/// Everything as the framework writes it, the operations for server admins included: for the page of events.
pub fn generated_openapi_json() -> String {
    service().spec()
}

/// The OpenAPI document, as it is committed and served.
pub fn openapi_json() -> String {
    document::openapi(&service().spec())
}
