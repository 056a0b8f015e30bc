//! The OpenAPI document: what the code generates, completed from the route table, and the text for language models.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use crate::access::SCHEME;
use crate::operation::Route;
use crate::page::PAGING;
use crate::query::Parameter;
use crate::resources::ROUTES;

/// Answers whose members are `null` when they have nothing to say.
const NULLABLE_ANSWERS: [&str; 2] = ["VerifyAnswer", "TraceStep"];

/// The document as it is served and committed, from what the generator wrote.
pub fn openapi(generated: &str) -> String {
    let mut document: Value = serde_json::from_str(generated).expect("the generator writes JSON");
    let paths = document["paths"].as_object_mut().expect("a document has paths");
    for item in paths.values_mut() {
        let methods = item.as_object_mut().expect("a path has methods");
        for (method, operation) in methods.iter_mut() {
            complete(method, operation);
        }
    }
    for name in NULLABLE_ANSWERS {
        let schema = &mut document["components"]["schemas"][name];
        let required = schema["required"].as_array().cloned().unwrap_or_default();
        for (member, schema) in schema["properties"].as_object_mut().into_iter().flatten() {
            if !required.iter().any(|name| name == member.as_str()) {
                *schema = nullable(schema.take());
            }
        }
    }
    server::document::close_request_objects(&mut document);
    let mut text = serde_json::to_string_pretty(&document).expect("a value is written");
    text.push('\n');
    text
}

/// Adds what the generator cannot know of an operation: parameters of the query, headers, the permission. Takes away the
/// mark of the operation, which is no security scheme.
fn complete(method: &str, operation: &mut Value) {
    let id = operation["operationId"].as_str().unwrap_or_default();
    let row = ROUTES.iter().find(|route| route.operation.id == id).expect("every handler is in the table").operation;
    if let Some(schemes) = operation["security"].as_array_mut() {
        schemes.retain(|scheme| scheme.get(SCHEME).is_some());
    }
    let mut parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
    let paging = if row.is_paged { PAGING } else { &[] };
    parameters.extend(paging.iter().chain(row.query).map(query_parameter));
    if method == "patch" {
        let about = "The ETag of the object that the change was decided on.";
        parameters.push(header_parameter("If-Match", about, true));
    }
    if row.is_idempotent {
        let about = "Sent again with the same key, the request is answered with the first answer; 24 hours.";
        parameters.push(header_parameter("Idempotency-Key", about, false));
    }
    operation["parameters"] = Value::Array(parameters);
    if let Some(permission) = row.permission {
        operation["x-permission"] = Value::String(permission.name().to_owned());
        let about = operation["description"].as_str().unwrap_or_default();
        let needed = format!("Needs the permission `{}`.", permission.name());
        let about = if about.is_empty() { needed } else { format!("{about}\n\n{needed}") };
        operation["description"] = Value::String(about);
    }
}

fn nullable(mut schema: Value) -> Value {
    if schema["$ref"].is_string() {
        return json!({"allOf": [schema], "nullable": true});
    }
    schema["nullable"] = Value::Bool(true);
    schema
}

fn query_parameter(parameter: &Parameter) -> Value {
    let (name, about) = (parameter.name, parameter.about.trim_start());
    json!({"name": name, "in": "query", "required": false, "description": about, "schema": (parameter.schema)()})
}

fn header_parameter(name: &str, about: &str, is_required: bool) -> Value {
    let schema = json!({"type": "string", "minLength": 1, "maxLength": 255});
    json!({"name": name, "in": "header", "required": is_required, "description": about, "schema": schema})
}

/// The same document as Markdown for language models: one section per operation.
pub fn llms_text(openapi: &str) -> String {
    let document: Value = serde_json::from_str(openapi).expect("the document is JSON");
    let mut text = String::from(INTRODUCTION);
    for route in ROUTES.iter() {
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
    let nested = || schema["allOf"].as_array()?.iter().find_map(|part| part["$ref"].as_str());
    let path = direct.or_else(nested)?;
    path.rsplit('/').next().map(str::to_owned)
}

fn plain(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
