//! The worker as a process: health, metrics, start and stop.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use store::DatabaseConfig;
use tokio_util::sync::CancellationToken;

use crate::fixture::WorkerFixture;

async fn read(address: SocketAddr, path: &str) -> Option<(u16, String)> {
    let client = reqwest::Client::builder().timeout(Duration::from_secs(5)).build().unwrap();
    let answer = client.get(format!("http://{address}{path}")).send().await.ok()?;
    Some((answer.status().as_u16(), answer.text().await.ok()?))
}

/// Reads until the status and a part of the text are as expected.
async fn wait_for(address: SocketAddr, path: &str, status: u16, part: &str) {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let found = read(address, path).await;
        if found.as_ref().is_some_and(|(found, text)| *found == status && text.contains(part)) {
            return;
        }
        assert!(Instant::now() < deadline, "{path} is {found:?}, not {status} with {part}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_worker_publishes_by_itself_and_stops_when_told() {
    let fixture = WorkerFixture::start().await;
    let bound = worker::bind(fixture.config()).await.unwrap();
    let address = bound.management;
    let shutdown = CancellationToken::new();
    let running = tokio::spawn(bound.run(shutdown.clone()));

    wait_for(address, "/health/ready", 200, r#""degraded":[]"#).await;
    let change = fixture.commit_unheard("acme").await;
    wait_for(address, "/metrics", 200, "claviger_outbox_published_total 1").await;
    assert_eq!(fixture.heard(&change).await, Some(change.generation.value));

    shutdown.cancel();
    running.await.unwrap().unwrap();
    assert_eq!(read(address, "/health/live").await, None);
}

#[tokio::test]
async fn without_postgres_the_worker_lives_and_is_not_ready() {
    let fixture = WorkerFixture::start().await;
    let mut config = fixture.config();
    config.database = DatabaseConfig::new("postgres://nobody@127.0.0.1:1/nothing", 1);
    let bound = worker::bind(config).await.unwrap();
    let address = bound.management;
    let shutdown = CancellationToken::new();
    let running = tokio::spawn(bound.run(shutdown.clone()));

    wait_for(address, "/health/live", 200, "live").await;
    wait_for(address, "/health/ready", 503, "postgres").await;
    wait_for(address, "/metrics", 200, r#"claviger_outbox_failures_total{store="postgres"}"#).await;

    shutdown.cancel();
    running.await.unwrap().unwrap();
}

#[tokio::test]
async fn without_redis_the_worker_is_ready_and_degraded() {
    let fixture = WorkerFixture::start().await;
    let mut config = fixture.config();
    config.redis.url = "redis://127.0.0.1:1".to_owned();
    let bound = worker::bind(config).await.unwrap();
    let address = bound.management;
    let shutdown = CancellationToken::new();
    let running = tokio::spawn(bound.run(shutdown.clone()));

    wait_for(address, "/health/ready", 200, r#""degraded":["redis"]"#).await;

    shutdown.cancel();
    running.await.unwrap().unwrap();
}
