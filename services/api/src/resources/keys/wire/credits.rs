//! Credits on the wire.

use domain::policy::{Credits, Refill, RefillInterval};
use domain::validation::ValidationError;
use poem_openapi::{Enum, Object};

use crate::fields::Fields;

/// The most credits that a key can have.
const CREDITS_MAX: i64 = 1_000_000_000_000;

/// A balance that each verification spends.
#[derive(Debug, Clone, Object)]
#[oai(rename = "Credits", deny_unknown_fields)]
pub struct CreditsBody {
    /// What is left.
    #[oai(validator(minimum(value = "0"), maximum(value = "1000000000000")))]
    pub remaining: i64,
    /// How the balance comes back; left out or `null`, it does not.
    #[oai(default)]
    pub refill: crate::wire::nullable::Nullable<RefillBody>,
}

/// When and how far a balance is filled up again.
#[derive(Debug, Clone, Object)]
#[oai(rename = "Refill", deny_unknown_fields)]
pub struct RefillBody {
    /// The balance after a refill.
    #[oai(validator(minimum(value = "1"), maximum(value = "1000000000000")))]
    pub amount: i64,
    /// At midnight UTC of every day, or of one day of the month.
    pub interval: IntervalBody,
    /// The day of a monthly refill, 1 to 31; the last day where the month is shorter.
    #[oai(default = "first_day", validator(minimum(value = "1"), maximum(value = "31")))]
    pub day: u8,
}

/// How often a balance is filled up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename = "RefillInterval", rename_all = "lowercase")]
pub enum IntervalBody {
    /// At midnight UTC.
    Daily,
    /// At midnight UTC of the given day.
    Monthly,
}

fn first_day() -> u8 {
    1
}

impl From<&Credits> for CreditsBody {
    fn from(credits: &Credits) -> Self {
        let refill = credits.refill.map(|refill| RefillBody {
            amount: refill.amount,
            interval: match refill.interval {
                RefillInterval::Daily => IntervalBody::Daily,
                RefillInterval::Monthly => IntervalBody::Monthly,
            },
            day: refill.day,
        });
        Self { remaining: credits.remaining, refill: crate::wire::nullable::Nullable(refill) }
    }
}

/// Reads a balance.
pub fn read_credits(fields: &mut Fields, pointer: &str, body: &CreditsBody) -> Option<Credits> {
    let in_range = |value: i64, least: i64| {
        (least..=CREDITS_MAX)
            .contains(&value)
            .then_some(value)
            .ok_or_else(|| ValidationError::new("range", format!("{least} to {CREDITS_MAX}")))
    };
    let remaining = fields.take(&format!("{pointer}/remaining"), in_range(body.remaining, 0))?;
    let refill = match &body.refill.0 {
        None => None,
        Some(refill) => Some(Refill {
            amount: fields.take(&format!("{pointer}/refill/amount"), in_range(refill.amount, 1))?,
            interval: match refill.interval {
                IntervalBody::Daily => RefillInterval::Daily,
                IntervalBody::Monthly => RefillInterval::Monthly,
            },
            day: refill.day,
        }),
    };
    Some(Credits { remaining, refill })
}
