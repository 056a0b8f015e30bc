//! Where and when a run was made; never the name of a host.

use std::process::Command;

/// The commit, and whether files differ from it.
pub fn commit() -> String {
    let commit = said_by("git", &["rev-parse", "--short=10", "HEAD"]);
    let changed = said_by("git", &["status", "--porcelain", "--untracked-files=no", "--", ".", ":!docs/benchmarks.md"]);
    if changed.is_empty() { commit } else { format!("{commit} with uncommitted changes") }
}

/// The day, in UTC.
pub fn date() -> String {
    said_by("date", &["-u", "+%Y-%m-%d"])
}

/// Processor, cores, memory and kernel.
pub fn description() -> String {
    let cpu = line_of("/proc/cpuinfo", "model name").unwrap_or_else(|| std::env::consts::ARCH.to_owned());
    let cores = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let cores = cores.lines().filter(|line| line.starts_with("processor")).count();
    let kib: u64 = line_of("/proc/meminfo", "MemTotal")
        .and_then(|text| text.trim_end_matches(" kB").parse().ok())
        .unwrap_or_default();
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{cpu}, {cores} cores, {} GiB of memory, Linux {}", kib.div_ceil(1 << 20), kernel.trim())
}

/// How many threads ran or wanted to, over the last minutes, the benchmark's own among them.
pub fn load_average() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').take(3).collect::<Vec<_>>().join(", ")
}

fn line_of(file: &str, name: &str) -> Option<String> {
    let text = std::fs::read_to_string(file).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    Some(line.trim_start_matches([' ', '\t', ':']).to_owned())
}

fn said_by(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let said = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    said.unwrap_or_default()
}
