//! An environment of its own for each test: a database, a Redis user, and changes that Redis has not heard of.

use std::time::{Duration, Instant};

use domain::access::Scope;
use domain::environment::Environment;
use domain::event::Event;
use domain::ids::{CustomerId, OrganizationId};
use domain::names::{Name, Slug};
use server::settings::{Log, LogFormat};
use store::counters::{Counters, Expected, Mode, RedisConfig, Source, SpendRequest};
use store::{DatabaseConfig, Generation, NewOrganization, Origin, Subject};
use testkit::{EnvironmentStores, Ownership, Servers};
use worker::Config;
use worker::config::{KeyUsage, RequestLog, Server};
use worker::jobs::Stores;

/// One environment. Servers of its own where the test run has none; they end with it.
pub struct WorkerFixture {
    pub stores: Stores,
    pub database: DatabaseConfig,
    /// For what only the owner of the tables may do.
    pub owner_url: String,
    pub redis: RedisConfig,
    servers: Servers,
}

impl WorkerFixture {
    pub async fn start() -> Self {
        let servers = Servers::start(Ownership::default()).await.unwrap();
        let own = EnvironmentStores::create(&servers, Environment::Staging).await.unwrap();
        let counters = Counters::connect(&own.redis);
        wait_for("Redis", || counters.run(OrganizationId::INSTALLATION).is_some()).await;
        let stores = Stores { store: own.store, counters };
        Self { stores, database: own.config, owner_url: own.database.owner_url, redis: own.redis, servers }
    }

    /// The same database beside a Redis that nobody will ever reach.
    pub fn without_redis(&self) -> Stores {
        let nowhere = RedisConfig::new("redis://127.0.0.1:1", &self.redis.prefix);
        Stores { store: self.stores.store.clone(), counters: Counters::connect(&nowhere) }
    }

    /// Leaves Redis something of another kind where it has the version, so that it can take none.
    pub async fn spoil(&self, change: &Unheard) {
        let organization = change.organization.uuid().simple();
        let name = format!("{}{{{organization}}}:g:o:{organization}", self.redis.prefix);
        self.servers.redis.command(&["RPUSH", &name, "spoilt"]).await.unwrap();
    }

    /// What a worker of this environment is told.
    pub fn config(&self) -> Config {
        Config {
            environment: Environment::Staging,
            server: Server { management_host: [127, 0, 0, 1].into(), management_port: 0 },
            database: self.database.clone(),
            redis: self.redis.clone(),
            request_log: RequestLog { retention_days: 30 },
            key_usage: KeyUsage { retention_days: 400 },
            log: Log { level: "info".to_owned(), format: LogFormat::Text },
            telemetry: server::settings::Telemetry::off(),
        }
    }

    /// Commits a change and tells Redis nothing, as when it is away.
    #[expect(clippy::disallowed_methods, reason = "a test of the outbox has no caller")]
    pub async fn commit_unheard(&self, slug: &str) -> Unheard {
        let now = self.stores.store.now().await.unwrap();
        let organization = OrganizationId::mint(now);
        let scope = Scope::system("test", Environment::Staging, organization);
        let origin = Origin { request_id: "req_test".to_owned(), ip: None };
        let mut write = self.stores.store.write(&scope, &origin).await.unwrap();
        let row = NewOrganization {
            name: Name::parse(slug).unwrap(),
            slug: Slug::parse(slug).unwrap(),
            permissions: Vec::new(),
            limits: Vec::new(),
            default_limits: Vec::new(),
        };
        write.insert_organization(&row).await.unwrap();
        let committed = write.commit(Event::of("organization.created", organization)).await.unwrap();
        let generation = committed.generations.first().copied().unwrap();
        Unheard { organization, generation }
    }

    /// Waits until so many rows are due.
    pub async fn wait_until_due(&self, count: usize) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while self.due().await != count {
            assert!(Instant::now() < deadline, "{} rows are due, not {count}", self.due().await);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    #[expect(clippy::disallowed_methods, reason = "looks at what the job would find")]
    pub async fn due(&self) -> usize {
        self.stores.store.find_due_outbox(None, 1_000).await.unwrap().len()
    }

    /// The version that Redis has of it.
    pub async fn heard(&self, change: &Unheard) -> Option<i64> {
        let request = SpendRequest {
            organization: change.organization,
            expected: &[Expected { generation: change.generation, source: Source::Cache }],
            limits: &[],
            mode: Mode::Look,
        };
        self.stores.counters.spend(&request).await.unwrap().generations.first().copied().flatten()
    }
}

/// A change that Redis has not heard of.
pub struct Unheard {
    pub organization: OrganizationId,
    pub generation: Generation,
}

impl Unheard {
    /// A later version of the same row.
    pub fn later(&self) -> Generation {
        Generation { value: self.generation.value + 1, ..self.generation }
    }
}

/// A subject of which nothing was ever said.
pub fn stranger(change: &Unheard) -> Unheard {
    let subject = Subject::Customer(CustomerId::from_uuid(change.organization.uuid()));
    Unheard { organization: change.organization, generation: Generation { subject, value: 1 } }
}

pub async fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !is_so() {
        assert!(Instant::now() < deadline, "{what} did not come");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
