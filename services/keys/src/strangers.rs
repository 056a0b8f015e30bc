//! Those whose secret nobody has proven here yet. They are read from Postgres behind all others, few of them at a time, and
//! few of them wait: a flood of keys that do not exist ends here.

use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};

/// How many wait at once; what comes on top is refused. More take memory and are refused at last all the same; with
/// fewer, who is refused at once is back at once, and refusals take the time in which strangers could be read.
const WAITING_MAX: usize = 512;
/// How long they wait before they are refused: for less than a read may take, so that a queue is never taken for a
/// Postgres that is away.
const WAIT_MAX: Duration = Duration::from_millis(300);

/// The line of the strangers of an environment.
pub struct Strangers {
    turns: Semaphore,
    waiting: Semaphore,
}

/// Too many strangers want to be read.
#[derive(Debug, PartialEq, Eq)]
pub struct Crowded;

impl Strangers {
    /// For a pool of so many connections, of which strangers have half at the most. Who waits here has no permit yet: known
    /// keys would be refused for want of room.
    pub fn new(connections: u32) -> Self {
        let turns = Semaphore::new(connections.div_ceil(2) as usize);
        Self { turns, waiting: Semaphore::new(WAITING_MAX) }
    }

    /// Waits for a turn. Who is not there cannot be told from who is there with another secret, here either.
    pub async fn admit(&self) -> Result<SemaphorePermit<'_>, Crowded> {
        let _waiting = self.waiting.try_acquire().map_err(|_| Crowded)?;
        let turn = tokio::time::timeout(WAIT_MAX, self.turns.acquire()).await;
        turn.map_err(|_| Crowded)?.map_err(|_| Crowded)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn too_many_do_not_wait() {
        let strangers = Strangers::new(2);
        let reading = strangers.admit().await.unwrap();
        let mut waiting = Vec::new();
        for _ in 0..WAITING_MAX {
            let mut next = Box::pin(strangers.admit());
            assert!(next.as_mut().now_or_never().is_none(), "nobody has left");
            waiting.push(next);
        }
        assert_eq!(strangers.admit().await.err(), Some(Crowded), "at once");
        waiting.clear();
        drop(reading);
        assert!(strangers.admit().await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_ever_and_who_leaves_makes_room() {
        let strangers = Strangers::new(2);
        let reading = strangers.admit().await.unwrap();
        assert_eq!(strangers.admit().await.err(), Some(Crowded), "after a while");
        drop(reading);
        assert!(strangers.admit().await.is_ok());
    }
}
