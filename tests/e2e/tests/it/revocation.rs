//! What takes power away has taken it when the answer is there: on every replica, for every request that starts later.

use std::time::{Duration, Instant};

use domain::environment::Environment;
use rand::RngExt;
use serde_json::{Value, json};
use testkit::{Answer, Api, Asked, VerifyPoller, World, last_accepted};

use crate::asking::{about, assert_all, await_that, verdicts};

const STAGING: Environment = Environment::Staging;
const REVOCATIONS: usize = 20;
/// A key of `acme` that is about to lose power.
struct Victim {
    path: String,
    secret: String,
    etag: String,
}

async fn victim(world: &World, policy: Value) -> Victim {
    let api = world.api(STAGING);
    let name = format!("victim {:016x}", rand::rng().random::<u64>());
    // Out of the way: a watch asks more often than the default limit admits.
    let mut body = json!({"name": name, "limits": [{"name": "requests", "limit": 1_000_000, "window_ms": 60_000}]});
    body.as_object_mut().unwrap().extend(policy.as_object().unwrap().clone());
    let made = api.create_key(&body).await;
    let path = api.path(world.acme, &format!("keys/{}", made.text("/key/id")));
    Victim { path, secret: made.text("/secret").to_owned(), etag: made.header("ETag").to_owned() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_redis_was_told_is_forgotten_without_a_worker() {
    let world = World::start().await;
    let store = &world.environment(STAGING).store;
    for _ in 0..5 {
        let victim = victim(&world, json!({})).await;
        world.api(STAGING).root_key().post_empty(&format!("{}/revoke", victim.path)).await.expect(200);
    }
    let is_empty = async || store.find_outbox_age().await.unwrap().is_none();
    await_that("no row waits for Redis", Duration::from_secs(10), is_empty).await;
}

/// Fails when a question that began after the answer was accepted; says how long before it the last accepted one began.
fn assert_none_after(asked: &[Asked], answered: Instant, what: &str) -> f64 {
    let last = last_accepted(asked, answered);
    assert!(last < 0.0, "{what}: accepted {last} s after the answer");
    assert!(asked.iter().all(|asked| asked.verdict.is_some()), "{what}: no question went without a verdict");
    last
}

/// Watches a question while `change` is made and answered, and holds every replica to the answer.
async fn hold(world: &World, question: &Value, expected: &str, change: impl AsyncFnOnce() -> Answer) -> (Answer, f64) {
    let watch = VerifyPoller::start(&world.environment(STAGING).keys, question, Duration::ZERO);
    watch.await_accepted().await;
    let answer = change().await.expect(200);
    let answered = Instant::now();
    watch.await_asked_after(answered, 3).await;
    let asked = watch.finish().await;
    let margin = assert_none_after(&asked, answered, expected);
    assert_all(&verdicts(world.environment(STAGING), question).await, expected);
    (answer, margin)
}

/// Twenty keys that others use all the while.
async fn start_background(world: &World) -> Vec<VerifyPoller> {
    let mut watches = Vec::new();
    for _ in 0..20 {
        let bystander = victim(world, json!({})).await;
        watches.push(VerifyPoller::start(
            &world.environment(STAGING).keys,
            &about(&bystander.secret),
            Duration::from_millis(200),
        ));
    }
    watches
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_key_is_refused_from_the_answer_on_everywhere() {
    let world = World::builder().replicas(3).start().await;
    let background = start_background(&world).await;
    let caller = world.api(STAGING).organization_key();
    let (started, mut latest, mut slowest) = (Instant::now(), f64::MIN, Duration::ZERO);
    for number in 0..REVOCATIONS {
        let victim = victim(&world, json!({})).await;
        let reason = if number % 2 == 0 { "compromised" } else { "other" };
        let mut took = Duration::ZERO;
        let (answer, margin) = hold(&world, &about(&victim.secret), "REVOKED", async || {
            let asked = Instant::now();
            let answer = caller.post(&format!("{}/revoke", victim.path), &json!({"reason": reason})).await;
            took = asked.elapsed();
            answer
        })
        .await;
        assert_eq!(answer.body["receipt"]["effective_within_ms"], 0);
        (latest, slowest) = (latest.max(margin), slowest.max(took));
    }
    let mut others = 0;
    for watch in background {
        let asked = watch.finish().await;
        assert!(asked.iter().all(Asked::is_accepted), "nobody else is harmed");
        others += asked.len();
    }
    println!(
        "{REVOCATIONS} revocations in {:.1} s beside {others} other verifications: 0 accepted after the answer; the last \
         accepted request began {:.1} ms before it; the slowest revocation took {:.1} ms",
        started.elapsed().as_secs_f64(),
        -latest * 1e3,
        slowest.as_secs_f64() * 1e3
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_narrows_a_key_holds_as_soon_as_it_is_answered() {
    let world = World::builder().replicas(3).start().await;
    let api: Api<'_> = world.api(STAGING);
    let (own, root) = (api.organization_key(), api.root_key());
    let mut latest = f64::MIN;
    for round in 0..2 {
        let key = victim(&world, json!({})).await;
        let question = about(&key.secret);
        let regenerate = async || own.post_empty(&format!("{}/regenerate", key.path)).await;
        let (_, regenerated) = hold(&world, &question, "REVOKED", regenerate).await;

        let key = victim(&world, json!({})).await;
        let (_, deleted) = hold(&world, &about(&key.secret), "REVOKED", async || own.delete(&key.path).await).await;

        let both = json!({"permissions": ["documents.read", "documents.write"]});
        let key = victim(&world, both).await;
        let question = json!({"key": key.secret, "permissions": ["documents.write"]});
        let less = json!({"permissions": ["documents.read"]});
        let patch = async || own.patch(&key.path, &key.etag, &less).await;
        let (answer, permission) = hold(&world, &question, "INSUFFICIENT_PERMISSIONS", patch).await;
        assert_eq!(answer.body["receipt"]["effective_within_ms"], 0);

        let key = victim(&world, json!({})).await;
        let question = json!({"key": key.secret, "client_ip": "192.0.2.1"});
        let less = json!({"ips": ["198.51.100.0/24"]});
        let patch = async || own.patch(&key.path, &key.etag, &less).await;
        let (_, address) = hold(&world, &question, "FORBIDDEN", patch).await;

        let key = victim(&world, json!({})).await;
        let question = json!({"key": key.secret, "domain": "shop.example.com"});
        let less = json!({"domains": ["www.example.com"]});
        let patch = async || own.patch(&key.path, &key.etag, &less).await;
        let (_, domain) = hold(&world, &question, "FORBIDDEN", patch).await;

        let customers = api.path(world.acme, "customers");
        let customer = own.post(&customers, &json!({"name": format!("customer {round}")})).await.expect(201);
        let customer = format!("{customers}/{}", customer.text("/id"));
        let key = victim(&world, json!({"customers": [customer.rsplit('/').next().unwrap()]})).await;
        let suspend = async || own.post_empty(&format!("{customer}/suspend")).await;
        let (_, suspended) = hold(&world, &about(&key.secret), "SUSPENDED", suspend).await;
        own.post_empty(&format!("{customer}/resume")).await.expect(200);
        assert_all(&verdicts(world.environment(STAGING), &about(&key.secret)).await, "VALID");
        let delete = async || own.delete(&customer).await;
        let (_, scope) = hold(&world, &about(&key.secret), "REVOKED", delete).await;

        let key = victim(&world, json!({})).await;
        let suspend = async || root.post_empty("/v1/organizations/acme/suspend").await;
        let (_, organization) = hold(&world, &about(&key.secret), "SUSPENDED", suspend).await;
        root.post_empty("/v1/organizations/acme/resume").await.expect(200);
        assert_all(&verdicts(world.environment(STAGING), &about(&key.secret)).await, "VALID");

        let margins = [regenerated, deleted, permission, address, domain, suspended, scope, organization];
        latest = margins.into_iter().fold(latest, f64::max);
    }
    println!("16 changes of 8 kinds: 0 accepted after the answer; the last began {:.1} ms before it", -latest * 1e3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_ends_on_the_second_of_its_end_on_every_replica() {
    let world = World::builder().replicas(3).start().await;
    let environment = world.environment(STAGING);
    let mut latest = f64::MIN;
    for _ in 0..1 {
        let now = environment.store.now().await.unwrap();
        let heard = Instant::now();
        let end = now + Duration::from_millis(2_500);
        let end_text = end.to_rfc3339_opts(chrono::SecondsFormat::Micros, true);
        let key = victim(&world, json!({"expires_at": end_text})).await;
        let watch = VerifyPoller::start(&environment.keys, &about(&key.secret), Duration::ZERO);
        watch.await_accepted().await;
        watch.await_verdict("EXPIRED").await;
        let asked = watch.finish().await;
        // The answer with the time came a little after that time, so this is never too strict by more than that.
        let ended = heard + (end - now).to_std().unwrap();
        let late = last_accepted(&asked, ended);
        assert!(late < 1.0, "accepted {late} s after its end");
        let first = asked.iter().filter(|asked| asked.verdict.as_deref() == Some("EXPIRED")).map(|asked| asked.began);
        let early = ended.saturating_duration_since(first.min().unwrap());
        assert!(early < Duration::from_secs(1), "refused {early:?} before its end");
        latest = latest.max(late);
    }
    println!("3 ends: the last accepted request began {:.1} ms after the end", latest * 1e3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receipt_shows_that_every_replica_applied_a_revocation() {
    let world = World::builder().replicas(3).start().await;
    let caller = world.api(STAGING).organization_key();
    let mut slowest = Duration::ZERO;
    for _ in 0..3 {
        let victim = victim(&world, json!({})).await;
        assert_all(&verdicts(world.environment(STAGING), &about(&victim.secret)).await, "VALID");
        let revoked = caller.post_empty(&format!("{}/revoke", victim.path)).await.expect(200);
        let path = world.api(STAGING).path(world.acme, &format!("receipts/{}", revoked.text("/receipt/id")));
        let is_applied = async || {
            let receipt = caller.get(&path).await.expect(200);
            let replicas = receipt.body["replicas"].as_array().unwrap().clone();
            assert_eq!(replicas.len(), 3, "{:#}", receipt.body);
            replicas.iter().all(|replica| replica["is_applied"] == true)
        };
        let limit = Duration::from_secs(20);
        slowest = slowest.max(await_that("every replica has applied it", limit, is_applied).await);
    }
    println!("3 receipts: all replicas had applied the slowest after {:.0} ms", slowest.as_secs_f64() * 1e3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_redis_a_revocation_says_by_when_it_holds() {
    let mut world = World::builder().replicas(3).own_redis().redis_timeout_ms(150).start().await;
    let victim = victim(&world, json!({})).await;
    assert_all(&verdicts(world.environment(STAGING), &about(&victim.secret)).await, "VALID");
    world.redis().kill();
    let caller = world.api(STAGING).organization_key();
    let revoked = caller.post(&format!("{}/revoke", victim.path), &json!({"reason": "compromised"})).await;
    assert_eq!(revoked.expect(200).body["receipt"]["effective_within_ms"], 5_000);
    let is_refused = async || {
        verdicts(world.environment(STAGING), &about(&victim.secret)).await.iter().all(|verdict| verdict == "REVOKED")
    };
    await_that("every replica refuses the key", Duration::from_secs(30), is_refused).await;
    world.redis().restart().await.unwrap();
    assert_all(&verdicts(world.environment(STAGING), &about(&victim.secret)).await, "REVOKED");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_emptied_redis_brings_no_revoked_key_back() {
    let mut world = World::builder().replicas(3).own_redis().start().await;
    let caller = world.api(STAGING).organization_key();
    let mut victims = Vec::new();
    for _ in 0..5 {
        let victim = victim(&world, json!({})).await;
        assert_all(&verdicts(world.environment(STAGING), &about(&victim.secret)).await, "VALID");
        victims.push(victim);
    }
    for victim in &victims {
        caller.post_empty(&format!("{}/revoke", victim.path)).await.expect(200);
    }
    world.redis().kill();
    world.redis().restart().await.unwrap();
    for _ in 0..5 {
        for victim in &victims {
            assert_all(&verdicts(world.environment(STAGING), &about(&victim.secret)).await, "REVOKED");
        }
    }
}
