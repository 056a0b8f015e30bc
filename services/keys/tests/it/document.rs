//! The key service's own document: committed as the code says it, served without a token, and true to what is answered.

use std::fs;
use std::path::PathBuf;

use domain::permission::PermissionName;
use domain::policy::Policy;
use serde_json::{Map, Value, json};
use testkit::examples::{difference, shortened};
use testkit::keys_fixture::{KeysFixture, Replica, policy, wait_for};

fn path(name: &str) -> PathBuf {
    PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap()).join(name)
}

fn is_update() -> bool {
    std::env::var_os("CLAVIGER_UPDATE").is_some()
}

#[test]
fn the_committed_document_is_what_the_code_says() {
    let generated = keys::openapi_json();
    if is_update() {
        fs::write(path("openapi.json"), &generated).unwrap();
    }
    let committed = fs::read_to_string(path("openapi.json")).unwrap_or_default();
    assert!(generated == committed, "services/keys/openapi.json is out of date: run `make fix`");
}

#[tokio::test]
async fn every_example_is_accepted_and_answered_as_shown() {
    let bench = KeysFixture::start().await;
    let replica = &bench.replicas(1).await[0];
    let permissions = vec![PermissionName::parse("documents.read").unwrap()];
    let issued = bench.issue(Policy { permissions, ..policy() }).await;
    let requests = read("examples/requests.json");
    let mut answers = read("examples/answers.json");
    let document: Value = serde_json::from_str(&keys::openapi_json()).unwrap();
    let mut shown = Vec::new();
    for (place, item) in document["paths"].as_object().unwrap() {
        let id = item["post"]["operationId"].as_str().unwrap().to_owned();
        let request = requests.get(&id).unwrap_or_else(|| panic!("{id} has no example in examples/requests.json"));
        let request = made_current(request.clone(), &issued.secret, &bench.acme.to_string());
        let (status, answer) = bench.ask(replica, place, &request).await;
        assert_eq!(status, 200, "{id}: {answer}");
        let real = shortened(answer);
        let differs = answers.get(&id).map_or_else(|| Some("/".to_owned()), |answer| difference(answer, &real, ""));
        match differs {
            Some(_) if is_update() => drop(answers.insert(id.clone(), real)),
            Some(at) => panic!("{id}: the example of its answer differs at {at} from {real}; run `make fix`"),
            None => {}
        }
        shown.push(id);
    }
    let is_shown = |id: &String| shown.contains(id);
    assert!(requests.keys().all(is_shown) && answers.keys().all(is_shown), "an example is of no operation");
    if is_update() {
        fs::write(path("examples/answers.json"), serde_json::to_string_pretty(&answers).unwrap() + "\n").unwrap();
    }
}

#[tokio::test]
async fn the_pages_are_open_and_say_who_answers() {
    let bench = KeysFixture::start().await;
    let replica = &bench.replicas(1).await[0];
    let index: Value = get(replica, "/v1/").await.json().await.unwrap();
    assert_eq!((&index["name"], &index["environment"]), (&json!("Claviger key service"), &json!("staging")));
    for link in index["links"].as_object().unwrap().values() {
        assert_eq!(get(replica, link.as_str().unwrap()).await.status(), 200, "{link}");
    }
    let document: Value = get(replica, "/v1/openapi.json").await.json().await.unwrap();
    assert_eq!(document["components"]["securitySchemes"]["service_token"]["scheme"], "bearer");
    assert!(document["paths"].as_object().unwrap().keys().all(|path| !path.starts_with("/internal")));
}

#[tokio::test]
async fn the_pages_can_be_closed() {
    let bench = KeysFixture::start().await;
    let mut config = bench.config(1);
    config.server.public_docs = false;
    let replica = bench.replica(config).await;
    wait_for("readiness", async || bench.ready(&replica).await.0 == 200).await;
    for path in ["/v1/openapi.json", "/v1/docs"] {
        assert_eq!(get(&replica, path).await.status(), 404, "{path}");
    }
    let index: Value = get(&replica, "/v1/").await.json().await.unwrap();
    assert_eq!(index["links"], json!({}), "{index}");
}

async fn get(replica: &Replica, path: &str) -> reqwest::Response {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    http.get(format!("{}{path}", replica.url)).send().await.unwrap()
}

fn read(name: &str) -> Map<String, Value> {
    serde_json::from_str(&fs::read_to_string(path(name)).unwrap()).unwrap()
}

/// With a key and an organization that there are.
fn made_current(mut request: Value, secret: &str, organization: &str) -> Value {
    for question in request.get_mut("requests").and_then(Value::as_array_mut).into_iter().flatten() {
        question["key"] = json!(secret);
    }
    for (member, value) in [("key", secret), ("organization", organization)] {
        if request[member].is_string() {
            request[member] = json!(value);
        }
    }
    request
}
