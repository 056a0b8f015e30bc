//! Questions to the key service as applications ask them.

use futures_util::future::join_all;
use serde_json::Value;
use testkit::{Client, EnvironmentWorld};
pub use testkit::{about, await_that};

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
