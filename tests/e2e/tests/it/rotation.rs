//! Rotation: the new secret works everywhere before it is shown, the old one ends when it was said to.

use std::time::{Duration, Instant};

use domain::environment::Environment;
use futures_util::future::join_all;
use serde_json::json;
use sqlx::{Connection, PgConnection};
use testkit::{Answer, VerifyPoller, World, last_accepted};

use crate::asking::{about, assert_all, await_that, verdict, verdicts};

const PRODUCTION: Environment = Environment::Production;
const ROTATIONS: usize = 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_secret_works_everywhere_at_once_and_the_old_nowhere() {
    let world = World::builder().replicas(3).start().await;
    let (environment, api) = (world.environment(PRODUCTION), world.api(PRODUCTION));
    let wide = json!([{"name": "requests", "limit": 1_000_000, "window_ms": 60_000}]);
    let body = json!({"name": "rotated", "permissions": ["documents.read"], "tags": ["kept"], "limits": wide});
    let made = api.create_key(&body).await;
    let (path, mut secret) =
        (api.path(world.acme, &format!("keys/{}", made.text("/key/id"))), made.text("/secret").to_owned());
    let caller = api.organization_key();
    let mut failures = 0;
    for rotation in 0..ROTATIONS {
        let rotated = caller.post_empty(&format!("{path}/regenerate")).await.expect(200);
        assert_eq!(rotated.text("/key/id"), made.text("/key/id"));
        let new = rotated.text("/secret").to_owned();
        let (question, old) = (json!({"key": new, "permissions": ["documents.read"]}), about(&secret));
        let (new_verdicts, old_verdicts) =
            futures_util::future::join(verdicts(environment, &question), verdicts(environment, &old)).await;
        failures += new_verdicts.iter().filter(|verdict| *verdict != "VALID").count();
        assert_all(&old_verdicts, "REVOKED");
        assert_ne!(new, secret, "rotation {rotation}");
        secret = new;
    }
    println!("{ROTATIONS} rotations, {} first uses of a new secret, {failures} failures", ROTATIONS * 3);
    assert_eq!(failures, 0);
    let key = caller.get(&path).await.expect(200).body;
    assert_eq!(
        (&key["permissions"], &key["tags"], &key["secrets_active"]),
        (&json!(["documents.read"]), &json!(["kept"]), &json!(1))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_overlap_lets_both_secrets_work_and_ends_on_the_second() {
    let world = World::builder().replicas(3).start().await;
    let (environment, api) = (world.environment(PRODUCTION), world.api(PRODUCTION));
    let mut latest = f64::MIN;
    for round in 0..1 {
        let wide = json!([{"name": "requests", "limit": 1_000_000, "window_ms": 60_000}]);
        let made = api.create_key(&json!({"name": format!("overlapping {round}"), "limits": wide})).await;
        let path = api.path(world.acme, &format!("keys/{}/regenerate", made.text("/key/id")));
        let watch = VerifyPoller::start(&environment.keys, &about(made.text("/secret")), Duration::from_millis(5));
        watch.await_accepted().await;
        let asked = Instant::now();
        let rotated = api.organization_key().post(&path, &json!({"overlap_seconds": 2})).await.expect(200);
        let answered = Instant::now();
        let new = about(rotated.text("/secret"));
        assert_all(&verdicts(environment, &new).await, "VALID");
        watch.await_verdict("REVOKED").await;
        let seen = watch.finish().await;
        let end = asked + Duration::from_secs(2);
        let first_refused = seen.iter().filter(|asked| !asked.is_accepted()).map(|asked| asked.began).min().unwrap();
        assert!(first_refused + Duration::from_secs(1) >= end, "the old one ended {:?} early", end - first_refused);
        let late = last_accepted(&seen, answered + Duration::from_secs(2));
        assert!(late <= 1.0, "the old one worked {late} s too long");
        latest = latest.max(late);
        assert_all(&verdicts(environment, &new).await, "VALID");
    }
    println!("1 overlap: the last accepted request with the old secret began {:.0} ms after the end", latest * 1e3);
}

/// Two requests that have both seen the key before either changes it: the key's row is held until both wait for it.
async fn rotate_twice_at_once(world: &World, path: &str, id: &str) -> Vec<Answer> {
    let url = world.servers().cluster.superuser_url(&world.environment(PRODUCTION).database.name);
    let mut connection = PgConnection::connect(&url).await.unwrap();
    let mut holder = connection.begin().await.unwrap();
    let id: domain::ids::KeyId = id.parse().unwrap();
    sqlx::query("select from keys where id = $1 for update").bind(id.uuid()).execute(&mut *holder).await.unwrap();
    let rotations: Vec<_> = (0..2)
        .map(|_| {
            let (caller, path) = (world.api(PRODUCTION).organization_key(), path.to_owned());
            tokio::spawn(async move { caller.post_empty(&path).await })
        })
        .collect();
    let mut other = PgConnection::connect(&url).await.unwrap();
    let wait = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()";
    let both_wait = async || sqlx::query_scalar::<_, i64>(wait).fetch_one(&mut other).await.unwrap() == 2;
    await_that("both rotations wait for the key", Duration::from_secs(2), both_wait).await;
    holder.rollback().await.unwrap();
    join_all(rotations).await.into_iter().map(Result::unwrap).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_rotations_at_once_one_wins_and_the_other_is_told() {
    let world = World::builder().replicas(3).start().await;
    let (environment, api) = (world.environment(PRODUCTION), world.api(PRODUCTION));
    for round in 0..3 {
        let made = api.create_key(&json!({"name": format!("contended {round}")})).await;
        let id = made.text("/key/id");
        let path = api.path(world.acme, &format!("keys/{id}/regenerate"));
        let mut answers = rotate_twice_at_once(&world, &path, id).await;
        answers.sort_by_key(|answer| answer.status);
        let statuses: Vec<u16> = answers.iter().map(|answer| answer.status.as_u16()).collect();
        assert_eq!(statuses, [200, 409], "{answers:#?}");
        assert_eq!(answers[1].code(), "conflict");
        assert_all(&verdicts(environment, &about(answers[0].text("/secret"))).await, "VALID");
        assert_eq!(verdict(&environment.keys[0], &about(made.text("/secret"))).await, "REVOKED");
        let secrets = api.organization_key().get(&path.replace("regenerate", "secrets")).await.expect(200);
        assert_eq!(secrets.body["items"].as_array().unwrap().len(), 2, "the loser left nothing behind");
    }
}
