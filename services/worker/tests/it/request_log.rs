//! What the request log's job promises.

use chrono::{DateTime, Days, Utc};
use server::metrics::Metrics;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use worker::jobs::request_log;
use worker::metrics::WorkerMetrics;

use crate::fixture::WorkerFixture;

/// Takes away the partitions of today and the days to come, and puts one where an old day was.
async fn forget_partitions(fixture: &WorkerFixture, old: DateTime<Utc>) {
    let now = fixture.stores.store.now().await.unwrap();
    let mut owner = PgConnection::connect(&fixture.owner_url).await.unwrap();
    for day in 0..=u64::from(request_log::DAYS_AHEAD) {
        let sql = format!("drop table request_logs_{}", (now + Days::new(day)).format("%Y%m%d"));
        owner.execute(AssertSqlSafe(sql)).await.unwrap();
    }
    let (from, to) = (old.format("%Y-%m-%d 00:00Z"), (old + Days::new(1)).format("%Y-%m-%d 00:00Z"));
    let name = old.format("request_logs_%Y%m%d");
    let sql = format!("create table {name} partition of request_logs for values from ('{from}') to ('{to}')");
    owner.execute(AssertSqlSafe(sql)).await.unwrap();
}

async fn partitions(fixture: &WorkerFixture) -> Vec<String> {
    let mut owner = PgConnection::connect(&fixture.owner_url).await.unwrap();
    let sql =
        "select relname::text from pg_class where relname ~ '^request_logs_[0-9]{8}$' and relkind = 'r' order by 1";
    sqlx::query_scalar(sql).fetch_all(&mut owner).await.unwrap()
}

#[tokio::test]
async fn days_are_made_and_dropped_once_however_many_workers_run() {
    let fixture = WorkerFixture::start().await;
    let now = fixture.stores.store.now().await.unwrap();
    forget_partitions(&fixture, now - Days::new(31)).await;
    let metrics = WorkerMetrics::register(&Metrics::new());
    let run = || request_log::run(&fixture.stores.store, 30, &metrics);
    tokio::join!(run(), run());
    run().await;
    let expected: Vec<String> =
        (0..=7).map(|day| (now + Days::new(day)).format("request_logs_%Y%m%d").to_string()).collect();
    assert_eq!(partitions(&fixture).await, expected);
    assert_eq!(metrics.request_log_partitions.value(&["created"]), 8);
    assert_eq!(metrics.request_log_partitions.value(&["dropped"]), 1);
    assert_eq!(metrics.request_log_failures.value(&[]), 0);
}

#[tokio::test]
async fn a_run_that_had_to_wait_is_counted_and_the_next_one_ends_it() {
    let fixture = WorkerFixture::start().await;
    let now = fixture.stores.store.now().await.unwrap();
    forget_partitions(&fixture, now - Days::new(40)).await;
    let mut owner = PgConnection::connect(&fixture.owner_url).await.unwrap();
    sqlx::raw_sql("begin; lock table request_logs in share mode").execute(&mut owner).await.unwrap();
    let metrics = WorkerMetrics::register(&Metrics::new());
    request_log::run(&fixture.stores.store, 30, &metrics).await;
    assert_eq!(metrics.request_log_failures.value(&[]), 2, "to make and to drop");
    assert_eq!(partitions(&fixture).await.len(), 1);
    owner.execute("rollback").await.unwrap();
    request_log::run(&fixture.stores.store, 30, &metrics).await;
    assert_eq!(partitions(&fixture).await.len(), 8);
}
