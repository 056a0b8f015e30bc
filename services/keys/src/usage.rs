//! When and from where each secret was last used: noted in memory, written every two seconds and at the end.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use domain::ids::SecretId;
use store::{LastUse, Store};

use crate::metrics::EnvironmentMetrics;

/// How often notes are written.
pub const FLUSH_EVERY: Duration = Duration::from_secs(2);
/// How many secrets' notes wait at most; the notes of others are given up, and counted.
const NOTES_MAX: usize = 100_000;
/// How many notes one call writes.
const BATCH: usize = 1_000;

/// The notes that wait to be written.
#[derive(Debug, Default)]
pub struct Usage {
    notes: Mutex<HashMap<SecretId, LastUse>>,
}

impl Usage {
    /// Notes a use.
    pub fn note(&self, used: LastUse, metrics: &EnvironmentMetrics) {
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        if notes.len() >= NOTES_MAX && !notes.contains_key(&used.secret) {
            drop(notes);
            metrics.usage_dropped(1);
            return;
        }
        notes.insert(used.secret, used);
    }

    /// Writes what waits. What Postgres does not take waits on, unless a newer use was noted meanwhile.
    pub async fn flush(&self, store: &Store, metrics: &EnvironmentMetrics) {
        let taken = std::mem::take(&mut *self.notes.lock().unwrap_or_else(PoisonError::into_inner));
        let uses: Vec<LastUse> = taken.into_values().collect();
        for batch in uses.chunks(BATCH) {
            if store.update_last_used(batch).await.is_err() {
                self.put_back(batch, metrics);
            }
        }
    }

    fn put_back(&self, uses: &[LastUse], metrics: &EnvironmentMetrics) {
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        let mut dropped = 0;
        for used in uses {
            if notes.len() < NOTES_MAX {
                notes.entry(used.secret).or_insert(*used);
            } else {
                dropped += 1;
            }
        }
        drop(notes);
        metrics.usage_dropped(dropped);
    }
}
