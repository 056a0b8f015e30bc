//! Requests that queued while the last call was in flight, as one call: exact, because the script takes them in order.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};
use redis::Cmd;
use tokio::sync::oneshot;

use super::link::Away;
use super::spend::{Said, SpendRequest};
use super::{Mode, Source, keys};

/// How many requests one call may hold: enough that a call costs little beside them, few enough that none of them waits
/// long for the others.
const REQUESTS_MAX: usize = 128;
/// How many keys one call may touch.
const KEYS_MAX: usize = 2_000;

/// Whoever waits for a part of a batch.
pub(super) type Waiting = oneshot::Sender<Result<Said, Away>>;

/// The requests of one call. On a Redis Cluster all of them have to lie in one hash slot.
#[derive(Default)]
pub(super) struct Batch {
    keys: KeyTable,
    requests: Vec<u8>,
    waiting: Vec<(Shape, Waiting)>,
}

/// What the answer to a request looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    /// How many versions it rests on.
    pub(super) generations: usize,
    /// How many limits it spends.
    pub(super) limits: usize,
}

impl Batch {
    /// Whether a call has room for no more.
    pub(super) fn is_full(&self) -> bool {
        self.waiting.len() >= REQUESTS_MAX || self.keys.len() >= KEYS_MAX
    }

    /// Adds a request as `spend.lua` reads it.
    pub(super) fn push(&mut self, prefix: &str, request: &SpendRequest<'_>, waiting: Waiting) {
        let shape = Shape { generations: request.expected.len(), limits: request.limits.len() };
        let counts = [u8::from(request.mode == Mode::Spend), count(shape.generations), count(shape.limits)];
        self.requests.extend_from_slice(&counts);
        for expected in request.expected {
            let place = self.keys.place(|key| {
                keys::write_generation(key, prefix, request.organization, expected.generation.subject);
            });
            self.requests.extend_from_slice(&place.to_le_bytes());
            self.requests.push(match expected.source {
                Source::Cache => 0,
                Source::Postgres => 1,
                Source::Kept => 2,
            });
            self.requests.extend_from_slice(&float(expected.generation.value).to_le_bytes());
        }
        for spend in request.limits {
            let place = self.keys.place(|key| {
                keys::write_limit(key, prefix, request.organization, (spend.owner, &spend.limit.name));
            });
            self.requests.extend_from_slice(&place.to_le_bytes());
            for number in [spend.limit.limit, spend.limit.window_ms, spend.cost] {
                self.requests.extend_from_slice(&u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes());
            }
        }
        self.waiting.push((shape, waiting));
    }

    /// The call, for a script of this digest.
    pub(super) fn call(&self, digest: &str) -> Cmd {
        let mut call = Cmd::with_capacity(4 + self.keys.len(), 128 + self.keys.names.len() + self.requests.len());
        call.arg("EVALSHA").arg(digest).arg(self.keys.len());
        for name in self.keys.iter() {
            call.arg(name);
        }
        call.arg(self.requests.as_slice());
        call
    }

    /// Everyone who waits, with what their part of the answer looks like.
    pub(super) fn into_waiting(self) -> Vec<(Shape, Waiting)> {
        self.waiting
    }
}

fn count(number: usize) -> u8 {
    u8::try_from(number).expect("a key, its organization and its customer have fewer limits than that together")
}

/// A version counts changes of one row: it never gets to where a double cannot tell two of them apart.
#[expect(clippy::cast_precision_loss, reason = "2^53 changes of one row take longer than there is time")]
fn float(version: i64) -> f64 {
    version as f64
}

/// The names of the keys of a batch, each once, one after the other in one buffer.
#[derive(Default)]
struct KeyTable {
    names: Vec<u8>,
    /// Where each name ends.
    ends: Vec<usize>,
    /// Places by name.
    places: HashTable<u16>,
    hasher: DefaultHashBuilder,
}

impl KeyTable {
    fn len(&self) -> usize {
        self.ends.len()
    }

    fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.ends.len()).map(|at| name_at(&self.names, &self.ends, at))
    }

    /// The place that Lua gives the key that `write` writes: counted from 1.
    fn place(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> u16 {
        let start = self.names.len();
        write(&mut self.names);
        let Self { names, ends, places, hasher } = self;
        let hash = hasher.hash_one(&names[start..]);
        let is_same = |place: &u16| name_at(names, ends, usize::from(*place) - 1) == &names[start..];
        if let Some(place) = places.find(hash, is_same) {
            names.truncate(start);
            return *place;
        }
        ends.push(names.len());
        let place = u16::try_from(ends.len()).expect("a batch has room for fewer keys than that");
        let rehash = |place: &u16| hasher.hash_one(name_at(names, ends, usize::from(*place) - 1));
        places.insert_unique(hash, place, rehash);
        place
    }
}

fn name_at<'n>(names: &'n [u8], ends: &[usize], at: usize) -> &'n [u8] {
    let start = if at == 0 { 0 } else { ends[at - 1] };
    &names[start..ends[at]]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_two_requests_share_is_sent_once() {
        let mut table = KeyTable::default();
        let mut place = |name: &str| table.place(|key| key.extend_from_slice(name.as_bytes()));
        let places = [place("a"), place("bc"), place("a"), place("b"), place("c"), place("bc")];
        assert_eq!(places, [1, 2, 1, 3, 4, 2]);
        assert_eq!(table.iter().collect::<Vec<_>>(), [&b"a"[..], b"bc", b"b", b"c"]);
    }
}
