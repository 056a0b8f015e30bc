//! More work than can be done: what is refused, in which order, how quickly, and what goes on as if nothing were.
//!
//! The short form asserts what holds on a machine that others use as well; the long form (`CLAVIGER_LONG=1`, a release
//! build, nothing else running) asserts the figures too.

use std::net::SocketAddr;
use std::process::Command;
use std::time::{Duration, Instant};

use domain::environment::Environment;
use serde_json::{Value, json};
use testkit::{Answer, Client, Finding, Fleet, Place};

use crate::capacity::Capacity;
use crate::ground::{by_length, is_long};
use crate::host::Host;
use crate::load::{Load, Outcome, percentile};

/// Less than half of what a listener keeps open, since those of one load may be counted a little longer when those of the
/// next are there already: beyond that it closes some that ask for nothing.
const CONNECTIONS: usize = 1536;
/// Questions in a request of a gateway that gathers what arrives together.
pub const BATCH: usize = 20;
pub const ORGANIZATIONS: usize = 16;
const REVOCATIONS: usize = 20;
const ENVIRONMENTS: [Environment; 3] = [Environment::Production, Environment::Staging, Environment::Development];

fn time() -> Duration {
    Duration::from_secs(by_length(2, 60))
}

/// So many connections, or an eighth of them: a build that is not made to be fast takes ten times as long for each question,
/// and would take longer than a short run for the first ones of so many.
fn connections(many: usize) -> usize {
    by_length(many / 8, many)
}

/// A fleet that is on one core with its stores, while we are on the others.
pub async fn fleet(environments: &[Environment]) -> Fleet {
    let builder = Fleet::builder().environments(environments).setting("redis.timeout_ms", 1_000);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    if cores < 2 {
        return builder.start().await;
    }
    let fleet = builder.prefix(&["taskset", "-c", "0"]).start().await;
    for store in [fleet.redis.process(), fleet.postgres.process()] {
        pin(store.id(), "0");
    }
    pin(std::process::id(), &format!("1-{}", cores - 1));
    fleet
}

/// Leaves a process no other processors than these.
pub fn pin(process: u32, processors: &str) {
    let pinned = Command::new("taskset").args(["-a", "-p", "-c", processors, &process.to_string()]).output().unwrap();
    assert!(pinned.status.success(), "{pinned:?}");
}

/// The secrets of one new key in each of several new organizations.
pub async fn keys_of(place: &Place, organizations: usize) -> Vec<String> {
    let root = place.root(0);
    let mut secrets = Vec::new();
    for number in 0..organizations {
        let slug = format!("tenant-{number}");
        create(&root, "/v1/organizations", &json!({"name": slug, "slug": slug})).await;
        secrets.push(key_of(&root, &slug, "loaded").await.text("/secret").to_owned());
    }
    secrets
}

async fn key_of(root: &Client, organization: &str, name: &str) -> Answer {
    let limits = json!([{"name": "requests", "limit": 1_000_000, "window_ms": 60_000}]);
    let body = json!({"name": name, "permissions": ["keys.verify"], "limits": limits});
    create(root, &format!("/v1/organizations/{organization}/keys"), &body).await
}

async fn create(root: &Client, path: &str, body: &Value) -> Answer {
    let request = root.request(reqwest::Method::POST, path).json(body);
    root.send(request.header("Idempotency-Key", format!("{path} {}", body["name"]))).await.expect(201)
}

fn address(url: &str) -> SocketAddr {
    url.trim_start_matches("http://").parse().unwrap()
}

/// A request of this body for each of the keys.
pub fn requests(place: &Place, path: &str, secrets: &[String], body: impl Fn(&str) -> Value) -> Load {
    let request = |secret: &String| {
        let body = body(secret).to_string();
        let length = body.len();
        let head = format!("POST {path} HTTP/1.1\r\nHost: keys\r\nAuthorization: Bearer {}\r\n", place.token);
        format!("{head}Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}").into_bytes()
    };
    Load {
        address: address(&place.keys_urls[0]),
        requests: secrets.iter().map(request).collect(),
        connections: connections(CONNECTIONS),
        per_second: 0.0,
        time: time(),
    }
}

/// Questions about the keys in turn, each on its own, as an application sends them.
pub fn single(place: &Place, secrets: &[String]) -> Load {
    requests(place, "/v1/keys/verify", secrets, |secret| json!({"key": secret}))
}

/// Asks for health and metrics until it is told to stop.
pub struct Watch(tokio::task::JoinHandle<(f64, u64)>, tokio_util::sync::CancellationToken);

impl Watch {
    pub fn start(url: String) -> Self {
        let stop = tokio_util::sync::CancellationToken::new();
        let until = stop.clone();
        let watch = async move {
            let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(10)).build().unwrap();
            let (mut longest, mut narrowest) = (0.0_f64, u64::MAX);
            while !until.is_cancelled() {
                for path in ["/health/live", "/health/ready", "/metrics"] {
                    let asked = Instant::now();
                    let answer = http.get(format!("{url}{path}")).send().await.unwrap();
                    let (status, text) = (answer.status(), answer.text().await.unwrap());
                    // Where everything is slow, Postgres is as good as gone now and then; what counts is the answer.
                    assert!(status == 200 || !is_long(), "{path}: {text}");
                    narrowest = narrowest.min(bound(&text));
                    longest = longest.max(waited_ms(path, asked));
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            (longest, narrowest)
        };
        Self(tokio::spawn(watch), stop)
    }

    /// The longest wait for health in milliseconds, and how far the bound on requests in progress fell.
    pub async fn end(self) -> (f64, u64) {
        self.1.cancel();
        self.0.await.unwrap()
    }
}

/// How long health took; what metrics take is not promised.
fn waited_ms(path: &str, asked: Instant) -> f64 {
    if path == "/metrics" { 0.0 } else { asked.elapsed().as_secs_f64() * 1_000.0 }
}

/// The bound as `/metrics` tells it; out of the way in any other text.
fn bound(text: &str) -> u64 {
    let told = text.lines().find_map(|line| line.strip_prefix(r#"http_requests_in_progress_bound{queue="requests"} "#));
    told.and_then(|number| number.parse().ok()).unwrap_or(u64::MAX)
}

/// What a process holds in memory, in MiB.
pub fn memory_mib(fleet: &Fleet) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", fleet.keys[0].process().id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1_024
}

pub fn show(what: &str, outcome: &Outcome) {
    println!(
        "P13 {what}: offered {} in {:.1} s, accepted {} ({:.0}/s), p50 {:.0} ms, p99 {:.0} ms, {:.0} ms since it was sent; refused {}, p50 {:.0} ms, p99 {:.0} ms; failed {} {}",
        outcome.offered,
        outcome.time.as_secs_f64(),
        outcome.accepted_ms.len(),
        outcome.goodput(),
        percentile(&outcome.accepted_ms, 0.5),
        outcome.accepted_p99(),
        outcome.sent_p99(),
        outcome.refused_ms.len(),
        percentile(&outcome.refused_ms, 0.5),
        outcome.refused_p99(),
        outcome.failed,
        outcome.example,
    );
}

pub fn record(situation: &str, bound: &str, worst: String, trials: usize) {
    Finding::new("P13", situation, bound, worst, trials as u64).record();
}

pub fn assert_clean(outcome: &Outcome) {
    assert_eq!((outcome.failed, outcome.unavailable), (0, 0), "{}", outcome.example);
    assert!(outcome.unanswered == 0 || !is_long(), "{} were not answered", outcome.unanswered);
    assert_eq!(outcome.without_retry_after, 0, "every refusal says when to come back");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn development_is_given_up_first_and_production_last() {
    let fleet = fleet(&ENVIRONMENTS).await;
    let mut loads = Vec::new();
    for place in &fleet.places {
        loads.push((place, keys_of(place, ORGANIZATIONS / 2).await));
    }
    let capacity = Capacity::find(&single(loads[0].0, &loads[0].1)).await;
    for (place, secrets) in &loads {
        Load { time: Duration::from_secs(1), ..single(place, secrets).at(100.0) }.run().await;
    }
    // On a machine with other work the capacity is a guess, and what is too little is no test.
    let share = by_length(2.0, 0.8);
    let (before, host) = (capacity.now().await, Host::begin());
    let runs = loads.iter().map(|(place, secrets)| Load {
        connections: connections(CONNECTIONS / 2),
        ..single(place, secrets).at(before * share)
    });
    let outcomes = Load::run_all(runs).await;
    let (taken, after) = (host.took_percent(), capacity.now().await);
    println!("P13 capacity: production alone: {before:.0} requests a second before, {after:.0} afterwards");
    for (environment, outcome) in ENVIRONMENTS.iter().zip(&outcomes) {
        show(&format!("three environments at {share} × capacity each, {environment}"), outcome);
        assert_clean(outcome);
    }
    let [production, staging, development] = [0, 1, 2].map(|at| outcomes[at].refused_share());
    let worst = format!("{:.1} % < {:.1} % < {:.1} %", production * 100.0, staging * 100.0, development * 100.0);
    let bound = "refused of production < staging < development";
    record("three environments together at 2.4 × capacity or more", bound, worst, 1);
    assert!(production <= staging && staging <= development, "{production} {staging} {development}");
    assert!(production < development, "something is given up, and not of production");
    // As much less is due as the machine has become slower.
    let kept = outcomes[0].success() * before / before.min(f64::midpoint(before, after));
    let situation = format!("production beside staging and development, each asking for {share} × capacity");
    let worst = format!("{:.0} %; the host took {taken:.0} % of the machine's time", kept * 100.0);
    let is_missed = is_long() && kept <= 0.9;
    Finding::new("P13", &situation, "> 90 % of it is done", worst, outcomes[0].offered).missed(is_missed).record();
    assert!(!is_missed, "{kept}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_organization_that_floods_costs_the_others_nothing() {
    let fleet = fleet(&[Environment::Production]).await;
    let place = fleet.place();
    let secrets = keys_of(place, ORGANIZATIONS).await;
    let capacity = Capacity::find(&single(place, &secrets)).await.most();
    let (greedy, modest) = secrets.split_at(1);
    // Each modest one asks for its share of a tenth of what there is; the greedy one for more than all of it.
    let share = capacity * 0.15;
    // So many that the door is what holds it, and not how many connections it has. What is asked in a short run is worked
    // off in the second behind it, unless it is a multiple of what can be.
    let flood = Load { connections: connections(2560), ..single(place, greedy).at(share * by_length(60.0, 10.0)) };
    let usual = Load { connections: connections(768), ..single(place, modest).at(share) };
    let outcomes = Load::run_all([flood, usual]).await;
    let [flood, usual] = outcomes.try_into().expect("an outcome for each load");
    show("one organization at ten times the share or more", &flood);
    show("the others meanwhile", &usual);
    assert_clean(&flood);
    assert_clean(&usual);
    let lost = (1.0 - usual.success()).max(0.0);
    record(
        "an organization at ten times its share",
        "others lose < 1 %",
        format!("{:.2} %", lost * 100.0),
        usual.offered as usize,
    );
    let done = flood.success();
    // A build that is not made to be fast lets in so few that the others lose some as well, but never in the same measure.
    let is_fair = if is_long() { lost < 0.01 } else { usual.success() > 2.0 * done };
    assert!(is_fair, "{lost} of the others was lost, and {done} of the flood was done");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn keys_are_revoked_while_verification_and_lists_are_flooded() {
    let fleet = fleet(&[Environment::Production]).await;
    let place = fleet.place();
    let root = place.root(0);
    let secrets = keys_of(place, ORGANIZATIONS).await;
    let mut doomed = Vec::new();
    for number in 0..REVOCATIONS {
        let made = key_of(&root, "acme", &format!("doomed {number}")).await;
        doomed.push((made.text("/key/id").to_owned(), made.text("/secret").to_owned()));
    }
    let capacity = Capacity::find(&single(place, &secrets)).await.most();
    let listing = |bearer: &str| {
        let head = "GET /v1/organizations/acme/keys?limit=200 HTTP/1.1\r\nHost: api\r\n";
        format!("{head}Authorization: Bearer {bearer}\r\n\r\n").into_bytes()
    };
    let lists = Load {
        address: address(&place.api_urls[0]),
        requests: vec![listing(&place.organization_key), listing(&place.root_key)],
        // More than may be in progress at once, however quick or slow the machine is.
        connections: 256,
        per_second: 1e6,
        time: time(),
    };
    let watch = Watch::start(fleet.apis[0].management_url());
    // In a short run without rest: what was found a moment ago on a machine with other work may be a twentieth of what there is.
    let flood = Load::run_all([single(place, &secrets).at(by_length(1e6, capacity * 3.0)), lists]);
    let revoking = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let mut waits_ms = Vec::new();
        for (id, secret) in &doomed {
            let asked = Instant::now();
            revoke(&root, id).await;
            waits_ms.push(asked.elapsed().as_secs_f64() * 1_000.0);
            assert_eq!(verdict(place, secret).await, "REVOKED");
        }
        waits_ms
    };
    let (outcomes, mut waits_ms) = futures_util::future::join(flood, revoking).await;
    let [flood, lists] = outcomes.try_into().expect("an outcome for each load");
    let (health_ms, bound) = watch.end().await;
    show("verification flooded", &flood);
    show("lists flooded", &lists);
    waits_ms.sort_by(f64::total_cmp);
    let worst = waits_ms[waits_ms.len() - 1];
    record(
        "revocation while verification and lists are flooded",
        "all let in, ≤ 1 s",
        format!("{worst:.0} ms"),
        waits_ms.len(),
    );
    println!("P13 the API while lists are flooded: health {health_ms:.0} ms, bound down to {bound}");
    assert!(worst < by_length(10_000.0, 1_000.0), "{worst} ms");
    assert!(!lists.refused_ms.is_empty(), "more lists than can be made");
    let not_in_order = (flood.failed, flood.unavailable, flood.without_retry_after);
    assert_eq!(not_in_order, (0, 0, 0), "{}", flood.example);
}

/// Revokes a key. It is never refused for want of room; a store may take too long on a machine with other work.
async fn revoke(root: &Client, id: &str) {
    loop {
        let answer = root.post_empty(&format!("/v1/organizations/acme/keys/{id}/revoke")).await;
        if answer.status.as_u16() == 200 {
            return;
        }
        assert!(!is_long() && answer.code() == "unavailable", "{:#}", answer.body);
    }
}

/// The verdict, as soon as a flooded process gives one.
async fn verdict(place: &Place, secret: &str) -> String {
    loop {
        let answer = place.keys(0).post("/v1/keys/verify", &json!({"key": secret})).await;
        if answer.status.as_u16() == 503 {
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        }
        return answer.expect(200).text("/verdict").to_owned();
    }
}
