//! Sessions: whom a cookie stands for, and when it stands for nobody any more.

use std::time::Duration;

use console::cookies;
use http::Method;
use store::control::EndReason;
use testkit::{ConsoleWorld, await_that};

use crate::PASSWORD;

const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread")]
async fn a_session_says_who_it_is_and_where_it_belongs() {
    let world = ConsoleWorld::start().await;
    let user = world.add_user("ines@halden.app", PASSWORD).await;
    let organization = world.add_organization("halden").await;
    let member = world.add_member(organization, user, "developer").await;
    let mut browser = world.signed_in(user).await;
    let session = browser.call(Method::GET, "/bff/control/v1/session", None).await.expect(200);
    assert_eq!(session.text("/user/email"), "ines@halden.app");
    assert_eq!(session.text("/organizations/0/slug"), "halden");
    assert_eq!(session.text("/organizations/0/member_id"), member.to_string());
    assert_eq!(session.text("/organizations/0/roles/staging"), "developer");
    assert_eq!(session.body["session"]["assurance"], "password");
    assert_eq!(session.body["environments"].as_array().unwrap().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ended_session_ends_everywhere() {
    let world = ConsoleWorld::builder().replicas(2).start().await;
    let user = world.add_user("ines@halden.app", PASSWORD).await;
    let browser = world.signed_in(user).await;
    for url in &world.urls {
        browser.at(url).call(Method::GET, "/bff/control/v1/session", None).await.expect(200);
    }
    let mut write = world.write().await;
    assert_eq!(write.end_sessions(user, None, EndReason::Revoked).await.unwrap(), 1);
    write.commit_bookkeeping().await.unwrap();
    for url in &world.urls {
        let mut there = browser.at(url);
        await_that("the session has ended", PATIENCE, async || {
            there.call(Method::GET, "/bff/control/v1/session", None).await.status == 401
        })
        .await;
        let refused = there.call(Method::GET, "/bff/control/v1/session", None).await.expect(401);
        assert_eq!(refused.code(), "session-ended");
    }
    assert!(browser.cookie(cookies::SESSION).is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_persons_cookie_stands_for_nobody() {
    let world = ConsoleWorld::start().await;
    let user = world.add_user("ines@halden.app", PASSWORD).await;
    let mut browser = world.signed_in(user).await;
    let mut write = world.write().await;
    write.set_disabled(user, true).await.unwrap();
    write.commit_bookkeeping().await.unwrap();
    browser.call(Method::GET, "/bff/control/v1/session", None).await.expect(401);
}
