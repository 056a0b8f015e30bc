//! Roles: named sets of permissions, given by whoever holds them, effective on the next request, gone when deleted.

use domain::environment::Environment;
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::access::{Cast, Example};
use crate::permissions::{add, verdict};
use crate::support::{Answer, Caller, Installation, Side};

/// Requests for the access matrix.
pub async fn example(cast: &Cast<'_>, operation: &str) -> Example {
    let name = cast.side.fresh("matrix");
    match operation {
        "list_roles" => Example::default(),
        "create_role" => Example::of(json!({"name": name})),
        _ => {
            let role = make(cast.side, &name, &["documents.read"]).await;
            let example = Example::at("role", &role);
            if operation == "update_role" { example.with(json!({"permissions": []})).seen("*") } else { example }
        }
    }
}

const REFUSED: &str = "INSUFFICIENT_PERMISSIONS";

/// A role's id.
async fn make(side: &Side, name: &str, permissions: &[&str]) -> String {
    let body = json!({"name": name, "permissions": permissions});
    let made = side.root(Method::POST, &side.path("roles"), Some(body)).await;
    made["id"].as_str().unwrap().to_owned()
}

async fn create(side: &Side, caller: &Caller, name: &str, permissions: &[&str]) -> Answer {
    let body = json!({"name": name, "permissions": permissions});
    side.ask(caller, Method::POST, &side.path("roles"), Some(body)).await
}

async fn change(side: &Side, caller: &Caller, role: &str, body: Value) -> Answer {
    side.change(caller, &side.path(&format!("roles/{role}")), Some(body), "*").await
}

async fn delete(side: &Side, role: &str) {
    side.root(Method::DELETE, &side.path(&format!("roles/{role}")), None).await;
}

async fn key(side: &Side, permissions: &[&str], roles: &[&str]) -> (String, Caller) {
    side.create_key(json!({"name": side.fresh("with roles"), "permissions": permissions, "roles": roles})).await
}

async fn create_key(side: &Side, caller: &Caller, mut body: Value) -> Answer {
    body["name"] = json!(side.fresh("made"));
    side.ask(caller, Method::POST, &side.path("keys"), Some(body)).await
}

async fn patch_key(side: &Side, caller: &Caller, key: &str, body: Value) -> Answer {
    side.change(caller, &side.path(&format!("keys/{key}")), Some(body), "*").await
}

async fn find_key(side: &Side, key: &str) -> Value {
    side.root(Method::GET, &side.path(&format!("keys/{key}")), None).await
}

#[track_caller]
fn assert_refused(answer: &Answer, status: u16, code: &str, told: &str) {
    assert_eq!((answer.status, answer.json()["code"].as_str().unwrap()), (status, code), "{}", answer.text);
    assert!(answer.text.contains(told), "{told}: {}", answer.text);
}

#[tokio::test]
async fn a_role_is_made_found_by_id_and_name_changed_and_deleted() {
    let installation = Installation::start().await;
    let side = installation.side(Environment::Production);
    let (path, root) = (side.path("roles"), side.root_key());
    let body = json!({"name": "Support desk", "description": "Looks.", "permissions": ["keys.read", "documents.read",
        "documents.read"]});
    let made = side.ask(&root, Method::POST, &path, Some(body)).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let role = made.json();
    assert_eq!((&role["name"], &role["description"]), (&json!("Support desk"), &json!("Looks.")));
    assert_eq!(role["permissions"], json!(["documents.read", "keys.read"]));
    let id = role["id"].as_str().unwrap();
    assert!(id.starts_with("role_"), "{id}");
    for reference in [id, "Support%20desk", "support%20DESK"] {
        assert_eq!(side.root(Method::GET, &format!("{path}/{reference}"), None).await, role, "{reference}");
    }
    assert_refused(&create(side, &root, "SUPPORT desk", &[]).await, 409, "conflict", "Another role");
    for (wrong, pointer) in [
        (json!({"name": ""}), "/name"),
        (json!({"name": id}), "/name"),
        (json!({"name": "x", "permissions": ["documents.gone"]}), "/permissions/0"),
        (json!({"name": "x", "permissions": ["organizations.create"]}), "/permissions/0"),
        (json!({"name": "x", "permissions": ["Documents"]}), "/permissions/0"),
        (json!({"name": "x", "roles": []}), "/roles"),
        (json!({"name": "x", "description": "x".repeat(501)}), "/description"),
    ] {
        let refused = side.ask(&root, Method::POST, &path, Some(wrong.clone())).await;
        assert_eq!((refused.status, &refused.json()["errors"][0]["pointer"]), (422, &json!(pointer)), "{wrong}");
    }
    let one = format!("{path}/{id}");
    let etag = side.ask(&root, Method::GET, &one, None).await.headers["etag"].to_str().unwrap().to_owned();
    let unversioned = side.ask(&root, Method::PATCH, &one, Some(json!({"description": "x"}))).await;
    assert_eq!(unversioned.status, 428);
    let wider = json!({"permissions": ["keys.read", "documents.write"]});
    let changed = side.change(&root, &one, Some(wider.clone()), &etag).await;
    assert_eq!((changed.status, &changed.json()["name"]), (200, &json!("Support desk")), "{}", changed.text);
    assert_eq!(side.change(&root, &one, Some(wider.clone()), &etag).await.status, 412);
    let newer = changed.headers["etag"].to_str().unwrap();
    assert_ne!(newer, etag);
    let same = side.change(&root, &one, Some(wider), newer).await;
    assert_eq!((same.status, same.headers["etag"].to_str().unwrap()), (200, newer), "nothing changed");
    make(side, "Other", &[]).await;
    let listed = side.root(Method::GET, &format!("{path}?text=support"), None).await;
    assert_eq!(listed["items"].as_array().unwrap().len(), 1, "{listed}");
    let page = side.root(Method::GET, &format!("{path}?limit=1"), None).await;
    assert_eq!(page["items"][0]["name"], "Other");
    assert!(page["next_cursor"].is_string());
    let (action, _) = installation.last_event(Environment::Production).await;
    assert_eq!(action, "role.created");

    let deleted = side.root(Method::DELETE, &one, None).await;
    assert_eq!(deleted["id"], json!(id));
    for reference in [id, "Support%20desk", "%00", "role_"] {
        for method in [Method::GET, Method::DELETE] {
            let path = format!("{path}/{reference}");
            assert_eq!(side.ask(&root, method.clone(), &path, None).await.status, 404, "{method} {path}");
        }
    }
    let (action, details) = installation.last_event(Environment::Production).await;
    assert_eq!((action.as_str(), details.to_string().contains("Support desk")), ("role.deleted", true));
}

#[tokio::test]
async fn a_creation_is_repeated_as_it_was_answered() {
    let installation = Installation::start().await;
    let side = installation.side(Environment::Staging);
    let body = json!({"name": "once", "permissions": ["documents.read"]});
    let (path, root) = (side.path("roles"), side.root_key());
    let first = side.ask_once(&root, &path, &body, "role-1").await;
    let again = side.ask_once(&root, &path, &body, "role-1").await;
    assert_eq!((first.status, again.status, first.json()), (201, 201, again.json()));
    let role = first.json()["id"].as_str().unwrap().to_owned();
    let body = json!({"name": "with a role", "roles": ["once"]});
    let first = side.ask_once(&root, &side.path("keys"), &body, "key-1").await;
    delete(side, &role).await;
    let again = side.ask_once(&root, &side.path("keys"), &body, "key-1").await;
    assert_eq!((again.status, &again.json()["key"]["roles"]), (201, &json!([{"id": role, "name": "once"}])));
    assert_eq!(again.json()["secret"], first.json()["secret"]);
    let id = first.json()["key"]["id"].as_str().unwrap().to_owned();
    assert_eq!(find_key(side, &id).await["roles"], json!([]), "the repetition gave nothing back");
}

#[tokio::test]
async fn a_key_has_what_its_roles_hold_and_says_where_from() {
    let installation = Installation::start().await;
    let side = installation.side(Environment::Production);
    let reader = make(side, "Reader", &["documents.read", "keys.read"]).await;
    let writer = make(side, "Writer", &["documents.write", "documents.read"]).await;
    let (id, caller) = key(side, &["keys.read"], &["writer", &reader, "READER"]).await;
    let found = find_key(side, &id).await;
    assert_eq!(found["permissions"], json!(["keys.read"]));
    let roles = json!([{"id": reader, "name": "Reader"}, {"id": writer, "name": "Writer"}]);
    assert_eq!(found["roles"], roles);
    let expected = json!([
        {"name": "documents.read", "from": [reader, writer]},
        {"name": "documents.write", "from": [writer]},
        {"name": "keys.read", "from": ["key", reader]},
    ]);
    assert_eq!(found["effective_permissions"], expected);
    let question = json!({"key": caller.secret(), "permissions": ["documents.write", "keys.read"]});
    let answer = side.root(Method::POST, "/v1/keys/verify", Some(question)).await;
    assert_eq!((&answer["verdict"], &answer["roles"]), (&json!("VALID"), &roles), "{answer}");
    assert_eq!(answer["permissions"], json!(["documents.read", "documents.write", "keys.read"]));
    let whoami = side.ask(&caller, Method::GET, "/v1/whoami", None).await.json();
    assert_eq!(whoami["permissions"], answer["permissions"]);
    let keys = side.path("keys");
    assert_eq!(
        side.ask(&caller, Method::GET, &keys, None).await.status,
        200,
        "what a role holds works at the API, too"
    );

    let narrowed = patch_key(side, &side.root_key(), &id, json!({"roles": ["Reader"]})).await;
    assert_eq!(narrowed.status, 200, "{}", narrowed.text);
    assert!(narrowed.json()["receipt"].is_object(), "it lost something");
    assert_eq!(verdict(side, &caller, "documents.write").await, REFUSED);
    let untouched = patch_key(side, &side.root_key(), &id, json!({"tags": ["x"]})).await;
    assert_eq!(untouched.json()["roles"], json!([{"id": reader, "name": "Reader"}]));
    let regenerated = side.root(Method::POST, &side.path(&format!("keys/{id}/regenerate")), None).await;
    assert_eq!(regenerated["key"]["roles"], json!([{"id": reader, "name": "Reader"}]));
    let none = patch_key(side, &side.root_key(), &id, json!({"roles": []})).await;
    assert_eq!((&none.json()["roles"], none.status), (&json!([]), 200));

    for (roles, pointer) in [
        (json!(["nobody's"]), "/roles/0"),
        (json!(["reader", "role_0"]), "/roles/1"),
        (json!(vec!["reader"; 21]), "/roles"),
        (json!(null), "/roles"),
        (json!("reader"), "/roles"),
    ] {
        for refused in [
            create_key(side, &side.root_key(), json!({"roles": roles})).await,
            patch_key(side, &side.root_key(), &id, json!({"roles": roles})).await,
        ] {
            assert_eq!((refused.status, &refused.json()["errors"][0]["pointer"]), (422, &json!(pointer)), "{roles}");
        }
    }
    let secret = side.foreign_secret();
    let import = json!({"key": {"name": "imported", "roles": ["writer"]}, "secret": secret});
    let imported = side.root(Method::POST, &side.path("keys/import"), Some(import)).await;
    assert_eq!(imported["key"]["roles"], json!([{"id": writer, "name": "Writer"}]));
    assert_eq!(verdict(side, &Caller::with(&secret), "documents.write").await, "VALID");
}

#[tokio::test]
async fn a_change_of_a_role_holds_on_the_next_request() {
    let installation = Installation::start().await;
    let side = installation.side(Environment::Development);
    let (role, root) = (make(side, "Changing", &[]).await, side.root_key());
    let keys = join_all((0..5).map(|_| key(side, &[], &["changing"]))).await;
    let all = async |permission: &str, expected: &str| {
        for (_, caller) in &keys {
            assert_eq!(verdict(side, caller, permission).await, expected, "{permission}");
        }
    };
    for _ in 0..3 {
        all("documents.read", REFUSED).await;
        assert_eq!(change(side, &root, &role, json!({"permissions": ["documents.*"]})).await.status, 200);
        all("documents.read", "VALID").await;
        assert_eq!(change(side, &root, &role, json!({"permissions": ["documents.write"]})).await.status, 200);
        all("documents.read", REFUSED).await;
        all("documents.write", "VALID").await;
        assert_eq!(change(side, &root, &role, json!({"permissions": []})).await.status, 200);
        all("documents.write", REFUSED).await;
    }
}

#[tokio::test]
async fn a_deleted_role_is_taken_from_its_keys_and_never_returns() {
    let installation = Installation::start().await;
    let side = installation.side(Environment::Production);
    let (id, caller) = {
        make(side, "Phoenix", &["documents.read"]).await;
        key(side, &[], &["phoenix"]).await
    };
    let mut seen = Vec::new();
    for _ in 0..3 {
        let found = side.root(Method::GET, &side.path("roles/phoenix"), None).await;
        seen.push(found["id"].as_str().unwrap().to_owned());
        delete(side, "Phoenix").await;
        assert_eq!(verdict(side, &caller, "documents.read").await, REFUSED);
        assert_eq!(find_key(side, &id).await["roles"], json!([]));
        make(side, "Phoenix", &["documents.read"]).await;
        assert_eq!(verdict(side, &caller, "documents.read").await, REFUSED, "another role of that name");
        let found = find_key(side, &id).await;
        assert_eq!((&found["roles"], &found["effective_permissions"]), (&json!([]), &json!([])));
        let by_id = create_key(side, &side.root_key(), json!({"roles": [seen.last()]})).await;
        assert_refused(&by_id, 422, "validation", "unknown-role");
        let unrelated = patch_key(side, &side.root_key(), &id, json!({"tags": [side.fresh("tag")]})).await;
        assert_eq!(unrelated.status, 200);
        assert_eq!(verdict(side, &caller, "documents.read").await, REFUSED);
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 3, "no id is given twice");
}

#[tokio::test]
async fn a_permission_given_up_counts_in_no_role_until_given_anew() {
    let installation = Installation::start().await;
    let side = installation.side(Environment::Staging);
    let (role, root) = (make(side, "Named", &["documents.read", "keys.read"]).await, side.root_key());
    make(side, "Family", &["documents.*"]).await;
    let (id, by_name) = key(side, &[], &["named"]).await;
    let (_, by_family) = key(side, &[], &["family"]).await;
    let both =
        async || [verdict(side, &by_name, "documents.read").await, verdict(side, &by_family, "documents.read").await];
    assert_eq!(both().await, ["VALID", "VALID"]);
    side.root(Method::DELETE, &side.path("permissions/documents.read"), None).await;
    assert_eq!(both().await, [REFUSED, REFUSED]);
    let path = side.path("roles/named");
    assert_eq!(side.root(Method::GET, &path, None).await["permissions"], json!(["keys.read"]));
    assert_eq!(find_key(side, &id).await["effective_permissions"], json!([{"name": "keys.read", "from": [role]}]));
    add(side, "documents.read").await;
    assert_eq!(both().await, [REFUSED, "VALID"], "wildcards stand for what there is");
    // A change of something else gives nothing back.
    assert_eq!(change(side, &root, &role, json!({"description": "changed"})).await.status, 200);
    assert_eq!(both().await, [REFUSED, "VALID"]);
    let anew = json!({"permissions": ["documents.read", "keys.read"]});
    assert_eq!(change(side, &root, &role, anew).await.status, 200);
    assert_eq!(both().await, ["VALID", "VALID"]);
}

#[tokio::test]
async fn a_role_is_given_by_whoever_holds_all_of_it() {
    let installation = Installation::start().await;
    let side = installation.side(Environment::Production);
    make(side, "Both", &["documents.read", "documents.write"]).await;
    make(side, "Nothing", &[]).await;
    let give = ["keys.create", "keys.update", "keys.regenerate"];
    let (_, part) = key(side, &[&give[..], &["documents.read"]].concat(), &[]).await;
    let (_, whole) = key(side, &[&give[..], &["documents.*"]].concat(), &[]).await;
    let (_, by_role) = key(side, &give, &["both"]).await;
    let (_, updater) = key(side, &["keys.update", "documents.read", "documents.write"], &[]).await;
    let (target, _) = key(side, &[], &[]).await;
    let wanted = || json!({"roles": ["both"]});
    for refused in [
        create_key(side, &part, wanted()).await,
        patch_key(side, &part, &target, wanted()).await,
        // Not by parts either: the permission that it holds, then the role with the rest.
        create_key(side, &part, json!({"permissions": ["documents.read"], "roles": ["nothing", "both"]})).await,
    ] {
        assert_refused(&refused, 403, "exceeds-grantor", "documents.write");
    }
    for caller in [&whole, &by_role] {
        assert_eq!(create_key(side, caller, wanted()).await.status, 201);
        let given = patch_key(side, caller, &target, wanted()).await;
        assert_eq!(given.status, 200, "{}", given.text);
        assert_eq!(
            patch_key(side, &part, &target, json!({"roles": []})).await.status,
            200,
            "taking away needs nothing"
        );
    }
    // A role in the place of what a key holds already allows more than that: it can be widened.
    let (has, _) = key(side, &["documents.read", "documents.write"], &[]).await;
    for roles in [json!(["both"]), json!(["nothing"])] {
        let swapped = patch_key(side, &updater, &has, json!({"permissions": [], "roles": roles})).await;
        assert_refused(&swapped, 403, "insufficient-permissions", "keys.create");
    }
    // What a role gives counts when a secret is handed out.
    let (strong, _) = key(side, &[], &["both"]).await;
    let path = side.path(&format!("keys/{strong}/regenerate"));
    assert_refused(&side.ask(&part, Method::POST, &path, None).await, 403, "exceeds-grantor", "documents.write");
    assert_eq!(side.ask(&whole, Method::POST, &path, None).await.status, 200);
}

#[tokio::test]
async fn a_role_is_widened_by_whoever_holds_all_that_results() {
    let installation = Installation::start().await;
    let side = installation.side(Environment::Staging);
    add(side, "pages.read").await;
    let role = make(side, "Wide", &["documents.read", "documents.write"]).await;
    let manage = ["roles.create", "roles.update", "roles.delete", "roles.read"];
    let (_, nothing) = key(side, &manage, &[]).await;
    let (_, reader) = key(side, &[&manage[..], &["documents.read"]].concat(), &[]).await;
    let (_, holder) = key(side, &manage, &["wide"]).await;
    for (caller, permissions, lacked) in [
        (&nothing, vec!["documents.read"], "documents.read"),
        (&reader, vec!["documents.read", "documents.write"], "documents.write"),
        (&reader, vec!["documents.*"], "documents.*"),
        (&reader, vec!["*"], "*"),
        (&reader, vec!["documents.read", "keys.create"], "keys.create"),
        (&holder, vec!["pages.read"], "pages.read"),
    ] {
        let name = side.fresh("made");
        assert_refused(&create(side, caller, &name, &permissions).await, 403, "exceeds-grantor", lacked);
        let narrows = permissions.iter().all(|name| ["documents.read", "documents.write"].contains(name));
        if !narrows {
            let refused = change(side, caller, &role, json!({"permissions": permissions})).await;
            assert_refused(&refused, 403, "exceeds-grantor", lacked);
        }
    }
    // One after another: each step is judged by the whole that results.
    let step = async |caller: &Caller, permissions: Value| {
        change(side, caller, &role, json!({"permissions": permissions})).await
    };
    assert_eq!(step(&reader, json!(["documents.write"])).await.status, 200, "taking away needs nothing");
    assert_refused(&step(&reader, json!(["documents.read", "documents.write"])).await, 403, "exceeds-grantor", "");
    assert_eq!(step(&reader, json!([])).await.status, 200);
    assert_eq!(step(&reader, json!(["documents.read"])).await.status, 200);
    // Guards may go by the name: who is to give it another one holds what is behind it.
    let rename = || json!({"name": "Administrator"});
    assert_refused(&change(side, &nothing, &role, rename()).await, 403, "exceeds-grantor", "documents.read");
    assert_eq!(change(side, &reader, &role, rename()).await.status, 200);
    // Its own role gives its holder nothing to widen it with.
    let own = json!({"permissions": ["documents.read", "documents.write"]});
    assert_refused(&change(side, &holder, &role, own).await, 403, "exceeds-grantor", "documents.write");
    let created = json!({"permissions": ["documents.read", "documents.own"], "create_permissions": true});
    assert_refused(&change(side, &reader, &role, created).await, 403, "insufficient-permissions", "permissions.create");
}

#[tokio::test]
async fn a_limited_key_changes_no_role_and_gives_within_its_limits() {
    let installation = Installation::start().await;
    let side = installation.side(Environment::Development);
    let customer = side.create_customer("limited").await;
    let role = make(side, "Shared", &["documents.read"]).await;
    let permissions = ["roles.create", "roles.update", "roles.delete", "roles.read", "keys.create", "documents.*"];
    let limited = json!({"name": "limited", "customers": [customer], "permissions": permissions});
    let (_, limited) = side.create_key(limited).await;
    let path = side.path(&format!("roles/{role}"));
    for refused in [
        create(side, &limited, "more", &["documents.read"]).await,
        change(side, &limited, &role, json!({"permissions": []})).await,
        side.ask(&limited, Method::DELETE, &path, None).await,
    ] {
        assert_refused(&refused, 403, "customer-not-allowed", "limited");
    }
    assert_eq!(side.ask(&limited, Method::GET, &path, None).await.status, 200);
    let wide = create_key(side, &limited, json!({"roles": ["shared"]})).await;
    assert_refused(&wide, 403, "exceeds-grantor", "customers");
    let within = create_key(side, &limited, json!({"roles": ["shared"], "customers": [customer]})).await;
    assert_eq!(within.status, 201, "{}", within.text);
}

#[tokio::test]
async fn roles_of_another_organization_are_as_good_as_absent() {
    let installation = Installation::start().await;
    let side = installation.side(Environment::Production);
    let role = make(side, "Secret role", &["documents.read"]).await;
    let other = side.other_organization_key();
    let whoami = side.ask(&other, Method::GET, "/v1/whoami", None).await.json();
    let theirs = format!("/v1/organizations/{}", whoami["organization_id"].as_str().unwrap());
    for reference in [role.as_str(), "Secret%20role"] {
        for base in [side.path("roles"), format!("{theirs}/roles")] {
            let path = format!("{base}/{reference}");
            assert_eq!(side.ask(&other, Method::GET, &path, None).await.status, 404, "{path}");
            assert_eq!(side.ask(&other, Method::DELETE, &path, None).await.status, 404, "{path}");
            let changed = side.change(&other, &path, Some(json!({"permissions": []})), "*").await;
            assert_eq!(changed.status, 404, "{path}");
        }
    }
    let absent = "role_0000000000000000000000";
    let mut refusals = Vec::new();
    for reference in [role.as_str(), absent] {
        let body = json!({"name": "theirs", "roles": [reference]});
        let refused = side.ask(&other, Method::POST, &format!("{theirs}/keys"), Some(body)).await;
        assert_eq!(refused.status, 422);
        refusals.push(refused.without_request_id().1.replace(reference, "…"));
    }
    assert_eq!(refusals[0], refusals[1], "no oracle");
    let listed = side.ask(&other, Method::GET, &format!("{theirs}/roles"), None).await;
    assert_eq!((listed.status, &listed.json()["items"]), (200, &json!([])));
    // The same name is theirs to use.
    let made = side.ask(&other, Method::POST, &format!("{theirs}/roles"), Some(json!({"name": "Secret role"}))).await;
    assert_eq!(made.status, 201, "{}", made.text);
}

#[tokio::test]
async fn fifty_changes_at_once_leave_what_the_last_of_them_says() {
    let installation = Installation::start().await;
    let side = installation.side(Environment::Production);
    let (role, root) = (make(side, "Contended", &[]).await, side.root_key());
    let keys = join_all((0..4).map(|_| key(side, &[], &["contended"]))).await;
    let path = side.path(&format!("roles/{role}"));
    let change = async |at: usize| {
        let permissions = if at.is_multiple_of(2) { json!(["documents.read"]) } else { json!([]) };
        let body = json!({"permissions": permissions, "description": format!("change {at}")});
        side.change(&root, &path, Some(body), "*").await.status
    };
    // A machine with other work answers some of them later: what is refused for that has changed nothing.
    let ask = async |at: usize| {
        let body = json!({"key": keys[at % keys.len()].1.secret(), "permissions": ["documents.read"]});
        let answer = side.ask(&root, Method::POST, "/v1/keys/verify", Some(body)).await;
        answer.json()["verdict"].as_str().map_or_else(|| answer.status.to_string(), str::to_owned)
    };
    for _ in 0..3 {
        let (changes, verdicts) = tokio::join!(join_all((0..50).map(change)), join_all((0..50).map(ask)));
        assert!(changes.iter().all(|status| [200, 412, 503].contains(status)), "{changes:?}");
        assert!(changes.contains(&200));
        assert!(verdicts.iter().all(|verdict| ["VALID", REFUSED, "503"].contains(&verdict.as_str())), "{verdicts:?}");
        let found = side.root(Method::GET, &path, None).await;
        let expected = if found["permissions"] == json!([]) { REFUSED } else { "VALID" };
        for (_, caller) in &keys {
            assert_eq!(verdict(side, caller, "documents.read").await, expected, "{found}");
        }
    }
    // Among givers and deleters nothing is left behind.
    let give = async |_| create_key(side, &root, json!({"roles": ["contended"]})).await;
    let (made, ()) = tokio::join!(join_all((0..50).map(give)), delete(side, &role));
    for made in made {
        assert!([201, 422, 503].contains(&made.status), "{}", made.text);
        if made.status == 201 {
            let caller = Caller::with(made.json()["secret"].as_str().unwrap());
            assert_eq!(verdict(side, &caller, "documents.read").await, REFUSED, "the role is gone");
        }
    }
}

#[tokio::test]
async fn at_most_200_roles_are_an_organizations() {
    let installation = Installation::start().await;
    let side = installation.side(Environment::Staging);
    let root = side.root_key();
    let create = async |at: usize| create(side, &root, &format!("role {at}"), &[]).await.status;
    for start in (0..200).step_by(20) {
        let made = join_all((start..start + 20).map(create)).await;
        assert!(made.iter().all(|status| *status == 201), "{made:?}");
    }
    let more = join_all((200..220).map(create)).await;
    assert!(more.iter().all(|status| *status == 409), "{more:?}");
    delete(side, "role%20199").await;
    let mut again = join_all((300..310).map(create)).await;
    again.sort_unstable();
    assert_eq!((again[0], again[1]), (201, 409), "one of ten");
}
