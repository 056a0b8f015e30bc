//! The masters of a cluster: one connection to each, and who has which slot.

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::future::join_all;
use redis::aio::MultiplexedConnection;
use redis::{Client, Value, from_redis_value};

use super::link::Link;
use super::server::{Connection, PROBE_TIMEOUT, Server, ServerInfo, now_ms};
use super::slots::{Ranges, SlotTable};
use super::topology::{Address, Login};

/// The servers of a cluster.
pub(super) struct Cluster {
    seeds: Vec<Address>,
    login: Login,
    timeout_ms: u64,
    /// Where the cluster was last seen.
    known: Vec<Address>,
}

/// The cluster as one of its servers sees it.
#[derive(Debug, Default)]
struct View {
    /// Grows with every failover and every slot that changes hands.
    epoch: u64,
    masters: HashMap<Address, Ranges>,
    replicas: Vec<Address>,
}

/// What a server says of itself, and of the cluster, if it is in contact with most of it.
struct Report {
    info: ServerInfo,
    view: Option<View>,
}

impl Cluster {
    pub(super) fn new(seeds: Vec<Address>, login: Login, timeout_ms: u64) -> Self {
        Self { seeds, login, timeout_ms, known: Vec::new() }
    }

    /// Asks the masters what they are and who has which slot; says whether there is a connection to every master. The lease
    /// of a master ends that does not say that it is one, in contact with most of the cluster.
    pub(super) async fn refresh(&mut self, link: &Link) -> bool {
        let since_ms = now_ms();
        let table = link.table();
        let ask = async |connection: &Arc<Connection>| {
            ask_server(link, connection.patient(), &connection.server.address).await
        };
        let reports = join_all(table.connections().iter().map(ask)).await;
        let mut newest: Option<View> = None;
        let mut kept: HashMap<Address, Arc<Connection>> = HashMap::new();
        for (connection, report) in table.connections().iter().zip(reports) {
            let is_same = report.as_ref().map(|report| connection.agrees_with(&report.info));
            let view = report.and_then(|report| report.view);
            if is_same == Some(true) && view.is_some() {
                connection.renew_lease(since_ms);
            }
            // One that is only late stays until its lease ends; one with another run is worth nothing; what was lost
            // meanwhile is not brought back.
            if is_same != Some(false) && !connection.is_expired() && link.has(connection) {
                kept.insert(connection.server.address.clone(), Arc::clone(connection));
            }
            newest = later(newest, view);
        }
        if newest.is_none() {
            newest = self.ask_around(link).await;
        }
        let Some(view) = newest else { return false };
        self.follow(link, view, kept, since_ms).await
    }

    /// Connects to the masters of a view that there is no connection to yet.
    async fn follow(
        &mut self,
        link: &Link,
        view: View,
        mut kept: HashMap<Address, Arc<Connection>>,
        since_ms: u64,
    ) -> bool {
        self.known = view.masters.keys().chain(&view.replicas).cloned().collect();
        let masters = view.masters.into_iter().map(|(address, ranges)| (kept.remove(&address), address, ranges));
        let connections = join_all(masters.map(async |(kept, address, ranges)| {
            if let Some(connection) = kept {
                return Some((connection, ranges));
            }
            let server = Server::new(self.login.at(&address), self.timeout_ms).ok()?;
            let connection = link.connect(&server).await?;
            connection.renew_lease(since_ms);
            Some((connection, ranges))
        }))
        .await;
        let is_whole = connections.iter().all(Option::is_some);
        link.replace(SlotTable::cluster(connections.into_iter().flatten().collect()));
        is_whole
    }

    /// Asks every server that was ever named, when no master answers that there is a connection to.
    async fn ask_around(&self, link: &Link) -> Option<View> {
        let seeds = self.seeds.iter().filter(|seed| !self.known.contains(seed));
        let views = join_all(self.known.iter().chain(seeds).map(async |address| {
            let ask = async {
                let client = Client::open(self.login.at(address)).ok()?;
                let connection = client.get_multiplexed_async_connection().await;
                let connection = connection.inspect_err(|error| link.log_refusal(address, error)).ok()?;
                ask_server(link, connection, address).await?.view
            };
            tokio::time::timeout(PROBE_TIMEOUT, ask).await.ok().flatten()
        }))
        .await;
        views.into_iter().fold(None, later)
    }
}

/// The view of the later epoch.
fn later(one: Option<View>, other: Option<View>) -> Option<View> {
    match (one, other) {
        (Some(one), Some(other)) => Some(if other.epoch > one.epoch { other } else { one }),
        (one, other) => one.or(other),
    }
}

async fn ask_server(link: &Link, mut connection: MultiplexedConnection, asked: &Address) -> Option<Report> {
    let mut questions = redis::pipe();
    questions.add_command(ServerInfo::command());
    questions.cmd("CLUSTER").arg("INFO").cmd("CLUSTER").arg("SLOTS");
    let answered = questions.query_async(&mut connection).await;
    let answered = answered.inspect_err(|error| link.log_refusal(asked, error)).ok()?;
    let (info, state, slots): (String, String, Vec<Value>) = answered;
    let field = |name: &str| state.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    let is_in_contact = field("cluster_state:") == Some("ok");
    let epoch = field("cluster_current_epoch:").and_then(|epoch| epoch.parse().ok()).unwrap_or(0);
    let view = is_in_contact.then(|| View::read(epoch, slots, asked));
    Some(Report { info: ServerInfo::read(&info), view })
}

impl View {
    fn read(epoch: u64, ranges: Vec<Value>, asked: &Address) -> Self {
        let mut view = Self { epoch, ..Self::default() };
        for range in ranges {
            let Ok(parts) = from_redis_value::<Vec<Value>>(range) else { continue };
            let mut parts = parts.into_iter();
            let (Some(first), Some(last)) = (parts.next().and_then(number), parts.next().and_then(number)) else {
                continue;
            };
            let mut servers = parts.filter_map(|server| read_address(server, asked));
            if let Some(master) = servers.next() {
                view.masters.entry(master).or_default().push((first, last));
            }
            view.replicas.extend(servers);
        }
        view
    }
}

fn number(value: Value) -> Option<u16> {
    from_redis_value(value).ok()
}

/// Host, port and more that is not needed; a server that does not know its own host leaves it out.
fn read_address(value: Value, asked: &Address) -> Option<Address> {
    let mut parts = from_redis_value::<Vec<Value>>(value).ok()?.into_iter();
    let host: Option<String> = from_redis_value(parts.next()?).ok()?;
    let host = host.filter(|host| !host.is_empty() && host != "?").unwrap_or_else(|| asked.host.clone());
    Some(Address { host, port: number(parts.next()?)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_without_a_name_is_the_one_that_was_asked() {
        let asked = Address { host: "here".to_owned(), port: 1 };
        let server = |host: Value, port| Value::Array(vec![host, Value::Int(port), Value::SimpleString("id".into())]);
        let range = |first, last, server| Value::Array(vec![Value::Int(first), Value::Int(last), server]);
        let ranges = vec![
            range(0, 9, server(Value::Nil, 7)),
            range(10, 16_383, server(Value::BulkString(b"there".to_vec()), 8)),
        ];
        let view = View::read(3, ranges, &asked);
        let here = Address { host: "here".to_owned(), port: 7 };
        let there = Address { host: "there".to_owned(), port: 8 };
        assert_eq!(view.masters, HashMap::from([(here, vec![(0, 9)]), (there, vec![(10, 16_383)])]));
    }
}
