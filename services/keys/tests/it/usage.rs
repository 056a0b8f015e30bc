//! What is noted of uses: each counts once, by hour and outcome, whatever Postgres does meanwhile.

use std::collections::BTreeMap;

use domain::policy::Policy;
use serde_json::json;
use sqlx::{Connection, PgConnection};

use testkit::keys_fixture::{KeysFixture, limit, policy};

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
async fn every_use_of_a_key_is_counted_once_by_what_came_of_it() {
    let bench = KeysFixture::start().await;
    let replicas = bench.replicas(2).await;
    let limited = bench.issue(Policy { limits: vec![limit("requests", 4)], ..policy() }).await;
    let other = bench.issue(policy()).await;
    for replica in &replicas {
        for _ in 0..3 {
            bench.verify(replica, json!({"key": limited.secret})).await;
        }
        bench.verify(replica, json!({"key": limited.secret, "permissions": ["nobody.has"]})).await;
        bench.verify(replica, json!({"key": limited.secret, "explain": true})).await;
        bench.verify(replica, json!({"key": other.secret})).await;
    }
    for replica in replicas {
        replica.stop().await;
    }
    // Explained questions use nothing.
    assert_eq!(counted(&bench, limited.id).await, counts(4, 2, 2));
    assert_eq!(counted(&bench, other.id).await, counts(2, 0, 0));
}
