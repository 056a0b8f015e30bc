//! Clients that take their time.

use std::time::{Duration, Instant};

use server::listener::Limits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use super::{Bystanders, limits};
use crate::edge::{Edge, PATIENCE};

/// How many slow clients are promised to hurt nobody.
const SLOW: usize = 2_000;
const SUCCESS_MIN: f64 = 0.999;

/// Each in its own way.
#[derive(Debug, Clone, Copy)]
enum Slowness {
    Silent,
    Head,
    Body,
    NeverReading,
    BlankLines,
}

const WAYS: [Slowness; 5] =
    [Slowness::Silent, Slowness::Head, Slowness::Body, Slowness::NeverReading, Slowness::BlankLines];

impl Slowness {
    fn opening(self) -> &'static str {
        match self {
            Self::Silent => "",
            Self::Head => "GET /v1/things HTTP/1.1\r\nHost: edge\r\nX: ",
            Self::Body => {
                "POST /v1/things HTTP/1.1\r\nHost: edge\r\nContent-Type: application/json\r\nContent-Length: 60000\r\n\r\n{\"name\":\""
            }
            Self::NeverReading => "GET /v1/things HTTP/1.1\r\nHost: edge\r\n\r\n",
            Self::BlankLines => "\r\n",
        }
    }

    /// One more drop.
    fn drop(self, number: usize) -> &'static str {
        match self {
            Self::Silent => "",
            Self::Head | Self::Body => "a",
            Self::NeverReading => "GET /v1/things HTTP/1.1\r\nHost: edge\r\n\r\n",
            // Each half on its own: neither is a head, and together they ask for nothing.
            Self::BlankLines => ["\r", "\n"][number % 2],
        }
    }

    /// How long the promise lets it live; a silent or stuck one that has been answered has its idle time on top.
    fn time_max(self, limits: &Limits) -> Duration {
        match self {
            Self::Silent | Self::Head => limits.header,
            // At a byte now and then the least rate is missed as soon as it counts.
            Self::Body => limits.body_grace + limits.idle,
            Self::NeverReading | Self::BlankLines => limits.idle,
        }
    }
}

async fn connect_from(source: [u8; 4], edge: &Edge) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((source, 0).into()).unwrap();
    socket.connect(edge.address).await.unwrap()
}

/// Drips until the other end closes; says how long that took.
async fn drip(mut stream: TcpStream, way: Slowness, every: Duration) -> Duration {
    let started = Instant::now();
    let mut is_open = stream.write_all(way.opening().as_bytes()).await.is_ok();
    let mut sink = [0; 512];
    let mut number = 0;
    while is_open {
        tokio::time::sleep(every).await;
        is_open = match way {
            // It only notices that it is cut when it writes.
            Slowness::NeverReading => stream.write_all(way.drop(number).as_bytes()).await.is_ok(),
            Slowness::Silent | Slowness::Head | Slowness::Body | Slowness::BlankLines => {
                let written = stream.write_all(way.drop(number).as_bytes()).await.is_ok();
                written && !matches!(stream.try_read(&mut sink), Ok(0))
            }
        };
        number += 1;
    }
    started.elapsed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_way_of_being_slow_is_cut_within_its_limit() {
    let limits = limits();
    let edge = Edge::with(limits.clone(), |config| config).await;
    let every = limits.header / 10;
    let runs = WAYS.into_iter().filter(|way| !matches!(way, Slowness::NeverReading)).map(|way| {
        let (edge, limits) = (&edge, &limits);
        async move {
            let took = drip(connect_from([127, 0, 0, 1], edge).await, way, every).await;
            let bound = way.time_max(limits) + 2 * every + PATIENCE / 10;
            println!("P14 slow {way:?}: closed after {:.2} s, bound {:.2} s", took.as_secs_f64(), bound.as_secs_f64());
            let (worst, bound_s) =
                (format!("{:.2} s", took.as_secs_f64()), format!("cut within {:.2} s", bound.as_secs_f64()));
            fuzzing::Finding::new("P14", &format!("slow: {way:?}"), &bound_s, worst, 1).record();
            assert!(took <= bound, "{way:?} lived for {took:?}");
        }
    });
    let within = if fuzzing::is_long() { Duration::from_secs(200) } else { PATIENCE };
    tokio::time::timeout(within, futures_util::future::join_all(runs)).await.expect("all are cut");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_thousand_slow_clients_hurt_nobody() {
    let limits = limits();
    let edge = Edge::with(limits.clone(), |config| config).await;
    let bystanders = Bystanders::start(&edge, 8);
    let mut slow = tokio::task::JoinSet::new();
    for number in 0..SLOW {
        let source = [127, 0, 1, u8::try_from(number / 200 + 1).unwrap()];
        let way = WAYS[number % WAYS.len()];
        let stream = connect_from(source, &edge).await;
        slow.spawn(drip(stream, way, limits.header / 10));
    }
    // Who never reads asks so little that it could go on for long; it is measured elsewhere.
    let lasting = 2 * limits.idle.min(Duration::from_secs(40));
    tokio::time::sleep(lasting).await;
    let served = bystanders.finish().await;
    let mut cut = 0;
    while slow.try_join_next().is_some() {
        cut += 1;
    }
    let success = 1.0 - served.failed as f64 / served.asked as f64;
    println!(
        "P14 slow clients: {SLOW} for {:.1} s, {cut} cut, others {} asked {} failed ({:.4} % served), slowest {} ms",
        lasting.as_secs_f64(),
        served.asked,
        served.failed,
        success * 100.0,
        served.slowest.as_millis()
    );
    let worst = format!("{:.3} % of {} served", success * 100.0, served.asked);
    fuzzing::Finding::new("P14", "2,000 slow clients", "others: ≥ 99.9 % served", worst, SLOW as u64).record();
    assert!(served.asked > 1_000 && success >= SUCCESS_MIN, "{} of {} failed", served.failed, served.asked);
    assert!(cut >= SLOW * 3 / 4, "only {cut} were cut");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_source_has_its_connections_and_no_more() {
    // A shortened limit for heads would cut the first before a busy machine has opened the last.
    let limits = Limits { exempts_loopback: false, ..Limits::promised() };
    let edge = Edge::with(limits.clone(), |config| config).await;
    let mut held = Vec::new();
    for _ in 0..limits.connections_per_source + 50 {
        held.push(connect_from([127, 0, 2, 1], &edge).await);
    }
    edge.shows("http_connections_refused_total 50").await;
    let mut closed = 0;
    for stream in &mut held[limits.connections_per_source..] {
        let mut byte = [0; 1];
        let end = tokio::time::timeout(PATIENCE, stream.read(&mut byte)).await.expect("closed in time");
        closed += usize::from(!matches!(end, Ok(1..)));
    }
    let mut other = connect_from([127, 0, 2, 2], &edge).await;
    other.write_all(b"GET /v1/things HTTP/1.1\r\nHost: edge\r\n\r\n").await.unwrap();
    let mut answer = [0; 15];
    other.read_exact(&mut answer).await.unwrap();
    let worst = format!("{} open, {closed} of 50 more refused", limits.connections_per_source);
    fuzzing::Finding::new("P14", "connections of one source", "256, others are served", worst, 50).record();
    println!(
        "P14 one source: {} connections, {closed} of 50 more refused, another source served",
        limits.connections_per_source
    );
    assert_eq!((closed, &answer), (50, b"HTTP/1.1 200 OK"));
}
