//! Says in the published document what the framework cannot: that a request's objects take no other members.

use std::collections::BTreeSet;

use serde_json::Value;

use super::COMPONENTS;

/// Adds `additionalProperties: false` to every object that a request body reaches, as `json` enforces it.
///
/// Parts of an `allOf` that bring members together stay open: closed, they would refuse each other's.
pub(super) fn close_request_objects(document: &mut Value) {
    let mut reached = BTreeSet::new();
    let mut parts = BTreeSet::new();
    let bodies = document["paths"].as_object().into_iter().flat_map(|paths| paths.values());
    let operations = bodies.filter_map(Value::as_object).flat_map(|path| path.values());
    let mut waiting: Vec<&Value> = operations.filter_map(|operation| operation.get("requestBody")).collect();
    while let Some(place) = waiting.pop() {
        let siblings: Vec<&Value> =
            place["allOf"].as_array().into_iter().flatten().filter(|part| has_members(part)).collect();
        if siblings.len() > 1 {
            parts.extend(siblings.into_iter().filter_map(component_of));
        }
        if let Some(name) = component_of(place)
            && reached.insert(name)
        {
            waiting.push(&document["components"]["schemas"][name]);
        }
        match place {
            Value::Object(members) => waiting.extend(members.values()),
            Value::Array(items) => waiting.extend(items),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let closed: Vec<String> = reached.difference(&parts).map(|name| (*name).to_owned()).collect();
    for name in closed {
        let schema = &mut document["components"]["schemas"][&name];
        let is_open_object = schema["type"] == "object"
            && ["anyOf", "oneOf", "allOf", "additionalProperties"].iter().all(|key| schema.get(key).is_none());
        if is_open_object {
            schema["additionalProperties"] = Value::Bool(false);
        }
    }
}

/// Says whether a part of an `allOf` brings members; one that only says `nullable` does not.
fn has_members(part: &Value) -> bool {
    part.get("$ref").is_some() || part.get("properties").is_some()
}

fn component_of(place: &Value) -> Option<&str> {
    place.get("$ref")?.as_str()?.strip_prefix(COMPONENTS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_requests_reach_is_closed_and_nothing_else() {
        let mut document = serde_json::json!({
            "paths": {"/x": {"post": {
                "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/New"}}}},
                "responses": {"200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Answer"}}}}}
            }}},
            "components": {"schemas": {
                "New": {"type": "object", "properties": {
                    "a": {"type": "array", "items": {"$ref": "#/components/schemas/Inner"}},
                    "b": {"allOf": [{"$ref": "#/components/schemas/Part"}, {"properties": {"kind": {}}}]},
                    "d": {"allOf": [{"$ref": "#/components/schemas/Alone"}, {"nullable": true}]},
                    "c": {"$ref": "#/components/schemas/Map"}
                }},
                "Inner": {"type": "object", "properties": {"again": {"$ref": "#/components/schemas/New"}}},
                "Part": {"type": "object"},
                "Alone": {"type": "object"},
                "Map": {"type": "object", "additionalProperties": {"type": "string"}},
                "Answer": {"type": "object"}
            }}
        });
        close_request_objects(&mut document);
        let schemas = &document["components"]["schemas"];
        assert_eq!(schemas["New"]["additionalProperties"], false);
        assert_eq!(schemas["Inner"]["additionalProperties"], false);
        assert_eq!(schemas["Alone"]["additionalProperties"], false);
        assert!(schemas["Part"].get("additionalProperties").is_none());
        assert!(schemas["Answer"].get("additionalProperties").is_none());
        assert!(schemas["Map"]["additionalProperties"].is_object());
    }
}
