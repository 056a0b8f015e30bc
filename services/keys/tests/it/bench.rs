//! An environment of its own for each test, with as many replicas of the service as it asks for.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use data_encoding::BASE64;
use dev::{Cluster, LocalOptions, Postgres, Redis, RedisServer, RedisUser};
use domain::access::Scope;
use domain::environment::Environment;
use domain::event::Event;
use domain::ids::{KeyId, OrganizationId};
use domain::limit::Limit;
use domain::names::{ExternalId, Name, Slug};
use domain::policy::{AllOr, Credits, Policy, RevokeReason};
use domain::secret::{Pepper, PepperRing, PlainSecret, Prefix};
use keys::Config;
use keys::config::{EnvironmentConfig, Server};
use serde_json::{Value, json};
use server::settings::{Log, LogFormat, PepperEntry, Tls};
use store::counters::{Counters, RedisConfig};
use store::{Committed, CreditsChange, Customer, DatabaseConfig, Key, KeyChange, NewCustomer, NewOrganization};
use store::{NewSecret, Origin, Store, Write};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// The environment of all tests here.
pub const ENVIRONMENT: Environment = Environment::Staging;
pub const TOKEN: &str = "0123456789abcdef0123456789abcdef-test";
static NUMBER: AtomicU32 = AtomicU32::new(0);

/// Stores with two organizations in them.
pub struct Bench {
    pub store: Store,
    pub counters: Counters,
    pub acme: OrganizationId,
    pub globex: OrganizationId,
    pub database: DatabaseConfig,
    pub owner_url: String,
    pub redis_config: RedisConfig,
    pub postgres: Option<Postgres>,
    pub redis: Option<Redis>,
    ring: PepperRing,
    http: reqwest::Client,
    _folders: (tempfile::TempDir, Option<tempfile::TempDir>),
}

/// A running replica.
pub struct Replica {
    pub url: String,
    pub management: String,
    pub name: String,
    shutdown: CancellationToken,
    task: JoinHandle<anyhow::Result<()>>,
}

/// A key with its secret in the clear.
pub struct Issued {
    pub id: KeyId,
    pub key: Key,
    pub secret: String,
}

impl Bench {
    /// On the servers that the environment names, if it names any.
    pub async fn start(name: &str) -> Self {
        let (cluster, server) = (Cluster::from_env().unwrap(), RedisServer::from_env());
        Self::over(name, cluster, server).await
    }

    /// On servers of its own, which the test may stop.
    pub async fn alone(name: &str) -> Self {
        Self::over(name, None, None).await
    }

    /// On the Postgres that the environment names, if it names one, and a Redis that the test has made.
    pub async fn on(name: &str, redis_config: RedisConfig) -> Self {
        let unique = unique(name);
        Self::over_stores(&unique, Cluster::from_env().unwrap(), (redis_config, None)).await
    }

    async fn over(name: &str, cluster: Option<Cluster>, server: Option<RedisServer>) -> Self {
        let unique = unique(name);
        let user =
            RedisUser { name: unique.clone(), password: "password".into(), prefix: format!("claviger:{unique}:") };
        let (url, redis) = match server {
            Some(server) => {
                server.create_user(&user).await.unwrap();
                (server.url(&user), None)
            }
            None => {
                let folder = tempfile::tempdir().unwrap();
                let directory = folder.path().join("redis");
                let redis = Redis::start(LocalOptions { directory, port: None, is_durable: false }).await.unwrap();
                redis.create_user(&user).await.unwrap();
                (redis.url(&user), Some((redis, folder)))
            }
        };
        // Generous: the machine that runs the tests may be busy.
        let redis_config = RedisConfig { url, prefix: user.prefix, timeout_ms: 2_000 };
        Self::over_stores(&unique, cluster, (redis_config, redis)).await
    }

    async fn over_stores(
        unique: &str,
        cluster: Option<Cluster>,
        (redis_config, redis): (RedisConfig, Option<(Redis, tempfile::TempDir)>),
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = |name: &str| LocalOptions { directory: folder.path().join(name), port: None, is_durable: false };
        let (redis, redis_folder) = redis.unzip();
        let (cluster, postgres) = match cluster {
            Some(cluster) => (cluster, None),
            None => {
                let postgres = Postgres::start(options("postgres")).await.unwrap();
                (postgres.cluster().clone(), Some(postgres))
            }
        };
        let local = cluster.create_database(unique, "claviger_keys_owner", "claviger_keys_app").await.unwrap();
        store::migrate(&local.owner_url, &local.app_role).await.unwrap();
        let database = DatabaseConfig::new(local.app_url, 8);
        let store = Store::connect(&database).await.unwrap();
        let counters = Self::connect(&redis_config).await;
        let pepper = Pepper::new("test", pepper_bytes()).unwrap();
        let ring = PepperRing::new(pepper, Vec::new());
        let http = reqwest::Client::builder().timeout(Duration::from_secs(20)).no_proxy().build().unwrap();
        let nobody = OrganizationId::INSTALLATION;
        let bench = Self {
            store,
            counters,
            acme: nobody,
            globex: nobody,
            database,
            owner_url: local.owner_url,
            redis_config,
            postgres,
            redis,
            ring,
            http,
            _folders: (folder, redis_folder),
        };
        let acme = bench.insert_organization("acme", Vec::new()).await;
        let globex = bench.insert_organization("globex", Vec::new()).await;
        Self { acme, globex, ..bench }
    }

    /// Counters that have every master there is.
    pub async fn connect(config: &RedisConfig) -> Counters {
        let counters = Counters::connect(config);
        // Enough of them that each part of a cluster has one.
        let is_reached = |number| counters.run(OrganizationId::from_uuid(uuid::Uuid::from_u128(number))).is_some();
        wait_for("Redis", async || (0..100).all(is_reached)).await;
        counters
    }

    pub fn config(&self, replicas: u32) -> Config {
        let own = EnvironmentConfig {
            port: 0,
            token: TOKEN.to_owned(),
            database: self.database.clone(),
            redis: self.redis_config.clone(),
            peppers: vec![PepperEntry { id: "test".to_owned(), value: BASE64.encode(&pepper_bytes()) }],
        };
        Config {
            server: Server {
                host: [127, 0, 0, 1].into(),
                tls: Tls::default(),
                management_host: [127, 0, 0, 1].into(),
                management_port: 0,
            },
            replicas,
            environments: BTreeMap::from([(ENVIRONMENT, own)]),
            log: Log { level: "warn".to_owned(), format: LogFormat::Text },
            telemetry: server::settings::Telemetry::off(),
        }
    }

    /// Starts replicas and waits until each is ready and reaches Redis.
    pub async fn replicas(&self, number: u32) -> Vec<Replica> {
        let mut replicas = Vec::new();
        for _ in 0..number {
            replicas.push(self.replica(self.config(number)).await);
        }
        for replica in &replicas {
            wait_for("readiness", async || {
                self.ready(replica).await == (200, json!({"status": "ready", "degraded": []}))
            })
            .await;
        }
        replicas
    }

    /// Starts a replica.
    pub async fn replica(&self, config: Config) -> Replica {
        let bound = keys::bind(config).await.unwrap();
        let url = format!("http://{}", bound.addresses[&ENVIRONMENT]);
        let management = format!("http://{}", bound.management);
        let (name, shutdown) = (bound.replica.clone(), CancellationToken::new());
        let task = tokio::spawn(bound.run(shutdown.clone()));
        Replica { url, management, name, shutdown, task }
    }

    pub async fn ready(&self, replica: &Replica) -> (u16, Value) {
        let answer = self.http.get(format!("{}/health/ready", replica.management)).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    pub async fn metrics(&self, replica: &Replica) -> String {
        let answer = self.http.get(format!("{}/metrics", replica.management)).send().await.unwrap();
        answer.text().await.unwrap()
    }

    /// A question with the right token.
    pub async fn ask(&self, replica: &Replica, path: &str, body: &Value) -> (u16, Value) {
        let text = serde_json::to_string(body).unwrap();
        let (status, body) = self.ask_raw(replica, path, text).await;
        (status, serde_json::from_str(&body).unwrap())
    }

    pub async fn ask_raw(&self, replica: &Replica, path: &str, body: String) -> (u16, String) {
        let request = self.http.post(format!("{}{path}", replica.url)).bearer_auth(TOKEN);
        let answer = request.header("content-type", "application/json").body(body).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    /// The answer about a key, which has to be one.
    pub async fn verify(&self, replica: &Replica, question: Value) -> Value {
        let (status, answer) = self.ask(replica, "/v1/keys/verify", &question).await;
        assert_eq!(status, 200, "{answer}");
        answer
    }

    /// The verdict about a key and nothing else about it.
    pub async fn verdict(&self, replica: &Replica, secret: &str) -> String {
        self.verify(replica, json!({"key": secret})).await["verdict"].as_str().unwrap().to_owned()
    }

    pub async fn now(&self) -> DateTime<Utc> {
        self.store.now().await.unwrap()
    }

    #[expect(clippy::disallowed_methods, reason = "a test of verification has no caller of the API")]
    pub async fn write(&self, organization: OrganizationId) -> Write {
        let origin = Origin { request_id: "req_test".to_owned(), ip: None };
        self.store.write(&Scope::system("test", ENVIRONMENT, organization), &origin).await.unwrap()
    }

    /// Tells Redis of a commit, as the API does.
    pub async fn publish(&self, organization: OrganizationId, committed: &Committed) {
        self.counters.publish(organization, &committed.generations, None).await.unwrap();
        self.store.delete_outbox(&committed.outbox_ids).await.unwrap();
    }

    pub async fn insert_organization(&self, slug: &str, limits: Vec<Limit>) -> OrganizationId {
        let id = OrganizationId::mint(self.now().await);
        let mut write = self.write(id).await;
        let row = NewOrganization {
            name: Name::parse(slug).unwrap(),
            slug: Slug::parse(slug).unwrap(),
            permissions: Vec::new(),
            limits,
            default_limits: Vec::new(),
        };
        write.insert_organization(&row).await.unwrap();
        let committed = write.commit(Event::OrganizationCreated(id), json!({})).await.unwrap();
        self.publish(id, &committed).await;
        id
    }

    pub async fn insert_customer(&self, external_id: &str, limits: Vec<Limit>) -> Customer {
        let mut write = self.write(self.acme).await;
        let row = NewCustomer {
            name: Name::parse(external_id).unwrap(),
            external_id: Some(ExternalId::parse(external_id).unwrap()),
            metadata: serde_json::Map::new(),
            limits,
        };
        let customer = write.insert_customer(&row).await.unwrap();
        let committed = write.commit(Event::CustomerCreated(customer.id), json!({})).await.unwrap();
        self.publish(self.acme, &committed).await;
        customer
    }

    /// A key of acme.
    pub async fn issue(&self, policy: Policy) -> Issued {
        self.issue_for(self.acme, policy, None).await
    }

    pub async fn issue_for(&self, organization: OrganizationId, policy: Policy, credits: Option<Credits>) -> Issued {
        let change = change(policy, credits);
        let (plain, secret) = self.new_secret(organization);
        let mut write = self.write(organization).await;
        let key = write.insert_key(&change, &secret).await.unwrap();
        let committed = write.commit(Event::KeyCreated(key.id), json!({})).await.unwrap();
        self.publish(organization, &committed).await;
        Issued { id: key.id, key, secret: plain.expose().to_owned() }
    }

    pub fn new_secret(&self, organization: OrganizationId) -> (PlainSecret, NewSecret) {
        let plain = PlainSecret::generate(&Prefix::organization(), ENVIRONMENT);
        let secret = NewSecret::new(&plain, self.ring.hash(organization, &plain));
        (plain, secret)
    }

    /// Revokes a key of acme and tells nobody.
    pub async fn revoke(&self, id: KeyId) -> Committed {
        let revoke = async |write: &mut Write| write.revoke_key(id, RevokeReason::Other, None).await.unwrap().unwrap();
        self.commit(Event::KeyRevoked(id), revoke).await.1
    }

    /// Gives a key of acme this secret, ends the one before, and tells everybody.
    pub async fn regenerate(&self, key: &Key, secret: &NewSecret) -> Key {
        let regenerate =
            async |write: &mut Write| write.regenerate_key(key, secret, Duration::ZERO).await.unwrap().unwrap();
        let (key, committed) = self.commit(Event::KeyRegenerated(key.id), regenerate).await;
        self.publish(self.acme, &committed).await;
        key
    }

    /// Changes something of acme and tells nobody.
    pub async fn commit<T>(&self, event: Event, change: impl AsyncFnOnce(&mut Write) -> T) -> (T, Committed) {
        let mut write = self.write(self.acme).await;
        let changed = change(&mut write).await;
        let committed = write.commit(event, json!({})).await.unwrap();
        (changed, committed)
    }
}

fn unique(name: &str) -> String {
    format!("keys_{name}_{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed))
}

impl Replica {
    /// Stops it as SIGTERM would, and waits until it has ended.
    pub async fn stop(self) {
        self.shutdown.cancel();
        self.task.await.unwrap().unwrap();
    }
}

/// May everything, from everywhere, for everybody, 1,000 times a minute.
pub fn policy() -> Policy {
    Policy {
        permissions: Vec::new(),
        domains: AllOr::All,
        customers: AllOr::All,
        ips: AllOr::All,
        not_before: None,
        expires_at: None,
        limits: vec![limit("requests", 1_000)],
    }
}

pub fn change(policy: Policy, credits: Option<Credits>) -> KeyChange {
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    KeyChange {
        name: Name::parse(&format!("key {number}")).unwrap(),
        policy,
        credits: CreditsChange::Set(credits),
        metadata: serde_json::Map::new(),
        tags: Vec::new(),
    }
}

pub fn limit(name: &str, limit: u64) -> Limit {
    Limit { name: name.to_owned(), limit, window_ms: 60_000 }
}

pub fn pepper_bytes() -> Vec<u8> {
    (0..32).map(|at: u8| at.wrapping_mul(59) ^ 0x5a).collect()
}

pub async fn wait_for(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !is_so().await {
        assert!(Instant::now() < deadline, "{what} did not come about");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
