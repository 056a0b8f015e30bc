//! Puts one process together: for each environment its stores, its verifier and its listener; one management listener.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use anyhow::Context;
use domain::environment::Environment;
use rand::RngExt;
use server::admission::AdmissionQueue;
use server::docs_pages::{self, Documented};
use server::http::{StackConfig, stack};
use server::listener::tls::Binding;
use server::listener::{self, Limits};
use server::management::{self, Health};
use server::metrics::Metrics;
use server::otlp::{Otlp, Process};
use server::settings::{Telemetry, read_peppers};
use server::watch::Clocks;
use store::Store;
use store::counters::Counters;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use trace::Tracer;

use crate::background::{Replica, StoreNames};
use crate::cache::Cache;
use crate::charge::Charger;
use crate::clock::StoreClock;
use crate::cold_reads::ColdReadLimiter;
use crate::config::{Config, EnvironmentConfig};
use crate::document;
use crate::foreign::ForeignKeys;
use crate::limits::LocalShare;
use crate::lookup::Lookup;
use crate::metrics::KeyMetrics;
use crate::reader::{Reader, Stores};
use crate::routes::{BODY_MAX_BYTES, KeyRoutes, Tokens, routes};
use crate::throttle::Throttle;
use crate::usage::Usage;
use crate::verify::Verifier;

/// A process with its ports taken and nothing answered yet.
pub struct Bound {
    /// Where each environment listens.
    pub addresses: BTreeMap<Environment, SocketAddr>,
    /// Where health and metrics are.
    pub management: SocketAddr,
    /// The name under which the replica acknowledges changes.
    pub replica: String,
    environments: Vec<Served>,
    management_listener: TcpListener,
    metrics: Metrics,
    telemetry: Telemetry,
}

struct Served {
    environment: Environment,
    listener: Binding,
    tokens: Tokens,
    is_documented: bool,
    verifier: Arc<Verifier>,
}

/// Takes the ports of a checked configuration. Neither Postgres nor Redis has to be up.
pub async fn bind(config: Config) -> anyhow::Result<Bound> {
    let config = config.checked()?;
    let metrics = Metrics::new();
    let key_metrics = KeyMetrics::register(&metrics);
    // One queue for all environments: what floods development is refused for the sake of production.
    let admission = AdmissionQueue::start(&metrics);
    let serves_production = config.environments.contains_key(&Environment::Production);
    let tls = config.server.tls.acceptor().context("server.tls")?;
    let mut environments = Vec::with_capacity(config.environments.len());
    let mut addresses = BTreeMap::new();
    for (environment, own) in &config.environments {
        let listener = listen(config.server.host, own.port).await?;
        addresses.insert(*environment, listener.local_addr()?);
        let is_beside = serves_production && *environment != Environment::Production;
        let admission = if is_beside { admission.beside_production() } else { admission.clone() };
        let shared = (config.replicas, &key_metrics, admission);
        let verifier = verifier(*environment, own, shared).await?;
        environments.push(Served {
            environment: *environment,
            listener: Binding::new(listener, tls.clone()),
            tokens: own.tokens(),
            is_documented: config.server.public_docs,
            verifier,
        });
    }
    let management_listener = listen(config.server.management_host, config.server.management_port).await?;
    let management = management_listener.local_addr()?;
    let replica = format!("{:016x}", rand::rng().random::<u64>());
    Ok(Bound {
        addresses,
        management,
        replica,
        environments,
        management_listener,
        metrics,
        telemetry: config.telemetry,
    })
}

impl Bound {
    /// Answers until `shutdown`, then lets requests in flight end and writes what waits.
    pub async fn run(self, shutdown: CancellationToken) -> anyhow::Result<()> {
        let (tasks, stopped) = (TaskTracker::new(), CancellationToken::new());
        let otlp = Otlp::start(&self.telemetry, Process { service: "claviger-keys", environment: None }, &self.metrics);
        let health = Health::new(shutdown.clone(), &self.metrics);
        let is_alone = self.environments.len() == 1;
        let mut replicas = Vec::with_capacity(self.environments.len());
        let mut listeners = Vec::with_capacity(self.environments.len());
        for served in self.environments {
            let names = store_names(served.environment, is_alone);
            let clocks = Arc::new(Clocks::new(&self.metrics, names.postgres));
            let verifier = Arc::clone(&served.verifier);
            let replica = Replica { name: self.replica.as_str().into(), verifier, clocks };
            replica.start(&tasks, &health, names, &stopped);
            replicas.push(replica);
            let observed = (self.metrics.clone(), otlp.tracer());
            listeners.push(serve(served, observed, shutdown.clone()));
        }
        tasks.spawn(management::serve(self.management_listener, health, self.metrics, stopped.clone()));
        let served = futures_util::future::try_join_all(listeners).await;
        stopped.cancel();
        for replica in &replicas {
            replica.finish().await;
            replica.verifier.store.close().await;
        }
        tasks.close();
        tasks.wait().await;
        otlp.stop().await;
        served.map(drop).context("a listener failed")
    }
}

async fn serve(
    served: Served,
    (metrics, tracer): (Metrics, Option<Tracer>),
    shutdown: CancellationToken,
) -> std::io::Result<()> {
    let pages = Documented {
        name: document::NAME,
        environment: served.environment.name(),
        is_public: served.is_documented,
        openapi: document::openapi_json(),
        llms: None,
    };
    let config = StackConfig::new(routes(&pages), &metrics)
        .also_serves(docs_pages::MEDIA_TYPES)
        .environment(served.environment.name())
        .tracer(tracer)
        .quiet()
        .body_max_bytes(BODY_MAX_BYTES as u64);
    let endpoint = stack(KeyRoutes::new(served.verifier, served.tokens, pages), config);
    listener::serve(served.listener, endpoint, Limits::promised(), &metrics, shutdown).await
}

async fn listen(host: IpAddr, port: u16) -> anyhow::Result<TcpListener> {
    TcpListener::bind((host, port)).await.with_context(|| format!("port {port} cannot be listened on"))
}

async fn verifier(
    environment: Environment,
    config: &EnvironmentConfig,
    (replicas, metrics, admission): (u32, &KeyMetrics, AdmissionQueue),
) -> anyhow::Result<Arc<Verifier>> {
    let ring = Arc::new(read_peppers(&config.peppers).ok().context("the peppers were checked")?);
    let store = Store::connect(&config.database).await.with_context(|| format!("{environment}'s database URL"))?;
    let counters = Counters::connect(&config.redis);
    let (cache, clock, metrics) = (Arc::new(Cache::default()), Arc::new(StoreClock::new()), metrics.of(environment));
    let cold_reads = ColdReadLimiter::new(config.database.pool_size);
    let stores = Stores { store: store.clone(), counters: counters.clone(), cold_reads };
    let reader = Reader::new(environment, Arc::clone(&ring), stores, Arc::clone(&cache), Arc::clone(&clock));
    let lookup =
        Lookup { cache, reader, counters: counters.clone(), clock: Arc::clone(&clock), metrics: metrics.clone() };
    let share = LocalShare::new(replicas);
    let charger = Charger { counters, share, clock: Arc::clone(&clock), metrics: metrics.clone() };
    let (usage, throttle, foreign) = (Usage::default(), Throttle::new(), ForeignKeys::default());
    Ok(Arc::new(Verifier {
        environment,
        ring,
        store,
        lookup,
        charger,
        clock,
        usage,
        throttle,
        foreign,
        admission,
        metrics,
    }))
}

/// One environment's stores go by their plain names; of several, each has its own.
const fn store_names(environment: Environment, is_alone: bool) -> StoreNames {
    if is_alone {
        return StoreNames { postgres: "postgres", redis: "redis" };
    }
    match environment {
        Environment::Production => StoreNames { postgres: "postgres-production", redis: "redis-production" },
        Environment::Staging => StoreNames { postgres: "postgres-staging", redis: "redis-staging" },
        Environment::Development => StoreNames { postgres: "postgres-development", redis: "redis-development" },
    }
}
