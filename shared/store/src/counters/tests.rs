//! The scripts against the model of the domain, and the connection against a Redis that comes and goes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::ids::{KeyId, OrganizationId};
use domain::limit::{Limit, Spending, WINDOW_MS_MAX, Window};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use uuid::Uuid;

use super::handle::Scripts;
use super::lanes::Lanes;
use super::{Counters, Expected, Given, LimitOwner, LimitSpend, Mode, Replica, Source, SpendRequest};
use crate::connections::{RedisConfig, Script};
use crate::generation::{Generation, Subject};
use dev::{LocalOptions, Redis, RedisUser};

mod away;

struct TestRedis {
    server: Redis,
    user: RedisUser,
    _folder: tempfile::TempDir,
}

impl TestRedis {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let directory = folder.path().join("redis");
        let server = Redis::start(LocalOptions { directory, port: None, is_durable: false }).await.unwrap();
        let user = RedisUser { name: "keys".into(), password: "pass".into(), prefix: "claviger:test:".into() };
        server.create_user(&user).await.unwrap();
        Self { server, user, _folder: folder }
    }

    fn config(&self) -> RedisConfig {
        // Generous: the machine that runs the tests may be busy.
        RedisConfig { timeout_ms: 2_000, ..RedisConfig::new(self.server.url(&self.user), &self.user.prefix) }
    }

    async fn counters(&self) -> Counters {
        let counters = Counters::connect(&self.config());
        wait_for(|| counters.run(OrganizationId::INSTALLATION).is_some()).await;
        counters
    }
}

async fn wait_for(mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !is_so() {
        assert!(Instant::now() < deadline, "it did not come about");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The scripts under a clock that the test sets.
fn scripted(counters: &Counters, now_us: u64) -> Counters {
    let head = format!("local now_us = {now_us}\n");
    let script = |parts: &[&str]| Script::new(Box::leak(format!("{head}{}", parts.concat()).into_boxed_str()));
    let window = include_str!("window.lua");
    let spend = script(&[window, include_str!("spend.lua")]);
    let scripts = Scripts {
        give_back: script(&[window, include_str!("give_back.lua")]),
        publish: Script::new(include_str!("publish.lua")),
        announce: Script::new(include_str!("announce.lua")),
    };
    let lanes = Arc::new(Lanes::new(Arc::clone(&counters.link), spend));
    Counters { lanes, scripts: Arc::new(scripts), ..counters.clone() }
}

fn key(number: u128) -> Subject {
    Subject::Key(KeyId::from_uuid(Uuid::from_u128(number)))
}

fn organization(number: u128) -> OrganizationId {
    OrganizationId::from_uuid(Uuid::from_u128(number))
}

fn limit(name: &str, limit: u64, window_ms: u64) -> Limit {
    Limit { name: name.to_owned(), limit, window_ms, auto: true }
}

/// What the model says to spending all or nothing.
fn modelled(windows: &mut [Window], limits: &[Limit], costs: &[u64], now_us: u64) -> Vec<Spending> {
    let fits = |window: &mut Window, limit: &Limit, cost: u64| window.clone().spend(limit, cost, now_us).is_admitted;
    let all = windows.iter_mut().zip(limits).zip(costs).all(|((w, l), c)| fits(w, l, *c));
    let one = |((window, limit), cost): ((&mut Window, &Limit), &u64)| {
        if all || !fits(window, limit, *cost) {
            return window.spend(limit, *cost, now_us);
        }
        // It would have fitted; another did not.
        window.spend(limit, 0, now_us)
    };
    windows.iter_mut().zip(limits).zip(costs).map(one).collect()
}

#[derive(Debug, Clone)]
struct Step {
    forward_us: u64,
    back_us: u64,
    costs: (u64, u64),
    change: u8,
    gives_back: bool,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step =
        (0u64..3_000_000, prop_oneof![9 => Just(0u64), 1 => 0u64..500_000], (0u64..6, 0u64..6), 0u8..20, any::<bool>());
    let step = step.prop_map(|(forward_us, back_us, costs, change, gives_back)| Step {
        forward_us: if forward_us < 2_000_000 { forward_us / 60 } else { (forward_us - 2_000_000) * 8 },
        back_us,
        costs,
        change,
        gives_back,
    });
    prop::collection::vec(step, 1..60)
}

/// The promise of the limits rests on the model; this is what lets it hold of Redis.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_script_decides_exactly_as_the_model_on_every_schedule() {
    let test_redis = TestRedis::start().await;
    let counters = test_redis.counters().await;
    let handle = tokio::runtime::Handle::current();
    let run = move || {
        let mut runner = TestRunner::new(Config { failure_persistence: None, cases: 60, ..Config::default() });
        let case = std::cell::Cell::new(0u128);
        let starts = 1_780_000_000_000_000u64..1_900_000_000_000_000;
        let scales = prop_oneof![Just(1u64), Just(61), Just(100_000)];
        runner.run(
            &(steps(), starts, 1u64..20, 1_000u64..5_000, scales),
            |(mut steps, start_us, most, window_ms, scale)| {
                case.set(case.get() + 1);
                for step in &mut steps {
                    step.forward_us *= scale;
                    step.back_us *= scale;
                }
                let window_ms = window_ms * scale;
                let limits = [limit("a", most, window_ms), limit("b", most * 2 + 1, 3 * window_ms + 7)];
                handle.block_on(follow(&counters, case.get(), (limits, start_us), &steps))
            },
        )
    };
    tokio::task::spawn_blocking(run).await.unwrap().unwrap();
}

async fn follow(
    counters: &Counters,
    case: u128,
    (mut limits, start_us): ([Limit; 2], u64),
    steps: &[Step],
) -> Result<(), TestCaseError> {
    let mut windows = [Window::new(limits[0].window_ms), Window::new(limits[1].window_ms)];
    let mut now_us = start_us;
    for step in steps {
        now_us = now_us + step.forward_us - step.back_us;
        match step.change {
            0 => limits[0].window_ms = (limits[0].window_ms * 2 + 1).min(WINDOW_MS_MAX),
            1 => limits[1].limit += 1,
            2 => limits[1].limit = (limits[1].limit / 2).max(1),
            _ => {}
        }
        let costs = [step.costs.0, step.costs.1];
        let spends: Vec<LimitSpend<'_>> =
            limits.iter().zip(costs).map(|(limit, cost)| LimitSpend { owner: key(case).into(), limit, cost }).collect();
        let counters = scripted(counters, now_us);
        let request =
            SpendRequest { organization: organization(case), expected: &[], limits: &spends, mode: Mode::Spend };
        let answer = counters.spend(&request).await.unwrap();
        let said = answer.limits.expect("nothing else was expected");
        prop_assert_eq!(answer.now.timestamp_micros(), i64::try_from(now_us).unwrap());
        prop_assert_eq!(&said, &modelled(&mut windows, &limits, &costs, now_us));
        if step.gives_back && said.iter().all(|spending| spending.is_admitted) {
            let given: Vec<Given<'_>> =
                spends.iter().zip(&said).map(|(spent, said)| Given { spent: *spent, cell: said.cell }).collect();
            counters.give_back(organization(case), &given).await.unwrap();
            for ((window, said), cost) in windows.iter_mut().zip(&said).zip(costs) {
                window.give_back(said.cell, cost);
            }
        }
    }
    Ok(())
}

/// What a stranger among many asks for: keys and limits that others use, too, as often as not.
fn crowd() -> impl Strategy<Value = Vec<(u128, u64, u64, bool, bool)>> {
    let one = (0u128..4, 0u64..4, 0u64..4, prop::bool::weighted(0.8), prop::bool::weighted(0.1));
    prop::collection::vec(one, 1..300)
}

/// Requests that share a call are decided as if each had come alone, in their order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_is_served_exactly_as_a_queue() {
    let test_redis = TestRedis::start().await;
    let counters = test_redis.counters().await;
    let handle = tokio::runtime::Handle::current();
    let run = move || {
        let mut runner = TestRunner::new(Config { failure_persistence: None, cases: 100, ..Config::default() });
        let case = std::cell::Cell::new(1_000u128);
        runner.run(&(crowd(), 1u64..60, 1_000u64..90_000), |(crowd, most, window_ms)| {
            case.set(case.get() + 10);
            handle.block_on(serve(&counters, case.get(), (most, window_ms), &crowd))
        })
    };
    tokio::task::spawn_blocking(run).await.unwrap().unwrap();
}

async fn serve(
    counters: &Counters,
    case: u128,
    (most, window_ms): (u64, u64),
    crowd: &[(u128, u64, u64, bool, bool)],
) -> Result<(), TestCaseError> {
    let limits = [limit("a", most, window_ms), limit("b", most + 7, window_ms * 2)];
    let mut windows: Vec<[Window; 2]> = (0..4).map(|_| limits.clone().map(|it| Window::new(it.window_ms))).collect();
    let mut now_us = 1_800_000_000_000_000;
    for _round in 0..3 {
        now_us += window_ms * 400;
        let counters = scripted(counters, now_us);
        let asked = crowd.iter().map(|(owner, cost_a, cost_b, is_spending, is_outdated)| {
            let (counters, limits, owner) = (&counters, &limits, key(case + owner));
            async move {
                let costs = [*cost_a, *cost_b];
                let spends: Vec<LimitSpend<'_>> = limits
                    .iter()
                    .zip(costs)
                    .map(|(limit, cost)| LimitSpend { owner: owner.into(), limit, cost })
                    .collect();
                let generation = |value, source| Expected { generation: Generation { subject: owner, value }, source };
                let expected =
                    if *is_outdated { [generation(6, Source::Cache)] } else { [generation(7, Source::Postgres)] };
                let mode = if *is_spending { Mode::Spend } else { Mode::Look };
                let request =
                    SpendRequest { organization: organization(case), expected: &expected, limits: &spends, mode };
                counters.spend(&request).await.unwrap()
            }
        });
        let said = futures_util::future::join_all(asked).await;
        for ((owner, cost_a, cost_b, is_spending, is_outdated), said) in crowd.iter().zip(said) {
            if *is_outdated {
                prop_assert_eq!(said.limits, None);
                continue;
            }
            let own = &mut windows[usize::try_from(*owner).unwrap()];
            let wanted = if *is_spending {
                modelled(own, &limits, &[*cost_a, *cost_b], now_us)
            } else {
                looked(own, &limits, &[*cost_a, *cost_b], now_us)
            };
            prop_assert_eq!(said.limits.unwrap(), wanted);
        }
    }
    Ok(())
}

/// What the model says to a look: whether it would admit, with everything as it was.
fn looked(windows: &[Window; 2], limits: &[Limit; 2], costs: &[u64; 2], now_us: u64) -> Vec<Spending> {
    let one = |((window, limit), cost): ((&Window, &Limit), &u64)| {
        let spent = window.clone().spend(limit, *cost, now_us);
        let still = window.clone().spend(limit, 0, now_us);
        Spending { remaining: still.remaining, reset_ms: still.reset_ms, ..spent }
    };
    windows.iter().zip(limits).zip(costs).map(one).collect()
}

/// Redis time is the test's: whoever waits as told is let in, and nobody is told to wait longer.
#[tokio::test]
async fn waiting_as_told_is_admitted_and_no_sooner() {
    let test_redis = TestRedis::start().await;
    let counters = test_redis.counters().await;
    let requests = limit("requests", 3, 60_000);
    let ask = async |now_us: u64, cost: u64| {
        let spends = [LimitSpend { owner: key(1).into(), limit: &requests, cost }];
        let (organization, mode) = (organization(1), Mode::Spend);
        let request = SpendRequest { organization, expected: &[], limits: &spends, mode };
        scripted(&counters, now_us).spend(&request).await.unwrap().limits.unwrap()[0]
    };
    let mut now_us = 1_800_000_000_123_457;
    assert_eq!(ask(now_us, 4).await.retry_after_ms, None, "waiting never helps");
    for _ in 0..40 {
        now_us += 1_234_567;
        let said = ask(now_us, 1).await;
        if said.is_admitted {
            continue;
        }
        let wait_ms = said.retry_after_ms.unwrap();
        assert_eq!(wait_ms, said.reset_ms);
        assert!(!ask(now_us + wait_ms * 1_000 - 1_001, 1).await.is_admitted);
        now_us += wait_ms * 1_000;
        assert!(ask(now_us, 1).await.is_admitted, "{wait_ms}");
    }
}

/// However the requests come together: each new name is counted once, and with no room for another nothing is spent.
#[tokio::test]
async fn new_names_are_counted_once_and_bounded() {
    let test_redis = TestRedis::start().await;
    let counters = test_redis.counters().await;
    let (requests, names) = (limit("requests", 100, 60_000), limit("names", 5, 60_000));
    let counters = scripted(&counters, 1_800_000_000_000_000);
    let ask = async |name: u128, cost: u64, mode: Mode| {
        let spends = [
            LimitSpend { owner: key(1).into(), limit: &requests, cost: 1 },
            LimitSpend { owner: LimitOwner::Named(Uuid::from_u128(name)), limit: &requests, cost },
            LimitSpend { owner: LimitOwner::NewNames(organization(1)), limit: &names, cost: 0 },
        ];
        let request = SpendRequest { organization: organization(1), expected: &[], limits: &spends, mode };
        counters.spend(&request).await.unwrap().limits.unwrap()
    };
    for name in 100..120 {
        assert_eq!(ask(name, 0, Mode::Spend).await[2].remaining, 5, "a look makes no counter");
        assert_eq!(ask(name, 1, Mode::Look).await[2].remaining, 5);
    }
    // In one batch: the same name many times over, looks among them.
    let crowd = (0..60).map(|at: u128| ask(at % 4, 1, if at.is_multiple_of(3) { Mode::Look } else { Mode::Spend }));
    let said = futures_util::future::join_all(crowd).await;
    assert!(said.iter().flatten().all(|spending| spending.is_admitted));
    assert_eq!(ask(0, 1, Mode::Spend).await[2].remaining, 1, "four names");
    assert_eq!(ask(7, 1, Mode::Spend).await[2].remaining, 0);
    let left = ask(0, 0, Mode::Look).await[0].remaining;
    let refused = ask(8, 1, Mode::Spend).await;
    assert_eq!([refused[0].is_admitted, refused[1].is_admitted, refused[2].is_admitted], [true, true, false]);
    assert!(refused[2].retry_after_ms > Some(50_000));
    assert_eq!(ask(0, 0, Mode::Look).await[0].remaining, left, "nothing was spent");
    assert!(ask(7, 1, Mode::Spend).await.iter().all(|spending| spending.is_admitted), "known names go on");
}

#[tokio::test]
async fn nothing_is_consumed_when_a_generation_differs() {
    let test_redis = TestRedis::start().await;
    let counters = test_redis.counters().await;
    let requests = limit("requests", 10, 60_000);
    let spends = [LimitSpend { owner: key(1).into(), limit: &requests, cost: 1 }];
    let ask = async |value: i64, source: Source| {
        let expected = [Expected { generation: Generation { subject: key(1), value }, source }];
        let (organization, mode) = (organization(1), Mode::Spend);
        counters.spend(&SpendRequest { organization, expected: &expected, limits: &spends, mode }).await.unwrap()
    };
    let missing = ask(3, Source::Cache).await;
    assert_eq!((missing.generations, missing.limits), (vec![None], None));
    assert_eq!(ask(3, Source::Kept).await.limits.unwrap()[0].remaining, 9, "nothing newer is known");
    assert_eq!(ask(3, Source::Cache).await.limits, None, "and nothing was learned from it");
    let learned = ask(3, Source::Postgres).await;
    assert_eq!(learned.generations, vec![Some(3)]);
    assert_eq!(learned.limits.unwrap()[0].remaining, 8);
    let newer = [Generation { subject: key(1), value: 5 }];
    counters.publish(organization(1), &newer, None).await.unwrap();
    counters.publish(organization(1), &[Generation { subject: key(1), value: 4 }], None).await.unwrap();
    for source in [Source::Cache, Source::Postgres, Source::Kept] {
        let stale = ask(3, source).await;
        assert_eq!((stale.generations, stale.limits), (vec![Some(5)], None), "a late reader brings nothing back");
    }
    assert_eq!(ask(5, Source::Cache).await.limits.unwrap()[0].remaining, 7);
    assert_eq!(ask(6, Source::Cache).await.limits, None, "an unknown newer one is read again too");
}

#[tokio::test]
async fn a_look_takes_nothing_and_a_change_reaches_its_followers() {
    let test_redis = TestRedis::start().await;
    let counters = test_redis.counters().await;
    let requests = limit("requests", 2, 60_000);
    let spends = [LimitSpend { owner: key(1).into(), limit: &requests, cost: 2 }];
    let ask = async |mode: Mode| {
        let organization = organization(1);
        let answer = counters.spend(&SpendRequest { organization, expected: &[], limits: &spends, mode }).await;
        answer.unwrap().limits.unwrap()[0]
    };
    for _ in 0..3 {
        assert_eq!((ask(Mode::Look).await.is_admitted, ask(Mode::Look).await.remaining), (true, 2));
    }
    assert!(ask(Mode::Spend).await.is_admitted);
    let refused = ask(Mode::Spend).await;
    assert!(!refused.is_admitted && refused.retry_after_ms > Some(50_000));

    let wait = Duration::from_millis(500);
    let mut changes = counters.follow(wait).await.unwrap();
    let receipt = domain::ids::ReceiptId::from_uuid(Uuid::from_u128(9));
    let generations = vec![Generation { subject: key(1), value: 2 }];
    counters.publish(organization(1), &generations, Some(receipt)).await.unwrap();
    let seen = changes.next(wait).await.unwrap();
    assert_eq!(seen, vec![super::Change { generations, receipt: Some(receipt) }]);
    assert_eq!(changes.next(Duration::from_millis(20)).await.unwrap(), vec![]);
    counters.heartbeat("one").await.unwrap();
    counters.ack("one", receipt).await.unwrap();
    assert_eq!(counters.find_acks(receipt).await.unwrap(), vec!["one"]);
    let now = counters.now().await.unwrap().timestamp();
    let mut add = redis::cmd("ZADD");
    add.arg(super::names::replicas(&counters.prefix)).arg(now - 700).arg("three").arg(now - 500).arg("two");
    counters.link.call(counters.link.slot_of_key(""), &add).await.unwrap();
    let replica = |name: &str, is_silent| Replica { name: name.to_owned(), is_silent };
    assert_eq!(counters.find_replicas().await.unwrap(), [replica("two", true), replica("one", false)]);
    counters.delete_replica("one").await.unwrap();
    counters.delete_replica("two").await.unwrap();
    assert!(counters.find_replicas().await.unwrap().is_empty());
}
