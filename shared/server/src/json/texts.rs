//! What a schema demands and what was sent instead, in words.

use std::borrow::Cow;

use domain::validation::excerpt;
use poem_openapi::registry::MetaSchema;
use serde_json::Value;

/// What is shown of an instant's form.
pub(super) const AN_INSTANT: &str = "2026-01-31T10:00:00Z";

pub(super) fn format_range(format: Option<&str>) -> Option<std::ops::RangeInclusive<i128>> {
    Some(match format? {
        "int8" => i8::MIN.into()..=i8::MAX.into(),
        "int16" => i16::MIN.into()..=i16::MAX.into(),
        "int32" => i32::MIN.into()..=i32::MAX.into(),
        "int64" => i64::MIN.into()..=i64::MAX.into(),
        "uint8" => 0..=u8::MAX.into(),
        "uint16" => 0..=u16::MAX.into(),
        "uint32" => 0..=u32::MAX.into(),
        "uint64" => 0..=u64::MAX.into(),
        _ => return None,
    })
}

pub(super) fn range_message(schema: &MetaSchema) -> String {
    let range = format_range(schema.format);
    let bound = |own: Option<f64>, of_format: Option<i128>| {
        own.map(|bound| bound.to_string()).or_else(|| of_format.map(|bound| bound.to_string()))
    };
    let least = bound(schema.minimum, range.as_ref().map(|range| *range.start()));
    let most = bound(schema.maximum, range.as_ref().map(|range| *range.end()));
    match (least, most) {
        (Some(least), Some(most)) => format!("Send a number from {least} to {most}."),
        (Some(least), None) => format!("Send a number from {least}."),
        (None, Some(most)) => format!("Send a number up to {most}."),
        (None, None) => "Send a number in range.".to_owned(),
    }
}

pub(super) fn wanted(schema: &MetaSchema) -> Cow<'static, str> {
    Cow::Borrowed(match schema.ty {
        "string" => "a string",
        "boolean" => "true or false",
        "array" => "an array",
        "object" => "an object",
        "number" => "a number",
        "integer" => "a 64-bit integer without fraction or exponent",
        other => return Cow::Owned(format!("a value of type {other}")),
    })
}

pub(super) fn sent(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "such a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// Whether a member is an instant: the name says so.
pub(super) fn is_time(pointer: &str) -> bool {
    let name = pointer.rsplit('/').next().unwrap_or_default();
    name.ends_with("_at") || name == "not_before"
}

pub(super) fn listed(choices: &[Value]) -> String {
    const LISTED_MAX: usize = 20;
    let shown = |choice: &Value| match choice.as_str() {
        Some(word) => format!("\"{}\"", excerpt(word)),
        None => excerpt(&choice.to_string()),
    };
    let mut names: Vec<String> = choices.iter().take(LISTED_MAX).map(shown).collect();
    if choices.len() > LISTED_MAX {
        names.push("…".to_owned());
    }
    names.join(", ")
}
