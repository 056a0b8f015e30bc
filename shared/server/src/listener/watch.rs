//! What one connection is doing and since when, shared between its bytes, its requests and its clock.

use std::{
    io,
    ops::RangeInclusive,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering},
    },
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use domain::ids::OrganizationId;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::Sleep,
};

use super::{
    Limits, Queue,
    line::{Asker, Standing, Turn},
    scanner::{Fault, Phase, Scanner},
};

/// How long nothing is read from a connection whose request was not let in, in milliseconds: any time between these, so
/// that those who were refused together do not come back together. It was told to wait ten times as long, so that only
/// one that does not obey will notice; and refusing it again and again costs no more than this allows.
const REST_MS: RangeInclusive<u64> = 50..=150;

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
}

/// What the line knows a connection by.
#[derive(Debug, Default)]
struct Held {
    /// The turn of the request that is read or answered.
    turn: Option<Turn>,
    /// Whose the last request was.
    asker: Asker,
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

    fn now(&self) -> u64 {
        u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn is_in_flight(&self) -> bool {
        self.in_flight.load(Ordering::Acquire) > 0
    }

    fn note_read(&self, scanner: &Scanner) {
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

    fn set_turn(&self, turn: Option<Turn>) {
        let before = std::mem::replace(&mut self.held().turn, turn);
        drop(before);
    }

    fn note_write(&self, is_blocked: bool) {
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

    /// Whose the request was: the next one on this connection is likely to be theirs as well.
    pub(super) fn note_asker(&self, organization: OrganizationId) {
        self.watch.held().asker = Some(organization);
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

/// A socket whose bytes are followed on their way to the parser.
pub(super) struct WatchedStream {
    stream: TcpStream,
    scanner: Scanner,
    watch: Arc<Watch>,
    rest: Option<Pin<Box<Sleep>>>,
    standing: Option<Standing>,
}

impl WatchedStream {
    pub(super) fn new(stream: TcpStream, watch: Arc<Watch>, queue: Option<Queue>) -> Self {
        Self { stream, scanner: Scanner::new(), watch, rest: None, standing: queue.map(Queue::standing) }
    }

    /// Ready where the next bytes may be read: not while the connection rests. A request is read to its end first,
    /// since the parser closes a connection in the middle of one.
    fn poll_rested(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let is_between = self.scanner.phase() == Phase::Between;
        if is_between && self.watch.needs_rest.swap(false, Ordering::AcqRel) {
            self.rest = Some(Box::pin(tokio::time::sleep(Duration::from_millis(rand::random_range(REST_MS)))));
        }
        if let Some(rest) = &mut self.rest {
            ready!(rest.as_mut().poll(cx));
            self.rest = None;
        }
        Poll::Ready(())
    }

    /// Ready where the next request may be read: when it has its turn, or has waited for one too long.
    fn poll_turn(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let is_next = matches!(self.scanner.phase(), Phase::Start | Phase::Between) && !self.watch.is_in_flight();
        let Some(standing) = self.standing.as_mut().filter(|standing| is_next && standing.is_needed()) else {
            return Poll::Ready(());
        };
        // Who has nothing to say waits for that and not for a turn.
        if ready!(self.stream.poll_read_ready(cx)).is_err() {
            return Poll::Ready(());
        }
        let asker = self.watch.held().asker;
        let turn = ready!(standing.poll_turn(asker, cx));
        self.watch.is_overdue.store(turn.is_none(), Ordering::Release);
        self.watch.set_turn(turn);
        Poll::Ready(())
    }

    fn noted<T>(&self, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        self.watch.note_write(written.is_pending());
        written
    }
}

impl AsyncRead for WatchedStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_rested(cx));
        ready!(self.poll_turn(cx));
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        let this = &mut *self;
        let bytes = &buffer.filled()[before..];
        if !bytes.is_empty() {
            this.scanner.feed(bytes);
            this.watch.note_read(&this.scanner);
        } else if this.standing.is_some() && !(this.scanner.phase() == Phase::Between && this.watch.is_in_flight()) {
            // Whoever is slow to send a request does not keep the others from their turns.
            this.watch.set_turn(None);
        }
        read
    }
}

impl AsyncWrite for WatchedStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.noted(written)
    }

    /// Head and body are written as one piece: answers are small, and a copy costs less than a second piece.
    fn is_write_vectored(&self) -> bool {
        false
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
