//! How much a process gets done: the most that an open-loop ramp over the same connections has done with hardly any refused.

use std::time::Duration;

use load::{Load, Outcome};

/// The first step, in requests a second, and how much steeper each next one is.
const START: f64 = 200.0;
const STEPS: [f64; 2] = [1.5, 1.12];
const STEP_TIME: Duration = Duration::from_secs(2);
/// The share of what was asked that may be refused at the capacity.
const REFUSED_MAX: f64 = 0.01;
/// Less than this share of what was due was done: the rest still waits at the client, and more cannot be done.
const DONE_MIN: f64 = 0.95;

/// Requests a second.
pub async fn find(load: &Load) -> f64 {
    let _warm = Load { time: Duration::from_secs(1), ..load.at(START) }.run().await;
    let mut most = START;
    for step in STEPS {
        // Coarse at first, then finely from the last rate that was kept up with.
        let mut rate = most * step;
        loop {
            let outcome = Load { time: STEP_TIME, ..load.at(rate) }.run().await;
            if !is_kept_up(&outcome) {
                break;
            }
            most = most.max(outcome.goodput());
            rate *= step;
        }
    }
    println!("P13 capacity: {most:.0} requests a second over {} connections", load.connections);
    most
}

fn is_kept_up(outcome: &Outcome) -> bool {
    outcome.refused_share() <= REFUSED_MAX && outcome.success() >= DONE_MIN
}
