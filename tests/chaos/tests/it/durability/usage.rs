//! Uses of keys are counted once each, whatever Postgres does meanwhile.

use std::collections::BTreeMap;
use std::time::Duration;

use sqlx::{Connection, PgConnection};
use testkit::keys_fixture::{KeysFixture, policy, wait_for};

/// How often a key was used, by outcome, as the database has it.
async fn counted(bench: &KeysFixture, key: domain::ids::KeyId) -> BTreeMap<String, i64> {
    let mut owner = PgConnection::connect(&bench.owner_url).await.unwrap();
    sqlx::raw_sql("select set_config('claviger.job', 'key-usage', false)").execute(&mut owner).await.unwrap();
    let sql = "select outcome, sum(count)::bigint from key_usage where key_id = $1 group by outcome";
    let rows: Vec<(String, i64)> = sqlx::query_as(sql).bind(key.uuid()).fetch_all(&mut owner).await.unwrap();
    rows.into_iter().collect()
}

fn counts(valid: i64, limited: i64, refused: i64) -> BTreeMap<String, i64> {
    let all = [("valid", valid), ("limited", limited), ("refused", refused)];
    all.into_iter().filter(|(_, count)| *count > 0).map(|(word, count)| (word.to_owned(), count)).collect()
}

#[tokio::test]
async fn a_postgres_that_freezes_and_dies_keeps_counts_exact() {
    let mut bench = KeysFixture::alone().await;
    let replica = bench.replicas(1).await.remove(0);
    let issued = bench.issue(policy()).await;
    let mut uses = 0;
    let mut ask = async |bench: &KeysFixture, times: i64| {
        for _ in 0..times {
            assert_eq!(bench.verdict(&replica, &issued.secret).await, "VALID");
        }
        uses += times;
        uses
    };
    ask(&bench, 5).await;
    wait_for("the first notes", async || counted(&bench, issued.id).await == counts(5, 0, 0)).await;
    // Frozen for longer than one try takes: the batch may have been taken, and nobody said so.
    ask(&bench, 5).await;
    bench.postgres().pause();
    let begun = std::time::Instant::now();
    while begun.elapsed() < Duration::from_secs(6) {
        ask(&bench, 1).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    bench.postgres().resume();
    let uses = ask(&bench, 1).await;
    wait_for("the notes of the freeze", async || counted(&bench, issued.id).await == counts(uses, 0, 0)).await;
    bench.postgres().kill();
    ask(&bench, 7).await;
    bench.postgres_mut().restart().await.unwrap();
    let uses = ask(&bench, 1).await;
    wait_for("the notes of the outage", async || counted(&bench, issued.id).await == counts(uses, 0, 0)).await;
    replica.stop().await;
    assert_eq!(counted(&bench, issued.id).await, counts(uses, 0, 0));
}
