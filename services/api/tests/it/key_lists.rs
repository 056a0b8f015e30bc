//! Lists of keys through the API: their order, their counts, and what a cursor is good for; keys made inactive; notes.

use domain::environment::Environment;
use reqwest::Method;
use serde_json::{Value, json};

use crate::keys::verify;
use crate::support::{Installation, Side};

async fn names(side: &Side, query: &str) -> Vec<String> {
    let (mut names, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = side.root(Method::GET, &side.path(&format!("keys?limit=2&{query}{cursor}")), None).await;
        names.extend(page["items"].as_array().unwrap().iter().map(|key| key["name"].as_str().unwrap().to_owned()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return names,
        }
    }
}

#[tokio::test]
async fn keys_are_listed_in_the_order_that_is_asked_for() {
    let installation = Installation::start().await;
    let side = installation.side(Environment::Production);
    let soon = |seconds| installation.instant_in(std::time::Duration::from_secs(seconds));
    for (name, end) in [("banana", json!(soon(900).await)), ("Apple", Value::Null), ("cherry", json!(soon(600).await))]
    {
        side.create_key(json!({"name": name, "tags": ["fruit"], "expires_at": end})).await;
    }
    for (sort, expected) in [
        ("name", ["Apple", "banana", "cherry"]),
        ("-name", ["cherry", "banana", "Apple"]),
        ("created_at", ["banana", "Apple", "cherry"]),
        ("-created_at", ["cherry", "Apple", "banana"]),
        ("expires_at", ["cherry", "banana", "Apple"]),
        ("-expires_at", ["Apple", "banana", "cherry"]),
    ] {
        assert_eq!(names(side, &format!("tag=fruit&sort={sort}")).await, expected, "{sort}");
    }
    assert_eq!(names(side, "tag=fruit&sort=last_used_at").await.len(), 3);
    for bad in ["sort=", "sort=id", "sort=--name", "sort=NAME", "count=maybe"] {
        let answer = side.ask(&side.root_key(), Method::GET, &side.path(&format!("keys?{bad}")), None).await;
        assert_eq!(answer.status, 422, "{bad}");
    }
}

#[tokio::test]
async fn a_cursor_is_for_its_order_and_counting_is_beside_it() {
    let installation = Installation::start().await;
    let side = installation.side(Environment::Staging);
    for _ in 0..3 {
        side.create_key(json!({"name": side.fresh("counted"), "tags": ["counted"]})).await;
    }
    let list =
        async |query: &str| side.ask(&side.root_key(), Method::GET, &side.path(&format!("keys?{query}")), None).await;
    let page = list("tag=counted&limit=1&sort=name").await.json();
    assert_eq!((page.get("total"), page.get("total_is_exact")), (None, None));
    let cursor = page["next_cursor"].as_str().unwrap();
    for other in ["sort=-name", "sort=expires_at", "sort=last_used_at", ""] {
        let answer = list(&format!("tag=counted&limit=1&{other}&cursor={cursor}")).await;
        assert_eq!((answer.status, &answer.json()["code"]), (400, &json!("invalid-cursor")), "{other}");
    }
    let counted = list(&format!("tag=counted&limit=1&sort=name&count=true&cursor={cursor}")).await.json();
    assert_eq!((&counted["total"], &counted["total_is_exact"]), (&json!(3), &json!(true)));
    let customer = side.create_customer("Counted").await;
    let limited = json!({"name": "limited", "permissions": ["keys.read"], "customers": [customer]});
    let (_, limited) = side.create_key(limited).await;
    let of_limited = side.ask(&limited, Method::GET, &side.path("keys?count=true"), None).await.json();
    assert_eq!((&of_limited["total"], of_limited["items"].as_array().unwrap().len()), (&json!(1), 1));
    let of_customer = side.path(&format!("customers/{customer}/keys?count=true&sort=-name"));
    assert_eq!(side.root(Method::GET, &of_customer, None).await["total"], 1);
}

#[tokio::test]
async fn keys_are_found_by_domain_and_by_who_made_them() {
    let installation = Installation::start().await;
    let side = installation.side(Environment::Production);
    side.root(Method::POST, &side.path("domains"), Some(json!({"name": "shop.example.com"}))).await;
    let (maker, secret) = side.create_key(json!({"name": "maker", "permissions": ["keys.create", "keys.read"]})).await;
    let made = json!({"name": "made", "permissions": ["keys.read"], "domains": ["shop.example.com"]});
    let made = side.ask(&secret, Method::POST, &side.path("keys"), Some(made)).await;
    assert_eq!(made.status, 201, "{}", made.text);
    side.create_key(json!({"name": "all domains"})).await;
    for query in ["domain=shop.example.com", "domain=SHOP.example.com", &format!("created_by={maker}")] {
        assert_eq!(names(side, query).await, ["made"], "{query}");
    }
    for query in ["domain=other.example.com", "domain=%25", "created_by=key_nobody", "created_by=%25"] {
        assert!(names(side, query).await.is_empty(), "{query}");
    }
    let own = format!("created_by={maker}&domain=shop.example.com&count=true");
    assert_eq!(side.root(Method::GET, &side.path(&format!("keys?{own}")), None).await["total"], 1);
    let limited = json!({"name": "limited", "permissions": ["keys.read"], "domains": ["shop.example.com"]});
    let (_, limited) = side.create_key(limited).await;
    let seen = side.ask(&limited, Method::GET, &side.path(&format!("keys?created_by={maker}")), None).await.json();
    assert_eq!(seen["items"].as_array().unwrap().len(), 1, "the filter shows no more than the limits do");

    let select = json!({"select": {"domain": "Shop.example.com", "created_by": maker}, "reason": "unused"});
    let counted = side.root(Method::POST, &side.path("keys/bulk-revoke"), Some(select)).await;
    assert_eq!((&counted["is_dry_run"], &counted["keys"]), (&json!(true), &json!(1)));
}

#[tokio::test]
async fn a_key_that_is_made_inactive_works_once_reactivated() {
    let installation = Installation::start().await;
    for environment in [Environment::Production, Environment::Development] {
        let side = installation.side(environment);
        let made = side.root(Method::POST, &side.path("keys"), Some(json!({"name": "later", "enabled": false}))).await;
        let (key, secret) = (&made["key"], made["secret"].as_str().unwrap());
        assert_eq!((&key["status"], &key["revoke_reason"]), (&json!("inactive"), &json!("other")));
        assert_eq!(verify(side, secret).await["verdict"], "REVOKED");
        let path = side.path(&format!("keys/{}/reactivate", key["id"].as_str().unwrap()));
        assert_eq!(side.root(Method::POST, &path, None).await["status"], "active");
        assert_eq!(verify(side, secret).await["verdict"], "VALID");
    }
    let side = installation.side(Environment::Staging);
    let text = side.foreign_secret();
    let body = json!({"key": {"name": "brought", "enabled": false}, "secret": text});
    side.root(Method::POST, &side.path("keys/import"), Some(body)).await;
    assert_eq!(verify(side, &text).await["verdict"], "REVOKED");
}

#[tokio::test]
async fn an_empty_patch_changes_nothing_and_keeps_the_etag() {
    let installation = Installation::start().await;
    let side = installation.side(Environment::Production);
    let metadata = json!({"note": "first line\n\tsecond line"});
    let (key, _) = side.create_key(json!({"name": "same", "metadata": metadata})).await;
    let path = side.path(&format!("keys/{key}"));
    let before = side.ask(&side.root_key(), Method::GET, &path, None).await;
    assert_eq!(before.json()["metadata"], metadata, "line ends and tabs are kept as they were sent");
    let etag = before.headers["etag"].to_str().unwrap();
    let events = "select count(*) from events";
    let logged = installation.count(Environment::Production, events).await;
    for body in [json!({}), json!({"name": "same"}), json!({"metadata": metadata})] {
        let answer = side.change(&side.root_key(), &path, Some(body.clone()), etag).await;
        assert_eq!((answer.status, answer.headers["etag"].to_str().unwrap()), (200, etag), "{body}");
        assert_eq!(answer.json(), before.json(), "{body}");
    }
    assert_eq!(installation.count(Environment::Production, events).await, logged);
    assert_eq!(side.change(&side.root_key(), &path, Some(json!({})), "\"99\"").await.status, 412);
}

#[tokio::test]
async fn a_cursor_of_one_customers_keys_is_for_no_other() {
    let installation = Installation::start().await;
    let side = installation.side(Environment::Production);
    let (one, other) = (side.create_customer("one").await, side.create_customer("other").await);
    for customer in [&one, &one, &other, &other] {
        side.create_key(json!({"name": side.fresh("bound"), "customers": [customer]})).await;
    }
    let list = async |organization: &str, customer: &str, rest: &str| {
        let path = format!("/v1/organizations/{organization}/customers/{customer}/keys?limit=1{rest}");
        side.ask(&side.root_key(), Method::GET, &path, None).await
    };
    let first = list(side.organization(), &one, "").await.json();
    let next = format!("&cursor={}", first["next_cursor"].as_str().unwrap());
    let refused = list(side.organization(), &other, &next).await;
    assert_eq!((refused.status, &refused.json()["code"]), (400, &json!("invalid-cursor")), "{}", refused.text);
    let second = list("acme", &one, &next).await;
    assert_eq!(second.status, 200, "by its slug it is the same organization: {}", second.text);
    assert_ne!(second.json()["items"][0]["id"], first["items"][0]["id"]);
    assert!(second.json()["next_cursor"].is_null());
}
