//! Watches a key: asks every replica about it again and again, and remembers when each question began and ended.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use http::Method;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::answer::Client;

const POLL: Duration = Duration::from_millis(10);
/// How long a test waits for what must come true.
const PATIENCE: Duration = Duration::from_secs(60);

/// A question that was asked.
#[derive(Debug, Clone)]
pub struct Asked {
    /// When the question began.
    pub began: Instant,
    /// When its answer was there.
    pub ended: Instant,
    /// What the replica said; none when it was unavailable or gave no answer.
    pub verdict: Option<String>,
}

/// The questions to one replica so far.
type Notes = Arc<Mutex<Vec<Asked>>>;

/// A key under watch. Dropping it lets the questions that are on their way end by themselves.
pub struct VerifyPoller {
    notes: Vec<Notes>,
    is_over: Arc<AtomicBool>,
    tasks: Vec<JoinHandle<()>>,
}

impl VerifyPoller {
    /// Starts to ask every replica, with a pause after each answer.
    pub fn start(replicas: &[Client], question: &Value, pause: Duration) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let notes: Vec<Notes> = replicas.iter().map(|_| Notes::default()).collect();
        let tasks = replicas.iter().zip(&notes).map(|(replica, notes)| {
            let (replica, question) = (replica.clone(), question.clone());
            let (notes, is_over) = (Arc::clone(notes), Arc::clone(&is_over));
            tokio::spawn(async move {
                while !is_over.load(Ordering::Relaxed) {
                    let asked = Asked::ask(&replica, &question).await;
                    notes.lock().unwrap_or_else(PoisonError::into_inner).push(asked);
                    tokio::time::sleep(pause).await;
                }
            })
        });
        Self { tasks: tasks.collect(), notes, is_over }
    }

    /// Waits until each replica has accepted the key once.
    pub async fn await_accepted(&self) {
        self.await_each("every replica accepts the key", |notes| notes.iter().any(Asked::is_accepted)).await;
    }

    /// Waits until each replica has answered so many questions that began after an instant.
    pub async fn await_asked_after(&self, instant: Instant, count: usize) {
        let is_asked = |notes: &[Asked]| notes.iter().rev().take_while(|asked| asked.began > instant).count() >= count;
        self.await_each("every replica was asked again", is_asked).await;
    }

    /// Waits until each replica's last answer is this verdict.
    pub async fn await_verdict(&self, verdict: &str) {
        let is_last = |notes: &[Asked]| notes.last().is_some_and(|asked| asked.verdict.as_deref() == Some(verdict));
        self.await_each("every replica says so", is_last).await;
    }

    async fn await_each(&self, what: &str, holds: impl Fn(&[Asked]) -> bool) {
        let holds = |notes: &Notes| holds(&notes.lock().unwrap_or_else(PoisonError::into_inner));
        await_that(what, PATIENCE, async || self.notes.iter().all(holds)).await;
    }

    /// Stops, and tells all that was asked.
    pub async fn finish(self) -> Vec<Asked> {
        self.finish_each().await.concat()
    }

    /// Stops, and tells all that each replica was asked.
    ///
    /// # Panics
    ///
    /// When a replica gave an answer that is neither a verdict nor says that it is unavailable.
    pub async fn finish_each(self) -> Vec<Vec<Asked>> {
        self.is_over.store(true, Ordering::Relaxed);
        for ended in join_all(self.tasks).await {
            ended.expect("every answer is a verdict or says that there is none");
        }
        self.notes.iter().map(|notes| notes.lock().unwrap_or_else(PoisonError::into_inner).clone()).collect()
    }
}

impl Asked {
    /// Asks one replica once.
    ///
    /// # Panics
    ///
    /// When its answer is neither a verdict nor says that it is unavailable.
    pub async fn ask(replica: &Client, question: &Value) -> Self {
        let began = Instant::now();
        let answer = replica.try_send(replica.request(Method::POST, "/v1/keys/verify").json(question)).await;
        let ended = Instant::now();
        let verdict = match answer {
            Ok(answer) if answer.status == 200 => Some(answer.text("/verdict").to_owned()),
            Ok(answer) if answer.status != 503 => panic!("{}: {}", answer.status, answer.body),
            Ok(_) | Err(_) => None,
        };
        Self { began, ended, verdict }
    }

    /// Whether the key was accepted.
    pub fn is_accepted(&self) -> bool {
        self.verdict.as_deref() == Some("VALID")
    }
}

/// How long after `instant` the last accepted question began; negative seconds when it began before.
///
/// # Panics
///
/// When none was accepted: such a watch has shown nothing.
pub fn last_accepted(asked: &[Asked], instant: Instant) -> f64 {
    let last = asked.iter().filter(|asked| asked.is_accepted()).map(|asked| asked.began).max();
    let last = last.expect("the key was accepted at first");
    if last > instant { (last - instant).as_secs_f64() } else { -(instant - last).as_secs_f64() }
}

/// The plainest question about a key.
pub fn about(secret: &str) -> Value {
    json!({"key": secret})
}

/// Waits until `holds`, at most `time`, and says how long it took.
///
/// # Panics
///
/// When it does not come true.
pub async fn await_that(what: &str, time: Duration, mut holds: impl AsyncFnMut() -> bool) -> Duration {
    let started = Instant::now();
    while !holds().await {
        assert!(started.elapsed() < time, "after {time:?} it is not so that {what}");
        tokio::time::sleep(POLL).await;
    }
    started.elapsed()
}
