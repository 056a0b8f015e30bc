//! When and from where each secret was last used, and how often its key was in each hour: noted in memory, written every
//! two seconds and at the end.
//!
//! A batch that Postgres may or may not have taken is written again as it is, until Postgres says that it has it: the
//! last use is the latest that anybody noted, and counts carry the batch's number.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::ids::{KeyId, OrganizationId, SecretId};
use domain::verdict::Verdict;
use store::{BatchId, Error, KeyUse, LastUse, Store, UseOutcome};

use crate::metrics::EnvironmentMetrics;

/// How often notes are written.
pub const FLUSH_EVERY: Duration = Duration::from_secs(2);
/// How many secrets' notes wait at most in each stripe; the notes of others are given up, and counted.
const STRIPE_NOTES_MAX: usize = 8_192;
/// Verifications of different secrets seldom wait for each other's lock.
const STRIPES: usize = 16;
/// How many notes one call writes.
const BATCH: usize = 1_000;
const HOUR_SECONDS: i64 = 3_600;

/// One use of a proven secret.
#[derive(Debug, Clone, Copy)]
pub struct Use {
    pub organization: OrganizationId,
    pub key: KeyId,
    pub secret: SecretId,
    pub at: DateTime<Utc>,
    pub ip: Option<IpAddr>,
    pub verdict: Verdict,
}

/// The notes that wait to be written.
#[derive(Debug, Default)]
pub struct Usage {
    stripes: [Mutex<Notes>; STRIPES],
    unwritten: tokio::sync::Mutex<Unwritten>,
}

/// By secret and hour.
type Notes = HashMap<(SecretId, i64), Note>;

/// What was noted of one secret in one hour since it was last written.
#[derive(Debug)]
struct Note {
    organization: OrganizationId,
    key: KeyId,
    /// Of the valid uses.
    last: Option<(DateTime<Utc>, Option<IpAddr>)>,
    /// In the order of [`UseOutcome::ALL`].
    counts: [u32; UseOutcome::ALL.len()],
}

/// What was taken from the notes, in order.
#[derive(Debug, Default)]
struct Unwritten {
    batches: VecDeque<Batch>,
    seq: i64,
}

#[derive(Debug)]
struct Batch {
    seq: i64,
    last: Vec<LastUse>,
    uses: Vec<KeyUse>,
    notes: usize,
}

impl Usage {
    /// Notes a use.
    pub fn note(&self, used: Use, metrics: &EnvironmentMetrics) {
        // The last byte of an id is random.
        let stripe = usize::from(used.secret.uuid().as_bytes()[15]) % STRIPES;
        let hour = used.at.timestamp().div_euclid(HOUR_SECONDS);
        let mut notes = self.stripes[stripe].lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(note) = notes.get_mut(&(used.secret, hour)) {
            note.add(&used);
        } else if notes.len() < STRIPE_NOTES_MAX {
            let mut note = Note { organization: used.organization, key: used.key, last: None, counts: [0; _] };
            note.add(&used);
            notes.insert((used.secret, hour), note);
        } else {
            drop(notes);
            metrics.usage_dropped(1);
        }
    }

    /// Writes what waits; what Postgres does not take waits on. False when it is away.
    pub async fn flush(&self, replica: &str, store: &Store, metrics: &EnvironmentMetrics) -> bool {
        let mut unwritten = self.unwritten.lock().await;
        if unwritten.batches.is_empty() {
            unwritten.fill(self.take());
        }
        while let Some(batch) = unwritten.batches.front() {
            match batch.write(replica, store).await {
                Ok(()) => {}
                Err(Error::Unavailable(_)) => return false,
                Err(error @ (Error::Conflict(_) | Error::Database(_))) => {
                    tracing::error!(cause = ?error, "notes of uses are refused");
                    metrics.usage_dropped(batch.notes);
                }
            }
            unwritten.batches.pop_front();
        }
        true
    }

    /// Writes everything that waits, once; what Postgres does not take is lost with the process, and counted.
    pub async fn finish(&self, replica: &str, store: &Store, metrics: &EnvironmentMetrics) {
        // What was taken before, and then what was noted since.
        if self.flush(replica, store, metrics).await && self.flush(replica, store, metrics).await {
            return;
        }
        let taken: usize = self.unwritten.lock().await.batches.iter().map(|batch| batch.notes).sum();
        let lost = taken + self.take().len();
        metrics.usage_dropped(lost);
        tracing::warn!(lost, "the process ends before Postgres has taken the notes of uses");
    }

    fn take(&self) -> Vec<((SecretId, i64), Note)> {
        let stripes = self.stripes.iter();
        stripes.flat_map(|notes| std::mem::take(&mut *notes.lock().unwrap_or_else(PoisonError::into_inner))).collect()
    }
}

impl Note {
    fn add(&mut self, used: &Use) {
        let outcome = outcome_of(used.verdict);
        let count = &mut self.counts[outcome as usize];
        *count = count.saturating_add(1);
        let is_later = self.last.is_none_or(|(at, _)| at <= used.at);
        if outcome == UseOutcome::Valid && is_later {
            self.last = Some((used.at, used.ip));
        }
    }
}

const fn outcome_of(verdict: Verdict) -> UseOutcome {
    match verdict {
        Verdict::Valid => UseOutcome::Valid,
        Verdict::RateLimited | Verdict::UsageExceeded => UseOutcome::Limited,
        Verdict::Malformed
        | Verdict::WrongEnvironment
        | Verdict::NotFound
        | Verdict::Suspended
        | Verdict::Revoked
        | Verdict::NotYetValid
        | Verdict::Expired
        | Verdict::Forbidden
        | Verdict::InsufficientPermissions => UseOutcome::Refused,
    }
}

impl Unwritten {
    fn fill(&mut self, notes: Vec<((SecretId, i64), Note)>) {
        for chunk in notes.chunks(BATCH) {
            self.seq += 1;
            let mut batch = Batch { seq: self.seq, last: Vec::new(), uses: Vec::new(), notes: chunk.len() };
            for ((secret, hour), note) in chunk {
                batch.add(*secret, *hour, note);
            }
            self.batches.push_back(batch);
        }
    }
}

impl Batch {
    fn add(&mut self, secret: SecretId, hour: i64, note: &Note) {
        let Note { organization, key, last, counts } = *note;
        self.last.extend(last.map(|(at, ip)| LastUse { organization, secret, at, ip }));
        let hour = DateTime::from_timestamp(hour * HOUR_SECONDS, 0).expect("the hour of an instant is one");
        for (outcome, count) in UseOutcome::ALL.into_iter().zip(counts).filter(|(_, count)| *count > 0) {
            self.uses.push(KeyUse { organization, key, hour, outcome, count: i64::from(count) });
        }
    }

    #[expect(clippy::disallowed_methods, reason = "this is what counts the uses of keys")]
    async fn write(&self, replica: &str, store: &Store) -> Result<(), Error> {
        store.update_last_used(&self.last).await?;
        store.update_key_usage(BatchId { replica, seq: self.seq }, &self.uses).await
    }
}
