//! The master that most of the sentinels name: found, held, and left when they name another.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, ConnectionInfo, RedisError};

use super::link::Link;
use super::server::{Connection, Server, now_ms};
use super::slots::SlotTable;
use super::topology::{Address, Login};

/// How long a sentinel may take to connect, and to answer.
const SENTINEL_TIMEOUT: Duration = Duration::from_millis(300);

/// The sentinels of one master.
pub(super) struct Sentinels {
    sentinels: Vec<Sentinel>,
    master: String,
    login: Login,
    timeout_ms: u64,
}

struct Sentinel {
    server: ConnectionInfo,
    connection: Option<MultiplexedConnection>,
}

impl Sentinels {
    pub(super) fn new(sentinels: Vec<ConnectionInfo>, master: String, login: Login, timeout_ms: u64) -> Self {
        let sentinels = sentinels.into_iter().map(|server| Sentinel { server, connection: None }).collect();
        Self { sentinels, master, login, timeout_ms }
    }

    /// Sees to it that the connection is to the master that most sentinels name, and says whether it is. When they cannot
    /// be asked, its lease ends: a master that nobody confirms may be none.
    pub(super) async fn refresh(&mut self, link: &Link) -> bool {
        let since_ms = now_ms();
        let Some(master) = self.find_master(link).await else { return false };
        if let [current] = link.table().connections() {
            let is_named = current.server.address == master;
            if is_named && confirm(link, current, since_ms).await {
                return true;
            }
            if is_named && !current.is_expired() && link.has(current) {
                return false;
            }
            link.drop_connection(current);
        }
        let Ok(server) = Server::new(self.login.at(&master), self.timeout_ms) else { return false };
        let Some(connection) = link.connect(&server).await else { return false };
        connection.renew_lease(since_ms);
        link.replace(SlotTable::single(connection));
        true
    }

    /// The address that more than half of the sentinels name.
    async fn find_master(&mut self, link: &Link) -> Option<Address> {
        let needed = self.sentinels.len() / 2 + 1;
        let master = self.master.as_str();
        let named = join_all(self.sentinels.iter_mut().map(|sentinel| sentinel.find_master(link, master))).await;
        let named: Vec<Address> = named.into_iter().flatten().collect();
        named.iter().find(|one| named.iter().filter(|other| other == one).count() >= needed).cloned()
    }
}

impl Sentinel {
    async fn find_master(&mut self, link: &Link, master: &str) -> Option<Address> {
        let asked = tokio::time::timeout(SENTINEL_TIMEOUT, self.ask(master)).await;
        if let Ok(Err(error)) = &asked {
            link.log_refusal(&Address::of(self.server.addr()), error);
        }
        let answered = asked.ok().and_then(Result::ok);
        if answered.is_none() {
            self.connection = None;
        }
        let (host, port) = answered.flatten()?;
        Some(Address { host, port })
    }

    async fn ask(&mut self, master: &str) -> Result<Option<(String, u16)>, RedisError> {
        let connection = match &mut self.connection {
            Some(connection) => connection,
            empty => {
                let patience = AsyncConnectionConfig::new()
                    .set_connection_timeout(Some(SENTINEL_TIMEOUT))
                    .set_response_timeout(Some(SENTINEL_TIMEOUT));
                let client = Client::open(self.server.clone())?;
                empty.insert(client.get_multiplexed_async_connection_with_config(&patience).await?)
            }
        };
        let mut question = redis::cmd("SENTINEL");
        question.arg("GET-MASTER-ADDR-BY-NAME").arg(master);
        question.query_async(connection).await
    }
}

/// Whether the server of a connection, which others call the master, still says so itself.
async fn confirm(link: &Link, connection: &Arc<Connection>, since_ms: u64) -> bool {
    match connection.is_same().await {
        Some(true) => connection.renew_lease(since_ms),
        Some(false) => link.drop_connection(connection),
        None => return false,
    }
    !connection.is_expired() && link.has(connection)
}
