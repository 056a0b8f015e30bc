//! The worker process: jobs of one environment. It serves health and metrics only.

pub mod config;
pub mod jobs;
pub mod metrics;

use std::net::SocketAddr;

use anyhow::Context;
use server::management::{self, Health};
use server::metrics::Metrics;
use server::otlp::{Otlp, Process};
use server::watch;
use store::Store;
use store::counters::Counters;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub use crate::config::{Config, DEFAULTS};
use crate::jobs::Stores;
use crate::metrics::WorkerMetrics;

/// A worker whose management listener is bound, before its jobs start.
pub struct Bound {
    /// The address of health and metrics.
    pub management: SocketAddr,
    config: Config,
    listener: TcpListener,
}

/// Checks the configuration and binds the management listener; port 0 takes a free one.
pub async fn bind(config: Config) -> anyhow::Result<Bound> {
    let config = config.checked()?;
    let address = (config.server.management_host, config.server.management_port);
    let listener =
        TcpListener::bind(address).await.with_context(|| format!("listening on {}:{}", address.0, address.1))?;
    Ok(Bound { management: listener.local_addr()?, config, listener })
}

/// Binds and runs until the token is cancelled.
pub async fn run(config: Config, shutdown: CancellationToken) -> anyhow::Result<()> {
    bind(config).await?.run(shutdown).await
}

impl Bound {
    /// Runs until the token is cancelled; a run in progress is finished first.
    pub async fn run(self, shutdown: CancellationToken) -> anyhow::Result<()> {
        let stores = Stores {
            store: Store::connect(&self.config.database).await?,
            counters: Counters::connect(&self.config.redis),
        };
        let metrics = Metrics::new();
        let worker_metrics = WorkerMetrics::register(&metrics);
        let process = Process { service: "claviger-worker", environment: Some(self.config.environment.name()) };
        let otlp = Otlp::start(&self.config.telemetry, process, &metrics);
        let health = Health::new(shutdown.clone(), &metrics);
        let stopped = CancellationToken::new();
        let watch = tokio::spawn(watch::stores(
            self.config.environment,
            (stores.store.clone(), stores.counters.clone()),
            &health,
            watch::Clocks::new(&metrics, "postgres"),
        ));
        let management = tokio::spawn(management::serve(self.listener, health, metrics, stopped.clone()));
        jobs::run(&stores, &self.config, &worker_metrics, &shutdown).await;
        watch.abort();
        stopped.cancel();
        management.await??;
        stores.store.close().await;
        otlp.stop().await;
        Ok(())
    }
}
