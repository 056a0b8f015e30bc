//! Rate limits, and the sliding window of 32 cells that enforces them.
//!
//! An admitted request counts for at least `window_ms` and at most 33/32 of it, so in no window of that
//! length, on any schedule, are more than `limit` admitted.

use crate::validation::ValidationError;

/// The most that a limit may allow in one window.
pub const LIMIT_MAX: u64 = 1_000_000_000;
/// The shortest window: one second.
pub const WINDOW_MS_MIN: u64 = 1_000;
/// The longest window: 31 days.
pub const WINDOW_MS_MAX: u64 = 31 * 24 * 3_600_000;
/// The most named limits that one key, customer or organization carries.
pub const LIMITS_MAX: usize = 10;

/// A named limit: so many requests per window.
#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    /// Its name in answers and headers.
    pub name: String,
    /// Requests (or cost) per window.
    pub limit: u64,
    /// The window's length in milliseconds.
    pub window_ms: u64,
    /// Whether every request is charged; if not, only one that names it.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub auto: bool,
}

const fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes it so")]
const fn is_yes(auto: &bool) -> bool {
    *auto
}

impl Limit {
    /// 1,000 per minute: what a key gets when neither it nor its organization says otherwise.
    pub fn platform_default() -> Self {
        Self { name: "requests".to_owned(), limit: 1_000, window_ms: 60_000, auto: true }
    }

    /// Checks a limit's name: a lower-case letter, then letters, digits, `-` or `_`, 1 to 40 in all.
    pub fn check_name(name: &str) -> Result<(), ValidationError> {
        let starts_well = name.starts_with(|c: char| c.is_ascii_lowercase());
        let is_plain = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_');
        if starts_well && is_plain && name.len() <= 40 {
            return Ok(());
        }
        Err(ValidationError::new(
            "limit-name",
            "a limit's name is a lower-case letter and up to 39 letters, digits, - or _",
        ))
    }
}

const CELLS: usize = 33;
const CELLS_PER_WINDOW: u128 = 32;

/// One limit's window in this process: the model of the Redis script, and the local share while Redis is away.
#[derive(Debug, Clone)]
pub struct Window {
    cells: [u64; CELLS],
    index: u64,
    total: u64,
    window_ms: u64,
}

/// The result of an attempt to spend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spending {
    /// Whether the cost was admitted.
    pub is_admitted: bool,
    /// What is left of the limit now.
    pub remaining: u64,
    /// When the oldest counted cost leaves the window; at most 33/32 of `window_ms`. 0 when nothing is counted.
    pub reset_ms: u64,
    /// How long until the same cost would be admitted; 0 when it was, and `None` for one above the limit, which never is.
    pub retry_after_ms: Option<u64>,
    /// The cell that took the cost, for giving it back.
    pub cell: u64,
}

impl Window {
    /// An empty window.
    pub fn new(window_ms: u64) -> Self {
        Self { cells: [0; CELLS], index: 0, total: 0, window_ms }
    }

    /// Spends `cost` at `now_us` if the limit admits it, nothing otherwise. A cost of 0 only reads.
    pub fn spend(&mut self, limit: &Limit, cost: u64, now_us: u64) -> Spending {
        self.advance(limit.window_ms, now_us);
        let is_admitted = self.total.saturating_add(cost) <= limit.limit;
        if is_admitted {
            self.cells[slot(self.index)] += cost;
            self.total += cost;
        }
        Spending {
            is_admitted,
            remaining: limit.limit.saturating_sub(self.total),
            reset_ms: self.freed_in_ms(1, now_us),
            retry_after_ms: if is_admitted { Some(0) } else { self.retry_after_ms(limit, cost, now_us) },
            cell: self.index,
        }
    }

    /// Gives back a cost that a later check refused, if its cell still counts.
    pub fn give_back(&mut self, cell: u64, cost: u64) {
        if cell <= self.index && self.index - cell < CELLS as u64 {
            let given = self.cells[slot(cell)].min(cost);
            self.cells[slot(cell)] -= given;
            self.total -= given;
        }
    }

    /// Moves to the cell of `now_us`. If time runs backwards, the cell stays.
    fn advance(&mut self, window_ms: u64, now_us: u64) {
        if window_ms != self.window_ms {
            // If the window's length changes, everything spent counts from now on, so a change never refills a budget.
            let total = self.total;
            *self = Self::new(window_ms);
            self.index = self.cell_of(now_us);
            self.cells[slot(self.index)] = total;
            self.total = total;
            return;
        }
        let now = self.cell_of(now_us).max(self.index);
        let first_stale = (self.index + 1).max(now.saturating_sub(CELLS as u64 - 1));
        for cell in first_stale..=now {
            self.total -= std::mem::take(&mut self.cells[slot(cell)]);
        }
        self.index = now;
    }

    fn retry_after_ms(&self, limit: &Limit, cost: u64, now_us: u64) -> Option<u64> {
        let too_much = self.total.saturating_add(cost).saturating_sub(limit.limit);
        (cost <= limit.limit).then(|| self.freed_in_ms(too_much, now_us).max(1))
    }

    /// Milliseconds until at least `amount` has left the window, rounded up.
    fn freed_in_ms(&self, amount: u64, now_us: u64) -> u64 {
        let oldest = self.index.saturating_sub(CELLS as u64 - 1);
        let mut freed = 0;
        for cell in oldest..=self.index {
            freed += self.cells[slot(cell)];
            if freed >= amount {
                let end_us = div_ceil(u128::from(cell + CELLS as u64) * self.window_us(), CELLS_PER_WINDOW);
                return div_ceil(end_us.saturating_sub(u128::from(now_us)), 1_000) as u64;
            }
        }
        0
    }

    fn cell_of(&self, now_us: u64) -> u64 {
        (u128::from(now_us) * CELLS_PER_WINDOW / self.window_us()) as u64
    }

    fn window_us(&self) -> u128 {
        u128::from(self.window_ms) * 1_000
    }
}

fn div_ceil(a: u128, b: u128) -> u128 {
    a.div_ceil(b)
}

fn slot(cell: u64) -> usize {
    (cell % CELLS as u64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn limit(limit: u64, window_ms: u64) -> Limit {
        Limit { name: "requests".to_owned(), limit, window_ms, auto: true }
    }

    proptest! {
        /// On any schedule, no window of that length admits more than the limit.
        #[test]
        fn no_window_of_any_schedule_admits_more_than_the_limit(
            gaps_us in prop::collection::vec((0u64..400_000, 1u64..4), 1..400),
            limit_of in 1u64..30,
            start_us in 0u64..10_000_000,
        ) {
            let limit = limit(limit_of, 1_000);
            let mut window = Window::new(1_000);
            let (mut now, mut admitted) = (1_000_000_000 + start_us, Vec::new());
            for (gap, cost) in gaps_us {
                now += gap;
                if window.spend(&limit, cost, now).is_admitted {
                    admitted.push((now, cost));
                }
            }
            for (at, _) in &admitted {
                let spent: u64 = admitted.iter().filter(|(t, _)| t >= at && *t < at + 1_000_000).map(|(_, c)| c).sum();
                prop_assert!(spent <= limit_of, "{spent} in the window from {at}");
            }
        }

        #[test]
        fn waiting_as_told_is_always_enough_and_never_much_too_long(
            gaps_us in prop::collection::vec(0u64..100_000, 1..200),
        ) {
            let limit = limit(5, 1_000);
            let mut window = Window::new(1_000);
            let mut now = 1_000_000_000;
            for gap in gaps_us {
                now += gap;
                let spending = window.spend(&limit, 1, now);
                if !spending.is_admitted {
                    let wait_ms = spending.retry_after_ms.expect("the cost is within the limit");
                    prop_assert!(wait_ms <= 1_000 * 33 / 32 + 2);
                    prop_assert_eq!(wait_ms, spending.reset_ms, "both say when a place is free");
                    let mut later = window.clone();
                    prop_assert!(later.spend(&limit, 1, now + wait_ms * 1_000).is_admitted);
                    let mut sooner = window.clone();
                    let short_us = (wait_ms * 1_000).saturating_sub(1_001);
                    prop_assert!(!sooner.spend(&limit, 1, now + short_us).is_admitted, "and not much later than that");
                }
            }
        }

        #[test]
        fn what_is_given_back_can_be_spent_again(costs in prop::collection::vec(1u64..5, 1..20)) {
            let limit = limit(1_000, 60_000);
            let mut window = Window::new(60_000);
            for cost in costs {
                let before = window.spend(&limit, 0, 5_000_000_000).remaining;
                let spending = window.spend(&limit, cost, 5_000_000_000);
                window.give_back(spending.cell, cost);
                prop_assert_eq!(window.spend(&limit, 0, 5_000_000_000).remaining, before);
            }
        }
    }

    #[test]
    fn a_cost_above_the_limit_is_told_no_time() {
        let mut window = Window::new(1_000);
        let spending = window.spend(&limit(5, 1_000), 6, 9_000_000_000);
        assert_eq!((spending.is_admitted, spending.retry_after_ms, spending.reset_ms), (false, None, 0));
    }

    #[test]
    fn a_limit_that_says_nothing_counts_every_request() {
        let read = |text: &str| serde_json::from_str::<Limit>(text).expect("a limit");
        assert!(read(r#"{"name":"a","limit":1,"window_ms":1000}"#).auto);
        let named = r#"{"name":"a","limit":1,"window_ms":1000,"auto":false}"#;
        assert_eq!(serde_json::to_string(&read(named)).expect("it is written"), named);
    }

    #[test]
    fn a_changed_window_keeps_what_was_spent() {
        let mut window = Window::new(1_000);
        assert_eq!(window.spend(&limit(10, 1_000), 7, 9_000_000_000).remaining, 3);
        assert_eq!(window.spend(&limit(10, 60_000), 0, 9_000_000_000).remaining, 3);
    }

    #[test]
    fn a_clock_that_steps_back_frees_nothing() {
        let mut window = Window::new(1_000);
        window.spend(&limit(1, 1_000), 1, 9_000_000_000);
        assert!(!window.spend(&limit(1, 1_000), 1, 5_000_000_000).is_admitted);
    }
}
