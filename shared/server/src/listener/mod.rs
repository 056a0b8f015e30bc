//! The accept loop: every connection has its limits in time and size, and none is dropped while it is answered.

mod admission;
mod body;
mod frames;
mod line;
pub(crate) mod metrics;
mod scanner;
mod shelter;
mod watch;

use std::{convert::Infallible, io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use futures_util::{
    future::BoxFuture,
    stream::{FuturesUnordered, StreamExt},
};
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
    shelter::Sheltered,
    watch::{InFlight, Watch, WatchedStream},
};
use crate::{
    http::{AnsweredFor, NotLetIn, Overdue, framing::BrokenHead},
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
        shutdown: shutdown.clone(),
        cut: CancellationToken::new(),
    });
    let permits = Arc::new(Semaphore::new(door.limits.connections));
    let connections = TaskTracker::new();
    while let Some((stream, peer, permit)) = door.next(&listener, &permits).await {
        let Some(place) = door.sources.admit(peer.ip()) else {
            door.metrics.refused();
            continue;
        };
        connections.spawn(Arc::clone(&door).run(stream, peer, (permit, place)));
    }
    drop(listener);
    connections.close();
    if tokio::time::timeout(door.limits.drain, connections.wait()).await.is_err() {
        door.cut.cancel();
        connections.wait().await;
    }
    Ok(())
}

/// What becomes of a connection.
#[derive(Debug)]
enum Turning {
    /// It ends with the request that it has.
    Departure,
    /// It ends now.
    Cut,
}

/// What all connections of a listener share.
struct Door<E> {
    endpoint: Arc<E>,
    local: SocketAddr,
    sources: Arc<Sources>,
    metrics: ConnectionMetrics,
    limits: Limits,
    shutdown: CancellationToken,
    cut: CancellationToken,
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

    async fn run(self: Arc<Self>, stream: TcpStream, peer: SocketAddr, _admitted: (OwnedSemaphorePermit, Place)) {
        self.metrics.opened();
        // Without it an answer in two writes waits for the peer's delayed acknowledgement.
        let _ = stream.set_nodelay(true);
        let watch = Watch::new();
        let io = TokioIo::new(WatchedStream::new(stream, Arc::clone(&watch), self.limits.queue.clone()));
        let door = Arc::clone(&self);
        let of_requests = Arc::clone(&watch);
        let service = service_fn(move |request| Arc::clone(&door).answer(request, peer, of_requests.enter()));
        let builder = self.builder();
        let mut connection = pin!(builder.serve_connection(io, service));
        // Looked at when they have something to say, and not whenever a request makes progress.
        let departure: BoxFuture<'_, Turning> = Box::pin(self.departure());
        let mut turnings = FuturesUnordered::from_iter([departure, Box::pin(self.cutting(&watch))]);
        loop {
            tokio::select! {
                biased;
                // A peer's own faults end its connection and are nobody's news.
                _ended = connection.as_mut() => break,
                Some(turning) = turnings.next() => match turning {
                    Turning::Departure => connection.as_mut().graceful_shutdown(),
                    Turning::Cut => break,
                }
            }
        }
        self.metrics.closed();
    }

    /// The moment at which a connection is ended, whatever it is doing: its peer is too slow, or the time to drain is over.
    async fn cutting(&self, watch: &Watch) -> Turning {
        let mut clock = tokio::time::interval(self.limits.tick());
        clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = self.cut.cancelled() => return Turning::Cut,
                _ = clock.tick() => {
                    if let Some(slow_at) = watch.overdue(&self.limits) {
                        self.metrics.cut(slow_at);
                        return Turning::Cut;
                    }
                }
            }
        }
    }

    /// The moment at which connections without a request are closed. A client that sends one just then is reset, so for
    /// a while before that each answer says that its connection ends.
    async fn departure(&self) -> Turning {
        self.shutdown.cancelled().await;
        tokio::time::sleep(FAREWELL).await;
        Turning::Departure
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
        if let Some(AnsweredFor(organization)) = response.data() {
            in_flight.note_asker(*organization);
        }
        let mut response: HyperResponse<BoxBody<bytes::Bytes, io::Error>> = response.into();
        if is_http1 && self.shutdown.is_cancelled() {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        Ok(response.map(|body| CountedBody::new(body, in_flight)))
    }
}
