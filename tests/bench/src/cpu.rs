//! What processes have cost: the kernel's own account of each thread, in nanoseconds.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, ensure};

/// Where servers and stores run.
pub const SERVER_CORE: &str = "0";
/// Where the load comes from.
pub const LOAD_CORE: &str = "1";
/// Both, where nothing is measured.
pub const ALL_CORES: &str = "0,1";

/// A process with all its threads and children.
#[derive(Debug, Clone, Copy)]
pub struct Family(pub u32);

/// What each thread of some families has run so far.
#[derive(Debug, Default)]
pub struct Spent(BTreeMap<u32, Duration>);

impl Family {
    /// Puts every thread of it on one core; threads and children that it starts later follow.
    pub fn pin(self, core: &str) -> anyhow::Result<()> {
        for process in self.processes() {
            let status = Command::new("taskset")
                .args(["-a", "-p", "-c", core, &process.to_string()])
                .stdout(Stdio::null())
                .status()
                .context("starting taskset, which is part of util-linux")?;
            // A child that ended meanwhile needs no core.
            let is_gone = !Path::new(&format!("/proc/{process}")).exists();
            ensure!(status.success() || is_gone, "process {process} cannot be pinned to core {core}");
        }
        Ok(())
    }

    /// What it has run so far.
    pub fn spent(self) -> Spent {
        let mut spent = BTreeMap::new();
        for process in self.processes() {
            for thread in threads(process) {
                if let Some(ran) = ran(process, thread) {
                    spent.insert(thread, ran);
                }
            }
        }
        Spent(spent)
    }

    /// The memory that its first process holds, in bytes.
    pub fn resident_bytes(self) -> anyhow::Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("the kernel tells VmRSS")?;
        let kib: u64 = line.trim().trim_end_matches(" kB").parse()?;
        Ok(kib * 1024)
    }

    fn processes(self) -> Vec<u32> {
        let mut all = vec![self.0];
        let mut at = 0;
        while let Some(process) = all.get(at).copied() {
            for thread in threads(process) {
                let children = std::fs::read_to_string(format!("/proc/{process}/task/{thread}/children"));
                let children = children.unwrap_or_default();
                all.extend(children.split_whitespace().filter_map(|id| id.parse::<u32>().ok()));
            }
            at += 1;
        }
        all
    }
}

impl Spent {
    /// What was run between `earlier` and this, by threads that are still there.
    pub fn since(&self, earlier: &Self) -> Duration {
        let before = |thread: &u32| earlier.0.get(thread).copied().unwrap_or_default();
        self.0.iter().map(|(thread, ran)| ran.saturating_sub(before(thread))).sum()
    }
}

fn threads(process: u32) -> Vec<u32> {
    let entries = std::fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

fn ran(process: u32, thread: u32) -> Option<Duration> {
    let account = std::fs::read_to_string(format!("/proc/{process}/task/{thread}/schedstat")).ok()?;
    account.split(' ').next()?.parse().ok().map(Duration::from_nanos)
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn work_is_counted_and_waiting_is_not() {
        let own = Family(std::process::id());
        let before = own.spent();
        let started = Instant::now();
        let mut sum = 0_u64;
        while started.elapsed() < Duration::from_millis(200) {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
        let worked = own.spent().since(&before);
        assert!(worked > Duration::from_millis(20), "{worked:?}");
        let before = own.spent();
        std::thread::park_timeout(Duration::from_millis(200));
        let waited = own.spent().since(&before);
        assert!(waited < worked / 2, "{waited:?} of waiting, {worked:?} of work");
    }
}
