//! `/forgot` and `/reset/{token}`: a new password by a link. Nobody learns from them whether there is an account.

use std::sync::Arc;

use chrono::TimeDelta;
use domain::email::Email;
use http::StatusCode;
use maud::{Markup, html};
use poem::{Request, Response};
use server::problem::Problem;
use store::control::{AccessEntry, AttemptSubject, ControlActor, EndReason};

use super::form::{Form, last_segment};
use super::layout::{self, Look, field, new_password, note, submit};
use super::show;
use crate::app::App;
use crate::cookies::Token;
use crate::sign_in::log_refusal;
use crate::sign_in::password::{WINDOW, account_subject};
use crate::visit::Visit;

/// How long a link that somebody asked for is good.
const LIFETIME: TimeDelta = TimeDelta::minutes(30);
/// How many links an address or a source can ask for in a quarter of an hour.
const ASKED_MAX: i32 = 5;
const ASKED_OF_SOURCE_MAX: i32 = 30;

/// Asks for the address.
pub async fn get_forgot(app: Arc<App>, _request: Request) -> Result<Response, Problem> {
    Ok(show(StatusCode::OK, &forgot_page(&app)))
}

/// Sends a link where there is an account and mail; says the same in any case.
pub async fn post_forgot(app: Arc<App>, mut request: Request) -> Result<Response, Problem> {
    let visit = Visit::of(&request)?;
    let form = Form::read(&app, &mut request).await?;
    let email = Email::parse(form.field("email")).ok();
    let name = email.as_ref().map(Email::canonical).unwrap_or_default();
    let subjects = [AttemptSubject::of("forgot", name), AttemptSubject::of("forgot-source", &visit.source())];
    let [asked, of_source] = app.control.count_attempts(subjects, WINDOW).await?;
    let may = asked.in_window <= ASKED_MAX && of_source.in_window <= ASKED_OF_SOURCE_MAX;
    if let Some(email) = email.filter(|_| may) {
        // Behind the answer: how long it takes would say whether there is somebody.
        let app = Arc::clone(&app);
        tokio::spawn(async move {
            if let Err(problem) = send_link(&app, &visit, &email).await {
                tracing::warn!(%problem, "a link for a new password could not be made");
            }
        });
    }
    Ok(show(StatusCode::OK, &asked_page(&app)))
}

async fn send_link(app: &App, visit: &Visit, email: &Email) -> Result<(), Problem> {
    let Some(mail) = &app.mail else { return Ok(()) };
    let user = app.control.read().await?.find_user_by_email(email).await?;
    let Some(user) = user.filter(|user| user.disabled_at.is_none()) else { return Ok(()) };
    let token = Token::generate();
    let mut write = app.control.write(ControlActor::System("console"), &visit.origin).await?;
    write.insert_reset(&token.hash(), user.id, LIFETIME).await?;
    write.commit_bookkeeping().await?;
    let link = app.link(&format!("/reset/{}", token.expose()));
    let text = format!(
        "Somebody, most likely you, asked for a new password of {} at {}.\n\nChoose it here within half an hour:\n\n{link}\n\n\
        If it was not you, there is nothing to do.\n",
        user.email,
        app.origin()
    );
    // To the address of the account, however the form spelt it.
    mail.send(&user.email, "Choose a new password for Claviger", text);
    Ok(())
}

/// Asks for the new password. A look at the link uses nothing: mail is looked at by more than its reader.
pub async fn get_reset(app: Arc<App>, request: Request) -> Result<Response, Problem> {
    let token = last_segment(&request).to_owned();
    let is_good = match Token::parse(&token) {
        Some(token) => app.control.read().await?.find_reset(&token.hash()).await?.is_some(),
        None => false,
    };
    if is_good {
        return Ok(show(StatusCode::OK, &reset_page(&app, &token, None)));
    }
    Ok(show(StatusCode::NOT_FOUND, &bad_link_page(&app)))
}

/// Takes the new password. It signs nobody in: a second factor is asked for as ever.
pub async fn post_reset(app: Arc<App>, mut request: Request) -> Result<Response, Problem> {
    let visit = Visit::of(&request)?;
    let text = last_segment(&request).to_owned();
    let form = Form::read(&app, &mut request).await?;
    let new = form.secret("new_password");
    let token = Token::parse(&text);
    let found = match &token {
        Some(token) => app.control.read().await?.find_reset(&token.hash()).await?,
        None => None,
    };
    let (Some(token), Some(user)) = (token, found) else { return refuse_link(&app, &visit).await };
    let user = app.control.read().await?.find_user(user).await?;
    let Some(user) = user else { return refuse_link(&app, &visit).await };
    if let Err(refusal) = app.rules.check(&new, &user.email) {
        return Ok(show(StatusCode::UNPROCESSABLE_ENTITY, &reset_page(&app, &text, Some(&refusal))));
    }
    let hash = app.passwords.hash(new).await?;
    let mut write = app.control.write(ControlActor::User(user.id), &visit.origin).await?;
    if write.take_reset(&token.hash()).await? != Some(user.id) {
        drop(write);
        return refuse_link(&app, &visit).await;
    }
    write.update_password(user.id, &hash).await?;
    write.end_sessions(user.id, None, EndReason::PasswordChanged).await?;
    let entry = AccessEntry {
        user: Some(user.id),
        event: "password-reset",
        outcome: "succeeded",
        factor: Some("link"),
        session: None,
    };
    write.commit_sign_in(&entry).await?;
    app.sessions.forget(user.id);
    app.control.forget_attempts(&[account_subject(&user.email_canonical)]).await?;
    let body = html! {
        h1 { "Password changed" }
        p class="lead" { "All your sessions have ended." }
        p { a class="button" href="/login" { "Sign in" } }
    };
    Ok(show(StatusCode::OK, &layout::sign_in(&app, "Password changed", &Look::default(), body, None)))
}

async fn refuse_link(app: &App, visit: &Visit) -> Result<Response, Problem> {
    log_refusal(app, visit, (None, "password-reset"), ("invalid-link", Some("link"))).await?;
    Ok(show(StatusCode::NOT_FOUND, &bad_link_page(app)))
}

fn forgot_page(app: &App) -> Markup {
    let body = html! {
        h1 { "Forgot password" }
        @if app.mail.is_some() {
            p class="lead" { "A link for a new one goes to the address of your account." }
        } @else {
            p class="lead" { "This server sends no mail. Ask a server admin for a link; it is good once." }
        }
        @if app.mail.is_some() {
            form method="post" action="/forgot" {
                (field("E-mail", "email", "email", "username", ""))
                (submit("Send link"))
            }
        }
        p class="links" { a href="/login" { "Back to sign in" } }
    };
    layout::sign_in(app, "Forgot password", &Look::default(), body, None)
}

fn asked_page(app: &App) -> Markup {
    let body = html! {
        h1 { "Look into your mail" }
        p class="lead" { "If there is an account with this address, a link is on its way. It is good once, for half an hour." }
        p class="hint" { "Nothing there? A server admin can make a link, too." }
        p class="links" { a href="/login" { "Back to sign in" } }
    };
    layout::sign_in(app, "Look into your mail", &Look::default(), body, None)
}

fn reset_page(app: &App, token: &str, refusal: Option<&str>) -> Markup {
    let body = html! {
        h1 { "Choose a new password" }
        p class="lead" { "All your sessions end. A second factor stays as it is." }
        (note(refusal))
        form method="post" action={ "/reset/" (token) } {
            (new_password("New password", app.rules.min_chars()))
            (submit("Change password"))
        }
    };
    layout::sign_in(app, "Choose a new password", &Look::default(), body, None)
}

fn bad_link_page(app: &App) -> Markup {
    let body = html! {
        h1 { "This link is not good any more" }
        p class="lead" { "It was used, its time is over, or a part of it is missing." }
        p { a class="button" href="/forgot" { "Ask for another" } }
        p class="links" { a href="/login" { "Back to sign in" } }
    };
    layout::sign_in(app, "Link not good any more", &Look::default(), body, None)
}
