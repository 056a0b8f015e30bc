//! Members of the console as callers: what their tokens must be, and what they may do.

use std::collections::BTreeMap;

use api::members::Claims;
use domain::environment::Environment;
use domain::ids::{MemberId, OrganizationId, UserId};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use reqwest::Method;
use serde_json::{Value, json};
use testkit::token_signer::{ed25519, header, member_claims, server_admin_claims};

use crate::support::{Caller, Installation, Side};

const HERE: Environment = Environment::Staging;

/// A good token with something else in its claims.
fn changed(installation: &Installation, member: &str, value: Value) -> String {
    let mut claims = serde_json::to_value(member_claims(HERE, installation.acme(), "owner")).unwrap();
    claims[member] = value;
    installation.signer().sign(&claims)
}

/// A good token without one of its claims.
fn without(installation: &Installation, member: &str) -> String {
    let mut claims = serde_json::to_value(member_claims(HERE, installation.acme(), "owner")).unwrap();
    claims.as_object_mut().unwrap().remove(member);
    installation.signer().sign(&claims)
}

fn base64(bytes: impl AsRef<[u8]>) -> String {
    data_encoding::BASE64URL_NOPAD.encode(bytes.as_ref())
}

/// Tokens with a claim that is missing or says something else.
fn with_bad_claims(installation: &Installation) -> BTreeMap<String, String> {
    let claims = member_claims(HERE, installation.acme(), "owner");
    let (now, mut bad) = (claims.iat, BTreeMap::new());
    for member in ["iss", "aud", "sub", "org", "role", "sid", "email", "assurance", "iat", "nbf", "exp", "jti"] {
        bad.insert(format!("without {member}"), without(installation, member));
        bad.insert(format!("{member} of another type"), changed(installation, member, json!([1])));
    }
    let other = |environment: Environment| json!(api::members::audience(environment));
    for (name, member, value) in [
        ("of another issuer", "iss", json!("https://evil.test")),
        ("of an issuer with a slash", "iss", json!("https://console.test/")),
        ("for production", "aud", other(Environment::Production)),
        ("for development", "aud", other(Environment::Development)),
        ("for several", "aud", json!([other(HERE), other(Environment::Production)])),
        ("for nobody", "aud", json!("")),
        ("expired long ago", "exp", json!(now - 3_600)),
        ("for an hour", "exp", json!(now + 3_600)),
        ("for ever", "exp", json!(i64::MAX)),
        ("made in the future", "iat", json!(now + 30)),
        ("not yet good", "nbf", json!(now + 30)),
        ("an end before all time", "exp", json!(i64::MIN)),
        ("of the installation", "org", json!(OrganizationId::INSTALLATION)),
        ("of a text for an organization", "org", json!("acme")),
        ("of an organization without the server's role", "role", json!("server-admin")),
        ("a user for a member", "sub", json!(UserId::mint(chrono::DateTime::UNIX_EPOCH))),
        ("a key for a member", "sub", json!("key_0000000000000000000000")),
        ("an unknown assurance", "assurance", json!("root")),
        ("a step-up beyond all years", "step_up_until", json!(i64::MAX)),
    ] {
        bad.insert(name.to_owned(), changed(installation, member, value));
    }
    let mut admin = server_admin_claims(HERE);
    admin.sub = MemberId::mint(chrono::DateTime::UNIX_EPOCH).to_string();
    bad.insert("a member for a server admin".to_owned(), installation.signer().sign(&admin));
    let admin = Claims { org: Some(installation.acme()), ..server_admin_claims(HERE) };
    bad.insert("a server admin in an organization".to_owned(), installation.signer().sign(&admin));
    bad
}

/// Tokens whose header or signature is not the console's.
fn with_bad_signatures(installation: &Installation) -> BTreeMap<String, String> {
    let (signer, claims) = (installation.signer(), member_claims(HERE, installation.acme(), "owner"));
    let good = signer.sign(&claims);
    let (head, rest) = good.split_once('.').unwrap();
    let (payload, signature) = rest.split_once('.').unwrap();
    let stranger = ed25519(&[7; 32]);
    let own_jwk = || Some(Jwk::from_encoding_key(&stranger, Algorithm::EdDSA).unwrap());
    let mut bad: BTreeMap<String, String> = BTreeMap::new();
    let mut add = |name: &str, token: String| drop(bad.insert(name.to_owned(), token));
    for alg in ["none", "None", "NONE", "HS256", "ES256", "RS256", "EdDSA\u{0}"] {
        let head = base64(json!({"typ": "JWT", "alg": alg, "kid": "test-1"}).to_string());
        add(&format!("alg {alg} without a signature"), format!("{head}.{payload}."));
        add(&format!("alg {alg} with the signature"), format!("{head}.{payload}.{signature}"));
    }
    let public = data_encoding::BASE64URL_NOPAD.decode(signer.public_key.as_bytes()).unwrap();
    for secret in [public.as_slice(), signer.public_key.as_bytes()] {
        let head = Header { kid: Some("test-1".to_owned()), ..Header::new(Algorithm::HS256) };
        let token = encode(&head, &claims, &EncodingKey::from_secret(secret).unwrap()).unwrap();
        add(&format!("HS256 with {} bytes of the public key", secret.len()), token);
    }
    add("of a stranger's key", encode(&header(), &claims, &stranger).unwrap());
    let named = Header { jwk: own_jwk(), ..header() };
    add("of a stranger's key that is in the header", encode(&named, &claims, &stranger).unwrap());
    let elsewhere = Header { jku: Some("https://evil.test/jwks.json".to_owned()), ..header() };
    add("of a stranger's key at an address", encode(&elsewhere, &claims, &stranger).unwrap());
    add("with an address of keys", signer.sign_under(&elsewhere, &claims));
    add("with a key in the header", signer.sign_under(&named, &claims));
    add("of an unknown key", signer.sign_under(&Header { kid: Some("test-2".to_owned()), ..header() }, &claims));
    add("of no key", signer.sign_under(&Header { kid: None, ..header() }, &claims));
    add("of a key with a long name", signer.sign_under(&Header { kid: Some("k".repeat(100)), ..header() }, &claims));
    add("of another type", signer.sign_under(&Header { typ: Some("at+jwt".to_owned()), ..header() }, &claims));
    add(
        "with something critical",
        signer.sign_under(&Header { crit: Some(vec!["b64".to_owned()]), ..header() }, &claims),
    );
    add("without a signature", format!("{head}.{payload}."));
    add("with half a signature", format!("{head}.{payload}.{}", &signature[..40]));
    add("with other claims", format!("{head}.{}.{signature}", base64(r#"{"role":"owner"}"#)));
    add("in two parts", format!("{head}.{payload}"));
    add("in four parts", format!("{good}.{signature}"));
    add("of nothing", "..".to_owned());
    add("too long", format!("{good}{}", "A".repeat(5_000)));
    add("not of base64", good.replace('.', ".!"));
    bad
}

#[tokio::test]
async fn no_bad_token_is_accepted() {
    let installation = Installation::start().await;
    let side = installation.side(HERE);
    let good = installation.member(side, "owner");
    let path = side.path("keys");
    assert_eq!(side.ask(&good, Method::GET, &path, None).await.status, 200);
    let bad_key = side.ask(&Caller::with("x"), Method::GET, &path, None).await;
    let bad: Vec<_> = with_bad_claims(&installation).into_iter().chain(with_bad_signatures(&installation)).collect();
    assert!(bad.len() >= 60, "{}", bad.len());
    for (name, token) in &bad {
        let refused = side.ask(&Caller::with(token), Method::GET, &path, None).await;
        assert_eq!(refused.status, 401, "{name}: {}", refused.text);
        assert_eq!(refused.without_request_id(), bad_key.without_request_id(), "{name}");
        assert!(!refused.text.contains(token.as_str()), "{name}");
    }
    // A token of another environment, in full order there.
    let elsewhere = installation.side(Environment::Production);
    let production = installation.member(elsewhere, "owner");
    assert_eq!(elsewhere.ask(&production, Method::GET, &path, None).await.status, 200);
    assert_eq!(side.ask(&production, Method::GET, &path, None).await.status, 401);
    // Of another organization: as if there were none.
    let stranger = installation.other_member(side);
    assert_eq!(side.ask(&stranger, Method::GET, &path, None).await.status, 404);
}

#[tokio::test]
async fn invented_key_ids_ask_the_console_for_nothing() {
    let installation = Installation::start().await;
    let side = installation.side(HERE);
    let good = installation.member(side, "owner");
    assert_eq!(side.ask(&good, Method::GET, "/v1/whoami", None).await.status, 200);
    let asked = installation.signer().times_asked();
    for number in 0..40 {
        let head = Header { kid: Some(format!("invented-{number}")), ..header() };
        let token = installation.signer().sign_under(&head, &member_claims(HERE, installation.acme(), "owner"));
        assert_eq!(side.ask(&Caller::with(&token), Method::GET, "/v1/whoami", None).await.status, 401);
    }
    assert!(installation.signer().times_asked() <= asked + 1, "once in ten seconds");
    assert_eq!(side.ask(&good, Method::GET, "/v1/whoami", None).await.status, 200);
}

#[tokio::test]
async fn a_member_is_a_caller_like_a_key() {
    let installation = Installation::start().await;
    let side = installation.side(HERE);
    let claims = member_claims(HERE, installation.acme(), "developer");
    let developer = Caller::with(&installation.signer().sign(&claims));
    let told = side.ask(&developer, Method::GET, "/v1/whoami", None).await;
    assert_eq!(told.headers["ratelimit-policy"], "\"member\";q=1000;w=60");
    let told = told.json();
    assert_eq!((&told["kind"], &told["key"]), (&json!("member"), &Value::Null));
    assert_eq!((&told["member"]["id"], &told["member"]["role"]), (&json!(claims.sub), &json!("developer")));
    let body = json!({"name": "made by a member", "permissions": ["keys.read"]});
    let made = side.ask(&developer, Method::POST, &side.path("keys"), Some(body)).await;
    assert_eq!(made.status, 201, "{}", made.text);
    assert_eq!(made.json()["key"]["created_by"], json!(claims.sub));
    // No more than the role holds.
    for permissions in [["customers.create"], ["permissions.read"], ["*"]] {
        let body = json!({"name": side.fresh("beyond"), "permissions": permissions});
        let refused = side.ask(&developer, Method::POST, &side.path("keys"), Some(body)).await;
        assert_eq!((refused.status, &refused.json()["code"]), (403, &json!("exceeds-grantor")), "{permissions:?}");
    }
    let own = json!({"name": side.fresh("own"), "permissions": ["documents.read"]});
    assert_eq!(side.ask(&developer, Method::POST, &side.path("keys"), Some(own.clone())).await.status, 403);
    let owner = installation.member(side, "owner");
    assert_eq!(side.ask(&owner, Method::POST, &side.path("keys"), Some(own)).await.status, 201);
    for (role, status) in [("viewer", 403), ("auditor", 403), ("role_0000000000000000000000", 403), ("nobody", 403)] {
        let member = installation.member(side, role);
        let body = json!({"name": side.fresh("refused")});
        assert_eq!(side.ask(&member, Method::POST, &side.path("keys"), Some(body)).await.status, status, "{role}");
    }
}

/// A creation that is sent again by the same person in the same session shows the secret again, whatever token comes with it.
#[tokio::test]
async fn a_member_repeats_a_creation_under_another_token() {
    let installation = Installation::start().await;
    let side = installation.side(HERE);
    let mut claims = member_claims(HERE, installation.acme(), "owner");
    let (path, body) = (side.path("keys"), json!({"name": "once"}));
    let ask = async |claims: &Claims| {
        let caller = Caller::with(&installation.signer().sign(claims));
        side.ask_once(&caller, &path, &body, "an-attempt").await
    };
    let first = ask(&claims).await;
    claims.jti = "another".to_owned();
    let again = ask(&claims).await;
    assert_eq!((first.status, again.status), (201, 201), "{}", again.text);
    assert_eq!(first.json()["secret"], again.json()["secret"]);
    assert_eq!(first.json()["key"]["id"], again.json()["key"]["id"]);
    claims.sid = domain::ids::SessionId::mint(chrono::DateTime::UNIX_EPOCH);
    assert_eq!(ask(&claims).await.json()["secret"], Value::Null, "another session opens no seal");
}

#[tokio::test]
async fn a_member_is_held_to_a_limit_of_its_own() {
    let installation = Installation::start().await;
    let side = installation.side(HERE);
    let claims = member_claims(HERE, installation.acme(), "viewer");
    let member = Caller::with(&installation.signer().sign(&claims));
    // Whoever may spend limits of the organization spends nobody's of these.
    let spend =
        json!({"namespace": "member", "identifier": claims.sub, "limit": 1000, "window_ms": 60_000, "cost": 1000});
    let spent = side.ask(&side.organization_key(), Method::POST, "/v1/limits/spend", Some(spend)).await;
    assert_eq!(spent.status, 200, "{}", spent.text);
    let left = |answer: &crate::support::Answer| answer.headers["ratelimit"].to_str().unwrap().to_owned();
    let answer = side.ask(&member, Method::GET, "/v1/whoami", None).await;
    assert!(left(&answer).starts_with("\"member\";r=999;"), "{}", left(&answer));
    let answer = side.ask(&member, Method::GET, "/v1/whoami", None).await;
    assert!(left(&answer).starts_with("\"member\";r=998;"), "{}", left(&answer));
}

#[tokio::test]
async fn a_server_admin_reaches_all_organizations_and_provisions() {
    let installation = Installation::start().await;
    let side = installation.side(HERE);
    let admin = installation.server_admin(side);
    assert_eq!(side.ask(&admin, Method::GET, "/v1/organizations", None).await.status, 200);
    assert_eq!(side.ask(&admin, Method::GET, &side.path("keys"), None).await.status, 200);
    let path = format!("/v1/organizations/{}", side.fresh_organization_id());
    let slug = side.fresh_slug();
    let body = || Some(json!({"name": "Directory", "slug": slug}));
    let made = side.ask(&admin, Method::PUT, &path, body()).await;
    assert_eq!(made.status, 200, "{}", made.text);
    let again = side.ask(&admin, Method::PUT, &path, body()).await;
    assert_eq!((again.status, again.json()), (200, made.json()), "twice is once");
    let other = format!("/v1/organizations/{}", side.fresh_organization_id());
    assert_eq!(side.ask(&admin, Method::PUT, &other, body()).await.status, 409, "the slug is taken");
    for caller in [side.root_key(), side.organization_key(), installation.member(side, "owner")] {
        assert_eq!(side.ask(&caller, Method::PUT, &other, body()).await.status, 403);
    }
    for bad in ["acme", "org_0000000000000000000000", "key_1"] {
        let refused = side.ask(&admin, Method::PUT, &format!("/v1/organizations/{bad}"), body()).await;
        assert_eq!(refused.status, 422, "{bad}: {}", refused.text);
    }
}

#[tokio::test]
async fn a_suspended_organization_shuts_its_members_out() {
    let installation = Installation::start().await;
    let side: &Side = installation.side(HERE);
    let member = installation.member(side, "owner");
    let path = format!("/v1/organizations/{}", installation.acme());
    side.root(Method::POST, &format!("{path}/suspend"), None).await;
    let refused = side.ask(&member, Method::GET, &path, None).await;
    assert_eq!((refused.status, &refused.json()["code"]), (403, &json!("suspended")), "{}", refused.text);
    side.root(Method::POST, &format!("{path}/resume"), None).await;
    assert_eq!(side.ask(&member, Method::GET, &path, None).await.status, 200);
}
