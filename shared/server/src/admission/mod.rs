//! The admission queue: how much may be in progress, who waits for it, and who is rejected while there is more work than
//! time. It stands behind the parser, where it is known whose a request is. Why it is so:
//! `docs/decisions/0020-shed-load-in-a-declared-order.md`.

mod load;
pub(crate) mod metrics;

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use domain::{ids::OrganizationId, priority::Priority};
use tokio::{
    runtime::Handle,
    sync::{Semaphore, oneshot},
    time::{Instant, sleep, timeout},
};

use self::{
    load::{BUSY_MAX, watch_load},
    metrics::AdmissionMetrics,
};
use crate::{
    metrics::Metrics,
    problem::{ErrorCode, Problem},
};

/// How long a request may wait for its permit, and how long it may then take: as many are in progress as are done in this
/// time. The promise of 250 ms has room for both.
const TARGET: Duration = Duration::from_millis(100);
/// Requests in progress that are never too many, for each thread: a burst of this many is worked off, however little was
/// to do before.
const FLOOR_PER_THREAD: usize = 256;
/// Requests in progress that are always too many, for each thread, and the most that wait: each costs memory, and a thread
/// verifies about as many in [`TARGET`].
const CEILING_PER_THREAD: usize = 4096;
/// Revocations in progress beyond everything else. A thousand that come together mostly wait for each other.
const REVOCATIONS_MAX: usize = 1024;
/// How long a revocation waits behind others of its organization: it is not sent away as others are.
const REVOCATION_WAIT_MAX: Duration = Duration::from_secs(5);
/// How long a rejection is held back while there is no time to spare: whoever asks again at once would have the process do
/// nothing but reject. It is the least that the rejection tells the client to wait.
const REJECTION_DELAY: Duration = Duration::from_secs(1);
/// Rejections held back at once, for each thread; beyond them they are told at once.
const HELD_REJECTIONS_PER_THREAD: usize = 4096;
/// One organization, and all lists together, have at most one of so many parts: something is left for whoever comes next.
const PARTS: usize = 2;

/// Who shares what is there equally with the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FairnessKey {
    /// The organization that the work is for.
    Organization(OrganizationId),
    /// Nobody is known: all of these wait as one.
    Unknown,
}

/// There is more work than time, and this was left undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there is more work than time")]
pub struct Rejected;

impl From<Rejected> for Problem {
    /// Who obeys comes back at a time of its own: all together they would be the next flood.
    fn from(_: Rejected) -> Self {
        static TURN: AtomicU64 = AtomicU64::new(0);
        Self::new(ErrorCode::Overloaded).retry_after(Duration::from_secs(1 + TURN.fetch_add(1, Relaxed) % 3))
    }
}

/// Lets work in: urgent before less urgent, and organizations in turn. Clones share it.
#[derive(Debug, Clone)]
pub struct AdmissionQueue {
    shared: Arc<Shared>,
    priority_max: Priority,
}

#[derive(Debug)]
struct Shared {
    wait_max: Duration,
    metrics: AdmissionMetrics,
    state: Mutex<State>,
    held_rejections: Semaphore,
}

#[derive(Debug)]
struct State {
    floor: usize,
    ceiling: usize,
    bound: usize,
    /// Everything in progress but revocations.
    in_use: usize,
    waiting: usize,
    classes: [Class; Priority::ALL.len()],
    done: usize,
    rejected: usize,
    /// The threads have work nearly all the time.
    is_busy: bool,
}

/// The work of one priority.
#[derive(Debug, Default)]
struct Class {
    in_use: usize,
    /// Who has work in progress or waiting.
    flows: HashMap<FairnessKey, Flow>,
    /// Who has work waiting, in the order of their turns.
    order: VecDeque<FairnessKey>,
}

#[derive(Debug, Default)]
struct Flow {
    in_use: usize,
    /// Turns that are still to be left out for what was let in (deficit round robin with a quantum of one).
    debt: usize,
    waiters: VecDeque<Waiter>,
    /// Since when whoever is first has waited for too long.
    late_since: Option<Instant>,
}

#[derive(Debug)]
struct Waiter {
    since: Instant,
    slot: Slot,
    admitted: oneshot::Sender<Permit>,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    priority: Priority,
    key: FairnessKey,
    cost: usize,
}

/// Work in progress; the next is let in when this is dropped.
#[derive(Debug)]
pub struct Permit {
    /// `None` once it was taken back.
    shared: Option<Arc<Shared>>,
    slot: Slot,
}

impl AdmissionQueue {
    /// A queue for what the threads of this runtime do: its bound follows what they get done.
    pub fn start(metrics: &Metrics) -> Self {
        let threads = Handle::current().metrics().num_workers();
        Self::within("requests", (FLOOR_PER_THREAD * threads, CEILING_PER_THREAD * threads), TARGET, metrics)
    }

    /// A queue for something of which there are always `bound`. Work waits for it for so long.
    pub fn fixed(name: &'static str, bound: usize, wait_max: Duration, metrics: &Metrics) -> Self {
        Self::within(name, (bound, bound), wait_max, metrics)
    }

    fn within(name: &'static str, (floor, ceiling): (usize, usize), wait_max: Duration, metrics: &Metrics) -> Self {
        let (classes, metrics) = (Default::default(), AdmissionMetrics::register(metrics, name));
        let (in_use, waiting, done, rejected, is_busy) = (0, 0, 0, 0, false);
        let state = State { floor, ceiling, bound: ceiling, in_use, waiting, classes, done, rejected, is_busy };
        let held_rejections = Semaphore::new(HELD_REJECTIONS_PER_THREAD * Handle::current().metrics().num_workers());
        let shared = Arc::new(Shared { wait_max, metrics, state: Mutex::new(state), held_rejections });
        tokio::spawn(watch_load(Arc::downgrade(&shared)));
        Self { shared, priority_max: Priority::Revocation }
    }

    /// The same queue for an environment that is served beside production: all its work is of the lowest priority, but
    /// revocations.
    #[must_use]
    pub fn beside_production(&self) -> Self {
        Self { priority_max: Priority::Lists, ..self.clone() }
    }

    /// Waits for a permit for what is as much work as `cost` requests. It is let in as a whole and needs room for the first
    /// alone: else what is larger than the bound would never be let in.
    pub async fn acquire(&self, priority: Priority, key: FairnessKey, cost: usize) -> Result<Permit, Rejected> {
        let priority = if priority == Priority::Revocation { priority } else { priority.min(self.priority_max) };
        let wait_max = if priority == Priority::Revocation { REVOCATION_WAIT_MAX } else { self.shared.wait_max };
        let slot = Slot { priority, key, cost: cost.max(1) };
        let waiting = match self.enter(slot) {
            Entered::Admitted(permit) => return Ok(permit),
            Entered::Rejected => None,
            Entered::Waiting(admitted) => timeout(wait_max, admitted).await.ok().and_then(Result::ok),
        };
        match waiting {
            Some(permit) => Ok(permit),
            None => Err(self.reject(priority).await),
        }
    }

    async fn reject(&self, priority: Priority) -> Rejected {
        let is_busy = {
            let mut state = self.shared.lock();
            state.rejected += 1;
            state.is_busy
        };
        self.shared.metrics.rejected(priority);
        if is_busy && let Ok(_held) = self.shared.held_rejections.try_acquire() {
            sleep(REJECTION_DELAY).await;
        }
        Rejected
    }

    fn enter(&self, slot: Slot) -> Entered {
        let mut state = self.shared.lock();
        if state.fits(slot) {
            state.occupy(slot);
            return Entered::Admitted(Permit { shared: Some(Arc::clone(&self.shared)), slot });
        }
        let now = Instant::now();
        let is_full = state.waiting >= state.ceiling.max(CEILING_PER_THREAD);
        let class = &mut state.classes[slot.priority as usize];
        let flow = class.flows.entry(slot.key).or_default();
        if slot.priority != Priority::Revocation && (is_full || flow.over_sojourn_target(now, self.shared.wait_max)) {
            return Entered::Rejected;
        }
        if flow.waiters.is_empty() {
            class.order.push_back(slot.key);
        }
        let (admitted, waiting) = oneshot::channel();
        flow.waiters.push_back(Waiter { since: now, slot, admitted });
        state.waiting += 1;
        Entered::Waiting(waiting)
    }

    #[cfg(test)]
    fn bound(&self) -> usize {
        self.shared.lock().bound
    }
}

enum Entered {
    Admitted(Permit),
    Rejected,
    Waiting(oneshot::Receiver<Permit>),
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn part(&self) -> usize {
        self.bound.div_ceil(PARTS)
    }

    fn has_room(&self, priority: Priority) -> bool {
        let class = &self.classes[priority as usize];
        match priority {
            Priority::Revocation => class.in_use < REVOCATIONS_MAX,
            Priority::Lists => self.in_use < self.bound && class.in_use < self.part(),
            Priority::Writes | Priority::Verification => self.in_use < self.bound,
        }
    }

    /// Whether it need not wait. What waits already is never passed: it waits for its own organization's part, or for that of
    /// the lists.
    fn fits(&self, slot: Slot) -> bool {
        let flow = self.classes[slot.priority as usize].flows.get(&slot.key);
        self.has_room(slot.priority) && flow.is_none_or(|flow| flow.waiters.is_empty() && flow.in_use < self.part())
    }

    fn occupy(&mut self, slot: Slot) {
        let class = &mut self.classes[slot.priority as usize];
        class.in_use += slot.cost;
        class.flows.entry(slot.key).or_default().in_use += slot.cost;
        if slot.priority != Priority::Revocation {
            self.in_use += slot.cost;
        }
    }

    fn release(&mut self, slot: Slot) {
        let class = &mut self.classes[slot.priority as usize];
        class.in_use -= slot.cost;
        if let Some(flow) = class.flows.get_mut(&slot.key) {
            flow.in_use -= slot.cost;
            if flow.in_use == 0 && flow.waiters.is_empty() {
                class.flows.remove(&slot.key);
            }
        }
        if slot.priority != Priority::Revocation {
            self.in_use -= slot.cost;
        }
    }

    /// Lets in whoever may be.
    fn dispatch(&mut self, shared: &Arc<Shared>) {
        for priority in Priority::ALL.into_iter().rev() {
            let mut passed_over = 0;
            while self.has_room(priority) && passed_over < self.classes[priority as usize].order.len() {
                passed_over = if self.serve_next(priority, shared) { 0 } else { passed_over + 1 };
            }
        }
    }

    /// Gives a turn to the next flow of a priority; `false` if it has its part already.
    fn serve_next(&mut self, priority: Priority, shared: &Arc<Shared>) -> bool {
        let part = self.part();
        let class = &mut self.classes[priority as usize];
        let Some(key) = class.order.pop_front() else { return false };
        let flow = class.flows.get_mut(&key).expect("who waits has a flow");
        if flow.in_use >= part {
            class.order.push_back(key);
            return false;
        }
        if flow.debt > 0 {
            flow.debt -= 1;
            class.order.push_back(key);
            return true;
        }
        let Some(waiter) = flow.waiters.pop_front() else { return true };
        self.waiting -= 1;
        if waiter.since.elapsed() <= shared.wait_max / 2 {
            flow.late_since = None;
        }
        if flow.waiters.is_empty() {
            (flow.debt, flow.late_since) = (0, None);
        } else {
            flow.debt = waiter.slot.cost - 1;
            class.order.push_back(key);
        }
        self.occupy(waiter.slot);
        let permit = Permit { shared: Some(Arc::clone(shared)), slot: waiter.slot };
        if let Err(mut unwanted) = waiter.admitted.send(permit) {
            unwanted.shared = None;
            self.release(waiter.slot);
        }
        true
    }

    /// Forgets those who have left, and those of whom nothing is left.
    fn purge(&mut self) {
        for Class { flows, order, .. } in &mut self.classes {
            flows.values_mut().for_each(|flow| flow.waiters.retain(|waiter| !waiter.admitted.is_closed()));
            order.retain(|key| flows.get(key).is_some_and(|flow| !flow.waiters.is_empty()));
            flows.retain(|_, flow| flow.in_use > 0 || !flow.waiters.is_empty());
        }
        let waiting = self.classes.iter().flat_map(|class| class.flows.values()).map(|flow| flow.waiters.len());
        self.waiting = waiting.sum();
    }

    /// While there is work nearly all the time, as many are let in as are done in [`TARGET`] at `pace` a second (Little's
    /// law). Else as many at once, and more little by little: all at once would let the next flood in as a whole.
    ///
    /// How long something waits is no measure for it: rejections wait as well, so that a bound that is lowered until nothing
    /// waits ends up rejecting nearly everything. For the same reason rejections are held back while there is too much work:
    /// those who ask again at once would take the time in which the pace is measured.
    fn judge(&mut self, busy: f64, pace: f64) {
        let in_time = (pace * TARGET.as_secs_f64()) as usize;
        let next = if busy > BUSY_MAX { in_time } else { in_time.max(self.bound + self.bound / 16 + 1) };
        self.bound = next.clamp(self.floor, self.ceiling);
    }
}

impl Flow {
    /// CoDel's rule: a queue whose first has waited for more than half of what it may, at every look for as long as that,
    /// does not end by itself, and whoever comes to it is told so at once.
    fn over_sojourn_target(&mut self, now: Instant, wait_max: Duration) -> bool {
        let is_late = self.waiters.front().is_some_and(|first| now - first.since > wait_max / 2);
        self.late_since = if is_late { self.late_since.or(Some(now)) } else { None };
        self.late_since.is_some_and(|since| now - since >= wait_max / 2)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let Some(shared) = self.shared.take() else { return };
        let mut state = shared.lock();
        state.done += self.slot.cost;
        state.release(self.slot);
        if state.waiting > 0 {
            state.dispatch(&shared);
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use futures_util::FutureExt;

    use super::*;

    fn queue(bound: usize) -> AdmissionQueue {
        AdmissionQueue::fixed("test", bound, TARGET, &Metrics::new())
    }

    fn organization() -> FairnessKey {
        FairnessKey::Organization(OrganizationId::mint(DateTime::UNIX_EPOCH))
    }

    fn now(queue: &AdmissionQueue, priority: Priority, key: FairnessKey) -> Option<Permit> {
        queue.acquire(priority, key, 1).now_or_never().and_then(Result::ok)
    }

    #[tokio::test(start_paused = true)]
    async fn an_organization_has_half_and_the_rest_is_left_to_others() {
        let (queue, [greedy, other]) = (queue(8), [organization(), organization()]);
        let held: Vec<_> = (0..100).filter_map(|_| now(&queue, Priority::Verification, greedy)).collect();
        assert_eq!(held.len(), 4);
        assert!(now(&queue, Priority::Verification, other).is_some());
        drop(held);
        assert!(now(&queue, Priority::Verification, greedy).is_some(), "permits come back");
    }

    #[tokio::test(start_paused = true)]
    async fn lists_have_half_of_the_room_whoever_asks() {
        let queue = queue(8);
        let lists: Vec<_> = (0..100).filter_map(|_| now(&queue, Priority::Lists, organization())).collect();
        assert_eq!(lists.len(), 4);
        let beside = queue.beside_production();
        assert!(
            now(&beside, Priority::Verification, organization()).is_none(),
            "all it does is of the lowest priority"
        );
        assert!(now(&beside, Priority::Revocation, organization()).is_some(), "but revocations");
        assert!(now(&queue, Priority::Verification, organization()).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn revocations_pass_whatever_is_in_progress() {
        let queue = queue(2);
        let held: Vec<_> = (0..2).filter_map(|_| now(&queue, Priority::Verification, organization())).collect();
        assert_eq!(held.len(), 2);
        let passed: Vec<_> =
            (0..2 * REVOCATIONS_MAX).filter_map(|_| now(&queue, Priority::Revocation, organization())).collect();
        assert_eq!(passed.len(), REVOCATIONS_MAX);
    }

    #[tokio::test(start_paused = true)]
    async fn revocations_of_one_organization_wait_for_each_other() {
        let (queue, own) = (queue(2), organization());
        let first = now(&queue, Priority::Revocation, own).unwrap();
        let second = queue.acquire(Priority::Revocation, own, 1);
        let leaving = async {
            sleep(10 * TARGET).await;
            drop(first);
        };
        let (second, ()) = futures_util::future::join(second, leaving).await;
        assert!(second.is_ok(), "a write would have been sent away");
    }

    #[tokio::test(start_paused = true)]
    async fn the_urgent_are_next_and_organizations_take_turns() {
        let queue = queue(1);
        let (one, other) = (organization(), organization());
        let first = now(&queue, Priority::Verification, one).unwrap();
        let served = Arc::new(Mutex::new(Vec::new()));
        let ask = |name: &'static str, priority, key, cost| {
            let (queue, served) = (queue.clone(), Arc::clone(&served));
            tokio::spawn(async move {
                let _permit = queue.acquire(priority, key, cost).await.unwrap();
                served.lock().unwrap().push(name);
            })
        };
        let mut asking = vec![ask("list", Priority::Lists, other, 1), ask("batch", Priority::Writes, one, 3)];
        asking.extend((0..3).map(|_| ask("one", Priority::Writes, one, 1)));
        asking.extend((0..3).map(|_| ask("other", Priority::Writes, other, 1)));
        asking.push(ask("verify", Priority::Verification, other, 1));
        sleep(TARGET / 10).await;
        drop(first);
        futures_util::future::join_all(asking).await;
        let expected = ["verify", "batch", "other", "other", "other", "one", "one", "one", "list"];
        assert_eq!(*served.lock().unwrap(), expected, "a batch of three is three turns");
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_ever_and_a_standing_queue_takes_no_more() {
        let queue = queue(1);
        let own = organization();
        let _held = now(&queue, Priority::Verification, own).unwrap();
        let asked = Instant::now();
        assert_eq!(queue.acquire(Priority::Verification, own, 1).await.err(), Some(Rejected));
        assert_eq!(asked.elapsed(), TARGET);
        let mut rejected_at_once = 0;
        for _ in 0..100 {
            let queue = queue.clone();
            let asked = Instant::now();
            let asking = tokio::spawn(async move { queue.acquire(Priority::Verification, own, 1).await.is_err() });
            sleep(TARGET / 20).await;
            rejected_at_once += usize::from(asking.is_finished() && asked.elapsed() < TARGET);
        }
        assert!(rejected_at_once > 20, "{rejected_at_once}");
        assert!(now(&queue, Priority::Revocation, own).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn rejections_are_held_back_while_there_is_no_time_to_spare() {
        let queue = queue(1);
        let took = async |is_busy| {
            queue.shared.lock().is_busy = is_busy;
            let asked = Instant::now();
            queue.reject(Priority::Verification).await;
            asked.elapsed()
        };
        assert_eq!(took(false).await, Duration::ZERO);
        assert_eq!(took(true).await, REJECTION_DELAY);
        let every = HELD_REJECTIONS_PER_THREAD as u32;
        let _held = queue.shared.held_rejections.acquire_many(every).await.unwrap();
        assert_eq!(took(true).await, Duration::ZERO, "so many are held back, and no more");
    }

    #[tokio::test(start_paused = true)]
    async fn who_leaves_is_forgotten_and_takes_nothing() {
        let (queue, own) = (queue(1), organization());
        let held = now(&queue, Priority::Verification, own).unwrap();
        for _ in 0..100 {
            assert!(now(&queue, Priority::Verification, organization()).is_none());
        }
        drop(held);
        assert!(now(&queue, Priority::Verification, own).is_some());
        sleep(TARGET).await;
        let state = queue.shared.lock();
        assert_eq!((state.waiting, state.in_use), (0, 0));
        assert!(state.classes.iter().all(|class| class.flows.is_empty() && class.order.is_empty()));
    }

    #[tokio::test]
    async fn the_bound_is_what_is_done_in_time_while_there_is_too_much() {
        let queue = AdmissionQueue::within("test", (4, 1024), TARGET, &Metrics::new());
        let mut state = queue.shared.lock();
        let mut judged = |busy, pace| {
            state.judge(busy, pace);
            state.bound
        };
        assert_eq!(judged(BUSY_MAX, 0.0), 1024, "there is time left");
        assert_eq!(judged(1.0, 7_000.0), 700);
        assert_eq!(judged(1.0, 7_500.0), 750, "more is done, more is let in");
        assert_eq!(judged(1.0, 10.0), 4, "the floor");
        assert_eq!(judged(0.5, 5_000.0), 500, "at once as far as is known to be good");
        assert_eq!(judged(0.5, 5_000.0), 532, "and further little by little");
    }

    fn spin(time: Duration) {
        let started = std::time::Instant::now();
        while started.elapsed() < time {
            std::hint::spin_loop();
        }
    }

    #[tokio::test]
    async fn a_busy_runtime_lowers_the_bound_and_an_idle_one_raises_it() {
        let queue = AdmissionQueue::within("test", (8, 512), TARGET, &Metrics::new());
        let busy = tokio::spawn(async {
            loop {
                spin(Duration::from_millis(5));
                tokio::task::yield_now().await;
            }
        });
        let until = async |is_met: fn(usize) -> bool| {
            let started = Instant::now();
            while !is_met(queue.bound()) {
                assert!(started.elapsed() < Duration::from_secs(30), "the bound is {}", queue.bound());
                sleep(TARGET / 2).await;
            }
        };
        until(|bound| bound < 100).await;
        busy.abort();
        until(|bound| bound == 512).await;
    }
}
