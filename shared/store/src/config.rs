//! How a service reaches its environment's database.

use std::sync::Arc;
use std::time::Duration;

use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::error::Error;
use crate::session::TransactionSettings;

/// How long a statement may wait for a row that another transaction holds.
const LOCK_TIMEOUT_MS: u64 = 2_000;
/// How long a transaction may stay open without a statement.
const IDLE_TIMEOUT_MS: u64 = 10_000;
/// How much longer than the server's own deadline the client waits for its answer.
const DEADLINE_SLACK_MS: u64 = 500;

/// What stands between us and Postgres.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pooler {
    /// Nothing, or a pooler that gives a client one connection for as long as it stays.
    #[default]
    None,
    /// A pooler that gives each transaction any connection, as PgBouncer in transaction mode: nothing may be kept on
    /// a connection from one transaction to the next, neither prepared statements nor settings.
    Transaction,
}

/// Where the database is, and how long to wait for it.
#[derive(Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatabaseConfig {
    /// `postgres://role:password@host:port/database`; the role is not the owner of the tables.
    pub url: String,
    /// The most connections.
    pub pool_size: u32,
    /// What stands in between.
    #[serde(default)]
    pub pooler: Pooler,
    /// How long to wait for a free connection.
    #[serde(default = "default_acquire_timeout_ms")]
    pub acquire_timeout_ms: u64,
    /// How long one statement may run.
    #[serde(default = "default_statement_timeout_ms")]
    pub statement_timeout_ms: u64,
}

const fn default_acquire_timeout_ms() -> u64 {
    500
}

const fn default_statement_timeout_ms() -> u64 {
    3_000
}

impl DatabaseConfig {
    /// A configuration with the documented waits.
    pub fn new(url: impl Into<String>, pool_size: u32) -> Self {
        Self {
            url: url.into(),
            pool_size,
            pooler: Pooler::None,
            acquire_timeout_ms: default_acquire_timeout_ms(),
            statement_timeout_ms: default_statement_timeout_ms(),
        }
    }

    /// How transactions are run.
    pub(crate) fn transaction_settings(&self) -> TransactionSettings {
        // The client's own deadline for each statement.
        let deadline = Duration::from_millis(self.statement_timeout_ms + DEADLINE_SLACK_MS);
        let statements = match self.pooler {
            Pooler::None => None,
            Pooler::Transaction => {
                let set = self.timeouts().map(|(name, timeout_ms)| format!("set local {name} = {timeout_ms}"));
                Some(Arc::from(set.join("; ")))
            }
        };
        TransactionSettings { deadline, statements }
    }

    /// A pool that connects when it is first used.
    pub(crate) fn pool(&self) -> Result<PgPool, Error> {
        let options: PgConnectOptions = self.url.parse()?;
        let options = options.application_name("claviger");
        let options = match self.pooler {
            Pooler::None => options.options(self.timeouts()),
            // Nor does PgBouncer pass on parameters of the connection that it does not know.
            Pooler::Transaction => options.statement_cache_capacity(0).extra_float_digits(None),
        };
        Ok(PgPoolOptions::new()
            .max_connections(self.pool_size)
            .acquire_timeout(Duration::from_millis(self.acquire_timeout_ms))
            // A ping before each use costs a round trip; a dead connection shows at BEGIN.
            .test_before_acquire(false)
            .connect_lazy_with(options))
    }

    const fn timeouts(&self) -> [(&'static str, u64); 3] {
        [
            ("statement_timeout", self.statement_timeout_ms),
            ("lock_timeout", LOCK_TIMEOUT_MS),
            ("idle_in_transaction_session_timeout", IDLE_TIMEOUT_MS),
        ]
    }
}

impl std::fmt::Debug for DatabaseConfig {
    /// Without the URL: it holds a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DatabaseConfig").field("pool_size", &self.pool_size).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_is_never_printed() {
        let config = DatabaseConfig::new("postgres://app:hunter2@localhost/production", 4);
        assert!(!format!("{config:?}").contains("hunter2"));
    }
}
