//! Limits: exact over all replicas, shared where they are said to be, and bounded while nobody can count together.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::environment::Environment;
use futures_util::future::join_all;
use serde_json::{Value, json};
use testkit::{EnvironmentWorld, World};

use crate::asking::{about, await_that, verify};

const STAGING: Environment = Environment::Staging;
const CALLERS: usize = 64;
const REPLICAS: u16 = 3;

/// What many callers were answered.
#[derive(Debug, Default)]
struct Tally {
    verdicts: BTreeMap<String, u64>,
    /// The words that said who counted.
    enforced: BTreeMap<String, u64>,
}

impl Tally {
    fn of(&self, verdict: &str) -> u64 {
        self.verdicts.get(verdict).copied().unwrap_or(0)
    }

    fn total(&self) -> u64 {
        self.verdicts.values().sum()
    }
}

/// Has 64 callers ask `count` times in all, spread over the replicas; the questions take turns.
async fn rush(environment: &EnvironmentWorld, questions: &[Value], count: usize) -> Tally {
    let callers = (0..CALLERS).map(|caller| {
        let (replicas, questions) = (environment.keys.clone(), questions.to_vec());
        tokio::spawn(async move {
            let mut answers = Vec::new();
            for turn in (caller..count).step_by(CALLERS) {
                let replica = &replicas[(turn + turn / CALLERS) % replicas.len()];
                answers.push(verify(replica, &questions[turn % questions.len()]).await);
            }
            answers
        })
    });
    let mut tally = Tally::default();
    for answer in join_all(callers).await.into_iter().flat_map(Result::unwrap) {
        *tally.verdicts.entry(answer["verdict"].as_str().unwrap().to_owned()).or_default() += 1;
        let enforced = answer["limits"][0]["enforced"].as_str().unwrap_or("nobody").to_owned();
        *tally.enforced.entry(enforced).or_default() += 1;
    }
    tally
}

fn limit(name: &str, limit: u64) -> Value {
    json!({"name": name, "limit": limit, "window_ms": 60_000})
}

/// A key of `acme`: its id and its secret.
async fn key(world: &World, body: Value) -> (String, String) {
    let made = world.api(STAGING).create_key(&body).await;
    (made.text("/key/id").to_owned(), made.text("/secret").to_owned())
}

/// What is left of a limit by name, without spending any of it.
async fn remaining(environment: &EnvironmentWorld, secret: &str, name: &str) -> u64 {
    let answer = verify(&environment.keys[0], &json!({"key": secret, "explain": true})).await;
    let limits = answer["limits"].as_array().unwrap();
    let found = limits.iter().find(|limit| limit["name"] == name);
    found.unwrap_or_else(|| panic!("no {name} in {answer:#}"))["remaining"].as_u64().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_replicas_together_admit_exactly_the_limit() {
    let world = World::builder().replicas(REPLICAS).start().await;
    let environment = world.environment(STAGING);
    let (_, secret) = key(&world, json!({"name": "exact", "limits": [limit("requests", 1_000)]})).await;
    let tally = rush(environment, &[about(&secret)], 1_500).await;
    println!("1500 requests of {CALLERS} callers over {REPLICAS} replicas: {tally:?}");
    assert_eq!((tally.of("VALID"), tally.of("RATE_LIMITED")), (1_000, 500));
    assert_eq!(tally.enforced["global"], 1_500);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_several_limits_all_are_spent_or_none() {
    let world = World::builder().replicas(REPLICAS).start().await;
    let environment = world.environment(STAGING);
    let limits = json!([limit("requests", 500), limit("reports", 100), limit("pages", 1_000)]);
    let (_, secret) = key(&world, json!({"name": "several", "limits": limits})).await;
    let question = json!({"key": secret, "limits": [{"name": "pages", "cost": 3}]});
    let tally = rush(environment, &[question], 400).await;
    assert_eq!((tally.of("VALID"), tally.of("RATE_LIMITED")), (100, 300), "the narrowest decides");
    let left = [
        remaining(environment, &secret, "requests").await,
        remaining(environment, &secret, "reports").await,
        remaining(environment, &secret, "pages").await,
    ];
    println!("100 admitted of 400; left: {left:?}");
    assert_eq!(left, [400, 0, 700], "the 300 that were refused took nothing from the others");
    let refused = verify(&environment.keys[1], &about(&secret)).await;
    assert_eq!((&refused["limit_name"], refused["verdict"].as_str()), (&json!("reports"), Some("RATE_LIMITED")));
    let wait = refused["retry_after_ms"].as_u64().unwrap();
    assert!((1..=62_000).contains(&wait), "{wait}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_of_a_customer_or_organization_share_its_limits() {
    let world = World::builder().replicas(REPLICAS).start().await;
    let (environment, api) = (world.environment(STAGING), world.api(STAGING));
    let wide = json!([limit("requests", 1_000_000)]);

    let customer = json!({"name": "Northwind", "external_id": "northwind", "limits": [limit("customer", 200)]});
    api.root_key().post("/v1/organizations/acme/customers", &customer).await.expect(201);
    let mut questions = Vec::new();
    for name in ["first", "second"] {
        let body = json!({"name": name, "customers": ["northwind"], "limits": wide});
        questions.push(about(&key(&world, body).await.1));
    }
    let (_, general) = key(&world, json!({"name": "general", "limits": wide})).await;
    questions.push(json!({"key": general, "customer": "northwind"}));
    let tally = rush(environment, &questions, 450).await;
    println!("a customer's 200 for three keys: {tally:?}");
    assert_eq!((tally.of("VALID"), tally.of("RATE_LIMITED")), (200, 250));
    let tally = rush(environment, &[about(&general)], 50).await;
    assert_eq!(tally.of("VALID"), 50, "who asks for no customer spends nothing of it");

    let globex = "/v1/organizations/globex";
    let found = api.root_key().get(globex).await.expect(200);
    let limits = json!({"limits": [limit("organization", 300)]});
    api.root_key().patch(globex, found.header("ETag"), &limits).await.expect(200);
    let mut questions = Vec::new();
    for name in ["third", "fourth"] {
        let body = json!({"name": name, "limits": wide});
        let made = api.root_key().post(&format!("{globex}/keys"), &body).await.expect(201);
        questions.push(about(made.text("/secret")));
    }
    let tally = rush(environment, &questions, 500).await;
    println!("an organization's 300 for two keys: {tally:?}");
    assert_eq!((tally.of("VALID"), tally.of("RATE_LIMITED")), (300, 200));
    let tally = rush(environment, &[about(&general)], 50).await;
    assert_eq!(tally.of("VALID"), 50, "another organization spends nothing of it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rotation_keeps_what_was_spent() {
    let world = World::builder().replicas(REPLICAS).start().await;
    let (environment, api) = (world.environment(STAGING), world.api(STAGING));
    let (id, old) = key(&world, json!({"name": "rotated", "limits": [limit("requests", 300)]})).await;
    assert_eq!(rush(environment, &[about(&old)], 200).await.of("VALID"), 200);
    let path = api.path(world.acme, &format!("keys/{id}/regenerate"));
    let rotated = api.root_key().post(&path, &json!({"overlap_seconds": 600})).await.expect(200);
    let new = rotated.text("/secret");
    assert_eq!(remaining(environment, new, "requests").await, 100);
    let tally = rush(environment, &[about(&old), about(new)], 300).await;
    assert_eq!((tally.of("VALID"), tally.of("RATE_LIMITED")), (100, 200), "both secrets, one budget");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_redis_each_replica_admits_its_share_and_no_more() {
    const LIMIT: u64 = 100;
    let mut world = World::builder().replicas(REPLICAS).own_redis().redis_timeout_ms(150).start().await;
    let (_, secret) = key(&world, json!({"name": "shared", "limits": [limit("requests", LIMIT)]})).await;
    let question = [about(&secret)];
    let before = rush(world.environment(STAGING), &question, 60).await;
    assert_eq!((before.of("VALID"), before.enforced["global"]), (60, 60));

    world.redis().kill();
    let during = rush(world.environment(STAGING), &question, 600).await;
    let share = LIMIT.div_ceil(u64::from(REPLICAS)) * u64::from(REPLICAS);
    println!("limit {LIMIT}: 60 before Redis died, then {during:?}; the shares together are {share}");
    assert_eq!(during.total(), 600);
    assert_eq!(during.enforced["local"], 600, "every answer says who counts");
    assert_eq!(during.of("VALID"), share, "each replica its share, and not one more");
    assert_eq!(during.of("RATE_LIMITED"), 600 - share);

    // Empty it comes back, and counts anew; what was spent alone is not given again while it is away once more.
    world.redis().restart().await.unwrap();
    let environment = world.environment(STAGING);
    let look = json!({"key": secret, "explain": true});
    let counts_together = async || {
        let answers = environment.keys.iter().map(|replica| verify(replica, &look));
        join_all(answers).await.iter().all(|answer| answer["limits"][0]["enforced"] == "global")
    };
    await_that("all replicas count together again", Duration::from_secs(5), counts_together).await;
    let after = rush(world.environment(STAGING), &question, 300).await;
    world.redis().kill();
    let again = rush(world.environment(STAGING), &question, 300).await;
    println!("after an empty restart {after:?}; dead again {again:?}");
    assert_eq!((after.of("VALID"), after.enforced["global"]), (LIMIT, 300), "exact again");
    assert_eq!(again.of("VALID"), 0, "the local shares were spent before");
    let all = before.of("VALID") + during.of("VALID") + after.of("VALID") + again.of("VALID");
    assert!(all <= 3 * LIMIT + u64::from(REPLICAS), "{all} in one window");
}
