//! Clients that mean harm, over real sockets: each is cut off or bounded, and everybody else is served meanwhile.

mod frames;
mod http2;
mod slow;

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};
use std::time::{Duration, Instant};

use server::listener::Limits;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinHandle,
};

use crate::edge::{Edge, PATIENCE};

/// How much this process may grow while it is attacked, the attacker's own buffers included.
const GROWTH_MAX_KIB: u64 = 48 * 1024;
/// What an attacker sends before it gives up: far more than a bounded connection takes before it is idle for too long.
fn attack_bytes_max() -> usize {
    const MIB: usize = 1024 * 1024;
    if fuzzing::is_long() { 4096 * MIB } else { 1024 * MIB }
}

/// Limits in seconds as they are promised, or in tenths of that, for tests that run every day.
fn limits() -> Limits {
    let promised = Limits::promised();
    if fuzzing::is_long() {
        return promised;
    }
    let shorter = |limit: Duration| limit / 20;
    Limits {
        header: shorter(promised.header),
        body: shorter(promised.body),
        body_grace: shorter(promised.body_grace),
        write: shorter(promised.write),
        idle: shorter(promised.idle),
        ..promised
    }
}

/// What this process holds in memory.
fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Clients that ask one small question after another, each on a connection that it keeps.
struct Bystanders {
    is_over: Arc<AtomicBool>,
    asked: Arc<AtomicUsize>,
    tasks: Vec<JoinHandle<Vec<Duration>>>,
}

/// What became of them.
struct Served {
    asked: usize,
    failed: usize,
    slowest: Duration,
}

impl Bystanders {
    fn start(edge: &Edge, number: usize) -> Self {
        let (is_over, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let ask = |address| tokio::spawn(ask_on(address, Arc::clone(&is_over), Arc::clone(&asked)));
        let tasks = (0..number).map(|_| ask(edge.address)).collect();
        Self { is_over, asked, tasks }
    }

    async fn finish(self) -> Served {
        self.is_over.store(true, Ordering::Relaxed);
        let times = futures_util::future::try_join_all(self.tasks).await.unwrap().concat();
        let asked = self.asked.load(Ordering::Relaxed);
        Served { asked, failed: asked - times.len(), slowest: times.into_iter().max().unwrap_or_default() }
    }
}

/// Says how long each answer took that came.
async fn ask_on(address: std::net::SocketAddr, is_over: Arc<AtomicBool>, asked: Arc<AtomicUsize>) -> Vec<Duration> {
    let (mut times, mut stream) = (Vec::new(), None);
    loop {
        asked.fetch_add(1, Ordering::Relaxed);
        let started = Instant::now();
        match tokio::time::timeout(PATIENCE / 4, one_question(&mut stream, address)).await {
            Ok(Ok(())) => times.push(started.elapsed()),
            Ok(Err(_)) | Err(_) => stream = None,
        }
        // Not before the first question: however soon the attack has ended, somebody has asked.
        if is_over.load(Ordering::Relaxed) {
            return times;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

async fn one_question(stream: &mut Option<TcpStream>, address: std::net::SocketAddr) -> std::io::Result<()> {
    let open = match stream.take() {
        Some(open) => stream.insert(open),
        None => stream.insert(TcpStream::connect(address).await?),
    };
    open.write_all(b"GET /v1/things?limit=3 HTTP/1.1\r\nHost: edge\r\n\r\n").await?;
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n3") {
        let mut chunk = [0; 2048];
        let count = open.read(&mut chunk).await?;
        if count == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        answer.extend_from_slice(&chunk[..count]);
    }
    if answer.starts_with(b"HTTP/1.1 200") { Ok(()) } else { Err(std::io::ErrorKind::InvalidData.into()) }
}

/// How an attack went.
#[derive(Debug)]
struct Attack {
    is_closed: bool,
    sent_bytes: usize,
    took: Duration,
}

/// The head of a PING that wants to be answered.
const PING_HEAD: [u8; 9] = [0, 0, 8, 6, 0, 0, 0, 0, 0];

/// Reads whatever comes and passes on what the pings say, so that they can be answered: no attacker is so kind as to be
/// found out by them.
async fn read_all(mut reader: tokio::net::tcp::OwnedReadHalf, pings: tokio::sync::mpsc::UnboundedSender<Vec<u8>>) {
    let mut chunk = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = reader.read(&mut chunk).await {
        for frame in chunk[..count].windows(17).filter(|frame| frame.starts_with(&PING_HEAD)) {
            let _ = pings.send(frames::frame(6, 1, 0, &frame[9..]));
        }
    }
}

/// Sends `opening` and then what `again` makes, over and over, until the other end closes or so much was sent that it
/// never will. An attacker that does not read lets its answers pile up.
async fn attack(edge: &Edge, opening: Vec<u8>, is_reading: bool, mut again: impl FnMut(u32) -> Vec<u8>) -> Attack {
    let started = Instant::now();
    let (reader, mut writer) = TcpStream::connect(edge.address).await.unwrap().into_split();
    let (sender, mut pings) = tokio::sync::mpsc::unbounded_channel();
    let mut sent_bytes = 0;
    let sending = async {
        writer.write_all(&opening).await?;
        for number in 0.. {
            let mut bytes = again(number);
            if bytes.is_empty() {
                // There is nothing more to say; the connection is held.
                bytes = pings.recv().await.unwrap_or_default();
            }
            while let Ok(ping) = pings.try_recv() {
                bytes.extend(ping);
            }
            sent_bytes += bytes.len();
            if sent_bytes > attack_bytes_max() || bytes.is_empty() {
                break;
            }
            writer.write_all(&bytes).await?;
        }
        Ok::<_, std::io::Error>(())
    };
    let patience = if fuzzing::is_long() { Duration::from_secs(150) } else { PATIENCE };
    let ended = async {
        if !is_reading {
            return sending.await.is_err();
        }
        let mut reading = std::pin::pin!(read_all(reader, sender));
        tokio::select! {
            () = &mut reading => true,
            sent = sending => { if sent.is_ok() { reading.await; } true }
        }
    };
    let is_closed = tokio::time::timeout(patience, ended).await.unwrap_or(false);
    Attack { is_closed, sent_bytes, took: started.elapsed() }
}
