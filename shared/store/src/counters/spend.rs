//! One round trip per verification: generations compared, then all limits spent or none.

use chrono::{DateTime, Utc};
use domain::ids::OrganizationId;
use domain::limit::{Limit, Spending};
use redis::Value;

use super::link::Away;
use super::{Counters, keys};
use crate::generation::{Generation, Subject};

/// A limit with what a request costs there.
#[derive(Debug, Clone, Copy)]
pub struct LimitSpend<'a> {
    /// Whose budget: rotation of a secret never resets it, because it hangs on this id.
    pub owner: Subject,
    /// The limit.
    pub limit: &'a Limit,
    /// What the request costs; 0 only looks.
    pub cost: u64,
}

/// Whether to consume.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Takes the costs, if every limit admits its own.
    Spend,
    /// Says what spending would come to, and takes nothing.
    Look,
}

/// Where an expected generation comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// This process's cache: Redis knows better.
    Cache,
    /// Postgres, just now: Redis learns them, unless it knows newer ones.
    Postgres,
}

/// A version on which a verdict rests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expected {
    /// The row and its version.
    pub generation: Generation,
    /// Who says so.
    pub source: Source,
}

/// What one verification asks of Redis.
#[derive(Debug, Clone, Copy)]
pub struct SpendRequest<'a> {
    /// Whose keys; all of them share a hash slot.
    pub organization: OrganizationId,
    /// The versions on which the verdict rests. If any differs, nothing is consumed.
    pub expected: &'a [Expected],
    /// What to spend; each owner and name at most once.
    pub limits: &'a [LimitSpend<'a>],
    /// Whether to consume.
    pub mode: Mode,
}

/// What Redis said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpendAnswer {
    /// Which run of Redis: an entry that was confirmed by another is worth nothing.
    pub run: u64,
    /// Redis time.
    pub now: DateTime<Utc>,
    /// The versions as Redis has them, in the order of the question; `None` when it has none.
    pub generations: Vec<Option<i64>>,
    /// One entry for each limit, in order; `None` when a generation differed and nothing was consumed.
    pub limits: Option<Vec<Spending>>,
}

/// A cost to be given back: what [`SpendAnswer`] said about it.
#[derive(Debug, Clone, Copy)]
pub struct Given<'a> {
    /// What was spent.
    pub spent: LimitSpend<'a>,
    /// The cell that took it.
    pub cell: u64,
}

/// Numbers for each limit in the script's answer.
const NUMBERS: usize = 5;

impl Counters {
    /// Compares generations and spends, in one call.
    pub async fn spend(&self, request: &SpendRequest<'_>) -> Result<SpendAnswer, Away> {
        let keys = request.expected.len() + request.limits.len();
        let mut call = self.scripts.spend.call(keys);
        for expected in request.expected {
            call.arg(self.generation_key(request.organization, expected.generation.subject));
        }
        for spend in request.limits {
            call.arg(self.limit_key(request.organization, spend));
        }
        call.arg(request.expected.len());
        call.arg(u8::from(request.mode == Mode::Spend));
        for expected in request.expected {
            call.arg(expected.generation.value).arg(u8::from(expected.source == Source::Postgres));
        }
        for spend in request.limits {
            call.arg(spend.limit.limit).arg(spend.limit.window_ms).arg(spend.cost);
        }
        let (value, run) = self.scripts.spend.send(&self.link, &call).await?;
        read_answer(value, run, request).ok_or(Away(None))
    }

    /// Gives back what was spent on limits when a later check refused.
    pub async fn give_back(&self, organization: OrganizationId, given: &[Given<'_>]) -> Result<(), Away> {
        if given.is_empty() {
            return Ok(());
        }
        let mut call = self.scripts.give_back.call(given.len());
        for entry in given {
            call.arg(self.limit_key(organization, &entry.spent));
        }
        for entry in given {
            call.arg(entry.spent.limit.window_ms).arg(entry.cell).arg(entry.spent.cost);
        }
        self.scripts.give_back.send(&self.link, &call).await?;
        Ok(())
    }

    fn limit_key(&self, organization: OrganizationId, spend: &LimitSpend<'_>) -> String {
        keys::limit(&self.prefix, organization, spend.owner, &spend.limit.name)
    }

    pub(super) fn generation_key(&self, organization: OrganizationId, subject: Subject) -> String {
        keys::generation(&self.prefix, organization, subject)
    }
}

fn read_answer(value: Value, run: u64, request: &SpendRequest<'_>) -> Option<SpendAnswer> {
    let Value::Array(items) = value else { return None };
    let mut items = items.into_iter();
    let now = DateTime::from_timestamp_micros(number(items.next()?)?)?;
    let mut generations = Vec::with_capacity(request.expected.len());
    for _ in request.expected {
        generations.push(generation(items.next()?)?);
    }
    let agrees =
        generations.iter().zip(request.expected).all(|(actual, expected)| *actual == Some(expected.generation.value));
    if !agrees {
        return Some(SpendAnswer { run, now, generations, limits: None });
    }
    let numbers: Vec<u64> =
        items.map(|item| number(item).and_then(|n| u64::try_from(n).ok())).collect::<Option<_>>()?;
    if numbers.len() != request.limits.len() * NUMBERS {
        return None;
    }
    let limits = numbers.chunks_exact(NUMBERS).map(|entry| Spending {
        is_admitted: entry[0] == 1,
        remaining: entry[1],
        reset_ms: entry[2],
        retry_after_ms: entry[3],
        cell: entry[4],
    });
    Some(SpendAnswer { run, now, generations, limits: Some(limits.collect()) })
}

fn number(value: Value) -> Option<i64> {
    if let Value::Int(number) = value { Some(number) } else { None }
}

fn generation(value: Value) -> Option<Option<i64>> {
    match value {
        Value::Nil => Some(None),
        Value::Int(number) => Some(Some(number)),
        Value::BulkString(digits) => std::str::from_utf8(&digits).ok()?.parse().ok().map(Some),
        _ => None,
    }
}
