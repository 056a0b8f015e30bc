//! One environment's database.

use chrono::{DateTime, Utc};
use domain::access::{Authority, Scope};
use domain::permission::Permission;
use domain::policy::KeyKind;
use sqlx::{PgPool, Row};

use crate::config::DatabaseConfig;
use crate::error::Error;
use crate::rows::{Bounds, Read, Rows};
use crate::session::{Mode, RowAccess, Session, TransactionSettings};
use crate::write::{Origin, Write};

/// One environment's database. Cloning shares the connections.
#[derive(Debug, Clone)]
pub struct Store {
    pool: PgPool,
    settings: TransactionSettings,
}

impl Store {
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
        let mut session = self.session(Mode::Read).await?;
        Ok(session.one(sqlx::query("select clock_timestamp()")).await?.try_get(0)?)
    }

    /// Looks at the rows of a scope.
    pub async fn read(&self, scope: &Scope) -> Result<Read, Error> {
        self.rows(Mode::Read, Bounds::of(scope)).await.map(Read)
    }

    /// Looks at the organizations themselves: all of them for a root key that may list them, else the caller's own.
    pub async fn read_installation(&self, caller: &Authority) -> Result<Read, Error> {
        let mut rows = self.rows(Mode::Read, Bounds::of_own(caller)).await?;
        if caller.kind == KeyKind::Root && caller.check(Permission::OrganizationsList).is_ok() {
            rows.session.allow(RowAccess::Root).await?;
        }
        Ok(Read(rows))
    }

    /// Changes the rows of a scope, at one instant, on behalf of `origin`.
    pub async fn write(&self, scope: &Scope, origin: &Origin) -> Result<Write, Error> {
        let rows = self.rows(Mode::Write, Bounds::of(scope)).await?;
        Ok(Write::new(rows, origin.clone()))
    }

    pub(crate) async fn rows(&self, mode: Mode, bounds: Bounds) -> Result<Rows, Error> {
        let (session, now) = self.session_at(mode, RowAccess::Organization(bounds.organization)).await?;
        Ok(Rows { session, bounds, now })
    }

    /// A transaction that sees no organization yet.
    pub(crate) async fn session(&self, mode: Mode) -> Result<Session, Error> {
        Session::begin(&self.pool, &self.settings, mode).await
    }

    /// A transaction that sees some rows, and the database's clock.
    pub(crate) async fn session_at(
        &self,
        mode: Mode,
        access: RowAccess<'_>,
    ) -> Result<(Session, DateTime<Utc>), Error> {
        Session::begin_at(&self.pool, &self.settings, (mode, access)).await
    }
}
