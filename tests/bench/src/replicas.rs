//! Several key services on one Redis: what that costs, and whether a limit is still kept to the last request.

use domain::limit::Limit;
use testkit::Fleet;

use crate::Bench;
use crate::load::{Load, Plan, Until};
use crate::measure::{Case, take_turns};
use crate::report::{Claim, Report};
use crate::request::{self, Requests};
use crate::seed::{SecretForm, insert_keys};
use crate::stage::Stage;
use crate::verify::{self, MANY, VALID};

const REPLICAS: usize = 4;
const KEYS: usize = 1_000;
const COUNTING_REPLICAS: usize = 3;
const LIMIT: u64 = 1_000;
const ATTEMPTS: u64 = 3_000;
/// Measurements of the same thing differ by as much.
const NOISE: f64 = 1.05;

const ALONE: &str = "verify, one limit, all at one of 4 replicas";
const SPREAD: &str = "verify, one limit, spread over 4 replicas";
const EACH: &str = "verify, one limit, as many at each of 4 replicas";

/// Measures both.
pub fn measure(bench: &Bench, report: &mut Report) -> anyhow::Result<()> {
    let stage = Stage::start(&bench.runtime, Fleet::builder().replicas(REPLICAS))?;
    let warm = verify::seed(bench, &stage, (KEYS, 1))?;
    let all = (0..REPLICAS).map(|replica| stage.keys_address(replica)).collect::<anyhow::Result<Vec<_>>>()?;
    for address in &all {
        verify::warm(&Plan { addresses: vec![*address], ..verify::plan(&stage, &warm.requests, MANY)? })?;
    }
    let servers = stage.keys();
    let alone = verify::plan(&stage, &warm.requests, MANY)?;
    let spread = Plan { addresses: all.clone(), ..alone.clone() };
    let each = Plan { connections: MANY * REPLICAS, ..spread.clone() };
    let mut cases = [
        Case::http(ALONE, (&servers, stage.stores()), alone),
        Case::http(SPREAD, (&servers, stage.stores()), spread.clone()),
        Case::http(EACH, (&servers, stage.stores()), each),
    ];
    take_turns(&mut cases, bench)?;
    report.cases.extend(cases);
    for (what, name) in [("the load of one", SPREAD), ("four times the load of one", EACH)] {
        let what = format!("Redis per request, 4 replicas with {what}, ratio to one replica");
        report.claim_ratio(&what, (name, ALONE), |sample| sample.redis_us, NOISE);
    }
    report.claims.push(count(bench, &stage, &spread)?);
    Ok(())
}

/// Presents one key more often than its limit allows, at several replicas at the same time.
fn count(bench: &Bench, stage: &Stage, plan: &Plan) -> anyhow::Result<Claim> {
    let place = stage.place();
    let limit = Limit { name: "requests".to_owned(), limit: LIMIT, window_ms: 3_600_000, auto: true };
    let key = bench.runtime.block_on(insert_keys(place, (place.acme, SecretForm::Own), 1, ("counted", &[limit])))?;
    let addresses = plan.addresses[..COUNTING_REPLICAS].to_vec();
    let requests: Requests = request::verifications(&place.token, &key);
    let plan = Plan { addresses, connections: MANY, requests, expected: VALID };
    let outcome = Load::open(&plan, 0)?.run(Until::Sent(ATTEMPTS))?;
    let refusal = outcome.wrong_answer.unwrap_or_default();
    Ok(Claim {
        what: format!("{ATTEMPTS} requests over {COUNTING_REPLICAS} replicas, 64 at a time, with a limit of {LIMIT}"),
        measured: format!("{} admitted", outcome.right),
        target: format!("exactly {LIMIT}"),
        is_met: outcome.right == LIMIT && refusal.contains("\"verdict\":\"RATE_LIMITED\""),
    })
}
