//! The queue of the request log: it is bounded, nobody waits for it, and every row that is given up is counted.

use std::time::{Duration, Instant};

use dev::{LocalDatabase, LocalOptions, Postgres};
use server::{
    listener::Limits,
    metrics::Metrics,
    request_log::{self, ROWS_PER_SOURCE, RequestLogWriter},
};
use sqlx::{Connection, PgConnection};
use store::{DatabaseConfig, Store};
use tokio_util::sync::CancellationToken;

use crate::edge::{Edge, PATIENCE};

/// An edge that keeps rows, with the writer that is to write them and what it counts.
async fn edge(database: &DatabaseConfig, rows_max: usize) -> (Edge, RequestLogWriter, Metrics) {
    let metrics = Metrics::new();
    let (queue, writer) = request_log::queue(Store::connect(database).await.unwrap(), rows_max, &metrics);
    (Edge::with(Limits::promised(), |config| config.request_log(queue)).await, writer, metrics)
}

/// A counter as `/metrics` shows it.
fn counted(metrics: &Metrics, name: &str) -> u64 {
    let text = metrics.text();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.map_or(0, |number| number.parse().unwrap())
}

#[tokio::test]
async fn without_a_database_memory_is_bounded_and_every_row_counted() {
    const REQUESTS: u64 = 300;
    const ROWS_MAX: usize = 20;
    let nowhere = DatabaseConfig::new("postgres://nobody@127.0.0.1:1/nothing", 1);
    let (edge, writer, metrics) = edge(&nowhere, ROWS_MAX).await;
    let stopped = CancellationToken::new();
    let writing = tokio::spawn(writer.run(stopped.clone()));
    let mut wire = edge.connect().await;
    let begun = Instant::now();
    for _ in 0..REQUESTS {
        wire.write("GET /v1/things HTTP/1.1\r\nHost: edge\r\n\r\n").await;
        assert_eq!(wire.answer().await.status, 200);
    }
    println!("{REQUESTS} requests without a database in {:?}", begun.elapsed());
    // What waits is in the queue or in the one batch that the writer tries again and again.
    let full = || counted(&metrics, r#"claviger_request_log_dropped_total{reason="queue-full"}"#);
    let aggregated = counted(&metrics, "claviger_request_log_aggregated_total");
    assert_eq!(aggregated, REQUESTS - u64::from(ROWS_PER_SOURCE));
    let waiting = REQUESTS - aggregated - full();
    assert!((1..=2 * ROWS_MAX as u64).contains(&waiting), "{waiting} rows wait");
    stopped.cancel();
    tokio::time::timeout(PATIENCE, writing).await.expect("the end does not wait for Postgres").unwrap();
    let at_the_end = || counted(&metrics, r#"claviger_request_log_dropped_total{reason="shutdown"}"#);
    assert_eq!(full() + at_the_end(), REQUESTS, "each is counted once");
    edge.get("/v1/things", "").await;
    assert_eq!(full() + at_the_end(), REQUESTS + 1, "so is one that comes after the end");
    assert_eq!(counted(&metrics, "claviger_request_log_written_total"), 0);
}

/// A server with an empty database; both end with the first.
async fn postgres(folder: &tempfile::TempDir) -> (Postgres, LocalDatabase) {
    let options = LocalOptions { directory: folder.path().join("postgres"), port: None, is_durable: false };
    let postgres = Postgres::start(options).await.unwrap();
    let database = postgres.cluster().create_database("log", "log_owner", "log_app").await.unwrap();
    (postgres, database)
}

#[tokio::test]
async fn a_flood_without_credentials_leaves_few_rows_and_its_count() {
    const REQUESTS: i64 = 6_000;
    let folder = tempfile::tempdir().unwrap();
    let (postgres, database) = postgres(&folder).await;
    store::migrate(&database.owner_url, &database.app_role).await.unwrap();
    let (edge, writer, _) = edge(&DatabaseConfig::new(&database.app_url, 1), 10_000).await;
    let stopped = CancellationToken::new();
    let writing = tokio::spawn(writer.run(stopped.clone()));
    let mut wire = edge.connect().await;
    for _ in 0..REQUESTS {
        wire.write("GET /v1/nowhere HTTP/1.1\r\nHost: edge\r\n\r\n").await;
        assert_eq!(wire.answer().await.status, 404);
    }
    stopped.cancel();
    writing.await.unwrap();
    let mut superuser = PgConnection::connect(&postgres.cluster().superuser_url("log")).await.unwrap();
    let sql = "select count(*), coalesce(sum(requests), 0), count(*) filter (where requests > 1 and code = 'not-found')
        from request_logs";
    let (rows, requests, counts): (i64, i64, i64) = sqlx::query_as(sql).fetch_one(&mut superuser).await.unwrap();
    assert_eq!(requests, REQUESTS, "each is in the log, by itself or in a count");
    // A slow machine may need more than one minute.
    assert!(counts >= 1 && rows <= counts * i64::from(ROWS_PER_SOURCE + 1), "{rows} rows, {counts} of them counts");
    postgres.stop();
}

#[tokio::test]
async fn rows_that_postgres_never_takes_hold_up_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let (postgres, database) = postgres(&folder).await;
    let (edge, writer, metrics) = edge(&DatabaseConfig::new(&database.app_url, 1), 100).await;
    let stopped = CancellationToken::new();
    let writing = tokio::spawn(writer.run(stopped.clone()));
    let wait_for = async |name: &str| {
        let deadline = Instant::now() + PATIENCE;
        while counted(&metrics, name) == 0 {
            assert!(Instant::now() < deadline, "{name} stays 0");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    // A database without the table.
    edge.get("/v1/things", "").await;
    wait_for(r#"claviger_request_log_dropped_total{reason="refused"}"#).await;
    store::migrate(&database.owner_url, &database.app_role).await.unwrap();
    edge.get("/v1/things", "").await;
    wait_for("claviger_request_log_written_total").await;
    // The last one comes just before the end.
    edge.get("/v1/things", "").await;
    stopped.cancel();
    writing.await.unwrap();
    assert_eq!(counted(&metrics, "claviger_request_log_written_total"), 2);
    assert_eq!(counted(&metrics, r#"claviger_request_log_dropped_total{reason="refused"}"#), 1);
    postgres.stop();
}
