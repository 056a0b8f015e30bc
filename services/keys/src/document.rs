//! The document of a listener's public operations: the questions of services that hold the service token.

use client::wire::{BatchAnswer, BatchRequest, SpendLimitAnswer, SpendLimitRequest, VerifyAnswer, VerifyRequest};
use poem_openapi::ApiResponse;
use poem_openapi::registry::Registry;
use poem_openapi::types::Type;
use serde_json::{Value, json};
use server::document::{Completion, Examples, Headers, Member, reference_to};
use server::problem::Problem;

/// What the service is called in its document.
pub const NAME: &str = "Claviger key service";
const SCHEME: &str = "service_token";
const INTRODUCTION: &str = "The verdict about a presented key, for the services that guard an API. Every request takes the service \
    token of this environment, which may ask about the keys of every organization: compare `organization_id` in a verdict with \
    your own. Keys, customers and limits are managed through the Integration API.";

/// A public operation, as the document shows it.
struct Shown {
    path: &'static str,
    id: &'static str,
    tag: &'static str,
    summary: &'static str,
    about: &'static str,
    request: &'static str,
    answer: &'static str,
}

const OPERATIONS: [Shown; 3] = [
    Shown {
        path: "/v1/keys/verify",
        id: "verify_key",
        tag: "Verification",
        summary: "Verify a key",
        about: "200 for every verdict; another status only says that the question could not be answered.",
        request: "VerifyRequest",
        answer: "VerifyAnswer",
    },
    Shown {
        path: "/v1/keys/verify-batch",
        id: "verify_keys",
        tag: "Verification",
        summary: "Verify several keys",
        about: "Up to 100 questions, answered in their order.",
        request: "BatchRequest",
        answer: "BatchAnswer",
    },
    Shown {
        path: "/v1/limits/spend",
        id: "spend_limit",
        tag: "Limits",
        summary: "Spend a limit without a key",
        about: "Counts a request of somebody who has no key, exactly over all replicas.",
        request: "SpendLimitRequest",
        answer: "SpendLimitAnswer",
    },
];

/// The document, as it is committed and served.
pub fn openapi_json() -> String {
    let mut registry = Registry::new();
    VerifyRequest::register(&mut registry);
    VerifyAnswer::register(&mut registry);
    BatchRequest::register(&mut registry);
    BatchAnswer::register(&mut registry);
    SpendLimitRequest::register(&mut registry);
    SpendLimitAnswer::register(&mut registry);
    Problem::register(&mut registry);
    let mut schemas = serde_json::to_value(&registry.schemas).expect("schemas are written");
    // Its token is no organization's, so that the question has to say which.
    schemas["SpendLimitRequest"]["required"] = json!(["organization", "namespace", "identifier"]);
    let paths: serde_json::Map<String, Value> =
        OPERATIONS.iter().map(|shown| (shown.path.to_owned(), json!({"post": shown.operation()}))).collect();
    let scheme =
        json!({"type": "http", "scheme": "bearer", "description": "The service token of this environment's listener."});
    let document = json!({
        "info": {"title": NAME, "version": "1", "description": INTRODUCTION},
        "tags": [
            {"name": "Verification", "description": "The question that a guard asks about a presented key."},
            {"name": "Limits", "description": "Limits that hang on no key."},
        ],
        "paths": paths,
        "components": {"schemas": schemas, "securitySchemes": {SCHEME: scheme}},
    });
    let (requests, answers) = (include_str!("../examples/requests.json"), include_str!("../examples/answers.json"));
    let completion = Completion {
        nullable_answers: &["VerifyAnswer", "VerdictCustomer", "TraceStep"],
        members: client::wire::members().into_iter().map(Member::from).collect(),
        headers: Headers { versioned: &[], has_limits: false },
        examples: Examples::read(requests, answers),
    };
    server::document::complete(document, &completion)
}

impl Shown {
    fn operation(&self) -> Value {
        let body = |schema| json!({"application/json": {"schema": reference_to(schema)}});
        json!({
            "operationId": self.id,
            "tags": [self.tag],
            "summary": self.summary,
            "description": self.about,
            "security": [{SCHEME: []}],
            "requestBody": {"required": true, "content": body(self.request)},
            "responses": {"200": {"description": "Answered.", "content": body(self.answer)}},
        })
    }
}
