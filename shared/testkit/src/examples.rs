//! Examples of a document beside what a running installation answers.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

/// Longer lists say no more.
const ITEMS_SHOWN: usize = 2;
/// When the instants of the examples were right.
const WRITTEN_AT: &str = "2026-12-01T00:00:00Z";

/// Moves instants ahead by what has passed since they were written, so that what an example ends has not ended.
#[expect(clippy::disallowed_methods, reason = "the stores run on this machine, so its clock is theirs")]
pub fn move_ahead(place: &mut Value) {
    match place {
        Value::Object(members) => members.values_mut().for_each(move_ahead),
        Value::Array(items) => items.iter_mut().for_each(move_ahead),
        Value::String(text) => {
            let written_at: DateTime<Utc> = WRITTEN_AT.parse().unwrap();
            let passed = (Utc::now() - written_at).max(TimeDelta::zero());
            if let Ok(at) = domain::instants::parse_instant(text) {
                *text = domain::instants::format_instant(at + passed);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// An answer as an example shows it.
pub fn shortened(mut place: Value) -> Value {
    match &mut place {
        Value::Object(members) => members.values_mut().for_each(|member| *member = shortened(member.take())),
        Value::Array(items) => {
            items.truncate(ITEMS_SHOWN);
            items.iter_mut().for_each(|item| *item = shortened(item.take()));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    place
}

/// Where two answers have other members or types; `null` stands for any type, and notes may be any.
pub fn difference(shown: &Value, real: &Value, at: &str) -> Option<String> {
    match (shown, real) {
        (Value::Object(_), Value::Object(_)) if at.ends_with("/metadata") => None,
        (Value::Object(shown), Value::Object(real)) => {
            let other = shown.keys().find(|name| !real.contains_key(*name));
            let other = other.or_else(|| real.keys().find(|name| !shown.contains_key(*name)));
            let within = |(name, shown)| difference(shown, &real[name], &format!("{at}/{name}"));
            other.map(|name| format!("{at}/{name}")).or_else(|| shown.iter().find_map(within))
        }
        (Value::Array(shown), Value::Array(real)) => {
            let pair = shown.first().zip(real.first());
            pair.map_or_else(
                || (shown.len() != real.len()).then(|| at.to_owned()),
                |(shown, real)| difference(shown, real, &format!("{at}/0")),
            )
        }
        (Value::Null, _) | (_, Value::Null) => None,
        (shown, real) => (std::mem::discriminant(shown) != std::mem::discriminant(real)).then(|| at.to_owned()),
    }
}
