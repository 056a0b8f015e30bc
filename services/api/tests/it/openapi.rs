//! The committed document is what the code says, and the route table and the document name the same operations.

use std::path::PathBuf;

use api::resources::ROUTES;
use serde_json::Value;

use crate::support::manifest_dir;

fn committed_path() -> PathBuf {
    manifest_dir().join("openapi.json")
}

#[test]
fn the_committed_document_is_what_the_code_says() {
    let generated = api::openapi_json();
    if std::env::var_os("CLAVIGER_UPDATE").is_some() {
        std::fs::write(committed_path(), &generated).unwrap();
    }
    let committed = std::fs::read_to_string(committed_path()).unwrap();
    assert!(generated == committed, "services/api/openapi.json is out of date: run `make fix`");
}

#[test]
fn every_route_has_its_row_and_every_row_its_route() {
    let document: Value = serde_json::from_str(&api::openapi_json()).unwrap();
    let mut documented = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            documented.push((
                operation["operationId"].as_str().unwrap().to_owned(),
                method.to_uppercase(),
                path.clone(),
            ));
        }
    }
    let row =
        |route: &api::operation::Route| (route.operation.id.to_owned(), route.method.to_string(), route.path.clone());
    let public = ROUTES.iter().filter(|route| !route.operation.is_for_server_admins());
    let mut rows: Vec<(String, String, String)> = public.map(row).collect();
    documented.sort();
    rows.sort();
    assert_eq!(documented, rows);
}
