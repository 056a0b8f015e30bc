//! Many keys revoked at once: what a dry run counts, what a token is good for, and who reaches what.

use std::time::Duration;

use domain::environment::Environment;
use reqwest::Method;
use serde_json::{Value, json};

use crate::keys::verify;
use crate::support::{Answer, Caller, Installation, Side};

async fn bulk(side: &Side, caller: &Caller, body: Value) -> Answer {
    side.ask(caller, Method::POST, &side.path("keys/bulk-revoke"), Some(body)).await
}

/// The same body with a token.
fn confirmed(body: &Value, token: &Value) -> Value {
    let mut body = body.clone();
    body["confirm"] = token.clone();
    body
}

async fn dry_run(side: &Side, caller: &Caller, body: &Value) -> Value {
    let answer = bulk(side, caller, body.clone()).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let answer = answer.json();
    assert_eq!((&answer["is_dry_run"], &answer["receipt"]), (&json!(true), &Value::Null));
    answer
}

async fn keys_with(side: &Side, tag: &str, count: usize) -> Vec<(String, Caller)> {
    let mut keys = Vec::new();
    for _ in 0..count {
        keys.push(side.create_key(json!({"name": side.fresh("bulk"), "tags": [tag]})).await);
    }
    keys
}

/// A revocation of one key as the root key, confirmed.
pub async fn revoke_one(side: &Side) -> Answer {
    let (key, _) = side.create_key(json!({"name": side.fresh("one of many")})).await;
    let body = json!({"select": {"keys": [key]}});
    let token = dry_run(side, &side.root_key(), &body).await["confirm"].clone();
    bulk(side, &side.root_key(), confirmed(&body, &token)).await
}

#[tokio::test]
async fn what_the_dry_run_counted_is_revoked() {
    let installation = Installation::start().await;
    let side = installation.side(Environment::Production);
    let root = side.root_key();
    let customer = side.create_customer("Counted").await;
    let mut keys = keys_with(side, "old", 2).await;
    let body = json!({"name": "of a customer", "tags": ["old"], "customers": [customer]});
    keys.push(side.create_key(body).await);
    let (_, bystander) = side.create_key(json!({"name": "bystander", "tags": ["new"]})).await;
    let body = json!({"select": {"tag": "old"}, "reason": "unused", "note": "nobody asked"});
    let shown = dry_run(side, &root, &body).await;
    assert_eq!(
        [&shown["keys"], &shown["customers"], &shown["calls_last_24_hours"]],
        [3, 1, 0].map(Value::from).each_ref()
    );
    assert_eq!(verify(side, keys[0].1.secret()).await["verdict"], "VALID", "a dry run changes nothing");
    let late = keys_with(side, "old", 1).await;

    let done = bulk(side, &root, confirmed(&body, &shown["confirm"])).await;
    assert_eq!(done.status, 200, "{}", done.text);
    let done = done.json();
    assert_eq!((&done["is_dry_run"], &done["keys"], &done["keys_remaining"]), (&json!(false), &json!(3), &json!(0)));
    assert_eq!((&done["confirm"], &done["receipt"]["effective_within_ms"]), (&Value::Null, &json!(0)));
    let mut ids: Vec<&str> = keys.iter().map(|(id, _)| id.as_str()).collect();
    ids.sort_unstable();
    assert_eq!(done["revoked"], json!(ids));
    for (id, caller) in &keys {
        assert_eq!(verify(side, caller.secret()).await["verdict"], "REVOKED");
        let key = side.root(Method::GET, &side.path(&format!("keys/{id}")), None).await;
        assert_eq!((&key["status"], &key["revoke_reason"]), (&json!("inactive"), &json!("unused")));
    }
    for (_, caller) in late.iter().chain([&(String::new(), bystander)]) {
        assert_eq!(verify(side, caller.secret()).await["verdict"], "VALID", "it was not shown");
    }
    let receipt = side.path(&format!("receipts/{}", done["receipt"]["id"].as_str().unwrap()));
    assert_eq!(side.root(Method::GET, &receipt, None).await["id"], done["receipt"]["id"]);
    let (action, details) = installation.last_event(Environment::Production).await;
    assert_eq!((action.as_str(), &details["revoked_keys"]), ("key.bulk_revoked", &json!(ids)));
    let again = bulk(side, &root, confirmed(&body, &shown["confirm"])).await;
    assert_eq!(again.status, 409, "a token is good once: {}", again.text);
}

#[tokio::test]
async fn calls_of_the_last_day_are_counted() {
    let installation = Installation::start().await;
    let side = installation.side(Environment::Staging);
    let keys = keys_with(side, "used", 2).await;
    for (_, caller) in &keys {
        verify(side, caller.secret()).await;
        verify(side, caller.secret()).await;
    }
    let body = json!({"select": {"keys": keys.iter().map(|(id, _)| id).collect::<Vec<_>>()}});
    let is_counted = async || dry_run(side, &side.root_key(), &body).await["calls_last_24_hours"] == 4;
    testkit::await_that("the uses are counted", Duration::from_secs(60), is_counted).await;
}

#[tokio::test]
async fn a_token_is_good_for_what_it_was_given_for_alone() {
    let installation = Installation::start().await;
    let side = installation.side(Environment::Development);
    let own = side.organization_key();
    keys_with(side, "stolen", 2).await;
    let body = json!({"select": {"tag": "stolen"}, "reason": "unused"});
    let token = dry_run(side, &own, &body).await["confirm"].clone();
    let permissions = json!({"name": "thief", "permissions": ["keys.revoke"]});
    let (_, thief) = side.create_key(permissions).await;
    for (who, caller) in [("another key", &thief), ("the root key", &side.root_key())] {
        let answer = bulk(side, caller, confirmed(&body, &token)).await;
        assert_eq!((answer.status, &answer.json()["errors"][0]["pointer"]), (422, &json!("/confirm")), "{who}");
    }
    let others = [
        json!({"select": {"keys": "all"}, "reason": "unused"}),
        json!({"select": {"tag": "stolen"}, "reason": "compromised"}),
        json!({"select": {"tag": "stolen"}, "reason": "unused", "note": "another"}),
        json!({"select": {"tag": "stolen", "status": "active"}, "reason": "unused"}),
    ];
    for other in others {
        assert_eq!(bulk(side, &own, confirmed(&other, &token)).await.status, 422, "{other}");
    }
    let elsewhere = bulk(side, &side.other_organization_key(), confirmed(&body, &token)).await;
    assert_eq!(elsewhere.status, 404);
    let mut text = token.as_str().unwrap().to_owned();
    let last = if text.pop() == Some('A') { 'B' } else { 'A' };
    text.push(last);
    for wrong in [json!(text), json!(""), json!("x".repeat(4_000)), json!("💥")] {
        assert_eq!(bulk(side, &own, confirmed(&body, &wrong)).await.status, 422, "{wrong}");
    }
    let key = side.root(Method::GET, &side.path("keys?tag=stolen&status=inactive"), None).await;
    assert_eq!(key["items"], json!([]), "nothing was revoked by any of them");
    assert_eq!(bulk(side, &own, confirmed(&body, &token)).await.status, 200);
}

#[tokio::test]
async fn a_set_that_has_changed_is_refused_as_a_whole() {
    let installation = Installation::start().await;
    let side = installation.side(Environment::Production);
    let root = side.root_key();
    let keys = keys_with(side, "moving", 2).await;
    let (joining, _) = side.create_key(json!({"name": "joining"})).await;
    let body = json!({"select": {"tag": "moving"}});
    let set_tags = async |key: &str, tags: Value| {
        let path = side.path(&format!("keys/{key}"));
        let etag = side.ask(&root, Method::GET, &path, None).await.headers["etag"].to_str().unwrap().to_owned();
        assert_eq!(side.change(&root, &path, Some(json!({"tags": tags})), &etag).await.status, 200);
    };
    for (key, tags) in [(&joining, json!(["moving"])), (&keys[0].0, json!([]))] {
        let token = dry_run(side, &root, &body).await["confirm"].clone();
        set_tags(key, tags).await;
        let answer = bulk(side, &root, confirmed(&body, &token)).await;
        assert_eq!((answer.status, &answer.json()["code"]), (409, &json!("conflict")), "{}", answer.text);
    }
    for caller in [&keys[0].1, &keys[1].1] {
        assert_eq!(verify(side, caller.secret()).await["verdict"], "VALID");
    }
}

#[tokio::test]
async fn a_limited_key_counts_and_revokes_its_own_only() {
    let installation = Installation::start().await;
    let side = installation.side(Environment::Staging);
    let (mine, theirs) = (side.create_customer("Mine").await, side.create_customer("Theirs").await);
    let limited = json!({"name": "limited", "permissions": ["keys.revoke"], "customers": [mine]});
    let (_, limited) = side.create_key(limited).await;
    let named = |name: &str, customers: Value| json!({"name": name, "tags": ["x"], "customers": customers});
    let (seen, _) = side.create_key(named("seen", json!([mine]))).await;
    let mut unseen = Vec::new();
    for (name, customers) in [("theirs", json!([theirs])), ("both", json!([mine, theirs])), ("all", json!("all"))] {
        unseen.push(side.create_key(named(name, customers)).await);
    }
    let ids: Vec<&String> = unseen.iter().map(|(id, _)| id).chain([&seen]).collect();
    for select in [json!({"tag": "x"}), json!({"keys": "all"}), json!({"keys": ids})] {
        let shown = dry_run(side, &limited, &json!({"select": select})).await;
        assert_eq!((&shown["keys"], &shown["customers"]), (&json!(1), &json!(1)), "{select}");
    }
    let shown = dry_run(side, &limited, &json!({"select": {"customer": theirs}})).await;
    assert_eq!((&shown["keys"], &shown["confirm"]), (&json!(0), &Value::Null), "as of a customer that is not there");
    let body = json!({"select": {"keys": ids}, "reason": "compromised"});
    let token = dry_run(side, &limited, &body).await["confirm"].clone();
    let done = bulk(side, &limited, confirmed(&body, &token)).await.json();
    assert_eq!(done["revoked"], json!([seen]));
    for (_, caller) in &unseen {
        assert_ne!(verify(side, caller.secret()).await["verdict"], "REVOKED");
    }
    assert_eq!(bulk(side, &side.other_organization_key(), body.clone()).await.status, 404);
    let other = side.target_organization("delete_organization").await;
    let path = format!("/v1/organizations/{}/keys/bulk-revoke", other.id);
    let shown = side.root(Method::POST, &path, Some(body)).await;
    assert_eq!(
        (&shown["keys"], &shown["customers"]),
        (&json!(0), &json!(0)),
        "another organization's ids select nothing"
    );
}

#[tokio::test]
async fn compromised_secrets_of_revoked_keys_end_too() {
    let installation = Installation::start().await;
    let side = installation.side(Environment::Development);
    let root = side.root_key();
    let keys = keys_with(side, "leaked", 2).await;
    let revoke = side.path(&format!("keys/{}/revoke", keys[0].0));
    side.root(Method::POST, &revoke, Some(json!({"reason": "unused"}))).await;
    let select = json!({"tag": "leaked"});
    assert_eq!(dry_run(side, &root, &json!({"select": select})).await["keys"], 1, "one is revoked already");
    let body = json!({"select": select, "reason": "compromised"});
    let shown = dry_run(side, &root, &body).await;
    assert_eq!(shown["keys"], 2);
    assert_eq!(bulk(side, &root, confirmed(&body, &shown["confirm"])).await.status, 200);
    for (key, caller) in &keys {
        let path = side.path(&format!("keys/{key}/reactivate"));
        let answer = side.ask(&root, Method::POST, &path, None).await;
        assert_eq!((answer.status, &answer.json()["code"]), (409, &json!("secret-compromised")));
        assert_eq!(verify(side, caller.secret()).await["verdict"], "REVOKED");
    }
    assert_eq!(dry_run(side, &root, &body).await["keys"], 0);
}

#[tokio::test]
async fn the_calling_key_is_never_among_them() {
    let installation = Installation::start().await;
    let side = installation.side(Environment::Production);
    let (id, own) = side.create_key(json!({"name": "caller", "tags": ["me"], "permissions": ["keys.revoke"]})).await;
    assert_eq!(dry_run(side, &own, &json!({"select": {"tag": "me"}})).await["keys"], 0);
    let answer = bulk(side, &own, json!({"select": {"keys": [id]}})).await;
    assert_eq!((answer.status, &answer.json()["errors"][0]["pointer"]), (422, &json!("/select/keys/0")));
    for bad in [
        json!({"select": {}}),
        json!({"select": {"keys": []}}),
        json!({"select": {"keys": ["key_nonsense"]}}),
        json!({"select": {"keys": vec![id.as_str(); 1_001]}}),
        json!({"select": {"tag": ""}}),
        json!({"select": {"text": "a\nb"}}),
        json!({"select": {"unused_since": "yesterday"}}),
        json!({"select": {"everything": true}}),
        json!({}),
    ] {
        assert_eq!(bulk(side, &own, bad.clone()).await.status, 422, "{bad}");
    }
}

/// More than one request may revoke: the token of each is for what it leaves.
#[tokio::test]
async fn a_large_set_is_revoked_in_steps_that_end() {
    let installation = Installation::start().await;
    let side = installation.side(Environment::Development);
    let root = side.root_key();
    installation.fill_keys(Environment::Development, side.organization(), 1_300).await;
    let body = json!({"select": {"tag": "filled"}, "reason": "superseded"});
    let shown = dry_run(side, &root, &body).await;
    assert_eq!(shown["keys"], 1_300);
    let (mut token, mut revoked) = (shown["confirm"].clone(), 0);
    for (count, remaining) in [(1_000, 300), (300, 0)] {
        let done = bulk(side, &root, confirmed(&body, &token)).await;
        assert_eq!(done.status, 200, "{}", done.text);
        let done = done.json();
        assert_eq!((&done["keys"], &done["keys_remaining"]), (&json!(count), &json!(remaining)));
        assert!(!done["receipt"]["id"].is_null());
        revoked += done["revoked"].as_array().unwrap().len();
        token = done["confirm"].clone();
    }
    assert_eq!((revoked, token), (1_300, Value::Null));
    let left = installation
        .count(Environment::Development, "select count(*) from keys where tags @> '{filled}' and revoked_at is null");
    assert_eq!(left.await, 0);
}

/// Of all that confirm one dry run at once, one does, and the others are told that there is nothing left to do.
#[tokio::test]
async fn of_many_confirmations_at_once_one_revokes() {
    let installation = Installation::start().await;
    let side = installation.side(Environment::Staging);
    let root = side.root_key();
    keys_with(side, "raced", 3).await;
    let body = json!({"select": {"tag": "raced"}});
    let token = dry_run(side, &root, &body).await["confirm"].clone();
    let answers = futures_util::future::join_all((0..8).map(|_| bulk(side, &root, confirmed(&body, &token)))).await;
    let done = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(done, 1, "{:?}", answers.iter().map(|answer| answer.status).collect::<Vec<_>>());
    assert!(answers.iter().all(|answer| matches!(answer.status, 200 | 409)));
    let events = "select count(*) from events where action = 'key.bulk_revoked'";
    assert_eq!(installation.count(Environment::Staging, events).await, 1);
}
