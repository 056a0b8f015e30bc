//! Rows of the request log, written behind the requests.
//!
//! A request leaves its row in a queue and waits for nothing: a queue that is full counts the row as dropped. One task
//! writes what has come together, and keeps a batch that Postgres does not take until it does. What nobody can be held
//! responsible for is counted beyond a budget (`budget.rs`), so that the disk that it takes is bounded.

mod budget;
mod metrics;

use std::{
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use domain::ids::{CustomerId, KeyId, OrganizationId, RequestId};
use http::Method;
use store::{Error, RequestLog, Store};
use tokio::{
    sync::mpsc::{self, error::TrySendError},
    time::{interval, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use self::budget::{Budget, Decision};
pub use self::budget::{ROWS_PER_SOURCE, ROWS_WITHOUT_ORGANIZATION};
pub(crate) use self::metrics::RequestLogMetrics;
use crate::metrics::Metrics;

/// Rows are written after this long, or as soon as there are so many.
const FLUSH_EVERY: Duration = Duration::from_millis(500);
const FLUSH_ROWS: usize = 1_000;
/// How often the writer looks. It is never woken: waking it would cost each request more than the queue does.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// The most rows of one statement: some tenths of a second, far from any timeout.
const BATCH_ROWS_MAX: usize = 4_000;
/// The mean wait before Postgres is tried again.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// How long the end of the process waits for what is left.
const SHUTDOWN_PATIENCE: Duration = Duration::from_secs(5);

/// What a request leaves behind, as cheap to make as can be.
pub(crate) struct Entry {
    pub(crate) started: Instant,
    /// How many requests it stands for.
    pub(crate) requests: u32,
    /// None where it stands for many.
    pub(crate) request_id: Option<String>,
    pub(crate) key: Option<KeyId>,
    pub(crate) organization: Option<OrganizationId>,
    pub(crate) customer: Option<CustomerId>,
    pub(crate) operation: Option<&'static str>,
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) status: u16,
    pub(crate) code: Option<&'static str>,
    pub(crate) verdict: Option<&'static str>,
    pub(crate) client_ip: Option<IpAddr>,
    pub(crate) duration: Duration,
}

/// Where requests leave their rows. All clones fill one queue.
#[derive(Debug, Clone)]
pub struct RequestLogQueue {
    entries: mpsc::Sender<Entry>,
    budget: Arc<Budget>,
    metrics: RequestLogMetrics,
}

/// Writes what is in the queue.
pub struct RequestLogWriter {
    entries: mpsc::Receiver<Entry>,
    budget: Arc<Budget>,
    store: Store,
    metrics: RequestLogMetrics,
    /// What Postgres was given and may not have.
    batch: Vec<RequestLog>,
    due_at: Instant,
    is_away: bool,
}

/// A queue for so many rows, and who writes them. The store should have a connection to itself.
pub fn queue(store: Store, rows_max: usize, metrics: &Metrics) -> (RequestLogQueue, RequestLogWriter) {
    let (sender, entries) = mpsc::channel(rows_max);
    let metrics = RequestLogMetrics::register(metrics);
    let now = Instant::now();
    let budget = Arc::new(Budget::new(now));
    let queue = RequestLogQueue { entries: sender, budget: Arc::clone(&budget), metrics: metrics.clone() };
    let due_at = now + FLUSH_EVERY;
    (queue, RequestLogWriter { entries, budget, store, metrics, batch: Vec::new(), due_at, is_away: false })
}

impl RequestLogQueue {
    /// Leaves a row, or counts the request: with others in one row, or as dropped. Never waits.
    pub(crate) fn offer(&self, entry: Entry) {
        // Of a writer that has ended nobody takes counts any more.
        if self.entries.is_closed() {
            return self.metrics.dropped("shutdown", 1);
        }
        match self.budget.decide(&entry, Instant::now()) {
            Decision::Keep => match self.entries.try_send(entry) {
                Ok(()) => {}
                Err(TrySendError::Full(_)) => self.metrics.dropped("queue-full", 1),
                Err(TrySendError::Closed(_)) => self.metrics.dropped("shutdown", 1),
            },
            Decision::Counted => self.metrics.counted(),
            Decision::Lost => self.metrics.dropped("queue-full", 1),
        }
    }
}

impl RequestLogWriter {
    /// Writes until `stopped`, and then what is left.
    pub async fn run(mut self, stopped: CancellationToken) {
        let mut looks = interval(LOOK_EVERY);
        while stopped.run_until_cancelled(looks.tick()).await.is_some() {
            let has_enough = !self.is_away && self.entries.len() >= FLUSH_ROWS;
            if has_enough || Instant::now() >= self.due_at {
                self.flush(Some(Instant::now())).await;
            }
        }
        self.entries.close();
        let rest = async {
            while !self.flush(None).await {
                sleep(jittered(LOOK_EVERY)).await;
            }
        };
        if timeout(SHUTDOWN_PATIENCE, rest).await.is_err() {
            let lost = self.batch_requests() + self.entries.len() + self.budget.counted();
            self.metrics.dropped("shutdown", lost);
            tracing::warn!(lost, "the process ends before Postgres has taken the rest of the request log");
        }
    }

    /// Writes batch after batch until nothing waits but the counts of the minute of `now`; without one, those as well.
    /// False when Postgres is away.
    async fn flush(&mut self, now: Option<Instant>) -> bool {
        while self.fill_batch(now) {
            if let Err(error) = self.write_batch().await {
                if !self.is_away {
                    tracing::warn!(cause = ?error, "the request log waits for Postgres");
                }
                self.is_away = true;
                self.due_at = Instant::now() + jittered(RETRY_AFTER);
                return false;
            }
            if self.is_away {
                tracing::info!(waiting = self.entries.len(), "Postgres takes the request log again");
            }
            self.is_away = false;
        }
        self.due_at = Instant::now() + jittered(FLUSH_EVERY);
        true
    }

    /// Takes from the queue, unless there is a batch to be tried again. Says whether there is one now.
    fn fill_batch(&mut self, minute_of: Option<Instant>) -> bool {
        if self.batch.is_empty() {
            let now = (Instant::now(), wall_clock());
            let entries = std::iter::from_fn(|| self.entries.try_recv().ok());
            self.batch.extend(entries.take(BATCH_ROWS_MAX).map(|entry| entry.into_row(now)));
            self.batch.extend(
                self.budget.take_counts(minute_of, BATCH_ROWS_MAX).into_iter().map(|count| count.into_row(now)),
            );
        }
        !self.batch.is_empty()
    }

    fn batch_requests(&self) -> usize {
        self.batch.iter().map(|row| row.requests as usize).sum()
    }

    /// Writes the batch; an error means that it waits on. What Postgres will never take is counted and given up.
    #[expect(clippy::disallowed_methods, reason = "this is the writer of the request log")]
    async fn write_batch(&mut self) -> Result<(), Error> {
        match self.store.insert_request_logs(&self.batch).await {
            Ok(()) => self.metrics.written(self.batch.len()),
            Err(error @ Error::Unavailable(_)) => return Err(error),
            Err(error @ (Error::Conflict(_) | Error::Database(_))) => {
                self.metrics.dropped("refused", self.batch_requests());
                tracing::error!(cause = ?error, rows = self.batch.len(), "Postgres refuses rows of the request log");
            }
        }
        self.batch.clear();
        Ok(())
    }
}

impl Entry {
    /// The row; `now` is one instant on the clock of durations and on that of the wall.
    fn into_row(self, (now, wall): (Instant, DateTime<Utc>)) -> RequestLog {
        let age = chrono::Duration::from_std(now.saturating_duration_since(self.started)).unwrap_or_default();
        let at = wall - age;
        let id = RequestId::mint(at);
        RequestLog {
            id,
            at,
            organization: self.organization.unwrap_or(OrganizationId::INSTALLATION),
            requests: self.requests,
            request_id: self.request_id.unwrap_or_else(|| id.to_string()),
            key: self.key,
            customer: self.customer,
            operation: self.operation.map(Into::into),
            method: self.method.as_str().to_owned().into(),
            path: self.path,
            status: self.status,
            code: self.code.map(Into::into),
            verdict: self.verdict.map(Into::into),
            client_ip: self.client_ip,
            duration: self.duration,
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a log tells the time of the process, with or without a store")]
fn wall_clock() -> DateTime<Utc> {
    Utc::now()
}

/// Between half and one and a half of `duration`, so that processes do not write in step.
fn jittered(duration: Duration) -> Duration {
    duration.mul_f64(rand::random_range(0.5..1.5))
}
