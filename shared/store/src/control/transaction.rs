//! The control database, and its transactions.

use std::net::IpAddr;
use std::ops::{Deref, DerefMut};

use chrono::{DateTime, Utc};
use domain::event::Event;
use domain::ids::{OrganizationId, UserId};
use sqlx::PgPool;

use super::access_log::AccessEntry;
use crate::config::DatabaseConfig;
use crate::error::Error;
use crate::session::{Mode, RowAccess, Session, TransactionSettings};

/// The control database. Cloning shares the connections.
#[derive(Debug, Clone)]
pub struct Control {
    pool: PgPool,
    settings: TransactionSettings,
}

/// Who changes something in the control database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ControlActor {
    /// A person.
    User(UserId),
    /// The installation itself: an administrator's command, or the console's own work.
    System(&'static str),
}

/// Where a change or a sign-in came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ControlOrigin {
    /// The request's id.
    pub request_id: String,
    /// The client's address, if it could be told.
    pub ip: Option<IpAddr>,
    /// What the client's program calls itself, no longer than 300 characters.
    pub agent: String,
}

/// The rows, in one transaction. Its methods are in the file of their table.
#[derive(Debug)]
pub struct ControlRows {
    pub(crate) session: Session,
    pub(crate) now: DateTime<Utc>,
}

/// A look at the rows. Ends when dropped.
#[derive(Debug)]
pub struct ControlRead(ControlRows);

/// A change of the rows, at one instant. Dropping it changes nothing.
#[derive(Debug)]
#[must_use = "a change that is not committed is rolled back"]
pub struct ControlWrite {
    pub(crate) rows: ControlRows,
    pub(crate) actor: ControlActor,
    pub(crate) origin: ControlOrigin,
}

/// How much is kept of what a client's program calls itself.
const AGENT_CHARS_MAX: usize = 300;

impl Control {
    /// Prepares to connect. Fails on an unreadable URL and never because Postgres is away.
    #[expect(clippy::unused_async, reason = "the pool starts its tasks in the caller's runtime")]
    pub async fn connect(config: &DatabaseConfig) -> Result<Self, Error> {
        Ok(Self { pool: config.pool()?, settings: config.transaction_settings() })
    }

    /// Closes all connections and waits for them.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// The database's clock.
    pub async fn now(&self) -> Result<DateTime<Utc>, Error> {
        Ok(self.rows(Mode::Read).await?.now)
    }

    /// Looks at the rows.
    pub async fn read(&self) -> Result<ControlRead, Error> {
        self.rows(Mode::Read).await.map(ControlRead)
    }

    /// Changes the rows, at one instant, on behalf of somebody.
    pub async fn write(&self, actor: ControlActor, origin: &ControlOrigin) -> Result<ControlWrite, Error> {
        Ok(ControlWrite { rows: self.rows(Mode::Write).await?, actor, origin: origin.clone() })
    }

    /// A transaction that has not looked at anything.
    pub(crate) async fn session(&self, mode: Mode) -> Result<Session, Error> {
        Session::begin(&self.pool, &self.settings, mode).await
    }

    async fn rows(&self, mode: Mode) -> Result<ControlRows, Error> {
        let (session, now) = Session::begin_at(&self.pool, &self.settings, (mode, RowAccess::Control)).await?;
        Ok(ControlRows { session, now })
    }
}

impl ControlOrigin {
    /// An origin; `agent` is cut where it is too long.
    pub fn new(request_id: impl Into<String>, ip: Option<IpAddr>, agent: &str) -> Self {
        let agent = agent.chars().filter(|c| !c.is_control()).take(AGENT_CHARS_MAX).collect();
        Self { request_id: request_id.into(), ip, agent }
    }
}

impl ControlRows {
    /// The instant of this transaction, on the database's clock.
    pub fn now(&self) -> DateTime<Utc> {
        self.now
    }
}

impl ControlWrite {
    /// Keeps the change together with its entry in the action log of an organization, or of the installation.
    pub async fn commit(mut self, organization: OrganizationId, event: &Event) -> Result<(), Error> {
        self.note(organization, event).await?;
        self.rows.session.commit().await
    }

    /// Writes a further entry of an action log with this change.
    pub async fn note(&mut self, organization: OrganizationId, event: &Event) -> Result<(), Error> {
        // Whatever is wrong with the log, it is not of the caller's making and may pass.
        self.append_event(organization, event).await.map_err(Error::into_unavailable)
    }

    /// Keeps what a sign-in changed together with its entry in the access log.
    pub async fn commit_sign_in(mut self, entry: &AccessEntry) -> Result<(), Error> {
        self.insert_access(entry).await?;
        self.rows.session.commit().await
    }

    /// Keeps what nobody has to be told of: counters of attempts, times of last use, rows whose time is over.
    pub async fn commit_bookkeeping(self) -> Result<(), Error> {
        self.rows.session.commit().await
    }
}

impl std::fmt::Display for ControlActor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::User(id) => write!(f, "{id}"),
            Self::System(name) => write!(f, "system:{name}"),
        }
    }
}

impl Deref for ControlRead {
    type Target = ControlRows;

    fn deref(&self) -> &ControlRows {
        &self.0
    }
}

impl DerefMut for ControlRead {
    fn deref_mut(&mut self) -> &mut ControlRows {
        &mut self.0
    }
}

impl Deref for ControlWrite {
    type Target = ControlRows;

    fn deref(&self) -> &ControlRows {
        &self.rows
    }
}

impl DerefMut for ControlWrite {
    fn deref_mut(&mut self) -> &mut ControlRows {
        &mut self.rows
    }
}
