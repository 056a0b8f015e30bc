//! Which requests are let in when there is more work than can be done in time: few at once, the urgent ones first.
//!
//! One bound on the work in progress for a whole process: while its threads have no rest, what is done in a tenth of a
//! second. Why it is so: `docs/decisions/0020-shed-load-in-a-declared-order.md`.

use std::{
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use domain::priority::Priority;
use tokio::runtime::{Handle, RuntimeMetrics};

use super::metrics::AdmissionMetrics;
use crate::metrics::Metrics;

/// The share of the time in which the threads of a process have work before there is too much of it.
const BUSY_MAX: f64 = 0.9;
/// How long a request may take while there is too much: as many are let in as are done in this time. The promise of
/// 250 ms has room for it twice.
const STAY_MAX: Duration = Duration::from_millis(100);
/// How often the door is moved: long enough that what is done meanwhile can be counted.
const JUDGE_EVERY: Duration = Duration::from_millis(50);
/// Over how many of these times the pace is the mean.
const PACE_LOOKS: f64 = 5.0;
/// How often refusals are told in the log: a line for each would cost more than the refusal.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// Requests in progress that are never too many, for each thread that works on them: a burst of this many is worked off,
/// however little was to do before.
const FLOOR_PER_THREAD: usize = 256;
/// Requests in progress that are always too many, for each thread that works on them: waiting ones cost memory. What is
/// done in time is at most about as much, and less would refuse what could have been done.
const CEILING_PER_THREAD: usize = 4096;
/// Revocations in progress beyond all others. Those of one organization go one after another, and a thousand of them that
/// come within a few seconds mostly wait; one that waits costs a few KiB.
const RESERVE: usize = 1024;
/// Shares of the bound are told in this many parts.
const PARTS: usize = 16;

/// How much may be in progress at once.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// How far the bound may fall.
    pub floor: usize,
    /// How far it may rise.
    pub ceiling: usize,
    /// How many revocations may be in progress beside everything else.
    pub reserve: usize,
    /// What a kind of work may have in progress whatever the bound is, in the order of [`Priority::ALL`].
    pub caps: [usize; Priority::ALL.len()],
}

impl Bounds {
    /// Bounds for a process that works on so many threads.
    pub fn for_threads(threads: usize) -> Self {
        let threads = threads.max(1);
        Self {
            floor: FLOOR_PER_THREAD * threads,
            ceiling: CEILING_PER_THREAD * threads,
            reserve: RESERVE,
            caps: [usize::MAX; Priority::ALL.len()],
        }
    }

    /// At most so many of one kind: for work that waits for something scarcer than a processor.
    #[must_use]
    pub fn cap(mut self, priority: Priority, requests: usize) -> Self {
        self.caps[priority as usize] = requests;
        self
    }
}

/// The door of a process. Clones share it: every listener of the process has one.
#[derive(Debug, Clone)]
pub struct Admission(Arc<Door>);

#[derive(Debug)]
struct Door {
    bounds: Bounds,
    bound: AtomicUsize,
    /// Whether there was work nearly all the time when last looked at.
    is_busy: AtomicBool,
    /// Everything but revocations.
    working: AtomicUsize,
    /// Those of them that wait for something else than a processor, and take nobody's place meanwhile.
    aside: AtomicUsize,
    of_each: [AtomicUsize; Priority::ALL.len()],
    /// Requests that were let in and have left.
    done: AtomicUsize,
    refused: AtomicUsize,
    metrics: AdmissionMetrics,
}

/// Work in progress; its places are free again when this is dropped.
#[derive(Debug)]
pub struct Ticket {
    door: Arc<Door>,
    priority: Priority,
    places: AtomicUsize,
}

/// A place that is somebody else's for a while.
#[derive(Debug)]
pub struct Aside(Arc<Door>);

impl Admission {
    /// A door within these bounds, wide open.
    pub fn new(bounds: Bounds, metrics: &Metrics) -> Self {
        let metrics = AdmissionMetrics::register(metrics);
        Self(Arc::new(Door {
            bounds,
            bound: AtomicUsize::new(bounds.ceiling),
            is_busy: AtomicBool::default(),
            working: AtomicUsize::default(),
            aside: AtomicUsize::default(),
            of_each: Default::default(),
            done: AtomicUsize::default(),
            refused: AtomicUsize::default(),
            metrics,
        }))
    }

    /// A door for the runtime that this is called in; it follows that runtime's queue for as long as it is used.
    pub fn start(bounds: impl FnOnce(Bounds) -> Bounds, metrics: &Metrics) -> Self {
        let threads = Handle::current().metrics().num_workers();
        let admission = Self::new(bounds(Bounds::for_threads(threads)), metrics);
        tokio::spawn(follow(Arc::downgrade(&admission.0)));
        admission
    }

    /// Lets a request in, or refuses it. Takes no lock and never waits.
    pub fn try_enter(&self, priority: Priority) -> Option<Ticket> {
        self.try_enter_all(priority, 1)
    }

    /// Lets in what is as much work as so many requests, or refuses it as a whole. It needs room for its first place
    /// alone: else what is larger than the bound would never be let in.
    pub fn try_enter_all(&self, priority: Priority, places: usize) -> Option<Ticket> {
        let door = &self.0;
        let of_kind = door.of_each[priority as usize].fetch_add(places, Relaxed);
        let is_in = if priority == Priority::Revocation {
            of_kind < door.bounds.reserve
        } else {
            let working = door.working.fetch_add(places, Relaxed).saturating_sub(door.aside.load(Relaxed));
            working < door.limit(priority) && of_kind < door.bounds.caps[priority as usize]
        };
        let ticket = Ticket { door: Arc::clone(door), priority, places: places.into() };
        if is_in {
            return Some(ticket);
        }
        self.count_refused(priority);
        None
    }

    pub(super) fn count_refused(&self, priority: Priority) {
        self.0.refused.fetch_add(1, Relaxed);
        self.0.metrics.refused(priority);
    }

    /// How many more requests of this kind would be let in now.
    pub fn room(&self, priority: Priority) -> usize {
        let door = &self.0;
        let in_all = door.limit(priority).saturating_sub(door.at_work());
        let of_kind = door.bounds.caps[priority as usize].saturating_sub(door.of_each[priority as usize].load(Relaxed));
        in_all.min(of_kind)
    }

    /// Lets another one have a place as long as its holder waits for a store and this is kept. The holder is in progress
    /// meanwhile, whatever becomes of it.
    pub fn step_aside(&self) -> Aside {
        self.0.aside.fetch_add(1, Relaxed);
        Aside(Arc::clone(&self.0))
    }

    /// Whether there is more work than time.
    pub(crate) fn is_busy(&self) -> bool {
        self.0.is_busy.load(Relaxed)
    }

    #[cfg(test)]
    pub(crate) fn set_busy(&self) {
        self.0.is_busy.store(true, Relaxed);
    }

    /// How many requests may be in progress now.
    pub fn bound(&self) -> usize {
        self.0.bound.load(Relaxed)
    }

    /// While there is work nearly all the time, lets as many in as are done, at `pace` requests a second, in the time
    /// that one may take (Little's law). Else opens the door so far at once, and further little by little: all at once
    /// would let the next flood in as a whole.
    ///
    /// How long something waits is no measure for it: refusals wait and make wait as well, so that a door that is
    /// narrowed until nothing waits ends up refusing nearly everything.
    fn judge(&self, busy: f64, pace: f64) {
        let door = &self.0;
        let bound = self.bound();
        let in_time = (pace * STAY_MAX.as_secs_f64()) as usize;
        let next = if busy > BUSY_MAX { in_time } else { in_time.max(bound + bound / 16 + 1) };
        let next = next.clamp(door.bounds.floor, door.bounds.ceiling);
        door.bound.store(next, Relaxed);
        door.is_busy.store(busy > BUSY_MAX, Relaxed);
        door.metrics.show(door.working.load(Relaxed), next);
    }

    fn tell_refused(&self) {
        let refused = self.0.refused.swap(0, Relaxed);
        if refused > 0 {
            tracing::warn!(refused, bound = self.bound(), "refused {refused} requests for want of time");
        }
    }
}

impl Door {
    /// What is in progress and does not wait aside.
    fn at_work(&self) -> usize {
        self.working.load(Relaxed).saturating_sub(self.aside.load(Relaxed))
    }

    /// Up to how many requests in progress a kind of work is let in: what is given up first stops first.
    fn limit(&self, priority: Priority) -> usize {
        let parts = match priority {
            Priority::Development => 6,
            Priority::Staging => 8,
            Priority::Lists => 10,
            Priority::Writes => 13,
            Priority::Verification | Priority::Revocation => PARTS,
        };
        (self.bound.load(Relaxed) * parts).div_ceil(PARTS)
    }
}

impl Ticket {
    /// What kind of work it is for.
    pub fn priority(&self) -> Priority {
        self.priority
    }

    /// Gives back the place of a piece of work that is done before the others.
    pub fn leave_one(&self) {
        if self.places.fetch_update(Relaxed, Relaxed, |places| places.checked_sub(1)).is_ok() {
            self.leave(1);
        }
    }

    fn leave(&self, places: usize) {
        self.door.of_each[self.priority as usize].fetch_sub(places, Relaxed);
        self.door.done.fetch_add(places, Relaxed);
        if self.priority != Priority::Revocation {
            self.door.working.fetch_sub(places, Relaxed);
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let places = *self.places.get_mut();
        self.leave(places);
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        self.0.aside.fetch_sub(1, Relaxed);
    }
}

/// Measures and judges until nobody uses the door.
async fn follow(door: Weak<Door>) {
    let (mut busy, mut pace, mut told) = (Busy::start(), Pace::default(), Instant::now());
    loop {
        tokio::time::sleep(JUDGE_EVERY).await;
        let Some(door) = door.upgrade() else { return };
        let admission = Admission(door);
        let (share, elapsed) = busy.since();
        let done = admission.0.done.swap(0, Relaxed);
        if share > BUSY_MAX {
            pace.note(done as f64 / elapsed.as_secs_f64());
        }
        admission.judge(share, pace.0.unwrap_or_default());
        if told.elapsed() >= TELL_EVERY {
            told = Instant::now();
            admission.tell_refused();
        }
    }
}

/// How many requests are done in a second while there is no rest: the mean of the last quarter of a second of that, since
/// what is done together comes out together.
#[derive(Debug, Default)]
struct Pace(Option<f64>);

impl Pace {
    fn note(&mut self, done_per_second: f64) {
        self.0 = Some(self.0.map_or(done_per_second, |mean| mean + (done_per_second - mean) / PACE_LOOKS));
    }
}

/// How much of its time the runtime has work.
struct Busy {
    runtime: RuntimeMetrics,
    looked_at: Instant,
    total: Duration,
}

impl Busy {
    fn start() -> Self {
        let runtime = Handle::current().metrics();
        Self { looked_at: Instant::now(), total: total(&runtime), runtime }
    }

    /// The share of the time since the last look in which there was work for every thread, and that time.
    fn since(&mut self) -> (f64, Duration) {
        let (elapsed, total) = (self.looked_at.elapsed(), total(&self.runtime));
        let worked = total.saturating_sub(self.total).as_secs_f64() / self.runtime.num_workers() as f64;
        (self.looked_at, self.total) = (Instant::now(), total);
        (worked / elapsed.as_secs_f64(), elapsed)
    }
}

fn total(runtime: &RuntimeMetrics) -> Duration {
    (0..runtime.num_workers()).map(|worker| runtime.worker_total_busy_duration(worker)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn door(bound: usize) -> Admission {
        let bounds = Bounds { floor: 4, ceiling: bound, reserve: 2, caps: [usize::MAX; 6] };
        Admission::new(bounds.cap(Priority::Lists, 3), &Metrics::new())
    }

    #[test]
    fn what_is_given_up_first_stops_first_and_revocation_never_stops_for_the_others() {
        let admission = door(32);
        let mut tickets = Vec::new();
        let mut first_refused = Vec::new();
        for _ in 0..64 {
            for priority in [Priority::Development, Priority::Staging, Priority::Writes, Priority::Verification] {
                match admission.try_enter(priority) {
                    Some(ticket) => tickets.push(ticket),
                    None if !first_refused.contains(&priority) => first_refused.push(priority),
                    None => {}
                }
            }
        }
        let order = [Priority::Development, Priority::Staging, Priority::Writes, Priority::Verification];
        assert_eq!((tickets.len(), first_refused.as_slice()), (32, &order[..]));
        assert_eq!(admission.room(Priority::Verification), 0);
        let revocations: Vec<_> = (0..3).map(|_| admission.try_enter(Priority::Revocation)).collect();
        assert_eq!(revocations.iter().flatten().count(), 2, "the reserve, whole");
        tickets.clear();
        assert!(admission.try_enter(Priority::Development).is_some(), "places come back");
    }

    #[test]
    fn a_cap_holds_one_kind_and_no_other() {
        let admission = door(32);
        let lists: Vec<_> = (0..4).map_while(|_| admission.try_enter(Priority::Lists)).collect();
        assert_eq!((lists.len(), admission.room(Priority::Lists)), (3, 0));
        assert!(admission.try_enter(Priority::Writes).is_some());
        drop(lists);
        assert_eq!(admission.room(Priority::Lists), 3);
    }

    #[test]
    fn what_is_much_work_takes_its_places_as_a_whole_and_gives_them_back() {
        let admission = door(32);
        let batch = admission.try_enter_all(Priority::Verification, 100).expect("there is room to begin");
        assert!(admission.try_enter(Priority::Verification).is_none());
        assert_eq!(admission.room(Priority::Verification), 0);
        drop(batch);
        assert_eq!(admission.room(Priority::Verification), 32);
    }

    #[test]
    fn what_is_done_of_much_work_makes_room_before_the_rest_is() {
        let admission = door(32);
        let batch = admission.try_enter_all(Priority::Verification, 100).expect("there is room to begin");
        (0..80).for_each(|_| batch.leave_one());
        assert_eq!(admission.room(Priority::Verification), 12);
        (0..80).for_each(|_| batch.leave_one());
        assert_eq!(admission.room(Priority::Verification), 32, "no more than there was");
        drop(batch);
        assert_eq!(admission.room(Priority::Verification), 32, "and not twice");
    }

    #[test]
    fn who_waits_aside_takes_nobodys_place_and_is_in_progress_all_the_same() {
        let admission = door(32);
        let waits = admission.try_enter_all(Priority::Verification, 32).unwrap();
        let aside: Vec<_> = (0..8).map(|_| admission.step_aside()).collect();
        assert_eq!((admission.room(Priority::Verification), admission.0.working.load(Relaxed)), (8, 32));
        let others: Vec<_> = (0..9).map_while(|_| admission.try_enter(Priority::Verification)).collect();
        assert_eq!(others.len(), 8);
        drop(aside);
        assert!(admission.try_enter(Priority::Verification).is_none(), "until those who come back have done");
        drop(waits);
        assert_eq!(admission.room(Priority::Verification), 24);
        let gone = admission.step_aside();
        drop(others);
        assert_eq!(admission.room(Priority::Verification), 32, "never more than there are");
        drop(gone);
    }

    #[test]
    fn the_bound_is_what_is_done_in_time_while_there_is_too_much_and_comes_back() {
        let admission = door(1024);
        admission.judge(BUSY_MAX, 0.0);
        assert_eq!(admission.bound(), 1024, "there is time left");
        admission.judge(1.0, 7_000.0);
        assert_eq!(admission.bound(), 700);
        admission.judge(1.0, 7_500.0);
        assert_eq!(admission.bound(), 750, "more is done, more is let in");
        admission.judge(1.0, 10.0);
        assert_eq!(admission.bound(), 4, "the floor");
        admission.judge(0.5, 5_000.0);
        assert_eq!(admission.bound(), 500, "at once as far as is known to be good");
        admission.judge(0.5, 5_000.0);
        assert_eq!(admission.bound(), 532, "and further little by little");
        for _ in 0..20 {
            admission.judge(0.5, 5_000.0);
        }
        assert_eq!(admission.bound(), 1024);
    }

    fn spin(time: Duration) {
        let started = Instant::now();
        while started.elapsed() < time {
            std::hint::spin_loop();
        }
    }

    #[tokio::test]
    async fn a_runtime_without_rest_narrows_the_door_and_one_with_rest_widens_it() {
        let admission = Admission::start(|bounds| Bounds { floor: 8, ceiling: 512, ..bounds }, &Metrics::new());
        let busy = tokio::spawn(async {
            loop {
                spin(Duration::from_millis(5));
                tokio::task::yield_now().await;
            }
        });
        let narrowed = async {
            while admission.bound() > 100 {
                tokio::time::sleep(JUDGE_EVERY).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), narrowed).await.expect("the door narrows");
        busy.abort();
        let widened = async {
            while admission.bound() < 512 {
                tokio::time::sleep(JUDGE_EVERY).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), widened).await.expect("the door widens");
    }
}
