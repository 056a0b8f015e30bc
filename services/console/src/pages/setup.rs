//! `/setup`: the first server admin's account, with a token out of the server's log, while there is nobody.

use std::sync::Arc;

use chrono::TimeDelta;
use domain::email::Email;
use domain::event::Event;
use domain::ids::OrganizationId;
use domain::names::Name;
use http::StatusCode;
use maud::{Markup, html};
use poem::{Request, Response};
use server::problem::Problem;
use store::control::{AccessEntry, ControlActor, ControlOrigin, NewUser};

use super::form::{Form, parameter};
use super::layout::{self, Look, field, new_password, note, submit};
use super::{go, lead_to, show};
use crate::app::App;
use crate::cookies::Token;
use crate::sign_in::{self, Progress, log_refusal};
use crate::visit::Visit;

const LIFETIME: TimeDelta = TimeDelta::hours(24);

/// Makes a token where there is nobody yet, and prints the link. On several replicas each makes its own; all are good
/// until one was used.
pub async fn offer(app: &App) -> Result<(), store::Error> {
    if app.control.read().await?.has_users().await? {
        return Ok(());
    }
    let token = Token::generate();
    let origin = ControlOrigin::new("", None, "");
    let mut write = app.control.write(ControlActor::System("console"), &origin).await?;
    write.insert_setup_token(&token.hash(), LIFETIME).await?;
    write.commit_bookkeeping().await?;
    let link = app.link(&format!("/setup?token={}", token.expose()));
    tracing::warn!("nobody can sign in yet: make the first server admin's account within a day at {link}");
    Ok(())
}

/// Asks for the account. Once there is somebody, there is no such page.
pub async fn get(app: Arc<App>, request: Request) -> Result<Response, Problem> {
    if app.control.read().await?.has_users().await? {
        return Ok(lead_to("/login"));
    }
    Ok(show(StatusCode::OK, &page(&app, &parameter(&request, "token"), ("", ""), None)))
}

/// Makes the account, and signs its person in.
pub async fn post(app: Arc<App>, mut request: Request) -> Result<Response, Problem> {
    let visit = Visit::of(&request)?;
    let form = Form::read(&app, &mut request).await?;
    let (token, email, name) = (form.field("token"), form.field("email"), form.field("name"));
    let refuse = |why: &str| Ok(show(StatusCode::UNPROCESSABLE_ENTITY, &page(&app, token, (email, name), Some(why))));
    let known = match Token::parse(token.trim()) {
        Some(parsed) => app.control.read().await?.has_setup_token(&parsed.hash()).await?.then_some(parsed),
        None => None,
    };
    let Some(known) = known else {
        // It was good a moment ago: somebody else was first.
        if app.control.read().await?.has_users().await? {
            return Ok(lead_to("/login"));
        }
        log_refusal(&app, &visit, (None, "setup"), ("invalid-link", Some("link"))).await?;
        return refuse(
            "This token is not one that the server's log shows, or its day is over: restart the server for another.",
        );
    };
    let (Ok(address), Ok(person)) = (Email::parse(email), Name::parse(name)) else {
        return refuse("Write your e-mail address and your name.");
    };
    let password = form.secret("new_password");
    if let Err(why) = app.rules.check(&password, email) {
        return refuse(&why);
    }
    let password_hash = Some(app.passwords.hash(password).await?);
    let mut write = app.control.write(ControlActor::System("setup"), &visit.origin).await?;
    write.hold_setup().await?;
    if write.has_users().await? || !write.has_setup_token(&known.hash()).await? {
        return Ok(lead_to("/login"));
    }
    let new = NewUser { email: address, name: person, password_hash, is_server_admin: true };
    let user = write.insert_user(&new).await?;
    write.delete_setup_tokens().await?;
    let entry =
        AccessEntry { user: Some(user), event: "setup", outcome: "succeeded", factor: Some("link"), session: None };
    write.insert_access(&entry).await?;
    let password_changed_at = Some(write.now());
    write.commit(OrganizationId::INSTALLATION, &Event::of("user.created", user)).await?;
    let progress =
        Progress { user, password_changed_at, has_second_factor: false, next: "/".to_owned(), factor: "password" };
    Ok(go(sign_in::proceed(&app, &visit, progress).await?))
}

fn page(app: &App, token: &str, (email, name): (&str, &str), refusal: Option<&str>) -> Markup {
    let body = html! {
        h1 { "Set up Claviger" }
        p class="lead" { "Make the first server admin's account. The server's log shows the token." }
        (note(refusal))
        form method="post" action="/setup" {
            (field("Setup token", "token", "text", "off", token))
            (field("E-mail", "email", "email", "username", email))
            (field("Name", "name", "text", "name", name))
            (new_password("Password", app.rules.min_chars()))
            (submit("Create account"))
        }
    };
    layout::sign_in(app, "Set up Claviger", &Look::default(), body, None)
}
