//! The Redis half of the store: generations, limits, and the stream of changes. What it holds can always be lost.
//!
//! Nothing here is the truth about a key; that is in Postgres, and a version that differs sends the reader there.
//! From the bottom up: `spend` says what is asked, `batch` packs it, `lanes` sends what came together in one call; `handle`
//! and `changes` are what others use.

mod batch;
mod changes;
mod handle;
mod lanes;
mod names;
mod spend;
#[cfg(test)]
mod tests;

pub use changes::{Change, Changes, Reach, Replica};
pub use handle::Counters;
pub use spend::{Expected, Given, LimitOwner, LimitSpend, Mode, Source, SpendAnswer, SpendRequest};

pub use crate::connections::{Away, RedisConfig, Runs};
