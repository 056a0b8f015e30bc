//! The request log while Postgres is frozen.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use domain::environment::Environment;
use serde_json::Value;
use sqlx::{Connection, PgConnection};
use testkit::{World, await_that};

const ENVIRONMENT: Environment = Environment::Staging;
const PATIENCE: Duration = Duration::from_secs(30);

/// The rows of an environment as the superuser sees them, by request id.
async fn rows(world: &World) -> BTreeMap<String, Value> {
    let url = world.servers().cluster.superuser_url(&world.environment(ENVIRONMENT).database.name);
    let mut connection = PgConnection::connect(&url).await.unwrap();
    let sql = "select request_id, to_jsonb(l) from request_logs l";
    let rows: Vec<(String, Value)> = sqlx::query_as(sql).fetch_all(&mut connection).await.unwrap();
    let count = rows.len();
    let by_id: BTreeMap<_, _> = rows.into_iter().collect();
    assert_eq!(by_id.len(), count, "one row for each request");
    by_id
}

async fn await_rows(world: &World, count: usize) -> BTreeMap<String, Value> {
    await_that("the rows arrive", PATIENCE, async || rows(world).await.len() >= count).await;
    rows(world).await
}

/// Not one request waits for the log: those that need no Postgres are answered at once while it is frozen, and what they
/// left behind is written when it is back.
#[tokio::test]
async fn a_frozen_postgres_slows_no_request_and_rows_come_later() {
    let mut world = World::builder().own_postgres().start().await;
    let api = world.api(ENVIRONMENT).organization_key();
    api.get("/v1/permissions").await.expect(200);
    await_rows(&world, 1).await;
    world.postgres().pause();
    let mut ids = Vec::new();
    let mut slowest = Duration::ZERO;
    let begun = Instant::now();
    // Longer than one try to write takes.
    while begun.elapsed() < Duration::from_secs(5) {
        let asked_at = Instant::now();
        let answer = api.get("/v1/permissions").await.expect(200);
        slowest = slowest.max(asked_at.elapsed());
        ids.push(answer.header("x-request-id").to_owned());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    world.postgres().resume();
    println!("{} requests while Postgres was frozen, the slowest {slowest:?}", ids.len());
    assert!(slowest < Duration::from_secs(2), "a request took {slowest:?}");
    let found = await_rows(&world, ids.len() + 1).await;
    assert!(ids.iter().all(|id| found.contains_key(id)), "rows were lost, or doubled, by the outage");
}
