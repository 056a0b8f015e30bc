//! P6: limits are exact while Redis is there, bounded while it is not, and nobody waits longer than he is told.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};
use testkit::{Asked, Client, Finding, Fleet, about};
use tokio::task::{JoinHandle, JoinSet};

use crate::revocation::victims::{RevocationFixture, metric};

const REPLICAS: usize = 3;
const SEED: u64 = 6;

/// What waits between one question and the next.
type Gaps = Box<dyn FnMut() -> Duration + Send>;

/// Questions about one key to all replicas in turn, begun on time whether or not the earlier ones are answered.
struct Pressure {
    is_over: Arc<AtomicBool>,
    asking: JoinHandle<Vec<Asked>>,
}

impl Pressure {
    fn start(replicas: &[Client], secret: &str, mut gaps: Gaps) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let (replicas, question, ends) = (replicas.to_vec(), about(secret), Arc::clone(&is_over));
        let asking = tokio::spawn(async move {
            let (mut due, mut asked) = (Instant::now(), JoinSet::new());
            for replica in replicas.iter().cycle() {
                if ends.load(Ordering::Relaxed) {
                    break;
                }
                let (replica, question) = (replica.clone(), question.clone());
                asked.spawn(async move { Asked::ask(&replica, &question).await });
                due += gaps();
                tokio::time::sleep_until(due.into()).await;
            }
            asked.join_all().await
        });
        Self { is_over, asking }
    }

    /// Every accepted question, in the order in which they began.
    async fn finish(self) -> Vec<Asked> {
        self.is_over.store(true, Ordering::Relaxed);
        let mut accepted: Vec<Asked> = self.asking.await.unwrap().into_iter().filter(Asked::is_accepted).collect();
        accepted.sort_by_key(|asked| asked.began);
        accepted
    }
}

/// The most that were accepted within `window`, counting only what surely was: a question is answered somewhere between
/// its beginning and its end, so those count whose both ends lie in the window.
fn most_in_any_window(accepted: &[Asked], window: Duration) -> usize {
    let from = |first: usize| {
        let until = accepted[first].began + window;
        let begun = accepted[first..].iter().take_while(|asked| asked.began < until);
        begun.filter(|asked| asked.ended < until).count()
    };
    (0..accepted.len()).map(from).max().unwrap_or(0)
}

fn steady(limit: u64, window: Duration, load: f64) -> Gaps {
    let gap = window.div_f64(limit as f64 * load);
    Box::new(move || gap)
}

fn random(limit: u64, window: Duration, load: f64, seed: u64) -> Gaps {
    let (gap, mut rng) = (window.div_f64(limit as f64 * load), StdRng::seed_from_u64(seed));
    Box::new(move || gap.mul_f64(-(1.0 - rng.random::<f64>()).ln()))
}

/// One and a half limits at once, twice in each window.
fn bursts(limit: u64, window: Duration) -> Gaps {
    let (size, mut sent) = (limit * 3 / 2, 0);
    Box::new(move || {
        sent += 1;
        if sent % size == 0 { window / 2 } else { Duration::ZERO }
    })
}

/// A key of `acme` with this limit.
async fn limited(stage: &RevocationFixture, limit: u64, window: Duration) -> String {
    let limits = json!([{"name": "requests", "limit": limit, "window_ms": window.as_millis() as u64}]);
    stage.victims(1, &json!({"limits": limits})).await.remove(0).secret
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_window_accepts_at_most_the_limit_and_hardly_less() {
    const LIMIT: u64 = 100;
    println!("seed {SEED}");
    // A second to answer, so that a busy machine does not pass for a lost Redis.
    let stage = RevocationFixture::start(Fleet::builder().replicas(REPLICAS).setting("redis.timeout_ms", 1_000)).await;
    let (window, windows) = (Duration::from_secs(10), 20);
    let schedules = [
        steady(LIMIT, window, 3.0),
        random(LIMIT, window, 3.0, SEED),
        bursts(LIMIT, window),
        steady(LIMIT, window, 1.1),
    ];
    let mut pressures = Vec::new();
    for gaps in schedules {
        let secret = limited(&stage, LIMIT, window).await;
        pressures.push(Pressure::start(&stage.replicas, &secret, gaps));
    }
    tokio::time::sleep(window * windows + window / 2).await;
    let accepted = join_all(pressures.into_iter().map(Pressure::finish)).await;
    let most = accepted.iter().map(|accepted| most_in_any_window(accepted, window)).max().unwrap();
    assert!(most as u64 <= LIMIT, "{most} in one window");
    // From one accepted question to the one that takes the same place some rounds later.
    let limit = usize::try_from(LIMIT).unwrap();
    let rounds = (accepted[0].len() - 1) / limit;
    assert!(rounds >= 2, "{} accepted", accepted[0].len());
    let took = accepted[0][rounds * limit].began - accepted[0][0].began;
    let used = window.as_secs_f64() * rounds as f64 / took.as_secs_f64();
    assert!(used >= 31.0 / 33.0, "{used} of the limit");
    let trials = u64::from(windows) * accepted.len() as u64;
    let situation = format!("3 replicas, {LIMIT} per {} s, four schedules of up to 3 times as much", window.as_secs());
    Finding::new("P6", &situation, "0 above the limit in any window", format!("{most} of {LIMIT}"), trials).record();
    let situation = "3 replicas, 3 times as much as the limit admits: how much of it is used";
    Finding::new("P6", situation, "≥ 93.9 %", format!("{:.1} %", used * 100.0), u64::from(windows)).record();
}

/// What happens to Redis once in a trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Blow {
    /// Killed, and back only after more than a window.
    Lost,
    /// Killed, and back empty within the window.
    Restarted,
    /// Frozen for a part of the window.
    Frozen,
    /// Frozen and woken several times in the window.
    Flapping,
    /// Emptied while it runs.
    Emptied,
}

impl Blow {
    const ALL: [Self; 5] = [Self::Restarted, Self::Frozen, Self::Emptied, Self::Lost, Self::Flapping];

    const fn words(self) -> &'static str {
        match self {
            Self::Lost => "Redis killed, away for longer than the window",
            Self::Restarted => "Redis killed and back empty within the window",
            Self::Frozen => "Redis frozen for a part of the window",
            Self::Flapping => "Redis frozen and woken five times in a window",
            Self::Emptied => "Redis emptied while it runs",
        }
    }

    /// How many limits may be spent in the window, with one more for each replica.
    const fn limits(self) -> u64 {
        match self {
            Self::Lost | Self::Frozen | Self::Flapping | Self::Emptied => 2,
            Self::Restarted => 3,
        }
    }

    async fn strike(self, fleet: &mut Fleet, window: Duration, part: f64) {
        match self {
            Self::Lost | Self::Restarted => {
                fleet.redis.kill();
                let away = if self == Self::Lost { window.mul_f64(1.1 + part) } else { window.mul_f64(part * 0.6) };
                tokio::time::sleep(away).await;
                fleet.redis.restart().await.unwrap();
            }
            Self::Frozen => {
                fleet.redis.pause();
                tokio::time::sleep(window.mul_f64(0.2 + part * 0.6)).await;
                fleet.redis.resume();
            }
            Self::Flapping => {
                for _ in 0..5 {
                    fleet.redis.pause();
                    tokio::time::sleep(window.mul_f64(0.1)).await;
                    fleet.redis.resume();
                    tokio::time::sleep(window.mul_f64(0.1 * part)).await;
                }
            }
            Self::Emptied => drop(fleet.redis.server().command(&["FLUSHALL"]).await.unwrap()),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_happens_to_redis_limits_keep_their_bound() {
    const LIMIT: u64 = 20;
    println!("seed {SEED}");
    let mut rng = StdRng::seed_from_u64(SEED);
    // More than usual to answer, so that a busy machine does not pass for a lost Redis once all is over.
    let mut stage =
        RevocationFixture::start(Fleet::builder().replicas(REPLICAS).setting("redis.timeout_ms", 300)).await;
    let (window, runs, keys) = (Duration::from_secs(2), 20, 10);
    let (mut most_of, mut calm_runs) = (Blow::ALL.map(|blow| (blow, 0, 0)), 0);
    for run in 0..runs {
        let (blow, most_seen, trials) = &mut most_of[run % Blow::ALL.len()];
        let mut pressures = Vec::new();
        for _ in 0..keys {
            let secret = limited(&stage, LIMIT, window).await;
            pressures.push(Pressure::start(&stage.replicas, &secret, random(LIMIT, window, 3.0, rng.random())));
        }
        tokio::time::sleep(window.mul_f64(1.0 + rng.random::<f64>())).await;
        blow.strike(&mut stage.fleet, window, rng.random()).await;
        stage.await_counting_together().await;
        // What was spent while Redis was away has left every window by then.
        tokio::time::sleep(window.mul_f64(1.1)).await;
        let (settled, alone) = (Instant::now(), counted_alone_so_far(&stage).await);
        tokio::time::sleep(window.mul_f64(2.1)).await;
        let bound = blow.limits() * LIMIT + REPLICAS as u64;
        let accepted = join_all(pressures.into_iter().map(Pressure::finish)).await;
        // A machine so busy that Redis seemed to be away once more has nothing to say about what is exact.
        let is_calm = (counted_alone_so_far(&stage).await - alone).abs() < 0.5;
        calm_runs += usize::from(is_calm);
        for accepted in accepted {
            let most = most_in_any_window(&accepted, window) as u64;
            assert!(most <= bound, "{blow:?}: {most} in one window, and {bound} are promised");
            (*most_seen, *trials) = ((*most_seen).max(most), *trials + 1);
            let after: Vec<Asked> = accepted.into_iter().filter(|asked| asked.began > settled).collect();
            let after = most_in_any_window(&after, window) as u64;
            assert!(!is_calm || after <= LIMIT, "{blow:?}: {after} in one window after it was over");
            assert!(after > LIMIT / 2, "{blow:?}: {after} in one window after it was over");
        }
    }
    assert!(calm_runs >= runs / 2, "only {calm_runs} of {runs} runs ended calmly");
    for (blow, most, trials) in most_of.into_iter().filter(|(_, _, trials)| *trials > 0) {
        let bound = format!("≤ {} × limit + replicas: {} in any window", blow.limits(), blow.limits() * LIMIT + 3);
        let situation = format!("{}; 3 replicas, {LIMIT} per {} s", blow.words(), window.as_secs());
        Finding::new("P6", &situation, &bound, most.to_string(), trials).record();
    }
}

/// Asks so many times in all, spread over the replicas; the answers.
async fn rush(replicas: &[Client], secret: &str, count: usize) -> Vec<Value> {
    let question = about(secret);
    let callers = (0..8).map(async |caller| {
        let mut answers = Vec::new();
        for turn in (caller..count).step_by(8) {
            let answer = replicas[turn % replicas.len()].post("/v1/keys/verify", &question).await.expect(200);
            answers.push(answer.body);
        }
        answers
    });
    join_all(callers).await.concat()
}

fn accepted(answers: &[Value]) -> u64 {
    answers.iter().filter(|answer| answer["verdict"] == "VALID").count() as u64
}

/// How many decisions the replicas say that they have made alone.
async fn counted_alone_so_far(stage: &RevocationFixture) -> f64 {
    let each = stage.fleet.keys.iter().map(|member| metric(member, "claviger_local_limits_total"));
    join_all(each).await.iter().sum()
}

fn counted_alone(answers: &[Value]) -> u64 {
    answers.iter().filter(|answer| answer["limits"][0]["enforced"] == "local").count() as u64
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_redis_or_with_a_full_one_nothing_is_unlimited() {
    const LIMIT: u64 = 100;
    const SHARES: u64 = LIMIT.div_ceil(REPLICAS as u64) * REPLICAS as u64;
    const MINUTE: Duration = Duration::from_secs(60);
    let stage = RevocationFixture::start(Fleet::builder().replicas(REPLICAS)).await;
    let count = 3_000;
    let (first, second) = (limited(&stage, LIMIT, MINUTE).await, limited(&stage, LIMIT, MINUTE).await);
    let victim = stage.victims(1, &json!({})).await.remove(0);

    // Full: Redis reads and does not write.
    let redis = stage.fleet.redis.server();
    assert_eq!(redis.command(&["CONFIG", "GET", "maxmemory-policy"]).await.unwrap()[1], "noeviction");
    assert_eq!(accepted(&rush(&stage.replicas, &first, 50).await), 50);
    redis.command(&["CONFIG", "SET", "maxmemory", "1048576"]).await.unwrap();
    let full = accepted(&rush(&stage.replicas, &first, count).await);
    assert!(full >= SHARES / 2 && full + 50 <= 2 * LIMIT + REPLICAS as u64, "{full} with a full Redis");
    redis.command(&["CONFIG", "SET", "maxmemory", "0"]).await.unwrap();
    stage.await_counting_together().await;
    let bound = format!("≤ 2 × limit + replicas: {}", 2 * LIMIT + REPLICAS as u64);
    Finding::new("P6", "Redis full, noeviction", &bound, (full + 50).to_string(), 1).record();

    assert_eq!(accepted(&rush(&stage.replicas, &second, 60).await), 60);
    stage.fleet.redis.kill();
    let before = counted_alone_so_far(&stage).await;
    let answers = rush(&stage.replicas, &second, count).await;
    let after = counted_alone_so_far(&stage).await;
    assert_eq!(counted_alone(&answers), count as u64, "every answer says who counts");
    assert!((after - before - count as f64).abs() < 0.5, "{before} and {after}, with {count} in between");
    let gone = accepted(&answers);
    assert_eq!(gone, SHARES, "each replica its share, and not one more");
    assert!(gone + 60 <= 2 * LIMIT + REPLICAS as u64);
    Finding::new("P6", "Redis gone: decisions that are counted and told", "all", "all", count as u64).record();

    let root = stage.fleet.place().root(0);
    let refused = [
        stage.api.post(&stage.path("keys"), &json!({"name": "not now"})).await,
        stage.api.post_empty(&format!("{}/regenerate", victim.path)).await,
        root.get("/v1/organizations").await,
        root.post_empty("/v1/organizations/acme/suspend").await,
    ];
    for answer in refused {
        let wait: u64 = answer.expect(503).header("Retry-After").parse().unwrap();
        assert!(wait > 0);
    }
    stage.api.get(&victim.path).await.expect(200);
    stage.revocation(&victim).await;
}

/// Spends what is left of a key's limit; how long to wait then.
async fn spend_all(replica: &Client, secret: &str) -> Duration {
    loop {
        let answer = replica.post("/v1/keys/verify", &about(secret)).await.expect(200);
        if answer.text("/verdict") == "RATE_LIMITED" {
            return Duration::from_millis(answer.body["retry_after_ms"].as_u64().unwrap());
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_as_long_as_he_is_told_is_admitted() {
    const WINDOW: Duration = Duration::from_secs(1);
    let stage = RevocationFixture::start(Fleet::builder().replicas(REPLICAS).setting("redis.timeout_ms", 1_000)).await;
    let (callers, rounds) = (10, 60);
    let limits = json!([{"name": "requests", "limit": 3, "window_ms": WINDOW.as_millis() as u64}]);
    let victims = stage.victims(callers, &json!({"limits": limits})).await;
    let asking = victims.iter().map(async |victim| {
        let mut admitted = 0;
        for round in 0..rounds {
            let replica = &stage.replicas[round % REPLICAS];
            let wait = spend_all(replica, &victim.secret).await;
            assert!(
                wait > Duration::ZERO && wait <= WINDOW.mul_f64(33.0 / 32.0) + Duration::from_millis(1),
                "{wait:?}"
            );
            tokio::time::sleep(wait).await;
            let answer = replica.post("/v1/keys/verify", &about(&victim.secret)).await.expect(200);
            admitted += usize::from(answer.text("/verdict") == "VALID");
        }
        admitted
    });
    let admitted: usize = join_all(asking).await.into_iter().sum();
    let trials = callers * rounds;
    assert!(admitted * 100 >= trials * 99, "{admitted} of {trials}");
    let seen = format!("{:.1} %", 100.0 * admitted as f64 / trials as f64);
    Finding::new("P6", "asked again after `retry_after_ms`", "≥ 99 % are admitted", seen, trials as u64).record();

    let callers = victims.iter().map(async |victim| {
        let caller = stage.api.with(&victim.secret);
        let refused = loop {
            let answer = caller.get("/v1/whoami").await;
            if answer.status == 429 {
                break answer;
            }
            answer.expect(200);
        };
        let wait: u64 = refused.header("Retry-After").parse().unwrap();
        let told = refused.header("RateLimit").to_owned();
        let until: u64 = told.split(";t=").nth(1).and_then(|rest| rest.split([';', ',']).next()?.parse().ok()).unwrap();
        assert!(wait >= until, "{wait} s to wait, {told}");
        tokio::time::sleep(Duration::from_secs(wait)).await;
        usize::from(caller.get("/v1/whoami").await.status == 200)
    });
    let admitted: usize = join_all(callers).await.into_iter().sum();
    assert_eq!(admitted, victims.len());
    let seen = format!("{admitted} of {}", victims.len());
    Finding::new("P6", "asked the API again after `Retry-After`", "≥ 99 %", seen, victims.len() as u64).record();
}
