//! One call in flight at a time on a connection; what comes meanwhile goes together in the next.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use redis::Value;
use tokio::sync::oneshot;

use super::batch::Batch;
use super::link::{Away, Link};
use super::script::Script;
use super::session::Session;
use super::slots::Slot;
use super::spend::{Said, SpendRequest, read_batch};

/// The requests that wait on one connection for one hash slot.
#[derive(Default)]
pub(super) struct Lane {
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    batches: VecDeque<Batch>,
    is_flying: bool,
}

/// What a call needs to be sent.
#[derive(Clone)]
pub(super) struct Route {
    pub(super) link: Arc<Link>,
    /// Whose keys the lane's batches touch.
    pub(super) slot: Slot,
    pub(super) session: Arc<Session>,
    pub(super) script: Arc<Script>,
}

impl Lane {
    /// Has a request answered, alone or with others. Its order among them is the order of these calls.
    pub(super) async fn ask(&self, route: &Route, prefix: &str, request: &SpendRequest<'_>) -> Result<Said, Away> {
        let (sender, mut answer) = oneshot::channel();
        if self.join(prefix, request, sender) {
            // Nobody is on the way: this request goes at once, with nobody's help, and the rest is sent behind its back.
            let flight = Flight { route: route.clone(), is_landed: false };
            // Few of those who ask also fly: the others have no room for it.
            Box::pin(flight.fly_once()).await;
            if let Ok(said) = answer.try_recv() {
                return said;
            }
        }
        answer.await.unwrap_or(Err(Away(None)))
    }

    /// Queues a request; says whether it has to be sent by whoever brought it.
    fn join(&self, prefix: &str, request: &SpendRequest<'_>, sender: oneshot::Sender<Result<Said, Away>>) -> bool {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        if queue.batches.back().is_none_or(Batch::is_full) {
            queue.batches.push_back(Batch::default());
        }
        let batch = queue.batches.back_mut().expect("one was just put there");
        batch.push(prefix, request, sender);
        !std::mem::replace(&mut queue.is_flying, true)
    }

    /// Whether nothing is on its way.
    #[cfg(test)]
    pub(super) fn is_free(&self) -> bool {
        !self.queue.lock().unwrap().is_flying
    }

    /// The next batch; without one, the lane is free.
    fn next(&self) -> Option<Batch> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let next = queue.batches.pop_front();
        queue.is_flying = next.is_some();
        next
    }
}

/// The right to send on a lane. Given up half-way, it is passed on: nobody behind waits for a request that was cancelled.
struct Flight {
    route: Route,
    is_landed: bool,
}

impl Flight {
    async fn fly_once(mut self) {
        if let Some(batch) = self.route.lane().next() {
            self.route.send(batch).await;
        }
        self.is_landed = true;
        self.route.clone().go_on();
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        if !self.is_landed {
            self.route.clone().go_on();
        }
    }
}

impl Route {
    /// The lane that leads there: batches for different slots never share a call.
    pub(super) fn lane(&self) -> &Lane {
        self.session.lane(self.slot)
    }

    /// Sends what has come meanwhile, in the background, until nothing is left.
    fn go_on(self) {
        let Some(batch) = self.lane().next() else { return };
        tokio::spawn(async move {
            let mut batch = Some(batch);
            while let Some(next) = batch {
                self.send(next).await;
                batch = self.lane().next();
            }
        });
    }

    async fn send(&self, batch: Batch) {
        // What queued behind a call that was lost is not sent after it, to be lost as well and as late.
        let answered = if self.link.is_held(&self.session) {
            self.script.send(&self.link, (self.slot, &self.session), &batch.call(self.script.digest())).await
        } else {
            Err(Away(None))
        };
        let waiting = batch.into_waiting();
        let shapes = waiting.iter().map(|(shape, _)| *shape);
        let told = match answered {
            Ok((Value::BulkString(bytes), run)) => read_batch(&bytes, run, shapes).ok_or(Away(None)),
            Ok(_) => Err(Away(None)),
            Err(away) => Err(away),
        };
        match told {
            Ok(answers) => {
                for ((_, sender), said) in waiting.into_iter().zip(answers) {
                    let _ = sender.send(Ok(said));
                }
            }
            Err(Away(cause)) => {
                for (_, sender) in waiting {
                    let _ = sender.send(Err(Away(cause.clone())));
                }
            }
        }
    }
}
