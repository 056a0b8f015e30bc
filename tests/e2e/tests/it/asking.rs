//! Questions to the key service as applications ask them, and waiting for what must come true.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::{Value, json};
use testkit::{Client, EnvironmentWorld};

const POLL: Duration = Duration::from_millis(10);

/// The plainest question about a key.
pub fn about(secret: &str) -> Value {
    json!({"key": secret})
}

/// The whole answer of one replica.
pub async fn verify(replica: &Client, question: &Value) -> Value {
    replica.post("/v1/keys/verify", question).await.expect(200).body
}

/// The verdict of one replica.
pub async fn verdict(replica: &Client, question: &Value) -> String {
    verify(replica, question).await["verdict"].as_str().unwrap().to_owned()
}

/// The verdicts of all replicas, asked at the same time.
pub async fn verdicts(environment: &EnvironmentWorld, question: &Value) -> Vec<String> {
    join_all(environment.keys.iter().map(|replica| verdict(replica, question))).await
}

/// Fails unless every replica says `expected`.
#[track_caller]
pub fn assert_all(verdicts: &[String], expected: &str) {
    assert!(verdicts.iter().all(|verdict| verdict == expected), "{verdicts:?} instead of {expected}");
}

/// Waits until `holds`, at most `time`, and says how long it took.
pub async fn await_that(what: &str, time: Duration, mut holds: impl AsyncFnMut() -> bool) -> Duration {
    let started = Instant::now();
    while !holds().await {
        assert!(started.elapsed() < time, "after {time:?} it is not so that {what}");
        tokio::time::sleep(POLL).await;
    }
    started.elapsed()
}
