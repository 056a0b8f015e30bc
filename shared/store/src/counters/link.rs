//! The one connection that every call shares, its breaker, and its return in the background.
//!
//! A checkout from the pool per request costs twice the CPU of a call on a shared multiplexed connection, so the pool
//! only makes, tests and remakes connections; what it makes is held here until it fails.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use deadpool_redis::{Connection, Manager, Pool, Runtime, Timeouts};
use rand::RngExt;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Cmd, ErrorKind, RedisError, ServerErrorKind, Value};
use tokio::sync::Notify;

use super::config::RedisConfig;
use super::lane::Lane;

/// How many calls in a row may be refused, as by a Redis that is full, before the connection is made anew.
const FAILURES_MAX: u32 = 5;
/// How long to wait, on average, between two attempts to come back.
const PROBE_EVERY: Duration = Duration::from_millis(200);
/// How long an attempt may take: connecting, logging in and reading the run id.
const PROBE_TIMEOUT: Duration = Duration::from_millis(500);
/// One for calls, one for waiting on changes, one in reserve while either is replaced.
const CONNECTIONS: usize = 3;

/// Redis did not answer, or not with what was asked.
#[derive(Debug, thiserror::Error)]
#[error("Redis is away")]
pub struct Away(#[source] pub(super) Option<RedisError>);

/// A connection that is held, with the run of the server behind it.
pub(super) struct Session {
    connection: MultiplexedConnection,
    /// Kept so that the pool counts it, and takes it back when it is dropped.
    _pooled: Connection,
    pub(super) run: u64,
    /// The verifications that share its calls.
    pub(super) lane: Lane,
}

/// Holds a session while there is one, and seeks one while there is none.
pub(super) struct Link {
    pool: Option<Pool>,
    session: ArcSwapOption<Session>,
    failures: AtomicU32,
    lost: Notify,
}

impl Link {
    /// Starts to connect, in the background.
    pub(super) fn open(config: &RedisConfig) -> Arc<Self> {
        let pool = pool(config).inspect_err(|error| tracing::error!(error = %error, "the URL of Redis cannot be used"));
        let link = Arc::new(Self {
            pool: pool.ok(),
            session: ArcSwapOption::empty(),
            failures: AtomicU32::new(0),
            lost: Notify::new(),
        });
        tokio::spawn(keep_connected(Arc::downgrade(&link)));
        link
    }

    /// The run of the Redis that is reached now.
    pub(super) fn run(&self) -> Option<u64> {
        self.session.load().as_ref().map(|session| session.run)
    }

    /// The connection that calls share now.
    pub(super) fn session(&self) -> Result<Arc<Session>, Away> {
        self.session.load_full().ok_or(Away(None))
    }

    /// Sends one command on the shared connection.
    pub(super) async fn call(&self, command: &Cmd) -> Result<Value, Away> {
        self.send(&self.session()?, command).await
    }

    /// Sends one command on a connection that was looked up before.
    pub(super) async fn send(&self, session: &Arc<Session>, command: &Cmd) -> Result<Value, Away> {
        let mut connection = session.connection.clone();
        match connection.send_packed_command(command).await.and_then(Value::extract_error) {
            Ok(value) => {
                if self.failures.load(Ordering::Relaxed) != 0 {
                    self.failures.store(0, Ordering::Relaxed);
                }
                Ok(value)
            }
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => Err(Away(Some(error))),
            Err(error) => {
                self.note_failure(session, &error);
                Err(Away(Some(error)))
            }
        }
    }

    /// A connection of its own, for calls that wait.
    pub(super) async fn own_connection(
        &self,
        response_timeout: Duration,
    ) -> Result<(Connection, MultiplexedConnection), Away> {
        let pool = self.pool.as_ref().ok_or(Away(None))?;
        let pooled = pool.get().await.map_err(|_| Away(None))?;
        let mut connection = (*pooled).clone();
        connection.set_response_timeout(response_timeout);
        Ok((pooled, connection))
    }

    /// Gives the session up when it is dead or late, or when it failed too often. Whoever comes next is told at once,
    /// instead of waiting as long as the one before.
    fn note_failure(&self, session: &Arc<Session>, error: &RedisError) {
        let is_dead = error.is_io_error() || error.is_timeout() || error.is_unrecoverable_error();
        let failures = self.failures.fetch_add(1, Ordering::Relaxed) + 1;
        if !is_dead && failures < FAILURES_MAX {
            return;
        }
        let held = self.session.load();
        if held.as_ref().is_some_and(|held| Arc::ptr_eq(held, session)) {
            self.session.store(None);
            self.lost.notify_one();
        }
    }

    async fn connect(&self) -> Result<Session, Away> {
        let pool = self.pool.as_ref().ok_or(Away(None))?;
        let pooled = pool.get().await.map_err(|_| Away(None))?;
        let mut connection = (*pooled).clone();
        let info: Result<String, RedisError> = redis::cmd("INFO").arg("server").query_async(&mut connection).await;
        match info {
            Ok(info) => Ok(Session { connection, _pooled: pooled, run: run_of(&info), lane: Lane::default() }),
            Err(error) => {
                // Out of the pool for good: handed out again it would cost the next attempt its time.
                drop(Connection::take(pooled));
                Err(Away(Some(error)))
            }
        }
    }
}

/// Until nobody holds the link: connects, waits until the connection is lost, and connects again.
async fn keep_connected(link: Weak<Link>) {
    while let Some(link) = link.upgrade() {
        if link.session.load().is_none() {
            match tokio::time::timeout(PROBE_TIMEOUT, link.connect()).await {
                Ok(Ok(session)) => {
                    link.failures.store(0, Ordering::Relaxed);
                    link.session.store(Some(Arc::new(session)));
                }
                Ok(Err(_)) | Err(_) => {
                    drop(link);
                    tokio::time::sleep(jittered(PROBE_EVERY)).await;
                    continue;
                }
            }
        }
        // Not for ever: the link itself may be given up meanwhile.
        let _ = tokio::time::timeout(Duration::from_secs(1), link.lost.notified()).await;
    }
}

/// Between half and one and a half of `duration`, so that replicas do not come back in step.
fn jittered(duration: Duration) -> Duration {
    duration.mul_f64(rand::rng().random_range(0.5..1.5))
}

fn pool(config: &RedisConfig) -> Result<Pool, RedisError> {
    let timeout = Duration::from_millis(config.timeout_ms);
    let connection = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(PROBE_TIMEOUT))
        .set_response_timeout(Some(timeout.max(Duration::from_millis(1))));
    config.client()?;
    let manager = Manager::new_with_config(config.url.as_str(), connection)?;
    let timeouts = Timeouts { wait: Some(PROBE_TIMEOUT), create: Some(PROBE_TIMEOUT), recycle: Some(PROBE_TIMEOUT) };
    let builder = Pool::builder(manager).max_size(CONNECTIONS).timeouts(timeouts).runtime(Runtime::Tokio1);
    Ok(builder.build().expect("a pool with a runtime can have timeouts"))
}

/// A number for the run id: a Redis that was restarted, restored or replaced has another.
fn run_of(info: &str) -> u64 {
    let run_id = info.lines().find_map(|line| line.strip_prefix("run_id:")).unwrap_or_default();
    let mut hasher = DefaultHasher::new();
    run_id.trim().hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_run_has_another_number() {
        assert_eq!(run_of("# Server\r\nrun_id:abc\r\n"), run_of("run_id:abc\r\nuptime:3\r\n"));
        assert_ne!(run_of("run_id:abc\r\n"), run_of("run_id:abd\r\n"));
    }
}
