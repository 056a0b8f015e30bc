//! An open-loop load: every request has its time, whatever became of those before, and is late when the answer is.
//!
//! Requests are written by hand onto kept connections, on two threads of their own: the load shares the machine with
//! what it loads, and a test that blocks its runtime must not delay it.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Semaphore;

/// How long a request is waited for before it counts as lost.
const PATIENCE: Duration = Duration::from_secs(10);
const CONNECTIONS_MAX: usize = 512;
const POLL: Duration = Duration::from_millis(5);

/// Questions to one service, round and round, so many a second.
#[derive(Debug, Clone)]
pub struct Load {
    targets: Vec<SocketAddr>,
    requests: Vec<Vec<u8>>,
    rate_per_second: f64,
    connections_max: usize,
}

/// A load that runs. Dropping it stops it.
#[derive(Debug)]
pub struct RunningLoad {
    shared: Arc<Shared>,
    runtime: Option<Runtime>,
}

/// What became of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// Which of the bodies was sent.
    pub body: usize,
    /// How many marks were set before it was due.
    pub phase: usize,
    /// When it was due.
    pub due: Instant,
    /// From when it was due to when the answer was there.
    pub latency: Duration,
    /// The answer.
    pub outcome: Outcome,
}

/// What was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// 200 with this verdict.
    Verdict {
        /// Such as `VALID`.
        verdict: Box<str>,
        /// Whether a limit was counted by one replica alone.
        is_local: bool,
    },
    /// Anything else that HTTP can say.
    Status {
        /// Such as 503.
        status: u16,
        /// Such as `overloaded`; empty where the body names none.
        code: Box<str>,
        /// Whether there was a `Retry-After`.
        is_told_when: bool,
    },
    /// No answer, and why.
    Lost(Loss),
}

/// How an answer was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// None of the targets listens.
    Refused,
    /// The connection ended under the request.
    Reset,
    /// It did not come in ten seconds.
    Late,
}

/// Some of the samples of a load.
#[derive(Debug, Clone, Default)]
pub struct Samples(pub Vec<Sample>);

#[derive(Debug)]
struct Shared {
    load: Load,
    phase: AtomicUsize,
    idle: Vec<Mutex<Vec<TcpStream>>>,
    connections: Semaphore,
    samples: Mutex<Vec<Sample>>,
    waiting: AtomicUsize,
    is_stopped: AtomicBool,
}

/// An answer's head as far as it matters, and its body.
struct Answer {
    outcome: Outcome,
    is_last: bool,
}

impl Load {
    /// Verifications of keys, asked of all replicas of a key service in turn.
    ///
    /// # Panics
    ///
    /// When a URL names no address.
    pub fn verifications(urls: &[String], token: &str, bodies: &[Value]) -> Self {
        let address = |url: &String| url.trim_start_matches("http://").parse().expect("a URL with an address");
        let request = |body: &Value| {
            let body = body.to_string();
            let head = format!(
                "POST /v1/keys/verify HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\
                 Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
                body.len()
            );
            [head, body].concat().into_bytes()
        };
        Self {
            targets: urls.iter().map(address).collect(),
            requests: bodies.iter().map(request).collect(),
            rate_per_second: 100.0,
            connections_max: CONNECTIONS_MAX,
        }
    }

    /// So many a second.
    #[must_use]
    pub fn rate(self, rate_per_second: f64) -> Self {
        Self { rate_per_second, ..self }
    }

    /// Over so many connections at the most; a request that finds none free waits, and its time runs.
    #[must_use]
    pub fn connections(self, connections_max: usize) -> Self {
        Self { connections_max, ..self }
    }

    /// Starts it.
    ///
    /// # Panics
    ///
    /// When there are no threads.
    pub fn start(self) -> RunningLoad {
        let runtime = Builder::new_multi_thread().worker_threads(1).thread_name("load").enable_all().build();
        let runtime = runtime.expect("a thread can be started");
        let shared = Arc::new(Shared {
            phase: AtomicUsize::new(0),
            idle: self.targets.iter().map(|_| Mutex::default()).collect(),
            connections: Semaphore::new(self.connections_max),
            samples: Mutex::default(),
            waiting: AtomicUsize::new(0),
            is_stopped: AtomicBool::new(false),
            load: self,
        });
        let (ticking, handle) = (Arc::clone(&shared), runtime.handle().clone());
        std::thread::spawn(move || {
            let started = Instant::now();
            for number in 0_usize.. {
                let due = started + Duration::from_secs_f64(number as f64 / ticking.load.rate_per_second);
                await_instant(due);
                if ticking.is_stopped.load(Ordering::Acquire) {
                    return;
                }
                ticking.waiting.fetch_add(1, Ordering::AcqRel);
                handle.spawn(Arc::clone(&ticking).ask(number, due));
            }
        });
        RunningLoad { shared, runtime: Some(runtime) }
    }

    /// How many requests a second are answered when so many connections never rest.
    pub async fn capacity(&self, connections: usize, time: Duration) -> f64 {
        // More than can be answered.
        let load = self.clone().rate(20_000.0).connections(connections).start();
        tokio::time::sleep(time).await;
        load.sampled().len() as f64 / time.as_secs_f64()
    }
}

impl RunningLoad {
    /// Opens the next phase and tells its number; the one before the first mark is 0.
    pub fn mark(&self) -> usize {
        self.shared.phase.fetch_add(1, Ordering::AcqRel) + 1
    }

    /// Asks nothing any more, waits for what is under way, and tells what became of everything.
    pub async fn finish(self) -> Samples {
        self.shared.is_stopped.store(true, Ordering::Release);
        let deadline = Instant::now() + PATIENCE;
        while self.shared.waiting.load(Ordering::Acquire) > 0 && Instant::now() < deadline {
            tokio::time::sleep(POLL).await;
        }
        Samples(self.sampled())
    }

    fn sampled(&self) -> Vec<Sample> {
        std::mem::take(&mut *self.shared.samples.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for RunningLoad {
    fn drop(&mut self) {
        self.shared.is_stopped.store(true, Ordering::Release);
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Shared {
    async fn ask(self: Arc<Self>, number: usize, due: Instant) {
        let phase = self.phase.load(Ordering::Acquire);
        let body = number % self.load.requests.len();
        let answered = tokio::time::timeout(PATIENCE, self.answer(number, &self.load.requests[body])).await;
        let outcome = answered.unwrap_or(Outcome::Lost(Loss::Late));
        let sample = Sample { body, phase, due, latency: due.elapsed(), outcome };
        self.samples.lock().unwrap_or_else(PoisonError::into_inner).push(sample);
        self.waiting.fetch_sub(1, Ordering::AcqRel);
    }

    /// Asks the next target in turn; where nobody listens, the one after, as a load balancer does.
    async fn answer(&self, number: usize, request: &[u8]) -> Outcome {
        let _permit = self.connections.acquire().await.expect("the semaphore is never closed");
        for at in (0..self.load.targets.len()).map(|tried| (number + tried) % self.load.targets.len()) {
            let mut stream = match self.connect(at).await {
                Ok(stream) => stream,
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => continue,
                Err(_) => return Outcome::Lost(Loss::Reset),
            };
            let Ok(answer) = exchange(&mut stream, request).await else { return Outcome::Lost(Loss::Reset) };
            if !answer.is_last {
                self.idle[at].lock().unwrap_or_else(PoisonError::into_inner).push(stream);
            }
            return answer.outcome;
        }
        Outcome::Lost(Loss::Refused)
    }

    async fn connect(&self, at: usize) -> io::Result<TcpStream> {
        loop {
            let idle = self.idle[at].lock().unwrap_or_else(PoisonError::into_inner).pop();
            let Some(stream) = idle else { break };
            // One that was closed meanwhile is readable.
            if stream.try_read(&mut [0]).is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock) {
                return Ok(stream);
            }
        }
        let stream = TcpStream::connect(self.load.targets[at]).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

impl Outcome {
    /// Whether it is this verdict.
    pub fn is(&self, expected: &str) -> bool {
        matches!(self, Self::Verdict { verdict, .. } if &**verdict == expected)
    }

    /// Whether the service said that the fault is its own.
    pub fn is_server_error(&self) -> bool {
        matches!(self, Self::Status { status: 500.., .. })
    }
}

impl Samples {
    /// Those for which `chosen` holds.
    #[must_use]
    pub fn of(&self, chosen: impl Fn(&Sample) -> bool) -> Self {
        Self(self.0.iter().filter(|sample| chosen(sample)).cloned().collect())
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The part for which `holds` does, in percent; all of none.
    pub fn percent(&self, holds: impl Fn(&Sample) -> bool) -> f64 {
        if self.0.is_empty() {
            return 100.0;
        }
        100.0 * self.0.iter().filter(|sample| holds(sample)).count() as f64 / self.0.len() as f64
    }

    /// Latencies in milliseconds, ascending.
    pub fn latencies_ms(&self) -> Vec<f64> {
        let mut latencies: Vec<f64> = self.0.iter().map(|sample| sample.latency.as_secs_f64() * 1e3).collect();
        latencies.sort_by(f64::total_cmp);
        latencies
    }

    /// The latency that this part (0 to 1) of the requests did not exceed, in milliseconds; 0 without any.
    pub fn quantile_ms(&self, part: f64) -> f64 {
        let latencies = self.latencies_ms();
        let at = (latencies.len() as f64 * part).ceil() as usize;
        latencies.get(at.saturating_sub(1)).or(latencies.last()).copied().unwrap_or(0.0)
    }

    /// How many took longer.
    pub fn slower_than(&self, limit_ms: f64) -> usize {
        self.0.iter().filter(|sample| sample.latency.as_secs_f64() * 1e3 > limit_ms).count()
    }
}

#[expect(clippy::disallowed_methods, reason = "a thread of its own, which keeps time better than a runtime's timer")]
fn await_instant(due: Instant) {
    if let Some(left) = due.checked_duration_since(Instant::now()) {
        std::thread::sleep(left);
    }
}

/// Writes a request and reads its answer whole.
async fn exchange(stream: &mut TcpStream, request: &[u8]) -> io::Result<Answer> {
    stream.write_all(request).await?;
    let mut buffer = Vec::with_capacity(2048);
    loop {
        if stream.read_buf(&mut buffer).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if let Some(answer) = parse(&buffer) {
            return Ok(answer);
        }
    }
}

/// The answer, once it is there whole. The services always say how long a body is.
fn parse(buffer: &[u8]) -> Option<Answer> {
    let head_length = buffer.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&buffer[..head_length]).ok()?.to_ascii_lowercase();
    let header = |name: &str| {
        let line = head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.map(str::trim)
    };
    let length: usize = header("content-length")?.parse().ok()?;
    let body = buffer.get(head_length..head_length + length)?;
    let status: u16 = head.split(' ').nth(1)?.parse().ok()?;
    let body = String::from_utf8_lossy(body);
    let text = |name: &str| body.split_once(name).and_then(|(_, rest)| rest.split('"').next());
    let outcome = match (status, text(r#""verdict":""#)) {
        (200, Some(verdict)) => {
            Outcome::Verdict { verdict: verdict.into(), is_local: body.contains(r#""enforced":"local""#) }
        }
        (status, _) => Outcome::Status {
            status,
            code: text(r#""code":""#).unwrap_or_default().into(),
            is_told_when: header("retry-after").is_some(),
        },
    };
    Some(Answer { outcome, is_last: header("connection") == Some("close") })
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    /// Answers each request after a pause, on any number of connections.
    async fn slow_server(pause: Duration) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer_slowly(stream, pause));
            }
        });
        address
    }

    async fn answer_slowly(mut stream: TcpStream, pause: Duration) {
        let body = r#"{"verdict":"VALID","limits":[{"enforced":"local"}]}"#;
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        let mut buffer = [0; 4096];
        while let Ok(1..) = stream.read(&mut buffer).await {
            tokio::time::sleep(pause).await;
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    }

    #[tokio::test]
    async fn a_stall_delays_every_request_that_was_due() {
        let address = slow_server(Duration::from_millis(100)).await;
        let unheard = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let urls = [format!("http://{unheard}"), format!("http://{address}")];
        let load = Load::verifications(&urls, "token", &[Value::Null]).rate(200.0).start();
        tokio::time::sleep(Duration::from_millis(500)).await;
        let second = load.mark();
        tokio::time::sleep(Duration::from_millis(500)).await;
        let samples = load.finish().await;
        assert!((100..=250).contains(&samples.count()), "{}", samples.count());
        assert!(samples.0.iter().all(|sample| sample.outcome.is("VALID")), "nobody listens at the first address");
        assert!(samples.quantile_ms(0.0) >= 100.0 && samples.slower_than(100.0) == samples.count());
        assert!((20.0..80.0).contains(&samples.percent(|sample| sample.phase == second)));
    }

    #[test]
    fn an_answer_counts_once_it_is_whole() {
        let text = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 21\r\nRetry-After: 1\r\nConnection: close\r\n\r\n\
                    {\"code\":\"overloaded\"}";
        assert!((0..text.len()).all(|end| parse(&text.as_bytes()[..end]).is_none()));
        let answer = parse(text.as_bytes()).unwrap();
        assert_eq!(answer.outcome, Outcome::Status { status: 503, code: "overloaded".into(), is_told_when: true });
        assert!(answer.is_last && answer.outcome.is_server_error());
    }
}
