//! How much of the processors' time the host of a virtual machine gives to others.

/// A moment from which that is counted.
pub struct Host {
    all: u64,
    taken: u64,
}

impl Host {
    /// From now on.
    pub fn begin() -> Self {
        let (all, taken) = read();
        Self { all, taken }
    }

    /// What was taken since then, of a hundred.
    pub fn took_percent(&self) -> f64 {
        let (all, taken) = read();
        (taken - self.taken) as f64 * 100.0 / (all - self.all).max(1) as f64
    }
}

/// All time of all processors and what was stolen of it, in ticks of the kernel.
fn read() -> (u64, u64) {
    let stat = std::fs::read_to_string("/proc/stat").unwrap();
    let line = stat.lines().find_map(|line| line.strip_prefix("cpu ")).unwrap();
    // What is behind these eight is counted in them already.
    let ticks: Vec<u64> = line.split_whitespace().take(8).map(|ticks| ticks.parse().unwrap()).collect();
    (ticks.iter().sum(), ticks[7])
}

#[test]
fn a_share_is_between_nothing_and_all() {
    let host = Host::begin();
    assert!(host.all > host.taken && (0.0..=100.0).contains(&host.took_percent()), "{}", host.took_percent());
}
