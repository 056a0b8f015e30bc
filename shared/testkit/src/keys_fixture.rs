//! The key service of one environment, with as many replicas as a test asks for, and rows written without an API.

#![expect(clippy::unwrap_used, reason = "a fixture that cannot be made is a test that failed")]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use ::keys::Config;
use ::keys::config::{EnvironmentConfig, Server};
use chrono::{DateTime, Utc};
use data_encoding::BASE64;
use dev::{Postgres, Redis};
use domain::access::Scope;
use domain::environment::Environment;
use domain::event::Event;
use domain::ids::{KeyId, OrganizationId};
use domain::limit::Limit;
use domain::names::{ExternalId, Name, Slug};
use domain::permission::PermissionName;
use domain::policy::{AllOr, Credits, Policy, RevokeReason};
use domain::secret::{Pepper, PepperRing, PlainSecret, Prefix};
use serde_json::{Value, json};
use server::settings::{Log, LogFormat, PepperEntry, Tls};
use store::counters::{Counters, RedisConfig};
use store::{Committed, CreditsChange, Customer, DatabaseConfig, Key, KeyChange, NewCustomer, NewOrganization};
use store::{NewSecret, Origin, Store, Write};
use tokio_util::sync::CancellationToken;

use crate::answer::Client;
use crate::servers::{Ownership, Servers};
use crate::stores::EnvironmentStores;

/// The environment of all tests here.
pub const ENVIRONMENT: Environment = Environment::Staging;
pub const TOKEN: &str = "0123456789abcdef0123456789abcdef-test";
pub const INTERNAL_TOKEN: &str = "fedcba9876543210fedcba9876543210-test";
static NUMBER: AtomicU32 = AtomicU32::new(0);

/// Stores with two organizations in them.
pub struct KeysFixture {
    /// The rows.
    pub store: Store,
    /// The counters.
    pub counters: Counters,
    /// One organization.
    pub acme: OrganizationId,
    /// Another.
    pub globex: OrganizationId,
    /// How the replicas reach Postgres.
    pub database: DatabaseConfig,
    /// For what only the owner of the tables may do.
    pub owner_url: String,
    /// How the replicas reach Redis.
    pub redis_config: RedisConfig,
    ring: PepperRing,
    http: reqwest::Client,
    servers: Servers,
}

/// A running replica.
pub struct Replica {
    pub url: String,
    pub management: String,
    pub name: String,
    shutdown: CancellationToken,
    task: tokio::task::JoinHandle<anyhow::Result<()>>,
}

/// A key with its secret in the clear.
pub struct Issued {
    pub id: KeyId,
    pub key: Key,
    pub secret: String,
}

impl KeysFixture {
    /// On the servers of the test run, if it has any.
    pub async fn start() -> Self {
        let servers = Servers::start(Ownership::default()).await.unwrap();
        let stores = EnvironmentStores::create(&servers, ENVIRONMENT).await.unwrap();
        Self::over(servers, stores).await
    }

    /// On servers of its own, which the test may stop.
    pub async fn alone() -> Self {
        let servers = Servers::start(Ownership { owns_postgres: true, owns_redis: true }).await.unwrap();
        let stores = EnvironmentStores::create(&servers, ENVIRONMENT).await.unwrap();
        Self::over(servers, stores).await
    }

    /// On the Postgres of the test run, if it has one, and a Redis that the test has made.
    pub async fn on(redis: RedisConfig) -> Self {
        let servers = Servers::start(Ownership::default()).await.unwrap();
        let stores = EnvironmentStores::create(&servers, ENVIRONMENT).await.unwrap();
        Self::over(servers, EnvironmentStores { redis, ..stores }).await
    }

    async fn over(servers: Servers, stores: EnvironmentStores) -> Self {
        let counters = Self::connect(&stores.redis).await;
        let ring = PepperRing::new(Pepper::new("test", pepper_bytes()).unwrap(), Vec::new());
        let http = reqwest::Client::builder().timeout(Duration::from_secs(20)).no_proxy().build().unwrap();
        let nobody = OrganizationId::INSTALLATION;
        let fixture = Self {
            store: stores.store,
            counters,
            acme: nobody,
            globex: nobody,
            database: stores.config,
            owner_url: stores.database.owner_url,
            redis_config: stores.redis,
            ring,
            http,
            servers,
        };
        let acme = fixture.insert_organization("acme", Vec::new()).await;
        let globex = fixture.insert_organization("globex", Vec::new()).await;
        Self { acme, globex, ..fixture }
    }

    /// Its own Postgres, to freeze and kill.
    pub fn postgres(&self) -> &Postgres {
        self.servers.own_postgres.as_ref().expect("only a fixture that is alone may break its Postgres")
    }

    /// The same, to restart.
    pub fn postgres_mut(&mut self) -> &mut Postgres {
        self.servers.own_postgres.as_mut().expect("only a fixture that is alone may break its Postgres")
    }

    /// Its own Redis, to freeze and kill.
    pub fn redis(&self) -> &Redis {
        self.servers.own_redis.as_ref().expect("only a fixture that is alone may break its Redis")
    }

    /// The same, to restart.
    pub fn redis_mut(&mut self) -> &mut Redis {
        self.servers.own_redis.as_mut().expect("only a fixture that is alone may break its Redis")
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
            service_token: TOKEN.to_owned(),
            internal_token: INTERNAL_TOKEN.to_owned(),
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
                public_docs: true,
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

    /// A question with the token that its path takes.
    pub async fn ask(&self, replica: &Replica, path: &str, body: &Value) -> (u16, Value) {
        let text = serde_json::to_string(body).unwrap();
        let (status, body) = self.ask_raw(replica, path, text).await;
        (status, serde_json::from_str(&body).unwrap())
    }

    pub async fn ask_raw(&self, replica: &Replica, path: &str, body: String) -> (u16, String) {
        let token = if path.starts_with("/internal/") { INTERNAL_TOKEN } else { TOKEN };
        let request = self.http.post(format!("{}{path}", replica.url)).bearer_auth(token);
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
            permissions: vec![PermissionName::parse("documents.read").unwrap()],
            limits,
            default_limits: Vec::new(),
        };
        write.insert_organization(&row).await.unwrap();
        let committed = write.commit(Event::of("organization.created", id)).await.unwrap();
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
        let committed = write.commit(Event::of("customer.created", customer.id)).await.unwrap();
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
        let committed = write.commit(Event::of("key.created", key.id)).await.unwrap();
        self.publish(organization, &committed).await;
        Issued { id: key.id, key, secret: plain.expose().to_owned() }
    }

    pub fn new_secret(&self, organization: OrganizationId) -> (PlainSecret, NewSecret) {
        let plain = PlainSecret::generate(&Prefix::organization(), ENVIRONMENT);
        let secret = NewSecret::new(&self.ring, organization, &plain);
        (plain, secret)
    }

    /// Revokes a key of acme and tells nobody.
    pub async fn revoke(&self, id: KeyId) -> Committed {
        let revoke = async |write: &mut Write| write.revoke_key(id, RevokeReason::Other, None).await.unwrap().unwrap();
        self.commit(Event::of("key.revoked", id), revoke).await.1
    }

    /// Gives a key of acme this secret, ends the one before, and tells everybody.
    pub async fn regenerate(&self, key: &Key, secret: &NewSecret) -> Key {
        let regenerate =
            async |write: &mut Write| write.regenerate_key(key, secret, Duration::ZERO).await.unwrap().unwrap();
        let (key, committed) = self.commit(Event::of("key.regenerated", key.id), regenerate).await;
        self.publish(self.acme, &committed).await;
        key
    }

    /// Changes something of acme and tells nobody.
    pub async fn commit<T>(&self, event: Event, change: impl AsyncFnOnce(&mut Write) -> T) -> (T, Committed) {
        let mut write = self.write(self.acme).await;
        let changed = change(&mut write).await;
        let committed = write.commit(event).await.unwrap();
        (changed, committed)
    }
}

impl Replica {
    /// A client with the service token.
    pub fn client(&self) -> Client {
        Client::new(&self.url).with(TOKEN)
    }

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
        roles: Vec::new(),
        permissions_since: 0,
        credits: CreditsChange::Set(credits),
        metadata: serde_json::Map::new(),
        tags: Vec::new(),
    }
}

pub fn limit(name: &str, limit: u64) -> Limit {
    Limit { name: name.to_owned(), limit, window_ms: 60_000, auto: true }
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

/// The same public id with another secret part, and a checksum that fits.
pub fn wrong_secret(secret: &str) -> String {
    let id = secret.split('_').nth(2).unwrap();
    loop {
        let other = PlainSecret::generate(&Prefix::organization(), ENVIRONMENT);
        let tail = other.expose().rsplit('_').next().unwrap().to_owned();
        let body = format!("clv_{}_{id}_{}", ENVIRONMENT.tag(), &tail[..32]);
        let alphabet = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        let mut rest = crc32fast::hash(body.as_bytes());
        let mut check = [b'0'; 6];
        for digit in check.iter_mut().rev() {
            *digit = alphabet[(rest % 62) as usize];
            rest /= 62;
        }
        let text = format!("{body}{}", std::str::from_utf8(&check).unwrap());
        if PlainSecret::parse(&text).is_ok() {
            return text;
        }
    }
}
