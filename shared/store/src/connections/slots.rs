//! Which connection has which key: one has all, or in a cluster each has the hash slots of its master.

use std::sync::Arc;

use domain::ids::OrganizationId;

use super::server::Connection;
use super::topology::Address;

/// How many slots a cluster has.
pub(super) const CLUSTER_SLOTS: usize = 16_384;
const NOBODY: u16 = u16::MAX;

/// Ranges of slots, both ends included.
pub(super) type Ranges = Vec<(u16, u16)>;

/// A hash slot. Keys of several slots never share a call; with one server there is one slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Slot(u16);

/// Which connection has which slot.
#[derive(Clone)]
pub(super) struct SlotTable {
    connections: Vec<Arc<Connection>>,
    /// For each slot the place of its connection.
    owners: Box<[u16]>,
}

impl Slot {
    fn of_tag(tag: &str) -> Self {
        Self(crc16(tag.as_bytes()) & 0x3fff)
    }

    pub(crate) fn number(self) -> usize {
        usize::from(self.0)
    }
}

impl SlotTable {
    /// A table of so many slots that nobody has.
    pub(super) fn empty(slots: usize) -> Self {
        Self { connections: Vec::new(), owners: vec![NOBODY; slots].into() }
    }

    /// One server has everything.
    pub(super) fn single(connection: Arc<Connection>) -> Self {
        Self { connections: vec![connection], owners: [0].into() }
    }

    /// A cluster's connections, each with its ranges.
    pub(super) fn cluster(owned: Vec<(Arc<Connection>, Ranges)>) -> Self {
        let mut table = Self::empty(CLUSTER_SLOTS);
        for (connection, ranges) in owned {
            let place = u16::try_from(table.connections.len()).expect("a cluster has at most 16,384 masters");
            table.connections.push(connection);
            for (first, last) in ranges {
                if let Some(slots) = table.owners.get_mut(usize::from(first)..=usize::from(last)) {
                    slots.fill(place);
                }
            }
        }
        table
    }

    pub(super) fn slots(&self) -> usize {
        self.owners.len()
    }

    /// The slot of all keys of an organization: its id is their hash tag.
    pub(super) fn slot_of(&self, organization: OrganizationId) -> Slot {
        if self.slots() == 1 {
            return Slot(0);
        }
        let mut text = uuid::Uuid::encode_buffer();
        Slot::of_tag(organization.uuid().simple().encode_lower(&mut text))
    }

    /// The slot of a key without a hash tag.
    pub(super) fn slot_of_key(&self, key: &str) -> Slot {
        if self.slots() == 1 { Slot(0) } else { Slot::of_tag(key) }
    }

    pub(super) fn connections(&self) -> &[Arc<Connection>] {
        &self.connections
    }

    pub(super) fn has(&self, connection: &Arc<Connection>) -> bool {
        self.connections.iter().any(|own| Arc::ptr_eq(own, connection))
    }

    /// The connection of a slot, if its server was confirmed lately.
    pub(super) fn connection(&self, slot: Slot) -> Option<&Arc<Connection>> {
        let connection = self.connections.get(usize::from(self.owners[slot.number()]));
        connection.filter(|connection| !connection.is_expired())
    }

    /// The same with a slot that another server has; nobody has it when there is no connection to that server.
    pub(super) fn with_owner(&self, slot: Slot, owner: &Address) -> Self {
        let mut table = self.clone();
        let place = self.connections.iter().position(|connection| connection.server.address == *owner);
        table.owners[slot.number()] = place.and_then(|place| u16::try_from(place).ok()).unwrap_or(NOBODY);
        table
    }

    /// The same without a connection; nobody has its slots.
    pub(super) fn without(&self, lost: &Arc<Connection>) -> Self {
        let mut table = self.clone();
        let Some(place) = self.connections.iter().position(|connection| Arc::ptr_eq(connection, lost)) else {
            return table;
        };
        table.connections.remove(place);
        for owner in &mut table.owners {
            *owner = match usize::from(*owner) {
                at if at == place => NOBODY,
                at if *owner != NOBODY && at > place => *owner - 1,
                _ => *owner,
            };
        }
        table
    }
}

/// CRC-16 as Redis Cluster has it: XMODEM, polynomial 0x1021.
fn crc16(bytes: &[u8]) -> u16 {
    let shifted = |crc: u16| if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 };
    bytes.iter().fold(0, |crc, byte| (0..8).fold(crc ^ (u16::from(*byte) << 8), |crc, _bit| shifted(crc)))
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    /// From the cluster specification, and from CLUSTER KEYSLOT of Redis 7.0.
    #[test]
    fn slots_are_those_of_redis() {
        let cluster = SlotTable::empty(CLUSTER_SLOTS);
        assert_eq!(crc16(b"123456789"), 0x31c3);
        assert_eq!(cluster.slot_of_key("foo"), Slot(12_182));
        let organization = OrganizationId::from_uuid(Uuid::from_u128(1));
        assert_eq!(cluster.slot_of(organization), cluster.slot_of_key("00000000000000000000000000000001"));
        assert_eq!(SlotTable::empty(1).slot_of(organization), Slot(0));
    }
}
