//! One round trip per verification: generations compared, then all limits spent or none.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use domain::ids::OrganizationId;
use domain::limit::{Limit, Spending};

use super::batch::Shape;
use super::lane::Route;
use super::link::Away;
use super::{Counters, keys};
use crate::generation::{Generation, Subject};
use crate::span;

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
    /// Nobody who could be asked: Redis says whether it knows a newer one, and learns nothing.
    Kept,
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

/// What the script says to one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Said {
    run: u64,
    now: DateTime<Utc>,
    outcome: Outcome,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Outcome {
    /// The versions are the expected ones.
    Agreed(Vec<Spending>),
    /// They are not; these are.
    Differing(Vec<Option<i64>>),
}

impl Counters {
    /// Compares generations and spends, in one call that others who ask at the same time share.
    pub async fn spend(&self, request: &SpendRequest<'_>) -> Result<SpendAnswer, Away> {
        let slot = self.link.slot_of(request.organization);
        let route = Route {
            link: Arc::clone(&self.link),
            slot,
            session: self.link.session(slot)?,
            script: Arc::clone(&self.scripts.spend),
        };
        let asked = route.lane().ask(&route, &self.prefix, request);
        let Said { run, now, outcome } = span::around(span::of_script("spend"), asked).await?;
        Ok(match outcome {
            Outcome::Agreed(limits) => {
                let generations = request.expected.iter().map(|expected| Some(expected.generation.value)).collect();
                SpendAnswer { run, now, generations, limits: Some(limits) }
            }
            Outcome::Differing(generations) => SpendAnswer { run, now, generations, limits: None },
        })
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
        let slot = self.link.slot_of(organization);
        let session = self.link.session(slot)?;
        let sent = self.scripts.give_back.send(&self.link, (slot, &session), &call);
        span::around(span::of_script("give_back"), sent).await?;
        Ok(())
    }

    fn limit_key(&self, organization: OrganizationId, spend: &LimitSpend<'_>) -> Vec<u8> {
        keys::limit(&self.prefix, organization, spend.owner, &spend.limit.name)
    }

    pub(super) fn generation_key(&self, organization: OrganizationId, subject: Subject) -> Vec<u8> {
        keys::generation(&self.prefix, organization, subject)
    }
}

/// What the script says to each request of a batch; `None` when that cannot be read.
pub(super) fn read_batch(bytes: &[u8], run: u64, shapes: impl Iterator<Item = Shape>) -> Option<Vec<Said>> {
    let mut reader = Reader(bytes);
    let now = DateTime::from_timestamp_micros(reader.whole()?)?;
    let mut said = Vec::with_capacity(shapes.size_hint().0);
    for shape in shapes {
        let outcome = match reader.byte()? {
            1 => Outcome::Agreed((0..shape.limits).map(|_| reader.spending()).collect::<Option<_>>()?),
            0 => Outcome::Differing((0..shape.generations).map(|_| reader.version()).collect::<Option<_>>()?),
            _ => return None,
        };
        said.push(Said { run, now, outcome });
    }
    reader.0.is_empty().then_some(said)
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
            retry_after_ms: self.number()?,
            cell: u64::try_from(self.whole()?).ok()?,
        })
    }
}
