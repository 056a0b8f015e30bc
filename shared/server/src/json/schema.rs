//! Walks a value along the published schema of its type and names everything that does not fit.

use std::{
    any::TypeId,
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, LazyLock, PoisonError, RwLock},
};

use chrono::DateTime;
use domain::validation::meant;
use poem_openapi::{
    registry::{MetaSchema, MetaSchemaRef, Registry},
    types::Type,
};
use serde_json::{Map, Value};

use super::syntax::{push_item, push_member};
use super::texts::{AN_INSTANT, format_range, is_time, listed, range_message, sent, wanted};
use crate::problem::FieldError;

/// How many mistakes one answer names.
pub(crate) const ERRORS_MAX: usize = 50;
/// How many members or items one object or array may have unless its schema says otherwise.
const ENTRIES_MAX: usize = 1_000;
/// How long a string may be unless its schema says otherwise.
const STRING_MAX_BYTES: usize = 4 * 1024;

/// Everything in `value` that does not fit the schema of `T`, at most [`ERRORS_MAX`] entries.
pub(super) fn check<T: Type + 'static>(value: &Value) -> Vec<FieldError> {
    let published = Published::of::<T>();
    let mut walk = Walk::new(&published.schemas, String::new());
    walk.value(&published.root, value);
    walk.errors
}

/// What no value may contain, whatever its schema.
pub(super) fn check_free(value: &Value) -> Vec<FieldError> {
    let schemas = BTreeMap::new();
    let mut walk = Walk::new(&schemas, String::new());
    walk.free(value);
    walk.errors
}

/// The schema of one type with all that it refers to.
struct Published {
    root: MetaSchemaRef,
    schemas: BTreeMap<String, MetaSchema>,
}

impl Published {
    /// Built once per type: registering walks the type's whole tree.
    fn of<T: Type + 'static>() -> Arc<Self> {
        static BUILT: LazyLock<RwLock<HashMap<TypeId, Arc<Published>>>> = LazyLock::new(RwLock::default);
        let key = TypeId::of::<T>();
        if let Some(published) = BUILT.read().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Arc::clone(published);
        }
        let mut registry = Registry::new();
        T::register(&mut registry);
        let published = Arc::new(Self { root: T::schema_ref(), schemas: registry.schemas });
        let mut built = BUILT.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(built.entry(key).or_insert(published))
    }
}

struct Walk<'s> {
    schemas: &'s BTreeMap<String, MetaSchema>,
    pointer: String,
    errors: Vec<FieldError>,
}

impl<'s> Walk<'s> {
    fn new(schemas: &'s BTreeMap<String, MetaSchema>, pointer: String) -> Self {
        Self { schemas, pointer, errors: Vec::new() }
    }

    fn mistake(&mut self, code: &'static str, message: impl Into<String>) {
        if self.errors.len() < ERRORS_MAX {
            self.errors.push(FieldError::new(self.pointer.clone(), code, message));
        }
    }

    fn within(&mut self, step: impl FnOnce(&mut String), check: impl FnOnce(&mut Self)) {
        let length = self.pointer.len();
        step(&mut self.pointer);
        check(self);
        self.pointer.truncate(length);
    }

    /// The schemas that apply together: a reference's target, and the parts of an `allOf`.
    fn facets(&self, schema: &'s MetaSchemaRef) -> Vec<&'s MetaSchema> {
        let mut facets = Vec::with_capacity(1);
        let mut waiting = vec![schema];
        while let Some(next) = waiting.pop() {
            let found = match next {
                MetaSchemaRef::Inline(inline) => Some(inline.as_ref()),
                MetaSchemaRef::Reference(name) => self.schemas.get(name),
            };
            if let Some(facet) = found {
                waiting.extend(&facet.all_of);
                facets.push(facet);
            }
        }
        facets
    }

    fn value(&mut self, schema: &'s MetaSchemaRef, value: &Value) {
        let facets = self.facets(schema);
        if value.is_null() && facets.iter().any(|facet| facet.nullable) {
            return;
        }
        if let Some(facet) = facets.iter().find(|facet| !facet.any_of.is_empty() || !facet.one_of.is_empty()) {
            return self.alternatives(facet, value);
        }
        let Some(kind) = facets.iter().find(|facet| !facet.ty.is_empty()) else {
            return self.free(value);
        };
        if kind.ty == "string" && value.is_number() && is_time(&self.pointer) {
            return self.mistake("type", format!("Send RFC 3339, for instance \"{AN_INSTANT}\", not a number."));
        }
        if !is_of(kind, value) {
            return self.mistake("type", format!("Send {}, not {}.", wanted(kind), sent(value)));
        }
        if let Some(facet) =
            facets.iter().find(|facet| !facet.enum_items.is_empty() && !facet.enum_items.contains(value))
        {
            return self.mistake("enum", format!("Send one of {}.", listed(&facet.enum_items)));
        }
        match value {
            Value::Null | Value::Bool(_) => {}
            Value::Number(number) => self.number(&facets, number),
            Value::String(text) => self.string(&facets, text),
            Value::Array(items) => self.array(&facets, items),
            Value::Object(members) => self.object(&facets, members),
        }
    }

    fn number(&mut self, facets: &[&MetaSchema], number: &serde_json::Number) {
        let value = number.as_f64().unwrap_or(f64::NAN);
        for facet in facets {
            let below = facet
                .minimum
                .is_some_and(|bound| value < bound || (value == bound && facet.exclusive_minimum == Some(true)));
            let above = facet
                .maximum
                .is_some_and(|bound| value > bound || (value == bound && facet.exclusive_maximum == Some(true)));
            let beyond =
                format_range(facet.format).is_some_and(|range| !number.as_i128().is_some_and(|n| range.contains(&n)));
            if below || above || beyond {
                return self.mistake("range", range_message(facet));
            }
        }
    }

    fn string(&mut self, facets: &[&MetaSchema], text: &str) {
        let max = facets.iter().filter_map(|facet| facet.max_length).min();
        let min = facets.iter().filter_map(|facet| facet.min_length).max().unwrap_or(0);
        let length = text.chars().count();
        match max {
            Some(max) if length > max => return self.mistake("too-long", format!("Send at most {max} characters.")),
            None if text.len() > STRING_MAX_BYTES => {
                return self.mistake("too-long", format!("Send at most {STRING_MAX_BYTES} bytes."));
            }
            Some(_) | None => {}
        }
        if length < min {
            return self.mistake("too-short", format!("Send at least {min} characters."));
        }
        self.characters(text);
        let is_time = facets.iter().any(|facet| facet.format == Some("date-time"));
        if is_time && DateTime::parse_from_rfc3339(text).is_err() {
            self.mistake("format", "Send a time as RFC 3339 has it, with an offset.");
        }
    }

    /// Tabs and line ends are text; the other controls have no place in any text of ours, and Postgres refuses NUL.
    fn characters(&mut self, text: &str) {
        let is_refused = |byte: u8| (byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r')) || byte == 0x7f;
        if text.bytes().any(is_refused) {
            self.mistake("control-character", "Send no control characters.");
        }
    }

    fn array(&mut self, facets: &[&'s MetaSchema], items: &[Value]) {
        let max = facets.iter().filter_map(|facet| facet.max_items).min().unwrap_or(ENTRIES_MAX);
        let min = facets.iter().filter_map(|facet| facet.min_items).max().unwrap_or(0);
        if items.len() > max {
            return self.mistake("too-many", format!("Send at most {max} items."));
        }
        if items.len() < min {
            self.mistake("too-few", format!("Send at least {min} items."));
        }
        if facets.iter().any(|facet| facet.unique_items == Some(true)) {
            let distinct: BTreeSet<String> = items.iter().map(Value::to_string).collect();
            if distinct.len() < items.len() {
                self.mistake("duplicate", "Send each item once.");
            }
        }
        let schema = facets.iter().find_map(|facet| facet.items.as_deref());
        for (index, item) in items.iter().enumerate() {
            self.within(
                |pointer| push_item(pointer, index),
                |walk| match schema {
                    Some(schema) => walk.value(schema, item),
                    None => walk.free(item),
                },
            );
        }
    }

    fn object(&mut self, facets: &[&'s MetaSchema], members: &Map<String, Value>) {
        let max = facets.iter().filter_map(|facet| facet.max_properties).min().unwrap_or(ENTRIES_MAX);
        if members.len() > max {
            return self.mistake("too-many", format!("Send at most {max} members."));
        }
        for name in facets.iter().flat_map(|facet| &facet.required) {
            if !members.contains_key(*name) {
                self.within(|pointer| push_member(pointer, name), |walk| walk.mistake("required", "Send this member."));
            }
        }
        for (name, value) in members {
            self.within(|pointer| push_member(pointer, name), |walk| walk.member(facets, name, value));
        }
    }

    fn member(&mut self, facets: &[&'s MetaSchema], name: &str, value: &Value) {
        let declared = facets.iter().flat_map(|facet| &facet.properties).find(|(known, _)| *known == name);
        if let Some((_, schema)) = declared {
            if self.facets(schema).iter().any(|facet| facet.read_only) {
                return self.mistake("read-only", "This member cannot be set.");
            }
            return self.value(schema, value);
        }
        self.characters(name);
        match facets.iter().find_map(|facet| facet.additional_properties.as_deref()) {
            Some(schema) => self.value(schema, value),
            None => {
                let known = facets.iter().flat_map(|facet| &facet.properties).map(|(known, _)| *known);
                let meant = meant(name, known).map(|meant| format!("There is no such member; did you mean {meant}?"));
                self.mistake("unknown-member", meant.unwrap_or_else(|| "There is no such member.".to_owned()));
            }
        }
    }

    /// The branch that the discriminator names; else the branch that fits, or comes nearest.
    fn alternatives(&mut self, facet: &'s MetaSchema, value: &Value) {
        if let Some(discriminator) = &facet.discriminator {
            let property = discriminator.property_name;
            let named = value.get(property).and_then(Value::as_str);
            let branch = discriminator.mapping.iter().find(|(name, _)| Some(name.as_str()) == named);
            let target = branch.and_then(|(_, reference)| reference.rsplit('/').next());
            let chosen = facet.any_of.iter().chain(&facet.one_of).find(|schema| match schema {
                MetaSchemaRef::Reference(name) => Some(name.as_str()) == target,
                MetaSchemaRef::Inline(_) => false,
            });
            if let Some(schema) = chosen {
                return self.value(schema, value);
            }
            let names: Vec<Value> = discriminator.mapping.iter().map(|(name, _)| Value::from(name.as_str())).collect();
            let message = format!("Send one of {}.", listed(&names));
            return self.within(|pointer| push_member(pointer, property), |walk| walk.mistake("enum", message));
        }
        let mut nearest: Option<Vec<FieldError>> = None;
        for schema in facet.any_of.iter().chain(&facet.one_of) {
            let mut attempt = Walk::new(self.schemas, self.pointer.clone());
            attempt.value(schema, value);
            if attempt.errors.is_empty() {
                return;
            }
            let is_other_kind =
                attempt.errors.iter().any(|error| error.code == "type" && error.pointer == self.pointer);
            if !is_other_kind && nearest.as_ref().is_none_or(|best| attempt.errors.len() < best.len()) {
                nearest = Some(attempt.errors);
            }
        }
        match (nearest, self.word_or(facet)) {
            (nearest, Some(either)) if value.is_string() || nearest.is_none() => {
                let (code, not) = match value.is_string() {
                    true => ("enum", String::new()),
                    false => ("type", format!(", not {}", sent(value))),
                };
                self.mistake(code, format!("Send {either}{not}."));
            }
            (Some(errors), _) => {
                self.errors.extend(errors.into_iter().take(ERRORS_MAX.saturating_sub(self.errors.len())))
            }
            (None, _) => self.mistake("type", format!("This cannot be {}.", sent(value))),
        }
    }

    /// A union of words and of what is no text, in words: `"all" or a list`.
    fn word_or(&self, facet: &'s MetaSchema) -> Option<String> {
        let (mut words, mut others) = (Vec::new(), Vec::new());
        for branch in facet.any_of.iter().chain(&facet.one_of) {
            let facets = self.facets(branch);
            match facets.iter().find(|facet| !facet.enum_items.is_empty()) {
                Some(closed) => words.push(listed(&closed.enum_items)),
                None => others.push(match facets.iter().find(|facet| !facet.ty.is_empty())?.ty {
                    "string" => return None,
                    "array" => "a list",
                    "object" => "an object",
                    _ => "a number",
                }),
            }
        }
        (!words.is_empty() && !others.is_empty()).then(|| format!("{} or {}", words.join(" or "), others.join(" or ")))
    }

    /// A value without a schema still keeps the limits of every value.
    fn free(&mut self, value: &Value) {
        match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
            Value::String(text) => self.string(&[], text),
            Value::Array(items) => self.array(&[], items),
            Value::Object(members) if members.len() > ENTRIES_MAX => {
                self.mistake("too-many", format!("Send at most {ENTRIES_MAX} members."));
            }
            Value::Object(members) => {
                for (name, member) in members {
                    self.within(
                        |pointer| push_member(pointer, name),
                        |walk| {
                            walk.characters(name);
                            walk.free(member);
                        },
                    );
                }
            }
        }
    }
}

/// `1.0`, `1e3` and `-0` are numbers but no integers: what is stored must be what was written.
fn is_of(schema: &MetaSchema, value: &Value) -> bool {
    match schema.ty {
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "number" => value.is_number(),
        "integer" if schema.format == Some("uint64") => value.is_u64() || value.is_i64(),
        "integer" => value.is_i64(),
        _ => true,
    }
}

#[cfg(test)]
#[path = "schema_tests.rs"]
mod tests;
