//! One call in flight at a time for each slot; what comes meanwhile goes together in the next.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::batch::Batch;
use super::spend::{SpendAnswer, SpendRequest};
use crate::connections::{Away, Connection, Link, Script, Slot};

/// Sends requests in batches: those of one slot in the order in which they come.
pub(super) struct Lanes {
    link: Arc<Link>,
    script: Script,
    /// One for each slot: batches for different slots never share a call.
    lanes: Box<[Mutex<Lane>]>,
}

#[derive(Default)]
struct Lane {
    queue: VecDeque<Batch>,
    is_busy: bool,
}

impl Lanes {
    pub(super) fn new(link: Arc<Link>, script: Script) -> Self {
        let lanes = std::iter::repeat_with(Mutex::default).take(link.slots()).collect();
        Self { link, script, lanes }
    }

    /// Has a request answered, alone or with others. Its order among them is the order of these calls.
    pub(super) async fn ask(self: &Arc<Self>, prefix: &str, request: &SpendRequest<'_>) -> Result<SpendAnswer, Away> {
        let slot = self.link.slot_of(request.organization);
        let connection = self.link.connection(slot)?;
        let (reply, mut answer) = oneshot::channel();
        if self.join(slot, connection, |batch| batch.push(prefix, request, reply)) {
            // Nothing is in flight: this request goes at once, and what comes meanwhile is sent in the background.
            let turn = Turn { lanes: Arc::clone(self), slot };
            // Few of those who ask also send: the others have no room for it.
            Box::pin(turn.send_next()).await;
            if let Ok(answer) = answer.try_recv() {
                return answer;
            }
        }
        answer.await.unwrap_or(Err(Away(None)))
    }

    /// Queues a request; says whether it has to be sent by whoever brought it.
    fn join(&self, slot: Slot, connection: Arc<Connection>, push: impl FnOnce(&mut Batch)) -> bool {
        let mut lane = self.lane(slot);
        let fits = |batch: &Batch| !batch.is_full() && Arc::ptr_eq(&batch.connection, &connection);
        match lane.queue.back_mut() {
            Some(batch) if fits(batch) => push(batch),
            _ => {
                let mut batch = Batch::new(connection);
                push(&mut batch);
                lane.queue.push_back(batch);
            }
        }
        !std::mem::replace(&mut lane.is_busy, true)
    }

    /// The next batch; without one, the lane is free.
    fn next(&self, slot: Slot) -> Option<Batch> {
        let mut lane = self.lane(slot);
        let next = lane.queue.pop_front();
        lane.is_busy = next.is_some();
        next
    }

    async fn send(&self, slot: Slot, batch: Batch) {
        // What queued behind a call that was lost is not sent after it, to be lost as well and as late.
        let answered = if self.link.has(&batch.connection) {
            let call = batch.call(&self.script);
            self.link.send(slot, &batch.connection, (&call, Some(&self.script))).await
        } else {
            Err(Away(None))
        };
        batch.answer(answered);
    }

    fn lane(&self, slot: Slot) -> MutexGuard<'_, Lane> {
        self.lanes[slot.number()].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to send on a lane. Dropped, also half-way, it is passed on: nobody behind waits for a request that was cancelled.
struct Turn {
    lanes: Arc<Lanes>,
    slot: Slot,
}

impl Turn {
    async fn send_next(self) {
        if let Some(batch) = self.lanes.next(self.slot) {
            self.lanes.send(self.slot, batch).await;
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let (lanes, slot) = (Arc::clone(&self.lanes), self.slot);
        let Some(mut batch) = lanes.next(slot) else { return };
        tokio::spawn(async move {
            loop {
                lanes.send(slot, batch).await;
                let Some(next) = lanes.next(slot) else { return };
                batch = next;
            }
        });
    }
}
