//! What one connection is doing and since when, shared between its bytes, its requests and its clock.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

use super::{
    Limits,
    scanner::{Fault, Phase, Scanner},
};

/// Times are milliseconds since the connection was opened; zero in `write_blocked` means not blocked.
#[derive(Debug)]
pub(super) struct Watch {
    opened: Instant,
    phase: AtomicU8,
    phase_since: AtomicU64,
    write_blocked: AtomicU64,
    in_flight: AtomicUsize,
    last_answer: AtomicU64,
    requests: AtomicUsize,
    fault: OnceLock<Fault>,
}

impl Watch {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            opened: Instant::now(),
            phase: AtomicU8::new(Phase::Start as u8),
            phase_since: AtomicU64::new(0),
            write_blocked: AtomicU64::new(0),
            in_flight: AtomicUsize::new(0),
            last_answer: AtomicU64::new(0),
            requests: AtomicUsize::new(0),
            fault: OnceLock::new(),
        })
    }

    /// Counts a request in; says what was wrong with the bytes of its head.
    pub(super) fn enter(self: &Arc<Self>) -> (InFlight, Option<&'static str>) {
        let number = self.requests.fetch_add(1, Ordering::AcqRel);
        self.in_flight.fetch_add(1, Ordering::AcqRel);
        let fault = self.fault.get().filter(|fault| number >= fault.head).map(|fault| fault.detail);
        (InFlight(Arc::clone(self)), fault)
    }

    /// What the other end is too slow at, if it is.
    pub(super) fn overdue(&self, limits: &Limits) -> Option<&'static str> {
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
        let is_idle = self.in_flight.load(Ordering::Acquire) == 0;
        let last = since.max(self.last_answer.load(Ordering::Acquire));
        (is_idle && is_over(last, limits.idle)).then_some("idle")
    }

    fn now(&self) -> u64 {
        u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn note_read(&self, scanner: &Scanner) {
        let phase = scanner.phase() as u8;
        if self.phase.swap(phase, Ordering::AcqRel) != phase {
            self.phase_since.store(self.now(), Ordering::Release);
        }
        if let Some(fault) = scanner.fault() {
            self.fault.get_or_init(|| fault);
        }
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
pub(super) struct InFlight(Arc<Watch>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.last_answer.store(self.0.now(), Ordering::Release);
        self.0.in_flight.fetch_sub(1, Ordering::AcqRel);
    }
}

/// A socket whose bytes are followed on their way to the parser.
pub(super) struct WatchedStream {
    stream: TcpStream,
    scanner: Scanner,
    watch: Arc<Watch>,
}

impl WatchedStream {
    pub(super) fn new(stream: TcpStream, watch: Arc<Watch>) -> Self {
        Self { stream, scanner: Scanner::new(), watch }
    }

    fn noted<T>(&self, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        self.watch.note_write(written.is_pending());
        written
    }
}

impl AsyncRead for WatchedStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        let this = &mut *self;
        let bytes = &buffer.filled()[before..];
        if !bytes.is_empty() {
            this.scanner.feed(bytes);
            this.watch.note_read(&this.scanner);
        }
        read
    }
}

impl AsyncWrite for WatchedStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.noted(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.noted(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
