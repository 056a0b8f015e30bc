//! Bodies with a deadline on the way in and a reckoning on the way out.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::{Buf, Bytes};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep};

use super::{
    Limits,
    connection::{ConnectionState, InFlight},
};

/// A request's body that fails when it does not arrive in time or fast enough.
///
/// Only time in which somebody waits for it counts: a handler that reads late is not the client's fault.
pub(super) struct TimedBody {
    body: Incoming,
    limits: BodyLimits,
    waited: Option<Waited>,
    received: u64,
    connection: Arc<ConnectionState>,
}

#[derive(Clone, Copy)]
struct BodyLimits {
    whole: Duration,
    grace: Duration,
    bytes_per_second_min: u64,
}

struct Waited {
    since: Instant,
    alarm: Pin<Box<Sleep>>,
}

impl TimedBody {
    pub(super) fn new(body: Incoming, limits: &Limits, connection: &Arc<ConnectionState>) -> Self {
        let limits = BodyLimits {
            whole: limits.body,
            grace: limits.body_grace,
            bytes_per_second_min: limits.body_bytes_per_second_min,
        };
        Self { body, limits, waited: None, received: 0, connection: Arc::clone(connection) }
    }

    fn poll_alarm(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let earned =
            Duration::from_millis(self.received.saturating_mul(1000) / self.limits.bytes_per_second_min.max(1));
        let allowed = self.limits.whole.min(self.limits.grace + earned);
        let waited = self.waited.get_or_insert_with(|| {
            let since = Instant::now();
            Waited { since, alarm: Box::pin(tokio::time::sleep_until(since + allowed)) }
        });
        let due = waited.since + allowed;
        if waited.alarm.deadline() != due {
            waited.alarm.as_mut().reset(due);
        }
        waited.alarm.as_mut().poll(cx)
    }
}

impl Body for TimedBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let this = &mut *self;
        match Pin::new(&mut this.body).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                this.received += frame.data_ref().map_or(0, |data| data.remaining() as u64);
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(io::Error::other(error)))),
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => {
                let late = || io::Error::new(io::ErrorKind::TimedOut, "the body did not arrive in time");
                this.poll_alarm(cx).map(|()| Some(Err(late())))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for TimedBody {
    fn drop(&mut self) {
        if !self.body.is_end_stream() {
            self.connection.note_unread_body();
        }
    }
}

/// An answer's body; its request is in flight until the last byte was handed over.
pub(super) struct AnswerBody<B> {
    body: B,
    in_flight: InFlight,
    /// Whether the peer is waited for, and not whoever makes the body.
    is_offered: bool,
}

impl<B> AnswerBody<B> {
    pub(super) fn new(body: B, in_flight: InFlight) -> Self {
        in_flight.await_taking();
        Self { body, in_flight, is_offered: true }
    }
}

impl<B: Body + Unpin> Body for AnswerBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let this = &mut *self;
        // Who asks for more has taken what there was.
        if this.is_offered {
            this.in_flight.note_taken();
        }
        let frame = Pin::new(&mut this.body).poll_frame(cx);
        this.is_offered = frame.is_ready();
        if this.is_offered {
            this.in_flight.await_taking();
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl<B> Drop for AnswerBody<B> {
    fn drop(&mut self) {
        if self.is_offered {
            self.in_flight.note_taken();
        }
    }
}
