//! Permissions of an organization's own API: added by whoever may, granted by whoever holds them, gone when given up.

use domain::environment::Environment;
use reqwest::Method;
use serde_json::{Value, json};

use crate::access::{Cast, Example};
use crate::support::{Answer, Caller, Installation, Side};

/// Requests for the access matrix.
pub async fn example(cast: &Cast<'_>, operation: &str) -> Example {
    let name = format!("matrix.{}", cast.side.fresh_slug());
    match operation {
        "create_permission" => Example::of(json!({"name": name})),
        "delete_permission" => {
            add(cast.side, &name).await;
            Example::at("permission", &name)
        }
        _ => Example::default(),
    }
}

pub async fn add(side: &Side, name: &str) {
    side.root(Method::POST, &side.path("permissions"), Some(json!({"name": name}))).await;
}

async fn give_up(side: &Side, name: &str) {
    side.root(Method::DELETE, &side.path(&format!("permissions/{name}")), None).await;
}

async fn list(side: &Side) -> Vec<String> {
    let listed = side.root(Method::GET, &side.path("permissions"), None).await;
    let items = listed["items"].as_array().unwrap();
    items.iter().map(|item| item["name"].as_str().unwrap().to_owned()).collect()
}

async fn key(side: &Side, permissions: &[&str]) -> (String, Caller) {
    side.create_key(json!({"name": side.fresh("permitted"), "permissions": permissions})).await
}

async fn create(side: &Side, caller: &Caller, mut body: Value) -> Answer {
    body["name"] = json!(side.fresh("made"));
    side.ask(caller, Method::POST, &side.path("keys"), Some(body)).await
}

async fn patch(side: &Side, caller: &Caller, key: &str, body: Value) -> Answer {
    side.change(caller, &side.path(&format!("keys/{key}")), Some(body), "*").await
}

pub async fn verdict(side: &Side, key: &Caller, permission: &str) -> String {
    let body = json!({"key": key.secret(), "permissions": [permission]});
    let answer = side.ask(&side.root_key(), Method::POST, "/v1/keys/verify", Some(body)).await;
    answer.json()["verdict"].as_str().unwrap_or_else(|| panic!("{}", answer.text)).to_owned()
}

#[track_caller]
fn assert_refused(answer: &Answer, status: u16, code: &str, told: &str) {
    assert_eq!((answer.status, answer.json()["code"].as_str().unwrap()), (status, code), "{}", answer.text);
    assert!(answer.text.contains(told), "{told}: {}", answer.text);
}

#[tokio::test]
async fn an_own_permission_is_added_once_and_listed_by_name() {
    let installation = Installation::start().await;
    let side = installation.side(Environment::Production);
    let (path, root) = (side.path("permissions"), side.root_key());
    for name in ["2fa", "documents:export", "documents.pages.read"] {
        let made = side.root(Method::POST, &path, Some(json!({"name": name}))).await;
        assert_eq!(made, json!({"name": name}));
    }
    let listed = list(side).await;
    assert_eq!(listed, ["2fa", "documents.pages.read", "documents.read", "documents.write", "documents:export"]);
    let again = side.ask(&root, Method::POST, &path, Some(json!({"name": "2fa"}))).await;
    assert_refused(&again, 409, "conflict", "already");
    for (name, code) in [
        ("keys.spy", "reserved"),
        ("root_keys.spy", "reserved"),
        ("licenses:issue", "reserved"),
        ("documents.*", "wildcard"),
        ("*", "wildcard"),
        ("Documents.read", "permission"),
        (".read", "permission"),
        ("documents read", "permission"),
        ("d\u{43e}cuments.read", "permission"),
    ] {
        let refused = side.ask(&root, Method::POST, &path, Some(json!({"name": name}))).await;
        assert_eq!(refused.json()["errors"][0]["code"], code, "{name}: {}", refused.text);
        assert_eq!(refused.status, 422);
    }
    for absent in ["documents.gone", "keys.read", "*", "documents.*", "%00"] {
        let path = side.path(&format!("permissions/{absent}"));
        assert_eq!(side.ask(&root, Method::DELETE, &path, None).await.status, 404, "{absent}");
    }
    let found = side.root(Method::GET, &format!("/v1/organizations/{}", side.organization()), None).await;
    assert_eq!(found["permissions"], json!(listed));
}

#[tokio::test]
async fn at_most_200_permissions_are_an_organizations_own() {
    let installation = Installation::start().await;
    let side = installation.side(Environment::Staging);
    let names = |count: usize| (0..count).map(|number| format!("many.{number}")).collect::<Vec<_>>();
    let create = async |names: Vec<String>| {
        create(side, &side.root_key(), json!({"permissions": names, "create_permissions": true})).await
    };
    assert_refused(&create(names(199)).await, 409, "conflict", "200");
    assert_eq!(list(side).await.len(), 2, "all or none");
    assert_eq!(create(names(198)).await.status, 201);
    assert_eq!(list(side).await.len(), 200);
    let one = Some(json!({"name": "one.more"}));
    assert_refused(
        &side.ask(&side.root_key(), Method::POST, &side.path("permissions"), one).await,
        409,
        "conflict",
        "delete one first",
    );
}

#[tokio::test]
async fn an_unknown_permission_is_added_only_when_asked() {
    let installation = Installation::start().await;
    let side = installation.side(Environment::Development);
    add(side, "pages.read").await;
    let (target, _) = key(side, &[]).await;
    let (_, without) = key(side, &["keys.create", "keys.update", "pages.*"]).await;
    let (_, with) = key(side, &["keys.create", "keys.update", "pages.*", "permissions.create"]).await;
    let wanted = |name: &str| json!({"permissions": [name], "create_permissions": true});
    let customer = side.create_customer("limited").await;
    let limited = json!({"name": "limited", "customers": [customer],
        "permissions": ["keys.create", "keys.update", "pages.*", "permissions.create"]});
    let (_, limited) = side.create_key(limited).await;
    let within = |name: &str| json!({"permissions": [name], "create_permissions": true, "customers": [customer]});
    let (inside, _) = side.create_key(json!({"name": "inside", "customers": [customer]})).await;

    for silent in
        [json!({"permissions": ["pages.write"]}), json!({"permissions": ["pages.write"], "create_permissions": false})]
    {
        for answer in [create(side, &with, silent.clone()).await, patch(side, &with, &target, silent).await] {
            assert_refused(&answer, 422, "validation", "create_permissions");
            assert!(answer.text.contains("/permissions"), "{}", answer.text);
        }
    }
    for answer in [
        create(side, &without, wanted("pages.write")).await,
        patch(side, &without, &target, wanted("pages.write")).await,
    ] {
        assert_refused(&answer, 403, "insufficient-permissions", "permissions.create");
    }
    for answer in [
        create(side, &limited, within("pages.write")).await,
        patch(side, &limited, &inside, wanted("pages.write")).await,
    ] {
        assert_refused(&answer, 403, "customer-not-allowed", "");
    }
    // What the caller would not hold is not added either.
    for answer in
        [create(side, &with, wanted("books.read")).await, patch(side, &with, &target, wanted("books.read")).await]
    {
        assert_refused(&answer, 403, "exceeds-grantor", "books.read");
    }
    for reserved in ["keys.spy", "portal.read"] {
        assert_refused(&create(side, &with, wanted(reserved)).await, 422, "validation", "no permission");
    }
    assert_eq!(list(side).await, ["documents.read", "documents.write", "pages.read"]);

    assert_eq!(create(side, &with, wanted("pages.write")).await.status, 201);
    assert_eq!(patch(side, &with, &target, wanted("pages.print")).await.status, 200);
    assert_eq!(list(side).await, ["documents.read", "documents.write", "pages.print", "pages.read", "pages.write"]);
    let (action, _) = installation.last_event(Environment::Development).await;
    assert_eq!(action, "key.updated");
    assert_eq!(installation.count_events_with(Environment::Development, "\"names\":[\"pages.print\"]").await, 1);
    // What is there already is not added, and needs no leave.
    assert_eq!(create(side, &without, wanted("pages.write")).await.status, 201);
    // Another organization has nothing of it.
    let foreign = side.ask(&side.other_organization_key(), Method::GET, &side.path("permissions"), None).await;
    assert_eq!(foreign.status, 404);
}

#[tokio::test]
async fn a_permission_given_up_counts_no_more() {
    let installation = Installation::start().await;
    let side = installation.side(Environment::Production);
    let permissions = ["documents.read", "keys.create"];
    let (named, by_name) = key(side, &permissions).await;
    let (_, by_family) = key(side, &["documents.*"]).await;
    let (_, by_all) = key(side, &["*"]).await;
    let all = async |permission| {
        [
            verdict(side, &by_name, permission).await,
            verdict(side, &by_family, permission).await,
            verdict(side, &by_all, permission).await,
        ]
    };
    let refused = "INSUFFICIENT_PERMISSIONS".to_owned();
    for _ in 0..3 {
        assert_eq!(all("documents.read").await, ["VALID", "VALID", "VALID"]);
        give_up(side, "documents.read").await;
        assert_eq!(all("documents.read").await, [&*refused; 3]);
        let path = side.path(&format!("keys/{named}"));
        assert_eq!(side.root(Method::GET, &path, None).await["permissions"], json!(["keys.create"]));
        let found = async || {
            let listed = side.root(Method::GET, &side.path("keys?permission=documents.read"), None).await;
            listed["items"].as_array().unwrap().iter().any(|item| item["id"] == json!(named))
        };
        assert!(!found().await);

        // Under the same name it is another permission: nobody has it who was not given it anew.
        add(side, "documents.read").await;
        assert_eq!(all("documents.read").await, [&*refused, "VALID", "VALID"]);
        assert!(!found().await);
        let given = create(side, &by_name, json!({"permissions": ["documents.read"]})).await;
        assert_refused(&given, 403, "exceeds-grantor", "documents.read");
        for unrelated in [json!({"tags": [side.fresh("tag")]}), json!({"permissions": ["keys.create"]})] {
            assert_eq!(patch(side, &side.root_key(), &named, unrelated).await.status, 200);
        }
        assert_eq!(verdict(side, &by_name, "documents.read").await, refused);
        let again = patch(side, &side.root_key(), &named, json!({"permissions": permissions})).await;
        assert_eq!(again.status, 200, "{}", again.text);
        assert!(found().await);
    }
}

#[tokio::test]
async fn only_what_is_held_is_granted() {
    let installation = Installation::start().await;
    let side = installation.side(Environment::Staging);
    add(side, "pages.read").await;
    let give = ["keys.create", "keys.update"];
    let (_, nothing) = key(side, &give).await;
    let (_, reader) = key(side, &[&give[..], &["documents.read"]].concat()).await;
    let (_, family) = key(side, &[&give[..], &["documents.*"]].concat()).await;
    let (_, all) = key(side, &["*"]).await;
    let (target, _) = key(side, &[]).await;
    for (caller, granted, is_held) in [
        (&nothing, "documents.read", false),
        (&nothing, "keys.create", true),
        (&reader, "documents.read", true),
        (&reader, "documents.write", false),
        (&reader, "documents.*", false),
        (&family, "documents.write", true),
        (&family, "documents.*", true),
        (&family, "pages.read", false),
        (&family, "*", false),
        (&all, "pages.read", true),
        (&all, "pages.*", true),
        (&all, "*", true),
    ] {
        let body = json!({"permissions": [granted]});
        let made = create(side, caller, body.clone()).await;
        let changed = patch(side, caller, &target, body).await;
        if is_held {
            assert_eq!((made.status, changed.status), (201, 200), "{granted}: {} {}", made.text, changed.text);
            patch(side, &side.root_key(), &target, json!({"permissions": []})).await;
        } else {
            assert_refused(&made, 403, "exceeds-grantor", granted);
            assert_refused(&changed, 403, "exceeds-grantor", granted);
        }
    }
    for unknown in ["pages:*", "docs.*", "documents.read.*", "organizations.create"] {
        let refused = create(side, &all, json!({"permissions": [unknown]})).await;
        assert_refused(&refused, 422, "validation", "permission");
    }
}
