//! What a verifier, its owner or whoever presents texts may try, and does not get.

use domain::environment::Environment;
use domain::secret::{PlainSecret, Prefix};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Caller, Installation, Side};
use crate::verifier::{foreign, input, set, shown, verdict, verify};
use crate::verifier_server::{Mood, PresentVerifier};

async fn put(side: &Side, caller: &Caller, body: Value) -> Answer {
    side.ask(caller, Method::PUT, &side.path("verifier"), Some(body)).await
}

fn with(origin: &str, member: &str, value: Value) -> Value {
    let mut body = input(origin);
    *body.pointer_mut(member).unwrap_or_else(|| panic!("{member}")) = value;
    body
}

#[tokio::test]
async fn no_secret_of_ours_and_no_text_of_others_is_told_to_it() {
    let server = PresentVerifier::start().await;
    let installation = Installation::with_verifier(&server.origin).await;
    let environment = Environment::Production;
    let side = installation.side(environment);
    // It would accept anything.
    server.be(Mood::Raw("HTTP/1.1 200 OK\r\ncontent-length: 15\r\n\r\n{\"valid\": true}"));
    set(side, input(&server.origin)).await;
    let secret = PlainSecret::generate(&Prefix::organization(), environment).expose().to_owned();
    let own_prefix = PlainSecret::generate(&Prefix::parse("acme").unwrap(), Environment::Staging).expose().to_owned();
    let mistyped = format!("{}x", &secret[..secret.len() - 1]);
    for text in [
        &secret,
        &own_prefix,
        &mistyped,
        &secret[..secret.len() - 6],
        &format!("Bearer {secret}"),
        "short",
        "aaaaaaaaaaaaaaaaaaaa",
    ] {
        assert_ne!(verdict(side, text).await, "VALID", "{text}");
    }
    // A text that is another organization's key is known here, though not to the caller.
    let text = foreign(1);
    let made = side
        .ask(
            &side.root_key(),
            Method::POST,
            "/v1/organizations/globex/keys/import",
            Some(json!({"key": {"name": "held"}, "secret": text})),
        )
        .await;
    assert_eq!(made.status, 201, "{}", made.text);
    assert_eq!(verdict(side, &text).await, "NOT_FOUND");
    assert_eq!(
        verify(side, &side.other_organization_key(), &text).await["verdict"],
        "VALID",
        "and it still works there"
    );
    // Nor is anything asked while it is only explained, or for a caller that could not learn of the key.
    let explained = json!({"key": foreign(2), "explain": true});
    side.ask(&side.organization_key(), Method::POST, "/v1/keys/verify", Some(explained)).await;
    let customer = side.create_customer("one").await;
    let limited = json!({"name": "limited", "permissions": ["keys.verify"], "customers": [customer]});
    let (_, limited) = side.create_key(limited).await;
    assert_eq!(verify(side, &limited, &foreign(3)).await["verdict"], "NOT_FOUND");
    assert_eq!(server.asked(), Vec::<String>::new());
}

#[tokio::test]
async fn a_hostile_answer_is_none() {
    let server = PresentVerifier::start().await;
    let installation = Installation::with_verifier(&server.origin).await;
    let side = installation.side(Environment::Staging);
    set(side, with(&server.origin, "/keys/name", json!("adopted"))).await;
    let mut body = input(&server.origin);
    body["timeout_ms"] = json!(100);
    let raw = [
        "HTTP/1.1 302 Found\r\nlocation: /verify\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 14\r\n\r\n{\"valid\": true",
        "HTTP/1.1 200 OK\r\ncontent-length: 17\r\n\r\n{\"valid\": \"true\"}",
        "HTTP/1.1 201 Created\r\ncontent-length: 15\r\n\r\n{\"valid\": true}",
        "HTTP/1.1 503 Busy\r\ncontent-length: 15\r\n\r\n{\"valid\": true}",
        "HTTP/1.1 101 Switching Protocols\r\n\r\n",
        "not HTTP at all",
        "",
    ];
    let mut number = 0;
    for mood in raw.map(Mood::Raw).into_iter().chain([Mood::Endless]) {
        server.be(mood);
        number += 1;
        assert_eq!(verdict(side, &foreign(number)).await, "MALFORMED", "answer {number}");
    }
    set(side, body).await;
    server.be(Mood::Silent);
    assert_eq!(verdict(side, &foreign(100)).await, "MALFORMED");
    let told = shown(side).await;
    assert_eq!(told["counts"], json!({"asked": 10, "accepted": 0, "refused": 2, "unsaid": 8, "unasked": 0}), "{told}");
    // What was not said is asked again.
    server.be(Mood::Honest);
    server.know(&foreign(100));
    assert_eq!(verdict(side, &foreign(100)).await, "VALID");
    assert_eq!(
        installation.count(Environment::Staging, "select count(*) from keys where name like 'adopted %'").await,
        1
    );
}

#[tokio::test]
async fn a_flood_of_texts_spends_the_budget_and_no_more() {
    let server = PresentVerifier::start().await;
    let installation = Installation::with_verifier(&server.origin).await;
    let side = installation.side(Environment::Development);
    let mut body = input(&server.origin);
    body["budget_per_minute"] = json!(5);
    set(side, body).await;
    let requests: Vec<Value> = (0..100).map(|number| json!({"key": foreign(number)})).collect();
    let own = side.organization_key();
    for _ in 0..4 {
        let batch = json!({"requests": requests});
        let answer = side.ask(&own, Method::POST, "/v1/keys/verify-batch", Some(batch)).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
    // A minute may end meanwhile; more than two never are.
    assert!((1..=10).contains(&server.asked().len()), "{}", server.asked().len());
    let told = shown(side).await;
    assert!(told["counts"]["unasked"].as_u64().unwrap() > 0, "{told}");
    assert_eq!(verify(side, &own, own.secret()).await["verdict"], "VALID", "everything else goes on");
}

#[tokio::test]
async fn what_is_no_verifier_is_refused_with_its_place() {
    let server = PresentVerifier::start().await;
    let installation = Installation::with_verifier(&server.origin).await;
    let side = installation.side(Environment::Production);
    let (own, good) = (side.organization_key(), server.origin.as_str());
    let elsewhere = PresentVerifier::start().await;
    for (member, value, pointer) in [
        ("/url", json!(format!("{}/verify", elsewhere.origin)), "/url"),
        ("/url", json!("https://keys.example.org/verify"), "/url"),
        ("/url", json!(good.replace("http://", "http://user:secret@")), "/url"),
        ("/url", json!(format!("{good}/verify#fragment")), "/url"),
        ("/url", json!("http://169.254.169.254/latest/meta-data"), "/url"),
        ("/key_in", json!({"header": "host"}), "/key_in/header"),
        ("/key_in", json!({"header": "x-service-token"}), "/key_in/header"),
        ("/key_in", json!({"header": "x-key", "prefix": "a\r\nx-admin: 1\r\n"}), "/key_in/prefix"),
        ("/key_in", json!({"header": "x-key", "member": "/key"}), "/key_in"),
        ("/key_in", json!({}), "/key_in"),
        ("/key_in", json!({"member": "/api"}), "/key_in/member"),
        ("/headers", json!({"transfer-encoding": "chunked"}), "/headers/transfer-encoding"),
        ("/headers", json!({"x-token": "a\nb"}), "/headers/x-token"),
        ("/accepts", json!({"member": "/valid"}), "/accepts/member"),
        ("/accepts", json!({"status": 401}), "/accepts/status"),
        ("/ends_at", json!("2020-01-01T00:00:00Z"), "/ends_at"),
        ("/ends_at", json!(crate::support::hours_ahead(24 * 366 * 11)), "/ends_at"),
        ("/keys/name", json!("x".repeat(90)), "/keys/name"),
        ("/keys/permissions", json!(["documents.shred"]), "/keys/permissions/0"),
    ] {
        let refused = put(side, &own, with(good, member, value.clone())).await;
        assert_eq!(
            (refused.status, &refused.json()["errors"][0]["pointer"]),
            (422, &json!(pointer)),
            "{value}: {}",
            refused.text
        );
    }
    for (member, value) in [("secret", json!("x".repeat(40))), ("enabled", json!(false))] {
        let mut body = input(good);
        body["keys"][member] = value;
        assert_eq!(put(side, &own, body).await.json()["errors"][0]["pointer"], json!(format!("/keys/{member}")));
    }
    assert_eq!(side.ask(&own, Method::GET, &side.path("verifier"), None).await.status, 404, "nothing was changed");
    assert_eq!(put(side, &side.other_organization_key(), input(good)).await.status, 404);
    assert_eq!(put(side, &own, input(good)).await.status, 200);
    let plain = "select count(*) from verifiers where encode(sealed_headers, 'escape') like '%token-of-the%'
        or request::text like '%token-of-the%' or keys::text like '%token-of-the%'";
    assert_eq!(installation.count(Environment::Production, plain).await, 0, "values of headers are sealed");
    assert_eq!(installation.count_events_with(Environment::Production, "token-of-the").await, 0);
}

#[tokio::test]
async fn keys_come_of_it_while_their_setter_could_make_them() {
    let server = PresentVerifier::start().await;
    let installation = Installation::with_verifier(&server.origin).await;
    let side = installation.side(Environment::Production);
    let numbers: [u64; 5] = [1, 2, 3, 4, 5];
    numbers.iter().for_each(|number| server.know(&foreign(*number)));
    let key = async |permissions: &[&str]| {
        side.create_key(json!({"name": side.fresh("setter"), "permissions": permissions})).await
    };
    let (_, weak) = key(&["imports.update", "keys.create"]).await;
    assert_eq!(put(side, &weak, input(&server.origin)).await.json()["code"], "exceeds-grantor");
    let (_, maker) = key(&["imports.update", "documents.read"]).await;
    assert_eq!(put(side, &maker, input(&server.origin)).await.json()["missing_permissions"], json!(["keys.create"]));
    let (id, setter) = key(&["imports.update", "keys.create", "documents.read"]).await;
    let put_it = async || {
        let done = put(side, &setter, input(&server.origin)).await;
        assert_eq!(done.status, 200, "{}", done.text);
        assert_eq!(done.json()["set_by"], json!(id));
    };
    put_it().await;
    assert_eq!(verdict(side, &foreign(1)).await, "VALID");
    let path = side.path(&format!("keys/{id}"));
    let narrowed = json!({"permissions": ["imports.update", "keys.create"]});
    let changed = side.change(&side.root_key(), &path, Some(narrowed), "*").await;
    assert_eq!(changed.status, 200, "{}", changed.text);
    assert_eq!(verdict(side, &foreign(2)).await, "NOT_FOUND", "it could not give that any more");
    assert_eq!(shown(side).await["state"], "stopped");
    let back = json!({"permissions": ["imports.update", "keys.create", "documents.read"]});
    side.change(&side.root_key(), &path, Some(back), "*").await;
    assert_eq!(verdict(side, &foreign(2)).await, "VALID");
    side.root(Method::DELETE, &side.path("permissions/documents.read"), None).await;
    assert_eq!(verdict(side, &foreign(3)).await, "NOT_FOUND", "the organization gave it up");
    side.root(Method::POST, &side.path("permissions"), Some(json!({"name": "documents.read"}))).await;
    assert_ne!(verdict(side, &foreign(3)).await, "VALID", "and added again it is another one");
    let (id, setter) = key(&["imports.update", "keys.create", "documents.read"]).await;
    assert_eq!(put(side, &setter, input(&server.origin)).await.status, 200);
    assert_eq!(verdict(side, &foreign(4)).await, "VALID");
    side.root(Method::POST, &side.path(&format!("keys/{id}/revoke")), None).await;
    assert_eq!(verdict(side, &foreign(5)).await, "NOT_FOUND", "its setter is revoked");
    let told = shown(side).await;
    assert_eq!((&told["state"], &told["counts"]["asked"]), (&json!("stopped"), &json!(3)), "{told}");
    assert!(told["stopped_because"].is_string(), "{told}");
    let owner = put(side, &installation.member(side, "owner"), input(&server.origin)).await;
    assert_eq!(owner.status, 403, "nobody could say later what a member may: {}", owner.text);
    let customer = side.create_customer("one").await;
    let bound = json!({"name": "bound", "permissions": ["imports.update", "keys.create"], "customers": [customer]});
    let (_, bound) = side.create_key(bound).await;
    assert_eq!(put(side, &bound, input(&server.origin)).await.json()["code"], "customer-not-allowed");
}

#[tokio::test]
async fn a_customer_that_is_gone_stops_what_was_for_it() {
    let server = PresentVerifier::start().await;
    let installation = Installation::with_verifier(&server.origin).await;
    let side = installation.side(Environment::Staging);
    let customer = side.create_customer("one").await;
    let mut body = input(&server.origin);
    body["keys"]["customers"] = json!([customer]);
    set(side, body).await;
    server.know(&foreign(1));
    server.know(&foreign(2));
    assert_eq!(verdict(side, &foreign(1)).await, "VALID");
    side.root(Method::DELETE, &side.path(&format!("customers/{customer}")), None).await;
    assert_eq!(verdict(side, &foreign(2)).await, "NOT_FOUND", "never for all customers instead");
    assert_eq!((&shown(side).await["state"], server.asked().len()), (&json!("stopped"), 1));
}

#[tokio::test]
async fn no_key_is_adopted_against_the_organizations_policy() {
    let server = PresentVerifier::start().await;
    let installation = Installation::with_verifier(&server.origin).await;
    let side = installation.side(Environment::Production);
    set(side, input(&server.origin)).await;
    server.know(&foreign(1));
    let policy = async |body: Value| {
        let answer = side.change(&side.root_key(), &side.path("policy"), Some(body), "*").await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    };
    for demand in ["ips_required", "must_expire", "allow_supplied_secrets"] {
        let is_demand = demand != "allow_supplied_secrets";
        policy(json!({demand: is_demand})).await;
        assert_eq!(verdict(side, &foreign(1)).await, "MALFORMED", "{demand}");
        let set = side.ask(&side.root_key(), Method::PUT, &side.path("verifier"), Some(input(&server.origin))).await;
        let code = set.json()["errors"][0]["code"].as_str().unwrap().to_owned();
        assert!(set.status == 422 && code.starts_with("policy-"), "{demand}: {}", set.text);
        policy(json!({demand: !is_demand})).await;
    }
    assert_eq!(server.asked().len(), 0, "nobody is asked in vain");
    policy(json!({"secret_bytes": 64})).await;
    assert_eq!(verdict(side, &foreign(1)).await, "MALFORMED", "this text is shorter");
}
