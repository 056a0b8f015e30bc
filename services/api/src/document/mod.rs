//! The OpenAPI document: what the code generates, completed from the route table and the examples; and the text for language models.

mod llms;
mod members;

use serde_json::{Map, Value, json};
use server::document::{Completion, Examples, Headers};

pub use self::llms::llms_text;

use crate::access::SCHEME;
use crate::page::PAGING;
use crate::query::Parameter;
use crate::resources::ROUTES;

/// The group of operations of which the document says nothing.
const HIDDEN_TAG: &str = "Root API Keys";
/// Answers whose members are `null` when they have nothing to say.
const NULLABLE_ANSWERS: [&str; 3] = ["VerifyAnswer", "VerdictCustomer", "TraceStep"];

/// Answers that come with the version of what they show.
const VERSIONED: [&str; 9] =
    ["Customer", "Domain", "ImportedKey", "Key", "KeyWithSecret", "Organization", "OwnPermission", "Policy", "Role"];

/// The document as it is served and committed, from what the generator wrote.
pub fn openapi(generated: &str) -> String {
    let mut document: Value = serde_json::from_str(generated).expect("the generator writes JSON");
    hide_what_is_for_server_admins(document["paths"].as_object_mut().expect("a document has paths"));
    if let Some(tags) = document["tags"].as_array_mut() {
        tags.retain(|tag| tag["name"] != HIDDEN_TAG);
    }
    let paths = document["paths"].as_object_mut().expect("a document has paths");
    for item in paths.values_mut() {
        let methods = item.as_object_mut().expect("a path has methods");
        for (method, operation) in methods.iter_mut() {
            complete(method, operation);
        }
    }
    let (requests, answers) =
        (include_str!("../../examples/requests.json"), include_str!("../../examples/answers.json"));
    let completion = Completion {
        nullable_answers: &NULLABLE_ANSWERS,
        members: members::of_this_api(),
        headers: Headers { versioned: &VERSIONED, has_limits: true },
        examples: Examples::read(requests, answers),
    };
    server::document::complete(document, &completion)
}

/// The console's own web app uses it, and nobody's key can.
fn hide_what_is_for_server_admins(paths: &mut Map<String, Value>) {
    for route in ROUTES.iter().filter(|route| route.operation.is_for_server_admins()) {
        let methods = paths.get_mut(&route.path).and_then(Value::as_object_mut).expect("every route is documented");
        methods.remove(&route.method.as_str().to_lowercase());
        if methods.is_empty() {
            paths.remove(&route.path);
        }
    }
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

fn query_parameter(parameter: &Parameter) -> Value {
    let (name, about) = (parameter.name, parameter.about.trim_start());
    let mut schema = (parameter.schema)();
    // Orders such as `-name` make no names in programs.
    let words = schema["enum"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let names: Vec<String> = words.map(variant_name).collect();
    if names.iter().any(|name| name.ends_with(DESCENDING)) {
        schema["x-enum-varnames"] = json!(names);
    }
    json!({"name": name, "in": "query", "required": false, "description": about, "schema": schema})
}

const DESCENDING: &str = "_DESCENDING";

fn variant_name(word: &str) -> String {
    let upper = |word: &str| word.to_ascii_uppercase();
    word.strip_prefix('-').map_or_else(|| upper(word), |word| upper(word) + DESCENDING)
}

fn header_parameter(name: &str, about: &str, is_required: bool) -> Value {
    let schema = json!({"type": "string", "minLength": 1, "maxLength": 255});
    json!({"name": name, "in": "header", "required": is_required, "description": about, "schema": schema})
}
