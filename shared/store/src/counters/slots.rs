//! A cluster's hash slots: which one a key is in, and which session has it.

use std::sync::Arc;

use domain::ids::OrganizationId;

use super::session::Session;
use super::topology::Address;

/// How many slots a cluster has.
pub(super) const SLOTS: usize = 16_384;
const NOBODY: u16 = u16::MAX;

/// Ranges of slots, both ends included.
pub(super) type Ranges = Vec<(u16, u16)>;

/// One of a cluster's hash slots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slot(u16);

/// Which session has which slot.
pub(super) struct Map {
    sessions: Vec<Arc<Session>>,
    /// For each slot the place of its session.
    owners: Box<[u16]>,
}

impl Slot {
    /// The slot of everything where there is only one server.
    pub(super) const ONLY: Self = Self(0);

    /// The slot of all keys of an organization: its id is their hash tag.
    pub(super) fn of_organization(organization: OrganizationId) -> Self {
        let mut text = uuid::Uuid::encode_buffer();
        Self::of(organization.uuid().simple().encode_lower(&mut text).as_bytes())
    }

    /// The slot of a key without a hash tag.
    pub(super) fn of_key(key: &str) -> Self {
        Self::of(key.as_bytes())
    }

    pub(super) fn number(self) -> usize {
        usize::from(self.0)
    }

    fn of(bytes: &[u8]) -> Self {
        Self(crc16(bytes) & 0x3fff)
    }
}

impl Default for Map {
    fn default() -> Self {
        Self { sessions: Vec::new(), owners: vec![NOBODY; SLOTS].into() }
    }
}

impl Map {
    /// A map of sessions, each with its ranges of slots.
    pub(super) fn new(owned: Vec<(Arc<Session>, Ranges)>) -> Self {
        let mut map = Self::default();
        for (session, ranges) in owned {
            let place = u16::try_from(map.sessions.len()).expect("a cluster has at most 16,384 masters");
            map.sessions.push(session);
            for (first, last) in ranges {
                if let Some(slots) = map.owners.get_mut(usize::from(first)..=usize::from(last)) {
                    slots.fill(place);
                }
            }
        }
        map
    }

    pub(super) fn sessions(&self) -> &[Arc<Session>] {
        &self.sessions
    }

    pub(super) fn has(&self, session: &Arc<Session>) -> bool {
        self.sessions.iter().any(|own| Arc::ptr_eq(own, session))
    }

    pub(super) fn session(&self, slot: Slot) -> Option<&Arc<Session>> {
        self.sessions.get(usize::from(self.owners[usize::from(slot.0)]))
    }

    /// The same with a slot in other hands; in nobody's when there is no session with that server.
    pub(super) fn with_owner(&self, slot: Slot, owner: &Address) -> Self {
        let place = self.sessions.iter().position(|session| session.node.address == *owner);
        let mut owners = self.owners.clone();
        owners[usize::from(slot.0)] = place.and_then(|place| u16::try_from(place).ok()).unwrap_or(NOBODY);
        Self { sessions: self.sessions.clone(), owners }
    }

    /// The same without a session; its slots are in nobody's hands.
    pub(super) fn without(&self, lost: &Arc<Session>) -> Self {
        let Some(place) = self.sessions.iter().position(|session| Arc::ptr_eq(session, lost)) else {
            return Self { sessions: self.sessions.clone(), owners: self.owners.clone() };
        };
        let mut sessions = self.sessions.clone();
        sessions.remove(place);
        let moved = |owner: &u16| match usize::from(*owner) {
            owner if owner == place => NOBODY,
            at if *owner != NOBODY && at > place => owner - 1,
            _ => *owner,
        };
        Self { sessions, owners: self.owners.iter().map(moved).collect() }
    }
}

/// CRC-16 as Redis Cluster has it: XMODEM, polynomial 0x1021.
fn crc16(bytes: &[u8]) -> u16 {
    const TABLE: [u16; 256] = table();
    bytes.iter().fold(0, |crc, byte| (crc << 8) ^ TABLE[usize::from((crc >> 8) ^ u16::from(*byte)) & 0xff])
}

const fn table() -> [u16; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let (mut crc, mut bit) = ((byte as u16) << 8, 0);
        while bit < 8 {
            crc = if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 };
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    /// From the cluster specification, and from CLUSTER KEYSLOT of Redis 7.0.
    #[test]
    fn slots_are_those_of_redis() {
        assert_eq!(crc16(b"123456789"), 0x31c3);
        assert_eq!(Slot::of_key("foo"), Slot(12_182));
        let organization = OrganizationId::from_uuid(Uuid::from_u128(1));
        assert_eq!(Slot::of_organization(organization), Slot::of_key("00000000000000000000000000000001"));
    }
}
