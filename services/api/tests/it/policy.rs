//! What an organization demands of its keys: kept wherever a key is made, brought, changed, renewed or reactivated, by whoever.

use domain::environment::Environment;
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::access::{Cast, Example};
use crate::support::{Answer, Caller, Installation, Side};

/// Requests for the access matrix.
pub async fn example(cast: &Cast<'_>, operation: &str) -> Example {
    match operation {
        "update_policy" => {
            // Another one each time, so that it is a change.
            let number: u64 = cast.side.fresh("number").split_once(' ').unwrap().1.parse().unwrap();
            Example::of(json!({"default_lifetime_seconds": 300_000_000 + number})).seen("*")
        }
        _ => Example::default(),
    }
}

async fn set(side: &Side, policy: Value) -> Value {
    let answer = side.change(&side.root_key(), &side.path("policy"), Some(policy), "*").await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()
}

async fn post(side: &Side, caller: &Caller, rest: &str, body: Value) -> Answer {
    side.ask(caller, Method::POST, &side.path(rest), Some(body)).await
}

async fn create(side: &Side, caller: &Caller, more: Value) -> Answer {
    post(side, caller, "keys", named(side, more)).await
}

fn named(side: &Side, more: Value) -> Value {
    let mut body = json!({"name": side.fresh("judged")});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

async fn patch(side: &Side, caller: &Caller, key: &str, body: Value) -> Answer {
    side.change(caller, &side.path(&format!("keys/{key}")), Some(body), "*").await
}

fn id(answer: &Answer) -> String {
    assert!((200..300).contains(&answer.status), "{}", answer.text);
    answer.json()["key"]["id"].as_str().unwrap().to_owned()
}

/// Refused for breaking these rules, each at its place.
#[track_caller]
fn assert_breaks(answer: &Answer, rules: &[(&str, &str)]) {
    assert_eq!((answer.status, &answer.json()["code"]), (422, &json!("validation")), "{}", answer.text);
    let errors = answer.json()["errors"].as_array().unwrap().clone();
    let text = |error: &Value, member: &str| error[member].as_str().unwrap().to_owned();
    let told: Vec<_> = errors.iter().map(|error| (text(error, "pointer"), text(error, "code"))).collect();
    let expected: Vec<_> = rules.iter().map(|(at, rule)| ((*at).to_owned(), (*rule).to_owned())).collect();
    assert_eq!(told, expected, "{}", answer.text);
    assert!(errors.iter().all(|error| text(error, "message").contains("the organization's policy")), "{}", answer.text);
}

async fn violations(side: &Side, caller: &Caller) -> Vec<(String, Vec<String>)> {
    let (mut found, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = side.path(&format!("policy/violations?limit=2{cursor}"));
        let answer = side.ask(caller, Method::GET, &path, None).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let page = answer.json();
        for item in page["items"].as_array().unwrap() {
            let rules = item["rules"].as_array().unwrap().iter();
            let rules = rules.map(|rule| rule["code"].as_str().unwrap().to_owned()).collect();
            found.push((item["key_id"].as_str().unwrap().to_owned(), rules));
        }
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return found,
        }
    }
}

/// A policy with every rule.
fn strict() -> Value {
    json!({
        "default_limits": [{"name": "requests", "limit": 60, "window_ms": 60_000}],
        "limits_max": [{"limit": 100, "window_ms": 60_000}],
        "default_lifetime_seconds": 3_600,
        "lifetime_seconds_max": 86_400,
        "must_expire": true,
        "ips_required": true,
        "allow_supplied_secrets": false,
        "prefix": "acme",
        "secret_bytes": 48,
    })
}

/// A key that keeps it, beside its name.
fn good() -> Value {
    json!({"ips": ["192.0.2.0/24"]})
}

#[tokio::test]
async fn a_policy_changes_member_by_member_and_is_lifted_by_words() {
    let installation = Installation::start().await;
    let side = installation.side(Environment::Production);
    let (path, own) = (side.path("policy"), side.organization_key());
    let before = side.root(Method::GET, &path, None).await;
    assert_eq!((&before["must_expire"], &before["allow_supplied_secrets"]), (&json!(false), &json!(true)));
    assert_eq!((&before["prefix"], &before["limits_max"]), (&Value::Null, &json!([])));
    let after = set(side, strict()).await;
    for (member, value) in strict().as_object().unwrap() {
        let is_limits = member == "default_limits";
        let told = if is_limits { after[member][0]["limit"].clone() } else { after[member].clone() };
        assert_eq!(told, if is_limits { json!(60) } else { value.clone() }, "{member}");
    }
    let (action, details) = installation.last_event(Environment::Production).await;
    assert_eq!((action.as_str(), &details["changed"]["prefix"]["after"]), ("policy.updated", &json!("acme")));
    let shown = side.ask(&own, Method::GET, &path, None).await;
    let version = shown.headers["etag"].to_str().unwrap().to_owned();
    assert_eq!(side.change(&own, &path, Some(json!({})), &version).await.headers["etag"], version.as_str());
    let lifted = json!({"limits_max": "none", "default_lifetime_seconds": "none", "lifetime_seconds_max": "unlimited",
        "must_expire": false, "ips_required": false, "allow_supplied_secrets": true, "prefix": "none", "secret_bytes": 32});
    let lifted = side.change(&own, &path, Some(lifted), &version).await.json();
    for member in ["must_expire", "ips_required", "prefix", "limits_max", "secret_bytes", "lifetime_seconds_max"] {
        assert_eq!(lifted[member], before[member], "{member}");
    }
    assert_eq!(side.change(&own, &path, Some(strict()), &version).await.status, 412);
    let organization = side.root(Method::GET, &format!("/v1/organizations/{}", side.organization()), None).await;
    assert_eq!(organization["default_limits"], lifted["default_limits"], "one and the same");
}

#[tokio::test]
async fn a_policy_that_makes_no_sense_is_refused() {
    let installation = Installation::start().await;
    let side = installation.side(Environment::Production);
    let own = side.organization_key();
    let change = async |body: Value| side.change(&own, &side.path("policy"), Some(body), "*").await;
    for (body, pointer, code) in [
        (json!({"limits_max": []}), "/limits_max", "empty"),
        (json!({"limits_max": [{"limit": 1, "window_ms": 60_000}]}), "/limits_max", "contradiction"),
        (json!({"limits_max": [{"limit": 0, "window_ms": 60_000}]}), "/limits_max/0/limit", "range"),
        (json!({"lifetime_seconds_max": 59}), "/lifetime_seconds_max", "range"),
        (json!({"lifetime_seconds_max": 315_360_001}), "/lifetime_seconds_max", "range"),
        (
            json!({"default_lifetime_seconds": 90, "lifetime_seconds_max": 60}),
            "/default_lifetime_seconds",
            "contradiction",
        ),
        (json!({"prefix": "clvroot"}), "/prefix", "prefix"),
        (json!({"prefix": "Acme"}), "/prefix", "prefix"),
        (json!({"secret_bytes": 31}), "/secret_bytes", "range"),
        (json!({"secret_bytes": 129}), "/secret_bytes", "range"),
        (json!({"must_expire": null}), "/must_expire", "type"),
        (json!({"default_limits": []}), "/default_limits", "empty"),
        (json!({"ip_required": true}), "/ip_required", "unknown-member"),
    ] {
        let refused = change(body.clone()).await;
        assert_eq!(refused.status, 422, "{body}: {}", refused.text);
        let error = &refused.json()["errors"][0];
        assert_eq!((&error["pointer"], &error["code"]), (&json!(pointer), &json!(code)), "{body}");
    }
    set(side, json!({"limits_max": [{"limit": 1_000, "window_ms": 60_000}]})).await;
    let path = format!("/v1/organizations/{}", side.organization());
    let more = json!({"default_limits": [{"name": "requests", "limit": 1_001, "window_ms": 60_000}]});
    let refused = side.change(&own, &path, Some(more), "*").await;
    assert_breaks(&refused, &[("/default_limits", "policy-limits")]);
}

#[tokio::test]
async fn every_rule_is_kept_where_a_key_is_made_whoever_makes_it() {
    let installation = Installation::start().await;
    let side = installation.side(Environment::Production);
    set(side, strict()).await;
    let part = "0123456789abcdefghijABCDEFGHIJ0123456789abcdefghij";
    let all = [("/expires_at", "policy-must-expire"), ("/ips", "policy-ips"), ("/limits", "policy-limits")];
    for caller in [side.organization_key(), side.root_key()] {
        let made = create(side, &caller, good()).await;
        assert_eq!(made.status, 201, "{}", made.text);
        let (key, secret) = (&made.json()["key"], made.json()["secret"].as_str().unwrap().to_owned());
        assert!(secret.starts_with("acme_prod_") && secret.rsplit('_').next().unwrap().len() == 48 + 6, "its form");
        assert!(key["expires_at"].is_string() && key["limits"][0]["limit"] == 60, "{key}");
        let broken = create(side, &caller, json!({"expires_at": "never", "limits": "none"})).await;
        assert_breaks(&broken, &all);
        for (more, at, rule) in [
            (json!({"expires_at": "2036-01-01T00:00:00Z"}), "/expires_at", "policy-lifetime"),
            (json!({"ips": "all"}), "/ips", "policy-ips"),
            (json!({"limits": [{"name": "a", "limit": 101, "window_ms": 60_000}]}), "/limits", "policy-limits"),
            (
                json!({"limits": [{"name": "a", "limit": 9, "window_ms": 60_000, "auto": false}]}),
                "/limits",
                "policy-limits",
            ),
            (json!({"prefix": "clv"}), "/prefix", "policy-prefix"),
            (json!({"secret": part}), "/secret", "policy-supplied-secrets"),
            (json!({"enabled": false, "ips": "all"}), "/ips", "policy-ips"),
        ] {
            let mut body = good();
            body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            assert_breaks(&create(side, &caller, body).await, &[(at, rule)]);
        }
    }
    set(side, json!({"allow_supplied_secrets": true})).await;
    let mut body = good();
    body["secret"] = json!(part);
    assert_eq!(create(side, &side.organization_key(), body.clone()).await.status, 201);
    body["secret"] = json!(&part[..47]);
    assert_breaks(&create(side, &side.root_key(), body).await, &[("/secret", "policy-secret-bytes")]);
    let other = Some(json!({"name": "Other", "slug": side.fresh_slug()}));
    let other = side.root(Method::POST, "/v1/organizations", other).await["id"].as_str().unwrap().to_owned();
    let made = Some(json!({"name": "free"}));
    let made = side.ask(&side.root_key(), Method::POST, &format!("/v1/organizations/{other}/keys"), made).await;
    assert_eq!(made.status, 201, "another organization's policy is its own: {}", made.text);
}

#[tokio::test]
async fn no_import_gets_round_the_policy() {
    let installation = Installation::start().await;
    let side = installation.side(Environment::Staging);
    let (own, foreign) = (side.organization_key(), "acme_live_5HqLyjWDarjtT1zdp7dc");
    let ours = side.foreign_secret();
    let digest = json!({"algorithm": "sha256", "encoding": "hex", "value": side.sha256(foreign)});
    let hashed = json!({"prefix": "clv", "id": "0123456789ABCDEF", "sha256": side.sha256(&ours), "last4": "abcd"});
    let forms = [
        ("/secret", json!({"secret": foreign})),
        ("/secret", json!({"secret": ours})),
        ("/digest", json!({"digest": digest})),
        ("/hashed", json!({"hashed": hashed})),
    ];
    let line = |form: &Value, more: Value| {
        let mut line = form.clone();
        line["key"] = named(side, more);
        line
    };
    set(side, json!({"allow_supplied_secrets": false})).await;
    for (at, form) in &forms {
        let rule = "policy-supplied-secrets";
        for caller in [&own, &side.root_key()] {
            assert_breaks(&post(side, caller, "keys/import", line(form, json!({}))).await, &[(at, rule)]);
        }
        let batch = json!({"keys": [line(form, json!({}))]});
        let refused = post(side, &own, "keys/import-batch", batch.clone()).await;
        assert_breaks(&refused, &[(&format!("/keys/0{at}"), rule)]);
        let others = json!({"keys": batch["keys"], "on_refusal": "import_others"});
        let report = post(side, &own, "keys/import-batch", others).await.json();
        assert_eq!((&report["refused"], &report["results"][0]["errors"][0]["code"]), (&json!(1), &json!(rule)));
    }
    set(side, json!({"allow_supplied_secrets": true, "secret_bytes": 48, "prefix": "acme", "must_expire": true})).await;
    let expected: [&[(&str, &str)]; 4] = [
        &[("/secret", "policy-secret-bytes")],
        &[("/secret", "policy-secret-bytes"), ("/secret", "policy-prefix")],
        &[("/digest", "policy-secret-bytes")],
        &[("/hashed", "policy-secret-bytes"), ("/hashed", "policy-prefix")],
    ];
    for ((_, form), rules) in forms.iter().zip(expected) {
        let soon = json!({"expires_at": "2036-01-01T00:00:00Z"});
        assert_breaks(&post(side, &own, "keys/import", line(form, soon)).await, rules);
    }
    let long = json!({"secret": format!("{foreign}{foreign}")});
    let refused = post(side, &own, "keys/import", line(&long, json!({}))).await;
    assert_breaks(&refused, &[("/key/expires_at", "policy-must-expire")]);
    let soon = json!({"expires_at": "2036-01-01T00:00:00Z"});
    let key = id(&post(side, &own, "keys/import", line(&long, soon)).await);
    let renewed = post(side, &own, &format!("keys/{key}/regenerate"), json!({})).await.json();
    assert!(renewed["secret"].as_str().unwrap().starts_with("acme_"), "its next secret begins as the policy says");
}

#[tokio::test]
async fn no_change_by_parts_gets_round_the_policy() {
    let installation = Installation::start().await;
    let side = installation.side(Environment::Production);
    set(side, strict()).await;
    let permissions: Vec<&str> = ["keys.create", "keys.update", "keys.regenerate", "keys.revoke", "keys.read"].into();
    let later = installation.instant_in(std::time::Duration::from_secs(7_200)).await;
    let maker = json!({"name": "maker", "permissions": permissions, "ips": ["127.0.0.0/8"], "expires_at": later});
    let (_, maker) = side.create_key(maker).await;
    let tightens = side.change(&maker, &side.path("policy"), Some(json!({"must_expire": false})), "*").await;
    assert_eq!(tightens.json()["code"], "insufficient-permissions");
    let within = json!({"ips": ["127.0.0.1"], "limits": [{"name": "requests", "limit": 10, "window_ms": 60_000}]});
    let made = create(side, &maker, within).await;
    let key = id(&made);
    for (body, rules) in [
        (json!({"expires_at": "never"}), [("/expires_at", "policy-must-expire")]),
        (json!({"expires_at": "2036-01-01T00:00:00Z"}), [("/expires_at", "policy-lifetime")]),
        (json!({"ips": "all"}), [("/ips", "policy-ips")]),
        (json!({"limits": "none"}), [("/limits", "policy-limits")]),
        (json!({"limits": [{"name": "other", "limit": 500, "window_ms": 60_000}]}), [("/limits", "policy-limits")]),
    ] {
        assert_breaks(&patch(side, &maker, &key, body.clone()).await, &rules);
        assert_breaks(&patch(side, &side.root_key(), &key, body).await, &rules);
    }
    assert_eq!(patch(side, &maker, &key, json!({"metadata": {"team": "web"}})).await.status, 200);
}

#[tokio::test]
async fn an_old_key_only_gets_narrower_until_it_keeps_the_policy() {
    let installation = Installation::start().await;
    let side = installation.side(Environment::Production);
    let own = side.organization_key();
    let old = id(&create(side, &own, json!({"permissions": ["documents.read"]})).await);
    let revoked = id(&create(side, &own, json!({})).await);
    post(side, &own, &format!("keys/{revoked}/revoke"), json!({})).await;
    set(side, strict()).await;
    let broken = [("/expires_at", "policy-must-expire"), ("/ips", "policy-ips"), ("/limits", "policy-limits")];
    assert_breaks(&post(side, &own, &format!("keys/{old}/regenerate"), json!({})).await, &broken);
    assert_breaks(&post(side, &own, &format!("keys/{revoked}/reactivate"), json!({})).await, &broken);
    let wider = json!({"permissions": ["documents.read", "documents.write"]});
    assert_breaks(&patch(side, &own, &old, wider.clone()).await, &broken);
    let same = json!({"permissions": [], "name": "renamed", "limits": [{"name": "requests", "limit": 1000, "window_ms": 60_000}]});
    assert_eq!(patch(side, &own, &old, same).await.status, 200, "what it leaves as it was does not count");
    let some = json!({"limits": [{"name": "requests", "limit": 500, "window_ms": 60_000}]});
    assert_breaks(&patch(side, &own, &old, some).await, &[("/limits", "policy-limits")]);
    let soon = installation.instant_in(std::time::Duration::from_secs(3_600)).await;
    let kept = json!({"expires_at": soon, "ips": ["192.0.2.1"], "limits": [{"name": "requests", "limit": 10, "window_ms": 60_000}]});
    assert_eq!(patch(side, &own, &old, kept.clone()).await.status, 200);
    let renewed = post(side, &own, &format!("keys/{old}/regenerate"), json!({})).await;
    assert_eq!(renewed.status, 200, "{}", renewed.text);
    assert!(renewed.json()["secret"].as_str().unwrap().starts_with("acme_prod_"));
    assert_eq!(patch(side, &own, &revoked, kept).await.status, 200);
    let refused = post(side, &own, &format!("keys/{revoked}/reactivate"), json!({})).await;
    assert_breaks(&refused, &[("/prefix", "policy-prefix")]);
    assert!(refused.text.contains("regenerate the key first"), "{}", refused.text);
    assert_eq!(post(side, &own, &format!("keys/{revoked}/regenerate"), json!({})).await.status, 200);
    assert_eq!(post(side, &own, &format!("keys/{revoked}/reactivate"), json!({})).await.status, 200);
    assert_eq!(patch(side, &own, &old, wider).await.status, 200);
}

#[tokio::test]
async fn the_report_names_each_key_with_the_rules_that_it_breaks() {
    let installation = Installation::start().await;
    let side = installation.side(Environment::Development);
    let own = side.organization_key();
    assert_eq!(violations(side, &own).await, [], "nothing is demanded");
    let customer = side.create_customer("one").await;
    let far = "2036-01-01T00:00:00Z";
    let limit = |limit: u64, window_ms: u64| json!([{"name": "requests", "limit": limit, "window_ms": window_ms}]);
    let ips = json!(["192.0.2.1"]);
    let brought = json!({"key": named(side, json!({"prefix": "acme", "ips": ips, "limits": limit(1, 1_000)})),
        "secret": "acme_live_5HqLyjWDarjtT1zdp7dc"});
    let brought = id(&post(side, &own, "keys/import", brought).await);
    let all = id(&create(side, &own, json!({"customers": [customer]})).await);
    let late = json!({"expires_at": far, "ips": ips, "prefix": "acme", "limits": limit(6_000, 3_600_000)});
    let late = id(&create(side, &own, late).await);
    let soon = installation.instant_in(std::time::Duration::from_secs(3_600)).await;
    let kept = json!({"expires_at": soon, "ips": ips, "prefix": "acme", "limits": limit(100, 3_600_000)});
    create(side, &own, kept).await;
    let gone = id(&create(side, &own, json!({})).await);
    post(side, &own, &format!("keys/{gone}/revoke"), json!({})).await;
    set(side, strict()).await;
    let rules = |names: &[&str]| names.iter().map(|name| format!("policy-{name}")).collect::<Vec<_>>();
    let expected = [
        (late, rules(&["lifetime", "limits"])),
        (all.clone(), rules(&["must-expire", "ips", "limits", "prefix"])),
        (brought, rules(&["must-expire", "supplied-secrets"])),
    ];
    let found = violations(side, &own).await;
    let listed: Vec<_> = found.iter().filter(|(key, _)| expected.iter().any(|(id, _)| id == key)).cloned().collect();
    assert_eq!(listed, expected);
    assert_eq!(found.len(), 4, "the caller's own key breaks it as well, and nothing else does: {found:?}");
    let limited = json!({"name": "limited", "permissions": ["policy.read"], "customers": [customer]});
    set(
        side,
        json!({"must_expire": false, "lifetime_seconds_max": "unlimited", "default_lifetime_seconds": "none",
        "ips_required": false, "limits_max": "none"}),
    )
    .await;
    let (limited_id, limited) = side.create_key(limited).await;
    let mut seen: Vec<String> = violations(side, &limited).await.into_iter().map(|(key, _)| key).collect();
    seen.retain(|key| *key != limited_id);
    assert_eq!(seen, [all], "a limited caller sees its customers' keys and no others");
    let foreign = side.ask(&side.other_organization_key(), Method::GET, &side.path("policy/violations"), None).await;
    assert_eq!(foreign.status, 404);
}

#[tokio::test]
async fn a_tightened_policy_holds_for_what_begins_after_its_answer() {
    let installation = Installation::start().await;
    let side = installation.side(Environment::Production);
    let own = side.organization_key();
    for round in 0..5 {
        set(side, json!({"ips_required": false})).await;
        let before: Vec<_> = (0..8).map(|_| create(side, &own, json!({}))).collect();
        let tighten = async {
            set(side, json!({"ips_required": true})).await;
            join_all((0..8).map(|_| create(side, &own, json!({})))).await
        };
        let (before, after) = tokio::join!(join_all(before), tighten);
        for answer in &before {
            assert!([201, 422].contains(&answer.status), "round {round}: {}", answer.text);
        }
        for answer in &after {
            assert_breaks(answer, &[("/ips", "policy-ips")]);
        }
    }
    let reported: Vec<String> = violations(side, &own).await.into_iter().map(|(key, _)| key).collect();
    let listed = side.root(Method::GET, &side.path("keys?limit=200"), None).await;
    let live = listed["items"].as_array().unwrap().iter().map(|key| key["id"].as_str().unwrap().to_owned());
    assert_eq!(reported, live.collect::<Vec<_>>(), "whatever slipped in before is reported");
}
