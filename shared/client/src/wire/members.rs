//! What a document says of the shapes of verification that their types do not: texts that the key service reads with clearer
//! errors than the framework, and closed sets of words.

use domain::hosts::HOST_CHARS_MAX;
use domain::names::TAG_CHARS_MAX;
use domain::verdict::Reason;
use domain::verify::step_names;
use serde_json::{Value, json};

/// Ids, with the letters that they start with.
const IDS: [(&str, &str); 8] = [
    ("QuestionRefused.request_id", "req"),
    ("RoleName.id", "role"),
    ("VerdictCustomer.id", "cus"),
    ("VerifyAnswer.key_id", "key"),
    ("VerifyAnswer.organization_id", "org"),
    ("VerifyAnswer.request_id", "req"),
    ("VerifyAnswer.secret_id", "sec"),
    ("VerifyRequest.organization", "org"),
];

/// Each as `Schema.member`, the name of its schema if it gets one of its own, and what is said of it.
pub fn members() -> Vec<(&'static str, Option<&'static str>, Value)> {
    let name = json!({"pattern": "^[a-z][a-z0-9_-]{0,39}$"});
    let checks: Vec<&str> = step_names().collect();
    let reasons = Reason::ALL.map(Reason::text);
    let id =
        |(at, letters): (&'static str, &str)| (at, None, json!({"pattern": format!("^{letters}_[0-9A-Za-z]{{22}}$")}));
    let rows = vec![
        ("VerifyRequest.domain", None, json!({"minLength": 1, "maxLength": HOST_CHARS_MAX})),
        ("VerifyRequest.tags[]", None, json!({"minLength": 1, "maxLength": TAG_CHARS_MAX})),
        ("LimitAsked.name", None, name),
        (
            "VerifyAnswer.reason",
            Some("VerifyReason"),
            json!({"type": "string", "enum": reasons, "description": "What a verdict rests on, more exactly."}),
        ),
        (
            "QuestionRefused.code",
            Some("QuestionCode"),
            json!({"type": "string", "enum": ["validation", "insufficient-permissions"], "description": "What is wrong."}),
        ),
        (
            "TraceStep.check",
            Some("Check"),
            json!({"type": "string", "enum": checks, "description": "A check, in the order in which they are made."}),
        ),
    ];
    IDS.into_iter().map(id).chain(rows).collect()
}
