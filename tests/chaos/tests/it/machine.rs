//! When the processors were given to somebody else, for tests that say how late something came.
//!
//! A virtual machine does not run while its host gives its processors to another, and the kernel counts that time as stolen.
//! It is told beside what was late; nothing is judged by it (`docs/decisions/0026`).

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use testkit::Samples;
use tokio::task::JoinHandle;

const SLOT: Duration = Duration::from_millis(250);
/// The part of all processors' time that may be stolen from a slot that still counts.
const STOLEN_MAX: f64 = 0.05;

/// What was stolen since it was started.
pub struct Machine {
    slots: Arc<Mutex<Vec<Slot>>>,
    watch: JoinHandle<()>,
}

struct Slot {
    from: Instant,
    to: Instant,
    is_ours: bool,
}

/// The kernel's ticks since it was started, of all processors.
#[derive(Clone, Copy, Default)]
struct Ticks {
    stolen: u64,
    all: u64,
}

impl Machine {
    /// Looks from now on.
    pub fn watch() -> Self {
        let slots = Arc::<Mutex<Vec<Slot>>>::default();
        let seen = Arc::clone(&slots);
        let watch = tokio::spawn(async move {
            let (mut from, mut before) = (Instant::now(), Ticks::read());
            loop {
                tokio::time::sleep(SLOT).await;
                let (to, now) = (Instant::now(), Ticks::read());
                let slot = Slot { from, to, is_ours: before.stolen_until(now) <= STOLEN_MAX };
                seen.lock().unwrap_or_else(PoisonError::into_inner).push(slot);
                (from, before) = (to, now);
            }
        });
        Self { slots, watch }
    }

    /// Those that were not under way while the processors were somebody else's.
    pub fn ours(&self, samples: &Samples) -> Samples {
        let slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        samples.of(|sample| {
            let first = slots.partition_point(|slot| slot.to <= sample.due);
            slots[first..].iter().take_while(|slot| slot.from < sample.due + sample.latency).all(|slot| slot.is_ours)
        })
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.watch.abort();
    }
}

impl Ticks {
    /// Nothing is stolen where nobody says so.
    fn read() -> Self {
        Self::parse(&std::fs::read_to_string("/proc/stat").unwrap_or_default()).unwrap_or_default()
    }

    /// The first line: user, nice, system, idle, iowait, irq, softirq, steal, and what is in those already.
    fn parse(stat: &str) -> Option<Self> {
        let ticks: Vec<u64> =
            stat.lines().next()?.strip_prefix("cpu ")?.split_whitespace().map_while(|tick| tick.parse().ok()).collect();
        Some(Self { stolen: *ticks.get(7)?, all: ticks.iter().take(8).sum() })
    }

    fn stolen_until(self, later: Self) -> f64 {
        later.stolen.saturating_sub(self.stolen) as f64 / later.all.saturating_sub(self.all).max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use testkit::{Loss, Outcome, Sample};

    use super::*;

    #[test]
    fn a_twentieth_of_all_processors_may_be_stolen() {
        let before = Ticks::parse("cpu  10 0 20 60 5 2 3 100 7 0\ncpu0 1 2 3\n").unwrap();
        let after = Ticks::parse("cpu  10 0 20 155 5 2 3 105 9 0\n").unwrap();
        assert!((before.stolen_until(after) - STOLEN_MAX).abs() < 1e-9);
        assert!(Ticks::parse("cpu  1 2 3\n").is_none() && Ticks::parse("").is_none());
        assert!(Ticks::read().all > 0, "this kernel tells");
    }

    #[tokio::test]
    async fn what_was_under_way_while_the_machine_was_not_ours_is_told_apart() {
        let machine = Machine::watch();
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let slot = |from, to, is_ours| Slot { from: at(from), to: at(to), is_ours };
        *machine.slots.lock().unwrap() = vec![slot(0, 250, true), slot(250, 500, false), slot(500, 750, true)];
        let sample = |due, latency| Sample {
            body: 0,
            phase: 0,
            due: at(due),
            latency: Duration::from_millis(latency),
            outcome: Outcome::Lost(Loss::Late),
        };
        let ours = [sample(10, 5), sample(500, 600)];
        let theirs = [sample(240, 20), sample(300, 1), sample(499, 10), sample(10, 900)];
        assert_eq!(machine.ours(&Samples([ours.clone(), ours.clone()].concat())).count(), 4);
        assert_eq!(machine.ours(&Samples([ours.to_vec(), theirs.to_vec()].concat())).0, ours);
    }
}
