//! The accept loop: every connection has its limits in time and size, and none is dropped while it is answered.

mod body;
mod connection;
pub(crate) mod metrics;
mod sources;
mod spawn_on_drop;
mod stream;
pub mod tls;

use std::{convert::Infallible, io, net::SocketAddr, sync::Arc, time::Duration};

use http::{HeaderValue, Version, header, uri::Scheme};
use http_body_util::combinators::BoxBody;
use hyper::{Request as HyperRequest, Response as HyperResponse, body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{
        conn::auto::Builder,
        graceful::{GracefulShutdown, Watcher},
    },
};
use ipnet::IpNet;
use poem::{
    Addr, Endpoint, Request, RequestParts, Response,
    web::{LocalAddr, RemoteAddr},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
    time::{Instant, sleep, timeout, timeout_at},
};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

pub(crate) use self::spawn_on_drop::{Panic, SpawnOnDrop};
use self::{
    body::{AnswerBody, TimedBody},
    connection::{ConnectionState, InFlight},
    metrics::{ConnectionMetrics, OpenConnection},
    sources::{SourcePermit, Sources},
    stream::TimedStream,
    tls::Binding,
};
use crate::{
    http::framing::HEADERS_MAX_BYTES,
    metrics::Metrics,
    problem::{ErrorCode, Problem},
};

/// How long to rest after an accept failed, above all for want of file descriptors.
const ACCEPT_REST: Duration = Duration::from_millis(50);
/// How long connections are kept after the process was told to stop, for their clients to be told with an answer.
const FAREWELL: Duration = Duration::from_millis(500);
/// What the parser admits of a head: more than the stack does, so that the stack can answer with a problem.
const HEAD_BUFFER_MAX_BYTES: usize = 5 * HEADERS_MAX_BYTES;
/// The same for HTTP/2, where the peer is told the limit.
const HTTP2_HEADERS_MAX_BYTES: u32 = 2 * HEADERS_MAX_BYTES as u32;
/// How much of a body an HTTP/2 stream may send before somebody reads it, a whole body of most operations, and its
/// connection twice of it. The default would let one source fill a quarter of a gigabyte.
const HTTP2_STREAM_WINDOW_BYTES: u32 = 128 * 1024;

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
    binding: impl Into<Binding>,
    endpoint: E,
    limits: Limits,
    metrics: &Metrics,
    shutdown: CancellationToken,
) -> io::Result<()>
where
    E: Endpoint<Output = Response> + 'static,
{
    let Binding { listener, tls } = binding.into();
    let server = Arc::new(Server {
        tls,
        endpoint: Arc::new(endpoint),
        local: listener.local_addr()?,
        sources: Sources::new(&limits),
        metrics: ConnectionMetrics::register(metrics),
        limits,
        shutdown,
    });
    let permits = Arc::new(Semaphore::new(server.limits.connections));
    let (graceful, mut connections) = (GracefulShutdown::new(), JoinSet::new());
    while let Some((stream, peer, permit)) = server.next(&listener, &permits).await {
        while connections.try_join_next().is_some() {}
        let Some(source) = server.sources.admit(peer.ip()) else {
            server.metrics.refused();
            continue;
        };
        let open = Open { _connection: server.metrics.opened(), _permit: permit, _source: source };
        connections.spawn(Arc::clone(&server).run(stream, peer, graceful.watcher(), open));
    }
    drop(listener);
    let until = Instant::now() + server.limits.drain;
    // A client that sends a request to a connection just when it is closed is reset, so for a while before that each
    // answer says that its connection ends.
    let _ = timeout_at(until, sleep(FAREWELL)).await;
    let _ = timeout_at(until, graceful.shutdown()).await;
    connections.shutdown().await;
    Ok(())
}

/// What all connections of a listener share.
struct Server<E> {
    tls: Option<TlsAcceptor>,
    endpoint: Arc<E>,
    local: SocketAddr,
    sources: Arc<Sources>,
    metrics: ConnectionMetrics,
    limits: Limits,
    shutdown: CancellationToken,
}

/// What an open connection takes up.
struct Open {
    _connection: OpenConnection,
    _permit: OwnedSemaphorePermit,
    _source: SourcePermit,
}

type Served = HyperResponse<AnswerBody<BoxBody<bytes::Bytes, io::Error>>>;

impl<E: Endpoint<Output = Response> + 'static> Server<E> {
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
                    Err(_) => sleep(ACCEPT_REST).await,
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

    async fn run(self: Arc<Self>, stream: TcpStream, peer: SocketAddr, watcher: Watcher, _open: Open) {
        // Without it an answer in two writes waits for the peer's delayed acknowledgement.
        let _ = stream.set_nodelay(true);
        match &self.tls {
            None => self.serve(stream, peer, watcher).await,
            Some(tls) => match timeout(self.limits.header, tls.accept(stream)).await {
                Ok(Ok(stream)) => self.serve(stream, peer, watcher).await,
                // Whoever speaks something else has been told so by the handshake.
                Ok(Err(_)) => {}
                Err(_elapsed) => self.metrics.cut("header"),
            },
        }
    }

    async fn serve<S>(self: &Arc<Self>, stream: S, peer: SocketAddr, watcher: Watcher)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let state = ConnectionState::new();
        let io = TokioIo::new(TimedStream::new(stream, Arc::clone(&state)));
        let (server, of_requests) = (Arc::clone(self), Arc::clone(&state));
        let service = service_fn(move |request: HyperRequest<Incoming>| {
            let in_flight = of_requests.enter(request.version());
            Arc::clone(&server).answer(request, peer, in_flight)
        });
        let builder = self.builder();
        tokio::select! {
            biased;
            // A peer's own faults end its connection and are nobody's news.
            _ = watcher.watch(builder.serve_connection(io, service)) => {}
            slow_at = self.overdue(&state) => self.metrics.cut(slow_at),
        }
    }

    /// Ends when the other end was too slow at something; says at what.
    async fn overdue(&self, state: &ConnectionState) -> &'static str {
        loop {
            sleep(self.limits.tick()).await;
            if let Some(slow_at) = state.overdue(&self.limits) {
                return slow_at;
            }
        }
    }

    fn builder(&self) -> Builder<TokioExecutor> {
        let mut builder = Builder::new(TokioExecutor::new());
        // The parser's own timer cannot tell a slow head from an idle connection: `ConnectionState` does.
        builder.http1().timer(TokioTimer::new()).header_read_timeout(None).max_buf_size(HEAD_BUFFER_MAX_BYTES);
        builder
            .http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(self.limits.http2_streams)
            .max_header_list_size(HTTP2_HEADERS_MAX_BYTES)
            .initial_connection_window_size(2 * HTTP2_STREAM_WINDOW_BYTES)
            .initial_stream_window_size(HTTP2_STREAM_WINDOW_BYTES)
            .keep_alive_interval(self.limits.idle / 2)
            .keep_alive_timeout(self.limits.header);
        builder
    }

    async fn answer(
        self: Arc<Self>,
        request: HyperRequest<Incoming>,
        peer: SocketAddr,
        in_flight: InFlight,
    ) -> Result<Served, Infallible> {
        let (parts, body) = request.into_parts();
        // HTTP/2 says it in a frame of its own.
        let is_http1 = parts.version <= Version::HTTP_11;
        let addresses = (LocalAddr(Addr::SocketAddr(self.local)), RemoteAddr(Addr::SocketAddr(peer)));
        let scheme = if self.tls.is_some() { Scheme::HTTPS } else { Scheme::HTTP };
        let parts = RequestParts::from((parts, addresses.0, addresses.1, scheme));
        let body = BoxBody::new(TimedBody::new(body, &self.limits, in_flight.connection()));
        let request = Request::from_parts(parts, body.into());
        let endpoint = Arc::clone(&self.endpoint);
        let response = match in_flight.run(self.limits.http2_streams as usize) {
            Some(running) => {
                let handled = SpawnOnDrop::new(async move {
                    let _running = running;
                    endpoint.as_ref().get_response(request).await
                });
                // The stack answers for the panics of its handlers; this one is the stack's own.
                handled.await.unwrap_or_else(|_panic| Problem::new(ErrorCode::Internal).into_response(""))
            }
            // Its connection is cut at the next look at the clock.
            None => Problem::new(ErrorCode::Overloaded).into_response(""),
        };
        let mut response: HyperResponse<BoxBody<bytes::Bytes, io::Error>> = response.into();
        if is_http1 && self.shutdown.is_cancelled() {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        Ok(response.map(|body| AnswerBody::new(body, in_flight)))
    }
}
