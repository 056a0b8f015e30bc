//! Those whose secret nobody has proven here yet. They are read from Postgres behind all others, few of them at a time, and
//! few of them wait: a flood of keys that do not exist ends here.

use std::time::Duration;

use server::http::Admission;
use tokio::sync::{Semaphore, SemaphorePermit};

/// How many wait at once; what comes on top is refused.
const WAITING_MAX: usize = 512;
/// Nor do they take more than this part of all requests that may be in progress, since they wait there for a store: known
/// keys would be refused for want of room.
const PART_OF_PROGRESS: usize = 4;
/// How long they wait before they are refused: for less than a read may take, so that a queue is never taken for a
/// Postgres that is away.
const WAIT_MAX: Duration = Duration::from_millis(300);

/// The line of the strangers of an environment.
pub struct Strangers {
    admission: Admission,
    turns: Semaphore,
    waiting: Semaphore,
}

/// Too many strangers want to be read.
#[derive(Debug, PartialEq, Eq)]
pub struct Crowded;

impl Strangers {
    /// For a pool of so many connections, of which strangers have half at the most, behind this door.
    pub fn new(connections: u32, admission: &Admission) -> Self {
        let turns = Semaphore::new(connections.div_ceil(2) as usize);
        Self { admission: admission.clone(), turns, waiting: Semaphore::new(WAITING_MAX) }
    }

    /// Waits for a turn. Who is not there cannot be told from who is there with another secret, here either.
    pub async fn admit(&self) -> Result<SemaphorePermit<'_>, Crowded> {
        if WAITING_MAX - self.waiting.available_permits() >= self.admission.bound() / PART_OF_PROGRESS {
            return Err(Crowded);
        }
        let _waiting = self.waiting.try_acquire().map_err(|_| Crowded)?;
        let turn = tokio::time::timeout(WAIT_MAX, self.turns.acquire()).await;
        turn.map_err(|_| Crowded)?.map_err(|_| Crowded)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use server::{http::Bounds, metrics::Metrics};

    use super::*;

    /// With two connections, behind a door that lets so many in.
    fn strangers(bound: usize) -> Strangers {
        let bounds = Bounds { floor: bound, ceiling: bound, ..Bounds::for_threads(1) };
        Strangers::new(2, &Admission::new(bounds, &Metrics::new()))
    }

    /// How many wait behind one that is read before somebody is refused at once.
    async fn waiting(strangers: &Strangers) -> usize {
        let _reading = strangers.admit().await.unwrap();
        let mut waiting = Vec::new();
        loop {
            let mut next = Box::pin(strangers.admit());
            match next.as_mut().now_or_never() {
                Some(Err(Crowded)) => return waiting.len(),
                Some(Ok(_)) => panic!("nobody has left"),
                None => waiting.push(next),
            }
        }
    }

    #[tokio::test]
    async fn as_many_wait_as_leave_room_for_those_who_are_known() {
        assert_eq!(waiting(&strangers(4096)).await, WAITING_MAX);
        assert_eq!(waiting(&strangers(256)).await, 64);
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_ever_and_who_leaves_makes_room() {
        let strangers = strangers(256);
        let reading = strangers.admit().await.unwrap();
        assert_eq!(strangers.admit().await.err(), Some(Crowded), "after a while");
        drop(reading);
        assert!(strangers.admit().await.is_ok());
    }
}
