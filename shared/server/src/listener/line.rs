//! Who waits for a turn to be read while there is more work than time. A request that was not read yet costs nothing,
//! and few at a time are done faster than many. Why it is so: `docs/decisions/0020-shed-load-in-a-declared-order.md`.

use std::{
    collections::{HashMap, VecDeque},
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

use domain::{ids::OrganizationId, urgency::Urgency};
use tokio::time::{Instant, Sleep, sleep};

use crate::http::Admission;

/// Requests that are worked on at once while there is more work than time, for each thread.
const TURNS_PER_THREAD: usize = 128;
/// How long a turn is kept from the next at most: what takes longer waits for something else than a processor.
const TURN_MAX: Duration = Duration::from_millis(10);
/// How long a request waits to be read; then it is refused.
const WAIT_MAX: Duration = Duration::from_millis(100);

/// The line of a process. Clones share it.
#[derive(Debug, Clone)]
pub struct Line(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    admission: Admission,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    free: usize,
    /// Since when, and whether they are over, in that order.
    given: VecDeque<(Instant, Arc<AtomicBool>)>,
    /// By urgency.
    waiting: [Waiters; Urgency::ALL.len()],
}

/// Those of one urgency: organizations take turns, so that one with a thousand connections waits behind itself.
#[derive(Debug, Default)]
struct Waiters {
    of_each: HashMap<Asker, VecDeque<Arc<Place>>>,
    /// Who has a connection that waits, in the order of their turns.
    order: VecDeque<Asker>,
}

/// For whom a connection was last asked something. All that are new wait as one.
pub(super) type Asker = Option<OrganizationId>;

#[derive(Debug)]
struct Place(Mutex<Waiting>);

#[derive(Debug)]
enum Waiting {
    Still(Waker),
    Given(Turn),
    Left,
}

/// The right to be worked on; the next one has it when this is dropped.
#[derive(Debug)]
pub(super) struct Turn {
    line: Line,
    is_over: Arc<AtomicBool>,
}

/// What the connections of a listener queue for.
#[derive(Debug, Clone)]
pub struct Queue {
    line: Line,
    urgency: Urgency,
}

/// One connection's place in the line, when it has one.
#[derive(Debug)]
pub(super) struct Standing {
    queue: Queue,
    waits: Option<Waits>,
}

#[derive(Debug)]
struct Waits {
    asker: Asker,
    place: Arc<Place>,
    patience: Pin<Box<Sleep>>,
}

impl Line {
    /// The line before this door, for a process that works on so many threads.
    pub fn new(admission: &Admission, threads: usize) -> Self {
        let state =
            State { free: TURNS_PER_THREAD * threads.max(1), given: VecDeque::new(), waiting: Default::default() };
        Self(Arc::new(Shared { admission: admission.clone(), state: Mutex::new(state) }))
    }

    /// A queue of this urgency: nobody of it has a turn while somebody waits in a more urgent one.
    pub fn queue(&self, urgency: Urgency) -> Queue {
        Queue { line: self.clone(), urgency }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A turn of the free ones.
    fn give(&self, state: &mut State) -> Turn {
        while state.given.front().is_some_and(|(_, is_over)| is_over.load(Ordering::Acquire)) {
            state.given.pop_front();
        }
        let is_over = Arc::new(AtomicBool::new(false));
        state.given.push_back((Instant::now(), Arc::clone(&is_over)));
        Turn { line: self.clone(), is_over }
    }

    /// Gives the turn that has become free to whoever is first.
    fn hand_on(&self, state: &mut State) {
        for urgency in (0..state.waiting.len()).rev() {
            while let Some(place) = state.waiting[urgency].pop() {
                let mut waiting = place.lock();
                if let Waiting::Still(waker) = &*waiting {
                    let waker = waker.clone();
                    *waiting = Waiting::Given(self.give(state));
                    waker.wake();
                    return;
                }
            }
        }
        state.free += 1;
    }

    /// Ends the turns that have lasted too long.
    fn end_old(&self, state: &mut State) {
        while let Some((since, is_over)) = state.given.front() {
            let is_old = since.elapsed() > TURN_MAX;
            if !is_old && !is_over.load(Ordering::Acquire) {
                return;
            }
            let was_over = is_over.swap(true, Ordering::AcqRel);
            state.given.pop_front();
            if !was_over {
                self.hand_on(state);
            }
        }
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

    /// The next one, who may have left meanwhile.
    fn pop(&mut self) -> Option<Arc<Place>> {
        let asker = self.order.pop_front()?;
        let next = self.of_each.get_mut(&asker).and_then(VecDeque::pop_front);
        if self.has_more(asker) {
            self.order.push_back(asker);
        }
        next
    }

    /// Forgets whoever of these has left. A kind of work that has no turn for an hour is not remembered for that long.
    fn forget_left(&mut self, asker: Asker) {
        if !self.has_more(asker) {
            self.order.retain(|other| *other != asker);
        }
    }

    /// Whether anybody else of these waits. Who leaves out of patience is in front, and forgotten here.
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
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if !self.is_over.swap(true, Ordering::AcqRel) {
            self.line.hand_on(&mut self.line.state());
        }
    }
}

impl Queue {
    pub(super) fn standing(self) -> Standing {
        Standing { queue: self, waits: None }
    }
}

impl Standing {
    /// Whether a turn is needed: while there is time for everything nobody waits.
    pub(super) fn is_needed(&self) -> bool {
        self.waits.is_some() || self.queue.line.0.admission.is_busy()
    }

    /// Waits for a turn; `None` when that took too long.
    pub(super) fn poll_turn(&mut self, asker: Asker, cx: &mut Context<'_>) -> Poll<Option<Turn>> {
        let Some(waits) = &mut self.waits else { return self.poll_join(asker, cx) };
        let is_over = waits.patience.as_mut().poll(cx).is_ready();
        let mut waiting = waits.place.lock();
        match std::mem::replace(&mut *waiting, Waiting::Left) {
            Waiting::Given(turn) => {
                drop(waiting);
                self.waits = None;
                Poll::Ready(Some(turn))
            }
            Waiting::Still(_) if !is_over => {
                *waiting = Waiting::Still(cx.waker().clone());
                Poll::Pending
            }
            Waiting::Still(_) | Waiting::Left => {
                drop(waiting);
                self.leave();
                Poll::Ready(None)
            }
        }
    }

    fn poll_join(&mut self, asker: Asker, cx: &mut Context<'_>) -> Poll<Option<Turn>> {
        let line = &self.queue.line;
        let mut state = line.state();
        if state.free == 0 {
            line.end_old(&mut state);
        }
        if state.free > 0 {
            state.free -= 1;
            return Poll::Ready(Some(line.give(&mut state)));
        }
        let place = Arc::new(Place(Mutex::new(Waiting::Still(cx.waker().clone()))));
        state.waiting[self.queue.urgency as usize].push(asker, Arc::clone(&place));
        drop(state);
        let mut patience = Box::pin(sleep(WAIT_MAX));
        // The first look has it wake this connection.
        let _ = patience.as_mut().poll(cx);
        self.waits = Some(Waits { asker, place, patience });
        Poll::Pending
    }

    fn leave(&mut self) {
        let Some(waits) = self.waits.take() else { return };
        // A turn that was given meanwhile goes on to the next.
        let waiting = std::mem::replace(&mut *waits.place.lock(), Waiting::Left);
        drop(waiting);
        self.queue.line.state().waiting[self.queue.urgency as usize].forget_left(waits.asker);
    }
}

impl Drop for Standing {
    fn drop(&mut self) {
        self.leave();
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::{TcpListener, TcpStream},
    };
    use tokio_util::sync::CancellationToken;

    use super::{super::Limits, super::serve, *};
    use crate::{
        http::{AnsweredFor, Bounds},
        metrics::Metrics,
    };

    fn line() -> Line {
        Line::new(&Admission::new(Bounds::for_threads(1), &Metrics::new()), 1)
    }

    async fn turn(standing: &mut Standing) -> Option<Turn> {
        poll_fn(|cx| standing.poll_turn(None, cx)).await
    }

    /// Every turn there is.
    async fn all_turns(line: &Line) -> Vec<Turn> {
        let mut turns = Vec::new();
        for _ in 0..TURNS_PER_THREAD {
            turns.push(turn(&mut line.queue(Urgency::Staging).standing()).await.unwrap());
        }
        turns
    }

    /// Whoever has a turn among those who wait, and the turn.
    fn first_turn<T>(waiting: &mut [(T, Standing)], cx: &mut Context<'_>) -> (usize, Turn) {
        for (at, (_, standing)) in waiting.iter_mut().enumerate() {
            if let Poll::Ready(turn) = standing.poll_turn(None, cx) {
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
        let urgencies = [Urgency::Development, Urgency::Staging, Urgency::Staging, Urgency::Verification];
        let mut waiting: Vec<_> =
            names.into_iter().zip(urgencies.map(|urgency| line.queue(urgency).standing())).collect();
        for (_, standing) in &mut waiting {
            assert!(poll_fn(|cx| Poll::Ready(standing.poll_turn(None, cx).is_pending())).await);
        }
        while !waiting.is_empty() {
            turns.pop();
            let (next, turn) = poll_fn(|cx| Poll::Ready(first_turn(&mut waiting, cx))).await;
            turns.insert(0, turn);
            order.push(waiting.remove(next).0);
        }
        assert_eq!(order, ["verification", "staging 1", "staging 2", "development"]);
    }

    #[tokio::test(start_paused = true)]
    async fn organizations_take_turns_however_many_connections_they_have() {
        let (line, greedy) = (line(), OrganizationId::mint(chrono::DateTime::UNIX_EPOCH));
        let modest = OrganizationId::mint(chrono::DateTime::UNIX_EPOCH);
        let mut turns = all_turns(&line).await;
        let askers: Vec<_> = [Some(greedy); 5].into_iter().chain([Some(modest), None, Some(modest)]).collect();
        let mut waiting: Vec<_> =
            askers.into_iter().map(|asker| (asker, line.queue(Urgency::Verification).standing())).collect();
        for (asker, standing) in &mut waiting {
            assert!(poll_fn(|cx| Poll::Ready(standing.poll_turn(*asker, cx).is_pending())).await);
        }
        // One that leaves takes nobody's turn.
        drop(waiting.remove(1));
        let mut order = Vec::new();
        while !waiting.is_empty() {
            turns.pop();
            let (next, turn) = poll_fn(|cx| Poll::Ready(first_turn(&mut waiting, cx))).await;
            turns.insert(0, turn);
            order.push(waiting.remove(next).0);
        }
        let [g, m, n] = [Some(greedy), Some(modest), None];
        assert_eq!(order, [g, m, n, g, m, g, g]);
        assert!(line.state().waiting.iter().all(|waiters| waiters.of_each.is_empty() && waiters.order.is_empty()));
    }

    #[tokio::test(start_paused = true)]
    async fn who_leaves_with_a_turn_passes_it_on() {
        let line = line();
        let mut turns = all_turns(&line).await;
        let mut leaving = line.queue(Urgency::Verification).standing();
        let mut staying = line.queue(Urgency::Development).standing();
        for waiting in [&mut leaving, &mut staying] {
            assert!(poll_fn(|cx| Poll::Ready(waiting.poll_turn(None, cx).is_pending())).await);
        }
        turns.pop();
        drop(leaving);
        assert!(turn(&mut staying).await.is_some());
        drop(turns);
        assert_eq!(line.state().free, TURNS_PER_THREAD, "all turns are back");
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_left_takes_no_room_though_nobody_of_that_urgency_has_a_turn() {
        let line = line();
        let _turns = all_turns(&line).await;
        let mut patient = line.queue(Urgency::Development).standing();
        let mut gone = line.queue(Urgency::Development).standing();
        assert!(poll_fn(|cx| Poll::Ready(gone.poll_turn(None, cx).is_pending())).await);
        assert_eq!(line.state().waiting[Urgency::Development as usize].of_each.len(), 1);
        drop(gone);
        assert!(turn(&mut patient).await.is_none(), "too long");
        let state = line.state();
        let waiters = &state.waiting[Urgency::Development as usize];
        assert!(waiters.of_each.is_empty() && waiters.order.is_empty(), "{waiters:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_ever_nor_for_those_who_do_not_work() {
        let line = line();
        let turns = all_turns(&line).await;
        let (mut early, started) = (line.queue(Urgency::Verification).standing(), Instant::now());
        assert!(turn(&mut early).await.is_none(), "too long");
        assert_eq!(started.elapsed().as_millis() / 10, WAIT_MAX.as_millis() / 10);
        // By now all of them have lasted too long, and whoever comes takes the place of one.
        assert!(turn(&mut line.queue(Urgency::Development).standing()).await.is_some());
        drop(turns);
        assert_eq!(line.state().free, TURNS_PER_THREAD, "a turn that was ended is not given back twice");
    }

    /// Sends a head on a connection that is kept, and tells the status of the answer.
    async fn ask(stream: &mut TcpStream) -> String {
        stream.write_all(b"GET / HTTP/1.1\r\nHost: keys\r\n\r\n").await.unwrap();
        let mut answer = [0; 1024];
        let length = stream.read(&mut answer).await.unwrap();
        String::from_utf8_lossy(&answer[..length]).lines().next().unwrap_or_default().to_owned()
    }

    /// Whose connections wait to verify.
    fn askers(line: &Line) -> Vec<Asker> {
        line.state().waiting[Urgency::Verification as usize].of_each.keys().copied().collect()
    }

    #[tokio::test]
    async fn a_connection_waits_with_those_of_the_organization_that_it_was_last_answered_about() {
        let organization = OrganizationId::mint(chrono::DateTime::UNIX_EPOCH);
        let endpoint = poem::endpoint::make_sync(move |_| {
            let mut response = poem::Response::from("well");
            response.set_data(AnsweredFor(organization));
            response
        });
        let metrics = Metrics::new();
        let admission = Admission::new(Bounds::for_threads(1), &metrics);
        let line = Line::new(&admission, 1);
        let limits = Limits { queue: Some(line.queue(Urgency::Verification)), ..Limits::promised() };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { serve(listener, endpoint, limits, &metrics, CancellationToken::new()).await });
        let mut known = TcpStream::connect(address).await.unwrap();
        assert_eq!(ask(&mut known).await, "HTTP/1.1 200 OK");
        let mut new = TcpStream::connect(address).await.unwrap();

        admission.set_busy();
        let turns = all_turns(&line).await;
        let freeing = async {
            while askers(&line).len() < 2 {
                tokio::task::yield_now().await;
            }
            let askers = askers(&line);
            drop(turns);
            askers
        };
        let (askers, known, new) = futures_util::future::join3(freeing, ask(&mut known), ask(&mut new)).await;
        assert!(askers.contains(&Some(organization)) && askers.contains(&None), "{askers:?}");
        assert_eq!([known, new], ["HTTP/1.1 200 OK"; 2]);
    }
}
