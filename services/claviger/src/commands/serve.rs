//! `claviger api`, `keys` and `worker`: load a configuration, start logging, run until told to stop.

use std::path::{Path, PathBuf};

use clap::Args;
use serde::de::DeserializeOwned;

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
        start_log(matches!(config.log.format, api::config::LogFormat::Json), &config.log.level)?;
        api::run(config, server::shutdown::signal()?).await
    }

    /// Runs the key service.
    pub async fn keys(self) -> anyhow::Result<()> {
        let config: keys::Config = load(keys::DEFAULTS, self.config.as_deref())?;
        start_log(matches!(config.log.format, keys::config::LogFormat::Json), &config.log.level)?;
        keys::run(config, server::shutdown::signal()?).await
    }

    /// Runs the worker.
    pub async fn worker(self) -> anyhow::Result<()> {
        let config: worker::Config = load(worker::DEFAULTS, self.config.as_deref())?;
        start_log(matches!(config.log.format, worker::config::LogFormat::Json), &config.log.level)?;
        worker::run(config, server::shutdown::signal()?).await
    }
}

/// The API's configuration, with secrets that can be used.
pub fn load_api(file: Option<&Path>) -> anyhow::Result<api::Config> {
    let config: api::Config = load(api::DEFAULTS, file)?;
    config.secrets.ring().map_err(|error| Unusable(format!("{error:#}")))?;
    config.secrets.cursor_key().map_err(|error| Unusable(format!("{error:#}")))?;
    Ok(config)
}

fn load<T: DeserializeOwned>(defaults: &'static str, file: Option<&Path>) -> anyhow::Result<T> {
    Ok(server::config::load(defaults, file, std::env::vars())?)
}

fn start_log(is_json: bool, level: &str) -> anyhow::Result<()> {
    server::telemetry::init(is_json, level).map_err(|error| Unusable(format!("log.level: {error}")).into())
}
