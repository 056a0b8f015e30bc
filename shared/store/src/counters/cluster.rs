//! The masters of a cluster: one session with each, and a map of who has which slot.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use futures_util::future::join_all;
use redis::aio::MultiplexedConnection;
use redis::{Value, from_redis_value};

use super::link::{ASK_EVERY, Away, Link, retry_pause};
use super::session::{Facts, Node, PROBE_TIMEOUT, Session, facts_command, now_ms};
use super::slots::{Map, Ranges, SLOTS};
use super::topology::{Address, Login};

/// The servers of a cluster.
pub(super) struct Nodes {
    seeds: Vec<Address>,
    login: Login,
    timeout_ms: u64,
    nodes: HashMap<Address, Arc<Node>>,
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

/// What a server said: of itself, and of the cluster, if it is in contact with most of it.
struct Told {
    facts: Facts,
    view: Option<View>,
}

/// Until nobody holds the link: asks the masters again and again what they are and who has which slot. A master that does
/// not say that it is one, in contact with most of the cluster, lapses.
pub(super) async fn keep_connected(link: Weak<Link>, mut nodes: Nodes) {
    while let Some(link) = link.upgrade() {
        let is_whole = nodes.tend(&link).await;
        if is_whole {
            link.wait(ASK_EVERY).await;
        }
        drop(link);
        // After a loss, too: a slot that moves under load is told by many at once.
        tokio::time::sleep(if is_whole { retry_pause() / 10 } else { retry_pause() }).await;
    }
}

impl Nodes {
    pub(super) fn new(seeds: Vec<Address>, login: Login, timeout_ms: u64) -> Self {
        Self { seeds, login, timeout_ms, nodes: HashMap::new(), known: Vec::new() }
    }

    /// Whether there is a session with every master.
    async fn tend(&mut self, link: &Link) -> bool {
        let since_ms = now_ms();
        let map = link.map();
        let ask = async |session: &Arc<Session>| read(link, session.probe(), &session.node.address).await;
        let told = join_all(map.sessions().iter().map(ask)).await;
        // What was lost meanwhile is not brought back.
        let present = link.map();
        let mut newest: Option<View> = None;
        let mut kept: HashMap<Address, Arc<Session>> = HashMap::new();
        for (session, told) in map.sessions().iter().zip(told) {
            let is_same = told.as_ref().map(|told| session.agrees_with(&told.facts));
            let view = told.and_then(|told| told.view);
            if is_same == Some(true) && view.is_some() {
                session.vouch(since_ms);
            }
            // A session that is only late stays until it lapses; one with another run is worth nothing.
            if is_same != Some(false) && !session.is_lapsed() && present.has(session) {
                kept.insert(session.node.address.clone(), Arc::clone(session));
            }
            newest = later(newest, view);
        }
        if newest.is_none() {
            newest = self.ask_around(link).await;
        }
        let Some(view) = newest else { return false };
        self.settle(link, view, kept, since_ms).await
    }

    async fn settle(&mut self, link: &Link, view: View, kept: HashMap<Address, Arc<Session>>, since_ms: u64) -> bool {
        self.known = view.masters.keys().chain(&view.replicas).cloned().collect();
        self.nodes.retain(|address, _| view.masters.contains_key(address));
        let masters: Vec<(Address, Ranges)> = view.masters.into_iter().collect();
        for (address, _) in &masters {
            if !self.nodes.contains_key(address)
                && let Ok(node) = Node::open(self.login.at(address), self.timeout_ms)
            {
                self.nodes.insert(address.clone(), node);
            }
        }
        let sessions = join_all(masters.iter().map(async |(address, _)| {
            if let Some(session) = kept.get(address) {
                return Some(Arc::clone(session));
            }
            let node = self.nodes.get(address)?;
            let connected = node.connect(SLOTS).await;
            let (session, facts) =
                connected.map_err(|Away(refusal)| refusal.map(|it| link.complain(address, &it))).ok()?;
            session.vouch(since_ms);
            link.check(node, &facts);
            Some(Arc::new(session))
        }))
        .await;
        let is_whole = sessions.iter().all(Option::is_some);
        let owned = sessions.into_iter().zip(masters);
        let owned = owned.filter_map(|(session, (_, ranges))| Some((session?, ranges))).collect();
        link.hold_all(Map::new(owned));
        is_whole
    }

    /// Asks every server that was ever named, when no master answers that we have a session with.
    async fn ask_around(&self, link: &Link) -> Option<View> {
        let mut places: Vec<&Address> = self.known.iter().collect();
        places.extend(self.seeds.iter().filter(|seed| !self.known.contains(seed)));
        let views = join_all(places.into_iter().map(async |address| {
            let ask = async {
                let client = redis::Client::open(self.login.at(address)).ok()?;
                let connection = client.get_multiplexed_async_connection().await;
                let connection = connection.inspect_err(|error| link.complain(address, error)).ok()?;
                read(link, connection, address).await?.view
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

async fn read(link: &Link, mut connection: MultiplexedConnection, asked: &Address) -> Option<Told> {
    let mut questions = redis::pipe();
    questions.add_command(facts_command());
    questions.cmd("CLUSTER").arg("INFO").cmd("CLUSTER").arg("SLOTS");
    let answered = questions.query_async(&mut connection).await;
    let answered = answered.inspect_err(|error| link.complain(asked, error)).ok()?;
    let (info, state, slots): (String, String, Vec<Value>) = answered;
    let field = |name: &str| state.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    let is_in_contact = field("cluster_state:") == Some("ok");
    let epoch = field("cluster_current_epoch:").and_then(|epoch| epoch.parse().ok()).unwrap_or(0);
    let view = is_in_contact.then(|| View::read(epoch, slots, asked));
    Some(Told { facts: Facts::read(&info), view })
}

impl View {
    fn read(epoch: u64, ranges: Vec<Value>, asked: &Address) -> Self {
        let mut view = Self { epoch, ..Self::default() };
        for range in ranges {
            let Ok(parts) = from_redis_value::<Vec<Value>>(range) else { continue };
            let mut parts = parts.into_iter();
            let (Some(first), Some(last)) = (parts.next().and_then(slot), parts.next().and_then(slot)) else {
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

fn slot(value: Value) -> Option<u16> {
    from_redis_value(value).ok()
}

/// Host, port and more that is not needed; a server that does not know its own host leaves it out.
fn read_address(value: Value, asked: &Address) -> Option<Address> {
    let mut parts = from_redis_value::<Vec<Value>>(value).ok()?.into_iter();
    let host: Option<String> = from_redis_value(parts.next()?).ok()?;
    let host = host.filter(|host| !host.is_empty() && host != "?").unwrap_or_else(|| asked.host.clone());
    Some(Address { host, port: slot(parts.next()?)? })
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
