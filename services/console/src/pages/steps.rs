//! What may be asked for after a password: a code, a recovery code, another password, the approval of the browser.

use std::sync::Arc;

use http::StatusCode;
use maud::{Markup, html};
use poem::{Request, Response};
use server::problem::Problem;
use store::control::{ControlActor, EndReason, SignIn, User};

use super::form::Form;
use super::layout::{self, Look, new_password, note, submit};
use super::{go, show};
use crate::app::App;
use crate::sign_in::codes::{self, Code};
use crate::sign_in::{self, Onward, Progress};
use crate::visit::Visit;

/// How often the page that waits looks again.
const LOOK_AGAIN_SECONDS: u32 = 3;

fn progress(sign_in: &SignIn, user: &User, factor: &'static str) -> Progress {
    Progress {
        user: user.id,
        password_changed_at: user.password_changed_at,
        has_second_factor: sign_in.has_second_factor,
        next: sign_in.next.clone(),
        factor,
    }
}

/// Asks for a code.
pub async fn get_code(app: Arc<App>, request: Request) -> Result<Response, Problem> {
    match sign_in::find(&app, &Visit::of(&request)?).await? {
        Some(_) => Ok(show(StatusCode::OK, &code_page(&app, None))),
        None => Ok(go(Onward::restart())),
    }
}

/// Tries a code.
pub async fn post_code(app: Arc<App>, request: Request) -> Result<Response, Problem> {
    try_code(app, request, false).await
}

/// Asks for a recovery code.
pub async fn get_recovery(app: Arc<App>, request: Request) -> Result<Response, Problem> {
    match sign_in::find(&app, &Visit::of(&request)?).await? {
        Some(_) => Ok(show(StatusCode::OK, &recovery_page(&app, None))),
        None => Ok(go(Onward::restart())),
    }
}

/// Tries a recovery code.
pub async fn post_recovery(app: Arc<App>, request: Request) -> Result<Response, Problem> {
    try_code(app, request, true).await
}

async fn try_code(app: Arc<App>, mut request: Request, is_recovery: bool) -> Result<Response, Problem> {
    let visit = Visit::of(&request)?;
    let form = Form::read(&app, &mut request).await?;
    let Some((sign_in, user)) = sign_in::find(&app, &visit).await? else { return Ok(go(Onward::restart())) };
    let typed = form.field("code");
    let code = if is_recovery { Code::Recovery(typed) } else { Code::Totp(typed) };
    if codes::attempt(&app, &visit, &user, ("sign-in", code)).await? {
        let shown = Progress { has_second_factor: true, ..progress(&sign_in, &user, code.factor()) };
        return Ok(go(sign_in::proceed(&app, &visit, shown).await?));
    }
    let refusal = Some(codes::REFUSED);
    let page = if is_recovery { recovery_page(&app, refusal) } else { code_page(&app, refusal) };
    Ok(show(StatusCode::UNPROCESSABLE_ENTITY, &page))
}

/// Asks for another password, because the one before is too old.
pub async fn get_password(app: Arc<App>, request: Request) -> Result<Response, Problem> {
    match sign_in::find(&app, &Visit::of(&request)?).await? {
        Some(_) => Ok(show(StatusCode::OK, &password_page(&app, None))),
        None => Ok(go(Onward::restart())),
    }
}

/// Takes another password. All sessions of the one before end.
pub async fn post_password(app: Arc<App>, mut request: Request) -> Result<Response, Problem> {
    let visit = Visit::of(&request)?;
    let form = Form::read(&app, &mut request).await?;
    let Some((sign_in, user)) = sign_in::find(&app, &visit).await? else { return Ok(go(Onward::restart())) };
    if user.has_second_factor && !sign_in.has_second_factor {
        return Ok(go(Onward { path: "/login/2fa".to_owned(), cookies: Vec::new() }));
    }
    let (old, new) = (form.secret("password"), form.secret("new_password"));
    let is_right = crate::sign_in::password::confirm(&app, &user, old.clone()).await?;
    let refusal = match app.rules.check(&new, &user.email) {
        _ if !is_right => Some("The password that you have now is not right.".to_owned()),
        Ok(()) if *new == *old => Some("Choose another password than the one that you have.".to_owned()),
        Ok(()) => None,
        Err(refusal) => Some(refusal),
    };
    if let Some(refusal) = refusal {
        return Ok(show(StatusCode::UNPROCESSABLE_ENTITY, &password_page(&app, Some(&refusal))));
    }
    let hash = app.passwords.hash(new).await?;
    let mut write = app.control.write(ControlActor::User(user.id), &visit.origin).await?;
    let held = write.hold_user(user.id).await?;
    if held.is_none_or(|held| held.password_changed_at != user.password_changed_at) {
        return Ok(go(Onward::restart()));
    }
    write.update_password(user.id, &hash).await?;
    write.end_sessions(user.id, None, EndReason::PasswordChanged).await?;
    let changed = Progress { password_changed_at: Some(write.now()), ..progress(&sign_in, &user, "password") };
    let onward = sign_in::proceed_in(&app, &visit, write, changed).await?;
    app.sessions.forget(user.id);
    Ok(go(onward))
}

/// Waits until somebody approves this browser, then goes on by itself.
pub async fn get_device(app: Arc<App>, request: Request) -> Result<Response, Problem> {
    let visit = Visit::of(&request)?;
    let Some((sign_in, user)) = sign_in::find(&app, &visit).await? else { return Ok(go(Onward::restart())) };
    let Some(device) = sign_in.device else { return Ok(go(Onward::restart())) };
    let found = app.control.read().await?.find_device_by_id(user.id, device).await?;
    let Some(found) = found else { return Ok(go(Onward::restart())) };
    if found.approved_at.is_none() {
        let page = device_page(&app, &found.label);
        return Ok(show(StatusCode::OK, &page));
    }
    // The one page that goes on by being looked at: by this browser alone, which has the sign-in's cookie.
    Ok(go(sign_in::proceed(&app, &visit, progress(&sign_in, &user, "device")).await?))
}

fn code_page(app: &App, refusal: Option<&str>) -> Markup {
    let body = html! {
        h1 { "Enter your code" }
        p class="lead" { "Six digits, from the app that you set up." }
        (note(refusal))
        form method="post" action="/login/2fa" {
            label for="code" { "Code" }
            input id="code" name="code" inputmode="numeric" autocomplete="one-time-code" required autofocus
                maxlength="20" class="code";
            (submit("Continue"))
        }
        p class="links" { a href="/login/recovery" { "Use a recovery code" } a href="/login" { "Start again" } }
    };
    layout::sign_in(app, "Enter your code", &Look::default(), body, None)
}

fn recovery_page(app: &App, refusal: Option<&str>) -> Markup {
    let body = html! {
        h1 { "Use a recovery code" }
        p class="lead" { "Each one works once. A server admin can reset your second factor if none is left." }
        (note(refusal))
        form method="post" action="/login/recovery" {
            label for="code" { "Recovery code" }
            input id="code" name="code" autocomplete="off" required autofocus maxlength="40" class="code"
                spellcheck="false" autocapitalize="characters";
            (submit("Continue"))
        }
        p class="links" { a href="/login/2fa" { "Use a code of the app" } a href="/login" { "Start again" } }
    };
    layout::sign_in(app, "Use a recovery code", &Look::default(), body, None)
}

fn password_page(app: &App, refusal: Option<&str>) -> Markup {
    let body = html! {
        h1 { "Choose a new password" }
        p class="lead" { "Your organization asks for a new one after a while. Your other sessions end." }
        (note(refusal))
        form method="post" action="/login/password" {
            label for="password" { "Password now" }
            input id="password" name="password" type="password" autocomplete="current-password" required maxlength="1024";
            (new_password("New password", app.rules.min_chars()))
            (submit("Change password and sign in"))
        }
    };
    layout::sign_in(app, "Choose a new password", &Look::default(), body, None)
}

fn device_page(app: &App, label: &str) -> Markup {
    let body = html! {
        h1 { "Waiting for approval" }
        p class="lead" {
            "Your organization asks that a new device is approved. This one is " strong { (label) } "."
        }
        ol class="ways" {
            li { "Approve it yourself, in Account, Devices of the console on a device that you used before." }
            li { "Or ask an admin of your organization: Settings, Security." }
        }
        p class="hint" role="status" { "This page goes on by itself. It waits for an hour." }
        p class="links" { a href="/login/device" { "Look again" } a href="/login" { "Start again" } }
    };
    layout::sign_in(app, "Waiting for approval", &Look::default(), body, Some((LOOK_AGAIN_SECONDS, "/login/device")))
}
