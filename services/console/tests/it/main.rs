//! The console from outside: its pages and its operations, over a real database.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod account;
mod attacks;
mod devices;
mod headers;
mod links;
mod matrix;
mod organizations;
mod proxy;
mod session;
mod sign_in;

use store::control::Assurance;
use testkit::{Answer, Browser, ConsoleWorld};

const PASSWORD: &str = "four quiet words here";
const EMAIL: &str = "ines@halden.app";

/// Sends the form of the sign-in.
async fn sign_in(browser: &mut Browser, email: &str, password: &str) -> Answer {
    browser.post_form("/login", &[("email", email), ("password", password), ("next", "/o/halden")]).await
}

/// Where an answer leads.
fn place(answer: &Answer) -> &str {
    answer.header("location")
}

/// Sets up one-time codes for whoever has signed in, and gives the secret and the recovery codes.
async fn enrol(world: &ConsoleWorld, browser: &mut Browser) -> (String, Vec<String>) {
    let account = "/bff/control/v1/account";
    let new = browser.call(http::Method::POST, &format!("{account}/totp"), None).await.expect(200);
    let secret = new.text("/secret").to_owned();
    // One step early, so that the present step's code is still good afterwards.
    let now = world.control.now().await.unwrap().timestamp();
    let code = console::sign_in::totp::code_at(&secret, now - 30).unwrap();
    let body = serde_json::json!({ "code": code });
    let confirmed = browser.call(http::Method::POST, &format!("{account}/totp/confirm"), Some(&body)).await.expect(200);
    let codes = confirmed.body["recovery_codes"].as_array().unwrap().iter();
    (secret, codes.map(|code| code.as_str().unwrap().to_owned()).collect())
}

/// The code that an authenticator shows, so many steps from now.
async fn code(world: &ConsoleWorld, secret: &str, steps: i64) -> String {
    let now = world.control.now().await.unwrap().timestamp();
    console::sign_in::totp::code_at(secret, now + steps * 30).unwrap()
}

/// What a session has shown.
async fn assurance(browser: &mut Browser) -> String {
    let session = browser.call(http::Method::GET, "/bff/control/v1/session", None).await.expect(200);
    session.text("/session/assurance").to_owned()
}

/// A browser with a session that has shown a second factor but proven nothing lately.
async fn stale(world: &ConsoleWorld, user: domain::ids::UserId) -> Browser {
    world.signed_in_with(user, Assurance::Password, chrono::TimeDelta::minutes(-1)).await
}
