//! Limits through the API: of keys, and of nobody's key.

use domain::environment::Environment;
use reqwest::Method;
use serde_json::{Value, json};

use crate::access::{Cast, Example};
use crate::support::{Answer, Caller, Installation, Side};

/// Requests for the access matrix.
pub async fn example(cast: &Cast<'_>, operation: &str) -> Example {
    let side = cast.side;
    let rate = json!({"limit": 5, "window_ms": 60_000});
    // An organization has room for 100.
    let name = if operation.starts_with("delete") { side.fresh("space").replace(' ', "-") } else { "mail".to_owned() };
    match operation {
        "list_namespaces" => return Example::default(),
        "spend_limit" => {
            let organization = side.organization();
            let body = json!({"organization": organization, "namespace": "mail", "identifier": "anna", "cost": 0,
                "limit": 5, "window_ms": 60_000});
            return Example::of(body);
        }
        "set_namespace" => return Example::at("namespace", "mail").with(rate),
        _ => {}
    }
    let path = side.path(&format!("limits/namespaces/{name}"));
    side.root(Method::PUT, &path, Some(rate.clone())).await;
    let example = Example::at("namespace", &name);
    let held = json!({"identifier": "anna", "limit": 5, "window_ms": 60_000});
    match operation {
        "set_override" => example.with(held),
        "delete_override" => {
            let set = side.root(Method::PUT, &format!("{path}/overrides"), Some(held)).await;
            example.and("override", set["id"].as_str().unwrap())
        }
        _ => example,
    }
}

async fn spend(side: &Side, caller: &Caller, body: Value) -> Answer {
    side.ask(caller, Method::POST, "/v1/limits/spend", Some(body)).await
}

async fn set(side: &Side, caller: &Caller, rest: &str, body: Value) -> Answer {
    side.ask(caller, Method::PUT, &side.path(&format!("limits/namespaces/{rest}")), Some(body)).await
}

#[tokio::test]
async fn what_is_configured_holds_from_the_next_request_on() {
    let installation = Installation::start().await;
    let side = installation.side(Environment::Production);
    let own = side.organization_key();
    let asked = json!({"namespace": "mail", "identifier": "anna@example.com", "limit": 2, "window_ms": 60_000});
    let ask = async |body: &Value| {
        let answer = spend(side, &own, body.clone()).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let answer = answer.json();
        (answer["admitted"].as_bool().unwrap(), answer["limit"].as_u64().unwrap(), answer["source"].clone())
    };
    for admitted in [true, true, false] {
        assert_eq!(ask(&asked).await, (admitted, 2, json!("question")));
    }
    let refused = spend(side, &own, asked.clone()).await.json();
    assert_eq!(refused["retry_after_ms"], refused["reset_ms"]);
    assert_eq!(set(side, &own, "mail", json!({"limit": 3, "window_ms": 60_000})).await.status, 200);
    assert_eq!(ask(&asked).await, (true, 3, json!("namespace")), "what was spent stays spent");
    assert_eq!(ask(&asked).await, (false, 3, json!("namespace")));
    let more = json!({"identifier": "anna@example.com", "limit": 5, "window_ms": 60_000});
    let overridden = set(side, &own, "mail/overrides", more).await;
    assert_eq!(overridden.status, 200, "{}", overridden.text);
    for admitted in [true, true, false] {
        assert_eq!(ask(&asked).await, (admitted, 5, json!("override")));
    }
    let other = json!({"namespace": "mail", "identifier": "bert"});
    assert_eq!(ask(&other).await, (true, 3, json!("namespace")), "each is counted by itself");
    let listed = side.root(Method::GET, &side.path("limits/namespaces/mail/overrides"), None).await;
    assert_eq!(
        (&listed["items"][0]["identifier"], &listed["items"][0]["limit"]),
        (&json!("anna@example.com"), &json!(5))
    );
    let id = overridden.json()["id"].as_str().unwrap().to_owned();
    let override_path = side.path(&format!("limits/namespaces/mail/overrides/{id}"));
    let foreign = side.ask(&side.other_organization_key(), Method::DELETE, &override_path, None).await;
    assert_eq!(foreign.status, 404, "{}", foreign.text);
    side.root(Method::DELETE, &override_path, None).await;
    assert_eq!(ask(&asked).await, (false, 3, json!("namespace")));
    assert_eq!(set(side, &own, "mail", json!({})).await.json()["limit"], Value::Null);
    assert_eq!(spend(side, &own, other.clone()).await.json()["errors"][0]["pointer"], "/limit", "nobody says how many");
    side.root(Method::DELETE, &side.path("limits/namespaces/mail"), None).await;
    assert_eq!(ask(&asked).await, (false, 2, json!("question")), "what was spent stays spent");
    let (action, details) = installation.last_event(Environment::Production).await;
    assert_eq!((action.as_str(), &details["changed"]["name"]["before"]), ("limit_namespace.deleted", &json!("mail")));
    assert_eq!(side.ask(&own, Method::DELETE, &override_path, None).await.status, 404);
}

#[tokio::test]
async fn no_organization_reaches_another_ones_limits() {
    let installation = Installation::start().await;
    let side = installation.side(Environment::Staging);
    let (own, other) = (side.organization_key(), side.other_organization_key());
    let body = json!({"namespace": "mail", "identifier": "anna", "limit": 1, "window_ms": 60_000});
    let with = |organization: &str| {
        let mut body = body.clone();
        body["organization"] = json!(organization);
        body
    };
    assert_eq!(spend(side, &own, body.clone()).await.json()["admitted"], true);
    assert_eq!(spend(side, &own, body.clone()).await.json()["admitted"], false);
    assert_eq!(
        spend(side, &other, body.clone()).await.json()["admitted"],
        true,
        "another organization, another counter"
    );
    let absent = spend(side, &other, with("org_01000000000000000000ab")).await;
    for organization in [side.organization(), "org_0000000000000000000000", "acme", ""] {
        let hidden = spend(side, &other, with(organization)).await;
        assert_eq!(hidden.without_request_id(), absent.without_request_id(), "{organization}");
    }
    assert_eq!(absent.status, 404);
    let root = side.root_key();
    assert_eq!(spend(side, &root, with(side.organization())).await.json()["admitted"], false);
    assert_eq!(spend(side, &root, with("org_01000000000000000000ab")).await.status, 404);
    assert_eq!(spend(side, &root, with("org_0000000000000000000000")).await.status, 404, "the installation has none");
    assert_eq!(spend(side, &root, body.clone()).await.json()["errors"][0]["pointer"], "/organization");
    let rate = json!({"limit": 9, "window_ms": 60_000});
    let held = json!({"identifier": "anna", "limit": 9, "window_ms": 60_000});
    for (rest, body) in [("mail", &rate), ("mail/overrides", &held)] {
        assert_eq!(set(side, &other, rest, body.clone()).await.status, 404, "{rest}");
    }
    let customer = side.create_customer("one").await;
    let permissions = ["limits.read", "limits.update", "limits.delete", "limits.spend", "keys.verify"];
    let limited = json!({"name": "limited", "permissions": permissions, "customers": [customer]});
    let (_, limited) = side.create_key(limited).await;
    assert_eq!(spend(side, &limited, body.clone()).await.json()["code"], "customer-not-allowed");
    assert_eq!(set(side, &limited, "mail", rate).await.json()["code"], "customer-not-allowed");
}

#[tokio::test]
async fn what_is_no_limit_is_refused_and_room_is_bounded() {
    let installation = Installation::start().await;
    let side = installation.side(Environment::Development);
    let own = side.organization_key();
    let good = json!({"namespace": "mail", "identifier": "anna", "limit": 1, "window_ms": 60_000});
    let long = "x".repeat(201);
    for (member, value) in [
        ("cost", json!(-1)),
        ("cost", json!(1_000_000_001)),
        ("cost", json!(u64::MAX)),
        ("limit", json!(0)),
        ("limit", Value::Null),
        ("window_ms", json!(999)),
        ("window_ms", json!(2_678_400_001_u64)),
        ("namespace", json!("Mail")),
        ("namespace", json!("")),
        ("identifier", json!("")),
        ("identifier", json!("a\u{0}b")),
        ("identifier", json!(long)),
        ("surprise", json!(1)),
    ] {
        let mut body = good.clone();
        body[member] = value.clone();
        let refused = spend(side, &own, body).await;
        assert_eq!(refused.status, 422, "{member} {value}: {}", refused.text);
    }
    for body in [json!({"limit": 5}), json!({"limit": 0, "window_ms": 60_000}), json!({"default": 1})] {
        assert_eq!(set(side, &own, "mail", body).await.status, 422);
    }
    let rate = json!({"limit": 5, "window_ms": 60_000});
    assert_eq!(set(side, &own, "Mail", rate.clone()).await.json()["errors"][0]["pointer"], "/path/namespace");
    let held = json!({"identifier": "anna", "limit": 5, "window_ms": 60_000});
    assert_eq!(set(side, &own, "missing/overrides", held).await.status, 404);
    for at in 0..100 {
        assert_eq!(set(side, &own, &format!("space-{at}"), rate.clone()).await.status, 200);
    }
    let full = set(side, &own, "one-more", rate.clone()).await;
    assert_eq!((full.status, full.json()["code"].as_str()), (409, Some("conflict")));
    assert_eq!(set(side, &own, "space-0", json!({"limit": 6, "window_ms": 60_000})).await.status, 200);
    let above = json!({"namespace": "mail", "identifier": "anna", "limit": 1, "window_ms": 60_000, "cost": 2});
    let refused = spend(side, &own, above).await.json();
    assert_eq!((&refused["admitted"], refused.get("retry_after_ms")), (&json!(false), None), "waiting never helps");
}

#[tokio::test]
async fn limits_in_a_question_need_the_authority_to_spend_them() {
    let installation = Installation::start().await;
    let side = installation.side(Environment::Production);
    let make = async |permissions: Value| {
        let body = json!({"name": side.fresh("guard"), "permissions": permissions});
        side.create_key(body).await.1
    };
    let (asker, spender) = (make(json!(["keys.verify"])).await, make(json!(["keys.verify", "limits.spend"])).await);
    let own = json!([{"name": "requests", "limit": 100, "window_ms": 60_000}]);
    let (_, guarded) = side.create_key(json!({"name": "guarded", "limits": own})).await;
    let question = |name: &str, cost: u64| {
        let limits = json!([{"name": name, "limit": 3, "window_ms": 60_000, "cost": cost}]);
        json!({"key": guarded.secret(), "limits": limits})
    };
    let verify =
        async |caller: &Caller, body: Value| side.ask(caller, Method::POST, "/v1/keys/verify", Some(body)).await;
    let refused = verify(&asker, question("exports", 1)).await;
    assert_eq!((refused.status, &refused.json()["missing_permissions"]), (403, &json!(["limits.spend"])));
    let batch = json!({"requests": [{"key": guarded.secret()}, question("exports", 1)]});
    let answered = side.ask(&asker, Method::POST, "/v1/keys/verify-batch", Some(batch)).await.json();
    assert_eq!(answered["results"][0]["verdict"], "VALID", "{answered}");
    assert_eq!(answered["results"][1]["code"], "insufficient-permissions", "{answered}");
    assert_eq!(answered["results"][1]["errors"][0]["pointer"], "/requests/1");
    let answer = verify(&spender, question("exports", 2)).await.json();
    assert_eq!((&answer["verdict"], &answer["limits"][1]["remaining"]), (&json!("VALID"), &json!(1)), "{answer}");
    let answer = verify(&spender, question("exports", 2)).await.json();
    assert_eq!((&answer["verdict"], &answer["limit_name"]), (&json!("RATE_LIMITED"), &json!("exports")));
    assert_eq!(answer["limits"][0]["remaining"], 98, "nothing was spent");
    let answer = verify(&spender, question("requests", 50)).await.json();
    assert_eq!(
        (&answer["verdict"], &answer["limits"][0]["remaining"]),
        (&json!("VALID"), &json!(48)),
        "the key's own wins"
    );
    assert_eq!(answer["limits"].as_array().unwrap().len(), 1);
    let foreign = verify(&side.other_organization_key(), question("exports", 1)).await.json();
    assert_eq!(foreign["verdict"], "NOT_FOUND");
}

#[tokio::test]
async fn no_limits_is_said_in_words_and_by_whoever_has_none() {
    let installation = Installation::start().await;
    let side = installation.side(Environment::Production);
    let root = side.root(Method::GET, "/v1/whoami", None).await;
    assert!(
        !root["limits"].as_array().unwrap().is_empty(),
        "a root key's own limit counts its own calls alone: {root}"
    );
    let limits =
        async |key: &str| side.root(Method::GET, &side.path(&format!("keys/{key}")), None).await["limits"].clone();
    let (unlimited, caller) = side.create_key(json!({"name": "unlimited", "limits": "none"})).await;
    assert_eq!(limits(&unlimited).await, json!([]));
    let own = side.organization_key();
    let verified = side.ask(&own, Method::POST, "/v1/keys/verify", Some(json!({"key": caller.secret()}))).await;
    assert_eq!((&verified.json()["verdict"], &verified.json()["limits"]), (&json!("VALID"), &json!([])));
    let (default, _) = side.create_key(json!({"name": "default"})).await;
    assert_eq!(limits(&default).await[0]["auto"], true, "left out, it is the organization's default");

    let named = json!([{"name": "exports", "limit": 5, "window_ms": 60_000, "auto": false}]);
    let permissions = ["keys.create", "keys.update"];
    let rated = json!([{"name": "requests", "limit": 900, "window_ms": 60_000}]);
    let (own, maker) = side.create_key(json!({"name": "maker", "permissions": permissions, "limits": rated})).await;
    for wider in [json!("none"), named.clone()] {
        let body = Some(json!({"name": side.fresh("wider"), "limits": wider}));
        let refused = side.ask(&maker, Method::POST, &side.path("keys"), body).await;
        assert_eq!(refused.json()["code"], "exceeds-grantor", "{}", refused.text);
        let lifted = Some(json!({"limits": wider}));
        let refused = side.change(&maker, &side.path(&format!("keys/{own}")), lifted, "*").await;
        assert_eq!(refused.json()["code"], "exceeds-grantor", "{}", refused.text);
    }
    let path = side.path(&format!("keys/{unlimited}"));
    for (body, status) in
        [(json!([]), 422), (Value::Null, 422), (json!("all"), 422), (named, 200), (json!("none"), 200)]
    {
        let answer = side.change(&side.root_key(), &path, Some(json!({"limits": body})), "*").await;
        assert_eq!(answer.status, status, "{body}: {}", answer.text);
    }
    assert_eq!(limits(&unlimited).await, json!([]));
}
