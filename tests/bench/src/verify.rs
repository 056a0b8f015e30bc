//! What the other cases share: keys that are known to a key service, and verifications of them.

use anyhow::Context;
use domain::limit::Limit;

use crate::Bench;
use crate::load::{Expected, Load, Plan, Until};
use crate::request::{self, Requests};
use crate::seed::{SecretForm, SeededKey, insert_keys};
use crate::stage::Stage;

/// How many ask at the same time where nothing else is said.
pub const MANY: usize = 64;
/// How many keys are read at the same time before anything is measured: fewer than a key service is willing to.
const READERS: usize = 4;
/// How often all keys are presented before it is given up.
const PASSES_MAX: usize = 20;
/// What every verification has to answer.
pub const VALID: Expected = Expected { status: 200, text: "\"verdict\":\"VALID\"", times: 1 };

/// Keys that a key service knows.
pub struct Warm {
    /// The keys.
    pub keys: Vec<SeededKey>,
    /// A verification of each.
    pub requests: Requests,
}

/// A limit that no run reaches.
pub fn far_limit(name: &str) -> Limit {
    Limit { name: name.to_owned(), limit: 100_000_000, window_ms: 60_000, auto: true }
}

/// A plan of verifications at one replica.
pub fn plan(stage: &Stage, requests: &Requests, connections: usize) -> anyhow::Result<Plan> {
    Ok(Plan { addresses: vec![stage.keys_address(0)?], connections, requests: requests.clone(), expected: VALID })
}

/// Sends every request of a plan until each was answered once: a key service refuses to read very many keys at once.
pub fn warm(plan: &Plan) -> anyhow::Result<()> {
    let count = u64::try_from(plan.requests.len()).context("a count")?;
    let plan = Plan { connections: plan.connections.min(READERS), ..plan.clone() };
    for _ in 1..PASSES_MAX {
        if Load::open(&plan, 0)?.run(Until::Sent(count))?.all_right().is_ok() {
            return Ok(());
        }
    }
    Load::open(&plan, 0)?.run(Until::Sent(count))?.all_right().map(drop)
}

/// Writes so many keys of `acme`, each with so many limits.
pub fn seed(bench: &Bench, stage: &Stage, (count, limits): (usize, usize)) -> anyhow::Result<Warm> {
    let place = stage.place();
    let limits: Vec<Limit> = (0..limits).map(|at| far_limit(&format!("limit-{at}"))).collect();
    let name = format!("{} limits, {count} keys,", limits.len());
    let keys = bench.runtime.block_on(insert_keys(place, (place.acme, SecretForm::Own), count, (&name, &limits)))?;
    let requests = request::verifications(&place.token, &keys);
    Ok(Warm { keys, requests })
}

/// The same, each presented once.
pub fn seed_and_warm(bench: &Bench, stage: &Stage, counts: (usize, usize)) -> anyhow::Result<Warm> {
    let seeded = seed(bench, stage, counts)?;
    warm(&plan(stage, &seeded.requests, MANY)?)?;
    Ok(seeded)
}
