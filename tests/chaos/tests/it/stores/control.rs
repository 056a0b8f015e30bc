//! What a fault adds to the time of an answer, told apart from what the machine adds.
//!
//! A machine that others use as well is slower in one second than in the next. Beside the installation whose stores are faulted
//! runs another, the control: it has the same load at the same time and is let alone (`docs/decisions/0026`).

use testkit::{Fleet, Load, RunningLoad, Samples};

use crate::support::KeySet;

/// Two installations and the keys that are asked for.
pub struct ControlledTrial {
    /// The one whose stores are faulted.
    pub faulted: Fleet,
    /// Its keys.
    pub key_set: KeySet,
    control: Fleet,
    control_keys: KeySet,
}

/// A load on each.
pub struct RunningLoads {
    faulted: RunningLoad,
    control: RunningLoad,
}

/// Answers of both.
pub struct Both {
    pub faulted: Samples,
    pub control: Samples,
}

/// How many came later than in peace, of how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Late {
    pub faulted: usize,
    pub control: usize,
    faulted_of: usize,
    control_of: usize,
}

impl ControlledTrial {
    /// Both, with so many good keys each.
    pub async fn start(goods: usize) -> Self {
        let start = async || {
            let fleet = Fleet::builder().proxied().start().await;
            let key_set = KeySet::make(fleet.place(), goods).await;
            (fleet, key_set)
        };
        let ((faulted, key_set), (control, control_keys)) = tokio::join!(start(), start());
        Self { faulted, key_set, control, control_keys }
    }

    /// So many questions a second to each, due at the same times.
    pub fn load(&self, rate_per_second: f64) -> RunningLoads {
        let start = |load: Load| load.rate(rate_per_second).start();
        RunningLoads {
            faulted: start(self.key_set.load(self.faulted.place())),
            control: start(self.control_keys.load(self.control.place())),
        }
    }
}

impl RunningLoads {
    /// Opens the next phase of both and tells its number.
    pub fn mark(&self) -> usize {
        self.control.mark();
        self.faulted.mark()
    }

    /// Asks nothing any more, and tells what became of everything.
    pub async fn finish(self) -> Both {
        Both { faulted: self.faulted.finish().await, control: self.control.finish().await }
    }
}

impl Both {
    /// What was answered about good keys in the phases for which `chosen` holds.
    pub fn goods(&self, key_set: &KeySet, chosen: impl Fn(usize) -> bool) -> Self {
        let goods = |samples: &Samples| key_set.goods(&samples.of(|sample| chosen(sample.phase)));
        Self { faulted: goods(&self.faulted), control: goods(&self.control) }
    }

    /// How many came later than half of those in peace by more than so many milliseconds.
    pub fn later_by(&self, added_ms: f64, peace: &Self) -> Late {
        let late = |samples: &Samples, peace: &Samples| samples.slower_than(peace.quantile_ms(0.5) + added_ms);
        Late {
            faulted: late(&self.faulted, &peace.faulted),
            control: late(&self.control, &peace.control),
            faulted_of: self.faulted.count(),
            control_of: self.control.count(),
        }
    }
}

impl Late {
    /// How many of the faulted one's may be: the part that is late at the control too, and `noise` of all.
    pub fn allowed(self, noise: f64) -> f64 {
        (self.control as f64 / self.control_of.max(1) as f64 + noise) * self.faulted_of as f64
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use testkit::{Loss, Outcome, Sample};

    use super::*;

    /// A thousand answers of a millisecond, and this many of twenty.
    fn samples(late: usize) -> Samples {
        let sample = |number| Sample {
            body: 0,
            phase: 0,
            due: Instant::now(),
            latency: Duration::from_millis(if number < late { 20 } else { 1 }),
            outcome: Outcome::Lost(Loss::Late),
        };
        Samples((0..1000).map(sample).collect())
    }

    #[test]
    fn late_is_what_is_late_beyond_the_trial_and_a_hundredth() {
        let peace = Both { faulted: samples(0), control: samples(0) };
        for (faulted, control, is_kept) in
            [(0, 0, true), (10, 0, true), (11, 0, false), (110, 100, true), (111, 100, false)]
        {
            let late = Both { faulted: samples(faulted), control: samples(control) }.later_by(5.0, &peace);
            assert_eq!((late.faulted, late.control), (faulted, control));
            assert_eq!(late.faulted as f64 <= late.allowed(0.01), is_kept, "{faulted} and {control} late");
            let slower = Both { faulted: samples(faulted), control: samples(control) }.later_by(50.0, &peace);
            assert_eq!((slower.faulted, slower.control), (0, 0), "none by more than 50 ms");
        }
        let slow_peace = Both { faulted: samples(600), control: samples(0) };
        let late = Both { faulted: samples(600), control: samples(9) }.later_by(5.0, &slow_peace);
        assert_eq!((late.faulted, late.control), (0, 9), "each is compared with its own peace");
    }
}
