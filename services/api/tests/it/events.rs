//! The action log: every change leaves the one entry that its operation declares, and no entry holds a secret.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::PathBuf;

use api::operation::Route;
use api::resources::ROUTES;
use domain::environment::Environment;
use serde_json::Value;

use crate::access::Cast;
use crate::support::{Installation, manifest_dir};

fn changes() -> impl Iterator<Item = (&'static str, &'static Route)> {
    ROUTES.iter().filter_map(|route| Some((route.operation.action?, route)))
}

fn repository() -> PathBuf {
    manifest_dir().join("../..")
}

#[tokio::test]
async fn every_change_leaves_the_event_that_it_declares() {
    let installation = Installation::start().await;
    let environment = Environment::Development;
    let cast = Cast::gather(&installation, environment).await;
    for (action, route) in changes() {
        let answer = match route.operation.id {
            // It changes nothing before it is confirmed.
            "bulk_revoke_keys" => crate::bulk_revoke::revoke_one(cast.side).await,
            _ if route.operation.is_for_server_admins() => cast.ask(route, "server-admin").await,
            _ => cast.ask(route, "root").await,
        };
        let (logged, details) = installation.last_event(environment).await;
        assert_eq!(logged, action, "{} {}", route.operation.id, answer.text);
        if let Some(secret) = answer.json()["secret"].as_str() {
            assert_eq!(installation.count_events_with(environment, secret).await, 0, "{action}: {details}");
        }
        assert!(!details.to_string().contains("\"secret\":"), "{action}: {details}");
    }
}

#[test]
fn each_action_is_declared_once_and_no_other_is_logged() {
    let mut declared = BTreeSet::new();
    for (action, route) in changes() {
        assert!(declared.insert(action), "{action} is declared again by {}", route.operation.id);
    }
    let mut sources = vec![repository().join("services"), repository().join("shared/testkit")];
    let mut logged = 0;
    while let Some(path) = sources.pop() {
        if path.is_dir() && !path.ends_with("tests") {
            sources.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            // The console's own log has actions of its own.
            if text.contains("store::control") {
                continue;
            }
            for action in text.split("Event::of(\"").skip(1).filter_map(|rest| rest.split_once('"')) {
                logged += 1;
                assert!(declared.contains(action.0), "{}: {} is not declared", path.display(), action.0);
            }
        }
    }
    assert!(logged > 0, "the commands of the installation log events, too");
}

#[test]
fn the_page_of_events_is_what_the_operations_declare() {
    let document: Value = serde_json::from_str(&api::generated_openapi_json()).unwrap();
    let mut rows: Vec<String> = Vec::new();
    for (action, route) in changes() {
        let operation = &document["paths"][&route.path][route.method.as_str().to_lowercase()];
        let summary = operation["summary"].as_str().unwrap();
        rows.push(format!("| `{action}` | {summary} | `{}` |", route.operation.id));
    }
    rows.sort();
    let mut page = String::from(PAGE);
    for row in rows {
        let _ = writeln!(page, "{row}");
    }
    let path = repository().join("docs/events.md");
    if std::env::var_os("CLAVIGER_UPDATE").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    assert!(std::fs::read_to_string(&path).unwrap_or_default() == page, "docs/events.md: run `make fix` and review");
}

const PAGE: &str = "# Events

The action log of an organization has one entry for each change, written by the transaction that made it. An entry names
the actor, the request, the address, the action and the id of what changed, and keeps in `details.changed` each member that
differs in the answer of the API, with its value `before` and `after`; one of the two is missing where the thing did not exist
before or does not any more. `updated_at` is left out: the entry has its own time. No entry holds a secret or a hash. Some
say more: `reason` and `note` of a revocation, `overlap_seconds` of a regeneration, `revoked_keys` and `narrowed_keys` of
a customer or domain that is gone, `revoked_keys` and `selection` of a revocation of many, `key_id` of a secret.

An import of many keys writes `key.imported` for each of them beside `keys.imported`. Any import can write one more,
`secret.duplicated`, in the logs of both organizations: the imported secret is one that another organization holds, and it
is refused for both until they regenerate their keys.

A verification can write `key.adopted`: the organization's verifier accepted a text that was unknown here, which is that key's
secret from now on. Its actor is `system:adoption`.

This page is made of what the operations declare: `make fix`.

| action | what was done | operation |
| --- | --- | --- |
";
