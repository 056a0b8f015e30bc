//! `claviger serve api`, `keys`, `worker` and `console`: load a configuration, start logging, run until told to stop.

use std::path::{Path, PathBuf};

use anyhow::anyhow;
use clap::{Args, Subcommand};
use domain::environment::Environment;
use serde::de::DeserializeOwned;
use server::settings::{Log, LogFormat};
use store::{DatabaseConfig, Store};

use crate::failure::Unusable;

/// One process of the installation.
#[derive(Subcommand)]
pub enum Serve {
    /// Run the Integration API of one environment
    Api(Process),
    /// Run the key service
    Keys(Process),
    /// Run the worker of one environment
    Worker(Process),
    /// Run the console
    Console(Process),
}

/// How a process is configured.
#[derive(Args)]
pub struct Process {
    /// A YAML file; CLAVIGER__SECTION__KEY variables go over it
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// What a server subcommand was called before.
#[derive(Args)]
pub struct Moved {
    #[arg(hide = true, trailing_var_arg = true, allow_hyphen_values = true)]
    _arguments: Vec<String>,
}

impl Serve {
    /// Runs it until it is told to stop.
    pub async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Api(process) => process.api().await,
            Self::Keys(process) => process.keys().await,
            Self::Worker(process) => process.worker().await,
            Self::Console(process) => process.console().await,
        }
    }
}

impl Moved {
    /// Says what it is called now.
    pub fn to(&self, name: &str) -> anyhow::Error {
        anyhow!("the process is started by `claviger serve {name}` now, with the same options")
    }
}

impl Process {
    /// Runs the Integration API.
    async fn api(self) -> anyhow::Result<()> {
        let config = load_api(self.config.as_deref())?;
        start_log(&config.log)?;
        check_production(config.environment, &config.database).await?;
        api::run(config, server::shutdown::signal()?).await
    }

    /// Runs the key service.
    async fn keys(self) -> anyhow::Result<()> {
        let config = load::<keys::Config>(keys::DEFAULTS, self.config.as_deref())?.checked()?;
        start_log(&config.log)?;
        for (environment, settings) in &config.environments {
            check_production(*environment, &settings.database).await?;
        }
        keys::run(config, server::shutdown::signal()?).await
    }

    /// Runs the worker.
    async fn worker(self) -> anyhow::Result<()> {
        let config = load::<worker::Config>(worker::DEFAULTS, self.config.as_deref())?.checked()?;
        start_log(&config.log)?;
        check_production(config.environment, &config.database).await?;
        worker::run(config, server::shutdown::signal()?).await
    }

    /// Runs the console.
    async fn console(self) -> anyhow::Result<()> {
        let config = load_console(self.config.as_deref())?;
        start_log(&config.log)?;
        console::run(config, server::shutdown::signal()?).await
    }
}

/// The API's configuration, with usable secrets.
pub fn load_api(file: Option<&Path>) -> anyhow::Result<api::Config> {
    Ok(load::<api::Config>(api::DEFAULTS, file)?.checked()?)
}

/// The console's configuration, with usable secrets.
pub fn load_console(file: Option<&Path>) -> anyhow::Result<console::Config> {
    Ok(load::<console::Config>(console::DEFAULTS, file)?.checked()?)
}

/// Refuses a production database whose role could bypass row-level security, or that could lose a commit.
///
/// A database that is away is no reason to stay down: readiness says so until it is there and was asked the same.
async fn check_production(environment: Environment, database: &DatabaseConfig) -> anyhow::Result<()> {
    if environment != Environment::Production {
        return Ok(());
    }
    let store = Store::connect(database).await?;
    let faults = store.check_role().await.unwrap_or_default();
    store.close().await;
    if faults.is_empty() { Ok(()) } else { Err(Unusable(faults.join("\n  ")).into()) }
}

fn load<T: DeserializeOwned>(defaults: &'static str, file: Option<&Path>) -> anyhow::Result<T> {
    Ok(server::config::load(defaults, file, std::env::vars())?)
}

fn start_log(log: &Log) -> anyhow::Result<()> {
    server::telemetry::init(log.format == LogFormat::Json, &log.level)
        .map_err(|error| Unusable(format!("log.level: {error}")).into())
}
