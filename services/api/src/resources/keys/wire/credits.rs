//! Credits on the wire.

use domain::policy::Credits;
use domain::refill::{REFILL_HOURS_MAX, Refill, RefillInterval};
use domain::validation::ValidationError;
use poem_openapi::{Enum, Object};

use crate::fields::Fields;
use crate::wire::nullable::Nullable;
use crate::wire::word_or::{NoneWord, UnlimitedWord, WordOr};

/// The most credits that a key can have.
pub const CREDITS_MAX: i64 = 1_000_000_000_000;

/// A balance that each verification spends.
#[derive(Debug, Clone, Object)]
#[oai(rename = "Credits", deny_unknown_fields)]
pub struct CreditsBody {
    /// What is left.
    #[oai(validator(minimum(value = "0"), maximum(value = "1000000000000")))]
    pub remaining: i64,
    /// How the balance comes back; left out or `null`, it does not.
    #[oai(default)]
    pub refill: Nullable<RefillBody>,
}

/// Changes to a balance: what is left out stays as it is.
#[derive(Debug, Clone, Object)]
#[oai(rename = "CreditsPatch", deny_unknown_fields)]
pub struct CreditsPatch {
    /// What is left from now on, whatever is spent meanwhile; to add to a balance that is being spent, use
    /// `POST …/keys/{key}/credits`. A key without a balance gets one.
    #[oai(validator(minimum(value = "0"), maximum(value = "1000000000000")))]
    pub remaining: Option<i64>,
    /// How the balance comes back from now on, or `"none"`.
    pub refill: Option<WordOr<NoneWord, RefillBody>>,
}

/// When and how far a balance is filled up again.
#[derive(Debug, Clone, Object)]
#[oai(rename = "Refill", deny_unknown_fields)]
pub struct RefillBody {
    /// The balance after a refill.
    #[oai(validator(minimum(value = "1"), maximum(value = "1000000000000")))]
    pub amount: i64,
    /// At midnight UTC of every day, of one day of the week or of the month, or every so many hours.
    pub interval: IntervalBody,
    /// The day of a weekly refill, 1 for Monday to 7, or of a monthly one, 1 to 31 (the last day where the month is shorter);
    /// 1 when left out.
    #[oai(validator(minimum(value = "1"), maximum(value = "31")), skip_serializing_if_is_none)]
    pub day: Option<u8>,
    /// The hours from one hourly refill to the next, 1 to 744, counted from 1970-01-01T00:00Z: 6 is at 00:00, 06:00, 12:00 and
    /// 18:00 UTC; 1 when left out.
    #[oai(validator(minimum(value = "1"), maximum(value = "744")), skip_serializing_if_is_none)]
    pub hours: Option<u16>,
}

/// How often a balance is filled up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename = "RefillInterval", rename_all = "lowercase")]
pub enum IntervalBody {
    /// Every so many hours.
    Hourly,
    /// At midnight UTC.
    Daily,
    /// At midnight UTC of the given day of the week.
    Weekly,
    /// At midnight UTC of the given day of the month.
    Monthly,
}

/// What a body says of a key's credits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CreditsDraft {
    /// There is no balance.
    Unlimited,
    /// There is one; what is absent stays as it is.
    Balance {
        remaining: Option<i64>,
        /// `Some(None)` is `"none"`.
        refill: Option<Option<Refill>>,
    },
}

impl CreditsDraft {
    /// The balance that it makes of the one that is there.
    pub fn over(self, held: Option<&Credits>) -> Result<Option<Credits>, ValidationError> {
        let Self::Balance { remaining, refill } = self else { return Ok(None) };
        let missing = || ValidationError::new("required", "the key has no balance yet; say what is left of it");
        let remaining = remaining.or(held.map(|held| held.remaining)).ok_or_else(missing)?;
        let refill = refill.unwrap_or_else(|| held.and_then(|held| held.refill));
        Ok(Some(Credits { remaining, refill }))
    }
}

impl From<&Credits> for CreditsBody {
    fn from(credits: &Credits) -> Self {
        Self { remaining: credits.remaining, refill: Nullable(credits.refill.map(RefillBody::from)) }
    }
}

impl From<Refill> for RefillBody {
    fn from(Refill { amount, interval }: Refill) -> Self {
        let (interval, day, hours) = match interval {
            RefillInterval::Hourly { hours } => (IntervalBody::Hourly, None, Some(hours)),
            RefillInterval::Daily => (IntervalBody::Daily, None, None),
            RefillInterval::Weekly { day } => (IntervalBody::Weekly, Some(day), None),
            RefillInterval::Monthly { day } => (IntervalBody::Monthly, Some(day), None),
        };
        Self { amount, interval, day, hours }
    }
}

/// Reads the credits of a new key.
pub fn read_new_credits(fields: &mut Fields, body: &WordOr<UnlimitedWord, CreditsBody>) -> Option<CreditsDraft> {
    let WordOr::Value(body) = body else { return Some(CreditsDraft::Unlimited) };
    let refill = match &body.refill.0 {
        None => None,
        Some(refill) => Some(read_refill(fields, refill)?),
    };
    Some(CreditsDraft::Balance { remaining: Some(read_remaining(fields, body.remaining)?), refill: Some(refill) })
}

/// Reads a change of a key's credits.
pub fn read_credits_patch(fields: &mut Fields, body: &WordOr<UnlimitedWord, CreditsPatch>) -> Option<CreditsDraft> {
    let WordOr::Value(body) = body else { return Some(CreditsDraft::Unlimited) };
    let remaining = match body.remaining {
        None => None,
        Some(remaining) => Some(read_remaining(fields, remaining)?),
    };
    let refill = match &body.refill {
        None => None,
        Some(WordOr::Word(NoneWord::None)) => Some(None),
        Some(WordOr::Value(refill)) => Some(Some(read_refill(fields, refill)?)),
    };
    Some(CreditsDraft::Balance { remaining, refill })
}

fn read_remaining(fields: &mut Fields, remaining: i64) -> Option<i64> {
    fields.take("/credits/remaining", in_range(remaining, 0, CREDITS_MAX))
}

fn read_refill(fields: &mut Fields, body: &RefillBody) -> Option<Refill> {
    let at = |member: &str| format!("/credits/refill/{member}");
    let amount = fields.take(&at("amount"), in_range(body.amount, 1, CREDITS_MAX));
    let is_hourly = body.interval == IntervalBody::Hourly;
    // A daily refill may come with a day, which says nothing.
    if is_hourly && body.day.is_some() {
        fields.refuse(&at("day"), ValidationError::new("contradiction", "an hourly refill has no day; leave it out"));
    }
    if !is_hourly && body.hours.is_some() {
        let message = "hours are for an hourly refill; leave them out";
        fields.refuse(&at("hours"), ValidationError::new("contradiction", message));
    }
    let mut day = |last| fields.take(&at("day"), in_range(body.day.unwrap_or(1), 1, last));
    let interval = match body.interval {
        IntervalBody::Hourly => {
            let hours = fields.take(&at("hours"), in_range(body.hours.unwrap_or(1), 1, REFILL_HOURS_MAX))?;
            RefillInterval::Hourly { hours }
        }
        IntervalBody::Daily => RefillInterval::Daily,
        IntervalBody::Weekly => RefillInterval::Weekly { day: day(7)? },
        IntervalBody::Monthly => RefillInterval::Monthly { day: day(31)? },
    };
    Some(Refill { amount: amount?, interval })
}

fn in_range<T: PartialOrd + std::fmt::Display>(value: T, least: T, most: T) -> Result<T, ValidationError> {
    let range = least..=most;
    if range.contains(&value) {
        return Ok(value);
    }
    Err(ValidationError::new("range", format!("{} to {}", range.start(), range.end())))
}
