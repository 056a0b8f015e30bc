//! The failures and the headers of every operation: which statuses it can answer, with their codes, and what comes beside a body.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::problem::{ErrorCode, PROBLEM_JSON, example};

/// The statuses with a name of their own in the document; every other failure is the `default`.
const STATUSES: [(u16, &str); 12] = [
    (400, "BadRequest"),
    (401, "Unauthorized"),
    (403, "Forbidden"),
    (404, "NotFound"),
    (409, "Conflict"),
    (412, "PreconditionFailed"),
    (413, "PayloadTooLarge"),
    (415, "UnsupportedMediaType"),
    (422, "UnprocessableContent"),
    (428, "PreconditionRequired"),
    (429, "TooManyRequests"),
    (503, "Unavailable"),
];
const FAILURE: &str = "Failure";

/// What the answers of a service come with.
#[derive(Debug, Clone, Copy)]
pub struct Headers<'a> {
    /// The schemas of answers that come with an `ETag`.
    pub versioned: &'a [&'a str],
    /// Whether answers tell what is left of the caller's own limits.
    pub has_limits: bool,
}

/// Names the failures of every operation, and the headers of all answers.
pub(super) fn complete(document: &mut Value, headers: Headers<'_>) {
    for item in document["paths"].as_object_mut().into_iter().flat_map(|paths| paths.values_mut()) {
        for (method, operation) in item.as_object_mut().into_iter().flatten() {
            let statuses = failures(method, operation);
            let Some(responses) = operation["responses"].as_object_mut() else { continue };
            for (_, answer) in responses.iter_mut().filter(|(status, _)| status.starts_with('2')) {
                answer["headers"] = headers.of(answer, method);
            }
            for (status, name) in STATUSES.iter().filter(|(status, _)| statuses.contains(status)) {
                responses.insert(status.to_string(), response(name));
            }
            responses.insert("default".to_owned(), response(FAILURE));
        }
    }
    document["components"]["headers"] = described();
    let mut named = serde_json::Map::new();
    for (status, name) in STATUSES {
        named.insert(name.to_owned(), headers.failure(Some(status)));
    }
    named.insert(FAILURE.to_owned(), headers.failure(None));
    document["components"]["responses"] = Value::Object(named);
}

/// What can go wrong with an operation, by what it takes.
fn failures(method: &str, operation: &Value) -> BTreeSet<u16> {
    let parameters = operation["parameters"].as_array().map(Vec::as_slice).unwrap_or_default();
    let has = |key: &str, wanted: &str| parameters.iter().any(|parameter| parameter[key] == wanted);
    let mut statuses = BTreeSet::from([400, 429, 503]);
    let mut when = |holds: bool, more: &[u16]| statuses.extend(more.iter().filter(|_| holds));
    when(operation.get("security").is_some(), &[401, 403]);
    when(has("in", "path"), &[404]);
    when(operation.get("requestBody").is_some(), &[413, 415, 422]);
    when(has("in", "query"), &[422]);
    when(has("name", "If-Match"), &[409, 412, 428]);
    when(has("name", "Idempotency-Key"), &[409, 422]);
    when(has("in", "path") && method != "get", &[409]);
    statuses
}

fn response(name: &str) -> Value {
    json!({"$ref": format!("#/components/responses/{name}")})
}

fn header(name: &str) -> Value {
    json!({"$ref": format!("#/components/headers/{name}")})
}

impl Headers<'_> {
    /// What is deleted has no version any more.
    fn of(&self, answer: &Value, method: &str) -> Value {
        let mut headers = self.of_all();
        let schema = &answer["content"]["application/json"]["schema"]["$ref"];
        let name = schema.as_str().and_then(|path| path.rsplit('/').next()).unwrap_or_default();
        if self.versioned.contains(&name) && method != "delete" {
            headers["ETag"] = header("ETag");
        }
        headers
    }

    fn of_all(&self) -> Value {
        let mut headers = json!({"X-Request-Id": header("X-Request-Id"), "X-Environment": header("X-Environment")});
        if self.has_limits {
            headers["RateLimit-Policy"] = header("RateLimit-Policy");
            headers["RateLimit"] = header("RateLimit");
        }
        headers
    }

    fn failure(&self, status: Option<u16>) -> Value {
        let codes: Vec<ErrorCode> = match status {
            Some(status) => ErrorCode::ALL.iter().copied().filter(|code| code.status().as_u16() == status).collect(),
            None => vec![ErrorCode::Internal],
        };
        let mut headers = self.of_all();
        if matches!(status, Some(429 | 503) | None) {
            headers["Retry-After"] = header("Retry-After");
        }
        if status == Some(401) {
            headers["WWW-Authenticate"] = header("WWW-Authenticate");
        }
        let content =
            json!({"schema": super::reference_to("Problem"), "example": codes.first().map(|code| example(*code))});
        json!({"description": about(status, &codes), "headers": headers, "content": {PROBLEM_JSON: content}})
    }
}

fn about(status: Option<u16>, codes: &[ErrorCode]) -> String {
    if status.is_none() {
        return "Any other failure, in the same form.".to_owned();
    }
    let names: Vec<String> = codes.iter().map(|code| format!("`{}`", code.name())).collect();
    format!("With one of the codes {}.", names.join(", "))
}

fn described() -> Value {
    let text = |about: &str, is_required: bool, sample: &str| json!({"description": about, "required": is_required, "schema": {"type": "string"}, "example": sample});
    json!({
        "X-Request-Id": text("The id under which the request was logged.", true, "req_01KB7Q5M2T3V4W5X6Y7Z8A"),
        "X-Environment": text("The environment that answers.", true, "production"),
        "RateLimit-Policy": text("The caller's own limits: each with its quota, and its window in seconds. Absent for a caller without limits.", false, "\"requests\";q=1000;w=60"),
        "RateLimit": text("What is left of the caller's own limits, and in how many seconds more is.", false, "\"requests\";r=999;t=60"),
        "ETag": text("The version of the object, for `If-Match`.", true, "\"1\""),
        "WWW-Authenticate": text("How to authenticate, as RFC 6750 has it.", true, "Bearer error=\"invalid_token\""),
        "Retry-After": {"description": "In how many seconds to try again, where waiting helps.", "required": false, "schema": {"type": "integer", "minimum": 1}, "example": 1},
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_operation_takes_says_what_can_go_wrong() {
        let plain = json!({});
        assert_eq!(failures("get", &plain), BTreeSet::from([400, 429, 503]));
        let list = json!({"security": [], "parameters": [{"in": "path", "name": "a"}, {"in": "query", "name": "b"}]});
        assert_eq!(failures("get", &list), BTreeSet::from([400, 401, 403, 404, 422, 429, 503]));
        let change = json!({"requestBody": {}, "parameters": [{"in": "header", "name": "If-Match"}]});
        let statuses = failures("patch", &change);
        assert!([409, 412, 413, 415, 422, 428].iter().all(|status| statuses.contains(status)));
    }

    #[test]
    fn every_client_error_of_ours_is_told_somewhere() {
        let untold = ErrorCode::ALL.iter().map(|code| code.status().as_u16());
        let untold: BTreeSet<u16> = untold.filter(|status| !STATUSES.iter().any(|(told, _)| told == status)).collect();
        // What no operation says of itself: the method, the target, the headers, what is accepted, and a bug.
        assert_eq!(untold, BTreeSet::from([405, 406, 414, 431, 500]));
    }
}
