//! Keys that come from elsewhere with their secrets: one or a thousand at a time, each judged as if it were made here.

use domain::environment::Environment;
use reqwest::Method;
use serde_json::{Value, json};

use crate::keys::verify;
use crate::support::{Answer, Caller, Installation, Side};

/// A secret of another form, as another system issues it.
fn foreign(number: u64) -> String {
    format!("acme_live_{:032x}", u128::from(number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835))
}

async fn import_batch(side: &Side, caller: &Caller, body: Value) -> Answer {
    side.ask(caller, Method::POST, &side.path("keys/import-batch"), Some(body)).await
}

fn digest(side: &Side, text: &str) -> Value {
    json!({"algorithm": "sha256", "encoding": "hex", "value": side.sha256(text)})
}

#[tokio::test]
async fn a_foreign_secret_works_from_its_import_on_and_is_rotated() {
    let installation = Installation::start().await;
    for environment in [Environment::Production, Environment::Staging] {
        let side = installation.side(environment);
        assert_eq!(verify(side, &foreign(1)).await["verdict"], "MALFORMED");
        let body = json!({"key": {"name": "brought", "prefix": "acme"}, "secret": foreign(1)});
        let answer = side.ask(&side.root_key(), Method::POST, &side.path("keys/import"), Some(body)).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        assert!(!answer.text.contains(&foreign(1)), "an import shows no secret");
        let key = answer.json()["key"]["id"].as_str().unwrap().to_owned();
        assert_eq!(answer.json()["key"]["hint"], format!("…{}", &foreign(1)[foreign(1).len() - 4..]));
        assert_eq!(verify(side, &foreign(1)).await["verdict"], "VALID", "with the very next request");
        assert_eq!(verify(side, &foreign(2)).await["verdict"], "NOT_FOUND");
        let body = json!({"key": {"name": "digest"}, "digest": digest(side, &foreign(3)), "hint": "acme_live_…xyz1"});
        let answer = side.ask(&side.root_key(), Method::POST, &side.path("keys/import"), Some(body)).await;
        assert_eq!((answer.status, &answer.json()["key"]["hint"]), (201, &json!("acme_live_…xyz1")), "{}", answer.text);
        assert_eq!(verify(side, &foreign(3)).await["verdict"], "VALID");
        let path = side.path(&format!("keys/{key}/regenerate"));
        let renewed = side.root(Method::POST, &path, Some(json!({"overlap_seconds": 600}))).await;
        let secret = renewed["secret"].as_str().unwrap();
        assert!(secret.starts_with("acme_"), "under the prefix that the import named");
        for text in [secret, &foreign(1)] {
            let answer = verify(side, text).await;
            assert_eq!((answer["verdict"].as_str(), answer["key_id"].as_str()), (Some("VALID"), Some(key.as_str())));
        }
        let path = side.path(&format!("keys/{key}/revoke"));
        side.root(Method::POST, &path, Some(json!({"reason": "compromised"}))).await;
        assert_eq!(verify(side, &foreign(1)).await["verdict"], "REVOKED");
        let caller = Caller::with(&foreign(3));
        let answer = side.ask(&caller, Method::GET, "/v1/whoami", None).await;
        assert_eq!(answer.status, 401, "it is no credential of this API");
    }
    let other = installation.side(Environment::Development);
    assert_eq!(verify(other, &foreign(3)).await["verdict"], "MALFORMED", "nor is it known in another environment");
}

/// The bodies of the page on migration, each with the secret that it names before.
fn documented() -> Vec<(&'static str, Value)> {
    let page = include_str!("../../../../docs/migrate.md");
    let sections = page.split("The key `").skip(1).map(|section| {
        let (secret, rest) = section.split_once('`').unwrap();
        let (_, body) = rest.split_once("```json\n").unwrap();
        (secret, serde_json::from_str(body.split_once("```").unwrap().0).unwrap())
    });
    sections.collect()
}

#[tokio::test]
async fn keys_of_other_systems_go_on_as_documented() {
    let installation = Installation::start().await;
    let side = installation.side(Environment::Production);
    let documented = documented();
    assert_eq!(documented.len(), 4);
    for (secret, body) in documented {
        let answer = import_batch(side, &side.root_key(), body).await;
        assert_eq!((answer.status, &answer.json()["imported"]), (201, &json!(1)), "{}", answer.text);
        let verified = verify(side, secret).await;
        assert_eq!(verified["verdict"], "VALID", "{secret}");
        assert_eq!(verified["key_id"], answer.json()["results"][0]["key_id"]);
    }
}

#[tokio::test]
async fn a_thousand_keys_come_in_one_call_and_its_replay_is_the_same() {
    let installation = Installation::start().await;
    let side = installation.side(Environment::Production);
    let line =
        |number: u64| json!({"key": {"name": format!("brought {number}")}, "digest": digest(side, &foreign(number))});
    let body = json!({"keys": (0..1_000).map(line).collect::<Vec<_>>()});
    let (own, path) = (side.organization_key(), side.path("keys/import-batch"));
    let first = side.ask_once(&own, &path, &body, "all-of-them").await;
    assert_eq!(first.status, 201, "{}", first.text);
    let report = first.json();
    assert_eq!((&report["imported"], &report["refused"]), (&json!(1_000), &json!(0)));
    assert_eq!(report["results"].as_array().unwrap().len(), 1_000);
    let again = side.ask_once(&own, &path, &body, "all-of-them").await;
    assert_eq!((again.status, again.json()), (201, report.clone()), "a replay answers the same lines");
    for number in [0, 499, 999] {
        let answer = verify(side, &foreign(number)).await;
        let key_id = &report["results"][usize::try_from(number).unwrap()]["key_id"];
        assert_eq!((&answer["verdict"], &answer["key_id"]), (&json!("VALID"), key_id));
    }
    let unkeyed = import_batch(side, &own, body).await;
    assert_eq!(unkeyed.status, 409, "without the Idempotency-Key it is another import");
    let more: Vec<Value> = (2_000..3_001).map(line).collect();
    assert_eq!(import_batch(side, &own, json!({"keys": more})).await.status, 422);
    assert_eq!(import_batch(side, &own, json!({"keys": []})).await.status, 422);
}

#[tokio::test]
async fn one_bad_key_ends_all_or_itself_alone_as_asked() {
    let installation = Installation::start().await;
    let side = installation.side(Environment::Staging);
    let own = side.organization_key();
    let line = |name: &str, number: u64| json!({"key": {"name": name}, "secret": foreign(number)});
    side.root(Method::POST, &side.path("keys/import"), Some(line("held", 1))).await;
    let keys = json!([
        line("good", 10),
        line("HELD", 11),
        line("secret held", 1),
        {"key": {"name": "short"}, "secret": "short"},
        {"key": {"name": "two"}, "secret": foreign(12), "digest": digest(side, &foreign(12))},
        {"key": {"name": "digest"}, "digest": {"algorithm": "sha256", "encoding": "base64", "value": "AAAA"}},
        {"key": {"name": "hint"}, "digest": digest(side, "a short secret"), "hint": "a short secret"},
        line("Good", 14),
        line("twice", 10),
        {"key": {"name": "permission", "permissions": ["nothing.known"]}, "secret": foreign(15)},
        line("last", 16),
    ]);
    let none = import_batch(side, &own, json!({"keys": keys})).await;
    assert_eq!(none.status, 409, "{}", none.text);
    let errors = none.json()["errors"].as_array().unwrap().clone();
    let pointers: Vec<&str> = errors.iter().map(|error| error["pointer"].as_str().unwrap()).collect();
    let wanted = [
        "1/key/name",
        "2",
        "3/secret",
        "4/secret",
        "5/digest/value",
        "6/hint",
        "7/key/name",
        "8",
        "9/key/permissions/0",
    ];
    assert_eq!(pointers, wanted.map(|rest| format!("/keys/{rest}")));
    assert_eq!(verify(side, &foreign(10)).await["verdict"], "NOT_FOUND", "nothing was imported");
    assert!(!none.text.contains("a short secret"), "a refusal repeats no secret");
    let others = import_batch(side, &own, json!({"keys": keys, "on_refusal": "import_others"})).await;
    assert_eq!(others.status, 201, "{}", others.text);
    let report = others.json();
    assert_eq!((&report["imported"], &report["refused"]), (&json!(2), &json!(9)));
    let is_refused = |at: usize| !report["results"][at]["errors"].as_array().unwrap().is_empty();
    assert_eq!((0..11).filter(|at| !is_refused(*at)).collect::<Vec<_>>(), [0, 10]);
    assert_eq!(verify(side, &foreign(10)).await["key_id"], report["results"][0]["key_id"]);
    assert_eq!(verify(side, &foreign(16)).await["verdict"], "VALID");
    assert_eq!(verify(side, &foreign(14)).await["verdict"], "NOT_FOUND");
}

#[tokio::test]
async fn a_limited_caller_imports_within_its_limits_alone() {
    let installation = Installation::start().await;
    let side = installation.side(Environment::Production);
    let (inside, outside) = (side.create_customer("inside").await, side.create_customer("outside").await);
    let granted = json!({
        "name": "limited", "permissions": ["keys.create", "documents.read"], "customers": [inside],
        "limits": [{"name": "requests", "limit": 10_000, "window_ms": 60_000}],
    });
    let (_, limited) = side.create_key(granted).await;
    let limits = json!([{"name": "requests", "limit": 100, "window_ms": 60_000}]);
    let within = json!({"name": "within", "customers": [inside], "limits": limits, "permissions": ["documents.read"]});
    let beyond = [
        ("customers", json!("all")),
        ("customers", json!([outside])),
        ("permissions", json!(["keys.delete"])),
        ("limits", json!([{"name": "requests", "limit": 100_000, "window_ms": 60_000}])),
    ];
    let mut keys = vec![json!({"key": within, "secret": foreign(100)})];
    for (number, (member, value)) in (101..).zip(beyond) {
        let mut key = within.clone();
        (key["name"], key[member]) = (json!(format!("beyond {number}")), value);
        keys.push(json!({"key": key, "secret": foreign(number)}));
    }
    let none = import_batch(side, &limited, json!({"keys": keys})).await;
    assert!([403, 422].contains(&none.status), "{}", none.text);
    let others = import_batch(side, &limited, json!({"keys": keys, "on_refusal": "import_others"})).await;
    assert_eq!((others.status, &others.json()["imported"]), (201, &json!(1)), "{}", others.text);
    assert_eq!(verify(side, &foreign(100)).await["verdict"], "VALID");
    for number in 101..105 {
        assert_eq!(verify(side, &foreign(number)).await["verdict"], "NOT_FOUND");
    }
}

#[tokio::test]
async fn an_import_says_nothing_of_who_holds_the_secret() {
    let installation = Installation::start().await;
    let side = installation.side(Environment::Staging);
    let made = json!({"name": "Other", "slug": side.fresh_slug()});
    let other = side.root(Method::POST, "/v1/organizations", Some(made)).await["id"].as_str().unwrap().to_owned();
    let import = async |organization: &str, name: &str, number: u64| {
        let body = json!({"key": {"name": name}, "digest": digest(side, &foreign(number))});
        let path = format!("/v1/organizations/{organization}/keys/import");
        let answer = side.ask(&side.root_key(), Method::POST, &path, Some(body)).await;
        let mut members: Vec<String> = answer.json()["key"].as_object().unwrap().keys().cloned().collect();
        members.sort_unstable();
        (answer.status, members, answer.json()["key"]["secrets_active"].clone())
    };
    let alone = import(&other, "alone", 200).await;
    import(side.organization(), "held", 201).await;
    assert_eq!(verify(side, &foreign(201)).await["verdict"], "VALID");
    let second = import(&other, "held", 201).await;
    assert_eq!(second, alone, "a secret that somebody holds is imported like one that nobody does");
    assert_eq!(verify(side, &foreign(201)).await["verdict"], "NOT_FOUND", "it proves neither key");
}

#[tokio::test]
async fn a_refused_line_adds_no_permission_and_a_good_one_holds_its() {
    let installation = Installation::start().await;
    let side = installation.side(Environment::Production);
    let line = |name: &str, number: u64, permission: &str| {
        let key = json!({"name": name, "permissions": [permission], "create_permissions": true});
        json!({"key": key, "secret": foreign(number)})
    };
    let keys = json!([
        line("first", 300, "reports.read"),
        line("first", 301, "reports.write"),
        json!({"key": {"name": "ended", "permissions": ["ended.read"], "create_permissions": true,
            "expires_at": "2001-01-01T00:00:00Z"}, "secret": foreign(302)}),
        line("last", 303, "reports.read"),
    ]);
    let none = import_batch(side, &side.root_key(), json!({"keys": keys})).await;
    assert_eq!(none.status, 409, "{}", none.text);
    // The organization's own key does not hold what is added: a root key does, by its wildcard.
    let others = import_batch(side, &side.root_key(), json!({"keys": keys, "on_refusal": "import_others"})).await;
    let report = others.json();
    assert_eq!((others.status, &report["imported"]), (201, &json!(2)), "{}", others.text);
    let own = side.root(Method::GET, &side.path("permissions"), None).await;
    let names: Vec<&str> = own["items"].as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["documents.read", "documents.write", "reports.read"], "no word of the line that was refused");
    for number in [300, 303] {
        let body = json!({"key": foreign(number), "permissions": ["reports.read"]});
        let answer = side.ask(&side.root_key(), Method::POST, "/v1/keys/verify", Some(body)).await;
        assert_eq!(answer.json()["verdict"], "VALID", "{}", answer.text);
    }
    let (_, unable) = side.create_key(json!({"name": "unable", "permissions": ["keys.create", "reports.read"]})).await;
    let body = json!({"keys": [line("unable", 304, "invoices.read")], "on_refusal": "import_others"});
    let refused = import_batch(side, &unable, body).await.json();
    assert_eq!(refused["refused"], 1, "{refused}");
}

#[tokio::test]
async fn a_key_of_a_batch_may_be_brought_switched_off() {
    let installation = Installation::start().await;
    let side = installation.side(Environment::Production);
    let line = |name: &str, number: u64, is_enabled: bool| json!({"key": {"name": name, "enabled": is_enabled}, "secret": foreign(number)});
    let body = json!({"keys": [line("on", 400, true), line("off", 401, false)]});
    let report = import_batch(side, &side.organization_key(), body).await;
    assert_eq!(report.status, 201, "{}", report.text);
    assert_eq!(verify(side, &foreign(400)).await["verdict"], "VALID");
    assert_eq!(verify(side, &foreign(401)).await["verdict"], "REVOKED");
    let off = report.json()["results"][1]["key_id"].as_str().unwrap().to_owned();
    let path = side.path(&format!("keys/{off}"));
    assert_eq!(side.root(Method::GET, &path, None).await["status"], "inactive");
    side.root(Method::POST, &format!("{path}/reactivate"), None).await;
    assert_eq!(verify(side, &foreign(401)).await["verdict"], "VALID");
}
