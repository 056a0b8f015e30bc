//! A database of its own for each test, with two organizations in it.

use std::net::IpAddr;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use chrono::{DateTime, Utc};
use dev::{Cluster, LocalDatabase, LocalOptions, Postgres};
use domain::access::Scope;
use domain::environment::Environment;
use domain::event::Event;
use domain::hosts::HostName;
use domain::ids::{CustomerId, KeyId, OrganizationId};
use domain::limit::Limit;
use domain::names::{ExternalId, Name, Slug};
use domain::permission::PermissionName;
use domain::policy::{AllOr, Policy};
use domain::secret::{Pepper, PepperRing, PlainSecret, Prefix};
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use store::{
    CreditsChange, Customer, DatabaseConfig, Error, Key, KeyChange, NewCustomer, NewOrganization, NewSecret, Origin,
    Store, Write,
};
use tokio::sync::OnceCell;

/// The environment of all tests here.
pub const ENVIRONMENT: Environment = Environment::Development;

/// Where a Postgres of this process's own keeps its data, when nobody names one; the process's id follows.
const DIRECTORY: &str = "claviger-store-test-";

static POSTGRES: OnceCell<Option<Postgres>> = OnceCell::const_new();
static NUMBER: AtomicU32 = AtomicU32::new(0);

/// A migrated database with the organizations `acme` and `globex`.
pub struct World {
    pub cluster: Cluster,
    pub database: LocalDatabase,
    pub store: Store,
    pub acme: OrganizationId,
    pub globex: OrganizationId,
}

impl World {
    pub async fn start() -> Self {
        let world = Self::empty().await;
        store::migrate(&world.database.owner_url, &world.database.app_role).await.unwrap();
        let acme = world.insert_organization("acme").await;
        let globex = world.insert_organization("globex").await;
        Self { acme, globex, ..world }
    }

    /// A database without a schema.
    pub async fn empty() -> Self {
        let cluster = cluster().await;
        let name = format!("store_{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        // A role of its own: some tests change what it may do.
        let database = cluster.create_database(&name, "store_owner", &format!("{name}_app")).await.unwrap();
        let store = Store::connect(&DatabaseConfig::new(&database.app_url, 8)).await.unwrap();
        let nobody = OrganizationId::INSTALLATION;
        Self { cluster, database, store, acme: nobody, globex: nobody }
    }

    pub async fn superuser(&self) -> PgConnection {
        PgConnection::connect(&self.cluster.superuser_url(&self.database.name)).await.unwrap()
    }

    /// One statement as the superuser.
    pub async fn run(&self, sql: &str) {
        let mut connection = self.superuser().await;
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut connection).await.unwrap();
    }

    /// One number as the superuser, who sees all rows.
    pub async fn count(&self, sql: &str) -> i64 {
        let mut connection = self.superuser().await;
        sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(&mut connection).await.unwrap()
    }

    pub async fn write(&self, organization: OrganizationId) -> Write {
        self.store.write(&scope(organization), &origin()).await.unwrap()
    }

    pub async fn read(&self, organization: OrganizationId) -> store::Read {
        self.store.read(&scope(organization)).await.unwrap()
    }

    pub async fn insert_organization(&self, slug: &str) -> OrganizationId {
        let id = OrganizationId::mint(self.store.now().await.unwrap());
        let mut write = self.write(id).await;
        write.insert_organization(&new_organization(slug)).await.unwrap();
        write.commit(Event::of("organization.created", id).with("slug", slug)).await.unwrap();
        id
    }

    pub async fn insert_customer(&self, organization: OrganizationId, external_id: &str) -> Customer {
        let mut write = self.write(organization).await;
        let customer = write.insert_customer(&new_customer(external_id)).await.unwrap();
        write.commit(Event::of("customer.created", customer.id)).await.unwrap();
        customer
    }

    pub async fn insert_key(&self, organization: OrganizationId, change: &KeyChange) -> Result<Key, Error> {
        let mut write = self.write(organization).await;
        let key = write.insert_key(change, &new_secret(organization).1).await?;
        write.commit(Event::of("key.created", key.id)).await?;
        Ok(key)
    }

    pub async fn find_key(&self, organization: OrganizationId, id: KeyId) -> Option<Key> {
        self.read(organization).await.find_key(id).await.unwrap()
    }
}

async fn cluster() -> Cluster {
    if let Some(cluster) = Cluster::from_env().unwrap() {
        return cluster;
    }
    let started = POSTGRES.get_or_init(async || {
        let temporary = std::env::temp_dir();
        remove_abandoned(&temporary);
        let directory = temporary.join(format!("{DIRECTORY}{}", std::process::id()));
        Some(Postgres::start(LocalOptions { directory, port: None, is_durable: false }).await.unwrap())
    });
    started.await.as_ref().expect("just started").cluster().clone()
}

/// The folders of test processes that are gone: nothing runs at the end of a process to remove its own.
fn remove_abandoned(temporary: &Path) {
    for entry in std::fs::read_dir(temporary).unwrap().flatten() {
        let name = entry.file_name().into_string().unwrap_or_default();
        let process = name.strip_prefix(DIRECTORY).and_then(|id| id.parse::<u32>().ok());
        if process.is_some_and(|id| !Path::new(&format!("/proc/{id}")).exists()) {
            drop(std::fs::remove_dir_all(entry.path()));
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a test of rows has no caller")]
pub fn scope(organization: OrganizationId) -> Scope {
    Scope::system("test", ENVIRONMENT, organization)
}

pub fn origin() -> Origin {
    Origin { request_id: "req_test".to_owned(), ip: Some(IpAddr::from([203, 0, 113, 9])) }
}

pub fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

pub fn host(text: &str) -> HostName {
    HostName::parse(text).unwrap()
}

pub fn limit(of: u64) -> Limit {
    Limit { name: "requests".to_owned(), limit: of, window_ms: 60_000, auto: true }
}

pub fn new_organization(slug: &str) -> NewOrganization {
    NewOrganization {
        name: name(slug),
        slug: Slug::parse(slug).unwrap(),
        permissions: vec![PermissionName::parse("documents.read").unwrap()],
        limits: vec![limit(9)],
        default_limits: vec![Limit::platform_default()],
    }
}

pub fn new_customer(external_id: &str) -> NewCustomer {
    NewCustomer {
        name: name(external_id),
        external_id: Some(ExternalId::parse(external_id).unwrap()),
        metadata: json!({"plan": "gold"}).as_object().unwrap().clone(),
        limits: vec![limit(5)],
    }
}

pub fn new_secret(organization: OrganizationId) -> (PlainSecret, NewSecret) {
    let prefix = if organization.is_installation() { Prefix::root() } else { Prefix::organization() };
    let plain = PlainSecret::generate(&prefix, ENVIRONMENT);
    let sealed = NewSecret::new(&peppers(), organization, &plain);
    (plain, sealed)
}

pub fn peppers() -> PepperRing {
    PepperRing::new(Pepper::new("test", (0..32).map(|byte| byte * 7).collect()).unwrap(), Vec::new())
}

pub fn policy() -> Policy {
    Policy {
        permissions: vec![PermissionName::parse("keys.read").unwrap()],
        domains: AllOr::All,
        customers: AllOr::All,
        ips: AllOr::All,
        not_before: None,
        expires_at: None,
        limits: vec![limit(10)],
    }
}

pub fn key_with(text: &str, policy: Policy) -> KeyChange {
    KeyChange {
        name: name(text),
        policy,
        roles: Vec::new(),
        permissions_since: 0,
        credits: CreditsChange::Keep,
        metadata: json!({"team": "web"}).as_object().unwrap().clone(),
        tags: vec!["web".to_owned()],
    }
}

pub fn new_key(text: &str) -> KeyChange {
    key_with(text, policy())
}

pub fn for_customers(text: &str, customers: &[CustomerId]) -> KeyChange {
    key_with(text, Policy { customers: AllOr::Only(customers.to_vec()), ..policy() })
}

pub fn for_domains(text: &str, domains: &[&str]) -> KeyChange {
    key_with(text, Policy { domains: AllOr::Only(domains.iter().map(|name| host(name)).collect()), ..policy() })
}

pub fn conflict_name<T: std::fmt::Debug>(result: Result<T, Error>) -> String {
    match result {
        Err(Error::Conflict(name)) => name,
        other => panic!("a conflict was expected, not {other:?}"),
    }
}

/// Tries again while the store has no time: more callers than connections are part of the test.
pub async fn patiently<T, F: Future<Output = Result<T, Error>>>(attempt: impl Fn() -> F) -> T {
    loop {
        match attempt().await {
            Ok(done) => return done,
            Err(Error::Unavailable(_)) => tokio::task::yield_now().await,
            Err(error) => panic!("{error:?}"),
        }
    }
}

/// Reproducible numbers; the seed is part of the test.
pub struct Dice(pub u64);

impl Dice {
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// An instant far enough from now to need no clock.
pub fn later(now: DateTime<Utc>, seconds: i64) -> DateTime<Utc> {
    now + chrono::TimeDelta::seconds(seconds)
}
