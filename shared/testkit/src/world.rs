//! A world: three environments of the real services, on servers of the test run or of its own.

use std::collections::BTreeMap;
use std::net::IpAddr;

use anyhow::Context;
use dev::{LocalDatabase, Postgres, Redis};
use domain::environment::Environment;
use domain::ids::OrganizationId;
use domain::secret::PepperRing;
use futures_util::future::try_join_all;
use store::counters::RedisConfig;
use store::{DatabaseConfig, Store};

use crate::answer::Client;
use crate::api::Api;
use crate::dns::NameServer;
use crate::fixtures::Fixtures;
use crate::running::Running;
use crate::servers::{Ownership, Servers};
use crate::settings::{Settings, internal_token};
use crate::stores::{EnvironmentStores, PEPPER_ID, REDIS_TIMEOUT_MS, StoreOptions};
use crate::token_signer::{self, TokenSigner};

const HOST: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

/// Everything that a test of several services needs. Dropping it stops and removes all of it.
pub struct World {
    /// An organization with the permissions `documents.read` and `documents.write` of its own; in every environment.
    pub acme: OrganizationId,
    /// Another.
    pub globex: OrganizationId,
    /// Signs the tokens of members that the APIs let in.
    pub members: TokenSigner,
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
    /// What the Integration API asks the key service with.
    pub internal_token: String,
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
    /// The issuer and the keys of another console than the world's own.
    console: Option<(String, String)>,
    verifiers: Vec<String>,
}

/// Where verifiers of keys may be in every world; nobody is there.
pub const ALLOWED_VERIFIER: &str = "https://verifier.example.com";

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
            console: None,
            verifiers: Vec::new(),
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

    /// With APIs that let organizations name verifiers at this origin on this machine, too.
    pub fn verifier(mut self, url: &str) -> Self {
        self.verifiers.push(url.to_owned());
        self
    }

    /// With APIs that let in the members of this console, instead of those whom the world's own keys vouch for.
    pub fn console(self, issuer: &str, jwks_url: &str) -> Self {
        Self { console: Some((issuer.to_owned(), jwks_url.to_owned())), ..self }
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
        let options =
            StoreOptions { redis_timeout_ms: self.redis_timeout_ms, is_patient: !self.ownership.owns_postgres };
        let connect = |(environment, database)| EnvironmentStores::connect(&servers, environment, database, options);
        let stores = try_join_all(databases.into_iter().map(connect)).await?;
        let (names, members) = (NameServer::start().await?, TokenSigner::start().await?);
        let now = stores.first().context("there is no environment")?.store.now().await?;
        let (acme, globex) = (OrganizationId::mint(now), OrganizationId::mint(now));

        let mut keys = Vec::new();
        let mut addresses = Vec::new();
        for replica in 0..self.replicas {
            let bound = keys::bind(self.keys_config(&stores)?).await?;
            addresses.push(bound.addresses.clone());
            let management = bound.management;
            keys.push(Some(Running::start(format!("keys {replica}"), management, |shutdown| bound.run(shutdown))));
        }
        let mut others = Vec::new();
        let mut environments = BTreeMap::new();
        for own in stores {
            let environment = own.environment;
            let urls: Vec<String> = addresses
                .iter()
                .filter_map(|of| of.get(&environment))
                .map(|address| format!("http://{address}"))
                .collect();
            let keys_url = urls.first().context("a world needs a replica")?;
            let mut config = self.api_config(&own, keys_url, &members.jwks_url)?;
            config.dns.servers.push(names.address);
            let bound = api::bind(config).await?;
            let api = Client::new(&format!("http://{}", bound.address));
            let management = bound.management;
            others.push(Running::start(format!("api {environment}"), management, |shutdown| bound.run(shutdown)));
            if self.has_workers {
                let bound = worker::bind(self.worker_config(&own)?).await?;
                let management = bound.management;
                others.push(Running::start(format!("worker {environment}"), management, |s| bound.run(s)));
            }
            environments.insert(environment, EnvironmentWorld::fill(own, (acme, globex), api, &urls).await?);
        }
        let http = reqwest::Client::builder().no_proxy().build()?;
        let all = keys.iter().flatten().chain(&others);
        try_join_all(all.map(|running| running.await_ready(&http))).await?;
        Ok(World { acme, globex, members, names, environments, keys, _others: others, servers })
    }

    fn telemetry(&self, settings: &mut Settings) {
        settings.set("TELEMETRY__OTLP_ENDPOINT", &self.otlp_endpoint).set("TELEMETRY__TRACE_RATIO", 0.0);
        settings
            .set("TELEMETRY__METRICS_INTERVAL_MS", 200)
            .set("TELEMETRY__OTLP_HEADERS__0__NAME", "x-collector-token");
        settings.set("TELEMETRY__OTLP_HEADERS__0__VALUE", "the token of the collector");
    }

    fn keys_config(&self, stores: &[EnvironmentStores]) -> anyhow::Result<keys::Config> {
        let mut settings = Settings::default();
        settings.set("SERVER__HOST", HOST).set("SERVER__MANAGEMENT_PORT", 0).set("REPLICAS", self.replicas);
        for own in stores {
            let at = format!("ENVIRONMENTS__{}__", own.environment.name().to_uppercase());
            settings.set(format!("{at}PORT"), 0).set(format!("{at}SERVICE_TOKEN"), own.token());
            settings.set(format!("{at}INTERNAL_TOKEN"), internal_token(own.environment));
            settings.stores(&at, own.config.clone(), &own.redis);
            settings.pepper(&format!("{at}PEPPERS"), PEPPER_ID, own.random(1));
        }
        self.telemetry(&mut settings);
        settings.load(keys::DEFAULTS)
    }

    fn api_config(&self, own: &EnvironmentStores, keys_url: &str, jwks_url: &str) -> anyhow::Result<api::Config> {
        let mut settings = Settings::default();
        settings.set("SERVER__HOST", HOST).set("SERVER__MANAGEMENT_PORT", 0).set("SERVER__INTEGRATION_PORT", 0);
        settings.set("ENVIRONMENT", own.environment).set("SECRETS__CURSOR_KEY", own.random(2));
        settings.set("KEYS__URL", keys_url).set("KEYS__INTERNAL_TOKEN", internal_token(own.environment));
        let world = (token_signer::ISSUER.to_owned(), jwks_url.to_owned());
        let (issuer, jwks_url) = self.console.clone().unwrap_or(world);
        settings.set("CONSOLE__ISSUER", issuer).set("CONSOLE__JWKS_URL", jwks_url);
        settings.stores("", own.config.clone(), &own.redis);
        settings.pepper("SECRETS__PEPPERS", PEPPER_ID, own.random(1));
        settings.set("ADOPTION__VERIFIERS__0__URL", ALLOWED_VERIFIER);
        for (at, url) in self.verifiers.iter().enumerate() {
            let at = format!("ADOPTION__VERIFIERS__{}__", at + 1);
            settings.set(format!("{at}URL"), url).set(format!("{at}IS_PRIVATE"), true);
        }
        self.telemetry(&mut settings);
        settings.load(api::DEFAULTS)
    }

    fn worker_config(&self, own: &EnvironmentStores) -> anyhow::Result<worker::Config> {
        let mut settings = Settings::default();
        settings.set("SERVER__MANAGEMENT_PORT", 0).set("ENVIRONMENT", own.environment);
        settings.stores("", DatabaseConfig { pool_size: 2, ..own.config.clone() }, &own.redis);
        self.telemetry(&mut settings);
        settings.load(worker::DEFAULTS)
    }
}

impl EnvironmentWorld {
    /// Writes what every world holds.
    async fn fill(
        stores: EnvironmentStores,
        (acme, globex): (OrganizationId, OrganizationId),
        api: Client,
        keys_urls: &[String],
    ) -> anyhow::Result<Self> {
        let (peppers, token) = (stores.peppers()?, stores.token());
        let fixtures = Fixtures { environment: stores.environment, store: &stores.store, peppers: &peppers };
        fixtures.insert_organization(acme, "acme").await?;
        fixtures.insert_organization(globex, "globex").await?;
        let root_key = fixtures.insert_key(OrganizationId::INSTALLATION, "world root key").await?;
        let organization_key = fixtures.insert_key(acme, "world organization key").await?;
        let other_organization_key = fixtures.insert_key(globex, "world organization key").await?;
        let pepper = (PEPPER_ID.to_owned(), stores.random(1));
        Ok(Self {
            environment: stores.environment,
            database: stores.database,
            store: stores.store,
            redis: stores.redis,
            peppers,
            pepper,
            api,
            keys: keys_urls.iter().map(|url| Client::new(url).with(&token)).collect(),
            internal_token: internal_token(stores.environment),
            root_key: root_key.secret,
            organization_key: organization_key.secret,
            organization_key_id: organization_key.id,
            other_organization_key: other_organization_key.secret,
        })
    }
}
