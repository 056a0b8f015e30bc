//! The committed document is what the code says, and the route table and the document name the same operations.

use std::path::PathBuf;

use api::operations::OPERATIONS;
use serde_json::Value;

fn committed_path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("openapi.json")
}

#[tokio::test]
async fn the_committed_document_is_what_the_code_says() {
    let generated = api::openapi_json().await.unwrap();
    if std::env::var_os("CLAVIGER_UPDATE").is_some() {
        std::fs::write(committed_path(), &generated).unwrap();
    }
    let committed = std::fs::read_to_string(committed_path()).unwrap();
    assert!(generated == committed, "services/api/openapi.json is out of date: run `make fix`");
}

#[tokio::test]
async fn every_route_has_its_row_and_every_row_its_route() {
    let document: Value = serde_json::from_str(&api::openapi_json().await.unwrap()).unwrap();
    let mut documented = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let path = path.replace('{', ":").replace('}', "");
            documented.push((operation["operationId"].as_str().unwrap().to_owned(), method.to_uppercase(), path));
        }
    }
    let mut rows: Vec<(String, String, String)> =
        OPERATIONS.iter().map(|row| (row.id.to_owned(), row.method.to_owned(), row.path.to_owned())).collect();
    documented.sort();
    rows.sort();
    assert_eq!(documented, rows);
}
