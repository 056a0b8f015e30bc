//! `bench profile`: where the key service spends its time under load, by `perf`.

use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, ensure};

use crate::Bench;
use crate::load::{Load, Until};
use crate::stage::Stage;
use crate::verify::{MANY, plan, seed_and_warm};

const KEYS: usize = 1_000;
const RECORDED: Duration = Duration::from_secs(8);

/// Records the verification of warm keys and prints the symbols that took most.
pub fn run(bench: &Bench, output: &str) -> anyhow::Result<()> {
    let stage = Stage::start(&bench.runtime, testkit::Fleet::builder())?;
    let warm = seed_and_warm(bench, &stage, (KEYS, 1))?;
    let plan = plan(&stage, &warm.requests, MANY)?;
    let mut load = Load::open(&plan, 0)?;
    let process = stage.fleet.keys[0].process().id().to_string();
    let seconds = RECORDED.as_secs().to_string();
    let mut perf = Command::new("perf")
        .args(["record", "-g", "-F", "1999", "-o", output, "-p", &process, "--", "sleep", &seconds])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .context("starting perf")?;
    load.run(Until::Elapsed(RECORDED))?.all_right()?;
    ensure!(perf.wait()?.success(), "perf cannot record");
    print(output, &["--no-children", "--percent-limit", "0.4", "--sort", "symbol"])?;
    print(output, &["--no-children", "--percent-limit", "0.4", "--sort", "dso"])
}

fn print(recorded: &str, arguments: &[&str]) -> anyhow::Result<()> {
    let plain = ["report", "--stdio", "-g", "none", "-i", recorded];
    let status = Command::new("perf").args(plain).args(arguments).stderr(Stdio::null()).status()?;
    ensure!(status.success(), "perf cannot report");
    Ok(())
}
