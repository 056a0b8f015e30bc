//! Redis is away: each replica admits its own share, and no request waits for Redis.

use std::time::Duration;

use crate::Bench;
use crate::measure::{Case, take_turns};
use crate::report::Report;
use crate::stage::Stage;
use crate::verify::{self, MANY};

const KEYS: usize = 1_000;
/// Longer than the hardest age of what is known without Redis: reading again belongs to the cost.
const SETTLED: Duration = Duration::from_secs(6);

/// Measures it.
pub fn measure(bench: &Bench, report: &mut Report) -> anyhow::Result<()> {
    let stage = Stage::start(&bench.runtime, testkit::Fleet::builder().apis(0))?;
    let warm = verify::seed_and_warm(bench, &stage, (KEYS, 1))?;
    stage.fleet.redis.kill();
    std::thread::park_timeout(SETTLED);
    let plan = verify::plan(&stage, &warm.requests, MANY)?;
    verify::warm(&plan)?;
    let mut cases = [Case::http("verify, one limit, Redis away", (&stage.keys(), stage.stores()), plan)];
    take_turns(&mut cases, bench)?;
    report.cases.extend(cases);
    Ok(())
}
