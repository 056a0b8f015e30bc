//! One connection in one transaction, with the organization that row-level security lets it see.
//!
//! Whatever becomes of the future that uses it, an open transaction never goes back into the pool.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::ids::OrganizationId;
use domain::secret::LookupId;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, Executor, PgConnection, PgPool, Postgres, Row, SqlSafeStr};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::error::{DeadlineElapsed, Error};
use crate::span;

/// How long a rollback may take before its connection is given up.
const ROLLBACK_DEADLINE: Duration = Duration::from_secs(2);

/// How transactions are run on the way to this database.
#[derive(Debug, Clone)]
pub(crate) struct TransactionSettings {
    /// How long the client waits for each answer.
    pub(crate) deadline: Duration,
    /// What every transaction sets for itself, where connections cannot be set up once and for all.
    pub(crate) statements: Option<Arc<str>>,
}

/// How a transaction begins.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Mode {
    /// Each statement sees what is committed before it; nothing is changed.
    Read,
    /// All statements see one and the same state; nothing is changed.
    Snapshot,
    /// Rows are changed.
    Write,
}

/// What row-level security lets a transaction see.
#[derive(Debug, Clone, Copy)]
pub(crate) enum RowAccess<'a> {
    /// The rows of one organization, to read and to write.
    Organization(OrganizationId),
    /// The secrets with one public id, of any organization.
    Lookup(&'a LookupId),
    /// The secrets with one of many public ids, of any organization.
    Lookups(&'a [LookupId]),
    /// The secrets of its own organization alone, again.
    NoLookups,
    /// The list of organizations.
    Root,
    /// What one job needs of all organizations: the outbox, the request log, the usage of keys.
    Job(&'static str),
    /// Everything in the control database, which has no row-level security.
    Control,
}

/// A statement with its arguments.
pub(crate) type Statement<'q> = Query<'q, Postgres, PgArguments>;

/// A transaction. Dropping it rolls back; only [`Session::commit`] keeps what it did.
#[derive(Debug)]
pub(crate) struct Session {
    /// `None` once it went back to the pool.
    connection: Option<PoolConnection<Postgres>>,
    deadline: Duration,
    /// The next transaction may have another connection, so that no statement is prepared for later.
    is_pooled: bool,
    /// It may still be in the middle of an answer that will never come.
    is_stuck: bool,
}

impl Mode {
    const fn begin(self) -> &'static str {
        match self {
            Self::Read => "begin read only",
            Self::Snapshot => "begin isolation level repeatable read read only",
            Self::Write => "begin",
        }
    }
}

impl RowAccess<'_> {
    /// The statement that grants it for the rest of the transaction: the one place where rows become visible. Ids are
    /// written as digits, hyphens and letters, so that they cannot end the text that they stand in.
    fn statement(self) -> String {
        let (setting, value) = match self {
            Self::Organization(id) => ("organization", id.uuid().hyphenated().to_string()),
            Self::Lookup(id) => ("lookup", id.as_str().to_owned()),
            Self::Lookups(ids) => ("lookups", ids.iter().map(LookupId::as_str).collect::<Vec<_>>().join(",")),
            Self::NoLookups => ("lookups", String::new()),
            Self::Root => ("root", "on".to_owned()),
            Self::Job(job) => ("job", job.to_owned()),
            Self::Control => ("control", "on".to_owned()),
        };
        format!(
            "select set_config('claviger.{setting}', '{value}', true), \
            (extract(epoch from clock_timestamp()) * 1000000)::bigint as now"
        )
    }
}

impl Session {
    /// Takes a connection and begins.
    pub(crate) async fn begin(pool: &PgPool, settings: &TransactionSettings, mode: Mode) -> Result<Self, Error> {
        let mut session = Self::take(pool, settings).await?;
        match &settings.statements {
            None => session.run(mode.begin()).await?,
            // In one round trip.
            Some(statements) => session.run(AssertSqlSafe(format!("{}; {statements}", mode.begin()))).await?,
        }
        Ok(session)
    }

    /// Takes a connection, begins, and sets what is visible, all in one round trip; says when, by the database.
    pub(crate) async fn begin_at(
        pool: &PgPool,
        settings: &TransactionSettings,
        (mode, access): (Mode, RowAccess<'_>),
    ) -> Result<(Self, DateTime<Utc>), Error> {
        let mut session = Self::take(pool, settings).await?;
        let statements = settings.statements.as_deref().map(|statements| format!("{statements}; ")).unwrap_or_default();
        let sql = format!("{}; {statements}{}", mode.begin(), access.statement());
        let span = span::of_sql(&sql);
        let work = session.bounded(async |connection| sqlx::raw_sql(AssertSqlSafe(sql)).fetch_all(connection).await);
        let rows = span::around(span, work).await?;
        Ok((session, read_instant(rows.last())?))
    }

    /// sqlx's own `begin` forgets a transaction whose future is cancelled between sending BEGIN and reading the answer.
    /// Here the guard exists before BEGIN is sent.
    async fn take(pool: &PgPool, settings: &TransactionSettings) -> Result<Self, Error> {
        let connection = Some(pool.acquire().await?);
        Ok(Self { connection, deadline: settings.deadline, is_pooled: settings.statements.is_some(), is_stuck: false })
    }

    /// Makes other rows visible.
    pub(crate) async fn allow(&mut self, access: RowAccess<'_>) -> Result<(), Error> {
        self.run(AssertSqlSafe(access.statement())).await
    }

    pub(crate) async fn all(&mut self, statement: Statement<'_>) -> Result<Vec<PgRow>, Error> {
        let (span, statement) = span::of_statement(self.prepared(statement))?;
        span::around(span, self.bounded(async |connection| connection.fetch_all(statement).await)).await
    }

    pub(crate) async fn optional(&mut self, statement: Statement<'_>) -> Result<Option<PgRow>, Error> {
        let (span, statement) = span::of_statement(self.prepared(statement))?;
        span::around(span, self.bounded(async |connection| connection.fetch_optional(statement).await)).await
    }

    pub(crate) async fn one(&mut self, statement: Statement<'_>) -> Result<PgRow, Error> {
        let (span, statement) = span::of_statement(self.prepared(statement))?;
        span::around(span, self.bounded(async |connection| connection.fetch_one(statement).await)).await
    }

    /// Runs it and says how many rows it changed.
    pub(crate) async fn execute(&mut self, statement: Statement<'_>) -> Result<u64, Error> {
        let (span, statement) = span::of_statement(self.prepared(statement))?;
        let work = self.bounded(async |connection| Ok(connection.execute(statement).await?.rows_affected()));
        span::around(span, work).await
    }

    /// Keeps what this transaction did.
    pub(crate) async fn commit(mut self) -> Result<(), Error> {
        self.run("commit").await?;
        drop(self.connection.take());
        Ok(())
    }

    /// Undoes it before this returns, for whoever needs next what it has locked: when it is dropped, that takes a moment.
    pub(crate) async fn roll_back(mut self) {
        if let Some(task) = self.end() {
            // It is a task of its own, so that it ends even where nobody waits for it any more.
            let _ = task.await;
        }
    }

    /// Starts to undo what it did.
    fn end(&mut self) -> Option<JoinHandle<()>> {
        let connection = self.connection.take()?;
        match Handle::try_current() {
            Ok(runtime) if !self.is_stuck => Some(runtime.spawn(roll_back(connection))),
            // Closing the socket ends the transaction, too.
            Ok(_) | Err(_) => {
                drop(connection.detach());
                None
            }
        }
    }

    fn prepared<'q>(&self, statement: Statement<'q>) -> Statement<'q> {
        if self.is_pooled { statement.persistent(false) } else { statement }
    }

    async fn run(&mut self, sql: impl SqlSafeStr) -> Result<(), Error> {
        let sql = sql.into_sql_str();
        let span = span::of_sql(sql.as_str());
        span::around(span, self.bounded(async |connection| sqlx::raw_sql(sql).execute(connection).await.map(drop)))
            .await
    }

    /// Runs `work` under the client's own deadline: a frozen server never answers, and sqlx waits for ever.
    async fn bounded<T>(
        &mut self,
        work: impl AsyncFnOnce(&mut PgConnection) -> Result<T, sqlx::Error>,
    ) -> Result<T, Error> {
        let connection = self.connection.as_mut().expect("taken by commit and drop only, which both end the session");
        let Ok(result) = timeout(self.deadline, work(connection)).await else {
            self.is_stuck = true;
            return Err(Error::Unavailable(DeadlineElapsed(self.deadline).into()));
        };
        Ok(result?)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        drop(self.end());
    }
}

fn read_instant(row: Option<&PgRow>) -> Result<DateTime<Utc>, Error> {
    let micros: i64 = row.ok_or(sqlx::Error::RowNotFound)?.try_get("now")?;
    DateTime::from_timestamp_micros(micros).ok_or_else(|| Error::unreadable("the database's clock is beyond all years"))
}

async fn roll_back(mut connection: PoolConnection<Postgres>) {
    let done = timeout(ROLLBACK_DEADLINE, sqlx::raw_sql("rollback").execute(&mut *connection)).await;
    if !matches!(done, Ok(Ok(_))) {
        drop(connection.detach());
    }
}
