//! P1 while a store cannot be reached: a revocation succeeds all the same and holds within five seconds; a replica that
//! has lost both stores ends within thirty.

use std::time::{Duration, Instant};

use domain::secret::{PlainSecret, Prefix};
use futures_util::FutureExt;
use futures_util::future::join_all;
use http::Method;
use serde_json::{Value, json};
use testkit::{Asked, Fault, Fleet, FleetBuilder, about, await_that};

use crate::revocation::victims::{Act, Answered, RevocationFixture, Victim, insist, insist_on, judge, latest};

const REPLICAS: usize = 3;
const BOUND_MS: u32 = 5_000;
fn fleet() -> FleetBuilder {
    Fleet::builder().replicas(REPLICAS).proxied()
}

/// How many batches, of how many keys, revoked within how long. A trial takes as long as the bound, so many are made at
/// the same time.
fn shape() -> (usize, usize, Duration) {
    (1, 500, Duration::from_secs(5))
}

/// How often each replica is asked about each key: as often as one machine can ask about all of them.
fn pause() -> Duration {
    Duration::from_secs(2)
}

/// A situation with the way in which its trials are made.
fn situation(what: &str) -> String {
    let (_, count, _) = shape();
    situation_of(what, count)
}

fn situation_of(what: &str, count: usize) -> String {
    let (_, _, spread) = shape();
    let (pause_ms, spread_ms) = (pause().as_millis(), spread.as_millis());
    format!("{what}; batches of {count} keys, each asked about every {pause_ms} ms, revoked within {spread_ms} ms")
}

/// Revokes batches of keys while Redis is as `strike` leaves it and until `heal` ends that; per key and replica, how late
/// the last accepted question began. `told_ms` is what receipts may say.
async fn revoke_while(
    stage: &mut RevocationFixture,
    told_ms: &[u32],
    mut strike: impl AsyncFnMut(&mut Fleet),
    mut heal: impl AsyncFnMut(&mut Fleet),
) -> Vec<Vec<f64>> {
    let (batches, count, spread) = shape();
    let mut late = Vec::new();
    for _ in 0..batches {
        stage.await_counting_together().await;
        let victims = stage.victims(count, &json!({})).await;
        let batch = stage.watch_victims(&victims, pause()).await;
        let acts = stage.revocations(&victims);
        strike(&mut stage.fleet).await;
        let answered = batch.carry_out(acts, spread).await;
        let is_right =
            |answered: &Answered| told_ms.iter().any(|told| u64::from(*told) == answered.effective_within_ms);
        assert!(answered.iter().all(is_right), "{answered:?}");
        let instants: Vec<Instant> = answered.iter().map(|answered| answered.at).collect();
        let last = *instants.iter().max().unwrap();
        batch.await_refused(last).await;
        heal(&mut stage.fleet).await;
        stage.await_counting_together().await;
        late.extend(batch.finish(&instants).await);
        stage.assert_everywhere(&victims, "REVOKED").await;
    }
    late
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revocation_holds_within_five_seconds_when_redis_is_killed() {
    let mut stage = RevocationFixture::start(fleet()).await;
    let strike = async |fleet: &mut Fleet| fleet.redis.kill();
    let heal = async |fleet: &mut Fleet| fleet.redis.restart().await.unwrap();
    let late = revoke_while(&mut stage, &[BOUND_MS], strike, heal).await;
    judge(&situation("Redis killed"), &latest(&late), BOUND_MS);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revocation_holds_within_five_seconds_when_redis_is_frozen() {
    let mut stage = RevocationFixture::start(fleet()).await;
    let strike = async |fleet: &mut Fleet| fleet.redis.pause();
    let heal = async |fleet: &mut Fleet| fleet.redis.resume();
    let late = revoke_while(&mut stage, &[BOUND_MS], strike, heal).await;
    judge(&situation("Redis frozen"), &latest(&late), BOUND_MS);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revocation_holds_in_time_on_a_replica_without_redis() {
    // A second to answer, so that a busy machine does not pass for a lost Redis where it is not.
    let mut stage = RevocationFixture::start(fleet().setting("redis.timeout_ms", 1_000)).await;
    let strike = async |fleet: &mut Fleet| fleet.keys[1].set_redis(&Fault::Lost);
    let heal = async |fleet: &mut Fleet| fleet.keys[1].set_redis(&Fault::None);
    // Nobody knows at first.
    let late = revoke_while(&mut stage, &[0, BOUND_MS], strike, heal).await;
    judge(&situation("Redis lost in silence to one replica, on that one"), &of(&late, &[1]), BOUND_MS);
    judge(&situation("Redis lost in silence to one replica, on the others"), &of(&late, &[0, 2]), 0);
}

/// How long whatever comes about may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// What it takes for a replica to count as silent: three seconds, the second between two heartbeats, and one because they are
/// told in whole seconds.
const SILENT_AFTER: Duration = Duration::from_millis(5_500);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receipt_names_the_replica_that_has_lost_redis() {
    let stage = RevocationFixture::start(fleet().setting("redis.timeout_ms", 1_000)).await;
    let victims = stage.victims(3, &json!({})).await;
    let receipt = async |victim: &Victim| {
        let answer = stage.api.post_empty(&format!("{}/revoke", victim.path)).await.expect(200);
        answer.body["receipt"].clone()
    };
    let replicas = |receipt: &Value| receipt["replicas"].as_array().unwrap().clone();
    assert_eq!(receipt(&victims[0]).await["effective_within_ms"], 0);
    stage.fleet.keys[1].set_redis(&Fault::Lost);
    tokio::time::sleep(SILENT_AFTER).await;
    let told = receipt(&victims[1]).await;
    assert_eq!(told["effective_within_ms"], BOUND_MS, "{told}");
    let path = format!("/v1/organizations/acme/receipts/{}", told["id"].as_str().unwrap());
    let applied = async || {
        let body = stage.api.get(&path).await.expect(200).body;
        replicas(&body).iter().filter(|replica| replica["is_applied"] == true).count()
    };
    await_that("the others acknowledge it", PATIENCE, async || applied().await == 2).await;
    assert_eq!(replicas(&told).len(), 3, "the silent one is named: {told}");
    stage.fleet.keys[1].set_redis(&Fault::None);
    stage.await_counting_together().await;
    // Two heartbeats.
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(receipt(&victims[2]).await["effective_within_ms"], 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revocation_holds_in_time_when_the_api_has_lost_redis() {
    let mut stage = RevocationFixture::start(fleet()).await;
    let strike = async |fleet: &mut Fleet| fleet.apis[0].set_redis(&Fault::Lost);
    let heal = async |fleet: &mut Fleet| fleet.apis[0].set_redis(&Fault::None);
    let late = revoke_while(&mut stage, &[BOUND_MS], strike, heal).await;
    judge(&situation("Redis lost in silence to the API alone"), &latest(&late), BOUND_MS);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revocation_holds_within_five_seconds_when_redis_is_slow() {
    let mut stage = RevocationFixture::start(fleet()).await;
    let slow = Fault::Late { delay: Duration::from_millis(100), jitter: Duration::from_millis(10) };
    let set = |fleet: &Fleet, fault: &Fault| fleet.members().for_each(|member| member.set_redis(fault));
    let strike = async |fleet: &mut Fleet| set(fleet, &slow);
    let heal = async |fleet: &mut Fleet| set(fleet, &Fault::None);
    let late = revoke_while(&mut stage, &[BOUND_MS], strike, heal).await;
    judge(&situation("Redis answers 200 ms later to everybody"), &latest(&late), BOUND_MS);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_comes_back_empty_brings_no_revoked_key_back() {
    let mut stage = RevocationFixture::start(fleet()).await;
    let (batches, count, spread) = shape();
    let mut late = Vec::new();
    for _ in 0..batches {
        stage.await_counting_together().await;
        let victims = stage.victims(count, &json!({})).await;
        let batch = stage.watch_victims(&victims, pause()).await;
        let acts = stage.revocations(&victims);
        let restart = async {
            tokio::time::sleep(spread / 2).await;
            stage.fleet.redis.kill();
            stage.fleet.redis.restart().await.unwrap();
        };
        let (answered, ()) = tokio::join!(batch.carry_out(acts, spread), restart);
        let instants: Vec<Instant> = answered.iter().map(|answered| answered.at).collect();
        batch.await_refused(*instants.iter().max().unwrap()).await;
        late.extend(batch.finish(&instants).await);
        stage.assert_everywhere(&victims, "REVOKED").await;
    }
    let situation = situation("Redis killed and started again empty while keys are revoked");
    judge(&situation, &latest(&late), BOUND_MS);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revocation_holds_within_five_seconds_when_redis_is_full() {
    let stage = RevocationFixture::start(fleet()).await;
    let (batches, count, spread) = shape();
    let (mut spent, mut free) = (Vec::new(), Vec::new());
    // Half of the keys for each of the two situations.
    for _ in 0..2 * batches {
        // A question that costs nothing asks Redis to write nothing, so a full Redis answers it.
        let day = json!({"limits": [{"name": "requests", "limit": 1_000_000, "window_ms": 86_400_000}]});
        let victims = stage.victims(count, &day).await;
        let question = |(at, victim): (usize, &Victim)| match at % 2 {
            0 => (about(&victim.secret), "REVOKED"),
            _ => (json!({"key": victim.secret, "limits": [{"name": "requests", "cost": 0}]}), "REVOKED"),
        };
        let questions: Vec<(Value, &'static str)> = victims.iter().enumerate().map(question).collect();
        let batch = stage.watch(&questions, pause()).await;
        let acts = stage.revocations(&victims);
        fill(&stage.fleet, true).await;
        let answered = batch.carry_out(acts, spread).await;
        let instants: Vec<Instant> = answered.iter().map(|answered| answered.at).collect();
        batch.await_refused(*instants.iter().max().unwrap()).await;
        fill(&stage.fleet, false).await;
        stage.await_counting_together().await;
        for (at, late) in latest(&batch.finish(&instants).await).into_iter().enumerate() {
            if at % 2 == 0 { &mut spent } else { &mut free }.push(late);
        }
        stage.assert_everywhere(&victims, "REVOKED").await;
    }
    judge(&situation("Redis full"), &spent, BOUND_MS);
    judge(&situation("Redis full, and the question costs nothing"), &free, BOUND_MS);
}

/// Lets Redis have no more memory than it has, or as much as it likes.
async fn fill(fleet: &Fleet, is_full: bool) {
    let bytes = if is_full { "1048576" } else { "0" };
    fleet.redis.server().command(&["CONFIG", "SET", "maxmemory", bytes]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_suspension_and_a_narrowing_hold_within_five_seconds_too() {
    let mut stage = RevocationFixture::start(fleet()).await;
    // So many for each of the two situations.
    let (batches, count) = (3, 334);
    let (_, _, spread) = shape();
    let (mut narrowed, mut suspended) = (Vec::new(), Vec::new());
    for batch in 0..batches {
        let (mut questions, mut acts) = (Vec::new(), Vec::new());
        for victim in stage.victims(count, &json!({})).await {
            questions.push((json!({"key": victim.secret, "client_ip": "192.0.2.1"}), "FORBIDDEN"));
            acts.push(narrowing(&stage, &victim));
        }
        for number in 0..count {
            let body = json!({"name": format!("customer {number} of {batch}")});
            let made = stage.api.post(&stage.path("customers"), &body).await.expect(201);
            let victim = &stage.victims(1, &json!({"customers": [made.text("/id")]})).await[0];
            questions.push((about(&victim.secret), "SUSPENDED"));
            acts.push(suspension(&stage, stage.path(&format!("customers/{}", made.text("/id")))));
        }
        let batch = stage.watch(&questions, pause()).await;
        stage.fleet.redis.kill();
        let answered = batch.carry_out(acts, spread).await;
        let instants: Vec<Instant> = answered.iter().map(|answered| answered.at).collect();
        batch.await_refused(*instants.iter().max().unwrap()).await;
        stage.fleet.redis.restart().await.unwrap();
        stage.await_counting_together().await;
        let mut late = latest(&batch.finish(&instants).await);
        suspended.extend(late.split_off(count));
        narrowed.extend(late);
    }
    judge(&situation_of("Redis killed; addresses of keys narrowed", 2 * count), &narrowed, BOUND_MS);
    judge(&situation_of("Redis killed; customers suspended", 2 * count), &suspended, BOUND_MS);

    let count = batches * count;
    let victims = stage.victims(count, &json!({})).await;
    let questions: Vec<(Value, &'static str)> =
        victims.iter().map(|victim| (about(&victim.secret), "SUSPENDED")).collect();
    let batch = stage.watch(&questions, pause()).await;
    stage.fleet.keys[1].set_redis(&Fault::Lost);
    let root = stage.fleet.place().root(0);
    insist(&root, Method::POST, "/v1/organizations/acme/suspend", None, 200).await;
    let answered = Instant::now();
    batch.await_refused(answered).await;
    let late = latest(&batch.finish(&vec![answered; count]).await);
    judge("Redis lost in silence to one replica; an organization suspended, many keys of it watched", &late, BOUND_MS);
}

fn narrowing(stage: &RevocationFixture, victim: &Victim) -> Act {
    let (api, path, etag) = (stage.api.clone(), victim.path.clone(), victim.etag.clone());
    let body = json!({"ips": ["198.51.100.0/24"]});
    // What an update takes away is known once it is read; until then it is a write like others, and may be told to come back.
    async move {
        let request = || api.request(Method::PATCH, &path).header("If-Match", &etag).json(&body);
        Answered::of(&insist_on(&api, request, 200).await)
    }
    .boxed()
}

fn suspension(stage: &RevocationFixture, path: String) -> Act {
    let api = stage.api.clone();
    async move { Answered::of(&api.post_empty(&format!("{path}/suspend")).await.expect(200)) }.boxed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_without_stores_ends_within_30_seconds() {
    const BOUND: Duration = Duration::from_secs(30);
    let stage = RevocationFixture::start(fleet()).await;
    let place = stage.fleet.place();
    let victims = stage.victims(1_000, &json!({})).await;
    let lonely = &stage.replicas[1];
    let ask = async |victim: &Victim| Asked::ask(lonely, &about(&victim.secret)).await;
    for victim in &victims {
        assert!(ask(victim).await.is_accepted());
    }
    stage.fleet.keys[1].set_redis(&Fault::Lost);
    stage.fleet.keys[1].set_postgres(&Fault::Lost);
    let lost = Instant::now();
    let revoked = join_all(victims.chunks(50).map(async |victims| {
        let mut answered = Vec::new();
        for victim in victims {
            answered.push(stage.revocation(victim).await.at);
        }
        answered
    }));
    let answered: Vec<Instant> = revoked.await.concat();
    let unknown = PlainSecret::generate(&Prefix::organization(), place.environment);
    let until = lost + BOUND + Duration::from_secs(8);
    let mut late: Vec<f64> = victims.iter().zip(&answered).map(|(_, answered)| since(*answered, lost)).collect();
    let (mut kept, mut turn) = (0, 0);
    while Instant::now() < until {
        let few: Vec<usize> = (0..8).map(|step| (turn + step) % victims.len()).collect();
        let asked = join_all(few.iter().map(|at| ask(&victims[*at]))).await;
        for (at, asked) in few.iter().zip(asked).filter(|(_, asked)| asked.is_accepted()) {
            late[*at] = late[*at].max(since(answered[*at], asked.began));
            kept += usize::from(asked.began > lost + Duration::from_secs(5));
            assert!(asked.began <= lost + BOUND, "accepted {:?} after both stores were lost", asked.began - lost);
        }
        let stranger = Asked::ask(lonely, &about(unknown.expose())).await;
        assert!(!stranger.is_accepted(), "a key that nobody made");
        turn += few.len();
    }
    assert!(kept > 0, "the replica goes on with what it knows for a while");
    let asked = ask(&victims[0]).await;
    assert_eq!(asked.verdict, None, "nobody vouches for it any more");
    judge("both stores lost to one replica; many keys revoked at once, asked about in turn", &late, 30_000);
    stage.fleet.keys[1].set_redis(&Fault::None);
    stage.fleet.keys[1].set_postgres(&Fault::None);
    let is_back = async || ask(&victims[0]).await.verdict.as_deref() == Some("REVOKED");
    let took = await_that("the replica is back", Duration::from_secs(10), is_back).await;
    println!("{kept} questions were answered from memory; back {took:?} after both stores");
    stage.assert_everywhere(&victims, "REVOKED").await;
}

/// Milliseconds from the first to the second instant, below zero when the second came first.
fn since(from: Instant, to: Instant) -> f64 {
    let (later, earlier) = (to.saturating_duration_since(from), from.saturating_duration_since(to));
    (later.as_secs_f64() - earlier.as_secs_f64()) * 1e3
}

/// The last of each key over some replicas.
fn of(late: &[Vec<f64>], replicas: &[usize]) -> Vec<f64> {
    late.iter().map(|each| replicas.iter().map(|replica| each[*replica]).fold(f64::MIN, f64::max)).collect()
}
