//! What others try: requests from another site, planted cookies, cookies and links that were never drawn.

use console::cookies;
use http::Method;
use serde_json::json;
use testkit::{Browser, ConsoleWorld};

use crate::{EMAIL, PASSWORD, assurance, place, sign_in};

/// Tokens that nobody was given: cut, doubled, quoted, encoded, of another kind, of another form.
fn bad_tokens(good: &str) -> Vec<String> {
    let mut bad = vec![
        String::new(),
        "null".to_owned(),
        "true".to_owned(),
        "undefined".to_owned(),
        "0".repeat(43),
        "A".repeat(42),
        "A".repeat(44),
        "a".repeat(4_000),
        good.to_lowercase(),
        good.to_uppercase(),
        good.chars().rev().collect(),
        format!("{good}="),
        format!("{good}A"),
        format!("\"{good}\""),
        format!("{good}.{good}"),
        format!("{good}%00"),
        format!("%{good}"),
        format!("Bearer {good}"),
        "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ1c3JfMSJ9.".to_owned(),
        "' or 1=1 --".to_owned(),
        "../../../etc/passwd".to_owned(),
    ];
    // One character away, at every place.
    for (at, own) in good.char_indices() {
        let other = if own == 'A' { 'B' } else { 'A' };
        bad.push(format!("{}{other}{}", &good[..at], &good[at + 1..]));
    }
    bad.retain(|token| token != good);
    bad
}

#[tokio::test(flavor = "multi_thread")]
async fn no_token_that_was_never_drawn_is_accepted() {
    let world = ConsoleWorld::start().await;
    let user = world.add_user(EMAIL, PASSWORD).await;
    let mut good = world.signed_in(user).await;
    assert_eq!(assurance(&mut good).await, "password");
    let token = good.cookie(cookies::SESSION).unwrap().to_owned();
    let bad = bad_tokens(&token);
    assert!(bad.len() >= 60, "{}", bad.len());
    let mut accepted = 0;
    for token in &bad {
        for name in [cookies::SESSION, cookies::SIGN_IN] {
            let cookie = format!("{name}={token}");
            let session = world.browser();
            let mut asker = session.clone();
            let request = session.request(Method::GET, "/bff/control/v1/session").header("cookie", cookie);
            accepted += usize::from(asker.send(request).await.status == 200);
        }
    }
    assert_eq!(accepted, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_site_changes_nothing() {
    let world = ConsoleWorld::start().await;
    let user = world.add_user(EMAIL, PASSWORD).await;
    let mut victim = world.signed_in(user).await;
    let mut routes: Vec<(Method, String)> = console::pages::PATHS
        .iter()
        .flat_map(|(path, methods)| methods.iter().map(|method| (method.clone(), (*path).to_owned())))
        .chain(console::resources::ROUTES.iter().map(|route| (route.method.clone(), route.path.clone())))
        .filter(|(method, _)| *method != Method::GET)
        .collect();
    routes.iter_mut().for_each(|(_, path)| *path = path.replace([':', '{', '}'], "x"));
    assert!(routes.len() > 15);
    let hostile: [&[(&str, &str)]; 5] = [
        &[("origin", "https://evil.test"), ("sec-fetch-site", "cross-site")],
        &[("origin", "null")],
        &[("origin", "http://localhost:3001"), ("sec-fetch-site", "same-site")],
        &[],
        &[("origin", "https://evil.test"), ("x-claviger-request", "1")],
    ];
    for (method, path) in &routes {
        for headers in hostile {
            for (kind, body) in
                [("application/x-www-form-urlencoded", "a=b"), ("application/json", "{}"), ("text/plain", "{}")]
            {
                let request = victim.request(method.clone(), path).header("content-type", kind).body(body);
                let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
                let answer = victim.clone().send(request).await;
                assert_eq!(answer.status, 403, "{method} {path} {headers:?} {kind}: {}", answer.body);
                assert_eq!(answer.code(), "cross-origin");
            }
        }
    }
    // The console's own form, without the header that forms cannot send.
    let request = victim.request(Method::POST, "/bff/control/v1/session/sign-out").header("origin", world.origin());
    assert_eq!(victim.clone().send(request).await.expect(403).code(), "cross-origin");
    assert_eq!(assurance(&mut victim).await, "password");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_planted_cookie_is_never_the_victims_session() {
    let world = ConsoleWorld::start().await;
    let user = world.add_user(EMAIL, PASSWORD).await;
    let attacker = world.add_user("attacker@halden.app", PASSWORD).await;
    let planted = world.signed_in(attacker).await.cookie(cookies::SESSION).unwrap().to_owned();
    let mut victim = world.browser();
    victim.set_cookie(cookies::SESSION, &planted);
    sign_in(&mut victim, EMAIL, PASSWORD).await.expect(303);
    let fresh = victim.cookie(cookies::SESSION).unwrap().to_owned();
    assert_ne!(fresh, planted);
    let session = victim.call(Method::GET, "/bff/control/v1/session", None).await.expect(200);
    assert_eq!(session.text("/user/id"), user.to_string());
    let mut thief = world.browser();
    thief.set_cookie(cookies::SESSION, &planted);
    thief.call(Method::GET, "/bff/control/v1/session", None).await.expect(401);
    // A sign-in on its way that somebody else began, at the victim's.
    let mut other = world.browser();
    other.set_cookie(cookies::SIGN_IN, &fresh);
    assert_eq!(place(&other.get("/login/2fa").await.expect(303)), "/login");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ended_cookie_stays_ended() {
    let world = ConsoleWorld::builder().replicas(2).start().await;
    let user = world.add_user(EMAIL, PASSWORD).await;
    let mut browser = world.signed_in(user).await;
    let kept: Browser = browser.clone();
    assert_eq!(place(&browser.post_form("/logout", &[("next", "/")]).await.expect(303)), "/login");
    assert!(browser.cookie(cookies::SESSION).is_none());
    for url in &world.urls {
        let mut there = kept.at(url);
        let body = json!({"name": "X"});
        there.call(Method::PATCH, "/bff/control/v1/account", Some(&body)).await.expect(401);
        assert_eq!(place(&there.get("/o/halden").await.expect(303)), "/login?next=%2Fo%2Fhalden");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_beyond_all_sense_is_not_hashed() {
    let world = ConsoleWorld::start().await;
    world.add_user(EMAIL, PASSWORD).await;
    let large = "a".repeat(100 << 10);
    let answer = sign_in(&mut world.browser(), EMAIL, &large).await;
    assert_eq!(answer.status, 413);
    sign_in(&mut world.browser(), EMAIL, &"a".repeat(2_000)).await.expect(422);
}
