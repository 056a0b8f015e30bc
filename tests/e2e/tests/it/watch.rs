//! Watches a key: asks every replica about it again and again, and remembers when each question began.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::Value;
use testkit::{Client, EnvironmentWorld};
use tokio::task::JoinHandle;

use crate::asking::await_that;

const PATIENCE: Duration = Duration::from_secs(20);

/// A question that was answered. One that got no verdict, because the service was unavailable, has none.
#[derive(Debug, Clone)]
pub struct Asked {
    /// When the question began.
    pub began: Instant,
    /// What the replica said.
    pub verdict: Option<String>,
}

/// The questions to each replica so far.
type Notes = Arc<Mutex<Vec<Asked>>>;

/// A key under watch.
pub struct Watch {
    notes: Vec<Notes>,
    is_over: Arc<AtomicBool>,
    tasks: Vec<JoinHandle<()>>,
}

impl Watch {
    /// Starts to ask every replica, with a pause after each answer.
    pub fn start(environment: &EnvironmentWorld, question: &Value, pause: Duration) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let notes: Vec<Notes> = environment.keys.iter().map(|_| Notes::default()).collect();
        let tasks = environment.keys.iter().zip(&notes).map(|(replica, notes)| {
            let (replica, question) = (replica.clone(), question.clone());
            let (notes, is_over) = (Arc::clone(notes), Arc::clone(&is_over));
            tokio::spawn(async move {
                while !is_over.load(Ordering::Relaxed) {
                    let asked = ask(&replica, &question).await;
                    notes.lock().unwrap().push(asked);
                    tokio::time::sleep(pause).await;
                }
            })
        });
        Self { tasks: tasks.collect(), notes, is_over }
    }

    /// Waits until each replica has accepted the key once.
    pub async fn await_accepted(&self) {
        let is_accepted = |notes: &Notes| notes.lock().unwrap().iter().any(Asked::is_accepted);
        await_that("every replica accepts the key", PATIENCE, async || self.notes.iter().all(is_accepted)).await;
    }

    /// Waits until each replica has answered so many questions that began after an instant.
    pub async fn await_asked_after(&self, instant: Instant, count: usize) {
        let is_asked = |notes: &Notes| {
            notes.lock().unwrap().iter().rev().take_while(|asked| asked.began > instant).count() >= count
        };
        await_that("every replica was asked again", PATIENCE, async || self.notes.iter().all(is_asked)).await;
    }

    /// Waits until each replica's last answer is this verdict.
    pub async fn await_verdict(&self, verdict: &str) {
        let is_last =
            |notes: &Notes| notes.lock().unwrap().last().is_some_and(|asked| asked.verdict.as_deref() == Some(verdict));
        await_that("every replica says so", PATIENCE, async || self.notes.iter().all(is_last)).await;
    }

    /// Stops, and tells all that was asked.
    pub async fn finish(self) -> Vec<Asked> {
        self.is_over.store(true, Ordering::Relaxed);
        join_all(self.tasks).await.into_iter().for_each(Result::unwrap);
        self.notes.iter().flat_map(|notes| notes.lock().unwrap().clone()).collect()
    }
}

impl Asked {
    /// Whether the key was accepted.
    pub fn is_accepted(&self) -> bool {
        self.verdict.as_deref() == Some("VALID")
    }
}

/// How long after `instant` the last accepted question began; negative seconds when it began before.
pub fn last_accepted(asked: &[Asked], instant: Instant) -> f64 {
    let last = asked.iter().filter(|asked| asked.is_accepted()).map(|asked| asked.began).max();
    let last = last.expect("the key was accepted at first");
    if last > instant { (last - instant).as_secs_f64() } else { -(instant - last).as_secs_f64() }
}

async fn ask(replica: &Client, question: &Value) -> Asked {
    let began = Instant::now();
    let answer = replica.post("/v1/keys/verify", question).await;
    let verdict = match answer.status.as_u16() {
        200 => Some(answer.text("/verdict").to_owned()),
        503 => None,
        status => panic!("{status}: {}", answer.body),
    };
    Asked { began, verdict }
}
