//! What grows with the number of keys: the cost of a verification, memory, the start, and lists.

use std::time::Instant;

use anyhow::Context;
use testkit::Fleet;

use crate::Bench;
use crate::cpu::{ALL_CORES, SERVER_CORE};
use crate::latency::median;
use crate::lists;
use crate::measure::{Case, Sample, take_turns};
use crate::report::{Claim, Report, number};
use crate::seed::SeededKey;
use crate::stage::Stage;
use crate::verify::{self, MANY};

const FEW: usize = 1_000;
const STARTS: usize = 3;
/// A core that everybody works on starts slowly: the time of the processor is told beside it.
const START_MAX_S: f64 = 2.0;

/// A fleet with many keys, all of them known to its key service.
struct Grown {
    stage: Stage,
    keys: Vec<SeededKey>,
    case: Option<Case>,
    bytes_per_key: f64,
}

/// Measures all of it.
pub fn measure(bench: &Bench, report: &mut Report) -> anyhow::Result<()> {
    let counts: &[usize] = if bench.is_quick { &[FEW, 10_000] } else { &[FEW, 100_000, 1_000_000] };
    let mut grown = counts.iter().map(|count| grow(bench, *count)).collect::<anyhow::Result<Vec<Grown>>>()?;
    let mut cases: Vec<Case> = grown.iter_mut().filter_map(|one| one.case.take()).collect();
    take_turns(&mut cases, bench)?;
    let mut most = grown.pop().context("several counts")?;
    // Their cores and memory are not needed any more.
    drop(grown);
    let cost: fn(&Sample) -> f64 = Sample::server_and_redis_us;
    let growth = cases[cases.len() - 1].ratio(&cases[0], cost);
    let count = most.keys.len();
    let what = format!("verification among {count} keys, ratio to {FEW}");
    report.claims.push(Claim::at_most(&what, growth, 1.25, "×"));
    let what = format!("memory per key, {count} cached keys");
    report.claims.push(Claim::at_most(&what, most.bytes_per_key, 400.0, "bytes"));
    report.cases.extend(cases);
    lists::measure(bench, &most.stage, &most.keys, report)?;
    start_cold(bench, &mut most.stage, count, report)
}

fn grow(bench: &Bench, count: usize) -> anyhow::Result<Grown> {
    let stage = Stage::start(&bench.runtime, Fleet::builder())?;
    eprintln!("writing {count} keys");
    let warm = verify::seed(bench, &stage, (count, 1))?;
    let keys = stage.keys();
    let before = keys[0].resident_bytes()?;
    eprintln!("presenting each of {count} keys");
    let plan = verify::plan(&stage, &warm.requests, MANY)?;
    // Nothing is measured yet: the stores may use the other core as well.
    stage.pin_stores(ALL_CORES)?;
    verify::warm(&plan)?;
    stage.pin_stores(SERVER_CORE)?;
    let grown = keys[0].resident_bytes()?.saturating_sub(before);
    let case = Case::http(format!("verify, one limit, {count} warm keys"), (&keys, stage.stores()), plan);
    Ok(Grown { stage, keys: warm.keys, case: Some(case), bytes_per_key: grown as f64 / count as f64 })
}

fn start_cold(bench: &Bench, stage: &mut Stage, count: usize, report: &mut Report) -> anyhow::Result<()> {
    let (mut walls, mut works) = (Vec::new(), Vec::new());
    for _ in 0..STARTS {
        let service = &mut stage.fleet.keys[0];
        service.stop();
        let started = Instant::now();
        service.restart()?;
        bench.runtime.block_on(service.await_ready())?;
        walls.push(started.elapsed().as_secs_f64());
        let own = crate::stage::family(service);
        works.push(own.spent().since(&crate::cpu::Spent::default()).as_secs_f64());
    }
    let what = format!("start of a key service with {count} keys, until it is ready");
    report.claims.push(Claim::at_most(&what, median(walls), START_MAX_S, "s"));
    report
        .figures
        .push(("processor time of the start with that many keys".to_owned(), format!("{} s", number(median(works)))));
    Ok(())
}
