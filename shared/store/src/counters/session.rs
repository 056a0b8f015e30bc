//! One server, and a session with it: a connection that calls share, and the run of the server behind it.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use deadpool_redis::{Connection, Manager, Pool, Runtime, Timeouts};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Cmd, ConnectionInfo, ErrorKind, RedisError, ServerErrorKind, Value};

use super::lane::Lane;
use super::link::Away;
use super::slots::Slot;
use super::topology::Address;

/// How long an attempt may take: connecting, logging in and reading the run id.
pub(super) const PROBE_TIMEOUT: Duration = Duration::from_millis(500);
/// How many calls in a row may be refused, as by a Redis that is full, before the connection is made anew.
const FAILURES_MAX: u32 = 5;
/// One for calls, one for waiting on changes, one in reserve while either is replaced.
const CONNECTIONS: usize = 3;
/// How long a session counts after others last confirmed that its server is the master.
const LEASE_MS: u64 = 2_500;
/// A session that nobody has to confirm.
const FOR_EVER: u64 = u64::MAX;

/// A server with the pool that makes, tests and remakes connections to it.
pub(super) struct Node {
    pub(super) address: Address,
    pool: Pool,
}

/// A connection that is held.
///
/// The pool only makes it: a checkout per request costs twice the CPU of a call on a shared multiplexed connection.
pub(super) struct Session {
    connection: MultiplexedConnection,
    /// Kept so that the pool counts it, and takes it back when it is dropped.
    _pooled: Connection,
    pub(super) node: Arc<Node>,
    pub(super) run: u64,
    failures: AtomicU32,
    /// The verifications that share calls; in a cluster those of each slot.
    lanes: Box<[Lane]>,
    vouched_until_ms: AtomicU64,
}

/// What a server says of itself.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) run: u64,
    pub(super) is_master: bool,
    pub(super) evicts: Option<String>,
}

/// What a failed call says of its session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    /// One call is lost.
    Passing,
    /// The session is worth nothing any more.
    Fatal,
    /// The server works, and others have to be asked whose the key is.
    Elsewhere,
}

impl Node {
    pub(super) fn open(server: ConnectionInfo, timeout_ms: u64) -> Result<Arc<Self>, RedisError> {
        let address = Address::of(server.addr());
        let connection = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(PROBE_TIMEOUT))
            .set_response_timeout(Some(Duration::from_millis(timeout_ms.max(1))));
        let manager = Manager::new_with_config(server, connection)?;
        let timeouts =
            Timeouts { wait: Some(PROBE_TIMEOUT), create: Some(PROBE_TIMEOUT), recycle: Some(PROBE_TIMEOUT) };
        let builder = Pool::builder(manager).max_size(CONNECTIONS).timeouts(timeouts).runtime(Runtime::Tokio1);
        let pool = builder.build().expect("a pool with a runtime can have timeouts");
        Ok(Arc::new(Self { address, pool }))
    }

    /// A connection of its own, for calls that wait.
    pub(super) async fn own_connection(
        &self,
        response_timeout: Duration,
    ) -> Result<(Connection, MultiplexedConnection), Away> {
        let pooled = self.pool.get().await.map_err(|_| Away(None))?;
        let mut connection = (*pooled).clone();
        connection.set_response_timeout(response_timeout);
        Ok((pooled, connection))
    }

    /// A session with a lane for each slot, unless the server is a replica: what that says may be old.
    pub(super) async fn connect(self: &Arc<Self>, lanes: usize) -> Result<(Session, Facts), Away> {
        let attempt = tokio::time::timeout(PROBE_TIMEOUT, self.try_connect(lanes));
        attempt.await.unwrap_or(Err(Away(None)))
    }

    async fn try_connect(self: &Arc<Self>, lanes: usize) -> Result<(Session, Facts), Away> {
        let (pooled, mut probe) = self.own_connection(PROBE_TIMEOUT).await?;
        let mut info: Result<String, RedisError> = facts_command().query_async(&mut probe).await;
        if info.is_ok() {
            // Once more, in the time of a call: a server that is slower would be given up again at once, at the cost of
            // whoever waits for it then.
            info = facts_command().query_async(&mut (*pooled).clone()).await;
        }
        match info.map(|info| Facts::read(&info)) {
            Ok(facts) if facts.is_master => {
                let session = Session {
                    connection: (*pooled).clone(),
                    _pooled: pooled,
                    node: Arc::clone(self),
                    run: facts.run,
                    failures: AtomicU32::new(0),
                    lanes: std::iter::repeat_with(Lane::default).take(lanes).collect(),
                    vouched_until_ms: AtomicU64::new(FOR_EVER),
                };
                Ok((session, facts))
            }
            refused => {
                // Out of the pool for good: handed out again it would cost the next attempt its time.
                drop(Connection::take(pooled));
                Err(Away(refused.err()))
            }
        }
    }
}

impl Session {
    /// Sends one command; an error in the answer is an error.
    pub(super) async fn send(&self, command: &Cmd) -> Result<Value, RedisError> {
        let mut connection = self.connection.clone();
        let value = connection.send_packed_command(command).await.and_then(Value::extract_error)?;
        if self.failures.load(Ordering::Relaxed) != 0 {
            self.failures.store(0, Ordering::Relaxed);
        }
        Ok(value)
    }

    /// Where verifications for a slot queue.
    pub(super) fn lane(&self, slot: Slot) -> &Lane {
        &self.lanes[slot.number()]
    }

    /// The connection, for questions that have more time than calls.
    pub(super) fn probe(&self) -> MultiplexedConnection {
        let mut connection = self.connection.clone();
        connection.set_response_timeout(PROBE_TIMEOUT);
        connection
    }

    /// Notes a failed call, and says what is to become of the session.
    pub(super) fn judge(&self, error: &RedisError) -> Failure {
        if let ErrorKind::Server(kind) = error.kind() {
            match kind {
                ServerErrorKind::NoScript => return Failure::Passing,
                ServerErrorKind::Moved
                | ServerErrorKind::Ask
                | ServerErrorKind::TryAgain
                | ServerErrorKind::ClusterDown => return Failure::Elsewhere,
                // A master no longer.
                ServerErrorKind::ReadOnly | ServerErrorKind::MasterDown => return Failure::Fatal,
                _ => {}
            }
        }
        // One that is late is given up, too: whoever comes next is told at once, instead of waiting as long.
        let is_dead = error.is_io_error() || error.is_timeout() || error.is_unrecoverable_error();
        let failures = self.failures.fetch_add(1, Ordering::Relaxed) + 1;
        if is_dead || failures >= FAILURES_MAX { Failure::Fatal } else { Failure::Passing }
    }

    /// From now on the session counts only as long as its server is confirmed again and again. `since_ms` is when the
    /// question was asked.
    pub(super) fn vouch(&self, since_ms: u64) {
        self.vouched_until_ms.store(since_ms + LEASE_MS, Ordering::Relaxed);
    }

    /// Whether nobody has confirmed lately that its server is the master.
    pub(super) fn is_lapsed(&self) -> bool {
        let until_ms = self.vouched_until_ms.load(Ordering::Relaxed);
        until_ms != FOR_EVER && now_ms() > until_ms
    }

    /// Whether the server is still the master that it was, in the same run; `None` when it does not answer.
    pub(super) async fn is_same(&self) -> Option<bool> {
        let info: String = facts_command().query_async(&mut self.probe()).await.ok()?;
        Some(self.agrees_with(&Facts::read(&info)))
    }

    pub(super) fn agrees_with(&self, facts: &Facts) -> bool {
        facts.is_master && facts.run == self.run
    }
}

impl Facts {
    pub(super) fn read(info: &str) -> Self {
        let field = |name: &str| {
            info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim).unwrap_or_default()
        };
        // The process and its line of replication: a server that is restarted, restored or replaced has another of the
        // first, and one that was demoted and promoted again, having lost what it was not told, another of the second.
        let mut hasher = DefaultHasher::new();
        (field("run_id"), field("master_replid")).hash(&mut hasher);
        let policy = field("maxmemory_policy");
        let evicts = (!policy.is_empty() && policy != "noeviction").then(|| policy.to_owned());
        Self { run: hasher.finish(), is_master: field("role") == "master", evicts }
    }
}

/// Asks a server for [`Facts`].
pub(super) fn facts_command() -> Cmd {
    let mut command = redis::cmd("INFO");
    command.arg("server").arg("replication").arg("memory");
    command
}

/// Milliseconds on this process's own clock.
pub(super) fn now_ms() -> u64 {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    u64::try_from(START.elapsed().as_millis()).unwrap_or(FOR_EVER - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_run_has_another_number() {
        let facts = |run: &str, line: &str| {
            let info = format!("# Server\r\nrun_id:{run}\r\nuptime:3\r\nrole:master\r\nmaster_replid:{line}\r\n");
            Facts::read(&info)
        };
        assert_eq!(facts("a", "x"), facts("a", "x"));
        assert_ne!(facts("a", "x").run, facts("b", "x").run, "restarted");
        assert_ne!(facts("a", "x").run, facts("a", "y").run, "demoted and promoted again");
    }

    #[test]
    fn a_server_that_evicts_is_known_by_its_policy() {
        assert_eq!(Facts::read("maxmemory_policy:noeviction\r\n").evicts, None);
        assert_eq!(Facts::read("maxmemory_policy:allkeys-lru\r\n").evicts.as_deref(), Some("allkeys-lru"));
        assert!(!Facts::read("role:slave\r\n").is_master);
    }
}
