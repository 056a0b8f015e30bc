//! What keys of another form cost, and what ours cost beside them.

use testkit::Fleet;

use crate::Bench;
use crate::cpu::{ALL_CORES, SERVER_CORE};
use crate::measure::{Case, Sample, take_turns};
use crate::report::{Claim, Report};
use crate::seed::{SecretForm, insert_keys};
use crate::stage::Stage;
use crate::verify::{self, MANY, far_limit};

const FEW: usize = 10_000;
const MANY_KEYS: usize = 100_000;

/// Measures the three kinds of verification.
pub fn measure(bench: &Bench, report: &mut Report) -> anyhow::Result<()> {
    let count = if bench.is_quick { FEW } else { MANY_KEYS };
    let (alone, beside) = (start(bench)?, start(bench)?);
    let mut cases = vec![
        case(bench, &alone, ("verify, our form, alone", SecretForm::Own, count))?,
        case(bench, &beside, ("verify, our form, beside other forms", SecretForm::Own, count))?,
        case(bench, &beside, ("verify, another form", SecretForm::Foreign, count))?,
    ];
    take_turns(&mut cases, bench)?;
    let cost: fn(&Sample) -> f64 = Sample::server_and_redis_us;
    let what = format!("verification of our form beside {count} keys of other forms, ratio to none there");
    report.claims.push(Claim::at_most(&what, cases[1].ratio(&cases[0], cost), 1.1, "×"));
    let what = format!("verification of another form among {count}, ratio to our form");
    report.claims.push(Claim::at_most(&what, cases[2].ratio(&cases[1], cost), 1.25, "×"));
    report.cases.extend(cases);
    Ok(())
}

fn start(bench: &Bench) -> anyhow::Result<Stage> {
    Stage::start(&bench.runtime, Fleet::builder())
}

fn case(bench: &Bench, stage: &Stage, (name, form, count): (&str, SecretForm, usize)) -> anyhow::Result<Case> {
    let place = stage.place();
    let limits = [far_limit("requests")];
    eprintln!("{name}: writing and presenting {count} keys");
    let keys = bench.runtime.block_on(insert_keys(place, (place.acme, form), count, (name, &limits)))?;
    let plan = verify::plan(stage, &crate::request::verifications(&place.token, &keys), MANY)?;
    stage.pin_stores(ALL_CORES)?;
    verify::warm(&plan)?;
    stage.pin_stores(SERVER_CORE)?;
    Ok(Case::http(name, (&stage.keys(), stage.stores()), plan))
}
