//! What the job of the usage of keys promises.

use server::metrics::Metrics;
use sqlx::{Connection, PgConnection};
use worker::jobs::key_usage;
use worker::metrics::WorkerMetrics;

use crate::fixture::WorkerFixture;

#[tokio::test]
async fn all_hours_that_are_too_old_go_and_no_others() {
    let fixture = WorkerFixture::start().await;
    let mut owner = PgConnection::connect(&fixture.owner_url).await.unwrap();
    let fill = "select set_config('claviger.job', 'key-usage', false);
        insert into key_usage
        select gen_random_uuid(), gen_random_uuid(), now() - number % 2 * interval '401 days', 'valid', 1
        from generate_series(1, 25000) number";
    sqlx::raw_sql(fill).execute(&mut owner).await.unwrap();
    let metrics = WorkerMetrics::register(&Metrics::new());
    key_usage::run(&fixture.stores.store, 400, &metrics).await;
    assert_eq!(metrics.key_usage_deleted.value(&[]), 12_500);
    assert_eq!(metrics.key_usage_failures.value(&[]), 0);
    let left: i64 = sqlx::query_scalar("select count(*) from key_usage").fetch_one(&mut owner).await.unwrap();
    assert_eq!(left, 12_500);
}
