//! Overload: more work than can be done, what is refused of it, and what goes on as if nothing were.

mod capacity;
pub mod host;
pub mod pace;

use std::net::SocketAddr;
use std::process::Command;
use std::time::{Duration, Instant};

use domain::environment::Environment;
use serde_json::{Value, json};
use testkit::{Answer, Client, Finding, Fleet, FleetEnvironment};

use self::host::Host;
use load::{Load, Outcome, percentile};

/// Less than half of what a listener keeps open, since those of one load may be counted a little longer when those of the
/// next are there already: beyond that it closes some that ask for nothing.
const CONNECTIONS: usize = 1536;
/// Questions in a request of a gateway that gathers what arrives together.
pub const BATCH: usize = 20;
pub const ORGANIZATIONS: usize = 16;
const REVOCATIONS: usize = 20;
const TIME: Duration = Duration::from_secs(20);
const ENVIRONMENTS: [Environment; 3] = [Environment::Production, Environment::Staging, Environment::Development];

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
pub async fn keys_of(place: &FleetEnvironment, organizations: usize) -> Vec<String> {
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
pub fn requests(place: &FleetEnvironment, path: &str, secrets: &[String], body: impl Fn(&str) -> Value) -> Load {
    let request = |secret: &String| {
        let body = body(secret).to_string();
        let length = body.len();
        let head = format!("POST {path} HTTP/1.1\r\nHost: keys\r\nAuthorization: Bearer {}\r\n", place.token);
        format!("{head}Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}").into_bytes()
    };
    Load {
        address: address(&place.keys_urls[0]),
        requests: secrets.iter().map(request).collect(),
        connections: CONNECTIONS,
        per_second: 0.0,
        time: TIME,
    }
}

/// Questions about the keys in turn, each on its own, as an application sends them.
pub fn single(place: &FleetEnvironment, secrets: &[String]) -> Load {
    requests(place, "/v1/keys/verify", secrets, |secret| json!({"key": secret}))
}

/// Asks for health until it is told to stop.
pub struct HealthPoller(tokio::task::JoinHandle<f64>, tokio_util::sync::CancellationToken);

impl HealthPoller {
    pub fn start(url: String) -> Self {
        let stop = tokio_util::sync::CancellationToken::new();
        let until = stop.clone();
        let poll = async move {
            let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(10)).build().unwrap();
            let mut longest_ms = 0.0_f64;
            while !until.is_cancelled() {
                for path in ["/health/live", "/health/ready"] {
                    let asked = Instant::now();
                    let answer = http.get(format!("{url}{path}")).send().await.unwrap();
                    let (status, text) = (answer.status(), answer.text().await.unwrap());
                    longest_ms = longest_ms.max(asked.elapsed().as_secs_f64() * 1_000.0);
                    assert_eq!(status, 200, "{path}: {text}");
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            longest_ms
        };
        Self(tokio::spawn(poll), stop)
    }

    /// The longest wait in milliseconds.
    pub async fn finish(self) -> f64 {
        self.1.cancel();
        self.0.await.unwrap()
    }
}

/// What a process holds in memory, in MiB.
pub fn memory_mib(fleet: &Fleet) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", fleet.keys[0].process().id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1_024
}

pub fn show(what: &str, outcome: &Outcome) {
    println!(
        "P13 {what}: offered {} in {:.1} s, accepted {} ({:.0}/s), p50 {:.0} ms, p99 {:.0} ms; refused {}, p50 {:.0} ms, p99 {:.0} ms; failed {} {}",
        outcome.offered,
        outcome.time.as_secs_f64(),
        outcome.accepted_ms.len(),
        outcome.goodput(),
        percentile(&outcome.accepted_ms, 0.5),
        outcome.accepted_p99(),
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
    assert_eq!(outcome.unanswered, 0, "not answered");
    assert_eq!(outcome.without_retry_after, 0, "every refusal says when to come back");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn production_is_served_before_staging_and_development() {
    let fleet = fleet(&ENVIRONMENTS).await;
    let mut loads = Vec::new();
    for place in &fleet.places {
        loads.push(single(place, &keys_of(place, ORGANIZATIONS / 2).await));
    }
    let capacity = capacity::find(&loads[0]).await;
    for load in &loads {
        Load { time: Duration::from_secs(1), ..load.at(100.0) }.run().await;
    }
    let host = Host::begin();
    let runs = loads.iter().map(|load| Load { connections: CONNECTIONS / 2, ..load.at(capacity * 0.8) });
    let outcomes = Load::run_all(runs).await;
    let taken = host.took_percent();
    for (environment, outcome) in ENVIRONMENTS.iter().zip(&outcomes) {
        show(&format!("three environments at 0.8 × capacity each, {environment}"), outcome);
        assert_clean(outcome);
    }
    let [production, staging, development] = [0, 1, 2].map(|at| 100.0 * (1.0 - outcomes[at].success()).max(0.0));
    let worst =
        format!("{production:.1} % of production, {staging:.1} % of staging, {development:.1} % of development");
    let is_kept = production < staging && production < development;
    let bound = "production loses least";
    Finding::new("P13", "three environments together at 2.4 × capacity", bound, worst, 1).missed(!is_kept).record();
    let situation = "production beside staging and development, each asking for 0.8 × capacity";
    let worst = format!("{:.0} % done; the host took {taken:.0} % of the machine", 100.0 - production);
    Finding::new("P13", situation, "aim: > 90 % of it is done", worst, outcomes[0].offered).record();
    assert!(is_kept, "{production} {staging} {development}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_organization_that_floods_costs_others_under_one_percent() {
    let fleet = fleet(&[Environment::Production]).await;
    let place = fleet.place();
    let secrets = keys_of(place, ORGANIZATIONS).await;
    let capacity = capacity::find(&single(place, &secrets)).await;
    let (greedy, modest) = secrets.split_at(1);
    // Each modest one asks for its share of a tenth of what there is; the greedy one for more than all of it.
    let share = capacity * 0.15;
    // So many that admission is what holds it, and not how many connections it has.
    let flood = Load { connections: 2560, ..single(place, greedy).at(share * 10.0) };
    let usual = Load { connections: 768, ..single(place, modest).at(share) };
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
    assert!(lost < 0.01, "{lost} of the others was lost, and {} of the flood was done", flood.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn keys_are_revoked_within_a_second_during_floods() {
    let fleet = fleet(&[Environment::Production]).await;
    let place = fleet.place();
    let root = place.root(0);
    let secrets = keys_of(place, ORGANIZATIONS).await;
    let mut doomed = Vec::new();
    for number in 0..REVOCATIONS {
        let made = key_of(&root, "acme", &format!("doomed {number}")).await;
        doomed.push((made.text("/key/id").to_owned(), made.text("/secret").to_owned()));
    }
    let capacity = capacity::find(&single(place, &secrets)).await;
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
        time: TIME,
    };
    let health = HealthPoller::start(fleet.apis[0].management_url());
    let flood = Load::run_all([single(place, &secrets).at(capacity * 3.0), lists]);
    let revoking = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let mut waits_ms = Vec::new();
        for (id, secret) in &doomed {
            let asked = Instant::now();
            root.post_empty(&format!("/v1/organizations/acme/keys/{id}/revoke")).await.expect(200);
            waits_ms.push(asked.elapsed().as_secs_f64() * 1_000.0);
            assert_eq!(verdict(place, secret).await, "REVOKED");
        }
        waits_ms
    };
    let (outcomes, mut waits_ms) = futures_util::future::join(flood, revoking).await;
    let [flood, lists] = outcomes.try_into().expect("an outcome for each load");
    let health_ms = health.finish().await;
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
    println!("P13 the API while lists are flooded: health {health_ms:.0} ms");
    assert!(worst < 1_000.0, "{worst} ms");
    assert!(!lists.refused_ms.is_empty(), "more lists than can be made");
    let not_in_order = (flood.failed, flood.unavailable, flood.without_retry_after);
    assert_eq!(not_in_order, (0, 0, 0), "{}", flood.example);
}

/// The verdict, as soon as a flooded process gives one.
async fn verdict(place: &FleetEnvironment, secret: &str) -> String {
    loop {
        let answer = place.keys(0).post("/v1/keys/verify", &json!({"key": secret})).await;
        if answer.status.as_u16() == 503 {
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        }
        return answer.expect(200).text("/verdict").to_owned();
    }
}
