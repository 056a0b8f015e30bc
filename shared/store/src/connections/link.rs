//! The connections that every call shares, which of them has which key, and how one is lost.
//!
//! Calls are never redirected behind our back: an answer always comes with the run that gave it, because an entry that
//! was confirmed by another run is worth nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use domain::ids::OrganizationId;
use redis::aio::MultiplexedConnection;
use redis::{Cmd, ErrorKind, RedisError, ServerErrorKind, Value};
use tokio::sync::Notify;

use super::script::Script;
use super::server::{Away, Connection, Failure, Server, ServerInfo};
use super::slots::{Slot, SlotTable};
use super::topology::Address;

/// The runs of Redis that are reached at one instant.
pub struct Runs(Arc<SlotTable>);

/// Holds the connections that there are; whoever seeks others is told when one is lost.
pub(crate) struct Link {
    table: ArcSwap<SlotTable>,
    lost: Notify,
    has_warned: AtomicBool,
    has_logged_refusal: AtomicBool,
}

impl Link {
    /// A link to nobody yet, with so many slots.
    pub(super) fn new(slots: usize) -> Arc<Self> {
        Arc::new(Self {
            table: ArcSwap::from_pointee(SlotTable::empty(slots)),
            lost: Notify::new(),
            has_warned: AtomicBool::new(false),
            has_logged_refusal: AtomicBool::new(false),
        })
    }

    pub(super) fn table(&self) -> Arc<SlotTable> {
        self.table.load_full()
    }

    /// How many slots there are.
    pub(crate) fn slots(&self) -> usize {
        self.table.load().slots()
    }

    pub(crate) fn runs(&self) -> Runs {
        Runs(self.table())
    }

    pub(crate) fn slot_of(&self, organization: OrganizationId) -> Slot {
        self.table.load().slot_of(organization)
    }

    pub(crate) fn slot_of_key(&self, key: &str) -> Slot {
        self.table.load().slot_of_key(key)
    }

    /// The connection that answers for a slot now.
    pub(crate) fn connection(&self, slot: Slot) -> Result<Arc<Connection>, Away> {
        self.table.load().connection(slot).cloned().ok_or(Away(None))
    }

    /// The run that answers for a slot now.
    pub(crate) fn run(&self, slot: Slot) -> Option<u64> {
        self.table.load().connection(slot).map(|connection| connection.run)
    }

    /// A connection of its own to the server of a slot, for calls that wait; and the run of that server.
    pub(crate) async fn dedicated(
        &self,
        slot: Slot,
        response_timeout: Duration,
    ) -> Result<(MultiplexedConnection, u64), Away> {
        let connection = self.connection(slot)?;
        Ok((connection.server.dedicated(response_timeout).await?, connection.run))
    }

    /// Sends a command, whose keys are all of one slot.
    pub(crate) async fn call(&self, slot: Slot, command: &Cmd) -> Result<Value, Away> {
        let connection = self.connection(slot)?;
        self.send(slot, &connection, (command, None)).await.map(|(value, _)| value)
    }

    /// Calls a script with keys of one slot.
    pub(crate) async fn call_script(&self, slot: Slot, script: &Script, call: &Cmd) -> Result<Value, Away> {
        let connection = self.connection(slot)?;
        self.send(slot, &connection, (call, Some(script))).await.map(|(value, _)| value)
    }

    /// Sends a call on a connection that was looked up before, and says which run answered.
    ///
    /// A server that says that another has the slot by now has executed nothing, so that other one is asked, once.
    pub(crate) async fn send(
        &self,
        slot: Slot,
        connection: &Arc<Connection>,
        call: (&Cmd, Option<&Script>),
    ) -> Result<(Value, u64), Away> {
        let refusal = match self.send_to(connection, call).await {
            Ok(value) => return Ok((value, connection.run)),
            Err(refusal) => refusal,
        };
        let Some(owner) = self.redirected(slot, connection, &refusal) else { return Err(refusal) };
        Ok((self.send_to(&owner, call).await?, owner.run))
    }

    /// Loads the script first when this Redis has not seen it yet.
    async fn send_to(
        &self,
        connection: &Arc<Connection>,
        (command, script): (&Cmd, Option<&Script>),
    ) -> Result<Value, Away> {
        match (self.try_send(connection, command).await, script) {
            (Err(Away(Some(error))), Some(script)) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                self.try_send(connection, &script.load()).await?;
                self.try_send(connection, command).await
            }
            (answered, _) => answered,
        }
    }

    async fn try_send(&self, connection: &Arc<Connection>, command: &Cmd) -> Result<Value, Away> {
        let answered = connection.send(command).await;
        if let Err(error) = &answered {
            match connection.note_failure(error) {
                Failure::Transient => {}
                Failure::Fatal => self.drop_connection(connection),
                Failure::WrongServer => self.lost.notify_one(),
            }
        }
        answered.map_err(|error| Away(Some(error)))
    }

    /// The connection to the server that a refusal names, which has the slot from now on.
    fn redirected(&self, slot: Slot, from: &Connection, refusal: &Away) -> Option<Arc<Connection>> {
        let Away(Some(error)) = refusal else { return None };
        let has_moved = error.kind() == ErrorKind::Server(ServerErrorKind::Moved);
        let (host, port) = error.redirect_node().filter(|_| has_moved)?;
        // Without a host it is the one that was asked.
        let host = if host.is_empty() { from.server.address.host.as_str() } else { host };
        let address = Address { host: host.to_owned(), port };
        self.table.rcu(|table| table.with_owner(slot, &address));
        self.table.load().connection(slot).filter(|owner| owner.server.address == address).cloned()
    }

    /// Gives a connection up. Whoever seeks another is told at once.
    pub(super) fn drop_connection(&self, connection: &Arc<Connection>) {
        // Many calls may tell of the same loss.
        if self.has(connection) {
            self.table.rcu(|table| table.without(connection));
            self.lost.notify_one();
        }
    }

    /// Whether a connection that was looked up before has not been given up since.
    pub(crate) fn has(&self, connection: &Arc<Connection>) -> bool {
        self.table.load().has(connection)
    }

    /// Has these connections from now on.
    pub(super) fn replace(&self, table: SlotTable) {
        self.table.store(Arc::new(table));
    }

    /// Connects to a server. Why one that answers is of no use is logged once, as is one that may drop what we count.
    pub(super) async fn connect(&self, server: &Arc<Server>) -> Option<Arc<Connection>> {
        let (connection, info) = match server.connect().await {
            Ok(connected) => connected,
            Err(Away(refusal)) => {
                refusal.iter().for_each(|error| self.log_refusal(&server.address, error));
                return None;
            }
        };
        self.warn_of_eviction(server, &info);
        Some(Arc::new(connection))
    }

    fn warn_of_eviction(&self, server: &Server, info: &ServerInfo) {
        if let Some(policy) = &info.eviction
            && !self.has_warned.swap(true, Ordering::Relaxed)
        {
            tracing::warn!(
                server = %server.address,
                %policy,
                "Redis may evict what it counts, and a limit then starts anew: set maxmemory-policy noeviction"
            );
        }
    }

    /// A wrong password, or a user that may do too little.
    pub(super) fn log_refusal(&self, address: &Address, error: &RedisError) {
        if !error.is_io_error() && !self.has_logged_refusal.swap(true, Ordering::Relaxed) {
            tracing::error!(server = %address, %error, "Redis refuses what has to be asked of it");
        }
    }

    /// Waits until a connection is lost or another server has a slot, but not for longer than `most`.
    pub(super) async fn wait_for_loss(&self, most: Duration) {
        let _ = tokio::time::timeout(most, self.lost.notified()).await;
    }
}

impl Runs {
    /// The run that answers for an organization.
    pub fn of(&self, organization: OrganizationId) -> Option<u64> {
        self.0.connection(self.0.slot_of(organization)).map(|connection| connection.run)
    }
}
