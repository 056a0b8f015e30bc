//! The examples of the document: each request is accepted as it stands, and each answer has the members of a real one.
//!
//! A new operation with a body has its request written by hand, in `examples/requests.json`. The answers in
//! `examples/answers.json` are written by this test (`make fix`), where they no longer look like the real ones.

use std::fs;

use api::operation::Route;
use api::resources::ROUTES;
use domain::environment::Environment;
use serde_json::{Map, Value, json};
use testkit::examples::{difference, move_ahead, shortened};

use crate::access::Cast;
use crate::support::{Answer, Caller, Installation, Side, manifest_dir};

#[tokio::test]
async fn every_example_is_accepted_and_answered_as_shown() {
    let installation = Installation::start().await;
    let cast = Cast::gather(&installation, Environment::Production).await;
    let document: Value = serde_json::from_str(&api::openapi_json()).unwrap();
    let (requests, mut answers) = (read("requests"), read("answers"));
    let is_update = std::env::var_os("CLAVIGER_UPDATE").is_some();
    let mut mistakes = Vec::new();
    for route in ROUTES.iter().filter(|route| !route.operation.is_for_server_admins()) {
        let id = route.operation.id;
        let shown = &document["paths"][&route.path][route.method.as_str().to_lowercase()];
        let takes_body = shown.get("requestBody").is_some();
        let request = requests.get(id);
        assert_eq!(request.is_some(), takes_body, "{id} takes a body or none: see services/api/examples/requests.json");
        let answer = ask(&cast, route, request).await;
        mistakes.extend(other_headers(id, shown, &answer));
        let real = shortened(answer.json());
        let differs = answers.get(id).map_or_else(|| Some("/".to_owned()), |answer| difference(answer, &real, ""));
        match differs {
            Some(_) if is_update => drop(answers.insert(id.to_owned(), real)),
            Some(at) => mistakes.push(format!("{id}: its answer differs at {at} from {real}; run `make fix`")),
            None => {}
        }
    }
    assert!(mistakes.is_empty(), "{}", mistakes.join("\n"));
    let is_gone = |id: &String| !ROUTES.iter().any(|route| route.operation.id == id);
    assert!(!requests.keys().any(is_gone), "an example in services/api/examples/requests.json is of no operation");
    if is_update {
        answers.retain(|id, _| !is_gone(id));
        fs::write(path("answers"), serde_json::to_string_pretty(&answers).unwrap() + "\n").unwrap();
    }
    assert!(!answers.keys().any(is_gone), "an example in answers.json is of no operation; run `make fix`");
}

fn path(name: &str) -> std::path::PathBuf {
    manifest_dir().join(format!("examples/{name}.json"))
}

fn read(name: &str) -> Map<String, Value> {
    serde_json::from_str(&fs::read_to_string(path(name)).unwrap()).unwrap()
}

/// Asks as the organization's own key, and as a root key where that may not.
async fn ask(cast: &Cast<'_>, route: &Route, request: Option<&Value>) -> Answer {
    let side = cast.side;
    let body = match request {
        Some(request) => Some(made_current(side, request.clone()).await),
        None => None,
    };
    let mut refusals = String::new();
    for caller in [side.organization_key(), side.root_key()] {
        let answer = cast.ask_as(&caller, route, body.clone()).await;
        if (200..300).contains(&answer.status) {
            return answer;
        }
        refusals += &format!("{} {}\n", answer.status, answer.text);
        assert!([403, 404].contains(&answer.status), "{}: {refusals}", route.operation.id);
    }
    panic!("{}: {refusals}", route.operation.id);
}

/// Moves instants ahead, so that what an example ends has not ended; and presents a key that there is.
async fn made_current(side: &Side, mut request: Value) -> Value {
    let questions = match request.get_mut("requests") {
        Some(Value::Array(questions)) => questions.iter_mut().collect(),
        _ => vec![&mut request],
    };
    for question in questions {
        if question["key"].is_string() {
            question["key"] = json!(presented(side).await.secret());
        }
    }
    move_ahead(&mut request);
    request
}

/// A key for which the examples of questions are right.
async fn presented(side: &Side) -> Caller {
    let body = json!({"name": side.fresh("presented"), "permissions": ["documents.read"], "metadata": {"team": "web"}});
    side.create_key(body).await.1
}

/// The headers that the document has and the answer has not, or the other way round.
fn other_headers(id: &str, shown: &Value, answer: &Answer) -> Vec<String> {
    let documented = &shown["responses"][answer.status.to_string()]["headers"];
    assert!(documented.is_object(), "{id}: the document has no {}", answer.status);
    let names = ["X-Request-Id", "X-Environment", "RateLimit", "RateLimit-Policy", "ETag"];
    let is_deletion = id.starts_with("delete_");
    let differs = |name: &&&str| {
        !(is_deletion && **name == "ETag") && documented.get(**name).is_some() != answer.headers.contains_key(**name)
    };
    let told =
        |name: &&str| format!("{id}: the header {name} is documented or sent, not both; see services/api/src/document");
    names.iter().filter(differs).map(told).collect()
}
