//! An open-loop load: requests are due by the clock however late the answers are, so that a stall is not hidden by a
//! client that waits for it.

#![expect(clippy::unwrap_used, reason = "a load that cannot go on has failed its test")]

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Barrier, oneshot};
use tokio::task::LocalSet;
use tokio::time::{Instant, sleep_until, timeout_at};

/// How much longer than its time a load may take to send what was due, and to hear the last answers.
const PATIENCE: Duration = Duration::from_secs(3);
const HEAD_END: &[u8] = b"\r\n\r\n";
const RETRY_AFTER: &[u8] = b"\r\nretry-after: ";

/// What is asked, how often, and over how many connections.
#[derive(Debug, Clone)]
pub struct Load {
    /// Where it goes.
    pub address: SocketAddr,
    /// Whole requests, sent in turn.
    pub requests: Vec<Vec<u8>>,
    /// Over how many connections.
    pub connections: usize,
    /// How many are due in a second.
    pub per_second: f64,
    /// For how long.
    pub time: Duration,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Outcome {
    /// How many were due.
    pub offered: u64,
    /// From when an accepted request was sent to its answer, in milliseconds, in ascending order.
    pub accepted_ms: Vec<f64>,
    /// From when a refused request was sent to its refusal, in milliseconds, in ascending order.
    pub refused_ms: Vec<f64>,
    /// Let in, and not answered for want of a store.
    pub unavailable: u64,
    /// Refusals that do not say when to come back.
    pub without_retry_after: u64,
    /// Sent and not answered when everybody had gone home.
    pub unanswered: u64,
    /// Neither answered with success nor refused, and one example.
    pub failed: u64,
    /// An answer of a failed one.
    pub example: String,
    /// How long it took in all.
    pub time: Duration,
}

impl Outcome {
    fn sort(&mut self) {
        for waits_ms in [&mut self.accepted_ms, &mut self.refused_ms] {
            waits_ms.sort_by(f64::total_cmp);
        }
    }

    /// Accepted in a second.
    pub fn goodput(&self) -> f64 {
        self.accepted_ms.len() as f64 / self.time.as_secs_f64()
    }

    /// The share of what was offered that was accepted.
    pub fn success(&self) -> f64 {
        self.accepted_ms.len() as f64 / self.offered.max(1) as f64
    }

    /// What was answered as it should be, whichever way.
    pub fn answered(&self) -> usize {
        self.accepted_ms.len() + self.refused_ms.len() + self.unavailable as usize
    }

    /// The share of what was answered that was refused.
    pub fn refused_share(&self) -> f64 {
        let refused = self.refused_ms.len() as f64;
        refused / (refused + self.accepted_ms.len() as f64).max(1.0)
    }

    /// In milliseconds.
    pub fn accepted_p99(&self) -> f64 {
        percentile(&self.accepted_ms, 0.99)
    }

    /// How many were accepted.
    pub fn accepted(&self) -> usize {
        self.accepted_ms.len()
    }

    /// In milliseconds.
    pub fn refused_p99(&self) -> f64 {
        percentile(&self.refused_ms, 0.99)
    }
}

/// 0 of nothing.
pub fn percentile(ascending: &[f64], share: f64) -> f64 {
    let at = (ascending.len() as f64 * share) as usize;
    ascending.get(at.min(ascending.len().saturating_sub(1))).copied().unwrap_or(0.0)
}

impl Load {
    /// The same, so often.
    pub fn at(&self, per_second: f64) -> Self {
        Self { per_second, ..self.clone() }
    }

    /// Sends it all from a thread of its own, so that nobody who watches is slowed down by it.
    pub async fn run(self) -> Outcome {
        Self::run_all([self]).await.remove(0)
    }

    /// Sends several loads that begin together, when all their connections are there. One thread sends them all: several
    /// would wait for each other's turn at the processor that is left to them.
    pub async fn run_all(loads: impl IntoIterator<Item = Self>) -> Vec<Outcome> {
        let loads: Vec<_> = loads.into_iter().collect();
        let (done, outcomes) = oneshot::channel();
        std::thread::spawn(move || {
            let mut builder = tokio::runtime::Builder::new_current_thread();
            let runtime = builder.enable_all().event_interval(1).build().unwrap();
            let local = LocalSet::new();
            // Whoever answers does not pay for waking us, which over loopback is a part of writing.
            let awake = local.spawn_local(async {
                loop {
                    std::thread::yield_now();
                    tokio::task::yield_now().await;
                }
            });
            let together = Barrier::new(loads.len());
            let sending = join_all(loads.into_iter().map(|load| load.send_all(&together)));
            let mut outcomes = local.block_on(&runtime, sending);
            awake.abort();
            outcomes.iter_mut().for_each(Outcome::sort);
            done.send(outcomes).unwrap();
        });
        outcomes.await.expect("the loads end")
    }

    async fn send_all(self, together: &Barrier) -> Outcome {
        let (next, outcome, load) =
            (Rc::new(Cell::new(0_u64)), Rc::new(RefCell::new(Outcome::default())), Rc::new(self));
        let mut streams = Vec::new();
        for _ in 0..load.connections {
            streams.push(connect(load.address).await);
        }
        together.wait().await;
        let start = Instant::now();
        let senders: Vec<_> = streams
            .into_iter()
            .map(|stream| {
                let sender = Sender { load: load.clone(), next: next.clone(), outcome: outcome.clone(), start };
                tokio::task::spawn_local(sender.run(stream))
            })
            .collect();
        for sender in senders {
            sender.await.unwrap();
        }
        let mut outcome = outcome.take();
        // What was due and never sent is offered as well.
        outcome.offered = (load.per_second * load.time.as_secs_f64()) as u64;
        outcome.time = load.time.max(start.elapsed().min(load.time + PATIENCE));
        outcome
    }
}

struct Sender {
    load: Rc<Load>,
    next: Rc<Cell<u64>>,
    outcome: Rc<RefCell<Outcome>>,
    start: Instant,
}

impl Sender {
    async fn run(self, mut stream: TcpStream) {
        let end = self.start + self.load.time;
        let mut answer = Vec::with_capacity(16 * 1024);
        loop {
            let number = self.next.get();
            let due = self.start + Duration::from_secs_f64(number as f64 / self.load.per_second);
            if due >= end || Instant::now() > end + PATIENCE {
                return;
            }
            self.next.set(number + 1);
            sleep_until(due).await;
            let sent = Instant::now();
            let request = &self.load.requests[number as usize % self.load.requests.len()];
            let asked = timeout_at(end + PATIENCE * 2, ask(&mut stream, request, &mut answer)).await;
            let Ok(asked) = asked else {
                self.outcome.borrow_mut().unanswered += 1;
                return;
            };
            self.note(&answer, asked.is_err(), sent);
            if asked.is_err() {
                stream = connect(self.load.address).await;
            }
        }
    }

    fn note(&self, answer: &[u8], is_broken: bool, sent: Instant) {
        let mut outcome = self.outcome.borrow_mut();
        let status = if is_broken { b"" } else { answer.get(9..12).unwrap_or_default() };
        match status {
            b"200" => outcome.accepted_ms.push(sent.elapsed().as_secs_f64() * 1_000.0),
            b"503" if says(answer, b"\"overloaded\"") => {
                outcome.refused_ms.push(sent.elapsed().as_secs_f64() * 1_000.0);
                outcome.without_retry_after += u64::from(!says(answer, RETRY_AFTER));
            }
            b"503" if says(answer, b"\"unavailable\"") => {
                outcome.unavailable += 1;
                outcome.without_retry_after += u64::from(!says(answer, RETRY_AFTER));
                outcome.example = String::from_utf8_lossy(answer).into_owned();
            }
            _ => {
                outcome.failed += 1;
                outcome.example = String::from_utf8_lossy(answer).into_owned();
            }
        }
    }
}

async fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).await.expect("the process listens");
    stream.set_nodelay(true).unwrap();
    stream
}

/// Sends a request and reads the whole of its answer.
async fn ask(stream: &mut TcpStream, request: &[u8], answer: &mut Vec<u8>) -> std::io::Result<()> {
    answer.clear();
    stream.write_all(request).await?;
    loop {
        if stream.read_buf(answer).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let Some(head) = find(answer, HEAD_END) else { continue };
        if answer.len() >= head + HEAD_END.len() + content_length(&answer[..head]) {
            return Ok(());
        }
    }
}

fn content_length(head: &[u8]) -> usize {
    const NAME: &[u8] = b"\r\ncontent-length: ";
    let Some(at) = find(head, NAME) else { return 0 };
    let digits = head[at + NAME.len()..].iter().take_while(|byte| byte.is_ascii_digit());
    digits.fold(0, |length, digit| length * 10 + usize::from(digit - b'0'))
}

fn says(text: &[u8], wanted: &[u8]) -> bool {
    find(text, wanted).is_some()
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    let first = wanted[0];
    let mut from = 0;
    while let Some(step) = text[from..].iter().position(|byte| *byte == first) {
        if text[from + step..].starts_with(wanted) {
            return Some(from + step);
        }
        from += step + 1;
    }
    None
}
