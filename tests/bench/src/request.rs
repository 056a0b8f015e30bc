//! Requests as bytes, written before anything is measured.

use std::sync::Arc;

use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use serde_json::Value;

use crate::seed::SeededKey;

/// Requests to be sent in turn.
pub type Requests = Arc<Vec<Box<[u8]>>>;

/// One request without a body.
pub fn get(path: &str, bearer: Option<&str>) -> Box<[u8]> {
    let authorization = bearer.map(authorization).unwrap_or_default();
    format!("GET {path} HTTP/1.1\r\nHost: bench\r\n{authorization}\r\n").into_bytes().into()
}

/// One request with a JSON body.
pub fn post(path: &str, bearer: Option<&str>, body: &Value) -> Box<[u8]> {
    let authorization = bearer.map(authorization).unwrap_or_default();
    let body = body.to_string();
    format!(
        "POST {path} HTTP/1.1\r\nHost: bench\r\n{authorization}Content-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
    .into()
}

/// A verification of each key, in an order that is drawn once and is the same in every run.
pub fn verifications(token: &str, keys: &[SeededKey]) -> Requests {
    let mut requests: Vec<Box<[u8]>> =
        keys.iter().map(|key| post("/v1/keys/verify", Some(token), &serde_json::json!({"key": key.secret}))).collect();
    requests.shuffle(&mut StdRng::seed_from_u64(1));
    Arc::new(requests)
}

fn authorization(bearer: &str) -> String {
    format!("Authorization: Bearer {bearer}\r\n")
}
