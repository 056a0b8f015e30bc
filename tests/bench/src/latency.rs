//! How long answers took.

use std::time::Duration;

/// Every latency of a run.
#[derive(Debug, Default, Clone)]
pub struct Latencies(Vec<u32>);

impl Latencies {
    /// One more.
    pub fn note(&mut self, latency: Duration) {
        self.0.push(u32::try_from(latency.as_nanos()).unwrap_or(u32::MAX));
    }

    /// In microseconds: what so many per cent took at most. 0 when there are none.
    pub fn percentile_us(&mut self, percent: usize) -> f64 {
        let Some(last) = self.0.len().checked_sub(1) else { return 0.0 };
        let at = last * percent / 100;
        let (_, found, _) = self.0.select_nth_unstable(at);
        f64::from(*found) / 1_000.0
    }
}

/// The middle value of some; 0 when there are none.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => 0.0,
        count if count % 2 == 1 => values[middle],
        _ => f64::midpoint(values[middle - 1], values[middle]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_seen() {
        let mut latencies = Latencies::default();
        for us in (1..=101).rev() {
            latencies.note(Duration::from_micros(us));
        }
        assert_eq!([0, 50, 99, 100].map(|percent| latencies.percentile_us(percent)), [1.0, 51.0, 100.0, 101.0]);
    }

    #[test]
    fn the_median_of_an_even_number_lies_between() {
        assert_eq!(median(vec![4.0, 1.0, 3.0]), 3.0);
        assert_eq!(median(vec![4.0, 1.0, 3.0, 2.0]), 2.5);
        assert_eq!(median(Vec::new()), 0.0);
    }
}
