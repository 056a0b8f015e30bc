//! One server, and the connection to it that all calls share.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, Cmd, ConnectionInfo, ErrorKind, RedisError, ServerErrorKind, Value};

use super::topology::Address;

/// How long an attempt may take: connecting, logging in and reading the run id.
pub(super) const PROBE_TIMEOUT: Duration = Duration::from_millis(500);
/// How many calls in a row may be refused, as by a Redis that is full, before the connection is made anew.
const FAILURES_MAX: u32 = 5;
/// How long a connection counts after others last confirmed that its server is the master.
const LEASE_MS: u64 = 2_500;
/// The lease of a connection that nobody has to confirm.
const FOR_EVER: u64 = u64::MAX;

/// Redis did not answer, or not with what was asked.
#[derive(Debug, thiserror::Error)]
#[error("Redis is away")]
pub struct Away(#[source] pub(crate) Option<RedisError>);

/// A server, and how to connect to it.
pub(super) struct Server {
    pub(super) address: Address,
    client: Client,
    settings: AsyncConnectionConfig,
}

/// A connection that all calls share: a checkout from a pool per call costs twice the CPU.
pub(crate) struct Connection {
    pub(super) server: Arc<Server>,
    /// The process and line of replication that answer.
    pub(super) run: u64,
    connection: MultiplexedConnection,
    failures: AtomicU32,
    lease_until_ms: AtomicU64,
}

/// What a server says of itself.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ServerInfo {
    pub(super) run: u64,
    pub(super) is_master: bool,
    /// The policy by which it may evict what is counted.
    pub(super) eviction: Option<String>,
}

/// What a failed call says of its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    /// One call is lost.
    Transient,
    /// The connection is worth nothing any more.
    Fatal,
    /// The server works, and another one has the key.
    WrongServer,
}

impl Server {
    pub(super) fn new(server: ConnectionInfo, timeout_ms: u64) -> Result<Arc<Self>, RedisError> {
        let address = Address::of(server.addr());
        let settings = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(PROBE_TIMEOUT))
            .set_response_timeout(Some(Duration::from_millis(timeout_ms.max(1))));
        Ok(Arc::new(Self { address, client: Client::open(server)?, settings }))
    }

    /// A connection of its own, for calls that wait.
    pub(super) async fn dedicated(&self, response_timeout: Duration) -> Result<MultiplexedConnection, Away> {
        let mut connection = self.open().await.map_err(|error| Away(Some(error)))?;
        connection.set_response_timeout(response_timeout);
        Ok(connection)
    }

    /// A connection for calls, unless the server is a replica: what that says may be old.
    pub(super) async fn connect(self: &Arc<Self>) -> Result<(Connection, ServerInfo), Away> {
        let attempt = tokio::time::timeout(PROBE_TIMEOUT, self.probe());
        let (connection, info) = attempt.await.map_err(|_| Away(None))?.map_err(|error| Away(Some(error)))?;
        if !info.is_master {
            return Err(Away(None));
        }
        let connection = Connection {
            server: Arc::clone(self),
            run: info.run,
            connection,
            failures: AtomicU32::new(0),
            lease_until_ms: AtomicU64::new(FOR_EVER),
        };
        Ok((connection, info))
    }

    async fn probe(&self) -> Result<(MultiplexedConnection, ServerInfo), RedisError> {
        let mut connection = self.open().await?;
        let mut patient = connection.clone();
        patient.set_response_timeout(PROBE_TIMEOUT);
        let _: String = ServerInfo::command().query_async(&mut patient).await?;
        // Once more, in the time of a call: a server that is slower would be given up again at once, at the cost of
        // whoever waits for it then.
        let info: String = ServerInfo::command().query_async(&mut connection).await?;
        Ok((connection, ServerInfo::read(&info)))
    }

    async fn open(&self) -> Result<MultiplexedConnection, RedisError> {
        self.client.get_multiplexed_async_connection_with_config(&self.settings).await
    }
}

impl Connection {
    /// Sends one command; an error in the answer is an error.
    pub(super) async fn send(&self, command: &Cmd) -> Result<Value, RedisError> {
        let mut connection = self.connection.clone();
        let value = connection.send_packed_command(command).await.and_then(Value::extract_error)?;
        if self.failures.load(Ordering::Relaxed) != 0 {
            self.failures.store(0, Ordering::Relaxed);
        }
        Ok(value)
    }

    /// The same connection, for questions that have more time than calls.
    pub(super) fn patient(&self) -> MultiplexedConnection {
        let mut connection = self.connection.clone();
        connection.set_response_timeout(PROBE_TIMEOUT);
        connection
    }

    /// Notes a failed call, and says what is to become of the connection.
    pub(super) fn note_failure(&self, error: &RedisError) -> Failure {
        if let ErrorKind::Server(kind) = error.kind() {
            match kind {
                ServerErrorKind::NoScript => return Failure::Transient,
                ServerErrorKind::Moved
                | ServerErrorKind::Ask
                | ServerErrorKind::TryAgain
                | ServerErrorKind::ClusterDown => return Failure::WrongServer,
                // A master no longer.
                ServerErrorKind::ReadOnly | ServerErrorKind::MasterDown => return Failure::Fatal,
                _ => {}
            }
        }
        // One that is late is given up, too: whoever comes next is told at once, instead of waiting as long.
        let is_dead = error.is_io_error() || error.is_timeout() || error.is_unrecoverable_error();
        let failures = self.failures.fetch_add(1, Ordering::Relaxed) + 1;
        if is_dead || failures >= FAILURES_MAX { Failure::Fatal } else { Failure::Transient }
    }

    /// From now on the connection counts only as long as its server is confirmed again and again. `since_ms` is when the
    /// question was asked.
    pub(super) fn renew_lease(&self, since_ms: u64) {
        self.lease_until_ms.store(since_ms + LEASE_MS, Ordering::Relaxed);
    }

    /// Whether nobody has confirmed lately that its server is the master.
    pub(super) fn is_expired(&self) -> bool {
        let until_ms = self.lease_until_ms.load(Ordering::Relaxed);
        until_ms != FOR_EVER && now_ms() > until_ms
    }

    /// Whether the server is still the master that it was, in the same run; `None` when it does not answer.
    pub(super) async fn is_same(&self) -> Option<bool> {
        let info: String = ServerInfo::command().query_async(&mut self.patient()).await.ok()?;
        Some(self.agrees_with(&ServerInfo::read(&info)))
    }

    pub(super) fn agrees_with(&self, info: &ServerInfo) -> bool {
        info.is_master && info.run == self.run
    }
}

impl ServerInfo {
    pub(super) fn command() -> Cmd {
        let mut command = redis::cmd("INFO");
        command.arg("server").arg("replication").arg("memory");
        command
    }

    pub(super) fn read(info: &str) -> Self {
        let field = |name: &str| {
            info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim).unwrap_or_default()
        };
        // The process and its line of replication: a server that is restarted, restored or replaced has another of the
        // first, and one that was demoted and promoted again, having lost what it was not told, another of the second.
        let mut hasher = DefaultHasher::new();
        (field("run_id"), field("master_replid")).hash(&mut hasher);
        let policy = field("maxmemory_policy");
        let eviction = (!policy.is_empty() && policy != "noeviction").then(|| policy.to_owned());
        Self { run: hasher.finish(), is_master: field("role") == "master", eviction }
    }
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
        let info = |run: &str, line: &str| {
            let info = format!("# Server\r\nrun_id:{run}\r\nuptime:3\r\nrole:master\r\nmaster_replid:{line}\r\n");
            ServerInfo::read(&info)
        };
        assert_eq!(info("a", "x"), info("a", "x"));
        assert_ne!(info("a", "x").run, info("b", "x").run, "restarted");
        assert_ne!(info("a", "x").run, info("a", "y").run, "demoted and promoted again");
    }

    #[test]
    fn a_server_that_evicts_is_known_by_its_policy() {
        assert_eq!(ServerInfo::read("maxmemory_policy:noeviction\r\n").eviction, None);
        assert_eq!(ServerInfo::read("maxmemory_policy:allkeys-lru\r\n").eviction.as_deref(), Some("allkeys-lru"));
        assert!(!ServerInfo::read("role:slave\r\n").is_master);
    }
}
