//! The sessions that every call shares: one, or in a cluster one per master; how they are lost, and found again in the
//! background.
//!
//! Calls are never redirected behind our back: an answer always comes with the run that gave it, because an entry that
//! was confirmed by another run is worth nothing.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption};
use deadpool_redis::Connection;
use domain::ids::OrganizationId;
use rand::RngExt;
use redis::aio::MultiplexedConnection;
use redis::{Cmd, RedisError, Value};
use tokio::sync::Notify;

use super::cluster::{self, Nodes};
use super::config::RedisConfig;
use super::sentinel::{self, Sentinels};
use super::session::{Facts, Failure, Node, Session};
use super::slots::{Map, Slot};
use super::topology::{Address, Topology};

/// How long to wait, on average, between two attempts to come back.
const PROBE_EVERY: Duration = Duration::from_millis(200);
/// How often whoever knows the masters is asked for them, at least.
pub(super) const ASK_EVERY: Duration = Duration::from_millis(500);

/// Redis did not answer, or not with what was asked.
#[derive(Debug, thiserror::Error)]
#[error("Redis is away")]
pub struct Away(#[source] pub(super) Option<RedisError>);

/// The runs of Redis that are reached at one instant.
pub struct Runs(Held);

enum Held {
    One(Option<Arc<Session>>),
    BySlot(Arc<Map>),
}

/// Holds sessions while there are any, and seeks what is missing.
pub(super) struct Link {
    sessions: Sessions,
    lost: Notify,
    has_warned: AtomicBool,
    has_complained: AtomicBool,
}

enum Sessions {
    One(ArcSwapOption<Session>),
    BySlot(ArcSwap<Map>),
}

impl Link {
    /// Starts to connect, in the background.
    pub(super) fn open(config: &RedisConfig) -> Arc<Self> {
        let told = |error: &dyn std::fmt::Display| tracing::error!(%error, "the URL of Redis cannot be used");
        match config.topology() {
            Ok(Topology::Single(server)) => {
                let link = Self::new(Sessions::One(ArcSwapOption::empty()));
                match Node::open(*server, config.timeout_ms) {
                    Ok(node) => drop(tokio::spawn(keep_connected(Arc::downgrade(&link), node))),
                    Err(error) => told(&error),
                }
                link
            }
            Ok(Topology::Sentinel { sentinels, master, login }) => {
                let link = Self::new(Sessions::One(ArcSwapOption::empty()));
                let sentinels = Sentinels::new(sentinels, master, login, config.timeout_ms);
                tokio::spawn(sentinel::keep_connected(Arc::downgrade(&link), sentinels));
                link
            }
            Ok(Topology::Cluster { seeds, login }) => {
                let link = Self::new(Sessions::BySlot(ArcSwap::from_pointee(Map::default())));
                tokio::spawn(cluster::keep_connected(
                    Arc::downgrade(&link),
                    Nodes::new(seeds, login, config.timeout_ms),
                ));
                link
            }
            Err(fault) => {
                told(&fault);
                Self::new(Sessions::One(ArcSwapOption::empty()))
            }
        }
    }

    fn new(sessions: Sessions) -> Arc<Self> {
        Arc::new(Self {
            sessions,
            lost: Notify::new(),
            has_warned: AtomicBool::new(false),
            has_complained: AtomicBool::new(false),
        })
    }

    /// Where the keys of an organization are. Calls for several slots never share a command; with one server there is
    /// one slot.
    pub(super) fn slot_of(&self, organization: OrganizationId) -> Slot {
        match &self.sessions {
            Sessions::One(_) => Slot::ONLY,
            Sessions::BySlot(_) => Slot::of_organization(organization),
        }
    }

    /// Where a key without an organization is.
    pub(super) fn slot_of_key(&self, key: &str) -> Slot {
        match &self.sessions {
            Sessions::One(_) => Slot::ONLY,
            Sessions::BySlot(_) => Slot::of_key(key),
        }
    }

    /// The session that answers for a slot now.
    pub(super) fn session(&self, slot: Slot) -> Result<Arc<Session>, Away> {
        let session = match &self.sessions {
            Sessions::One(held) => held.load_full(),
            Sessions::BySlot(map) => map.load().session(slot).cloned(),
        };
        session.filter(|session| !session.is_lapsed()).ok_or(Away(None))
    }

    /// The run that answers for a slot now.
    pub(super) fn run(&self, slot: Slot) -> Option<u64> {
        let run = |session: &Arc<Session>| (!session.is_lapsed()).then_some(session.run);
        match &self.sessions {
            Sessions::One(held) => held.load().as_ref().and_then(run),
            Sessions::BySlot(map) => map.load().session(slot).and_then(run),
        }
    }

    pub(super) fn runs(&self) -> Runs {
        Runs(match &self.sessions {
            Sessions::One(held) => Held::One(held.load_full()),
            Sessions::BySlot(map) => Held::BySlot(map.load_full()),
        })
    }

    /// Sends one command to the server of a slot, or to the one that has the slot by then; every key in the command has
    /// to be of that slot.
    pub(super) async fn call(&self, slot: Slot, command: &Cmd) -> Result<Value, Away> {
        let session = self.session(slot)?;
        let refusal = match self.send(&session, command).await {
            Ok(value) => return Ok(value),
            Err(refusal) => refusal,
        };
        let Some(owner) = self.redirected(slot, &session, &refusal) else { return Err(refusal) };
        self.send(&owner, command).await
    }

    /// Sends one command on a session that was looked up before.
    pub(super) async fn send(&self, session: &Arc<Session>, command: &Cmd) -> Result<Value, Away> {
        let answered = session.send(command).await;
        if let Err(error) = &answered {
            match session.judge(error) {
                Failure::Passing => {}
                Failure::Fatal => self.lose(session),
                Failure::Elsewhere => self.lost.notify_one(),
            }
        }
        answered.map_err(|error| Away(Some(error)))
    }

    /// A connection of its own to the server of a slot, for calls that wait; and the run of that server.
    pub(super) async fn own_connection(
        &self,
        slot: Slot,
        response_timeout: Duration,
    ) -> Result<(Connection, MultiplexedConnection, u64), Away> {
        let session = self.session(slot)?;
        let (pooled, connection) = session.node.own_connection(response_timeout).await?;
        Ok((pooled, connection, session.run))
    }

    /// The session with the server that a refusal names, which has the slot from now on.
    pub(super) fn redirected(&self, slot: Slot, from: &Arc<Session>, refusal: &Away) -> Option<Arc<Session>> {
        let (Sessions::BySlot(map), Away(Some(error))) = (&self.sessions, refusal) else { return None };
        let moved = matches!(error.kind(), redis::ErrorKind::Server(redis::ServerErrorKind::Moved));
        let (host, port) = error.redirect_node().filter(|_| moved)?;
        // Without a host it is the one that was asked.
        let host = if host.is_empty() { from.node.address.host.as_str() } else { host };
        let address = Address { host: host.to_owned(), port };
        map.rcu(|map| map.with_owner(slot, &address));
        map.load().session(slot).filter(|owner| owner.node.address == address && !owner.is_lapsed()).cloned()
    }

    /// Gives a session up. Whoever seeks another is told at once.
    pub(super) fn lose(&self, session: &Arc<Session>) {
        // Many calls may tell of the same loss.
        if !self.is_held(session) {
            return;
        }
        match &self.sessions {
            Sessions::One(held) => held.store(None),
            Sessions::BySlot(map) => drop(map.rcu(|map| map.without(session))),
        }
        self.lost.notify_one();
    }

    /// Whether a session that was looked up before has not been given up since.
    pub(super) fn is_held(&self, session: &Arc<Session>) -> bool {
        match &self.sessions {
            Sessions::One(held) => held.load().as_ref().is_some_and(|held| Arc::ptr_eq(held, session)),
            Sessions::BySlot(map) => map.load().has(session),
        }
    }

    /// The one session, lapsed or not.
    pub(super) fn held(&self) -> Option<Arc<Session>> {
        match &self.sessions {
            Sessions::One(held) => held.load_full(),
            Sessions::BySlot(_) => None,
        }
    }

    /// Has this session from now on.
    pub(super) fn hold(&self, session: Arc<Session>) {
        if let Sessions::One(held) = &self.sessions {
            held.store(Some(session));
        }
    }

    /// Which session has which slot.
    pub(super) fn map(&self) -> Arc<Map> {
        match &self.sessions {
            Sessions::One(_) => Arc::default(),
            Sessions::BySlot(map) => map.load_full(),
        }
    }

    /// Has these sessions from now on.
    pub(super) fn hold_all(&self, sessions: Map) {
        if let Sessions::BySlot(map) = &self.sessions {
            map.store(Arc::new(sessions));
        }
    }

    /// Says once that a server may drop what we count.
    pub(super) fn check(&self, node: &Node, facts: &Facts) {
        if let Some(policy) = &facts.evicts
            && !self.has_warned.swap(true, Ordering::Relaxed)
        {
            tracing::warn!(
                server = %node.address,
                %policy,
                "Redis may evict what it counts, and a limit then starts anew: set maxmemory-policy noeviction"
            );
        }
    }

    /// Says once why a server that answers is of no use: a wrong password, or a user that may do too little.
    pub(super) fn complain(&self, address: &Address, error: &RedisError) {
        if !error.is_io_error() && !self.has_complained.swap(true, Ordering::Relaxed) {
            tracing::error!(server = %address, %error, "Redis refuses what has to be asked of it");
        }
    }

    /// Waits until a session is lost or somebody else has a slot, but not for longer than `most`.
    pub(super) async fn wait(&self, most: Duration) {
        let _ = tokio::time::timeout(most, self.lost.notified()).await;
    }
}

impl Runs {
    /// The run that answers for an organization.
    pub fn of(&self, organization: OrganizationId) -> Option<u64> {
        let session = match &self.0 {
            Held::One(session) => session.as_ref(),
            Held::BySlot(map) => map.session(Slot::of_organization(organization)),
        };
        session.filter(|session| !session.is_lapsed()).map(|session| session.run)
    }
}

/// Until nobody holds the link: connects to one server, waits until the connection is lost, and connects again.
async fn keep_connected(link: Weak<Link>, node: Arc<Node>) {
    while let Some(link) = link.upgrade() {
        if link.held().is_none() {
            match node.connect(1).await {
                Ok((session, facts)) => {
                    link.check(&node, &facts);
                    link.hold(Arc::new(session));
                }
                Err(Away(refusal)) => {
                    if let Some(error) = refusal {
                        link.complain(&node.address, &error);
                    }
                    drop(link);
                    tokio::time::sleep(retry_pause()).await;
                    continue;
                }
            }
        }
        // Not for ever: the link itself may be given up meanwhile.
        link.wait(Duration::from_secs(1)).await;
    }
}

/// Between half and one and a half of what is usual, so that replicas do not come back in step.
pub(super) fn retry_pause() -> Duration {
    PROBE_EVERY.mul_f64(rand::rng().random_range(0.5..1.5))
}
