//! How failures look in the OpenAPI document: once, as the default answer of every operation.

use poem_openapi::{
    ApiResponse, Object,
    registry::{MetaMediaType, MetaResponse, MetaResponses, Registry},
    types::Type,
};

use super::{ErrorCode, PROBLEM_JSON, Problem};

/// How a failure with this code looks when nothing more is known of it.
pub(crate) fn example(code: ErrorCode) -> serde_json::Value {
    serde_json::to_value(Problem::new(code).0.body("req_02ymqnRGrIRsMkPrP9cNtL"))
        .expect("strings and numbers serialize")
}

/// How a request failed. `code` is one of a closed list; `type` links to the page that explains it.
#[derive(Object)]
#[oai(rename = "Problem")]
pub(super) struct ProblemDocument {
    /// The page that explains the code.
    r#type: String,
    /// What the code means, always in the same words.
    title: String,
    /// The HTTP status.
    status: u16,
    /// What happened to this request.
    detail: String,
    /// The code to act on.
    code: String,
    /// The id under which the request was logged.
    request_id: String,
    /// What in the input is not acceptable.
    errors: Option<Vec<ProblemErrorDocument>>,
    /// The permissions that the credential lacks.
    missing_permissions: Option<Vec<String>>,
    /// When to try again, in milliseconds.
    retry_after_ms: Option<u64>,
    /// Why a credential that was proven to be known no longer works.
    reason: Option<String>,
}

/// One thing in the input that is not acceptable.
#[derive(Object)]
#[oai(rename = "ProblemError")]
struct ProblemErrorDocument {
    /// A JSON pointer into the body, or `/query/<name>`.
    pointer: String,
    /// What kind of mistake.
    code: String,
    /// What is wrong and what would be accepted.
    message: String,
}

impl ApiResponse for Problem {
    fn meta() -> MetaResponses {
        MetaResponses {
            responses: vec![MetaResponse {
                description: "Any failure.",
                status: None,
                status_range: None,
                content: vec![MetaMediaType { content_type: PROBLEM_JSON, schema: ProblemDocument::schema_ref() }],
                headers: Vec::new(),
            }],
        }
    }

    fn register(registry: &mut Registry) {
        ProblemDocument::register(registry);
    }
}
