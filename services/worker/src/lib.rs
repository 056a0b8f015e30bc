//! The jobs of one environment, in a process of their own that answers nothing but health and metrics.

pub mod config;
pub mod jobs;
pub mod metrics;

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use server::management::{self, Health};
use server::metrics::Metrics;
use store::Store;
use store::counters::Counters;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub use crate::config::{Config, DEFAULTS};
use crate::jobs::Stores;
use crate::metrics::WorkerMetrics;

/// A worker whose management listener is bound, before it works.
pub struct Bound {
    /// Where health and metrics listen.
    pub management: SocketAddr,
    config: Config,
    listener: TcpListener,
}

/// Checks the configuration and binds the management listener; port 0 takes a free one.
pub async fn bind(config: Config) -> anyhow::Result<Bound> {
    let config = config.checked()?;
    let address = (config.server.host, config.server.management_port);
    let listener =
        TcpListener::bind(address).await.with_context(|| format!("listening on {}:{}", address.0, address.1))?;
    Ok(Bound { management: listener.local_addr()?, config, listener })
}

/// Binds and works until the token is cancelled.
pub async fn run(config: Config, shutdown: CancellationToken) -> anyhow::Result<()> {
    bind(config).await?.run(shutdown).await
}

impl Bound {
    /// Works until the token is cancelled; a run that has begun is ended first.
    pub async fn run(self, shutdown: CancellationToken) -> anyhow::Result<()> {
        let stores = Stores {
            store: Store::connect(&self.config.database).await?,
            counters: Counters::connect(&self.config.redis),
        };
        let metrics = Metrics::new();
        let worker_metrics = WorkerMetrics::register(&metrics);
        let health = Health::new(shutdown.clone());
        let stopped = CancellationToken::new();
        let watch = tokio::spawn(watch_stores(stores.clone(), health.clone()));
        let management = tokio::spawn(management::serve(self.listener, health, metrics, stopped.clone()));
        jobs::run(&stores, &worker_metrics, &shutdown).await;
        watch.abort();
        stopped.cancel();
        management.await??;
        stores.store.close().await;
        Ok(())
    }
}

/// Says now and then whether the stores answer; a worker whose database is away stays up and is not ready.
async fn watch_stores(stores: Stores, health: Health) {
    let postgres = health.required("postgres");
    let redis = health.optional("redis");
    loop {
        let (rows, counters) = (stores.store.check_ready().await, stores.counters.now().await);
        let is_well = rows.is_ok() && counters.is_ok();
        match rows {
            Ok(()) => postgres.works(),
            Err(error) => postgres.fails(error.to_string()),
        }
        match counters {
            Ok(_) => redis.works(),
            Err(error) => redis.fails(error.to_string()),
        }
        tokio::time::sleep(if is_well { WATCH_INTERVAL } else { RETRY_INTERVAL }).await;
    }
}

const WATCH_INTERVAL: Duration = Duration::from_secs(1);
/// At the start the first connection is often still being made.
const RETRY_INTERVAL: Duration = Duration::from_millis(200);
