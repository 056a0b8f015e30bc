//! The connections of a listener, whose clocks are looked at together: a clock for each would cost every request more than
//! all of them do a second.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use super::{
    Limits,
    metrics::ConnectionMetrics,
    watch::{Turning, Watch},
};

/// The open connections.
#[derive(Debug, Default)]
pub(super) struct Rounds {
    open: Mutex<HashMap<u64, Arc<Watch>>>,
    next: AtomicU64,
}

/// A connection while it is open.
#[derive(Debug)]
pub(super) struct Visited {
    rounds: Arc<Rounds>,
    number: u64,
    pub(super) watch: Arc<Watch>,
}

impl Rounds {
    /// Looks at a connection from now on, until what this returns is dropped.
    pub(super) fn visit(self: &Arc<Self>, watch: Arc<Watch>) -> Visited {
        let number = self.next.fetch_add(1, Relaxed);
        self.open().insert(number, Arc::clone(&watch));
        Visited { rounds: Arc::clone(self), number, watch }
    }

    /// Tells all connections how they end.
    pub(super) fn turn_all(&self, turning: Turning) {
        for watch in self.open().values() {
            watch.turn(turning);
        }
    }

    /// Ends the connections whose other end is too slow.
    pub(super) fn cut_overdue(&self, limits: &Limits, metrics: &ConnectionMetrics) {
        for watch in self.open().values() {
            if let Some(slow_at) = watch.overdue(limits)
                && watch.turn(Turning::Cut)
            {
                metrics.cut(slow_at);
            }
        }
    }

    fn open(&self) -> MutexGuard<'_, HashMap<u64, Arc<Watch>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Visited {
    fn drop(&mut self) {
        self.rounds.open().remove(&self.number);
    }
}
