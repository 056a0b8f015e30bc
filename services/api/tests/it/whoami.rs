//! What every proven caller is told of itself.

use domain::environment::Environment;
use reqwest::Method;
use serde_json::json;

use crate::support::Installation;

#[tokio::test]
async fn the_answer_tells_what_is_left_and_a_spent_limit_refuses() {
    let installation = Installation::start().await;
    let side = installation.side(Environment::Production);
    let limits = json!([{"name": "requests", "limit": 3, "window_ms": 60_000}]);
    let (_, caller) = side.create_key(json!({"name": "slow", "limits": limits})).await;
    for left in [2, 1, 0] {
        let answer = side.ask(&caller, Method::GET, "/v1/whoami", None).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.headers["ratelimit-policy"], "\"requests\";q=3;w=60");
        assert!(answer.headers["ratelimit"].to_str().unwrap().starts_with(&format!("\"requests\";r={left};t=")));
    }
    let refused = side.ask(&caller, Method::GET, "/v1/whoami", None).await;
    assert_eq!((refused.status, refused.json()["code"].as_str()), (429, Some("rate-limited")));
    let wait: u64 = refused.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=62).contains(&wait), "{wait}");
}
