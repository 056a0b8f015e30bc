//! How much a process gets done. It is found by having ever more ask at once, or by a ramp, and asked for again right before
//! and after what is compared with it: a machine that others use as well does a quarter more in one minute than in the next.

use std::time::Duration;

use crate::ground::by_length;
use crate::load::Load;

/// So many ask without rest, or as many as there are connections.
const ASKERS: [usize; 4] = [16, 64, 256, usize::MAX];

/// The steps of a ramp, as shares of what those get done who ask without rest.
const RAMP: [f64; 5] = [0.7, 0.8, 0.9, 1.0, 1.1];

/// A load that gets most done.
pub struct Capacity {
    load: Load,
    most: f64,
    share: f64,
}

impl Capacity {
    /// Means of several times, in turn.
    pub async fn find(load: &Load) -> Self {
        let _warm = Load { time: Duration::from_secs(1), ..load.at(200.0) }.run().await;
        let (rounds, seconds) = by_length((1, 1), (3, 2));
        let (mut done, mut most) = ([0.0; ASKERS.len()], 0.0_f64);
        for _ in 0..rounds {
            for (askers, done) in ASKERS.iter().zip(&mut done) {
                let goodput = eager(load, *askers, seconds).run().await.goodput();
                most = goodput.max(most);
                *done += goodput / f64::from(rounds);
            }
        }
        let askers = ASKERS.map(|askers| askers.min(load.connections));
        println!("P13 capacity: {done:.0?} requests a second for {askers:?} without rest");
        let best = (0..ASKERS.len()).max_by(|a, b| done[*a].total_cmp(&done[*b])).unwrap();
        Self { load: eager(load, ASKERS[best], by_length(1, 3)), most, share: 1.0 }
    }

    /// What the load itself gets done at most: by the clock, over all of its connections, more of it from step to step. Each step
    /// is compared with what those did who asked without rest right before it.
    pub async fn by_ramp(load: &Load) -> Self {
        let found = Self::find(load).await;
        let (rounds, time) = by_length((1, 1), (3, 2));
        let mut done = [0.0; RAMP.len()];
        for _ in 0..rounds {
            for (step, done) in RAMP.iter().zip(&mut done) {
                let eager = Load { time: Duration::from_secs(1), ..found.load.clone() }.run().await.goodput();
                let ramp = Load { time: Duration::from_secs(time), ..load.at(eager * step) };
                *done += ramp.run().await.goodput() / eager / f64::from(rounds);
            }
        }
        println!("P13 capacity: {done:.2?} of what those do who ask without rest, at {RAMP:?} of it");
        Self { share: done.into_iter().fold(0.0, f64::max), ..found }
    }

    /// The most requests a second that were done when it was found, for those who are asked for a share of it.
    pub fn most(&self) -> f64 {
        self.most
    }

    /// Requests a second at present.
    pub async fn now(&self) -> f64 {
        self.load.clone().run().await.goodput() * self.share
    }
}

fn eager(load: &Load, askers: usize, seconds: u64) -> Load {
    Load { connections: askers.min(load.connections), time: Duration::from_secs(seconds), ..load.at(1e6) }
}
