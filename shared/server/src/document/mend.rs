//! Rewrites the shapes of which generators of clients lose half, into shapes that mean the same and are read by all.
//!
//! The framework writes a member that refers to a schema and has a description as `allOf: [{$ref}, {description}]`; several
//! generators read that as a new type without members, or give the whole schema up.

use serde_json::{Map, Value, json};

use super::reference_to;

/// Members whose texts are instants, whatever their type in the code: it reads them with clearer errors than the framework.
const INSTANT_ENDS: [&str; 4] = ["_at", "_before", "_since", "_until"];

/// Rewrites every schema, and gives each union of a member a name.
pub(super) fn mend(document: &mut Value) {
    visit(document, &mut simplify);
    let Some(schemas) = document["components"]["schemas"].as_object_mut() else { return };
    let mut named = Named(Map::new());
    for (owner, schema) in schemas.iter_mut() {
        named.name_word_of(schema);
        for (member, place) in schema.get_mut("properties").and_then(Value::as_object_mut).into_iter().flatten() {
            named.lift(owner, member, place);
        }
    }
    for (name, schema) in named.0 {
        let known = schemas.get(&name).is_none_or(|known| *known == schema);
        assert!(known, "{name} means two things in the document: give one of them a type with a name of its own");
        schemas.insert(name, schema);
    }
}

/// Visits what may be a schema, innermost first.
fn visit(place: &mut Value, mend: &mut impl FnMut(&mut Map<String, Value>)) {
    match place {
        Value::Object(members) => {
            members.values_mut().for_each(|member| visit(member, mend));
            mend(members);
        }
        Value::Array(items) => items.iter_mut().for_each(|item| visit(item, mend)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn simplify(schema: &mut Map<String, Value>) {
    write_whole_numbers(schema);
    join_parts(schema);
    if schema.get("default").is_some_and(Value::is_null) {
        schema.remove("default");
    }
}

/// Bounds of whole numbers are whole numbers, which the framework holds as floating-point numbers.
fn write_whole_numbers(schema: &mut Map<String, Value>) {
    for bound in ["minimum", "maximum"] {
        let whole = schema.get(bound).and_then(Value::as_f64).filter(|bound| bound.fract() == 0.0);
        if let Some(whole) = whole.filter(|whole| whole.abs() < 1e15) {
            #[expect(clippy::cast_possible_truncation, reason = "a whole number below 2^53")]
            schema.insert(bound.to_owned(), json!(whole as i64));
        }
    }
}

/// Makes one reference of a reference with parts that only describe it.
fn join_parts(schema: &mut Map<String, Value>) {
    let Some(Value::Array(parts)) = schema.get("allOf") else { return };
    let (references, others): (Vec<Value>, Vec<Value>) =
        parts.iter().cloned().partition(|part| part.get("$ref").is_some());
    let [reference] = &references[..] else { return };
    if others.iter().any(|part| part.get("properties").is_some()) {
        return;
    }
    schema.remove("allOf");
    for (key, value) in others.iter().filter_map(Value::as_object).flatten() {
        schema.entry(key).or_insert_with(|| value.clone());
    }
    refer(schema, reference.clone());
}

/// Makes a schema a reference, which keeps its description and whether it may be `null`.
fn refer(schema: &mut Map<String, Value>, reference: Value) {
    let is_nullable = schema.remove("nullable") == Some(Value::Bool(true));
    // A default that is an object says what leaving the member out says, and generators refuse it.
    if schema.get("default").is_some_and(|default| default.is_null() || default.is_object()) {
        schema.remove("default");
    }
    if is_nullable {
        schema.insert("oneOf".to_owned(), json!([reference, nothing()]));
    } else if schema.is_empty() {
        schema.insert("$ref".to_owned(), reference["$ref"].clone());
    } else {
        schema.insert("allOf".to_owned(), json!([reference]));
    }
}

/// `null` alone, as OpenAPI 3.0 says it: `nullable` beside a reference says nothing there. A `boolean`, since `orval` writes
/// code that does not compile of any other type.
pub(super) fn nothing() -> Value {
    json!({"type": "boolean", "nullable": true, "enum": [null]})
}

/// Schemas that get a name.
struct Named(Map<String, Value>);

impl Named {
    /// Names the union, the list of instants or the notes that a member is, at any depth of lists.
    fn lift(&mut self, owner: &str, member: &str, place: &mut Value) {
        if let Some(items) = place.get_mut("items") {
            return self.lift(owner, member, items);
        }
        let Some(schema) = place.as_object_mut() else { return };
        let is_typed = ["type", "oneOf", "anyOf", "allOf"].iter().any(|key| schema.contains_key(*key));
        if schema.get("nullable") == Some(&Value::Bool(true)) && !is_typed {
            schema.insert("type".to_owned(), json!("object"));
        }
        if is_text(schema) && (member == "not_before" || INSTANT_ENDS.iter().any(|end| member.ends_with(end))) {
            schema.insert("format".to_owned(), json!("date-time"));
        }
        if schema.get("type") == Some(&json!("object")) && schema.get("additionalProperties") == Some(&json!({})) {
            let notes = json!({"type": "object", "additionalProperties": {}, "description": "Your own notes: any JSON object."});
            schema.remove("type");
            schema.remove("additionalProperties");
            return self.put("Metadata", notes, schema);
        }
        let is_union = schema.get("oneOf").and_then(Value::as_array).is_some_and(|parts| !parts.contains(&nothing()));
        if is_union && let Some(Value::Array(mut parts)) = schema.remove("oneOf") {
            let name = union_name(owner, member, &parts);
            parts.iter_mut().for_each(|part| self.name_part(&name, part));
            self.put(&name, json!({"oneOf": parts}), schema);
        }
    }

    fn put(&mut self, name: &str, schema: Value, place: &mut Map<String, Value>) {
        if let Some(known) = self.0.insert(name.to_owned(), schema.clone()) {
            assert_eq!(known, schema, "{name} means two things in the document: give one of them a type of its own");
        }
        refer(place, reference_to(name));
    }

    /// A named union's own words.
    fn name_word_of(&mut self, schema: &mut Value) {
        for part in schema.get_mut("oneOf").and_then(Value::as_array_mut).into_iter().flatten() {
            self.name_part("", part);
        }
    }

    /// Names one word, or an object with members, of a union.
    fn name_part(&mut self, union: &str, part: &mut Value) {
        let word = part["enum"].as_array().filter(|words| words.len() == 1).and_then(|words| words[0].as_str());
        let member = part["properties"].as_object().and_then(|members| members.keys().next());
        let name = match (word, member) {
            (Some(word), _) => format!("{}Word", pascal_case(word)),
            (None, Some(member)) => format!("{union}{}", pascal_case(member)),
            (None, None) => return,
        };
        let Some(schema) = part.as_object_mut() else { return };
        let lifted = Value::Object(std::mem::take(schema));
        self.put(&name, lifted, schema);
    }
}

fn is_text(schema: &Map<String, Value>) -> bool {
    schema.get("type") == Some(&json!("string")) && !schema.contains_key("format") && !schema.contains_key("enum")
}

/// `AllOrDomains` for `"all"` or a list, wherever it is; otherwise after the member.
fn union_name(owner: &str, member: &str, parts: &[Value]) -> String {
    let is_all = |part: &Value| part["enum"] == json!(["all"]);
    let owner = if parts.iter().any(is_all) { "AllOr" } else { owner };
    format!("{owner}{}", pascal_case(member))
}

pub(super) fn pascal_case(snake: &str) -> String {
    let word = |word: &str| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_ascii_uppercase().to_string() + letters.as_str()).unwrap_or_default()
    };
    snake.split(['_', '-', '.']).map(word).collect()
}

/// The parts of a document that are referred to.
const KINDS: [&str; 3] = ["schemas", "responses", "headers"];

/// Removes what no operation refers to.
pub(super) fn prune(document: &mut Value) {
    let mut reached = std::collections::BTreeSet::new();
    let mut waiting: Vec<&Value> = vec![&document["paths"]];
    while let Some(place) = waiting.pop() {
        match place {
            Value::Object(members) => waiting.extend(members.values()),
            Value::Array(items) => waiting.extend(items),
            Value::String(text) => {
                let part = text.strip_prefix('#').and_then(|pointer| document.pointer(pointer));
                if let Some(part) = part.filter(|_| reached.insert(text.clone())) {
                    waiting.push(part);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    for kind in KINDS {
        if let Some(parts) = document["components"][kind].as_object_mut() {
            parts.retain(|name, _| reached.contains(&format!("#/components/{kind}/{name}")));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mended(members: Value) -> Value {
        let mut document = json!({"components": {"schemas": {"Key": {"properties": members}}}});
        mend(&mut document);
        document["components"]["schemas"].take()
    }

    #[test]
    fn a_described_reference_stays_one_reference() {
        let reference = reference_to("Kind");
        let schemas = mended(json!({
            "plain": {"allOf": [reference, {"description": "Why."}], "description": "Why."},
            "chosen": {"allOf": [reference, {"default": "other", "description": "Why."}], "default": "other"},
            "empty": {"allOf": [reference, {"nullable": true}], "nullable": true, "default": null},
            "bare": {"allOf": [reference]},
            "whole": {"allOf": [reference, {"properties": {"b": {}}}]},
        }));
        let members = &schemas["Key"]["properties"];
        assert_eq!(members["plain"], json!({"allOf": [reference], "description": "Why."}));
        assert_eq!(members["chosen"], json!({"allOf": [reference], "default": "other", "description": "Why."}));
        assert_eq!(members["empty"], json!({"oneOf": [reference, nothing()]}));
        assert_eq!(members["bare"], reference);
        assert_eq!(members["whole"]["allOf"].as_array().unwrap().len(), 2);
    }

    #[test]
    fn a_union_gets_a_name_and_so_do_its_words() {
        let all_or = json!({"oneOf": [{"enum": ["all"], "type": "string"}, {"type": "array", "items": {"type": "string"}}], "description": "Where."});
        let schemas = mended(
            json!({"domains": all_or, "need": {"oneOf": [{"type": "array"}, {"type": "object", "properties": {"any": {}}}]}}),
        );
        assert_eq!(
            schemas["Key"]["properties"]["domains"],
            json!({"allOf": [reference_to("AllOrDomains")], "description": "Where."})
        );
        assert_eq!(schemas["AllOrDomains"]["oneOf"][0], reference_to("AllWord"));
        assert_eq!(schemas["AllWord"], json!({"enum": ["all"], "type": "string"}));
        assert_eq!(schemas["KeyNeed"]["oneOf"][1], reference_to("KeyNeedAny"));
    }

    #[test]
    fn texts_that_are_instants_and_bounds_that_are_whole_say_so() {
        let schemas = mended(json!({
            "expires_at": {"type": "string"}, "hint": {"type": "string"},
            "limit": {"type": "integer", "maximum": 1_000_000_000.0, "minimum": 1.0}, "member": {"nullable": true},
        }));
        let members = &schemas["Key"]["properties"];
        assert_eq!(members["expires_at"]["format"], "date-time");
        assert!(members["hint"].get("format").is_none());
        assert_eq!(members["limit"]["maximum"].to_string(), "1000000000");
        assert_eq!(members["member"]["type"], "object");
    }

    #[test]
    fn what_nothing_refers_to_is_removed() {
        let mut document = json!({"paths": {"/a": reference_to("Used")}, "components": {"headers": {"ETag": {}}, "schemas": {
            "Used": {"properties": {"inner": reference_to("Inner")}}, "Inner": {}, "Loose": {"properties": {"a": reference_to("Loose")}}
        }}});
        prune(&mut document);
        let names: Vec<&String> = document["components"]["schemas"].as_object().unwrap().keys().collect();
        assert_eq!(names, ["Inner", "Used"]);
        assert_eq!(document["components"]["headers"], json!({}));
    }
}
