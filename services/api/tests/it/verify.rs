//! Verification through the Integration API.

use domain::environment::Environment;
use reqwest::Method;
use serde_json::{Value, json};

use crate::access::{Cast, Example};
use crate::support::Installation;

/// Requests for the access matrix.
pub async fn example(cast: &Cast<'_>, operation: &str) -> Example {
    let question = json!({"key": cast.side.organization_key().secret()});
    if operation == "verify_keys" { Example::of(json!({"requests": [question]})) } else { Example::of(question) }
}

#[tokio::test]
async fn a_bad_question_of_a_batch_is_answered_by_itself() {
    let installation = Installation::start().await;
    let side = installation.side(Environment::Production);
    let (_, key) = side.create_key(json!({"name": "asked about", "permissions": ["documents.read"]})).await;
    let (_, asker) = side.create_key(json!({"name": "asker", "permissions": ["keys.verify"]})).await;
    let good = json!({"key": key.secret(), "permissions": {"any": ["documents.write", {"all": ["documents.read"]}]}});
    let ask = async |requests: Value| {
        side.ask(&asker, Method::POST, "/v1/keys/verify-batch", Some(json!({"requests": requests}))).await
    };
    let own_numbers = json!([{"name": "exports", "limit": 3, "window_ms": 60_000}]);
    for (bad, code, pointer) in [
        (json!("x"), "validation", ""),
        (json!({"key": "x", "more": 1}), "validation", "/more"),
        (json!({"key": key.secret(), "permissions": ["A"]}), "validation", "/permissions/0"),
        (json!({"key": key.secret(), "limits": [{"name": "nonsense"}]}), "validation", "/limits/0/name"),
        (json!({"key": key.secret(), "organization": "org_nobody"}), "validation", "/organization"),
        (json!({"key": key.secret(), "limits": own_numbers}), "insufficient-permissions", ""),
    ] {
        // The bad one stands where it is not the first that is asked.
        let answer = ask(json!([bad, good, bad])).await;
        assert_eq!(answer.status, 200, "{bad}: {}", answer.text);
        let results = answer.json()["results"].as_array().unwrap().clone();
        assert_eq!(results[1]["verdict"], "VALID", "{}", answer.text);
        for at in [0, 2] {
            let refused = &results[at];
            assert_eq!((&refused["code"], refused.get("verdict")), (&json!(code), None), "{refused}");
            assert_eq!(refused["errors"][0]["pointer"], json!(format!("/requests/{at}{pointer}")), "{refused}");
            assert_eq!(refused["request_id"], results[1]["request_id"]);
        }
    }
    let all_bad = ask(json!([{"key": 1}, {}])).await;
    assert_eq!((all_bad.status, all_bad.json()["results"].as_array().unwrap().len()), (200, 2));
    let single = json!({"key": key.secret(), "permissions": {"all": ["documents.read", {"any": ["A"]}]}});
    let single = side.ask(&asker, Method::POST, "/v1/keys/verify", Some(single)).await;
    assert_eq!((single.status, &single.json()["errors"][0]["pointer"]), (422, &json!("/permissions/all/1/any/0")));
    for (batch, pointer) in [(json!([]), "/requests"), (json!(vec![good; 101]), "/requests")] {
        let refused = ask(batch).await;
        assert_eq!((refused.status, &refused.json()["errors"][0]["pointer"]), (422, &json!(pointer)));
    }
}

#[tokio::test]
async fn groups_of_permissions_are_judged_as_they_are_written() {
    let installation = Installation::start().await;
    let side = installation.side(Environment::Development);
    let (_, key) = side.create_key(json!({"name": "reader", "permissions": ["documents.read", "keys.*"]})).await;
    let ask = async |permissions: Value| {
        let body = json!({"key": key.secret(), "permissions": permissions});
        let answer = side.root(Method::POST, "/v1/keys/verify", Some(body)).await;
        (answer["verdict"] == "VALID", answer["missing_permissions"].clone())
    };
    let none = json!([]);
    for (question, missing) in [
        (json!([]), &[] as &[&str]),
        (json!(["documents.read", "keys.create"]), &[]),
        (json!({"all": ["documents.read", "keys.create"]}), &[]),
        (json!({"any": ["documents.write", "keys.delete"]}), &[]),
        (json!({"any": ["documents.write", {"all": ["documents.read", {"any": ["keys.*"]}]}]}), &[]),
        (json!([{"any": ["documents.read"]}, {"any": ["keys.read", "a.b"]}]), &[]),
        (json!({"any": ["documents.write", "a.b"]}), &["documents.write", "a.b"]),
        (json!([{"any": ["documents.read", "a.b"]}, "documents.write"]), &["documents.write"]),
        (json!({"all": ["keys.read", {"any": [{"all": ["documents.read", "c.d"]}, "e.f"]}]}), &["c.d", "e.f"]),
        (json!(["organizations.create"]), &["organizations.create"]),
    ] {
        assert_eq!(ask(question.clone()).await, (missing.is_empty(), json!(missing)), "{question}");
    }
    assert_eq!(ask(json!({"all": ["documents.read"]})).await.1, none);
}
