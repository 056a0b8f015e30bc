//! What one connection is doing and since when, shared between its bytes, its requests and its clock.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering},
    },
    task::Context,
    time::{Duration, Instant},
};

use futures_util::task::AtomicWaker;

use super::{
    Limits,
    asker::{Asker, Last},
    line::Turn,
    scanner::{Fault, Phase, Scanner},
};
use crate::http::Answered;

/// Times are milliseconds since the connection was opened; zero in `write_blocked` means not blocked.
#[derive(Debug)]
pub(super) struct Watch {
    opened: Instant,
    phase: AtomicU8,
    phase_since: AtomicU64,
    mark: AtomicUsize,
    write_blocked: AtomicU64,
    in_flight: AtomicUsize,
    last_answer: AtomicU64,
    running: AtomicUsize,
    has_overrun: AtomicBool,
    answers_untaken: AtomicUsize,
    last_taken: AtomicU64,
    requests: AtomicUsize,
    needs_rest: AtomicBool,
    held: Mutex<Held>,
    is_overdue: AtomicBool,
    fault: OnceLock<Fault>,
    turning: AtomicU8,
    waker: AtomicWaker,
}

/// How a connection ends, the later the sooner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turning {
    /// With the request that it has.
    Departure = 1,
    /// Now.
    Cut = 2,
}

/// What the line knows a connection by.
#[derive(Debug, Default)]
struct Held {
    /// The turn of the request that is read or answered.
    turn: Option<Turn>,
    last: Last,
}

impl Watch {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            opened: Instant::now(),
            phase: AtomicU8::new(Phase::Start as u8),
            phase_since: AtomicU64::new(0),
            mark: AtomicUsize::new(0),
            write_blocked: AtomicU64::new(0),
            in_flight: AtomicUsize::new(0),
            last_answer: AtomicU64::new(0),
            running: AtomicUsize::new(0),
            has_overrun: AtomicBool::new(false),
            answers_untaken: AtomicUsize::new(0),
            last_taken: AtomicU64::new(0),
            requests: AtomicUsize::new(0),
            needs_rest: AtomicBool::new(false),
            held: Mutex::default(),
            is_overdue: AtomicBool::new(false),
            fault: OnceLock::new(),
            turning: AtomicU8::new(0),
            waker: AtomicWaker::new(),
        })
    }

    /// Counts a request in; says what was wrong with the bytes of its head.
    pub(super) fn enter(self: &Arc<Self>) -> (InFlight, Option<&'static str>) {
        let number = self.requests.fetch_add(1, Ordering::AcqRel);
        self.in_flight.fetch_add(1, Ordering::AcqRel);
        let fault = self.fault.get().filter(|fault| number >= fault.head).map(|fault| fault.detail);
        let is_overdue = self.is_overdue.swap(false, Ordering::AcqRel);
        (InFlight { watch: Arc::clone(self), is_overdue }, fault)
    }

    /// What the other end is too slow at, or did too often, if anything.
    pub(super) fn overdue(&self, limits: &Limits) -> Option<&'static str> {
        if self.has_overrun.load(Ordering::Acquire) {
            return Some("resets");
        }
        let now = self.now();
        let slack = limits.tick();
        let is_over = |since: u64, limit: Duration| Duration::from_millis(now.saturating_sub(since)) + slack > limit;
        let since = self.phase_since.load(Ordering::Acquire);
        let phase = self.phase.load(Ordering::Acquire);
        if (phase == Phase::Start as u8 || phase == Phase::Head as u8) && is_over(since, limits.header) {
            return Some("header");
        }
        let blocked = self.write_blocked.load(Ordering::Acquire);
        if blocked > 0 && is_over(blocked, limits.write) {
            return Some("write");
        }
        // A peer of HTTP/2 can take bytes and yet, by its windows, no answer.
        let is_untaken = phase == Phase::Http2 as u8 && self.answers_untaken.load(Ordering::Acquire) > 0;
        if is_untaken && is_over(self.last_taken.load(Ordering::Acquire), limits.write) {
            return Some("write");
        }
        // Only an answered request counts as activity: neither blank lines nor frames that ask for nothing do.
        let is_idle = self.in_flight.load(Ordering::Acquire) == 0;
        let idle = if phase == Phase::Head as u8 { limits.idle + limits.header } else { limits.idle };
        (is_idle && is_over(self.last_answer.load(Ordering::Acquire), idle)).then_some("idle")
    }

    /// Tells the connection how it ends; whether it did not know.
    pub(super) fn turn(&self, turning: Turning) -> bool {
        let is_news = self.turning.fetch_max(turning as u8, Ordering::AcqRel) < turning as u8;
        if is_news {
            self.waker.wake();
        }
        is_news
    }

    /// How the connection ends, if it is to; it is woken when it is.
    pub(super) fn turning(&self, cx: &Context<'_>) -> Option<Turning> {
        self.waker.register(cx.waker());
        match self.turning.load(Ordering::Acquire) {
            0 => None,
            1 => Some(Turning::Departure),
            _ => Some(Turning::Cut),
        }
    }

    /// Whether a rest is due, which is asked once.
    pub(super) fn takes_rest(&self) -> bool {
        self.needs_rest.swap(false, Ordering::AcqRel)
    }

    /// What the connection was asked last.
    pub(super) fn last(&self) -> Last {
        self.held().last
    }

    /// Gives the next request its turn, or says that it has waited for one in vain.
    pub(super) fn begin(&self, turn: Option<Turn>) {
        self.is_overdue.store(turn.is_none(), Ordering::Release);
        self.set_turn(turn);
    }

    fn now(&self) -> u64 {
        u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    pub(super) fn is_overdue(&self) -> bool {
        self.is_overdue.load(Ordering::Acquire)
    }

    /// A request that came and was answered in one.
    pub(super) fn note_refused(&self) {
        self.requests.fetch_add(1, Ordering::AcqRel);
        self.is_overdue.store(false, Ordering::Release);
        self.last_answer.store(self.now(), Ordering::Release);
        self.needs_rest.store(true, Ordering::Release);
    }

    pub(super) fn is_in_flight(&self) -> bool {
        self.in_flight.load(Ordering::Acquire) > 0
    }

    pub(super) fn note_read(&self, scanner: &Scanner) {
        let phase = scanner.phase() as u8;
        let is_other_head = self.mark.swap(scanner.mark(), Ordering::AcqRel) != scanner.mark();
        if self.phase.swap(phase, Ordering::AcqRel) != phase || is_other_head {
            self.phase_since.store(self.now(), Ordering::Release);
        }
        if let Some(fault) = scanner.fault() {
            self.fault.get_or_init(|| fault);
        }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set_turn(&self, turn: Option<Turn>) {
        let before = std::mem::replace(&mut self.held().turn, turn);
        drop(before);
    }

    pub(super) fn note_write(&self, is_blocked: bool) {
        let blocked = self.write_blocked.load(Ordering::Acquire);
        if is_blocked && blocked == 0 {
            self.write_blocked.store(self.now().max(1), Ordering::Release);
        } else if !is_blocked && blocked != 0 {
            self.write_blocked.store(0, Ordering::Release);
        }
    }
}

/// One request from its head to the end of its answer.
#[derive(Debug)]
pub(super) struct InFlight {
    watch: Arc<Watch>,
    is_overdue: bool,
}

impl InFlight {
    /// Counts in the work on this request, unless the connection has `max` of that already. A stream that its peer resets
    /// is over for the parser; its work is not, and a peer could have any amount of it done for nobody.
    pub(super) fn run(&self, max: usize) -> Option<Running> {
        let running = Running(Arc::clone(&self.watch));
        if self.watch.running.fetch_add(1, Ordering::AcqRel) >= max {
            self.watch.has_overrun.store(true, Ordering::Release);
            return None;
        }
        Some(running)
    }

    /// Whether it waited for its turn in vain.
    pub(super) fn is_overdue(&self) -> bool {
        self.is_overdue
    }

    /// Lets the connection rest before its next request is read.
    pub(super) fn rest(&self) {
        self.watch.needs_rest.store(true, Ordering::Release);
    }

    /// What was asked, for the line.
    pub(super) fn note_answered(&self, answered: Answered) {
        let mut held = self.watch.held();
        let asker = match (answered.organization, held.last.asker) {
            (Some(organization), _) => Asker::Organization(organization),
            (None, Asker::New) => Asker::Nobody,
            (None, known) => known,
        };
        held.last = Last { asker, questions: answered.questions };
    }

    /// The peer could take more of the answer.
    pub(super) fn await_taking(&self) {
        self.watch.last_taken.store(self.watch.now(), Ordering::Release);
        self.watch.answers_untaken.fetch_add(1, Ordering::AcqRel);
    }

    /// The peer took it, or left.
    pub(super) fn note_taken(&self) {
        self.watch.last_taken.store(self.watch.now(), Ordering::Release);
        self.watch.answers_untaken.fetch_sub(1, Ordering::AcqRel);
    }
}

/// The work on one request, whoever still waits for it.
#[derive(Debug)]
pub(super) struct Running(Arc<Watch>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.watch.last_answer.store(self.watch.now(), Ordering::Release);
        self.watch.in_flight.fetch_sub(1, Ordering::AcqRel);
        self.watch.set_turn(None);
    }
}
