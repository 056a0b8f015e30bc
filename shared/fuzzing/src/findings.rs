//! What a test has seen of a promise, kept for the page that publishes it.

use std::fs::File;
use std::io::Write;

use serde::{Deserialize, Serialize};

/// The variable that names the file to which findings are added.
const FILE: &str = "CLAVIGER_PROMISES";

/// What was seen of one promise in one situation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// The promise, as in `P6`.
    pub promise: String,
    /// The situation, in words.
    pub situation: String,
    /// What is promised there, in words and units.
    pub bound: String,
    /// The worst that was seen, in the same units.
    pub worst: String,
    /// How often it was tried.
    pub trials: u64,
    /// How the values were distributed: upper ends in ascending order, with how many lay at or below and above the one
    /// before. Empty where a single figure says it all.
    #[serde(default)]
    pub histogram: Vec<(String, u64)>,
    /// Whether the bound was crossed: its test goes on to find the rest, and fails at its end.
    #[serde(default)]
    pub is_missed: bool,
}

impl Finding {
    /// A finding without a histogram.
    pub fn new(promise: &str, situation: &str, bound: &str, worst: impl Into<String>, trials: u64) -> Self {
        Self {
            promise: promise.to_owned(),
            situation: situation.to_owned(),
            bound: bound.to_owned(),
            worst: worst.into(),
            trials,
            histogram: Vec::new(),
            is_missed: false,
        }
    }

    /// That the bound was crossed, if it was.
    #[must_use]
    pub fn missed(mut self, is_missed: bool) -> Self {
        self.is_missed = is_missed;
        self
    }

    /// With how `values` (milliseconds) lie between the ends of `edges`; the last bar is open.
    #[must_use]
    pub fn histogram(mut self, values: &[f64], edges: &[f64]) -> Self {
        let mut below = f64::NEG_INFINITY;
        for edge in edges.iter().copied().chain([f64::INFINITY]) {
            let count = values.iter().filter(|value| **value > below && **value <= edge).count();
            let name = if edge.is_finite() { format!("≤ {edge} ms") } else { format!("> {below} ms") };
            self.histogram.push((name, count as u64));
            below = edge;
        }
        self
    }

    /// Says it, and keeps it where the run collects findings.
    ///
    /// # Panics
    ///
    /// When the file cannot be written.
    #[expect(clippy::print_stdout, reason = "a test tells what it has seen")]
    pub fn record(self) {
        println!(
            "{} · {} · promised {} · worst {}{} · {} trials",
            self.promise,
            self.situation,
            self.bound,
            self.worst,
            if self.is_missed { ", not kept" } else { "" },
            self.trials
        );
        let Some(path) = std::env::var_os(FILE) else { return };
        let line = serde_json::to_string(&self).expect("texts and numbers") + "\n";
        let file = File::options().create(true).append(true).open(&path);
        // One write: several test processes add to the file.
        file.and_then(|mut file| file.write_all(line.as_bytes())).expect("the file of findings can be written");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_in_one_bar() {
        let finding = Finding::new("P1", "all well", "0 ms", "-0.5 ms", 4);
        let finding = finding.histogram(&[-3.0, -0.5, 0.0, 7.0], &[-1.0, 0.0]);
        let expected = [("≤ -1 ms", 1), ("≤ 0 ms", 2), ("> 0 ms", 1)];
        assert_eq!(finding.histogram, expected.map(|(name, count)| (name.to_owned(), count)));
    }
}
