//! `claviger api`, `keys` and `worker`: load a configuration, start logging, run until told to stop.

use std::path::{Path, PathBuf};

use clap::Args;
use domain::environment::Environment;
use serde::de::DeserializeOwned;
use server::settings::{Log, LogFormat};
use store::{DatabaseConfig, Store};

use crate::failure::Unusable;

/// One process of the installation.
#[derive(Args)]
pub struct Serve {
    /// A YAML file; CLAVIGER__SECTION__KEY variables go over it
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl Serve {
    /// Runs the Integration API.
    pub async fn api(self) -> anyhow::Result<()> {
        let config = load_api(self.config.as_deref())?;
        start_log(&config.log)?;
        check_production(config.environment, &config.database).await?;
        api::run(config, server::shutdown::signal()?).await
    }

    /// Runs the key service.
    pub async fn keys(self) -> anyhow::Result<()> {
        let config = load::<keys::Config>(keys::DEFAULTS, self.config.as_deref())?.checked()?;
        start_log(&config.log)?;
        for (environment, settings) in &config.environments {
            check_production(*environment, &settings.database).await?;
        }
        keys::run(config, server::shutdown::signal()?).await
    }

    /// Runs the worker.
    pub async fn worker(self) -> anyhow::Result<()> {
        let config = load::<worker::Config>(worker::DEFAULTS, self.config.as_deref())?.checked()?;
        start_log(&config.log)?;
        check_production(config.environment, &config.database).await?;
        worker::run(config, server::shutdown::signal()?).await
    }
}

/// The API's configuration, with secrets that can be used.
pub fn load_api(file: Option<&Path>) -> anyhow::Result<api::Config> {
    Ok(load::<api::Config>(api::DEFAULTS, file)?.checked()?)
}

/// Refuses a production database whose role could get around row-level security, or that could lose a commit.
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
