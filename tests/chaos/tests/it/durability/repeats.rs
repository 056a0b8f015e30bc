//! Many identical creations at once, with one of two APIs killed between its commit and its answer.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use http::Method;
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use testkit::{Client, Fault, Finding, Fleet};

const PATIENCE: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(20);
/// How long a commit of the API that will die is waited for: where all begin there, and where others may be first.
const COMMIT_MAX: [Duration; 2] = [Duration::from_secs(5), Duration::from_millis(200)];

/// Sends the creation again and again, wherever it is answered, until it is.
async fn insist(apis: &[Client; 2], first: usize, body: &Value, repeat: &str) -> (String, String) {
    let deadline = Instant::now() + PATIENCE;
    for number in first.. {
        let api = &apis[number % 2];
        let request = api.request(Method::POST, "/v1/organizations/acme/keys").json(body);
        match api.try_send(request.header("Idempotency-Key", repeat)).await {
            Ok(answer) if answer.status.as_u16() == 201 => {
                return (answer.text("/key/id").to_owned(), answer.text("/secret").to_owned());
            }
            Ok(answer) if answer.body["code"] == "idempotency-in-flight" => {
                assert_eq!(answer.header("retry-after"), "1");
            }
            Ok(answer) => assert!(answer.status.as_u16() >= 500, "{}: {:#}", answer.status, answer.body),
            Err(_) => {}
        }
        assert!(Instant::now() < deadline, "no answer to {repeat}");
        tokio::time::sleep(PAUSE).await;
    }
    unreachable!("numbers do not end")
}

/// Waits until the API that will die has sent a commit whose answer it will not get.
async fn is_cut_within(fleet: &Fleet, before: usize, time: Duration) -> bool {
    let began = Instant::now();
    while fleet.apis[0].postgres_cuts() == before && began.elapsed() < time {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    fleet.apis[0].postgres_cuts() > before
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn identical_creations_make_one_key_although_an_api_dies() {
    let (trials, duplicates) = (100, 50);
    let mut fleet = Fleet::builder().apis(2).proxied().durable().start().await;
    let apis = [fleet.place().api(0), fleet.place().api(1)];
    let mut secrets = BTreeSet::new();
    let mut cut = 0;
    for trial in 0..trials {
        let (body, repeat) = (json!({"name": format!("repeated {trial}")}), format!("repeat-{trial}"));
        let before = fleet.apis[0].postgres_cuts();
        fleet.apis[0].set_postgres(&Fault::CutAfter(b"commit"));
        let created = {
            // By turns: all begin at the API that will die, so that it surely commits first; or half of them at each.
            let spread = trial % 2;
            let sent = join_all((0..duplicates).map(|number| insist(&apis, number * spread, &body, &repeat)));
            let killed = async {
                let is_cut = is_cut_within(&fleet, before, COMMIT_MAX[spread]).await;
                fleet.apis[0].kill();
                fleet.apis[0].set_postgres(&Fault::None);
                is_cut
            };
            let (created, is_cut) = tokio::join!(sent, killed);
            cut += usize::from(is_cut);
            created
        };
        fleet.apis[0].restart().unwrap();
        fleet.apis[0].await_ready().await.unwrap();
        let again = insist(&apis, 0, &body, &repeat).await;
        assert!(created.iter().all(|one| *one == again), "trial {trial}: {created:?}");
        secrets.insert(again);
    }
    let url = fleet.postgres.superuser_url(&fleet.place().database.name);
    let mut connection = PgConnection::connect(&url).await.unwrap();
    let sql = "select count(*) from keys where name like 'repeated %'";
    let made: i64 = sqlx::query_scalar(sql).fetch_one(&mut connection).await.unwrap();
    let sql = "select count(*) from events where action = 'key.created' and details::text like '%repeated%'";
    let told: i64 = sqlx::query_scalar(sql).fetch_one(&mut connection).await.unwrap();
    println!("{cut} of {trials} trials were cut between commit and answer");
    let worst = format!("{made} keys of {trials} creations; {cut} of them cut between commit and answer");
    let situation = format!("{duplicates} identical creations at two APIs, one killed between commit and answer");
    let bound = "exactly one key, its secret the same in every answer";
    Finding::new("P21", &situation, bound, worst, trials as u64 * duplicates as u64).record();
    assert_eq!((usize::try_from(made), usize::try_from(told)), (Ok(trials), Ok(trials)));
    assert_eq!(secrets.len(), trials, "each creation has a secret of its own");
    assert!(cut * 2 >= trials, "only {cut} of {trials} trials met the moment");
}
