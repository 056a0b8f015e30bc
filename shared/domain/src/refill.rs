//! When a balance of credits is filled up again: every so many hours, daily, weekly or monthly, all in UTC.

use chrono::{DateTime, Datelike, Days, Months, NaiveDate, NaiveTime, Utc};

/// When a balance is refilled, and to what amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refill {
    /// The balance after a refill.
    pub amount: i64,
    /// How often.
    pub interval: RefillInterval,
}

/// The most hours between two refills: 31 days.
pub const REFILL_HOURS_MAX: u16 = 744;
const SECONDS_PER_HOUR: i64 = 3_600;
const HOURS_PER_DAY: u16 = 24;

/// How often a balance is refilled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefillInterval {
    /// At each full hour UTC that is a multiple of so many since 1970, 1 to [`REFILL_HOURS_MAX`].
    Hourly {
        /// How many.
        hours: u16,
    },
    /// At midnight UTC.
    Daily,
    /// At midnight UTC of a day of the week.
    Weekly {
        /// 1 for Monday to 7 for Sunday.
        day: u8,
    },
    /// At midnight UTC of a day of the month.
    Monthly {
        /// 1 to 31; the last day where the month is shorter.
        day: u8,
    },
}

impl RefillInterval {
    /// The word in the API and in rows.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hourly { .. } => "hourly",
            Self::Daily => "daily",
            Self::Weekly { .. } => "weekly",
            Self::Monthly { .. } => "monthly",
        }
    }

    /// Says whether each instant of this one is one of `other`.
    fn comes_with(self, other: Self) -> bool {
        match (self, other) {
            (Self::Hourly { hours }, Self::Hourly { hours: other }) => hours.is_multiple_of(other),
            (Self::Hourly { hours }, Self::Daily) => hours.is_multiple_of(HOURS_PER_DAY),
            (Self::Daily | Self::Weekly { .. } | Self::Monthly { .. }, Self::Hourly { hours }) => {
                HOURS_PER_DAY.is_multiple_of(hours)
            }
            (Self::Daily | Self::Weekly { .. } | Self::Monthly { .. }, Self::Daily) => true,
            (Self::Weekly { day }, Self::Weekly { day: other })
            | (Self::Monthly { day }, Self::Monthly { day: other }) => day == other,
            (Self::Hourly { .. } | Self::Daily | Self::Monthly { .. }, Self::Weekly { .. })
            | (Self::Hourly { .. } | Self::Daily | Self::Weekly { .. }, Self::Monthly { .. }) => false,
        }
    }
}

impl Refill {
    /// Says whether `held` has a refill at least as high whenever `granted` has one.
    pub fn is_within(&self, held: &Self) -> bool {
        self.interval.comes_with(held.interval) && self.amount <= held.amount
    }

    /// The first instant after `now` at which the balance is refilled.
    pub fn next_after(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        let today = now.date_naive();
        let day = match self.interval {
            RefillInterval::Hourly { hours } => return next_multiple(now, hours),
            RefillInterval::Daily => today + Days::new(1),
            RefillInterval::Weekly { day } => {
                let wait = (7 + u64::from(day) - u64::from(today.weekday().number_from_monday())) % 7;
                today + Days::new(if wait == 0 { 7 } else { wait })
            }
            RefillInterval::Monthly { day } => {
                let this_month = day_of_month(today, day);
                if this_month > today { this_month } else { day_of_month(today + Months::new(1), day) }
            }
        };
        day.and_time(NaiveTime::MIN).and_utc()
    }
}

/// The first full hour after `now` that is a multiple of so many.
fn next_multiple(now: DateTime<Utc>, hours: u16) -> DateTime<Utc> {
    let step = i64::from(hours.max(1)) * SECONDS_PER_HOUR;
    let next = (now.timestamp().div_euclid(step) + 1) * step;
    DateTime::from_timestamp(next, 0).expect("a refill is at most 31 days away")
}

/// The given day of the month in which `date` lies; its last day where it is shorter.
fn day_of_month(date: NaiveDate, day: u8) -> NaiveDate {
    let first = date.with_day(1).expect("every month has a first day");
    let last = first + Months::new(1) - Days::new(1);
    first.with_day(u32::from(day.max(1))).unwrap_or(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refill_is_given_by_whoever_has_one_whenever_it_comes() {
        let hourly = |hours| RefillInterval::Hourly { hours };
        let (weekly, monthly) = (|day| RefillInterval::Weekly { day }, |day| RefillInterval::Monthly { day });
        let daily = RefillInterval::Daily;
        let all = [hourly(1), hourly(6), hourly(7), hourly(48), daily, weekly(1), weekly(7), monthly(1), monthly(31)];
        let start: DateTime<Utc> = "2026-01-01T00:00:00Z".parse().unwrap();
        let instants = |interval| {
            let refill = Refill { amount: 1, interval };
            std::iter::successors(Some(start), move |at| Some(refill.next_after(*at))).skip(1)
        };
        let end = start + Days::new(800);
        for (one, other) in all.iter().flat_map(|one| all.iter().map(move |other| (*one, *other))) {
            let theirs: std::collections::BTreeSet<_> = instants(other).take_while(|at| *at < end).collect();
            let comes_with = instants(one).take_while(|at| *at < end).all(|at| theirs.contains(&at));
            assert_eq!(one.comes_with(other), comes_with, "{one:?} {other:?}");
        }
    }

    #[test]
    fn a_refill_comes_at_midnight_of_its_day_or_the_months_last() {
        let next = |interval, now: &str| Refill { amount: 1, interval }.next_after(now.parse().unwrap()).to_rfc3339();
        let daily = RefillInterval::Daily;
        assert_eq!(next(daily, "2026-02-28T23:59:59Z"), "2026-03-01T00:00:00+00:00");
        assert_eq!(next(daily, "2026-03-01T00:00:00Z"), "2026-03-02T00:00:00+00:00");
        let monthly = |day| RefillInterval::Monthly { day };
        assert_eq!(next(monthly(1), "2026-03-01T00:00:00Z"), "2026-04-01T00:00:00+00:00");
        assert_eq!(next(monthly(15), "2026-03-01T00:00:00Z"), "2026-03-15T00:00:00+00:00");
        assert_eq!(next(monthly(31), "2026-01-31T12:00:00Z"), "2026-02-28T00:00:00+00:00");
        assert_eq!(next(monthly(31), "2026-02-28T00:00:00Z"), "2026-03-31T00:00:00+00:00");
        assert_eq!(next(monthly(30), "2026-12-30T00:00:00Z"), "2027-01-30T00:00:00+00:00");
        assert_eq!(next(monthly(29), "2028-02-01T00:00:00Z"), "2028-02-29T00:00:00+00:00");
        // 2026-11-30 is a Monday.
        let weekly = |day| RefillInterval::Weekly { day };
        assert_eq!(next(weekly(1), "2026-11-30T00:00:00Z"), "2026-12-07T00:00:00+00:00");
        assert_eq!(next(weekly(1), "2026-11-29T23:59:59Z"), "2026-11-30T00:00:00+00:00");
        assert_eq!(next(weekly(7), "2026-11-30T12:00:00Z"), "2026-12-06T00:00:00+00:00");
        let hourly = |hours| RefillInterval::Hourly { hours };
        assert_eq!(next(hourly(1), "2026-11-30T12:00:00Z"), "2026-11-30T13:00:00+00:00");
        assert_eq!(next(hourly(6), "2026-11-30T12:00:01Z"), "2026-11-30T18:00:00+00:00");
        assert_eq!(next(hourly(24), "2026-11-30T12:00:01Z"), "2026-12-01T00:00:00+00:00");
    }
}
