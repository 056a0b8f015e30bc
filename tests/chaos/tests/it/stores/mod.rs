//! Stores: verification while Redis, Postgres or both are killed, frozen, cut off, slow or unsteady, and after they came back.

mod control;
mod outage;
mod recovery;
mod request_log;
mod rolling;
mod topologies;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::json;
use testkit::{Fault, Finding, Fleet, Member, Samples, await_that};
use tokio::task::block_in_place;

use self::control::{Both, ControlledTrial, RunningLoads};
use crate::overload::host::Host;
use crate::support::{KeySet, make_key};

const GOODS: usize = 8;
/// How much of the capacity is used; the control has as much beside it.
const PART: f64 = 0.4;
const RATE_MAX: f64 = 1_000.0;
const PATIENCE: Duration = Duration::from_secs(20);
const FLAP: Duration = Duration::from_secs(1);
/// How soon all has to be as before.
const RECOVERY_MAX: Duration = Duration::from_secs(5);
/// How much of a replica's processor time in peace a question may cost: what is burnt is missing to the control as well, and
/// must not pass for the machine's doing.
const COST_MAX: f64 = 2.0;
/// Milliseconds.
const EDGES: [f64; 7] = [1.0, 2.0, 5.0, 20.0, 50.0, 100.0, 500.0];

/// What happens to a store.
#[derive(Debug, Clone)]
enum Harm {
    None,
    Killed,
    Frozen,
    Network(Fault),
    /// Away and back, a second each.
    Flapping,
}

/// What is promised of the time that a situation adds.
#[derive(Debug, Clone, Copy)]
struct Added {
    words: &'static str,
    limit_ms: f64,
    /// What comes in so many milliseconds, until the store counts as away, may take as many instead (decision 0023).
    at_first_ms: f64,
}

struct Situation {
    name: &'static str,
    redis: Harm,
    postgres: Harm,
    added: Added,
}

/// One situation and what came of it.
struct Seen {
    situation: Situation,
    fault: usize,
    recovery: usize,
    /// From when the stores were back to when every question was answered as before.
    recovered: Duration,
    /// The replica's processor time for each second of harm, in those of peace.
    cost: f64,
    /// What the host took of the machine's processor time while there was harm, of a hundred.
    taken: f64,
}

const REFUSED: Added = Added { words: "≤ 5 ms later", limit_ms: 5.0, at_first_ms: 0.0 };
const SILENT: Added =
    Added {
        words: "≤ 50 ms later if it comes within the first 50 ms, then ≤ 5 ms", limit_ms: 5.0, at_first_ms: 50.0
    };
const READ: Added = Added { words: "≤ 100 ms later", limit_ms: 100.0, at_first_ms: 0.0 };
/// So much more of the requests may be late than of the control's.
const NOISE: f64 = 0.01;
/// The same of those that are later than what comes at first may be: less than comes at first.
const NOISE_AT_FIRST: f64 = 0.001;

fn redis(name: &'static str, harm: Harm, added: Added) -> Situation {
    Situation { name, redis: harm, postgres: Harm::None, added }
}

fn postgres(name: &'static str, harm: Harm) -> Situation {
    Situation { name, redis: Harm::None, postgres: harm, added: READ }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_in_use_go_on_whatever_becomes_of_redis() {
    let slow = Fault::Late { delay: Duration::from_millis(100), jitter: Duration::from_millis(5) };
    run(vec![
        redis("Redis killed", Harm::Killed, REFUSED),
        redis("Redis frozen", Harm::Frozen, SILENT),
        redis("Redis black-holed", Harm::Network(Fault::Lost), SILENT),
        redis("Redis hears, its answers are lost", Harm::Network(Fault::AnswersLost), SILENT),
        redis("Redis 200 ms late", Harm::Network(slow), SILENT),
        redis("Redis resets every connection", Harm::Network(Fault::Reset), REFUSED),
        redis("Redis flaps, a second away and a second back", Harm::Flapping, REFUSED),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_in_use_go_on_whatever_becomes_of_postgres() {
    let both = |name, redis, postgres| Situation { name, redis, postgres, added: READ };
    run(vec![
        postgres("Postgres killed", Harm::Killed),
        postgres("Postgres frozen", Harm::Frozen),
        postgres("Postgres black-holed", Harm::Network(Fault::Lost)),
        postgres("Postgres flaps, a second away and a second back", Harm::Flapping),
        both("both killed", Harm::Killed, Harm::Killed),
        both("both frozen", Harm::Frozen, Harm::Frozen),
    ])
    .await;
}

async fn run(situations: Vec<Situation>) {
    let mut trial = ControlledTrial::start(GOODS).await;
    let capacity = trial.key_set.load(trial.faulted.place()).capacity(16, Duration::from_secs(5)).await;
    let rate = (capacity * PART).min(RATE_MAX);
    println!("{capacity:.0} verifications a second are possible, {rate:.0} are asked, and as many of the control");
    let loads = trial.load(rate);
    let mut seen = Vec::new();
    for situation in situations {
        seen.push(suffer(&mut trial, &loads, situation).await);
    }
    let samples = loads.finish().await;
    let mut misses = judge_well(&trial.key_set, &samples);
    for seen in &seen {
        misses.extend(judge(seen, &trial.key_set, &samples));
    }
    assert!(misses.is_empty(), "{misses:#?}");
}

/// A while of peace, of harm, and of recovery: three phases.
async fn suffer(trial: &mut ControlledTrial, loads: &RunningLoads, situation: Situation) -> Seen {
    let (fleet, key_set) = (&mut trial.faulted, &trial.key_set);
    let unseen = make_key(&fleet.place().root(0), situation.name).await.1;
    let peace = Spending::begin(&fleet.keys[0]);
    tokio::time::sleep(Duration::from_secs(3)).await;
    let peace = peace.per_second(&fleet.keys[0]);
    let fault = loads.mark();
    let time = Duration::from_secs(8);
    let (spending, host) = (Spending::begin(&fleet.keys[0]), Host::begin());
    harm(fleet, &situation).await;
    let faulted_at = Instant::now();
    if matches!(situation.postgres, Harm::Killed | Harm::Frozen | Harm::Network(_)) {
        let asked = fleet.place().keys(0).post("/v1/keys/verify", &json!({"key": unseen})).await.expect(503);
        assert_eq!(asked.header("retry-after"), "1", "{}", situation.name);
    }
    let is_flapping = matches!((&situation.redis, &situation.postgres), (Harm::Flapping, _) | (_, Harm::Flapping));
    while is_flapping && faulted_at.elapsed() + FLAP * 2 < time {
        tokio::time::sleep(FLAP).await;
        heal(fleet, &situation).await;
        tokio::time::sleep(FLAP).await;
        harm(fleet, &situation).await;
    }
    tokio::time::sleep(time.saturating_sub(faulted_at.elapsed())).await;
    let (cost, taken) = (spending.per_second(&fleet.keys[0]) / peace, host.took_percent());
    heal(fleet, &situation).await;
    let (recovery, healed_at) = (loads.mark(), Instant::now());
    let keys = fleet.place().keys(0);
    let recovered = await_that("it answers as before", PATIENCE, async || key_set.is_right(&keys).await).await;
    let watched = Duration::from_secs(6);
    tokio::time::sleep(watched.saturating_sub(healed_at.elapsed())).await;
    loads.mark();
    fleet.keys[0].await_ready().await.unwrap();
    fleet.apis[0].await_ready().await.unwrap();
    Seen { situation, fault, recovery, recovered, cost, taken }
}

/// A kill waits for the end, and the network between the processes runs on the same threads.
async fn harm(fleet: &Fleet, situation: &Situation) {
    match &situation.redis {
        Harm::None => {}
        Harm::Killed => block_in_place(|| fleet.redis.kill()),
        Harm::Frozen => fleet.redis.pause(),
        Harm::Network(fault) => fleet.keys[0].set_redis(fault),
        Harm::Flapping => fleet.keys[0].set_redis(&Fault::Refused),
    }
    match &situation.postgres {
        Harm::None => {}
        Harm::Killed => block_in_place(|| fleet.postgres.kill()),
        Harm::Frozen => fleet.postgres.pause(),
        Harm::Network(fault) => fleet.keys[0].set_postgres(fault),
        Harm::Flapping => fleet.keys[0].set_postgres(&Fault::Refused),
    }
}

async fn heal(fleet: &mut Fleet, situation: &Situation) {
    match &situation.redis {
        Harm::None => {}
        Harm::Killed => fleet.redis.restart().await.unwrap(),
        Harm::Frozen => fleet.redis.resume(),
        Harm::Network(_) | Harm::Flapping => fleet.keys[0].set_redis(&Fault::None),
    }
    match &situation.postgres {
        Harm::None => {}
        Harm::Killed => fleet.postgres.restart().await.unwrap(),
        Harm::Frozen => fleet.postgres.resume(),
        Harm::Network(_) | Harm::Flapping => fleet.keys[0].set_postgres(&Fault::None),
    }
}

/// What was not kept while nothing was faulted.
fn judge_well(key_set: &KeySet, samples: &Both) -> Vec<String> {
    let both = samples.goods(key_set, |phase| phase % 3 == 0);
    let (well, wrong) = (&both.faulted, key_set.wrong_accepts(&samples.faulted));
    let [share, at_control] = [well, &both.control].map(|samples| samples.percent(|sample| sample.outcome.is("VALID")));
    let worst = format!(
        "{share:.3} % (the control {at_control:.3} %), {wrong}; median {:.1} ms, 99 % within {:.1} ms",
        well.quantile_ms(0.5),
        well.quantile_ms(0.99)
    );
    let is_kept = share >= 99.99 && wrong == 0;
    Finding::new("P5", "all up", "≥ 99.99 % of good keys valid, 0 wrong accepts", &worst, well.count() as u64)
        .histogram(&well.latencies_ms(), &EDGES)
        .missed(!is_kept)
        .record();
    let missed = || format!("all up: {worst}: {:?}", oddities(well));
    if is_kept { Vec::new() } else { vec![missed()] }
}

/// What was not kept while something was faulted, and afterwards.
fn judge(seen: &Seen, key_set: &KeySet, samples: &Both) -> Vec<String> {
    let (name, promised) = (seen.situation.name, seen.situation.added);
    let peace = samples.goods(key_set, |phase| [seen.fault - 1, seen.recovery + 1].contains(&phase));
    let both = samples.goods(key_set, |phase| phase == seen.fault);
    let (during, median_ms) = (&both.faulted, peace.faulted.quantile_ms(0.5));
    let share = during.percent(|sample| sample.outcome.is("VALID"));
    let added: Vec<f64> = during.latencies_ms().iter().map(|latency| latency - median_ms).collect();
    let late = [5.0, 50.0, 100.0].map(|added_ms| {
        let late = both.later_by(added_ms, &peace);
        format!("{} (the control {}) later by > {added_ms} ms", late.faulted, late.control)
    });
    let worst = format!(
        "{share:.2} %; {}, worst {:.0} ms; {:.1} times the processor time; the host took {:.0} % of the machine's",
        late.join(", "),
        added.last().copied().unwrap_or_default(),
        seen.cost,
        seen.taken
    );
    let bound =
        format!("≥ 99.9 % of good keys valid, {}, ≤ {COST_MAX} times the processor time of peace", promised.words);
    let mut misses = added_too_much(promised, &both, &peace);
    if seen.cost > COST_MAX {
        misses.push(format!("{} times the processor time of peace", seen.cost));
    }
    if share < 99.9 {
        misses.push(format!("{share} % of good keys were valid: {:?}", oddities(during)));
    }
    let finding = Finding::new("P5", name, &bound, worst, during.count() as u64).histogram(&added, &EDGES);
    finding.missed(!misses.is_empty()).record();

    let after = samples.faulted.of(|sample| sample.phase == seen.recovery);
    let goods_after = key_set.goods(&after);
    let errors = goods_after.percent(|sample| sample.outcome.is_server_error());
    let worst = format!("{:.1} s, {errors:.2} %", seen.recovered.as_secs_f64());
    let bound = "as before within 5 s, ≤ 1 % of good keys answered 5xx until then";
    let is_back = seen.recovered <= RECOVERY_MAX && errors <= 1.0;
    let finding = Finding::new("P5", &format!("{name}, then back"), bound, &worst, after.count() as u64);
    finding.missed(!is_back).record();
    if !is_back {
        misses.push(format!("then back: {worst}: {:?}", oddities(&goods_after)));
    }
    misses.iter().map(|missed| format!("{name}: {missed}")).collect()
}

/// Which of the bounds on the time that a fault adds were not kept.
fn added_too_much(promised: Added, during: &Both, peace: &Both) -> Vec<String> {
    let at_first = (promised.at_first_ms > 0.0).then_some((promised.at_first_ms, NOISE_AT_FIRST));
    let missed = |(added_ms, noise)| {
        let late = during.later_by(added_ms, peace);
        let allowed = late.allowed(noise);
        (late.faulted as f64 > allowed).then(|| {
            let (faulted, control) = (late.faulted, late.control);
            format!("{faulted} later by more than {added_ms} ms, {control} of the control, {allowed:.0} may be")
        })
    };
    std::iter::once((promised.limit_ms, NOISE)).chain(at_first).filter_map(missed).collect()
}

/// What a process spends from now on.
struct Spending {
    since: Instant,
    before: u64,
}

impl Spending {
    fn begin(member: &Member) -> Self {
        Self { since: Instant::now(), before: ticks(member) }
    }

    /// In ticks of the kernel.
    fn per_second(&self, member: &Member) -> f64 {
        (ticks(member) - self.before) as f64 / self.since.elapsed().as_secs_f64()
    }
}

/// What it has spent since it was started, in its own code and in the kernel's.
fn ticks(member: &Member) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", member.process().id())).unwrap();
    let (_, fields) = stat.rsplit_once(") ").unwrap();
    fields.split(' ').skip(11).take(2).map(|field| field.parse::<u64>().unwrap()).sum()
}

/// What was not as it should be and how often, for whoever reads the failure.
fn oddities(samples: &Samples) -> BTreeMap<String, usize> {
    let odd = samples.0.iter().map(|sample| &sample.outcome).filter(|outcome| !outcome.is("VALID"));
    odd.fold(BTreeMap::new(), |mut counts, outcome| {
        *counts.entry(format!("{outcome:?}")).or_default() += 1;
        counts
    })
}
