//! A world: three environments of the real services, on servers of the test run or of its own.

use std::collections::BTreeMap;
use std::net::IpAddr;

use anyhow::Context;
use data_encoding::BASE64;
use dev::{LocalDatabase, Postgres, Redis};
use domain::environment::Environment;
use domain::ids::OrganizationId;
use domain::secret::{Pepper, PepperRing};
use futures_util::future::try_join_all;
use store::counters::RedisConfig;
use store::{DatabaseConfig, Pooler, Store};

use crate::answer::Client;
use crate::api::Api;
use crate::dns::NameServer;
use crate::fixtures::Fixtures;
use crate::running::Running;
use crate::servers::{Ownership, Servers};
use crate::settings::Settings;

const HOST: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
const PEPPER_ID: &str = "world";
/// Generous: the machine that runs the tests may be busy, and a test says so when it wants Redis to be late.
const REDIS_TIMEOUT_MS: u64 = 2_000;
const PATIENCE_MS: u64 = 10_000;

/// Everything that a test of several services needs. Dropping it stops and removes all of it.
pub struct World {
    /// An organization with the permissions `documents.read` and `documents.write` of its own; in every environment.
    pub acme: OrganizationId,
    /// Another.
    pub globex: OrganizationId,
    /// Who the APIs ask about domains.
    pub names: NameServer,
    environments: BTreeMap<Environment, EnvironmentWorld>,
    keys: Vec<Option<Running>>,
    _others: Vec<Running>,
    servers: Servers,
}

/// One environment of a world.
#[derive(Debug)]
pub struct EnvironmentWorld {
    /// Which one.
    pub environment: Environment,
    /// Its database, for statements as owner or superuser.
    pub database: LocalDatabase,
    /// Its rows.
    pub store: Store,
    /// Its Redis, as the services reach it.
    pub redis: RedisConfig,
    /// Its peppers, to write rows of one's own with.
    pub peppers: PepperRing,
    /// The pepper as a configuration says it: its id and its bytes in base64.
    pub pepper: (String, String),
    /// The Integration API without a credential.
    pub api: Client,
    /// The key service with the service token: one client per replica.
    pub keys: Vec<Client>,
    /// The secret of a root key that holds every permission.
    pub root_key: String,
    /// The secret of a key of `acme` that holds every permission.
    pub organization_key: String,
    /// The id of that key.
    pub organization_key_id: domain::ids::KeyId,
    /// The secret of a key of `globex` that holds every permission.
    pub other_organization_key: String,
}

/// How a world is to be.
#[derive(Debug, Clone)]
pub struct WorldBuilder {
    replicas: u16,
    has_workers: bool,
    redis_timeout_ms: u64,
    pooled_connections: Option<u32>,
    ownership: Ownership,
    otlp_endpoint: String,
}

impl World {
    /// A world with one replica of the key service.
    ///
    /// # Panics
    ///
    /// When it does not come up.
    pub async fn start() -> Self {
        Self::builder().start().await
    }

    /// A world that is not like the others.
    pub fn builder() -> WorldBuilder {
        WorldBuilder {
            replicas: 1,
            has_workers: false,
            redis_timeout_ms: REDIS_TIMEOUT_MS,
            pooled_connections: None,
            ownership: Ownership::default(),
            otlp_endpoint: String::new(),
        }
    }

    /// One environment.
    pub fn environment(&self, environment: Environment) -> &EnvironmentWorld {
        self.environments.get(&environment).expect("a world has all three")
    }

    /// Its Integration API.
    pub fn api(&self, environment: Environment) -> Api<'_> {
        Api { environment: self.environment(environment) }
    }

    /// Its key service, with the service token; the first replica.
    pub fn keys(&self, environment: Environment) -> &Client {
        self.keys_replica(environment, 0)
    }

    /// Its key service, with the service token; any replica.
    pub fn keys_replica(&self, environment: Environment, replica: usize) -> &Client {
        self.environment(environment).keys.get(replica).expect("the test asked for so many replicas")
    }

    /// Stops one replica of the key service, in order, and waits until it is gone.
    ///
    /// # Panics
    ///
    /// When it is gone already, or ends with an error.
    pub async fn stop_keys_replica(&mut self, replica: usize) {
        let running = self.keys[replica].take().expect("this replica runs");
        running.stop().await.expect("the key service ends well");
    }

    /// The world's own Redis, to freeze, kill and restart.
    ///
    /// # Panics
    ///
    /// When it was not built with [`WorldBuilder::own_redis`].
    pub fn redis(&mut self) -> &mut Redis {
        self.servers.own_redis.as_mut().expect("only a world that owns its Redis may break it")
    }

    /// The world's own Postgres, to freeze, kill and restart.
    ///
    /// # Panics
    ///
    /// When it was not built with [`WorldBuilder::own_postgres`].
    pub fn postgres(&mut self) -> &mut Postgres {
        self.servers.own_postgres.as_mut().expect("only a world that owns its Postgres may break it")
    }

    /// The servers, for what only an administrator of theirs can do.
    pub fn servers(&self) -> &Servers {
        &self.servers
    }
}

impl WorldBuilder {
    /// So many replicas of the key service; the API uses the first.
    pub fn replicas(self, replicas: u16) -> Self {
        Self { replicas, ..self }
    }

    /// With a worker in each environment.
    pub fn workers(self) -> Self {
        Self { has_workers: true, ..self }
    }

    /// With a Redis of its own, which the test may break.
    pub fn own_redis(self) -> Self {
        Self { ownership: Ownership { owns_redis: true, ..self.ownership }, ..self }
    }

    /// With a Postgres of its own, which the test may break.
    pub fn own_postgres(self) -> Self {
        Self { ownership: Ownership { owns_postgres: true, ..self.ownership }, ..self }
    }

    /// With a PgBouncer in transaction mode before every database, which holds at most so many connections to each.
    pub fn pgbouncer(self, connections: u32) -> Self {
        Self { pooled_connections: Some(connections), ..self }
    }

    /// With services that send their metrics to this collector, several times a second, and the traces that are asked for.
    pub fn otlp_endpoint(self, url: &str) -> Self {
        Self { otlp_endpoint: url.to_owned(), ..self }
    }

    /// How long the services wait for Redis; two seconds unless set.
    pub fn redis_timeout_ms(self, redis_timeout_ms: u64) -> Self {
        Self { redis_timeout_ms, ..self }
    }

    /// Brings it up and waits until everything in it is ready.
    ///
    /// # Panics
    ///
    /// When something does not come up.
    pub async fn start(self) -> World {
        self.try_start().await.expect("the world comes up")
    }

    async fn try_start(self) -> anyhow::Result<World> {
        let mut servers = Servers::start(self.ownership).await?;
        let databases = servers.create_databases().await?;
        if let Some(connections) = self.pooled_connections {
            servers.start_pgbouncer(databases.values(), connections).await?;
        }
        let ground = |(environment, database)| self.ground(&servers, environment, database);
        let grounds = try_join_all(databases.into_iter().map(ground)).await?;
        let names = NameServer::start().await?;
        let now = grounds.first().context("there is no environment")?.store.now().await?;
        let (acme, globex) = (OrganizationId::mint(now), OrganizationId::mint(now));

        let mut keys = Vec::new();
        let mut addresses = Vec::new();
        for replica in 0..self.replicas {
            let bound = keys::bind(self.keys_config(&grounds)?).await?;
            addresses.push(bound.addresses.clone());
            let management = bound.management;
            keys.push(Some(Running::start(format!("keys {replica}"), management, |shutdown| bound.run(shutdown))));
        }
        let mut others = Vec::new();
        let mut environments = BTreeMap::new();
        for ground in grounds {
            let environment = ground.environment;
            let urls: Vec<String> = addresses
                .iter()
                .filter_map(|of| of.get(&environment))
                .map(|address| format!("http://{address}"))
                .collect();
            let mut config = self.api_config(&ground, urls.first().context("a world needs a replica")?)?;
            config.dns.servers.push(names.address);
            let bound = api::bind(config).await?;
            let api = Client::new(&format!("http://{}", bound.address));
            let management = bound.management;
            others.push(Running::start(format!("api {environment}"), management, |shutdown| bound.run(shutdown)));
            if self.has_workers {
                let bound = worker::bind(self.worker_config(&ground)?).await?;
                let management = bound.management;
                others.push(Running::start(format!("worker {environment}"), management, |s| bound.run(s)));
            }
            environments.insert(environment, ground.settle(acme, globex, api, &urls).await?);
        }
        let http = reqwest::Client::builder().no_proxy().build()?;
        let all = keys.iter().flatten().chain(&others);
        try_join_all(all.map(|running| running.await_ready(&http))).await?;
        Ok(World { acme, globex, names, environments, keys, _others: others, servers })
    }

    async fn ground(
        &self,
        servers: &Servers,
        environment: Environment,
        database: LocalDatabase,
    ) -> anyhow::Result<Ground> {
        let user = servers.create_user(environment).await?;
        let config = self.database(servers, &database)?;
        let store = Store::connect(&DatabaseConfig { pool_size: 4, ..config.clone() }).await?;
        let url = servers.redis.url(&user);
        let redis = RedisConfig { url, prefix: user.prefix, timeout_ms: self.redis_timeout_ms };
        Ok(Ground { environment, database, config, store, redis })
    }

    fn database(&self, servers: &Servers, database: &LocalDatabase) -> anyhow::Result<DatabaseConfig> {
        let config = match &servers.pgbouncer {
            Some(bouncer) => {
                DatabaseConfig { pooler: Pooler::Transaction, ..DatabaseConfig::new(bouncer.url(database)?, 6) }
            }
            None => DatabaseConfig::new(&database.app_url, 6),
        };
        if self.ownership.owns_postgres {
            return Ok(config);
        }
        // Nobody breaks this Postgres, and what is slow is the machine.
        Ok(DatabaseConfig { acquire_timeout_ms: PATIENCE_MS, statement_timeout_ms: PATIENCE_MS, ..config })
    }

    fn telemetry(&self, settings: &mut Settings) {
        settings.set("TELEMETRY__OTLP_ENDPOINT", &self.otlp_endpoint).set("TELEMETRY__TRACE_RATIO", 0.0);
        settings
            .set("TELEMETRY__METRICS_INTERVAL_MS", 200)
            .set("TELEMETRY__OTLP_HEADERS__0__NAME", "x-collector-token");
        settings.set("TELEMETRY__OTLP_HEADERS__0__VALUE", "the token of the collector");
    }

    fn keys_config(&self, grounds: &[Ground]) -> anyhow::Result<keys::Config> {
        let mut settings = Settings::default();
        settings.set("SERVER__HOST", HOST).set("SERVER__MANAGEMENT_PORT", 0).set("REPLICAS", self.replicas);
        for ground in grounds {
            let at = format!("ENVIRONMENTS__{}__", ground.environment.name().to_uppercase());
            settings.set(format!("{at}PORT"), 0).set(format!("{at}TOKEN"), ground.token());
            settings.stores(&at, ground.config.clone(), &ground.redis);
            settings.pepper(&format!("{at}PEPPERS"), PEPPER_ID, ground.random(1));
        }
        self.telemetry(&mut settings);
        settings.load(keys::DEFAULTS)
    }

    fn api_config(&self, ground: &Ground, keys_url: &str) -> anyhow::Result<api::Config> {
        let mut settings = Settings::default();
        settings.set("SERVER__HOST", HOST).set("SERVER__MANAGEMENT_PORT", 0).set("SERVER__INTEGRATION_PORT", 0);
        settings.set("ENVIRONMENT", ground.environment).set("SECRETS__CURSOR_KEY", ground.random(2));
        settings.set("KEYS__URL", keys_url).set("KEYS__TOKEN", ground.token());
        settings.stores("", ground.config.clone(), &ground.redis);
        settings.pepper("SECRETS__PEPPERS", PEPPER_ID, ground.random(1));
        self.telemetry(&mut settings);
        settings.load(api::DEFAULTS)
    }

    fn worker_config(&self, ground: &Ground) -> anyhow::Result<worker::Config> {
        let mut settings = Settings::default();
        settings.set("SERVER__HOST", HOST).set("SERVER__MANAGEMENT_PORT", 0).set("ENVIRONMENT", ground.environment);
        settings.stores("", DatabaseConfig { pool_size: 2, ..ground.config.clone() }, &ground.redis);
        self.telemetry(&mut settings);
        settings.load(worker::DEFAULTS)
    }
}

/// One environment's stores, before there are services on them.
struct Ground {
    environment: Environment,
    database: LocalDatabase,
    config: DatabaseConfig,
    store: Store,
    redis: RedisConfig,
}

impl Ground {
    async fn settle(
        self,
        acme: OrganizationId,
        globex: OrganizationId,
        api: Client,
        keys_urls: &[String],
    ) -> anyhow::Result<EnvironmentWorld> {
        let pepper_text = self.random(1);
        let pepper = Pepper::new(PEPPER_ID, BASE64.decode(pepper_text.as_bytes())?)?;
        let peppers = PepperRing::new(pepper, Vec::new());
        let fixtures = Fixtures { environment: self.environment, store: &self.store, peppers: &peppers };
        fixtures.insert_organization(acme, "acme").await?;
        fixtures.insert_organization(globex, "globex").await?;
        let root_key = fixtures.insert_key(OrganizationId::INSTALLATION, "world root key").await?;
        let organization_key = fixtures.insert_key(acme, "world organization key").await?;
        let other_organization_key = fixtures.insert_key(globex, "world organization key").await?;
        let token = self.token();
        Ok(EnvironmentWorld {
            environment: self.environment,
            database: self.database,
            store: self.store,
            redis: self.redis,
            peppers,
            pepper: (PEPPER_ID.to_owned(), pepper_text),
            api,
            keys: keys_urls.iter().map(|url| Client::new(url).with(&token)).collect(),
            root_key: root_key.secret,
            organization_key: organization_key.secret,
            organization_key_id: organization_key.id,
            other_organization_key: other_organization_key.secret,
        })
    }

    fn token(&self) -> String {
        format!("the-service-token-of-the-environment-{}", self.environment)
    }

    /// 32 bytes in base64 that look drawn at random and are the same in every run.
    fn random(&self, purpose: u8) -> String {
        let seed = purpose.wrapping_mul(31) ^ self.environment.name().as_bytes()[0];
        let bytes: Vec<u8> = (0_u8..32).map(|at| at.wrapping_mul(73) ^ seed).collect();
        BASE64.encode(&bytes)
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.keys.clear();
        self._others.clear();
        // A drop cannot await, and the test's own runtime may have one thread only.
        let servers = &self.servers;
        let forgotten = std::thread::scope(|scope| {
            let forget = scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
                runtime.block_on(servers.forget())
            });
            forget.join()
        });
        if !matches!(forgotten, Ok(Ok(()))) {
            eprintln!("a world's databases and Redis keys stay until the test run ends");
        }
    }
}
