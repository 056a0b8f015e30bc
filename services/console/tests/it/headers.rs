//! What every answer tells a browser.

use http::Method;
use testkit::ConsoleWorld;

use crate::{EMAIL, PASSWORD};

#[tokio::test(flavor = "multi_thread")]
async fn every_page_answers_the_security_headers() {
    let world = ConsoleWorld::start().await;
    let user = world.add_user(EMAIL, PASSWORD).await;
    let mut signed_in = world.signed_in(user).await;
    let paths = [
        "/login",
        "/forgot",
        "/setup",
        "/reset/x",
        "/invite/x",
        "/login/2fa",
        "/login/recovery",
        "/login/password",
        "/login/device",
        "/o/halden/login",
        "/",
        "/nothing/here",
        "/assets/none.js",
        "/bff/control/v1/session",
        "/bff/control/v1/none",
        "/pages/mark.svg",
    ];
    for path in paths {
        for answer in [world.browser().get(path).await, signed_in.get(path).await] {
            for (name, value) in [
                ("x-content-type-options", "nosniff"),
                ("referrer-policy", "no-referrer"),
                ("x-frame-options", "DENY"),
                ("cross-origin-opener-policy", "same-origin"),
            ] {
                assert_eq!(answer.header(name), value, "{path}");
            }
            let policy = answer.header("content-security-policy");
            assert!(
                policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
                "{path}: {policy}"
            );
            assert!(!policy.contains("unsafe") && !policy.contains('*'), "{path}: {policy}");
            assert!(!answer.header("x-claviger-version").is_empty(), "{path}");
            assert!(answer.header("access-control-allow-origin").is_empty(), "{path}");
            if !path.starts_with("/pages/") && answer.status == 200 {
                assert!(["no-store", "no-cache"].contains(&answer.header("cache-control")), "{path}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_a_page_for_people_and_json_for_programs() {
    let world = ConsoleWorld::start().await;
    let page = world.browser().get("/assets/none.js").await.expect(404);
    assert_eq!(page.header("content-type"), "application/problem+json", "an asset is for programs");
    let browser = world.browser();
    let request = browser.request(Method::POST, "/login").header("accept", "text/html").body("x");
    let refused = browser.clone().send(request).await.expect(403);
    assert!(refused.header("content-type").starts_with("text/html"));
    assert!(refused.body.as_str().unwrap().contains("Cross-origin request"));
    let request = browser.request(Method::POST, "/login").header("accept", "application/json").body("x");
    assert_eq!(browser.clone().send(request).await.expect(403).code(), "cross-origin");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_from_elsewhere_is_followed_once_more_from_here() {
    let world = ConsoleWorld::start().await;
    let browser = world.browser();
    let request = browser.request(Method::GET, "/o/halden?a=1&b=2");
    let request = request.header("accept", "text/html").header("sec-fetch-site", "cross-site");
    let again = browser.clone().send(request).await.expect(200);
    assert!(again.body.as_str().unwrap().contains("content=\"0;url=/o/halden?a=1&amp;b=2\""), "{}", again.body);
}
