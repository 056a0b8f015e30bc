//! Who waits for a turn to be read while there is more work than time. A request that was not read yet costs nothing,
//! and few at a time are done faster than many. Why it is so: `docs/decisions/0020-shed-load-in-a-declared-order.md`.

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

use domain::priority::Priority;
use tokio::time::Instant;

use super::{
    asker::{Asker, Last},
    metrics::LineMetrics,
    ration::Ration,
};
use crate::{
    http::{Admission, Refusals},
    metrics::Metrics,
};

/// Questions that are worked on at once while there is more work than time, for each thread.
const TURNS_PER_THREAD: isize = 128;
/// So many of them are handed on together. Requests that are read together, wait for Redis together and are answered
/// together find the code of each step in the processor's cache; handed on one by one each took a seventh longer.
const TURNS_PER_ROUND: isize = TURNS_PER_THREAD * 3 / 4;
/// How long a turn is kept from the next at most: what takes longer waits for something else than a processor. That is so
/// while a task that could go on does so at once.
const TURN_MAX: Duration = Duration::from_millis(10);
/// So many times a task waits for a processor until its request is answered.
const WAITS_PER_TURN: u32 = 4;
/// A turn is never kept for longer than this.
const LATE_TURN_MAX: Duration = Duration::from_millis(100);
/// How long a request waits to be read at most; then it is refused. The promise of 250 ms has room for it, for the work
/// and for a pause of the machine.
const WAIT_MAX: Duration = Duration::from_millis(160);
/// How often those are looked for who would wait for longer than that: a clock for each would cost more.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// When the first of an organization has waited so long, there is a queue that does not end by itself, and whoever comes
/// then is refused at once, as far as the ration goes; the others wait.
const WAIT_HOPELESS: Duration = Duration::from_millis(25);

/// The line of a process. Clones share it.
#[derive(Debug, Clone)]
pub struct Line(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    admission: Admission,
    metrics: LineMetrics,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Less than none where the last one took more than there was.
    free: isize,
    /// How many are handed on together.
    round: isize,
    /// Since when, how many to one request, and whether they are over, in the order of time.
    given: VecDeque<(Instant, isize, Arc<AtomicBool>)>,
    /// By priority.
    waiting: [Waiters; Priority::ALL.len()],
    ration: Ration,
    /// How long a task that could go on has waited for a processor lately.
    late: Duration,
}

/// Those of one priority: organizations take turns, so that one with a thousand connections waits behind itself.
#[derive(Debug, Default)]
struct Waiters {
    of_each: HashMap<Asker, VecDeque<Arc<Place>>>,
    /// Who has a connection that waits, in the order of their turns.
    order: VecDeque<Asker>,
}

#[derive(Debug)]
struct Place {
    since: Instant,
    waiting: Mutex<Waiting>,
    last: Last,
}

#[derive(Debug)]
enum Waiting {
    Still(Waker),
    Given(Turn),
    Left,
}

/// The right to be worked on, which takes several turns where it is about a batch; the next ones have them when this is
/// dropped.
#[derive(Debug)]
pub(super) struct Turn {
    line: Line,
    turns: isize,
    is_over: Arc<AtomicBool>,
}

/// What the connections of a listener queue for.
#[derive(Debug, Clone)]
pub struct Queue {
    line: Line,
    priority: Priority,
    refusals: Refusals,
}

/// One connection's place in the line, when it has one.
#[derive(Debug)]
pub(super) struct Standing {
    queue: Queue,
    waits: Option<Waits>,
    /// The last refusal had been earned by what was let in.
    is_earned: bool,
}

#[derive(Debug)]
struct Waits {
    asker: Asker,
    place: Arc<Place>,
}

impl Line {
    /// The line before this door, for a process that works on so many threads. Needs a runtime to be looked after in.
    pub fn new(admission: &Admission, metrics: &Metrics, threads: usize) -> Self {
        let threads = threads.max(1).cast_signed();
        let state = State {
            free: TURNS_PER_THREAD * threads,
            round: TURNS_PER_ROUND * threads,
            given: VecDeque::new(),
            waiting: Default::default(),
            ration: Ration::new(),
            late: Duration::ZERO,
        };
        let metrics = LineMetrics::register(metrics);
        let shared = Arc::new(Shared { admission: admission.clone(), metrics, state: Mutex::new(state) });
        tokio::spawn(look_after(Arc::downgrade(&shared)));
        Self(shared)
    }

    /// A queue of this priority: nobody of it has a turn while somebody waits in a more urgent one. Who waits in vain is
    /// answered with one of these.
    pub fn queue(&self, priority: Priority, refusals: Refusals) -> Queue {
        Queue { line: self.clone(), priority, refusals }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// As many turns of the free ones as the next request takes.
    fn give(&self, state: &mut State, last: Last) -> Turn {
        let turns = last.turns();
        while state.given.front().is_some_and(|(_, _, is_over)| is_over.load(Ordering::Acquire)) {
            state.given.pop_front();
        }
        state.free -= turns;
        state.ration.note(last.questions);
        let is_over = Arc::new(AtomicBool::new(false));
        state.given.push_back((Instant::now(), turns, Arc::clone(&is_over)));
        Turn { line: self.clone(), turns, is_over }
    }

    /// Takes turns back, and hands them on when there are enough of them. Those that are left over are handed on when the
    /// line is looked after.
    fn take_back(&self, state: &mut State, turns: isize) {
        state.free += turns;
        if state.free >= state.round {
            self.hand_on(state);
        }
    }

    /// Gives the turns that are free to whoever is first.
    fn hand_on(&self, state: &mut State) {
        while state.free > 0 {
            let Some(place) = state.waiting.iter_mut().rev().find_map(Waiters::pop) else { return };
            let mut waiting = place.lock();
            if let Waiting::Still(waker) = &*waiting {
                let waker = waker.clone();
                *waiting = Waiting::Given(self.give(state, place.last));
                waker.wake();
            }
        }
    }

    /// Ends the turns that have lasted too long.
    fn end_old(&self, state: &mut State) {
        let turn_max = (state.late * WAITS_PER_TURN).clamp(TURN_MAX, LATE_TURN_MAX);
        while let Some((since, turns, is_over)) = state.given.front() {
            let is_old = since.elapsed() > turn_max;
            if !is_old && !is_over.load(Ordering::Acquire) {
                return;
            }
            let (turns, was_over) = (*turns, is_over.swap(true, Ordering::AcqRel));
            state.given.pop_front();
            if !was_over {
                self.take_back(state, turns);
            }
        }
    }
}

/// Sends those away who wait for too long, as long as there is a line.
async fn look_after(line: Weak<Shared>) {
    loop {
        let due = Instant::now() + LOOK_EVERY;
        tokio::time::sleep_until(due).await;
        let Some(line) = line.upgrade().map(Line) else { return };
        let mut state = line.state();
        // Who looks after the line waits for a processor like everybody else. It is soon forgotten, so that a pause of the
        // machine is not taken for work.
        state.late = due.elapsed().max(state.late / 2);
        line.hand_on(&mut state);
        state.waiting.iter_mut().for_each(Waiters::send_away);
        line.0.metrics.show(state.waiting.iter().map(Waiters::count).sum());
        state.ration.look(line.0.admission.is_busy());
    }
}

impl Waiters {
    fn push(&mut self, asker: Asker, place: Arc<Place>) {
        let places = self.of_each.entry(asker).or_default();
        if places.is_empty() {
            self.order.push_back(asker);
        }
        places.push_back(place);
    }

    fn count(&self) -> usize {
        self.of_each.values().map(VecDeque::len).sum()
    }

    /// Whether the first of these has waited so long that nobody needs to queue behind.
    fn is_hopeless(&mut self, asker: Asker) -> bool {
        let is_first_old = |places: &VecDeque<Arc<Place>>| places[0].since.elapsed() >= WAIT_HOPELESS;
        self.has_more(asker) && self.of_each.get(&asker).is_some_and(is_first_old)
    }

    /// The next one, who may have left meanwhile.
    fn pop(&mut self) -> Option<Arc<Place>> {
        let asker = self.order.pop_front()?;
        let next = self.of_each.get_mut(&asker).and_then(VecDeque::pop_front);
        if self.has_more(asker) {
            self.order.push_back(asker);
        }
        next
    }

    /// Sends those away who would have waited too long at the next look.
    fn send_away(&mut self) {
        let is_late = |place: &Arc<Place>| place.since.elapsed() > WAIT_MAX - LOOK_EVERY;
        for places in self.of_each.values_mut() {
            while let Some(place) = places.pop_front_if(|place| is_late(place)) {
                if let Waiting::Still(waker) = std::mem::replace(&mut *place.lock(), Waiting::Left) {
                    waker.wake();
                }
            }
        }
        self.of_each.retain(|_, places| !places.is_empty());
        self.order.retain(|asker| self.of_each.contains_key(asker));
    }

    /// Forgets whoever of these has left. A kind of work that has no turn for an hour is not remembered for that long.
    fn forget_left(&mut self, asker: Asker) {
        if !self.has_more(asker) {
            self.order.retain(|other| *other != asker);
        }
    }

    /// Whether anybody else of these waits.
    fn has_more(&mut self, asker: Asker) -> bool {
        let Some(places) = self.of_each.get_mut(&asker) else { return false };
        while places.front().is_some_and(|place| matches!(*place.lock(), Waiting::Left)) {
            places.pop_front();
        }
        let has_more = !places.is_empty();
        if !has_more {
            self.of_each.remove(&asker);
        }
        has_more
    }
}

impl Place {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if !self.is_over.swap(true, Ordering::AcqRel) {
            self.line.take_back(&mut self.line.state(), self.turns);
        }
    }
}

impl Queue {
    pub(super) fn standing(self) -> Standing {
        Standing { queue: self, waits: None, is_earned: false }
    }
}

impl Standing {
    /// The answer to a request that waited in vain, if it needs nobody to look at it.
    pub(super) fn refusal(&self, request: &[u8]) -> Option<Vec<u8>> {
        self.queue.refusals.answer(request)
    }

    /// Until when the connection rests whose request was refused now.
    pub(super) fn rest(&self) -> Instant {
        self.queue.line.state().ration.rest(self.queue.priority, self.is_earned)
    }

    pub(super) fn note_refused(&self) {
        self.queue.refusals.count(self.queue.priority);
    }

    /// Whether a turn is needed: while there is time for everything nobody waits.
    pub(super) fn is_needed(&self) -> bool {
        self.waits.is_some() || self.queue.line.0.admission.is_busy()
    }

    /// Waits for a turn; `None` when that took too long, or would.
    pub(super) fn poll_turn(&mut self, last: Last, cx: &mut Context<'_>) -> Poll<Option<Turn>> {
        let Some(waits) = &mut self.waits else { return self.poll_join(last, cx) };
        let mut waiting = waits.place.lock();
        match std::mem::replace(&mut *waiting, Waiting::Left) {
            Waiting::Given(turn) => {
                drop(waiting);
                self.waits = None;
                Poll::Ready(Some(turn))
            }
            Waiting::Still(_) => {
                *waiting = Waiting::Still(cx.waker().clone());
                Poll::Pending
            }
            Waiting::Left => {
                drop(waiting);
                self.waits = None;
                Poll::Ready(None)
            }
        }
    }

    fn poll_join(&mut self, last: Last, cx: &mut Context<'_>) -> Poll<Option<Turn>> {
        let line = &self.queue.line;
        let mut state = line.state();
        self.is_earned = false;
        let is_alone = |state: &State| state.free > 0 && state.waiting.iter().all(|waiters| waiters.of_each.is_empty());
        if !is_alone(&state) {
            line.end_old(&mut state);
        }
        if is_alone(&state) {
            return Poll::Ready(Some(line.give(&mut state, last)));
        }
        let State { waiting, ration, .. } = &mut *state;
        let waiters = &mut waiting[self.queue.priority as usize];
        // Only what was asked for an organization before is known to be less work than two refusals: others may have to be
        // looked up in Postgres.
        let is_rationed = matches!(last.asker, Asker::Organization(_));
        if waiters.is_hopeless(last.asker) {
            self.is_earned = is_rationed && ration.take_refusal();
            if self.is_earned || !is_rationed {
                return Poll::Ready(None);
            }
        }
        let waiting = Mutex::new(Waiting::Still(cx.waker().clone()));
        let place = Arc::new(Place { since: Instant::now(), waiting, last });
        waiters.push(last.asker, Arc::clone(&place));
        drop(state);
        self.waits = Some(Waits { asker: last.asker, place });
        Poll::Pending
    }

    fn leave(&mut self) {
        let Some(waits) = self.waits.take() else { return };
        // A turn that was given meanwhile goes on to the next.
        let waiting = std::mem::replace(&mut *waits.place.lock(), Waiting::Left);
        drop(waiting);
        self.queue.line.state().waiting[self.queue.priority as usize].forget_left(waits.asker);
    }
}

impl Drop for Standing {
    fn drop(&mut self) {
        self.leave();
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::{future::poll_fn, net::SocketAddr};

    use domain::ids::OrganizationId;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::{TcpListener, TcpStream},
    };
    use tokio_util::sync::CancellationToken;

    use super::{super::Limits, super::serve, *};
    use crate::{
        http::{Answered, Bounds, Routes, StackConfig},
        metrics::Metrics,
    };

    fn line() -> Line {
        let metrics = Metrics::new();
        Line::new(&Admission::new(Bounds::for_threads(1), &metrics), &metrics, 1)
    }

    fn queue(line: &Line, priority: Priority) -> Queue {
        line.queue(priority, StackConfig::new(Routes::default(), &Metrics::new()).refusals())
    }

    async fn turn(standing: &mut Standing) -> Option<Turn> {
        poll_fn(|cx| standing.poll_turn(Last::default(), cx)).await
    }

    /// Every turn there is.
    async fn all_turns(line: &Line) -> Vec<Turn> {
        let mut turns = Vec::new();
        for _ in 0..TURNS_PER_THREAD {
            turns.push(turn(&mut queue(line, Priority::Staging).standing()).await.unwrap());
        }
        turns
    }

    /// A queue in which everybody waits in vain as long as the turns are kept.
    pub(in super::super) async fn vain() -> (Queue, Vec<Turn>) {
        let line = line();
        line.0.admission.set_busy();
        let turns = all_turns(&line).await;
        // None of them lasts too long.
        line.state().given.clear();
        (queue(&line, Priority::Verification), turns)
    }

    /// Whoever has a turn among those who wait, and the turn.
    fn first_turn<T>(waiting: &mut [(T, Standing)], cx: &mut Context<'_>) -> (usize, Turn) {
        for (at, (_, standing)) in waiting.iter_mut().enumerate() {
            if let Poll::Ready(turn) = standing.poll_turn(Last::default(), cx) {
                return (at, turn.expect("not too late"));
            }
        }
        panic!("nobody has a turn");
    }

    #[tokio::test(start_paused = true)]
    async fn the_most_urgent_is_next_and_among_equals_the_first() {
        let line = line();
        let mut turns = all_turns(&line).await;
        let mut order = Vec::new();
        let names = ["development", "staging 1", "staging 2", "verification"];
        let urgencies = [Priority::Development, Priority::Staging, Priority::Staging, Priority::Verification];
        let mut waiting: Vec<_> =
            names.into_iter().zip(urgencies.map(|priority| queue(&line, priority).standing())).collect();
        for (_, standing) in &mut waiting {
            assert!(poll_fn(|cx| Poll::Ready(standing.poll_turn(Last::default(), cx).is_pending())).await);
        }
        while !waiting.is_empty() {
            turns.pop();
            line.hand_on(&mut line.state());
            let (next, turn) = poll_fn(|cx| Poll::Ready(first_turn(&mut waiting, cx))).await;
            turns.insert(0, turn);
            order.push(waiting.remove(next).0);
        }
        assert_eq!(order, ["verification", "staging 1", "staging 2", "development"]);
    }

    #[tokio::test(start_paused = true)]
    async fn turns_are_handed_on_together_and_what_is_left_over_when_the_line_is_looked_after() {
        let line = line();
        let mut turns = all_turns(&line).await;
        let mut waiting: Vec<_> =
            (0..TURNS_PER_THREAD).map(|_| queue(&line, Priority::Verification).standing()).collect();
        let mut given = async || {
            let poll = |standing: &mut Standing, cx: &mut Context<'_>| match standing.poll_turn(Last::default(), cx) {
                Poll::Ready(turn) => Some(turn.expect("not too late")),
                Poll::Pending => None,
            };
            let given = poll_fn(|cx| Poll::Ready(waiting.iter_mut().map(|s| poll(s, cx)).collect::<Vec<_>>())).await;
            let mut given = given.into_iter();
            waiting.retain(|_| given.next().is_none_or(|turn| turn.map(std::mem::forget).is_none()));
            TURNS_PER_THREAD - waiting.len().cast_signed()
        };
        assert_eq!(given().await, 0);
        turns.truncate((TURNS_PER_THREAD - TURNS_PER_ROUND + 1).cast_unsigned());
        assert_eq!(given().await, 0, "one is missing");
        turns.pop();
        assert_eq!(given().await, TURNS_PER_ROUND);
        turns.pop();
        assert_eq!(given().await, TURNS_PER_ROUND);
        tokio::time::sleep(LOOK_EVERY * 2).await;
        assert_eq!(given().await, TURNS_PER_ROUND + 1, "nobody waits for the others for ever");
    }

    #[tokio::test(start_paused = true)]
    async fn organizations_take_turns_however_many_connections_they_have() {
        let (line, greedy) = (line(), OrganizationId::mint(chrono::DateTime::UNIX_EPOCH));
        let modest = OrganizationId::mint(chrono::DateTime::UNIX_EPOCH);
        let mut turns = all_turns(&line).await;
        let [g, m, n] = [Asker::Organization(greedy), Asker::Organization(modest), Asker::New];
        let askers: Vec<_> = [g; 5].into_iter().chain([m, n, m]).collect();
        let mut waiting: Vec<_> =
            askers.into_iter().map(|asker| (asker, queue(&line, Priority::Verification).standing())).collect();
        for (asker, standing) in &mut waiting {
            assert!(
                poll_fn(|cx| Poll::Ready(standing.poll_turn(Last { asker: *asker, questions: 1 }, cx).is_pending()))
                    .await
            );
        }
        // One that leaves takes nobody's turn.
        drop(waiting.remove(1));
        let mut order = Vec::new();
        while !waiting.is_empty() {
            turns.pop();
            line.hand_on(&mut line.state());
            let (next, turn) = poll_fn(|cx| Poll::Ready(first_turn(&mut waiting, cx))).await;
            turns.insert(0, turn);
            order.push(waiting.remove(next).0);
        }
        assert_eq!(order, [g, m, n, g, m, g, g]);
        assert!(line.state().waiting.iter().all(|waiters| waiters.of_each.is_empty() && waiters.order.is_empty()));
    }

    #[tokio::test(start_paused = true)]
    async fn who_leaves_with_a_turn_passes_it_on() {
        let line = line();
        let mut turns = all_turns(&line).await;
        let mut leaving = queue(&line, Priority::Verification).standing();
        let mut staying = queue(&line, Priority::Development).standing();
        for waiting in [&mut leaving, &mut staying] {
            assert!(poll_fn(|cx| Poll::Ready(waiting.poll_turn(Last::default(), cx).is_pending())).await);
        }
        turns.pop();
        drop(leaving);
        assert!(turn(&mut staying).await.is_some());
        drop(turns);
        assert_eq!(line.state().free, TURNS_PER_THREAD, "all turns are back");
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_left_takes_no_room_though_nobody_of_that_priority_has_a_turn() {
        let line = line();
        let _turns = all_turns(&line).await;
        let mut patient = queue(&line, Priority::Development).standing();
        let mut gone = queue(&line, Priority::Development).standing();
        assert!(poll_fn(|cx| Poll::Ready(gone.poll_turn(Last::default(), cx).is_pending())).await);
        assert_eq!(line.state().waiting[Priority::Development as usize].of_each.len(), 1);
        drop(gone);
        assert!(turn(&mut patient).await.is_none(), "too long");
        let state = line.state();
        let waiters = &state.waiting[Priority::Development as usize];
        assert!(waiters.of_each.is_empty() && waiters.order.is_empty(), "{waiters:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_asks_in_batches_takes_the_turns_of_several() {
        let (line, batch) = (line(), Last { asker: Asker::New, questions: 20 });
        let standing = || queue(&line, Priority::Verification).standing();
        let mut turns = Vec::new();
        while line.state().free > 0 {
            turns.push(poll_fn(|cx| standing().poll_turn(batch, cx)).await.unwrap());
        }
        assert_eq!((turns.len(), line.state().free), (19, -5), "each has seven, and the last one more than there are");
        let mut waiting = [standing(), standing(), standing()];
        for standing in &mut waiting {
            assert!(poll_fn(|cx| Poll::Ready(standing.poll_turn(Last::default(), cx).is_pending())).await);
        }
        turns.pop();
        line.hand_on(&mut line.state());
        let are_next = poll_fn(|cx| Poll::Ready(waiting.each_mut().map(|s| s.poll_turn(Last::default(), cx)))).await;
        let given: Vec<_> = are_next.iter().map(Poll::is_ready).collect();
        assert_eq!(given, [true, true, false], "what was borrowed is given back first");
        drop((turns, are_next, waiting));
        assert_eq!(line.state().free, TURNS_PER_THREAD, "all turns are back");
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_queues_where_the_first_has_waited_too_long_and_others_do() {
        let line = line();
        let mut turns = all_turns(&line).await;
        // None of them lasts too long.
        line.state().given.clear();
        let organization = OrganizationId::mint(chrono::DateTime::UNIX_EPOCH);
        let last = Last { asker: Asker::Organization(organization), questions: 1 };
        let standing = || queue(&line, Priority::Verification).standing();
        let (mut first, mut late, mut other) = (standing(), standing(), standing());
        assert!(poll_fn(|cx| Poll::Ready(first.poll_turn(last, cx).is_pending())).await);
        tokio::time::sleep(WAIT_HOPELESS).await;
        assert!(poll_fn(|cx| late.poll_turn(last, cx)).await.is_none(), "at once");
        assert!(poll_fn(|cx| Poll::Ready(other.poll_turn(Last::default(), cx).is_pending())).await, "of another one");
        while line.state().ration.take_refusal() {}
        assert!(poll_fn(|cx| Poll::Ready(standing().poll_turn(last, cx).is_pending())).await, "refusals are rationed");
        // The first is served: whoever comes then has waited for nothing yet.
        turns.pop();
        turns.push(poll_fn(|cx| first.poll_turn(last, cx)).await.unwrap());
        assert!(poll_fn(|cx| Poll::Ready(late.poll_turn(last, cx).is_pending())).await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_turn_is_kept_for_longer_where_work_waits_for_a_processor() {
        let line = line();
        let is_over = async |steps: u32, step_ms: u64| {
            let turns = all_turns(&line).await;
            for _ in 0..steps {
                tokio::time::advance(Duration::from_millis(step_ms)).await;
                tokio::task::yield_now().await;
            }
            let mut next = queue(&line, Priority::Verification).standing();
            let is_over = poll_fn(|cx| Poll::Ready(next.poll_turn(Last::default(), cx).is_ready())).await;
            drop(turns);
            is_over
        };
        tokio::task::yield_now().await;
        assert!(is_over(15, 1).await);
        // Whoever looks after the line comes late, and so does everything else.
        assert!(!is_over(1, 30).await);
        tokio::time::sleep(LOOK_EVERY * 10).await;
        assert!(is_over(15, 1).await, "it is soon forgotten");
    }

    #[tokio::test(start_paused = true)]
    async fn how_many_wait_is_told_while_they_do() {
        let metrics = Metrics::new();
        let line = Line::new(&Admission::new(Bounds::for_threads(1), &metrics), &metrics, 1);
        let _turns = all_turns(&line).await;
        let mut waiting = [Priority::Verification, Priority::Verification, Priority::Staging]
            .map(|priority| queue(&line, priority).standing());
        for standing in &mut waiting {
            assert!(poll_fn(|cx| Poll::Ready(standing.poll_turn(Last::default(), cx).is_pending())).await);
        }
        let told = || metrics.text().lines().find(|line| line.starts_with("http_requests_unread ")).map(str::to_owned);
        tokio::time::sleep(LOOK_EVERY * 2).await;
        assert_eq!(told().unwrap(), "http_requests_unread 3");
        tokio::time::sleep(WAIT_MAX).await;
        assert_eq!(told().unwrap(), "http_requests_unread 0", "they were sent away");
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_ever_nor_for_those_who_do_not_work() {
        let line = line();
        let turns = all_turns(&line).await;
        let (mut early, started) = (queue(&line, Priority::Verification).standing(), Instant::now());
        assert!(turn(&mut early).await.is_none(), "too long");
        let waited = started.elapsed();
        assert!((WAIT_MAX - LOOK_EVERY..=WAIT_MAX + Duration::from_millis(1)).contains(&waited), "{waited:?}");
        // By now all of them have lasted too long, and whoever comes takes the place of one.
        assert!(turn(&mut queue(&line, Priority::Development).standing()).await.is_some());
        drop(turns);
        assert_eq!(line.state().free, TURNS_PER_THREAD, "a turn that was ended is not given back twice");
    }

    const GET: &str = "GET / HTTP/1.1\r\nHost: keys\r\n\r\n";
    const POST: &str = "POST / HTTP/1.1\r\nHost: keys\r\nContent-Length: 2\r\n\r\n{}";

    async fn ask(stream: &mut TcpStream) -> String {
        send(stream, GET).await
    }

    /// Sends a request on a connection that is kept, and tells the status of the answer.
    async fn send(stream: &mut TcpStream, request: &str) -> String {
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = [0; 1024];
        let length = stream.read(&mut answer).await.unwrap();
        String::from_utf8_lossy(&answer[..length]).lines().next().unwrap_or_default().to_owned()
    }

    /// A connection that has had its first answer: until then it could be one of HTTP/2, and is left to the parser.
    async fn begin(address: SocketAddr) -> TcpStream {
        let mut stream = TcpStream::connect(address).await.unwrap();
        assert_eq!(ask(&mut stream).await, "HTTP/1.1 200 OK");
        stream
    }

    /// Whose connections wait to verify, and how many turns the first of each takes.
    fn waiting_turns(line: &Line) -> Vec<(Asker, isize)> {
        let state = line.state();
        let waiters = &state.waiting[Priority::Verification as usize];
        waiters.of_each.iter().map(|(asker, places)| (*asker, places[0].last.turns())).collect()
    }

    /// A listener whose endpoint answers whatever reaches it: twenty questions at once, about nobody at one path and for an
    /// organization at all others.
    async fn listen(shutdown: &CancellationToken) -> (Admission, Line, OrganizationId, SocketAddr) {
        let organization = OrganizationId::mint(chrono::DateTime::UNIX_EPOCH);
        let endpoint = poem::endpoint::make_sync(move |request| {
            let organization = (request.uri().path() != "/nobody").then_some(organization);
            let mut response = poem::Response::from("well");
            response.set_data(Answered { organization, questions: 20 });
            response
        });
        let metrics = Metrics::new();
        let admission = Admission::new(Bounds::for_threads(1), &metrics);
        let line = Line::new(&admission, &metrics, 1);
        let limits = Limits { queue: Some(queue(&line, Priority::Verification)), ..Limits::promised() };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, shutdown) = (listener.local_addr().unwrap(), shutdown.clone());
        tokio::spawn(async move { serve(listener, endpoint, limits, &metrics, shutdown).await });
        (admission, line, organization, address)
    }

    #[tokio::test]
    async fn a_connection_waits_with_those_of_the_organization_that_it_was_last_answered_about() {
        let (admission, line, organization, address) = listen(&CancellationToken::new()).await;
        let mut known = TcpStream::connect(address).await.unwrap();
        assert_eq!(ask(&mut known).await, "HTTP/1.1 200 OK");
        let mut strange = TcpStream::connect(address).await.unwrap();
        assert_eq!(send(&mut strange, &GET.replace(" / ", " /nobody ")).await, "HTTP/1.1 200 OK");
        let mut new = TcpStream::connect(address).await.unwrap();

        admission.set_busy();
        let turns = all_turns(&line).await;
        // None of them lasts too long.
        line.state().given.clear();
        let freeing = async {
            // On a busy machine one of them may have waited in vain before the other comes.
            let mut seen = HashMap::new();
            while seen.len() < 3 {
                seen.extend(waiting_turns(&line));
                tokio::task::yield_now().await;
            }
            drop(turns);
            seen
        };
        let asking = futures_util::future::join3(ask(&mut known), ask(&mut strange), ask(&mut new));
        let (seen, answers) = futures_util::future::join(freeing, asking).await;
        assert_eq!(seen, HashMap::from([(Asker::Organization(organization), 7), (Asker::Nobody, 7), (Asker::New, 1)]));
        assert_eq!(<[String; 3]>::from(answers), ["HTTP/1.1 200 OK"; 3]);
    }

    #[tokio::test]
    async fn who_waits_in_vain_is_refused_unread_where_nobody_has_to_look_at_it() {
        const REFUSED: &str = "HTTP/1.1 503 Service Unavailable";
        const SERVED: &str = "HTTP/1.1 200 OK";
        let shutdown = CancellationToken::new();
        let (admission, line, _, address) = listen(&shutdown).await;
        admission.set_busy();
        // Nobody gives a turn back, and none lasts too long.
        let _turns = all_turns(&line).await;
        line.state().given.clear();
        let urgent = POST.replace("\r\nHost", "\r\nX-Claviger-Priority: revocation\r\nHost");
        let (ends, faulty) = (POST.replace("\r\nHost", "\r\nConnection: close\r\nHost"), POST.replace("\r\n", "\n"));
        for (request, expected) in
            [(POST, REFUSED), (GET, SERVED), (&urgent, SERVED), (&ends, SERVED), (&faulty, SERVED)]
        {
            let mut stream = begin(address).await;
            assert_eq!(send(&mut stream, request).await, expected, "{request}");
        }
        assert_eq!(send(&mut begin(address).await, &format!("{POST}{POST}")).await, SERVED, "two in one");
        let mut stream = begin(address).await;
        assert_eq!(send(&mut stream, POST).await, REFUSED);
        let refused = Instant::now();
        assert_eq!(send(&mut stream, POST).await, REFUSED);
        assert!(refused.elapsed() >= Duration::from_millis(15), "it rests in between");
        shutdown.cancel();
        assert_eq!(send(&mut stream, POST).await, SERVED, "whose answer says that the connection ends");
    }
}
