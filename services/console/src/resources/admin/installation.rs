//! `admin/integration` and `admin/system`: the environments and the installation as they are now.

use std::time::{Duration, Instant};

use domain::environment::Environment;
use http::Method;
use poem_openapi::{Object, OpenApi};
use server::answer::Ok200;
use server::problem::Problem;

use super::snippets::Snippets;
use crate::access::Admin;
use crate::app::App;
use crate::config::EnvironmentApi;
use crate::operation::operations;
use crate::page::Page;
use crate::resources::Tags;

const PROBE_TIME_MAX: Duration = Duration::from_secs(3);

operations! {
    ListIntegrations => ServerAdmins;
    ShowSystem       => ServerAdmins;
}

/// The Integration API of one environment.
#[derive(Debug, Clone, Object)]
pub struct Integration {
    /// The environment.
    pub environment: String,
    /// Whether it answers keys.
    pub enabled: bool,
    /// Its base URL for programs.
    pub public_url: String,
    /// Its base URL for the console.
    pub api_url: String,
    /// How it is now.
    pub health: IntegrationHealth,
    /// Where its documentation is.
    pub docs_url: String,
    /// What a proxy in front of it is told; `null` where its URL says too little.
    pub snippets: Option<Snippets>,
}

/// How an Integration API is now.
#[derive(Debug, Clone, Object)]
pub struct IntegrationHealth {
    /// `ready`, `not-ready` or `away`.
    pub state: String,
    /// How long the answer took.
    pub latency_ms: Option<u64>,
    /// More, in words.
    pub detail: Option<String>,
}

/// The installation.
#[derive(Debug, Clone, Object)]
pub struct System {
    /// Which program this is.
    pub version: String,
    /// The console's database.
    pub database: SystemDatabase,
    /// The environments.
    pub environments: Vec<SystemEnvironment>,
}

/// The console's database.
#[derive(Debug, Clone, Object)]
pub struct SystemDatabase {
    /// The version of Postgres.
    pub version: String,
    /// How many bytes it takes.
    pub size_bytes: i64,
}

/// An environment.
#[derive(Debug, Clone, Object)]
pub struct SystemEnvironment {
    /// Its name.
    pub name: String,
    /// `ready`, `not-ready` or `away`.
    pub state: String,
}

/// The operations on the installation.
pub struct Api;

#[OpenApi]
impl Api {
    /// Show the Integration APIs
    ///
    /// As they are now, with what a proxy in front of each is told.
    #[oai(
        path = "/bff/control/v1/admin/integration",
        method = "get",
        operation_id = "list_integrations",
        tag = "Tags::ServerAdmin"
    )]
    async fn list_integrations(&self, access: Admin<ListIntegrations>) -> Result<Ok200<Page<Integration>>, Problem> {
        let mut items = Vec::new();
        for (environment, api) in &access.app.environments {
            items.push(integration(&access.app, *environment, api).await);
        }
        Ok(Ok200::new(Page::whole(items)))
    }

    /// Show the installation
    #[oai(
        path = "/bff/control/v1/admin/system",
        method = "get",
        operation_id = "show_system",
        tag = "Tags::ServerAdmin"
    )]
    async fn show_system(&self, access: Admin<ShowSystem>) -> Result<Ok200<System>, Problem> {
        let (version, size_bytes) = access.read().await?.find_database_facts().await?;
        let mut environments = Vec::new();
        for (environment, api) in &access.app.environments {
            let health = probe(&access.app, api).await;
            environments.push(SystemEnvironment { name: environment.name().to_owned(), state: health.state });
        }
        Ok(Ok200::new(System {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            database: SystemDatabase { version, size_bytes },
            environments,
        }))
    }
}

async fn integration(app: &App, environment: Environment, api: &EnvironmentApi) -> Integration {
    // What is switched off answers every key with 404, and so does a request that presents nothing.
    let off = get(app, &format!("{}/v1/whoami", base(api))).await;
    let enabled = off.is_ok_and(|(status, _)| status != 404);
    Integration {
        environment: environment.name().to_owned(),
        enabled,
        public_url: api.public_url.clone(),
        api_url: api.api_url.clone(),
        health: probe(app, api).await,
        docs_url: format!("{}/v1/docs", api.public_url.trim_end_matches('/')),
        snippets: Snippets::new(environment.name(), &api.public_url, &api.api_url),
    }
}

async fn probe(app: &App, api: &EnvironmentApi) -> IntegrationHealth {
    let (state, latency_ms, detail) = match get(app, &format!("{}/health/ready", base(api))).await {
        Ok((200, took)) => ("ready", Some(took), None),
        Ok((status, took)) => ("not-ready", Some(took), Some(format!("It answers {status}."))),
        Err(why) => ("away", None, Some(why)),
    };
    let latency_ms = latency_ms.map(|took| u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
    IntegrationHealth { state: state.to_owned(), latency_ms, detail }
}

fn base(api: &EnvironmentApi) -> &str {
    api.api_url.trim_end_matches('/')
}

/// The status of an answer, and how long it took.
async fn get(app: &App, url: &str) -> Result<(u16, Duration), String> {
    let started = Instant::now();
    let request = app.apis.anonymous(Method::GET, url).timeout(PROBE_TIME_MAX);
    match request.send().await {
        Ok(answer) => Ok((answer.status().as_u16(), started.elapsed())),
        Err(error) if error.is_timeout() => Err("It does not answer in time.".to_owned()),
        Err(_) => Err("It cannot be reached.".to_owned()),
    }
}
