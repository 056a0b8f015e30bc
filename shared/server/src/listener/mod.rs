//! The accept loop: every connection has its limits in time and size, and none is dropped while it is answered.

mod admission;
mod asker;
mod body;
mod frames;
mod line;
pub(crate) mod metrics;
mod ration;
mod rounds;
mod scanner;
mod shelter;
mod stream;
mod watch;

use std::{convert::Infallible, future::poll_fn, io, net::SocketAddr, pin::pin, sync::Arc, task::Poll, time::Duration};

use futures_util::FutureExt;
use http::{HeaderValue, Version, header, uri::Scheme};
use http_body_util::combinators::BoxBody;
use hyper::{Request as HyperRequest, Response as HyperResponse, body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto::Builder,
};
use ipnet::IpNet;
use poem::{
    Addr, Endpoint, Request, RequestParts, Response,
    web::{LocalAddr, RemoteAddr},
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::MissedTickBehavior,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub use line::{Line, Queue};

use self::{
    admission::{Place, Sources},
    body::{CountedBody, TimedBody},
    metrics::ConnectionMetrics,
    rounds::{Rounds, Visited},
    shelter::Sheltered,
    stream::WatchedStream,
    watch::{InFlight, Turning, Watch},
};
use crate::{
    http::{Answered, NotLetIn, Overdue, framing::BrokenHead},
    metrics::Metrics,
    problem::{ErrorCode, Problem},
};

/// How long to rest after an accept failed, above all for want of file descriptors.
const ACCEPT_REST: Duration = Duration::from_millis(50);
/// How long connections are kept after the process was told to stop, for their clients to be told with an answer.
const FAREWELL: Duration = Duration::from_millis(500);
/// What the parser admits of a head: more than the stack does, so that the stack can answer with a problem.
const HEAD_BUFFER_MAX_BYTES: usize = 80 * 1024;
/// The same for HTTP/2, where the peer is told the limit.
const HTTP2_HEADERS_MAX_BYTES: u32 = 32 * 1024;
/// How much of its bodies an HTTP/2 connection may send before somebody reads them, together and each: a whole body of
/// most operations. The default would let one source fill a quarter of a gigabyte.
const HTTP2_CONNECTION_WINDOW_BYTES: u32 = 256 * 1024;
const HTTP2_STREAM_WINDOW_BYTES: u32 = 128 * 1024;
/// How many streams an HTTP/2 connection may have reset before it is taken for an attack.
const HTTP2_RESETS_MAX: usize = 20;

/// How long and how much a connection may.
#[derive(Debug, Clone)]
pub struct Limits {
    /// From a head's first byte to its last; for a new connection, from its start.
    pub header: Duration,
    /// For a whole body.
    pub body: Duration,
    /// Before a body's rate counts.
    pub body_grace: Duration,
    /// How fast a body must come after the grace.
    pub body_bytes_per_second_min: u64,
    /// For a peer that does not take what it asked for.
    pub write: Duration,
    /// Without a request.
    pub idle: Duration,
    /// For requests in flight when the process is told to stop.
    pub drain: Duration,
    /// HTTP/2 streams at once.
    pub http2_streams: u32,
    /// Open connections together; beyond, new ones wait to be accepted.
    pub connections: usize,
    /// Open connections from one source; beyond, new ones are closed.
    pub connections_per_source: usize,
    /// Peers that stand for many clients: the trusted proxies.
    pub exempt_sources: Vec<IpNet>,
    /// Whether this machine itself is such a peer.
    pub exempts_loopback: bool,
    /// What requests of HTTP/1.1 wait in to be read while there is more work than time.
    pub queue: Option<Queue>,
}

impl Limits {
    /// What is promised.
    pub fn promised() -> Self {
        Self {
            header: Duration::from_secs(10),
            body: Duration::from_secs(30),
            body_grace: Duration::from_secs(5),
            body_bytes_per_second_min: 1024,
            write: Duration::from_secs(30),
            idle: Duration::from_secs(60),
            drain: Duration::from_secs(10),
            http2_streams: 100,
            connections: 4096,
            connections_per_source: 256,
            exempt_sources: Vec::new(),
            exempts_loopback: true,
            queue: None,
        }
    }

    /// How often a connection's clock is looked at; a limit is met up to this much early, never late.
    fn tick(&self) -> Duration {
        let shortest = self.header.min(self.idle).min(self.write);
        (shortest / 10).clamp(Duration::from_millis(5), Duration::from_secs(1))
    }
}

/// Serves `endpoint` until `shutdown`, then lets requests in flight end within [`Limits::drain`].
///
/// A request is handled to its end whatever its client does, so that one that leaves never cancels database work
/// half-way.
pub async fn serve<E>(
    listener: TcpListener,
    endpoint: E,
    limits: Limits,
    metrics: &Metrics,
    shutdown: CancellationToken,
) -> io::Result<()>
where
    E: Endpoint<Output = Response> + 'static,
{
    let door = Arc::new(Door {
        endpoint: Arc::new(endpoint),
        local: listener.local_addr()?,
        sources: Sources::new(&limits),
        metrics: ConnectionMetrics::register(metrics),
        limits,
        shutdown,
        rounds: Arc::default(),
    });
    let permits = Arc::new(Semaphore::new(door.limits.connections));
    let connections = TaskTracker::new();
    let serving = async {
        while let Some((stream, peer, permit)) = door.next(&listener, &permits).await {
            let Some(place) = door.sources.admit(peer.ip()) else {
                door.metrics.refused();
                continue;
            };
            let visited = door.rounds.visit(Watch::new());
            connections.spawn(Arc::clone(&door).run((stream, peer), visited, (permit, place)));
        }
        drop(listener);
        connections.close();
        if tokio::time::timeout(door.limits.drain, connections.wait()).await.is_err() {
            door.rounds.turn_all(Turning::Cut);
            connections.wait().await;
        }
    };
    tokio::select! {
        () = serving => Ok(()),
        never = door.go_round() => match never {},
    }
}

/// What all connections of a listener share.
struct Door<E> {
    endpoint: Arc<E>,
    local: SocketAddr,
    sources: Arc<Sources>,
    metrics: ConnectionMetrics,
    limits: Limits,
    shutdown: CancellationToken,
    rounds: Arc<Rounds>,
}

impl<E: Endpoint<Output = Response> + 'static> Door<E> {
    /// The next connection; `None` when the process is told to stop.
    async fn next(
        &self,
        listener: &TcpListener,
        permits: &Arc<Semaphore>,
    ) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
        let accepted = async {
            let permit = Arc::clone(permits).acquire_owned().await.expect("the semaphore is never closed");
            loop {
                match listener.accept().await {
                    Ok((stream, peer)) => return (stream, peer, permit),
                    Err(_) => tokio::time::sleep(ACCEPT_REST).await,
                }
            }
        };
        tokio::select! {
            biased;
            // Whoever is connected already is let in: closing the listener would reset it.
            next = accepted => Some(next),
            () = self.shutdown.cancelled() => None,
        }
    }

    async fn run(
        self: Arc<Self>,
        (stream, peer): (TcpStream, SocketAddr),
        visited: Visited,
        _admitted: (OwnedSemaphorePermit, Place),
    ) {
        self.metrics.opened();
        // Without it an answer in two writes waits for the peer's delayed acknowledgement.
        let _ = stream.set_nodelay(true);
        let watch = Arc::clone(&visited.watch);
        let (queue, shutdown) = (self.limits.queue.clone(), self.shutdown.clone());
        let io = TokioIo::new(WatchedStream::new(stream, Arc::clone(&watch), queue, shutdown));
        let door = Arc::clone(&self);
        let of_requests = Arc::clone(&watch);
        let service = service_fn(move |request| Arc::clone(&door).answer(request, peer, of_requests.enter()));
        let builder = self.builder();
        let mut connection = pin!(builder.serve_connection(io, service));
        let mut is_leaving = false;
        let ended = poll_fn(|cx| {
            // A peer's own faults end its connection and are nobody's news.
            if connection.as_mut().poll(cx).is_ready() {
                return Poll::Ready(());
            }
            match watch.turning(cx) {
                Some(Turning::Cut) => return Poll::Ready(()),
                Some(Turning::Departure) if !is_leaving => {
                    is_leaving = true;
                    connection.as_mut().graceful_shutdown();
                    cx.waker().wake_by_ref();
                }
                Some(Turning::Departure) | None => {}
            }
            Poll::Pending
        });
        ended.await;
        self.metrics.closed();
    }

    /// Looks after the open connections. Never ends.
    async fn go_round(&self) -> Infallible {
        let mut clock = tokio::time::interval(self.limits.tick());
        clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut departure = pin!(self.departure().fuse());
        loop {
            tokio::select! {
                () = &mut departure => self.rounds.turn_all(Turning::Departure),
                _ = clock.tick() => self.rounds.cut_overdue(&self.limits, &self.metrics),
            }
        }
    }

    /// The moment at which connections without a request are closed. A client that sends one just then is reset, so for
    /// a while before that each answer says that its connection ends.
    async fn departure(&self) {
        self.shutdown.cancelled().await;
        tokio::time::sleep(FAREWELL).await;
    }

    fn builder(&self) -> Builder<TokioExecutor> {
        let mut builder = Builder::new(TokioExecutor::new());
        // The watch bounds heads and idleness apart; the parser's own timer cannot tell the two.
        builder.http1().timer(TokioTimer::new()).header_read_timeout(None).max_buf_size(HEAD_BUFFER_MAX_BYTES);
        builder
            .http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(self.limits.http2_streams)
            .max_header_list_size(HTTP2_HEADERS_MAX_BYTES)
            .max_pending_accept_reset_streams(HTTP2_RESETS_MAX)
            .initial_connection_window_size(HTTP2_CONNECTION_WINDOW_BYTES)
            .initial_stream_window_size(HTTP2_STREAM_WINDOW_BYTES)
            .keep_alive_interval(self.limits.idle / 2)
            .keep_alive_timeout(self.limits.header);
        builder
    }

    async fn answer(
        self: Arc<Self>,
        request: HyperRequest<Incoming>,
        peer: SocketAddr,
        (in_flight, fault): (InFlight, Option<&'static str>),
    ) -> Result<HyperResponse<CountedBody<BoxBody<bytes::Bytes, io::Error>>>, Infallible> {
        let (parts, body) = request.into_parts();
        // HTTP/2 says it in a frame of its own.
        let is_http1 = parts.version <= Version::HTTP_11;
        let addresses = (LocalAddr(Addr::SocketAddr(self.local)), RemoteAddr(Addr::SocketAddr(peer)));
        let parts = RequestParts::from((parts, addresses.0, addresses.1, Scheme::HTTP));
        let body = BoxBody::new(TimedBody::new(body, &self.limits));
        let mut request = Request::from_parts(parts, body.into());
        if let Some(detail) = fault {
            request.set_data(BrokenHead(detail));
        }
        if in_flight.is_overdue() {
            request.set_data(Overdue);
        }
        let endpoint = Arc::clone(&self.endpoint);
        let response = match in_flight.run(self.limits.http2_streams as usize) {
            Some(running) => {
                let handled = Sheltered::new(async move {
                    let _running = running;
                    endpoint.as_ref().get_response(request).await
                });
                // The stack answers for the panics of its handlers; this one is the stack's own.
                handled.await.unwrap_or_else(|_panic| Problem::new(ErrorCode::Internal).into_response(""))
            }
            // Its connection is cut at the next look at the clock.
            None => Problem::new(ErrorCode::Overloaded).into_response(""),
        };
        if is_http1 && response.data::<NotLetIn>().is_some() {
            in_flight.rest();
        }
        // A refusal says nothing of whom it was asked for.
        let is_refused = response.data::<ErrorCode>() == Some(&ErrorCode::Overloaded);
        if let Some(answered) = response.data::<Answered>().filter(|_| !is_refused) {
            in_flight.note_answered(*answered);
        }
        let mut response: HyperResponse<BoxBody<bytes::Bytes, io::Error>> = response.into();
        if is_http1 && self.shutdown.is_cancelled() {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        Ok(response.map(|body| CountedBody::new(body, in_flight)))
    }
}
