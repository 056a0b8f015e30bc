//! How much a process gets done. It is found by having ever more ask at once, and asked for again right before and after
//! what is compared with it: a machine that others use as well does a quarter more in one minute than in the next.

use std::time::Duration;

use crate::ground::by_length;
use crate::load::Load;

/// So many ask without rest, or as many as there are connections.
const ASKERS: [usize; 4] = [16, 64, 256, usize::MAX];

/// A load that gets most done.
pub struct Capacity {
    load: Load,
    most: f64,
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
        Self { load: eager(load, ASKERS[best], by_length(1, 4)), most }
    }

    /// The most requests a second that were done when it was found, for those who are asked for a share of it.
    pub fn most(&self) -> f64 {
        self.most
    }

    /// Requests a second at present.
    pub async fn now(&self) -> f64 {
        self.load.clone().run().await.goodput()
    }
}

fn eager(load: &Load, askers: usize, seconds: u64) -> Load {
    Load { connections: askers.min(load.connections), time: Duration::from_secs(seconds), ..load.at(1e6) }
}
