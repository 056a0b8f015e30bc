//! The action log through the API.

use domain::environment::Environment;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Caller, Installation, Side};

async fn list(side: &Side, caller: &Caller, query: &str) -> Vec<Value> {
    let path = side.path(&format!("logs/actions?{query}"));
    let answer = side.ask(caller, Method::GET, &path, None).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_change_is_told_with_what_was_before_and_who_made_it() {
    let installation = Installation::start().await;
    let side = installation.side(Environment::Production);
    let root = side.root_key();
    let (key, _) = side.create_key(json!({"name": "told", "tags": ["a"]})).await;
    let owner = installation.member(side, "owner");
    let path = side.path(&format!("keys/{key}"));
    let changed = side.change(&owner, &path, Some(json!({"name": "told again", "tags": ["b"]})), "\"1\"").await;
    assert_eq!(changed.status, 200, "{}", changed.text);
    let entries = list(side, &root, &format!("subject={key}")).await;
    let actions: Vec<&str> = entries.iter().map(|entry| entry["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["key.updated", "key.created"]);
    let newest = &entries[0];
    assert_eq!(newest["before"], json!({"name": "told", "tags": ["a"]}));
    assert_eq!(newest["after"], json!({"name": "told again", "tags": ["b"]}));
    assert_eq!((&newest["actor"]["kind"], &newest["actor"]["name"]), (&json!("member"), &json!("owner@example.com")));
    assert!(newest["actor"]["id"].as_str().unwrap().starts_with("mem_"), "{newest}");
    assert_eq!((&entries[1]["before"], &entries[1]["actor"]["kind"]), (&Value::Null, &json!("key")));
    let actor = newest["actor"]["id"].as_str().unwrap();
    assert_eq!(list(side, &root, &format!("actor={actor}")).await.len(), 1);
    assert_eq!(list(side, &root, &format!("actor={actor}&action=key.created")).await.len(), 0);
    let at = newest["at"].as_str().unwrap();
    assert_eq!(list(side, &root, &format!("subject={key}&from={at}")).await.len(), 1);
    assert_eq!(list(side, &root, &format!("subject={key}&to={at}")).await.len(), 1);
}

#[tokio::test]
async fn pages_of_the_log_follow_one_another_without_a_gap() {
    let installation = Installation::start().await;
    let side = installation.side(Environment::Development);
    for _ in 0..5 {
        side.create_customer("logged").await;
    }
    let root = side.root_key();
    let all = list(side, &root, "action=customer.created").await;
    let (mut paged, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = side.path(&format!("logs/actions?action=customer.created&limit=2{cursor}"));
        let page = side.ask(&root, Method::GET, &path, None).await.json();
        paged.extend(page["items"].as_array().unwrap().clone());
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!((paged.len(), &paged), (5, &all));
}

#[tokio::test]
async fn a_limited_key_and_another_organization_see_nothing() {
    let installation = Installation::start().await;
    let side = installation.side(Environment::Staging);
    let customer = side.create_customer("hidden").await;
    let path = side.path("logs/actions");
    for limited in [json!({"customers": [customer]}), json!({"domains": ["shop.example.com"]})] {
        let mut body = json!({"name": side.fresh("limited"), "permissions": ["logs.read"]});
        body.as_object_mut().unwrap().extend(limited.as_object().unwrap().clone());
        let (_, caller) = side.create_key(body).await;
        assert_eq!(side.ask(&caller, Method::GET, &path, None).await.status, 403);
    }
    let stranger = side.other_organization_key();
    assert_eq!(side.ask(&stranger, Method::GET, &path, None).await.status, 404);
    // A cursor of one's own organization is none of another's.
    let own = side.ask(&side.organization_key(), Method::GET, &format!("{path}?limit=1"), None).await.json();
    if let Some(cursor) = own["next_cursor"].as_str() {
        let other = format!("/v1/organizations/globex/logs/actions?limit=1&cursor={cursor}");
        assert_eq!(side.ask(&stranger, Method::GET, &other, None).await.status, 400);
    }
}
