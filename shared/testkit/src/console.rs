//! The console over a control database of its own, with people and organizations that a test adds.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use console::cookies::{self, Token};
use console::passwords::HashPool;
use dev::LocalDatabase;
use domain::email::Email;
use domain::environment::Environment;
use domain::event::Event;
use domain::ids::{MemberId, OrganizationId, UserId};
use domain::names::{Name, Slug};
use futures_util::future::try_join_all;
use store::DatabaseConfig;
use store::control::{
    AccessEntry, Assurance, Control, ControlActor, ControlOrigin, ControlWrite, NewSession, NewUser, Roles,
};
use zeroize::Zeroizing;

use crate::browser::Browser;
use crate::running::Running;
use crate::servers::{Ownership, Servers};
use crate::settings::Settings;
use crate::world::World;

/// What the console believes its own address to be, unless it has a port of its own.
const PUBLIC_URL: &str = "http://localhost:3000";
/// 32 bytes in base64 that look drawn at random.
const SEALING_KEY: &str = "p2Gk1zv0xqYw3uJtSd9XbN7mAfLh5eRcVyI8oKUDZ4E=";
const PATIENCE_MS: u64 = 10_000;
const SESSION_HOURS: i64 = 8;

/// A console with its database. Dropping it stops and removes both.
pub struct ConsoleWorld {
    /// The rows.
    pub control: Control,
    /// The database, for statements as owner or superuser.
    pub database: LocalDatabase,
    /// Where each replica answers.
    pub urls: Vec<String>,
    /// Where health and metrics of the first replica are.
    pub management_url: String,
    public_url: String,
    _replicas: Vec<Running>,
    // Last: the replicas are connected to it.
    _servers: Servers,
}

/// What a console has that is out of the ordinary.
#[derive(Debug, Clone, Default)]
pub struct ConsoleBuilder {
    replicas: usize,
    port: Option<u16>,
    apis: BTreeMap<Environment, String>,
    settings: Vec<(String, String)>,
}

impl ConsoleWorld {
    /// One replica, without an environment that answers.
    pub async fn start() -> Self {
        Self::builder().start().await
    }

    /// A console to be described.
    pub fn builder() -> ConsoleBuilder {
        ConsoleBuilder { replicas: 1, ..ConsoleBuilder::default() }
    }

    /// A browser that nobody has signed in with.
    pub fn browser(&self) -> Browser {
        Browser::new(&self.urls[0], &self.public_url)
    }

    /// What the console believes its own address to be.
    pub fn origin(&self) -> &str {
        &self.public_url
    }

    /// Adds a person with a password.
    pub async fn add_user(&self, email: &str, password: &str) -> UserId {
        self.add_person(email, password, false).await
    }

    /// Adds a server admin with a password.
    pub async fn add_server_admin(&self, email: &str, password: &str) -> UserId {
        self.add_person(email, password, true).await
    }

    /// Adds an organization to the directory.
    pub async fn add_organization(&self, slug: &str) -> OrganizationId {
        let mut write = self.write().await;
        let id = OrganizationId::mint(write.now());
        let (slug, name) = (Slug::parse(slug).expect("a slug"), Name::parse(slug).expect("a name"));
        write.insert_control_organization(id, &slug, &name).await.expect("a new slug");
        write.commit(id, &Event::of("organization.created", id)).await.expect("the control database");
        id
    }

    /// Makes a person a member, with the same role everywhere.
    pub async fn add_member(&self, organization: OrganizationId, user: UserId, role: &str) -> MemberId {
        let mut write = self.write().await;
        let id = write.insert_membership(organization, user, &Roles::everywhere(role)).await.expect("a new member");
        write.commit(organization, &Event::of("member.added", id)).await.expect("the control database");
        id
    }

    /// A browser with a session of a person that has just proven who they are, by the password alone.
    pub async fn signed_in(&self, user: UserId) -> Browser {
        self.signed_in_with(user, Assurance::Password, TimeDelta::minutes(10)).await
    }

    /// A browser with a session of a person, with this assurance and for so long a step-up.
    pub async fn signed_in_with(&self, user: UserId, assurance: Assurance, step_up: TimeDelta) -> Browser {
        let token = Token::generate();
        let lifetime = TimeDelta::hours(SESSION_HOURS);
        let new = NewSession { token_hash: token.hash(), user, assurance, device: None, lifetime, step_up };
        let mut write = self.write().await;
        let session = write.insert_session(&new).await.expect("a session");
        let entry = AccessEntry {
            user: Some(user),
            event: "sign-in",
            outcome: "succeeded",
            factor: Some("password"),
            session: Some(session),
        };
        write.commit_sign_in(&entry).await.expect("the control database");
        let mut browser = self.browser();
        browser.set_cookie(cookies::SESSION, token.expose());
        browser
    }

    /// A change of the control database, as an administrator's command would make it.
    pub async fn write(&self) -> ControlWrite {
        let origin = ControlOrigin::new("req_testkit", None, "testkit");
        self.control.write(ControlActor::System("testkit"), &origin).await.expect("the control database")
    }

    async fn add_person(&self, email: &str, password: &str, is_server_admin: bool) -> UserId {
        let pool = HashPool::new(console::config::Hashing::CheapForTests).expect("cheap parameters");
        let password_hash = Some(pool.hash(Zeroizing::new(password.to_owned())).await.expect("a free core"));
        let local = email.split('@').next().unwrap_or_default();
        let new = NewUser {
            email: Email::parse(email).expect("an address"),
            name: Name::parse(local).expect("a name"),
            password_hash,
            is_server_admin,
        };
        let mut write = self.write().await;
        let id = write.insert_user(&new).await.expect("a new address");
        let event = Event::of("user.created", id);
        write.commit(OrganizationId::INSTALLATION, &event).await.expect("the control database");
        id
    }
}

impl ConsoleBuilder {
    /// So many replicas over one database.
    pub fn replicas(self, replicas: usize) -> Self {
        Self { replicas, ..self }
    }

    /// On this port, which its public address then has, too: for browsers, and for services that have to know it before.
    pub fn port(self, port: u16) -> Self {
        Self { port: Some(port), ..self }
    }

    /// Beside the Integration APIs of a world.
    pub fn beside(self, world: &World) -> Self {
        let url = |environment| (environment, world.api(environment).anonymous().base_url().to_owned());
        Self { apis: Environment::ALL.into_iter().map(url).collect(), ..self }
    }

    /// With the Integration API of an environment at this address.
    pub fn api(mut self, environment: Environment, url: &str) -> Self {
        self.apis.insert(environment, url.to_owned());
        self
    }

    /// With this setting, as in `SESSIONS__IDLE_MINUTES`.
    pub fn set(mut self, name: &str, value: impl ToString) -> Self {
        self.settings.push((name.to_owned(), value.to_string()));
        self
    }

    /// Brings it up and waits until it is ready.
    ///
    /// # Panics
    ///
    /// When it does not come up.
    pub async fn start(self) -> ConsoleWorld {
        self.try_start().await.expect("the console comes up")
    }

    async fn try_start(self) -> anyhow::Result<ConsoleWorld> {
        let servers = Servers::start(Ownership::default()).await?;
        let database = servers.create_control_database().await?;
        let config = DatabaseConfig {
            acquire_timeout_ms: PATIENCE_MS,
            statement_timeout_ms: PATIENCE_MS,
            ..DatabaseConfig::new(&database.app_url, 6)
        };
        let control = Control::connect(&DatabaseConfig { pool_size: 4, ..config.clone() }).await?;
        let public_url = self.port.map_or(PUBLIC_URL.to_owned(), |port| format!("http://localhost:{port}"));
        let (mut urls, mut replicas) = (Vec::new(), Vec::new());
        for replica in 0..self.replicas {
            let bound = console::bind(self.config(&config, &public_url)?).await?;
            urls.push(format!("http://{}", bound.address));
            let management = bound.management;
            replicas.push(Running::start(format!("console {replica}"), management, |shutdown| bound.run(shutdown)));
        }
        let http = reqwest::Client::builder().no_proxy().build()?;
        try_join_all(replicas.iter().map(|running| running.await_ready(&http))).await?;
        let management_url = format!("http://{}", replicas[0].management);
        Ok(ConsoleWorld { control, database, urls, management_url, public_url, _replicas: replicas, _servers: servers })
    }

    fn config(&self, database: &DatabaseConfig, public_url: &str) -> anyhow::Result<console::Config> {
        let mut settings = Settings::default();
        settings.set("SERVER__HOST", "127.0.0.1").set("SERVER__PORT", self.port.unwrap_or(0));
        settings.set("SERVER__MANAGEMENT_PORT", 0).set("SERVER__PUBLIC_URL", public_url);
        settings.set("DATABASE__URL", &database.url).set("DATABASE__POOL_SIZE", database.pool_size);
        settings.set("DATABASE__ACQUIRE_TIMEOUT_MS", database.acquire_timeout_ms);
        settings.set("DATABASE__STATEMENT_TIMEOUT_MS", database.statement_timeout_ms);
        settings.set("SECRETS__SEALING_KEY", SEALING_KEY).set("PASSWORDS__HASHING", "cheap-for-tests");
        for environment in Environment::ALL {
            let at = format!("ENVIRONMENTS__{}__", environment.name().to_uppercase());
            // Nothing listens on the discard port.
            let url = self.apis.get(&environment).map_or("http://127.0.0.1:9", String::as_str);
            settings.set(format!("{at}API_URL"), url).set(format!("{at}PUBLIC_URL"), url);
        }
        settings.set("TELEMETRY__OTLP_ENDPOINT", "");
        for (name, value) in &self.settings {
            settings.set(name, value);
        }
        settings.load(console::DEFAULTS)
    }
}
