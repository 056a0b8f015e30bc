//! A network that fails on demand: a TCP proxy that delays, freezes, loses, slices, resets and cuts what passes.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::{self, Either};
use rand::RngExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

/// How much is read at once.
const CHUNK_BYTES: usize = 16 * 1024;
/// How many chunks may be on their way in one direction.
const CHUNKS_MAX: usize = 256;

/// What happens to every connection, open and new, from the moment it is set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Everything passes.
    None,
    /// Everything arrives later by `delay`, give or take up to `jitter`; order is kept.
    Late {
        /// One way.
        delay: Duration,
        /// One way, too.
        jitter: Duration,
    },
    /// Nothing passes and nothing is lost: what was sent arrives when the fault ends, as over a link that was down.
    Frozen,
    /// Everything sent is lost in silence, both ways.
    Lost,
    /// What the client sends arrives; every answer is lost.
    AnswersLost,
    /// Open connections are reset, and new ones as soon as they are accepted.
    Reset,
    /// Open connections are reset, and nobody listens.
    Refused,
    /// Everything passes in pieces of so many bytes with a pause after each.
    Sliced {
        /// The size of a piece.
        bytes: usize,
        /// After each piece.
        pause: Duration,
    },
    /// Whatever holds these bytes still reaches the server, which can act on it; the client's connection is reset instead
    /// of answered.
    CutAfter(&'static [u8]),
}

/// A proxy in front of one address. Dropping it resets what is open.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    fault: watch::Sender<Fault>,
    cuts: Arc<AtomicUsize>,
    _listening: AbortOnDropHandle<()>,
}

impl Proxy {
    /// Listens on a free port and passes everything on to `target`.
    pub async fn start(target: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (fault, faults) = watch::channel(Fault::None);
        let cuts = Arc::new(AtomicUsize::new(0));
        let line = Line { target, faults, cuts: Arc::clone(&cuts) };
        let listening = AbortOnDropHandle::new(tokio::spawn(listen(listener, address, line)));
        Ok(Self { address, fault, cuts, _listening: listening })
    }

    /// Where to connect instead of to the target.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on this happens.
    pub fn set(&self, fault: Fault) {
        self.fault.send_replace(fault);
    }

    /// How many connections [`Fault::CutAfter`] has cut.
    pub fn cuts(&self) -> usize {
        self.cuts.load(Ordering::Acquire)
    }
}

/// What all connections of a proxy share.
#[derive(Clone)]
struct Line {
    target: SocketAddr,
    faults: watch::Receiver<Fault>,
    cuts: Arc<AtomicUsize>,
}

/// One direction of one connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    Question,
    Answer,
}

async fn listen(listener: TcpListener, address: SocketAddr, mut line: Line) {
    let mut listener = Some(listener);
    // Dropped with the task, and every connection with them.
    let closed = CancellationToken::new();
    let _close = closed.clone().drop_guard();
    loop {
        let is_refused = *line.faults.borrow_and_update() == Fault::Refused;
        if is_refused {
            listener = None;
        } else if listener.is_none() {
            listener = TcpListener::bind(address).await.ok();
        }
        let accepted = async {
            match &listener {
                Some(listener) => listener.accept().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            changed = line.faults.changed() => if changed.is_err() { return },
            accepted = accepted => if let Ok((client, _)) = accepted {
                tokio::spawn(closed.clone().run_until_cancelled_owned(connect(client, line.clone())));
            },
        }
    }
}

/// One connection, until either end is done with it or a fault ends it.
async fn connect(client: TcpStream, mut line: Line) {
    if is_reset(&line.faults.borrow()) {
        reset(&client);
        return;
    }
    let Ok(server) = TcpStream::connect(line.target).await else {
        reset(&client);
        return;
    };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    // Whatever ends the connection early, the client sees a reset; an orderly end is passed on before.
    reset(&client);
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let is_cut = Arc::new(AtomicBool::new(false));
    let faults = line.faults.clone();
    let (to_client, to_server) = (Outgoing(Some(to_client)), Outgoing(Some(to_server)));
    let question = Pump { direction: Direction::Question, faults: faults.clone(), is_cut: Arc::clone(&is_cut) };
    let answer = Pump { direction: Direction::Answer, faults, is_cut };
    let passed = async {
        let question = pin!(question.run(from_client, to_server));
        let mut answer = pin!(answer.run(from_server, to_client));
        match future::select(question, &mut answer).await {
            Either::Left((Ended::Cut, _)) => Ended::Cut,
            Either::Left((Ended::Closed, _)) => answer.await,
            Either::Right((_, question)) => question.await,
        }
    };
    let ended = async {
        while line.faults.changed().await.is_ok() {
            if is_reset(&line.faults.borrow_and_update()) {
                return;
            }
        }
    };
    tokio::select! {
        ended = passed => if ended == Ended::Cut { line.cuts.fetch_add(1, Ordering::AcqRel); },
        () = ended => {}
    }
}

/// How a direction came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    /// One end closed.
    Closed,
    /// [`Fault::CutAfter`] found its bytes.
    Cut,
}

/// The writing half of a connection. Dropped, it is left as it is: saying goodbye is for whoever means it.
struct Outgoing(Option<OwnedWriteHalf>);

impl Outgoing {
    fn half(&mut self) -> &mut OwnedWriteHalf {
        self.0.as_mut().expect("taken when it is dropped")
    }
}

impl Drop for Outgoing {
    fn drop(&mut self) {
        if let Some(half) = self.0.take() {
            half.forget();
        }
    }
}

struct Pump {
    direction: Direction,
    faults: watch::Receiver<Fault>,
    is_cut: Arc<AtomicBool>,
}

impl Pump {
    /// Passes on what comes, in order, each piece when it is due.
    async fn run(mut self, mut from: OwnedReadHalf, mut to: Outgoing) -> Ended {
        let (chunks, mut due) = mpsc::channel::<(Instant, Vec<u8>)>(CHUNKS_MAX);
        let faults = self.faults.clone();
        let read = async move {
            let mut buffer = vec![0; CHUNK_BYTES];
            while let Ok(length @ 1..) = from.read(&mut buffer).await {
                let at = Instant::now() + delay(&faults.borrow());
                if chunks.send((at, buffer[..length].to_vec())).await.is_err() {
                    return;
                }
            }
        };
        let write = async {
            while let Some((at, chunk)) = due.recv().await {
                // A timer rounds up to a millisecond, also for what is due already.
                if at > Instant::now() {
                    tokio::time::sleep_until(at).await;
                }
                match self.pass(&chunk, to.half()).await {
                    Ok(None) => {}
                    Ok(Some(ended)) => return ended,
                    Err(_) => return Ended::Closed,
                }
            }
            // The end of an answer that was cut is no orderly one.
            if !self.is_cut.load(Ordering::Acquire) {
                let _ = to.half().shutdown().await;
            }
            Ended::Closed
        };
        match future::select(pin!(read), pin!(write)).await {
            Either::Left(((), write)) => write.await,
            Either::Right((ended, _)) => ended,
        }
    }

    async fn pass(&mut self, chunk: &[u8], to: &mut OwnedWriteHalf) -> io::Result<Option<Ended>> {
        loop {
            let fault = self.faults.borrow_and_update().clone();
            if self.direction == Direction::Answer && self.is_cut.load(Ordering::Acquire) {
                return Ok(None);
            }
            match fault {
                Fault::None | Fault::Late { .. } | Fault::Reset | Fault::Refused => {
                    to.write_all(chunk).await?;
                    return Ok(None);
                }
                Fault::Frozen => {
                    if self.faults.changed().await.is_err() {
                        return Ok(Some(Ended::Closed));
                    }
                }
                Fault::Lost => return Ok(None),
                Fault::AnswersLost if self.direction == Direction::Answer => return Ok(None),
                Fault::CutAfter(needle) if self.direction == Direction::Question && holds(chunk, needle) => {
                    self.is_cut.store(true, Ordering::Release);
                    to.write_all(chunk).await?;
                    to.shutdown().await?;
                    return Ok(Some(Ended::Cut));
                }
                Fault::AnswersLost | Fault::CutAfter(_) => {
                    to.write_all(chunk).await?;
                    return Ok(None);
                }
                Fault::Sliced { bytes, pause } => {
                    for piece in chunk.chunks(bytes.max(1)) {
                        to.write_all(piece).await?;
                        tokio::time::sleep(pause).await;
                    }
                    return Ok(None);
                }
            }
        }
    }
}

fn delay(fault: &Fault) -> Duration {
    match fault {
        Fault::Late { delay, jitter } => {
            let off_us = i64::try_from(jitter.as_micros()).unwrap_or(i64::MAX);
            let delay_us = i64::try_from(delay.as_micros()).unwrap_or(i64::MAX);
            let due_us = delay_us.saturating_add(rand::rng().random_range(-off_us..=off_us));
            Duration::from_micros(due_us.max(0).unsigned_abs())
        }
        Fault::None
        | Fault::Frozen
        | Fault::Lost
        | Fault::AnswersLost
        | Fault::Reset
        | Fault::Refused
        | Fault::Sliced { .. }
        | Fault::CutAfter(_) => Duration::ZERO,
    }
}

fn is_reset(fault: &Fault) -> bool {
    matches!(fault, Fault::Reset | Fault::Refused)
}

fn holds(chunk: &[u8], needle: &[u8]) -> bool {
    chunk.windows(needle.len().max(1)).any(|window| window == needle)
}

/// Closing it from now on sends RST: without lingering there is no orderly end.
fn reset(stream: &TcpStream) {
    let _ = stream.set_zero_linger();
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that answers every byte with itself, and tells what it has heard.
    async fn echo() -> (SocketAddr, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let heard = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&heard);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(repeat(stream, Arc::clone(&counted)));
            }
        });
        (address, heard)
    }

    async fn repeat(mut stream: TcpStream, heard: Arc<AtomicUsize>) -> io::Result<()> {
        let mut buffer = [0; 1024];
        while let length @ 1.. = stream.read(&mut buffer).await? {
            heard.fetch_add(length, Ordering::SeqCst);
            stream.write_all(&buffer[..length]).await?;
        }
        Ok(())
    }

    async fn ask(stream: &mut TcpStream, text: &[u8]) -> io::Result<Duration> {
        let asked = Instant::now();
        stream.write_all(text).await?;
        let mut answer = vec![0; text.len()];
        stream.read_exact(&mut answer).await?;
        assert_eq!(answer, text);
        Ok(asked.elapsed())
    }

    async fn is_silent(stream: &mut TcpStream, text: &[u8]) -> bool {
        tokio::time::timeout(Duration::from_millis(150), ask(stream, text)).await.is_err()
    }

    #[tokio::test]
    async fn every_fault_does_what_it_says() {
        let (target, heard) = echo().await;
        let proxy = Proxy::start(target).await.unwrap();
        let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
        ask(&mut stream, b"hello").await.unwrap();

        proxy.set(Fault::Late { delay: Duration::from_millis(60), jitter: Duration::from_millis(5) });
        assert!(ask(&mut stream, b"late").await.unwrap() >= Duration::from_millis(100), "both ways");

        proxy.set(Fault::Sliced { bytes: 1, pause: Duration::from_millis(5) });
        assert!(ask(&mut stream, b"0123456789").await.unwrap() >= Duration::from_millis(50));

        proxy.set(Fault::Frozen);
        stream.write_all(b"frozen").await.unwrap();
        let mut answer = [0; 6];
        assert!(tokio::time::timeout(Duration::from_millis(150), stream.read_exact(&mut answer)).await.is_err());
        proxy.set(Fault::None);
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"frozen", "nothing is lost");

        proxy.set(Fault::AnswersLost);
        let before = heard.load(Ordering::SeqCst);
        assert!(is_silent(&mut stream, b"heard").await);
        assert_eq!(heard.load(Ordering::SeqCst), before + 5, "the server has acted on it");
        proxy.set(Fault::Lost);
        assert!(is_silent(&mut stream, b"unheard").await);
        assert_eq!(heard.load(Ordering::SeqCst), before + 5);

        proxy.set(Fault::Reset);
        let mut rest = Vec::new();
        let ended = stream.read_to_end(&mut rest).await.unwrap_err();
        assert_eq!(ended.kind(), io::ErrorKind::ConnectionReset);
        proxy.set(Fault::Refused);
        // Whoever is still in the listener's queue when it closes is reset.
        let is_refused = async || {
            let connected = TcpStream::connect(proxy.address()).await;
            connected.is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
        };
        while !is_refused().await {}
        proxy.set(Fault::None);
        let mut stream = loop {
            if let Ok(stream) = TcpStream::connect(proxy.address()).await {
                break stream;
            }
        };
        ask(&mut stream, b"again").await.unwrap();
    }

    #[tokio::test]
    async fn what_is_cut_off_has_reached_the_server_and_is_not_answered() {
        let (target, heard) = echo().await;
        let proxy = Proxy::start(target).await.unwrap();
        proxy.set(Fault::CutAfter(b"commit"));
        let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
        ask(&mut stream, b"begin").await.unwrap();
        stream.write_all(b"commit;").await.unwrap();
        let mut rest = Vec::new();
        assert!(stream.read_to_end(&mut rest).await.is_err() && rest.is_empty());
        while (heard.load(Ordering::SeqCst), proxy.cuts()) != (12, 1) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}
