//! Those whose secret nobody has proven here yet. They are read from Postgres behind all others, few of them at a time, and
//! few of them wait: a flood of keys that do not exist ends here.

use std::time::Duration;

use server::http::Admission;
use tokio::sync::{Semaphore, SemaphorePermit};

/// How many wait at once; what comes on top is refused. More take memory and are refused at last all the same; with
/// fewer, who is refused at once is back at once, and refusals take the time in which strangers could be read.
const WAITING_MAX: usize = 512;
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
    /// For a pool of so many connections, of which strangers have half at the most, behind this door. Who waits here takes
    /// no place there: known keys would be refused for want of room.
    pub fn new(connections: u32, admission: &Admission) -> Self {
        let turns = Semaphore::new(connections.div_ceil(2) as usize);
        Self { admission: admission.clone(), turns, waiting: Semaphore::new(WAITING_MAX) }
    }

    /// Waits for a turn. Who is not there cannot be told from who is there with another secret, here either.
    pub async fn admit(&self) -> Result<SemaphorePermit<'_>, Crowded> {
        let _waiting = self.waiting.try_acquire().map_err(|_| Crowded)?;
        let _aside = self.admission.step_aside();
        let turn = tokio::time::timeout(WAIT_MAX, self.turns.acquire()).await;
        turn.map_err(|_| Crowded)?.map_err(|_| Crowded)
    }
}

#[cfg(test)]
mod tests {
    use domain::priority::Priority;
    use futures_util::FutureExt;
    use server::{http::Bounds, metrics::Metrics};

    use super::*;

    /// With two connections, behind a door that lets so many in.
    fn strangers(bound: usize) -> Strangers {
        let bounds = Bounds { floor: bound, ceiling: bound, ..Bounds::for_threads(1) };
        Strangers::new(2, &Admission::new(bounds, &Metrics::new()))
    }

    #[tokio::test]
    async fn who_waits_leaves_room_for_those_who_are_known_and_too_many_do_not_wait() {
        let strangers = strangers(256);
        let door = &strangers.admission;
        let reading = strangers.admit().await.unwrap();
        let (mut inside, mut waiting) = (Vec::new(), Vec::new());
        for _ in 0..WAITING_MAX {
            inside.push(door.try_enter(Priority::Verification).expect("there is room"));
            let mut next = Box::pin(strangers.admit());
            assert!(next.as_mut().now_or_never().is_none(), "nobody has left");
            waiting.push(next);
        }
        assert_eq!(door.room(Priority::Verification), 256);
        assert_eq!(strangers.admit().await.err(), Some(Crowded), "at once");
        waiting.clear();
        assert_eq!(door.room(Priority::Verification), 0);
        drop((inside, reading));
        assert!(strangers.admit().await.is_ok());
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
