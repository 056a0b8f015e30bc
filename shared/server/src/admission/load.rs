//! How busy the threads of the process are, and what the queue makes of it.

use std::{sync::Weak, time::Duration};

use tokio::{
    runtime::{Handle, RuntimeMetrics},
    time::{Instant, sleep},
};

use super::{Shared, TARGET};

/// The share of the time in which the threads of a process have work before there is too much of it.
pub(super) const BUSY_MAX: f64 = 0.9;

/// Measures and judges until nobody uses the queue.
pub(super) async fn watch_load(shared: Weak<Shared>) {
    let runtime = Handle::current().metrics();
    let (mut looked_at, mut worked) = (Instant::now(), worked(&runtime));
    let (mut pace, mut told_at) = (0.0, looked_at);
    loop {
        sleep(TARGET / 2).await;
        let Some(shared) = shared.upgrade() else { return };
        let (elapsed, total) = (looked_at.elapsed().as_secs_f64(), self::worked(&runtime));
        let busy = total.saturating_sub(worked).as_secs_f64() / runtime.num_workers() as f64 / elapsed;
        (looked_at, worked) = (Instant::now(), total);
        let mut state = shared.lock();
        let done = std::mem::take(&mut state.done) as f64 / elapsed;
        if busy > BUSY_MAX {
            // The mean of the last few looks: what is done together comes out together.
            pace = if pace == 0.0 { done } else { pace + (done - pace) / 4.0 };
        }
        state.is_busy = busy > BUSY_MAX;
        state.judge(busy, pace);
        state.purge();
        state.dispatch(&shared);
        shared.metrics.show(state.waiting, state.in_use, state.bound);
        if state.rejected > 0 && told_at.elapsed() >= Duration::from_secs(1) {
            told_at = Instant::now();
            let rejected = std::mem::take(&mut state.rejected);
            tracing::warn!(rejected, bound = state.bound, "rejected {rejected} requests for want of time");
        }
    }
}

/// How long the threads have had work.
fn worked(runtime: &RuntimeMetrics) -> Duration {
    (0..runtime.num_workers()).map(|worker| runtime.worker_total_busy_duration(worker)).sum()
}
