//! A person's own account.

use http::Method;
use serde_json::json;
use testkit::ConsoleWorld;

use crate::{EMAIL, PASSWORD, assurance, code, enrol, sign_in, stale};

const ACCOUNT: &str = "/bff/control/v1/account";
const STEP_UP: &str = "/bff/control/v1/session/step-up";

#[tokio::test(flavor = "multi_thread")]
async fn a_new_password_ends_the_other_sessions() {
    let world = ConsoleWorld::start().await;
    let user = world.add_user(EMAIL, PASSWORD).await;
    let (mut own, mut other) = (world.signed_in(user).await, world.signed_in(user).await);
    let path = format!("{ACCOUNT}/password");
    let change = |now: &str, new: &str| json!({"current_password": now, "new_password": new});
    let wrong = own.call(Method::POST, &path, Some(&change("x", "a tangerine outpost"))).await.expect(422);
    assert_eq!(wrong.text("/errors/0/pointer"), "/current_password");
    let weak = own.call(Method::POST, &path, Some(&change(PASSWORD, "short"))).await.expect(422);
    assert_eq!(weak.text("/errors/0/pointer"), "/new_password");
    own.call(Method::POST, &path, Some(&change(PASSWORD, "a tangerine outpost"))).await.expect(204);
    assert_eq!(assurance(&mut own).await, "password");
    other.call(Method::GET, ACCOUNT, None).await;
    other.call(Method::GET, "/bff/control/v1/session", None).await.expect(401);
    sign_in(&mut world.browser(), EMAIL, PASSWORD).await.expect(422);
    sign_in(&mut world.browser(), EMAIL, "a tangerine outpost").await.expect(303);
}

#[tokio::test(flavor = "multi_thread")]
async fn dangerous_things_want_a_proof_that_is_fresh() {
    let world = ConsoleWorld::start().await;
    let user = world.add_user(EMAIL, PASSWORD).await;
    let mut browser = stale(&world, user).await;
    let totp = format!("{ACCOUNT}/totp");
    let refused = browser.call(Method::POST, &totp, None).await.expect(403);
    assert_eq!(refused.code(), "step-up-required");
    browser.call(Method::POST, STEP_UP, Some(&json!({"password": "wrong"}))).await.expect(422);
    browser.call(Method::POST, STEP_UP, Some(&json!({}))).await.expect(422);
    let session = browser.call(Method::POST, STEP_UP, Some(&json!({"password": PASSWORD}))).await.expect(200);
    assert!(session.body["session"]["step_up_until"].is_string());
    let (secret, _) = enrol(&world, &mut browser).await;

    let mut second = stale(&world, user).await;
    // Whoever has a second factor shows it: the password alone is not enough.
    second.call(Method::POST, STEP_UP, Some(&json!({"password": PASSWORD}))).await.expect(422);
    second.call(Method::DELETE, &totp, None).await.expect(403);
    let now = code(&world, &secret, 0).await;
    second.call(Method::POST, STEP_UP, Some(&json!({"code": now}))).await.expect(200);
    second.call(Method::POST, STEP_UP, Some(&json!({"code": now}))).await.expect(422);
    second.call(Method::DELETE, &totp, None).await.expect(204);
    browser.call(Method::GET, "/bff/control/v1/session", None).await.expect(401);
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_listed_and_ended_one_by_one() {
    let world = ConsoleWorld::start().await;
    let user = world.add_user(EMAIL, PASSWORD).await;
    let stranger = world.add_user("other@halden.app", PASSWORD).await;
    let (mut own, mut second, mut third) =
        (world.signed_in(user).await, world.signed_in(user).await, world.signed_in(user).await);
    let list = own.call(Method::GET, &format!("{ACCOUNT}/sessions"), None).await.expect(200);
    let items = list.body["items"].as_array().unwrap();
    assert_eq!(items.len(), 3);
    assert_eq!(items.iter().filter(|item| item["is_current"] == true).count(), 1);
    let of_second = second.call(Method::GET, "/bff/control/v1/session", None).await.expect(200);
    let id = of_second.text("/session/id").to_owned();
    let mut other = world.signed_in(stranger).await;
    other.call(Method::POST, &format!("{ACCOUNT}/sessions/{id}/revoke"), None).await.expect(404);
    own.call(Method::POST, &format!("{ACCOUNT}/sessions/{id}/revoke"), None).await.expect(204);
    second.call(Method::GET, "/bff/control/v1/session", None).await.expect(401);
    let others = own.call(Method::POST, &format!("{ACCOUNT}/sessions/revoke-others"), None).await.expect(200);
    assert_eq!(others.body["revoked"], 1);
    third.call(Method::GET, "/bff/control/v1/session", None).await.expect(401);
    own.call(Method::GET, "/bff/control/v1/session", None).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn preferences_are_kept_up_to_their_size() {
    let world = ConsoleWorld::start().await;
    let user = world.add_user(EMAIL, PASSWORD).await;
    let mut browser = world.signed_in(user).await;
    let body = json!({"name": "Ines Okafor", "preferences": {"theme": "dark", "columns": ["name"]}});
    let changed = browser.call(Method::PATCH, ACCOUNT, Some(&body)).await.expect(200);
    assert_eq!(changed.text("/name"), "Ines Okafor");
    let session = browser.call(Method::GET, "/bff/control/v1/session", None).await.expect(200);
    assert_eq!(session.text("/user/preferences/theme"), "dark");
    let large = json!({"preferences": {"x": "a".repeat(5_000)}});
    browser.call(Method::PATCH, ACCOUNT, Some(&large)).await.expect(422);
    browser.call(Method::PATCH, ACCOUNT, Some(&json!({"is_server_admin": true}))).await.expect(422);
}
