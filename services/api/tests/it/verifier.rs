//! Keys that are adopted on their first use from the verifier that an organization has today.

use domain::environment::Environment;
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::access::{Cast, Example};
use crate::support::{Answer, Caller, Installation, Side, hours_ahead};
use crate::verifier_server::PresentVerifier;

/// Requests for the access matrix.
pub async fn example(cast: &Cast<'_>, operation: &str) -> Example {
    let body = input(testkit::ALLOWED_VERIFIER);
    if operation == "set_verifier" {
        return Example::of(body);
    }
    cast.side.root(Method::PUT, &cast.side.path("verifier"), Some(body)).await;
    Example::default()
}

/// A verifier at this origin.
pub fn input(origin: &str) -> Value {
    json!({
        "url": format!("{origin}/verify"),
        "key_in": {"member": "/key"},
        "headers": {"x-service-token": "the-token-of-the-verifier"},
        "body": {"api": "api_1"},
        "accepts": {"member": "/valid", "value": true},
        "ends_at": hours_ahead(24),
        "keys": {"name": "adopted", "permissions": ["documents.read"], "prefix": "acme"},
    })
}

pub fn foreign(number: u64) -> String {
    format!("acme_live_{:032}", u128::from(number) * 7_919_731_917 + 987_654_321)
}

pub async fn set(side: &Side, body: Value) -> Value {
    side.root(Method::PUT, &side.path("verifier"), Some(body)).await
}

pub async fn shown(side: &Side) -> Value {
    side.root(Method::GET, &side.path("verifier"), None).await
}

pub async fn verify(side: &Side, caller: &Caller, text: &str) -> Value {
    let answer = side.ask(caller, Method::POST, "/v1/keys/verify", Some(json!({"key": text}))).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()
}

pub async fn verdict(side: &Side, text: &str) -> String {
    verify(side, &side.organization_key(), text).await["verdict"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_text_becomes_a_key_on_its_first_use() {
    let server = PresentVerifier::start().await;
    let installation = Installation::with_verifier(&server.origin).await;
    let environment = Environment::Production;
    let side = installation.side(environment);
    let (own, text) = (side.organization_key(), foreign(1));
    server.know(&text);
    assert_eq!(verdict(side, &text).await, "MALFORMED", "nobody is asked before there is a verifier");
    let set = set(side, input(&server.origin)).await;
    assert_eq!((&set["state"], &set["header_names"]), (&json!("active"), &json!(["x-service-token"])));
    assert!(!set.to_string().contains("the-token"), "{set}");
    let (_, told) = installation.ask_key_service(environment, &json!({"key": text})).await;
    assert_eq!(told["verdict"], "MALFORMED", "the key service asks nobody");
    let answer = verify(side, &own, &text).await;
    assert_eq!((&answer["verdict"], &answer["permissions"]), (&json!("VALID"), &json!(["documents.read"])), "{answer}");
    let key = answer["key_id"].as_str().unwrap().to_owned();
    assert!(answer["name"].as_str().unwrap().starts_with("adopted "));
    let (action, details) = installation.last_event(environment).await;
    assert_eq!((action.as_str(), details.to_string().contains(&text)), ("key.adopted", false), "{details}");
    let (status, told) = installation.ask_key_service(environment, &json!({"key": text})).await;
    assert_eq!((status, &told["key_id"]), (200, &json!(key)), "from now on the key service knows it");
    for _ in 0..3 {
        assert_eq!(verify(side, &own, &text).await["key_id"], json!(key));
    }
    assert_eq!(server.asked().len(), 1);
    let asked = server.asked().remove(0);
    let (head, body) = asked.split_once("\r\n\r\n").unwrap();
    assert!(
        head.starts_with("POST /verify HTTP/1.1\r\n") && head.contains("x-service-token: the-token-of-the-verifier")
    );
    assert!(!head.contains(&text), "the text stands where it was told to, and nowhere else: {head}");
    assert_eq!(serde_json::from_str::<Value>(body).unwrap(), json!({"api": "api_1", "key": text}));
    let shown = shown(side).await;
    assert_eq!(shown["counts"], json!({"asked": 1, "accepted": 1, "refused": 0, "unsaid": 0, "unasked": 0}));
    let recent = &shown["recent"][0];
    assert_eq!(
        (&recent["outcome"], &recent["status"], &recent["key_id"]),
        (&json!("accepted"), &json!(200), &json!(key))
    );
    let renewed = side
        .root(Method::POST, &side.path(&format!("keys/{key}/regenerate")), Some(json!({"overlap_seconds": 600})))
        .await;
    assert!(renewed["secret"].as_str().unwrap().starts_with("acme_"));
    assert_eq!(verdict(side, &text).await, "VALID", "both do while they overlap");
}

#[tokio::test]
async fn a_refusal_is_remembered_and_another_verifier_asked_anew() {
    let server = PresentVerifier::start().await;
    let installation = Installation::with_verifier(&server.origin).await;
    let side = installation.side(Environment::Staging);
    set(side, input(&server.origin)).await;
    for _ in 0..3 {
        assert_eq!(verdict(side, &foreign(1)).await, "MALFORMED");
    }
    assert_eq!(server.asked().len(), 1);
    let shown = shown(side).await;
    assert_eq!((&shown["counts"]["refused"], &shown["recent"][0]["outcome"]), (&json!(1), &json!("refused")));
    assert!(!shown.to_string().contains(&foreign(1)), "{shown}");
    server.know(&foreign(1));
    assert_eq!(verdict(side, &foreign(1)).await, "MALFORMED", "it is remembered");
    set(side, input(&server.origin)).await;
    assert_eq!(verdict(side, &foreign(1)).await, "VALID");
    server.know(&foreign(2));
    let questions = [foreign(2), foreign(3), side.organization_key().secret().to_owned(), foreign(2)];
    let questions: Vec<Value> = questions.iter().map(|text| json!({"key": text})).collect();
    let body = Some(json!({"requests": questions}));
    let answer = side.ask(&side.organization_key(), Method::POST, "/v1/keys/verify-batch", body).await.json();
    let verdicts: Vec<&Value> = (0..4).map(|at| &answer["results"][at]["verdict"]).collect();
    assert_eq!(verdicts, ["VALID", "NOT_FOUND", "VALID", "VALID"]);
    assert_eq!(answer["results"][0]["key_id"], answer["results"][3]["key_id"]);
    let deleted = side.root(Method::DELETE, &side.path("verifier"), None).await;
    assert_eq!(deleted["counts"]["accepted"], 2);
    server.know(&foreign(4));
    assert_eq!(verdict(side, &foreign(4)).await, "NOT_FOUND", "nobody is asked any more");
    assert_eq!(side.ask(&side.organization_key(), Method::GET, &side.path("verifier"), None).await.status, 404);
}

#[tokio::test]
async fn a_key_that_ended_never_comes_back_by_asking() {
    let server = PresentVerifier::start().await;
    let installation = Installation::with_verifier(&server.origin).await;
    let side = installation.side(Environment::Production);
    set(side, input(&server.origin)).await;
    let ends: [(u64, &str, Method, &str); 2] =
        [(1, "REVOKED", Method::POST, "/revoke"), (2, "REVOKED", Method::DELETE, "")];
    for (number, ended, method, end) in ends {
        let text = foreign(number);
        server.know(&text);
        let key = verify(side, &side.organization_key(), &text).await["key_id"].as_str().unwrap().to_owned();
        side.root(method, &side.path(&format!("keys/{key}{end}")), None).await;
        assert_eq!(verdict(side, &text).await, ended);
    }
    // A rotation without an overlap ends the old secret.
    let text = foreign(3);
    server.know(&text);
    let key = verify(side, &side.organization_key(), &text).await["key_id"].as_str().unwrap().to_owned();
    side.root(Method::POST, &side.path(&format!("keys/{key}/regenerate")), Some(json!({}))).await;
    let asked = server.asked().len();
    side.root(Method::DELETE, &side.path("verifier"), None).await;
    set(side, input(&server.origin)).await;
    // Nor once what was retired or deleted is gone from the tables.
    installation.run(Environment::Production, "delete from secrets where hint is not null").await;
    for number in 1..=3 {
        assert_ne!(verdict(side, &foreign(number)).await, "VALID");
    }
    assert_eq!(server.asked().len(), asked, "nobody was asked about any of them again");
}

#[tokio::test]
async fn fifty_first_uses_at_once_make_one_key() {
    let server = PresentVerifier::start().await;
    let installation = Installation::with_verifier(&server.origin).await;
    let side = installation.side(Environment::Development);
    set(side, input(&server.origin)).await;
    let (text, own) = (foreign(1), side.organization_key());
    server.know(&text);
    let uses = join_all((0..50).map(|_| verify(side, &own, &text))).await;
    let keys: std::collections::BTreeSet<String> =
        uses.iter().map(|answer| answer["key_id"].as_str().unwrap_or_default().to_owned()).collect();
    assert_eq!((keys.len(), keys.contains("")), (1, false), "{uses:?}");
    assert_eq!(server.asked().len(), 1);
    let made =
        installation.count(Environment::Development, "select count(*) from keys where name like 'adopted %'").await;
    assert_eq!(made, 1);
}

#[tokio::test]
async fn a_root_key_says_whose_verifier_is_asked() {
    let server = PresentVerifier::start().await;
    let installation = Installation::with_verifier(&server.origin).await;
    let side = installation.side(Environment::Staging);
    set(side, input(&server.origin)).await;
    let text = foreign(1);
    server.know(&text);
    let (root, other) = (side.root_key(), side.other_organization_key());
    let ask = async |caller: &Caller, organization: Option<&str>| -> Answer {
        let mut body = json!({"key": text});
        if let Some(organization) = organization {
            body["organization"] = json!(organization);
        }
        side.ask(caller, Method::POST, "/v1/keys/verify", Some(body)).await
    };
    assert_eq!(ask(&root, None).await.json()["verdict"], "MALFORMED");
    let mut refusals = Vec::new();
    for organization in [side.organization(), "org_01000000000000000000ab", "org_0000000000000000000000", "acme"] {
        let refused = ask(&other, Some(organization)).await;
        assert_eq!(refused.json()["errors"][0]["pointer"], "/organization", "{}", refused.text);
        refusals.push(refused.without_request_id());
    }
    refusals.dedup();
    assert_eq!(refusals.len(), 1, "one that is there looks like one that is not");
    assert_eq!(ask(&other, None).await.json()["verdict"], "MALFORMED", "its own has none");
    assert_eq!(server.asked().len(), 0);
    assert_eq!(ask(&root, Some(side.organization())).await.json()["verdict"], "VALID");
    let (status, told) = installation
        .ask_key_service(Environment::Staging, &json!({"key": text, "organization": side.organization()}))
        .await;
    assert_eq!((status, &told["errors"][0]["pointer"]), (422, &json!("/organization")));
}
