//! Keys that are about to lose power, how they lose it, and what is seen of them then.

use std::time::{Duration, Instant};

use domain::ids::KeyId;
use futures_util::future::{BoxFuture, join_all};
use futures_util::{FutureExt, StreamExt, stream};
use http::Method;
use reqwest::RequestBuilder;
use serde_json::{Value, json};
use testkit::{Answer, Client, Finding, Fleet, FleetBuilder, Member, VerifyPoller, about, await_that, last_accepted};

/// How many keys are made, or looked at, at the same time.
const AT_ONCE: usize = 8;
/// A request that finds a store gone is repeated this often before the test gives up.
const TRIES_MAX: usize = 40;
/// Milliseconds before (below zero) and after the answer.
const EDGES_AT_ONCE: [f64; 5] = [-100.0, -30.0, -10.0, -3.0, 0.0];
const EDGES_LATER: [f64; 8] = [0.0, 500.0, 1_000.0, 2_000.0, 3_000.0, 4_000.0, 4_500.0, 5_000.0];

/// A key of `acme`.
#[derive(Debug, Clone)]
pub struct Victim {
    pub id: KeyId,
    pub path: String,
    pub secret: String,
    pub etag: String,
}

/// The moment at which the API had said that power is gone, and within how many milliseconds it said that this holds.
#[derive(Debug, Clone, Copy)]
pub struct Answered {
    pub at: Instant,
    pub effective_within_ms: u64,
}

/// Something that takes power away.
pub type Act = BoxFuture<'static, Answered>;

/// A fleet with clients that are made once.
pub struct RevocationFixture {
    pub fleet: Fleet,
    pub api: Client,
    pub replicas: Vec<Client>,
}

/// Keys that all replicas know and are asked about.
pub struct Batch {
    /// Each watch with the verdict that it has to end in.
    watches: Vec<(VerifyPoller, &'static str)>,
}

impl RevocationFixture {
    pub async fn start(builder: FleetBuilder) -> Self {
        let fleet = builder.start().await;
        let place = fleet.place();
        let (api, replicas) = (place.api(0), (0..place.keys_urls.len()).map(|replica| place.keys(replica)).collect());
        Self { fleet, api, replicas }
    }

    /// A path below `acme`.
    pub fn path(&self, rest: &str) -> String {
        format!("/v1/organizations/{}/{rest}", self.fleet.place().acme)
    }

    /// Keys of `acme` with this policy, and limits that are in nobody's way.
    pub async fn victims(&self, count: usize, policy: &Value) -> Vec<Victim> {
        let make = |number: usize| async move {
            let name = format!("victim {number} at {:?}", Instant::now());
            let mut body =
                json!({"name": name, "limits": [{"name": "requests", "limit": 1_000_000, "window_ms": 60_000}]});
            body.as_object_mut().unwrap().extend(policy.as_object().unwrap().clone());
            let made = insist(&self.api, Method::POST, &self.path("keys"), Some(&body), 201).await;
            let id = made.text("/key/id");
            Victim {
                id: id.parse().unwrap(),
                path: self.path(&format!("keys/{id}")),
                secret: made.text("/secret").to_owned(),
                etag: made.header("ETag").to_owned(),
            }
        };
        stream::iter(0..count).map(make).buffered(AT_ONCE).collect().await
    }

    /// Revokes a key; on a machine that is too busy for the moment, again.
    pub fn revocation(&self, victim: &Victim) -> Act {
        let (api, path) = (self.api.clone(), format!("{}/revoke", victim.path));
        let body = json!({"reason": "compromised"});
        async move { Answered::of(&insist(&api, Method::POST, &path, Some(&body), 200).await) }.boxed()
    }

    /// Revokes each.
    pub fn revocations(&self, victims: &[Victim]) -> Vec<Act> {
        victims.iter().map(|victim| self.revocation(victim)).collect()
    }

    /// Has every replica asked until each of them knows each key.
    pub async fn watch(&self, questions: &[(Value, &'static str)], pause: Duration) -> Batch {
        let watch = |(question, verdict): &(Value, &'static str)| {
            (VerifyPoller::start(&self.replicas, question, pause), *verdict)
        };
        let watches: Vec<(VerifyPoller, &'static str)> = questions.iter().map(watch).collect();
        for (watch, _) in &watches {
            watch.await_accepted().await;
        }
        Batch { watches }
    }

    /// Has every replica asked about keys that are to be revoked.
    pub async fn watch_victims(&self, victims: &[Victim], pause: Duration) -> Batch {
        let questions: Vec<(Value, &'static str)> =
            victims.iter().map(|victim| (about(&victim.secret), "REVOKED")).collect();
        self.watch(&questions, pause).await
    }

    /// Fails unless every replica says this of every key, once it says anything.
    pub async fn assert_everywhere(&self, victims: &[Victim], verdict: &str) {
        let ask = |(replica, victim): (&Client, &Victim)| {
            let (replica, question) = (replica.clone(), about(&victim.secret));
            async move {
                let answer = insist(&replica, Method::POST, "/v1/keys/verify", Some(&question), 200).await;
                answer.text("/verdict").to_owned()
            }
        };
        let pairs = self.replicas.iter().flat_map(|replica| victims.iter().map(move |victim| (replica, victim)));
        let said: Vec<String> = stream::iter(pairs).map(ask).buffer_unordered(AT_ONCE).collect().await;
        let others: Vec<&String> = said.iter().filter(|said| *said != verdict).collect();
        assert!(others.is_empty(), "{others:?} instead of {verdict}");
    }

    /// Waits until every replica counts limits in Redis again.
    pub async fn await_counting_together(&self) {
        await_counting_together(&self.replicas, &self.fleet.place().organization_key).await;
    }

    /// Revokes so many keys, `at_once` of them at the same time, while every replica is asked about those at hand every few
    /// milliseconds. Tells for each how many milliseconds after the answer the last accepted question began; below zero:
    /// before it.
    pub async fn one_by_one(
        &self,
        (count, at_once): (usize, usize),
        revoke: impl AsyncFn(&Victim) -> Instant,
    ) -> Vec<f64> {
        const BATCH: usize = 50;
        let mut late = Vec::new();
        while late.len() < count {
            let victims = self.victims(BATCH.min(count - late.len()), &json!({})).await;
            let one = async |victim: &Victim| {
                let batch = self.watch_victims(std::slice::from_ref(victim), Duration::from_millis(5)).await;
                let answered = revoke(victim).await;
                batch.await_refused(answered).await;
                latest(&batch.finish(&[answered]).await)[0]
            };
            late.extend(stream::iter(&victims).map(one).buffer_unordered(at_once).collect::<Vec<f64>>().await);
            // And so it stays.
            self.assert_everywhere(&victims, "REVOKED").await;
        }
        late
    }
}

impl Batch {
    /// Begins the acts one after another, evenly over `spread`, and waits until all are answered.
    pub async fn carry_out(&self, acts: Vec<Act>, spread: Duration) -> Vec<Answered> {
        let (began, count) = (Instant::now(), u32::try_from(acts.len().max(1)).unwrap());
        let acts = acts.into_iter().zip(0..).map(|(act, at)| {
            tokio::spawn(async move {
                tokio::time::sleep_until((began + spread * at / count).into()).await;
                act.await
            })
        });
        join_all(acts).await.into_iter().map(Result::unwrap).collect()
    }

    /// Waits until every replica's last word about every key is the verdict that is due, said to a question that began
    /// after `instant`.
    pub async fn await_refused(&self, instant: Instant) {
        for (watch, verdict) in &self.watches {
            watch.await_verdict(verdict).await;
            watch.await_asked_after(instant, 3).await;
        }
    }

    /// Stops, and tells for each key and each replica how many milliseconds after the answer the last accepted question
    /// began.
    pub async fn finish(self, answered: &[Instant]) -> Vec<Vec<f64>> {
        let each = self.watches.into_iter().zip(answered).map(|((watch, _), answered)| async move {
            let replicas = watch.finish_each().await;
            replicas.iter().map(|asked| last_accepted(asked, *answered) * 1e3).collect()
        });
        join_all(each).await
    }
}

impl Answered {
    /// Now, and what the receipt says; an answer without one promises that it holds at once.
    pub fn of(answer: &Answer) -> Self {
        let effective_within_ms = answer.body["receipt"]["effective_within_ms"].as_u64().unwrap_or(0);
        Self { at: Instant::now(), effective_within_ms }
    }
}

/// Repeats a request until it has the wanted status; a store that went away makes some of them fail.
pub async fn insist(client: &Client, method: Method, path: &str, body: Option<&Value>, status: u16) -> Answer {
    let request = || {
        let request = client.request(method.clone(), path);
        body.into_iter().fold(request, |request, body| request.json(body))
    };
    insist_on(client, request, status).await
}

/// The same with any request.
pub async fn insist_on(client: &Client, request: impl Fn() -> RequestBuilder, status: u16) -> Answer {
    let mut last = String::new();
    for _ in 0..TRIES_MAX {
        match client.try_send(request()).await {
            Ok(answer) if answer.status.as_u16() == status => return answer,
            Ok(answer) if answer.status.as_u16() >= 500 => last = answer.body.to_string(),
            Ok(answer) => panic!("{} {}: {:?}", answer.status, answer.body, request()),
            Err(error) => last = error.to_string(),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("it still fails: {last}: {:?}", request())
}

/// Waits until every replica counts limits in Redis; `secret` is of a key with a limit that nobody spends.
pub async fn await_counting_together(replicas: &[Client], secret: &str) {
    let look = json!({"key": secret, "explain": true});
    let is_global = async || {
        let answers = join_all(replicas.iter().map(|replica| replica.post("/v1/keys/verify", &look))).await;
        answers.iter().all(|answer| answer.body["limits"][0]["enforced"] == "global")
    };
    await_that("all replicas count together again", Duration::from_secs(10), is_global).await;
}

/// What a process tells of itself under this name in the one environment.
pub async fn metric(member: &Member, name: &str) -> f64 {
    let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(5)).build().unwrap();
    let page = http.get(format!("{}/metrics", member.management_url())).send().await.unwrap().text().await.unwrap();
    let start = format!("{name}{{");
    let line = page.lines().find(|line| line.starts_with(&start)).unwrap_or_else(|| panic!("no {name} in {page}"));
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

/// The last of each key, over all replicas.
pub fn latest(late: &[Vec<f64>]) -> Vec<f64> {
    late.iter().map(|each| each.iter().copied().fold(f64::MIN, f64::max)).collect()
}

/// Fails when a question that began more than `bound_ms` after the answer was accepted, and keeps what was seen.
pub fn judge(situation: &str, late_ms: &[f64], bound_ms: u32) {
    let worst = late_ms.iter().copied().fold(f64::MIN, f64::max);
    println!("{situation}: {} trials, the last accepted question began {worst:.1} ms after the answer", late_ms.len());
    let is_kept = worst <= f64::from(bound_ms);
    let seen = if worst <= 0.0 {
        format!("none; the last began {:.1} ms before", -worst)
    } else {
        format!("{worst:.0} ms after")
    };
    let bound = match bound_ms {
        0 => "no accepted question begins after the answer".to_owned(),
        _ => format!("none begins more than {} s after the answer", bound_ms / 1_000),
    };
    let edges: &[f64] = if bound_ms == 0 { &EDGES_AT_ONCE } else { &EDGES_LATER };
    let finding = Finding::new("P1", situation, &bound, seen, late_ms.len() as u64).histogram(late_ms, edges);
    finding.missed(!is_kept).record();
    assert!(is_kept, "{situation}: accepted {worst} ms after the answer");
}
