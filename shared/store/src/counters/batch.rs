//! Requests that share one call, as `spend.lua` reads and answers them: exact, because it takes them in order.

use std::sync::Arc;

use chrono::DateTime;
use domain::limit::Spending;
use indexmap::IndexSet;
use redis::{Cmd, Value};
use tokio::sync::oneshot;

use super::names;
use super::spend::{LimitOwner, Mode, Source, SpendAnswer, SpendRequest};
use crate::connections::{Away, Connection, Script};

/// How many requests one call may hold: enough that a call costs little beside them, few enough that none of them waits
/// long for the others.
const REQUESTS_MAX: usize = 128;
/// How many keys one call may touch.
const KEYS_MAX: usize = 2_000;

/// What the script says of a wait that never ends.
const NEVER: u64 = u32::MAX as u64;

/// Where the answer to one request goes.
pub(super) type Reply = oneshot::Sender<Result<SpendAnswer, Away>>;

/// The requests of one call on one connection. In a cluster all of them lie in one hash slot.
pub(super) struct Batch {
    pub(super) connection: Arc<Connection>,
    keys: IndexSet<Vec<u8>>,
    requests: Vec<u8>,
    waiting: Vec<Waiting>,
}

struct Waiting {
    /// The versions that the answer has if Redis agrees.
    expected: Vec<Option<i64>>,
    /// How many limits it spends.
    limits: usize,
    reply: Reply,
}

impl Batch {
    pub(super) fn new(connection: Arc<Connection>) -> Self {
        Self { connection, keys: IndexSet::new(), requests: Vec::new(), waiting: Vec::new() }
    }

    /// Whether a call has room for no more.
    pub(super) fn is_full(&self) -> bool {
        self.waiting.len() >= REQUESTS_MAX || self.keys.len() >= KEYS_MAX
    }

    /// Adds a request.
    pub(super) fn push(&mut self, prefix: &str, request: &SpendRequest<'_>, reply: Reply) {
        let (generations, limits) = (request.expected.len(), request.limits.len());
        let named = request.limits.iter().filter(|spend| matches!(spend.owner, LimitOwner::Named(_))).count();
        self.requests.extend([u8::from(request.mode == Mode::Spend), count(generations), count(limits), count(named)]);
        for expected in request.expected {
            self.push_key(names::generation(prefix, request.organization, expected.generation.subject));
            self.requests.push(match expected.source {
                Source::Cache => 0,
                Source::Postgres => 1,
                Source::Kept => 2,
            });
            self.requests.extend(float(expected.generation.value).to_le_bytes());
        }
        for spend in request.limits {
            self.push_key(names::limit(prefix, request.organization, spend.owner, spend.limit));
            for number in [spend.limit.limit, spend.limit.window_ms, spend.cost] {
                self.requests.extend(u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes());
            }
        }
        let expected = request.expected.iter().map(|expected| Some(expected.generation.value)).collect();
        self.waiting.push(Waiting { expected, limits, reply });
    }

    /// Adds the place that Lua gives a key: counted from 1. One that several requests share is sent once.
    fn push_key(&mut self, name: Vec<u8>) {
        let (at, _) = self.keys.insert_full(name);
        let place = u16::try_from(at + 1).expect("a batch has room for fewer keys than that");
        self.requests.extend(place.to_le_bytes());
    }

    /// The call of the script for all of them.
    pub(super) fn call(&self, script: &Script) -> Cmd {
        let mut call = script.call(self.keys.len());
        for name in &self.keys {
            call.arg(name);
        }
        call.arg(self.requests.as_slice());
        call
    }

    /// Gives everyone who waits their part of the answer.
    pub(super) fn answer(self, answered: Result<(Value, u64), Away>) {
        let answers = match answered {
            Ok((Value::BulkString(bytes), run)) => self.read(&bytes, run).ok_or(Away(None)),
            Ok(_) => Err(Away(None)),
            Err(away) => Err(away),
        };
        // Whoever is not there any more has no use for it.
        match answers {
            Ok(answers) => {
                for (waiting, answer) in self.waiting.into_iter().zip(answers) {
                    let _ = waiting.reply.send(Ok(answer));
                }
            }
            Err(Away(cause)) => {
                for waiting in self.waiting {
                    let _ = waiting.reply.send(Err(Away(cause.clone())));
                }
            }
        }
    }

    /// What the script says to each request; `None` when that cannot be read.
    fn read(&self, bytes: &[u8], run: u64) -> Option<Vec<SpendAnswer>> {
        let mut reader = Reader(bytes);
        let now = DateTime::from_timestamp_micros(reader.whole()?)?;
        let mut answers = Vec::with_capacity(self.waiting.len());
        for Waiting { expected, limits, .. } in &self.waiting {
            answers.push(match reader.byte()? {
                1 => {
                    let limits = (0..*limits).map(|_| reader.spending()).collect::<Option<_>>()?;
                    SpendAnswer { run, now, generations: expected.clone(), limits: Some(limits) }
                }
                0 => {
                    let generations = expected.iter().map(|_| reader.version()).collect::<Option<_>>()?;
                    SpendAnswer { run, now, generations, limits: None }
                }
                _ => return None,
            });
        }
        reader.0.is_empty().then_some(answers)
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

/// Reads packed numbers from the front.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const COUNT: usize>(&mut self) -> Option<[u8; COUNT]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take::<1>().map(|[byte]| byte)
    }

    fn number(&mut self) -> Option<u64> {
        self.take().map(u32::from_le_bytes).map(u64::from)
    }

    /// Lua has doubles alone; these are whole and fit.
    #[expect(clippy::cast_possible_truncation, reason = "whole numbers below 2^53")]
    fn whole(&mut self) -> Option<i64> {
        self.take().map(f64::from_le_bytes).map(|number| number as i64)
    }

    fn version(&mut self) -> Option<Option<i64>> {
        self.whole().map(|version| (version >= 0).then_some(version))
    }

    fn spending(&mut self) -> Option<Spending> {
        Some(Spending {
            is_admitted: self.byte()? == 1,
            remaining: self.number()?,
            reset_ms: self.number()?,
            retry_after_ms: self.number().map(|wait_ms| (wait_ms != NEVER).then_some(wait_ms))?,
            cell: u64::try_from(self.whole()?).ok()?,
        })
    }
}
