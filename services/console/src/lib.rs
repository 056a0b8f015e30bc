//! The console: people, their sessions, the directory of organizations, and the web app.

pub mod access;
pub mod app;
mod assets;
mod browser;
mod clearable;
pub mod config;
pub mod cookies;
mod document;
mod environments;
mod grants;
mod mail;
mod metrics;
pub mod operation;
pub mod origin;
pub mod page;
pub mod pages;
pub mod passwords;
mod provision;
pub mod proxy;
pub mod resources;
pub mod seal;
pub mod sign_in;
pub mod signed;
pub mod tokens;
pub mod visit;
mod watch;
mod web;

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;
use domain::environment::Environment;
use http::Method;
use poem::{Endpoint, EndpointExt, IntoResponse, Request, Response};
use poem_openapi::OpenApiService;
use server::http::{StackConfig, stack};
use server::listener::tls::Binding;
use server::listener::{Limits, serve};
use server::management::{self, Health};
use server::metrics::Metrics;
use server::otlp::{Otlp, Process};
use server::problem::Problem;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use trace::Tracer;

use crate::app::App;
use crate::browser::ForBrowsers;
pub use crate::config::{Config, DEFAULTS};
use crate::resources::Apis;

/// The console with its two listeners bound, before it answers.
pub struct Bound {
    /// Where the console listens.
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
    let listener = TcpListener::bind((config.server.host, config.server.port)).await?;
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
        let watch = tokio::spawn(watch::control(Arc::clone(&app), &health));
        let provisioning = tokio::spawn(provision::run(Arc::clone(&app)));
        let management =
            tokio::spawn(management::serve(self.management_listener, health, metrics.clone(), stopped.clone()));
        let process = Process { service: "claviger-console", environment: None };
        let otlp = Otlp::start(&self.config.telemetry, process, &metrics);
        let endpoint = endpoint(&self.config, &app, &metrics, otlp.tracer());
        // A proxy stands for many clients; it bounds the connections of each.
        let limits = Limits { exempt_sources: self.config.server.trusted_proxies.clone(), ..Limits::promised() };
        serve(self.listener, endpoint, limits, &metrics, shutdown).await?;
        stopped.cancel();
        watch.abort();
        provisioning.abort();
        management.await??;
        otlp.stop().await;
        app.control.close().await;
        Ok(())
    }
}

/// Everything that answers on the console's port.
fn endpoint(
    config: &Config,
    app: &Arc<App>,
    metrics: &Metrics,
    tracer: Option<Tracer>,
) -> impl Endpoint<Output = Response> + use<> {
    let mut known = server::http::Routes::of::<Apis>();
    for (path, methods) in pages::PATHS {
        known = known.and(path, methods);
    }
    known = known.and(KEYS_PATH, &[Method::GET]);
    for environment in Environment::ALL {
        known = known.and(&format!("/bff/{environment}/v1/*rest"), PROXIED);
    }
    let front = Front { app: Arc::clone(app), pages: pages::routes(app), operations: service().data(Arc::clone(app)) };
    let stack_config = StackConfig::new(known, metrics)
        .tracer(tracer)
        .trusted_proxies(&config.server.trusted_proxies)
        .larger_bodies(IMPORT_PATH_END, proxy::BODY_BYTES_MAX as u64)
        .secret_paths(pages::SECRET_PATHS)
        .also_serves(MEDIA_TYPES);
    let is_https = app.public_url.scheme() == "https";
    ForBrowsers { inner: stack(front, stack_config), version: assets::version(), is_https }
}

/// Where the environments read the keys that prove members' tokens.
const KEYS_PATH: &str = "/.well-known/jwks.json";
/// What the web app may ask of an environment.
const PROXIED: &[Method] = &[Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
/// The one body that is larger than others.
const IMPORT_PATH_END: &str = "/keys/import-batch";

async fn published_keys(app: &App) -> Result<Response, Problem> {
    let keys = app.tokens.published().await?;
    Ok(Response::builder().content_type(server::answer::JSON).body(keys.to_string()))
}

/// What browsers ask for beside pages: styles, images, fonts.
const MEDIA_TYPES: &[&str] = &["text/css", "image/*", "image/svg+xml", "image/png", "font/woff2", "text/javascript"];

/// Sends a request to the console's own operations, or to a page.
struct Front<P, O> {
    app: Arc<App>,
    pages: P,
    operations: O,
}

impl<P: Endpoint<Output = Response>, O: Endpoint> Endpoint for Front<P, O> {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        if request.uri().path().starts_with("/bff/control/") {
            return Ok(self.operations.call(request).await?.into_response());
        }
        if request.uri().path().starts_with(proxy::PATH_START) {
            return Ok(proxy::forward(&self.app, request).await?);
        }
        if request.uri().path() == KEYS_PATH && request.method() == Method::GET {
            return Ok(published_keys(&self.app).await?);
        }
        self.pages.call(request).await
    }
}

fn service() -> OpenApiService<Apis, ()> {
    OpenApiService::new(resources::APIS, "Claviger console", "1")
        .description("What the console's web app asks of the console's own server.")
}

/// The document of what the web app asks of the console's own server, for whoever writes the web app.
pub fn openapi_json() -> String {
    document::openapi(&service().spec())
}
