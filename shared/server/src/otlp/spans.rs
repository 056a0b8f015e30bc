//! The queue between the requests and the exporter.

use std::time::Duration;

use opentelemetry::Context;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{Span, SpanData, SpanProcessor};
use tokio::sync::mpsc;

use crate::metrics::ExportMetrics;

/// How many spans may wait: some megabytes at the most.
const QUEUE_MAX: usize = 4_096;
/// How many go in one export.
const BATCH_MAX: usize = 512;
/// How long the first of a batch waits for others.
const BATCH_TIME_MAX: Duration = Duration::from_secs(1);

/// Where the SDK puts finished spans.
#[derive(Debug)]
pub(super) struct Queue {
    sender: mpsc::Sender<SpanData>,
    counts: ExportMetrics,
}

/// A queue, and its other end.
pub(super) fn queue(counts: ExportMetrics) -> (Queue, mpsc::Receiver<SpanData>) {
    let (sender, waiting) = mpsc::channel(QUEUE_MAX);
    (Queue { sender, counts }, waiting)
}

impl SpanProcessor for Queue {
    fn on_start(&self, _span: &mut Span, _context: &Context) {}

    /// Never waits: a span that finds the queue full is given up.
    fn on_end(&self, span: SpanData) {
        if self.sender.try_send(span).is_err() {
            self.counts.lost_in_queue();
        }
    }

    /// The exporter's task does that when it is stopped.
    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _timeout: Duration) -> OTelSdkResult {
        Ok(())
    }
}

/// Takes the spans from the queue, several at a time. Giving up a wait loses none of them.
pub(super) struct Batches {
    waiting: mpsc::Receiver<SpanData>,
    batch: Vec<SpanData>,
}

impl Batches {
    pub(super) const fn new(waiting: mpsc::Receiver<SpanData>) -> Self {
        Self { waiting, batch: Vec::new() }
    }

    /// The next spans to send, once there are enough of them or the first has waited long enough; `None` when no more
    /// will come.
    pub(super) async fn next(&mut self) -> Option<Vec<SpanData>> {
        self.receive().await;
        let fill = async { while self.batch.len() < BATCH_MAX && self.receive().await {} };
        // Either it is full, or it has waited long enough.
        let _ = tokio::time::timeout(BATCH_TIME_MAX, fill).await;
        self.take()
    }

    /// What has been put into the queue so far, without waiting.
    pub(super) fn rest(&mut self) -> Option<Vec<SpanData>> {
        while self.batch.len() < BATCH_MAX
            && let Ok(span) = self.waiting.try_recv()
        {
            self.batch.push(span);
        }
        self.take()
    }

    /// Says whether there was one.
    async fn receive(&mut self) -> bool {
        let room = BATCH_MAX - self.batch.len();
        self.waiting.recv_many(&mut self.batch, room).await > 0
    }

    fn take(&mut self) -> Option<Vec<SpanData>> {
        Some(std::mem::take(&mut self.batch)).filter(|batch| !batch.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::{Tracer, TracerProvider};
    use opentelemetry_sdk::trace::SdkTracerProvider;

    use super::*;
    use crate::metrics::Metrics;

    #[test]
    fn what_the_queue_has_no_room_for_is_counted_not_waited_for() {
        let metrics = Metrics::new();
        let (queue, waiting) = queue(ExportMetrics::register(&metrics));
        let provider = SdkTracerProvider::builder().with_span_processor(queue).build();
        let tracer = provider.tracer("test");
        for _ in 0..QUEUE_MAX + 10 {
            drop(tracer.start("work"));
        }
        assert!(metrics.text().contains("claviger_spans_lost_total{at=\"queue\"} 10"), "{}", metrics.text());
        let mut batches = Batches::new(waiting);
        let sizes: Vec<usize> = std::iter::from_fn(|| batches.rest()).map(|batch| batch.len()).collect();
        assert_eq!(sizes, [BATCH_MAX; QUEUE_MAX / BATCH_MAX]);
    }
}
