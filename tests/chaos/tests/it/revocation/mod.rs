//! P1 where both stores can be reached, or were a moment ago: once a revocation is answered, no replica accepts the key
//! for a question that begins later.
//!
//! Redis gets a second here to answer, so that a busy machine does not pass for a lost Redis.

mod away;
mod failover;
pub mod victims;

use std::cell::Cell;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use http::Method;
use reqwest::RequestBuilder;
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use testkit::{Asked, Fault, Finding, Fleet, FleetBuilder, about, await_that};

use self::victims::{RevocationFixture, Victim, insist, judge, latest, metric};

const REPLICAS: usize = 3;
/// How many keys are revoked at the same time, where one does not disturb the others.
const AT_ONCE: usize = 4;
/// The variable that names the library that sets a process' clock wrong, where it lies elsewhere than Debian puts it.
const FAKETIME: &str = "CLAVIGER_FAKETIME";

fn fleet() -> FleetBuilder {
    Fleet::builder().replicas(REPLICAS).proxied().setting("redis.timeout_ms", 1_000)
}

/// As many as fit into the time of this group.
const TRIALS: usize = 500;

async fn revoke(stage: &RevocationFixture, victim: &Victim) -> Instant {
    let answered = stage.revocation(victim).await;
    assert_eq!(answered.effective_within_ms, 0);
    answered.at
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_replica_accepts_a_revoked_key_even_without_the_stream() {
    let stage = RevocationFixture::start(fleet()).await;
    let many = (TRIALS, AT_ONCE);
    let late = stage.one_by_one(many, async |victim| revoke(&stage, victim).await).await;
    judge("all is well; keys one by one, each asked about every 5 ms", &late, 0);

    for replica in &stage.fleet.keys {
        replica.set_redis(&Fault::CutAfter(b"XREAD"));
    }
    // By then every wait for changes has ended once, and every new one is cut.
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    let late = stage.one_by_one(many, async |victim| revoke(&stage, victim).await).await;
    assert!(stage.fleet.keys.iter().all(|replica| replica.redis_cuts() > 0), "every stream was cut");
    judge("no replica hears the stream of changes; one by one", &late, 0);
}

/// Each waits for the one before, at the end of the organization's action log; none is sent away for that.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_keys_are_revoked_at_once_though_postgres_is_far() {
    let stage = RevocationFixture::start(fleet()).await;
    let victims = stage.victims(200, &json!({})).await;
    let far = Fault::Late { delay: Duration::from_millis(1), jitter: Duration::ZERO };
    stage.fleet.apis[0].set_postgres(&far);
    let revoke = |victim: &Victim| {
        let (api, path) = (stage.api.clone(), format!("{}/revoke", victim.path));
        async move { api.post(&path, &json!({"reason": "other"})).await.status }
    };
    let began = Instant::now();
    let statuses = join_all(victims.iter().map(revoke)).await;
    let (refused, took) = (statuses.iter().filter(|status| **status != 200).count(), began.elapsed());
    let situation = format!("{} keys of one organization revoked at once, Postgres 2 ms away", victims.len());
    let worst = format!("{refused}; all in {:.1} s", took.as_secs_f64());
    Finding::new("P13", &situation, "none is refused", worst, victims.len() as u64).record();
    assert_eq!(refused, 0, "{statuses:?}");
    stage.assert_everywhere(&victims, "REVOKED").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revocation_repeated_after_a_lost_commit_answer_holds() {
    let stage = RevocationFixture::start(fleet()).await;
    let unanswered = Cell::new(0);
    // What is cut is every connection of the API.
    let late = stage
        .one_by_one((TRIALS, 1), async |victim| {
            let path = format!("{}/revoke", victim.path);
            let body = json!({"reason": "other"});
            stage.fleet.apis[0].set_postgres(&Fault::CutAfter(b"commit"));
            let first = stage.api.post(&path, &body).await;
            stage.fleet.apis[0].set_postgres(&Fault::None);
            if first.status != 200 {
                assert_eq!(first.status, 503, "{:#}", first.body);
                unanswered.update(|count| count + 1);
                insist(&stage.api, Method::POST, &path, Some(&body), 200).await;
            }
            Instant::now()
        })
        .await;
    let unanswered = unanswered.get();
    assert!(unanswered * 2 > late.len(), "{unanswered} of {} commits went unanswered", late.len());
    let url = stage.fleet.postgres.superuser_url(&stage.fleet.place().database.name);
    let mut connection = PgConnection::connect(&url).await.unwrap();
    let sql = "select count(*) from events where action = 'key.revoked'";
    let committed: i64 = sqlx::query_scalar(sql).fetch_one(&mut connection).await.unwrap();
    assert_eq!(usize::try_from(committed), Ok(late.len() + unanswered), "what went unanswered was committed");
    judge("Postgres lost after the commit and before its answer, then the request repeated; one by one", &late, 0);
}

/// Sends requests whose commits go unanswered, sends each again until it is answered, and tells for each how many
/// milliseconds after the answer the last accepted question began.
async fn repeat_after_a_cut<const COUNT: usize>(
    stage: &RevocationFixture,
    questions: [(Value, &'static str); COUNT],
    requests: [&dyn Fn() -> RequestBuilder; COUNT],
) -> [f64; COUNT] {
    let batch = stage.watch(&questions, Duration::from_millis(5)).await;
    stage.fleet.apis[0].set_postgres(&Fault::CutAfter(b"commit"));
    for request in requests {
        stage.api.send(request()).await.expect(503);
    }
    stage.fleet.apis[0].set_postgres(&Fault::None);
    let answered = requests.map(async |request| {
        let is_answered = async || stage.api.send(request()).await.status == 200;
        await_that("the repeated request is answered", Duration::from_secs(5), is_answered).await;
        Instant::now()
    });
    let answered = join_all(answered).await;
    batch.await_refused(*answered.iter().max().unwrap()).await;
    latest(&batch.finish(&answered).await).try_into().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repeated_suspension_or_rotation_holds_once_answered() {
    let stage = RevocationFixture::start(fleet()).await;
    let (mut suspended, mut rotated) = (Vec::new(), Vec::new());
    for number in 0..TRIALS {
        let body = json!({"name": format!("customer {number}")});
        let customer = stage.api.post(&stage.path("customers"), &body).await.expect(201);
        let bound = stage.victims(1, &json!({"customers": [customer.text("/id")]})).await.remove(0);
        let path = stage.path(&format!("customers/{}/suspend", customer.text("/id")));
        let suspend = || stage.api.request(Method::POST, &path);

        let victim = stage.victims(1, &json!({})).await.remove(0);
        let (path, once) = (format!("{}/regenerate", victim.path), format!("rotation-{number}"));
        let rotate = || stage.api.request(Method::POST, &path).header("Idempotency-Key", &once);
        let questions = [(about(&bound.secret), "SUSPENDED"), (about(&victim.secret), "REVOKED")];
        let [late, too_late] = repeat_after_a_cut(&stage, questions, [&suspend, &rotate]).await;
        suspended.push(late);
        rotated.push(too_late);
    }
    let situation = |what: &str| format!("{what}, Postgres lost after the commit and before its answer, repeated");
    judge(&situation("a customer suspended"), &suspended, 0);
    judge(&situation("a key rotated under an idempotency key"), &rotated, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn generations_from_an_old_snapshot_bring_no_revoked_key_back() {
    let stage = RevocationFixture::start(fleet()).await;
    let (place, redis) = (stage.fleet.place(), stage.fleet.redis.server());
    let prefix = format!("{}{{{}}}:g:k:", place.redis.prefix, place.acme.uuid().simple());
    let late = stage
        .one_by_one((TRIALS, AT_ONCE), async |victim| {
            let name = format!("{prefix}{}", victim.id.uuid().simple());
            let old = redis.command(&["GET", &name]).await.unwrap();
            let answered = revoke(&stage, victim).await;
            assert_eq!(old.len(), 1, "Redis knew the version of a key that was just asked about");
            redis.command(&["SET", &name, &old[0], "EX", "86400"]).await.unwrap();
            answered
        })
        .await;
    // What a failover loses falls under the bound of a Redis that is away.
    judge("Redis holds the versions of an old snapshot right after the answer; one by one", &late, 5_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wall_clocks_that_are_wrong_change_nothing() {
    let preload = format!("LD_PRELOAD={}", faketime().display());
    let clock = |skew: &str| ["env", &preload, skew, "FAKETIME_DONT_FAKE_MONOTONIC=1"].map(str::to_owned);
    let (ahead, behind) = (clock("FAKETIME=+300"), clock("FAKETIME=-300"));
    let (ahead, behind) = (ahead.each_ref().map(String::as_str), behind.each_ref().map(String::as_str));
    let stage = RevocationFixture::start(fleet().replica_prefix(1, &ahead).replica_prefix(2, &behind)).await;
    for (replica, skew_seconds) in [(1, 300.0), (2, -300.0)] {
        let is_skewed = async || {
            let told = metric(&stage.fleet.keys[replica], "claviger_clock_offset_seconds").await;
            (told - skew_seconds).abs() < 30.0
        };
        await_that("the clock is wrong and the replica tells it", Duration::from_secs(10), is_skewed).await;
    }
    let late = stage.one_by_one((TRIALS, AT_ONCE), async |victim| revoke(&stage, victim).await).await;
    judge("one replica's wall clock 5 min ahead, another's 5 min behind; one by one", &late, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_slept_through_a_revocation_refuses_the_key() {
    let stage = RevocationFixture::start(fleet()).await;
    let (batches, count) = (2, 500);
    let asleep = Duration::from_secs(20);
    let mut late = Vec::new();
    for _ in 0..batches {
        let victims = stage.victims(count, &json!({})).await;
        let batch = stage.watch_victims(&victims, Duration::from_secs(2)).await;
        stage.fleet.keys[1].pause();
        tokio::time::sleep(asleep).await;
        let answered = batch.carry_out(stage.revocations(&victims), Duration::from_millis(500)).await;
        // The first questions wait for it at its door, the others come as soon as it is awake.
        let ask = |victim: &Victim| {
            let (replica, question) = (stage.replicas[1].clone(), about(&victim.secret));
            tokio::spawn(async move { Asked::ask(&replica, &question).await })
        };
        let waiting: Vec<_> = victims.iter().map(ask).collect();
        tokio::time::sleep(Duration::from_millis(200)).await;
        stage.fleet.keys[1].resume();
        let at_once: Vec<_> = victims.iter().map(ask).collect();
        for asked in waiting.into_iter().chain(at_once) {
            let asked = asked.await.unwrap();
            assert!(!asked.is_accepted(), "accepted by a replica that woke up");
        }
        let last = answered.iter().map(|answered| answered.at).max().unwrap();
        batch.await_refused(last).await;
        let instants: Vec<Instant> = answered.iter().map(|answered| answered.at).collect();
        late.extend(latest(&batch.finish(&instants).await));
    }
    let situation = format!(
        "a replica frozen for {} s before the revocation, then woken and asked at once; batches of {count} keys",
        asleep.as_secs()
    );
    judge(&situation, &late, 0);
}

fn faketime() -> PathBuf {
    let own = std::env::var_os(FAKETIME).map(PathBuf::from);
    let folders = std::fs::read_dir("/usr/lib").unwrap().flatten();
    let installed = folders.map(|folder| folder.path().join("faketime/libfaketime.so.1"));
    let found = own.into_iter().chain(installed).find(|library| library.is_file());
    found.unwrap_or_else(|| {
        panic!("libfaketime is not installed: run `apt-get install libfaketime`, or name the library in {FAKETIME}")
    })
}
