//! A fleet: the same installation as a world, but of real processes, to freeze, kill, pin and restart one by one.
//!
//! Each process may reach its stores through proxies of its own, so that one of them alone loses one of them.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::{Context, ensure};
use data_encoding::{BASE64, HEXLOWER};
use dev::{LocalDatabase, LocalOptions, Postgres, Redis, RedisUser};
use domain::environment::Environment;
use domain::ids::{KeyId, OrganizationId};
use domain::secret::{Pepper, PepperRing};
use rand::RngExt;
use serde_json::{Value, json};
use store::{DatabaseConfig, Store};
use tempfile::TempDir;

use crate::answer::Client;
use crate::fixtures::Fixtures;
use crate::folder::temporary_folder;
use crate::member::{Kind, Member, free_ports};
use crate::proxy::Proxy;
use crate::settings::{internal_token, service_token};

const PEPPER_ID: &str = "fleet";
const POOL_SIZE: u32 = 10;

/// Everything that a test of several processes needs. Dropping it stops and removes all of it.
pub struct Fleet {
    /// The replicas of the key service.
    pub keys: Vec<Member>,
    /// The Integration APIs: for each environment as many as were asked for, in the order of `places`.
    pub apis: Vec<Member>,
    /// The workers, one for each environment where they were asked for.
    pub workers: Vec<Member>,
    /// Each environment.
    pub places: Vec<FleetEnvironment>,
    /// Its own.
    pub postgres: Postgres,
    /// Its own.
    pub redis: Redis,
    _folder: TempDir,
}

/// One environment of a fleet.
#[derive(Debug)]
pub struct FleetEnvironment {
    /// Which one.
    pub environment: Environment,
    /// An organization with the permissions `documents.read` and `documents.write` of its own.
    pub acme: OrganizationId,
    /// Another.
    pub globex: OrganizationId,
    /// Its database.
    pub database: LocalDatabase,
    /// Its rows, past every proxy.
    pub store: Store,
    /// Its Redis user.
    pub redis: RedisUser,
    /// Its peppers, to write rows of one's own with.
    pub peppers: PepperRing,
    /// The service token of its key service.
    pub token: String,
    /// Where its key service listens, one URL for each replica.
    pub keys_urls: Vec<String>,
    /// Where its Integration API listens, one URL for each.
    pub api_urls: Vec<String>,
    /// The secret of a root key that holds every permission.
    pub root_key: String,
    /// The secret of a key of `acme` that holds every permission.
    pub organization_key: String,
    /// The id of that key.
    pub organization_key_id: KeyId,
    /// The same of `globex`.
    pub other_organization_key: String,
}

/// How a fleet is to be.
#[derive(Debug, Clone)]
pub struct FleetBuilder {
    environments: Vec<Environment>,
    replicas: usize,
    apis: usize,
    has_workers: bool,
    is_proxied: bool,
    is_durable: bool,
    program: Option<PathBuf>,
    prefix: Vec<OsString>,
    replica_prefixes: BTreeMap<usize, Vec<OsString>>,
    settings: BTreeMap<String, Value>,
}

impl Fleet {
    /// A fleet of one environment with one key service and one API, unless said otherwise.
    pub fn builder() -> FleetBuilder {
        FleetBuilder {
            environments: vec![Environment::Staging],
            replicas: 1,
            apis: 1,
            has_workers: false,
            is_proxied: false,
            is_durable: false,
            program: None,
            prefix: Vec::new(),
            replica_prefixes: BTreeMap::new(),
            settings: BTreeMap::new(),
        }
    }

    /// The first environment: the only one unless several were asked for.
    pub fn place(&self) -> &FleetEnvironment {
        &self.places[0]
    }

    /// Every process.
    pub fn members(&self) -> impl Iterator<Item = &Member> {
        self.keys.iter().chain(&self.apis).chain(&self.workers)
    }
}

impl FleetEnvironment {
    /// One replica of the key service, with the service token.
    pub fn keys(&self, replica: usize) -> Client {
        Client::new(&self.keys_urls[replica]).with(&self.token)
    }

    /// One Integration API, with a key of `acme` that holds every permission.
    pub fn api(&self, number: usize) -> Client {
        Client::new(&self.api_urls[number]).with(&self.organization_key)
    }

    /// One Integration API, with a root key.
    pub fn root(&self, number: usize) -> Client {
        Client::new(&self.api_urls[number]).with(&self.root_key)
    }
}

impl FleetBuilder {
    /// These environments, all served by each key service.
    pub fn environments(self, environments: &[Environment]) -> Self {
        Self { environments: environments.to_vec(), ..self }
    }

    /// So many replicas of the key service.
    pub fn replicas(self, replicas: usize) -> Self {
        Self { replicas, ..self }
    }

    /// So many Integration APIs in each environment; each asks the key service with its own number, round and round.
    pub fn apis(self, apis: usize) -> Self {
        Self { apis, ..self }
    }

    /// With a worker in each environment.
    pub fn workers(self) -> Self {
        Self { has_workers: true, ..self }
    }

    /// With a proxy of its own between each process and each of its stores.
    pub fn proxied(self) -> Self {
        Self { is_proxied: true, ..self }
    }

    /// With stores that keep what they confirm.
    pub fn durable(self) -> Self {
        Self { is_durable: true, ..self }
    }

    /// With this program, as one that is built for release, instead of the one beside the tests.
    pub fn program(self, program: PathBuf) -> Self {
        Self { program: Some(program), ..self }
    }

    /// Every process is started by this command, as by `taskset -c 0` or `env FAKETIME=+300`.
    pub fn prefix(self, prefix: &[&str]) -> Self {
        Self { prefix: prefix.iter().map(OsString::from).collect(), ..self }
    }

    /// One replica of the key service is started by a command of its own.
    pub fn replica_prefix(mut self, replica: usize, prefix: &[&str]) -> Self {
        self.replica_prefixes.insert(replica, prefix.iter().map(OsString::from).collect());
        self
    }

    /// A setting of every process that has it, by its path: `redis.timeout_ms`, `log.level`.
    pub fn setting(mut self, path: &str, value: impl Into<Value>) -> Self {
        self.settings.insert(path.to_owned(), value.into());
        self
    }

    pub(crate) async fn try_start(self) -> anyhow::Result<Fleet> {
        let folder = temporary_folder()?;
        let at = |name: &str| LocalOptions {
            directory: folder.path().join(name),
            port: None,
            // Production refuses a Postgres that may lose what it confirmed.
            is_durable: self.is_durable || self.environments.contains(&Environment::Production),
        };
        let postgres = Postgres::start(at("postgres")).await?;
        let redis = Redis::start(at("redis")).await?;
        let mut places = Vec::new();
        for environment in &self.environments {
            places.push(self.place(*environment, &postgres, &redis).await?);
        }
        let mut fleet =
            Fleet { keys: Vec::new(), apis: Vec::new(), workers: Vec::new(), places, postgres, redis, _folder: folder };
        for number in 0..self.replicas {
            let member = self.keys(&fleet, number).await?;
            fleet.keys.push(member);
        }
        for at in 0..fleet.places.len() {
            for number in 0..self.apis {
                let member = self.api(&fleet, &fleet.places[at], number).await?;
                fleet.apis.push(member);
            }
            if self.has_workers {
                let member = self.worker(&fleet, &fleet.places[at]).await?;
                fleet.workers.push(member);
            }
        }
        for member in fleet.members() {
            member.await_ready().await?;
        }
        Ok(fleet)
    }

    async fn place(
        &self,
        environment: Environment,
        postgres: &Postgres,
        redis: &Redis,
    ) -> anyhow::Result<FleetEnvironment> {
        let name = format!("claviger_{environment}");
        let database = postgres.cluster().create_database(&name, &format!("{name}_owner"), &name).await?;
        store::migrate(&database.owner_url, &database.app_role).await?;
        let password = HEXLOWER.encode(&rand::rng().random::<[u8; 24]>());
        let user = RedisUser { name: environment.to_string(), password, prefix: format!("claviger:{environment}:") };
        redis.create_user(&user).await?;
        let store = Store::connect(&DatabaseConfig::new(&database.app_url, 4)).await?;
        let peppers = PepperRing::new(Pepper::new(PEPPER_ID, pepper(environment).to_vec())?, Vec::new());
        let now = store.now().await?;
        let (acme, globex) = (OrganizationId::mint(now), OrganizationId::mint(now));
        let fixtures = Fixtures { environment, store: &store, peppers: &peppers };
        fixtures.insert_organization(acme, "acme").await?;
        fixtures.insert_organization(globex, "globex").await?;
        let root_key = fixtures.insert_key(OrganizationId::INSTALLATION, "fleet root key").await?;
        let organization_key = fixtures.insert_key(acme, "fleet organization key").await?;
        let other_organization_key = fixtures.insert_key(globex, "fleet organization key").await?;
        let urls = |ports: Vec<u16>| ports.into_iter().map(|port| format!("http://127.0.0.1:{port}")).collect();
        Ok(FleetEnvironment {
            environment,
            acme,
            globex,
            database,
            store,
            redis: user,
            peppers,
            token: service_token(environment),
            keys_urls: urls(free_ports(self.replicas)?),
            api_urls: urls(free_ports(self.apis)?),
            root_key: root_key.secret,
            organization_key: organization_key.secret,
            organization_key_id: organization_key.id,
            other_organization_key: other_organization_key.secret,
        })
    }

    async fn keys(&self, fleet: &Fleet, number: usize) -> anyhow::Result<Member> {
        let mut environments = json!({});
        let mut proxies = Vec::new();
        for place in &fleet.places {
            let (stores, own) = self.stores(place, fleet).await?;
            proxies.push(own);
            let mut config = json!({"port": port(&place.keys_urls[number])?, "service_token": place.token});
            config["internal_token"] = json!(internal_token(place.environment));
            config["peppers"] = peppers(place.environment);
            merge(&mut config, stores);
            self.override_with(&mut config, &["redis", "database"]);
            environments[place.environment.name()] = config;
        }
        let config = json!({"environments": environments, "replicas": self.replicas});
        let prefix = self.replica_prefixes.get(&number).unwrap_or(&self.prefix);
        self.launch(Kind::Keys, format!("keys-{number}"), (config, proxies), (fleet, prefix)).await
    }

    async fn api(&self, fleet: &Fleet, place: &FleetEnvironment, number: usize) -> anyhow::Result<Member> {
        let (mut config, own) = self.stores(place, fleet).await?;
        let keys_url = place.keys_urls.get(number % self.replicas.max(1)).context("an API needs a key service")?;
        merge(
            &mut config,
            json!({
                "environment": place.environment,
                "server": {"integration_port": port(&place.api_urls[number])?},
                "keys": {"url": keys_url, "internal_token": internal_token(place.environment)},
                "secrets": {"peppers": peppers(place.environment), "cursor_key": BASE64.encode(&std::array::from_fn::<u8, 32, _>(|at| at as u8))},
            }),
        );
        self.launch(
            Kind::Api,
            format!("api-{}-{number}", place.environment),
            (config, vec![own]),
            (fleet, &self.prefix),
        )
        .await
    }

    async fn worker(&self, fleet: &Fleet, place: &FleetEnvironment) -> anyhow::Result<Member> {
        let (mut config, own) = self.stores(place, fleet).await?;
        config["environment"] = json!(place.environment);
        self.launch(Kind::Worker, format!("worker-{}", place.environment), (config, vec![own]), (fleet, &self.prefix))
            .await
    }

    /// How a process reaches the stores of a place, and the proxies that it goes through.
    async fn stores(&self, place: &FleetEnvironment, fleet: &Fleet) -> anyhow::Result<(Value, Vec<Proxy>)> {
        let (mut database, mut redis) = (place.database.app_url.clone(), fleet.redis.url(&place.redis));
        let mut proxies = Vec::new();
        if self.is_proxied {
            for url in [&mut database, &mut redis] {
                let direct = url.split(['@', '/']).nth(3).context("a URL with user and host")?.to_owned();
                let proxy = Proxy::start(direct.parse()?).await?;
                *url = url.replace(&direct, &proxy.address().to_string());
                proxies.push(proxy);
            }
        }
        let stores = json!({
            "database": {"url": database, "pool_size": POOL_SIZE},
            "redis": {"url": redis, "prefix": place.redis.prefix},
        });
        Ok((stores, proxies))
    }

    async fn launch(
        &self,
        kind: Kind,
        name: String,
        (mut config, proxies): (Value, Vec<Vec<Proxy>>),
        (fleet, prefix): (&Fleet, &[OsString]),
    ) -> anyhow::Result<Member> {
        let management_port = free_ports(1)?[0];
        merge(&mut config, json!({"server": {"management_port": management_port}}));
        if !matches!(kind, Kind::Worker) {
            merge(&mut config, json!({"server": {"host": "127.0.0.1"}}));
        }
        merge(&mut config, json!({"log": {"level": "warn", "format": "text"}}));
        let sections: &[&str] = match kind {
            Kind::Keys => &["log", "server", "replicas"],
            Kind::Api | Kind::Worker => &["log", "server", "redis", "database"],
        };
        self.override_with(&mut config, sections);
        let program = self.program.clone().map_or_else(crate::member::program, Ok)?;
        ensure!(program.is_file(), "{} is not built", program.display());
        let command: Vec<OsString> = prefix.iter().cloned().chain([program.into_os_string()]).collect();
        Member::start((kind, name), command, (&config, fleet._folder.path()), (management_port, proxies))
    }

    /// Puts the settings of some sections over a configuration.
    fn override_with(&self, config: &mut Value, sections: &[&str]) {
        for (path, value) in &self.settings {
            let mut parts: Vec<&str> = path.split('.').collect();
            if !sections.contains(&parts[0]) {
                continue;
            }
            let last = parts.pop().unwrap_or_default();
            let mut section = &mut *config;
            for part in parts {
                section = &mut section[part];
            }
            section[last] = value.clone();
        }
    }
}

/// Puts the members of `over` into `into`, section by section.
fn merge(into: &mut Value, over: Value) {
    match (into, over) {
        (Value::Object(into), Value::Object(over)) => {
            for (name, value) in over {
                merge(into.entry(name).or_insert(Value::Null), value);
            }
        }
        (into, over) => *into = over,
    }
}

fn port(url: &str) -> anyhow::Result<u16> {
    url.rsplit(':').next().and_then(|port| port.parse().ok()).context("a URL with a port")
}

fn peppers(environment: Environment) -> Value {
    json!([{"id": PEPPER_ID, "value": BASE64.encode(&pepper(environment))}])
}

/// 32 bytes that look drawn at random and are the same in every run.
fn pepper(environment: Environment) -> [u8; 32] {
    let seed = environment.name().as_bytes()[0];
    std::array::from_fn(|at| u8::try_from(at).unwrap_or_default().wrapping_mul(73) ^ seed)
}
