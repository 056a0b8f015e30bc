//! What a fault adds to the time of an answer, told apart from what the machine adds.
//!
//! A machine that others use as well is slower in one second than in the next. Beside the installation whose stores are harmed
//! runs another, its twin: it has the same load at the same time and is let alone (`docs/decisions/0026`).

use testkit::{Fleet, Load, RunningLoad, Samples};

use crate::ground::Crowd;

/// Two installations and the keys that are asked for.
pub struct Twins {
    /// The one whose stores are harmed.
    pub harmed: Fleet,
    /// Its keys.
    pub crowd: Crowd,
    spared: Fleet,
    spared_crowd: Crowd,
}

/// A load on each.
pub struct RunningLoads {
    harmed: RunningLoad,
    spared: RunningLoad,
}

/// Answers of both.
pub struct Both {
    pub harmed: Samples,
    pub spared: Samples,
}

/// How many came later than in peace, of how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Late {
    pub harmed: usize,
    pub spared: usize,
    harmed_of: usize,
    spared_of: usize,
}

impl Twins {
    /// Both, with so many good keys each.
    pub async fn start(goods: usize) -> Self {
        let start = async || {
            let fleet = Fleet::builder().proxied().start().await;
            let crowd = Crowd::make(fleet.place(), goods).await;
            (fleet, crowd)
        };
        let ((harmed, crowd), (spared, spared_crowd)) = tokio::join!(start(), start());
        Self { harmed, crowd, spared, spared_crowd }
    }

    /// So many questions a second to each, due at the same times.
    pub fn load(&self, rate_per_second: f64) -> RunningLoads {
        let start = |load: Load| load.rate(rate_per_second).start();
        RunningLoads {
            harmed: start(self.crowd.load(self.harmed.place())),
            spared: start(self.spared_crowd.load(self.spared.place())),
        }
    }
}

impl RunningLoads {
    /// Opens the next phase of both and tells its number.
    pub fn mark(&self) -> usize {
        self.spared.mark();
        self.harmed.mark()
    }

    /// Asks nothing any more, and tells what became of everything.
    pub async fn finish(self) -> Both {
        Both { harmed: self.harmed.finish().await, spared: self.spared.finish().await }
    }
}

impl Both {
    /// What was answered about good keys in the phases for which `chosen` holds.
    pub fn goods(&self, crowd: &Crowd, chosen: impl Fn(usize) -> bool) -> Self {
        let goods = |samples: &Samples| crowd.goods(&samples.of(|sample| chosen(sample.phase)));
        Self { harmed: goods(&self.harmed), spared: goods(&self.spared) }
    }

    /// How many came later than half of those in peace by more than so many milliseconds.
    pub fn later_by(&self, added_ms: f64, peace: &Self) -> Late {
        let late = |samples: &Samples, peace: &Samples| samples.slower_than(peace.quantile_ms(0.5) + added_ms);
        Late {
            harmed: late(&self.harmed, &peace.harmed),
            spared: late(&self.spared, &peace.spared),
            harmed_of: self.harmed.count(),
            spared_of: self.spared.count(),
        }
    }
}

impl Late {
    /// How many of the harmed one's may be: the part that is late at its twin too, and `noise` of all.
    pub fn allowed(self, noise: f64) -> f64 {
        (self.spared as f64 / self.spared_of.max(1) as f64 + noise) * self.harmed_of as f64
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
    fn late_is_what_is_late_beyond_the_twins_and_a_hundredth() {
        let peace = Both { harmed: samples(0), spared: samples(0) };
        for (harmed, spared, is_kept) in
            [(0, 0, true), (10, 0, true), (11, 0, false), (110, 100, true), (111, 100, false)]
        {
            let late = Both { harmed: samples(harmed), spared: samples(spared) }.later_by(5.0, &peace);
            assert_eq!((late.harmed, late.spared), (harmed, spared));
            assert_eq!(late.harmed as f64 <= late.allowed(0.01), is_kept, "{harmed} and {spared} late");
            let slower = Both { harmed: samples(harmed), spared: samples(spared) }.later_by(50.0, &peace);
            assert_eq!((slower.harmed, slower.spared), (0, 0), "none by more than 50 ms");
        }
        let slow_peace = Both { harmed: samples(600), spared: samples(0) };
        let late = Both { harmed: samples(600), spared: samples(9) }.later_by(5.0, &slow_peace);
        assert_eq!((late.harmed, late.spared), (0, 9), "each is compared with its own peace");
    }
}
