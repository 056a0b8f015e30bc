//! The master that most of the sentinels name: found, held, and left when they name another.

use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_util::future::join_all;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, ConnectionInfo};

use super::link::{ASK_EVERY, Away, Link, retry_pause};
use super::session::{Node, Session, now_ms};
use super::topology::{Address, Login};

/// How long a sentinel may take to connect, and to answer.
const SENTINEL_TIMEOUT: Duration = Duration::from_millis(300);

/// The sentinels of one master.
pub(super) struct Sentinels {
    sentinels: Vec<Sentinel>,
    master: String,
    login: Login,
    timeout_ms: u64,
    node: Option<Arc<Node>>,
}

struct Sentinel {
    server: ConnectionInfo,
    connection: Option<MultiplexedConnection>,
}

/// Until nobody holds the link: asks the sentinels again and again, and sees to it that the session is with the master
/// that most of them name. When they cannot be asked, the session lapses: a master that nobody confirms may be none.
pub(super) async fn keep_connected(link: Weak<Link>, mut sentinels: Sentinels) {
    while let Some(link) = link.upgrade() {
        if sentinels.tend(&link).await {
            link.wait(ASK_EVERY).await;
        } else {
            drop(link);
            tokio::time::sleep(retry_pause()).await;
        }
    }
}

impl Sentinels {
    pub(super) fn new(sentinels: Vec<ConnectionInfo>, master: String, login: Login, timeout_ms: u64) -> Self {
        let sentinels = sentinels.into_iter().map(|server| Sentinel { server, connection: None }).collect();
        Self { sentinels, master, login, timeout_ms, node: None }
    }

    /// Whether the session is with the master that is named now.
    async fn tend(&mut self, link: &Link) -> bool {
        let since_ms = now_ms();
        let Some(master) = self.find_master(link).await else { return false };
        if let Some(held) = link.held() {
            if held.node.address == master && keep(link, &held, since_ms).await {
                return true;
            }
            if held.node.address == master && !held.is_lapsed() {
                return false;
            }
            link.lose(&held);
        }
        self.connect(link, master, since_ms).await
    }

    async fn connect(&mut self, link: &Link, master: Address, since_ms: u64) -> bool {
        let known = self.node.take().filter(|node| node.address == master);
        let node = match known {
            Some(node) => Ok(node),
            None => Node::open(self.login.at(&master), self.timeout_ms),
        };
        let Ok(node) = node else { return false };
        self.node = Some(Arc::clone(&node));
        let (session, facts) = match node.connect(1).await {
            Ok(connected) => connected,
            Err(Away(refusal)) => {
                if let Some(error) = refusal {
                    link.complain(&node.address, &error);
                }
                return false;
            }
        };
        session.vouch(since_ms);
        link.check(&node, &facts);
        link.hold(Arc::new(session));
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
            link.complain(&Address::of(self.server.addr()), error);
        }
        let answered = asked.ok().and_then(Result::ok);
        if answered.is_none() {
            self.connection = None;
        }
        let (host, port) = answered.flatten()?;
        Some(Address { host, port })
    }

    async fn ask(&mut self, master: &str) -> Result<Option<(String, u16)>, redis::RedisError> {
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

/// Whether the server of a session, which others call the master, still says so itself.
async fn keep(link: &Link, session: &Arc<Session>, since_ms: u64) -> bool {
    match session.is_same().await {
        Some(true) => session.vouch(since_ms),
        Some(false) => link.lose(session),
        None => return false,
    }
    !session.is_lapsed() && link.held().is_some_and(|held| Arc::ptr_eq(&held, session))
}
