//! What a verification asks of Redis and hears: generations compared, then all limits spent or none.

use chrono::{DateTime, Utc};
use domain::ids::OrganizationId;
use domain::limit::{Limit, Spending};
use uuid::Uuid;

use crate::generation::{Generation, Subject};

/// Whose budget a limit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LimitOwner {
    /// That of a row: rotation of a secret never resets it, because it hangs on this id.
    Row(Subject),
    /// That of a name which a question has given ([`domain::limit_settings::counter_id`]).
    Named(Uuid),
    /// The names of an organization that are counted: costs 1 for each [`LimitOwner::Named`] before it which has no counter yet,
    /// so that nobody fills Redis with names. It comes last.
    NewNames(OrganizationId),
}

impl From<Subject> for LimitOwner {
    fn from(row: Subject) -> Self {
        Self::Row(row)
    }
}

/// A limit with what a request costs there.
#[derive(Debug, Clone, Copy)]
pub struct LimitSpend<'a> {
    /// Whose budget.
    pub owner: LimitOwner,
    /// The limit.
    pub limit: &'a Limit,
    /// What the request costs; 0 only looks. The script knows it for [`LimitOwner::NewNames`].
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
    /// What to spend; each owner and name at most once: those of rows, those of names, and that of new names.
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
