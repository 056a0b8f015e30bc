//! The document as Markdown for language models.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use crate::operation::Route;
use crate::resources::ROUTES;

/// The same document as Markdown for language models: one section per operation.
pub fn llms_text(openapi: &str) -> String {
    let document: Value = serde_json::from_str(openapi).expect("the document is JSON");
    let mut text = String::from(INTRODUCTION);
    for route in ROUTES.iter().filter(|route| !route.operation.is_for_server_admins()) {
        let operation = &document["paths"][&route.path][route.method.as_str().to_lowercase()];
        write_operation(&mut text, route, operation);
    }
    text.push_str("\n## Shapes\n");
    let schemas = document["components"]["schemas"].as_object().cloned().unwrap_or_default();
    for (name, schema) in &schemas {
        write_schema(&mut text, name, schema);
    }
    text
}

const INTRODUCTION: &str = "# Claviger Integration API

> REST and JSON over HTTPS. Send a root key or an organization key of this endpoint's environment as
> `Authorization: Bearer <key>`. Errors are `application/problem+json` with a stable `code`. Lists answer
> `{items, next_cursor}` and take `limit` and `cursor`. Changes by PATCH need `If-Match` with the object's `ETag`.
> Creating POSTs take `Idempotency-Key`.

The full document is at /v1/openapi.json.

## Operations
";

fn write_operation(text: &mut String, route: &Route, operation: &Value) {
    let summary = operation["summary"].as_str().unwrap_or(route.operation.id);
    let about = operation["description"].as_str().unwrap_or_default();
    let _ = write!(text, "\n### {} {}\n\n{summary}. {about}\n", route.method, route.path);
    for parameter in operation["parameters"].as_array().into_iter().flatten() {
        let (name, place) = (&parameter["name"], &parameter["in"]);
        let about = parameter["description"].as_str().unwrap_or_default();
        let _ = writeln!(text, "- {} ({}) {about}", plain(name), plain(place));
    }
    let body = &operation["requestBody"]["content"]["application/json"]["schema"];
    if let Some(name) = reference(body) {
        let _ = writeln!(text, "- body: {name}");
    }
    for (status, response) in operation["responses"].as_object().into_iter().flatten() {
        let schema = &response["content"]["application/json"]["schema"];
        if let Some(name) = reference(schema) {
            let _ = writeln!(text, "- {status}: {name}");
        }
    }
}

fn write_schema(text: &mut String, name: &str, schema: &Value) {
    let about = schema["description"].as_str().unwrap_or_default();
    let _ = write!(text, "\n### {name}\n\n{about}\n");
    let none = Map::new();
    let required: Vec<&str> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for (member, schema) in schema["properties"].as_object().unwrap_or(&none) {
        let kind = reference(schema).or_else(|| schema["type"].as_str().map(str::to_owned)).unwrap_or_default();
        let about = schema["description"].as_str().unwrap_or_default();
        let need = if required.contains(&member.as_str()) { "" } else { ", optional" };
        let _ = writeln!(text, "- {member} ({kind}{need}) {about}");
    }
}

fn reference(schema: &Value) -> Option<String> {
    let direct = schema["$ref"].as_str();
    let parts = schema["allOf"].as_array().or_else(|| schema["oneOf"].as_array());
    let nested = || parts?.iter().find_map(|part| part["$ref"].as_str());
    let path = direct.or_else(nested)?;
    path.rsplit('/').next().map(str::to_owned)
}

fn plain(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
