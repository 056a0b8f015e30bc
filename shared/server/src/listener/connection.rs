//! What one connection is doing and since when: enough to tell what its other end is too slow at.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use http::Version;

use super::Limits;

/// The state of one connection, shared between its bytes, its requests and its clock.
#[derive(Debug)]
pub(super) struct ConnectionState(Mutex<State>);

#[derive(Debug)]
struct State {
    /// When the head began that no request has come of yet. For the first one that is when the connection was opened.
    head_since: Option<Instant>,
    /// Whether heads and pings cannot be told apart by when bytes come.
    is_http2: bool,
    write_blocked_since: Option<Instant>,
    /// Requests whose answer was not handed over whole.
    in_flight: usize,
    idle_since: Instant,
    /// Handlers at work, also for streams that their peer has reset.
    running: usize,
    has_overrun: bool,
    /// Answers of which the peer could take more.
    untaken: usize,
    last_taken: Instant,
    has_unread_body: bool,
}

impl ConnectionState {
    pub(super) fn new() -> Arc<Self> {
        let now = Instant::now();
        Arc::new(Self(Mutex::new(State {
            head_since: Some(now),
            is_http2: false,
            write_blocked_since: None,
            in_flight: 0,
            idle_since: now,
            running: 0,
            has_overrun: false,
            untaken: 0,
            last_taken: now,
            has_unread_body: false,
        })))
    }

    /// What the other end is too slow at, or did too often, if anything.
    pub(super) fn overdue(&self, limits: &Limits) -> Option<&'static str> {
        let state = self.lock();
        let (now, slack) = (Instant::now(), limits.tick());
        let is_over = |since: Option<Instant>, limit: Duration| {
            since.is_some_and(|since| now.saturating_duration_since(since) + slack > limit)
        };
        // A peer of HTTP/2 can take bytes and yet, by its windows, no answer.
        let untaken_since = (state.is_http2 && state.untaken > 0).then_some(state.last_taken);
        // Only an answered request counts as activity: neither blank lines nor frames that ask for nothing do.
        let idle_since = (state.in_flight == 0).then_some(state.idle_since);
        if state.has_overrun {
            Some("resets")
        } else if is_over(state.head_since, limits.header) {
            Some("header")
        } else if is_over(state.write_blocked_since, limits.write) || is_over(untaken_since, limits.write) {
            Some("write")
        } else {
            is_over(idle_since, limits.idle + head_allowance(&state, limits)).then_some("idle")
        }
    }

    /// Counts a request in, whose head has come.
    pub(super) fn enter(self: &Arc<Self>, version: Version) -> InFlight {
        let mut state = self.lock();
        state.head_since = None;
        state.is_http2 = version >= Version::HTTP_2;
        state.has_unread_body = false;
        state.in_flight += 1;
        InFlight(Arc::clone(self))
    }

    /// Bytes came: between two requests they are the beginning of a head.
    pub(super) fn note_read(&self) {
        let mut state = self.lock();
        if state.in_flight == 0 && !state.is_http2 && state.head_since.is_none() {
            state.head_since = Some(Instant::now());
        }
    }

    pub(super) fn note_write(&self, is_blocked: bool) {
        let mut state = self.lock();
        match (is_blocked, state.write_blocked_since) {
            (true, None) => state.write_blocked_since = Some(Instant::now()),
            (false, Some(_)) => state.write_blocked_since = None,
            (true, Some(_)) | (false, None) => {}
        }
    }

    pub(super) fn note_unread_body(&self) {
        self.lock().has_unread_body = true;
    }

    /// Whether the peer may still be sending what was refused.
    pub(super) fn has_unread_body(&self) -> bool {
        self.lock().has_unread_body
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A head that began just before the connection would have been idle for too long has its time.
fn head_allowance(state: &State, limits: &Limits) -> Duration {
    let has_begun = state.head_since.is_some_and(|since| since > state.idle_since);
    if has_begun { limits.header } else { Duration::ZERO }
}

/// One request from its head to the end of its answer.
#[derive(Debug)]
pub(super) struct InFlight(Arc<ConnectionState>);

impl InFlight {
    pub(super) fn connection(&self) -> &Arc<ConnectionState> {
        &self.0
    }

    /// Counts in the work on this request, unless the connection has `max` of that already. A stream that its peer resets
    /// is over for the parser; its work is not, and a peer could have any amount of it done for nobody.
    pub(super) fn run(&self, max: usize) -> Option<Running> {
        let mut state = self.0.lock();
        if state.running >= max {
            state.has_overrun = true;
            return None;
        }
        state.running += 1;
        Some(Running(Arc::clone(&self.0)))
    }

    /// The peer could take more of the answer.
    pub(super) fn await_taking(&self) {
        let mut state = self.0.lock();
        state.last_taken = Instant::now();
        state.untaken += 1;
    }

    /// The peer took it, or left.
    pub(super) fn note_taken(&self) {
        let mut state = self.0.lock();
        state.last_taken = Instant::now();
        state.untaken -= 1;
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.idle_since = Instant::now();
        state.in_flight -= 1;
    }
}

/// The work on one request, whoever still waits for it.
#[derive(Debug)]
pub(super) struct Running(Arc<ConnectionState>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.lock().running -= 1;
    }
}
