//! `chaos FINDINGS PAGE COMMIT STATUS`: makes the page of promises from what a run of the tests has found. The status is
//! the run's: 0 where every test passed.

use std::collections::BTreeMap;
use std::fmt::Write;

use anyhow::Context;
use testkit::Finding;

const HEAD: &str = "# Promises

What is promised, and the worst that the last long run has seen. `make chaos` makes this page: every figure below comes from a test that
fails when the bound is crossed.
";
const FAILED: &str = "
**Tests of this run have failed:** a bound below was crossed, or what belongs here is missing.
";

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [findings, page, commit, status] = arguments.as_slice() else {
        anyhow::bail!("usage: chaos FINDINGS PAGE COMMIT STATUS");
    };
    let text = std::fs::read_to_string(findings).with_context(|| format!("reading {findings}"))?;
    let findings = text.lines().map(serde_json::from_str).collect::<Result<Vec<Finding>, _>>()?;
    anyhow::ensure!(!findings.is_empty(), "no test has found anything");
    std::fs::write(page, written(findings, commit, status == "0")?).with_context(|| format!("writing {page}"))
}

fn written(findings: Vec<Finding>, commit: &str, has_passed: bool) -> anyhow::Result<String> {
    let mut promises: BTreeMap<(usize, String), BTreeMap<(String, String), Finding>> = BTreeMap::new();
    for finding in findings {
        let number = finding.promise.trim_start_matches('P').parse().unwrap_or(usize::MAX);
        let situations = promises.entry((number, finding.promise.clone())).or_default();
        situations.insert((finding.situation.clone(), finding.bound.clone()), finding);
    }
    let mut page = HEAD.to_owned();
    writeln!(page, "\nCommit {commit}, on {}.", machine())?;
    if !has_passed {
        page.push_str(FAILED);
    }
    for ((_, promise), situations) in &promises {
        writeln!(page, "\n## {promise}: {}\n", title(promise))?;
        writeln!(page, "| situation | promised | worst seen | trials |\n| --- | --- | --- | ---: |")?;
        for finding in situations.values() {
            let Finding { situation, bound, worst, trials, is_missed, .. } = finding;
            let mark = if *is_missed { "**not kept:** " } else { "" };
            writeln!(page, "| {situation} | {bound} | {mark}{worst} | {trials} |")?;
        }
        for finding in situations.values().filter(|finding| !finding.histogram.is_empty()) {
            let bars = finding.histogram.iter().map(|(name, count)| format!("{name}: {count}"));
            writeln!(page, "\n{}: {}.", finding.situation, bars.collect::<Vec<_>>().join(" · "))?;
        }
    }
    Ok(page)
}

/// What each promise is about.
fn title(promise: &str) -> &'static str {
    match promise {
        "P1" => "revocation",
        "P2" => "isolation of organizations in the database",
        "P4" => "isolation of environments",
        "P5" => "verification while a store is away",
        "P6" => "rate limits",
        "P7" => "durability",
        "P8" => "enumeration of keys",
        "P11" => "start, stop and recovery",
        "P13" => "overload",
        "P14" => "slow and hostile connections",
        "P20" => "parsers under random input",
        "P21" => "idempotency",
        "P22" => "rotation",
        _ => "other",
    }
}

/// Processor, cores and memory; nothing that names one machine.
fn machine() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpu = read("/proc/cpuinfo");
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ")).map_or("?", |it| it.1);
    let memory = read("/proc/meminfo");
    let kib = memory.lines().find_map(|line| line.strip_prefix("MemTotal:")?.split_whitespace().next()?.parse().ok());
    let gib = kib.unwrap_or(0_u64) >> 20;
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    format!("{model}, {cores} cores, {gib} GiB")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_every_finding_in_the_order_of_the_promises() {
        let findings = vec![
            Finding::new("P13", "twice the capacity", "≥ 80 %", "91 %", 1),
            Finding::new("P6", "three replicas", "0 too many", "0", 20),
            Finding::new("P6", "three replicas", "0 too many", "0", 40),
            Finding::new("P6", "three replicas", "0 too few", "0", 30),
            Finding::new("P6", "four replicas", "0 too many", "1", 50).missed(true),
        ];
        let page = written(findings, "0123456", true).unwrap();
        let (six, thirteen) = (page.find("## P6: rate limits").unwrap(), page.find("## P13: overload").unwrap());
        assert!(six < thirteen && page.contains("Commit 0123456"), "{page}");
        assert!(
            page.contains("| three replicas | 0 too many | 0 | 40 |") && !page.contains("| 20 |"),
            "the last counts"
        );
        assert!(page.contains("| three replicas | 0 too few | 0 | 30 |"), "each bound of a situation");
        assert!(page.contains("| four replicas | 0 too many | **not kept:** 1 | 50 |"), "{page}");
    }
}
