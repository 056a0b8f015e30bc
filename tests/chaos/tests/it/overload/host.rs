//! How much of the processors' time the host of a virtual machine gives to others.

/// A moment from which that is counted.
pub struct Host {
    all: u64,
    taken: u64,
}

impl Host {
    /// From now on.
    pub fn begin() -> Self {
        Self::read(&std::fs::read_to_string("/proc/stat").unwrap())
    }

    /// What was taken since then, of a hundred.
    pub fn took_percent(&self) -> f64 {
        self.percent_until(&Self::begin())
    }

    /// All time of all processors and what was stolen of it, in ticks of the kernel.
    fn read(stat: &str) -> Self {
        let line = stat.lines().find_map(|line| line.strip_prefix("cpu ")).unwrap();
        // What is behind these eight is counted in them already.
        let ticks: Vec<u64> = line.split_whitespace().take(8).map(|ticks| ticks.parse().unwrap()).collect();
        Self { all: ticks.iter().sum(), taken: ticks[7] }
    }

    fn percent_until(&self, later: &Self) -> f64 {
        (later.taken - self.taken) as f64 * 100.0 / (later.all - self.all).max(1) as f64
    }
}

#[test]
fn what_was_taken_is_the_eighth_figure_of_all_processors() {
    let before = Host::read("cpu  10 1 20 300 4 0 5 60 7 8\ncpu0 1 1 1 1 1 1 1 1 0 0\n");
    let after = Host::read("cpu  20 1 30 350 4 0 5 90 9 9\ncpu0 2 2 2 2 2 2 2 2 0 0\n");
    assert_eq!((before.all, before.taken), (400, 60));
    assert!((before.percent_until(&after) - 30.0).abs() < 1e-9, "{}", before.percent_until(&after));
    assert!(before.percent_until(&before) < 1e-9, "nothing in no time");
    assert!(Host::begin().all > 0, "this kernel tells it");
}
