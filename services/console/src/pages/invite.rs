//! `/invite/{token}`: becoming a member by a link. The page is the same whether or not the address has an account.

use std::sync::Arc;

use domain::email::Email;
use domain::event::Event;
use domain::names::Name;
use http::StatusCode;
use maud::{Markup, html};
use poem::{Request, Response};
use server::problem::Problem;
use store::control::{AccessEntry, ControlActor, ControlOrganization, ControlWrite, Invite, NewUser, User};

use super::form::{Form, last_segment};
use super::layout::{self, field, new_password, note, submit};
use super::login::look_of;
use super::{go, lead_to, show};
use crate::app::App;
use crate::cookies::Token;
use crate::sign_in::password::progress;
use crate::sign_in::{self, log_refusal, password};
use crate::visit::Visit;

/// Said of a password that is not that of the account, where there is one, and of one that cannot be chosen, where not.
const REFUSED: &str = "This password cannot be taken. If you have an account with this address, write its password. \
    Else choose a longer one, that is not known from breaches and not made of your address.";

/// Shows who invites whom to what. A look uses nothing.
pub async fn get(app: Arc<App>, request: Request) -> Result<Response, Problem> {
    let text = last_segment(&request).to_owned();
    let Some((_, invite, organization)) = find(&app, &text).await? else { return Ok(bad_link(&app)) };
    let signed = app.find_signed_in(request.headers()).await?;
    let own = signed.as_ref().map(|signed| &signed.user);
    Ok(show(StatusCode::OK, &page(&app, &text, (&invite, &organization), own, ("", None))))
}

/// Accepts: as whoever is signed in with this address, with the password of the account that there is, or with a new one.
pub async fn post(app: Arc<App>, mut request: Request) -> Result<Response, Problem> {
    let visit = Visit::of(&request)?;
    let text = last_segment(&request).to_owned();
    let signed = app.find_signed_in(request.headers()).await?;
    let form = Form::read(&app, &mut request).await?;
    let found = find(&app, &text).await?;
    let Some((token, invite, organization)) = found else { return refuse_link(&app, &visit).await };
    let Ok(email) = Email::parse(&invite.email) else { return refuse_link(&app, &visit).await };
    let own = signed.as_ref().map(|signed| &signed.user);
    if let Some(user) = own.filter(|user| user.email_canonical == email.canonical()) {
        let write = app.control.write(ControlActor::User(user.id), &visit.origin).await?;
        if !accept(write, &token, user.id).await? {
            return refuse_link(&app, &visit).await;
        }
        app.sessions.forget(user.id);
        return Ok(lead_to(&format!("/o/{}", organization.slug)));
    }
    let name = form.field("name");
    let next = format!("/o/{}", organization.slug);
    let existing = app.control.read().await?.find_user_by_email(&email).await?;
    let joined = match existing {
        Some(_) => password::attempt(&app, &visit, &invite.email, form.secret("new_password")).await?,
        None => join(&app, &visit, &email, &form).await?,
    };
    let Some(user) = joined else {
        let page = page(&app, &text, (&invite, &organization), own, (name, Some(REFUSED)));
        return Ok(show(StatusCode::UNPROCESSABLE_ENTITY, &page));
    };
    // Whoever has a second factor is asked for it first: the link and the password are not enough to act as them.
    if user.has_second_factor {
        let back = format!("/invite/{text}");
        return Ok(go(sign_in::proceed(&app, &visit, progress(&user, &back)).await?));
    }
    let write = app.control.write(ControlActor::User(user.id), &visit.origin).await?;
    if !accept(write, &token, user.id).await? {
        return refuse_link(&app, &visit).await;
    }
    Ok(go(sign_in::proceed(&app, &visit, progress(&user, &next)).await?))
}

/// The account of somebody who has none, if the password can be chosen.
async fn join(app: &App, visit: &Visit, email: &Email, form: &Form) -> Result<Option<User>, Problem> {
    let password = form.secret("new_password");
    // Hashed before it is judged: the time says no more than the text.
    let hash = app.passwords.hash(password.clone()).await?;
    let Ok(name) = Name::parse(form.field("name")) else { return Ok(None) };
    if app.rules.check(&password, email.as_str()).is_err() {
        return Ok(None);
    }
    let mut write = app.control.write(ControlActor::System("invite"), &visit.origin).await?;
    let new = NewUser { email: email.clone(), name, password_hash: Some(hash), is_server_admin: false };
    let user = match write.insert_user(&new).await {
        Err(store::Error::Conflict(_)) => return Ok(None),
        inserted => inserted?,
    };
    let found = write.find_user(user).await?;
    write.commit(domain::ids::OrganizationId::INSTALLATION, &Event::of("user.created", user)).await?;
    Ok(found)
}

/// Uses the link. Says whether it was good until now.
async fn accept(mut write: ControlWrite, token: &Token, user: domain::ids::UserId) -> Result<bool, Problem> {
    let Some(invite) = write.take_invite(&token.hash()).await? else { return Ok(false) };
    let member = match write.insert_membership(invite.organization, user, &invite.roles).await {
        // Who is a member stays what they are: an invitation raises nobody.
        Err(store::Error::Conflict(_)) => return Ok(false),
        inserted => inserted?,
    };
    let entry = AccessEntry {
        user: Some(user),
        event: "invite-accepted",
        outcome: "succeeded",
        factor: Some("link"),
        session: None,
    };
    write.insert_access(&entry).await?;
    let event = Event::of("member.added", member).with("user", user).with("invite", invite.id);
    write.commit(invite.organization, &event).await?;
    Ok(true)
}

async fn find(app: &App, text: &str) -> Result<Option<(Token, Invite, ControlOrganization)>, Problem> {
    let Some(token) = Token::parse(text) else { return Ok(None) };
    let mut read = app.control.read().await?;
    let Some(invite) = read.find_invite_by_token(&token.hash()).await? else { return Ok(None) };
    let organization = read.find_control_organization(&invite.organization.to_string()).await?;
    Ok(organization.map(|organization| (token, invite, organization)))
}

async fn refuse_link(app: &App, visit: &Visit) -> Result<Response, Problem> {
    log_refusal(app, visit, (None, "invite-accepted"), ("invalid-link", Some("link"))).await?;
    Ok(bad_link(app))
}

fn bad_link(app: &App) -> Response {
    let body = html! {
        h1 { "This invitation is not good any more" }
        p class="lead" { "It was accepted or taken back, or its time is over. Ask whoever sent it for another." }
        p { a class="button" href="/login" { "Sign in" } }
    };
    show(StatusCode::NOT_FOUND, &layout::sign_in(app, "Invitation", &layout::Look::default(), body, None))
}

fn page(
    app: &App,
    token: &str,
    (invite, organization): (&Invite, &ControlOrganization),
    signed: Option<&User>,
    (name, refusal): (&str, Option<&str>),
) -> Markup {
    let is_own = Email::parse(&invite.email)
        .is_ok_and(|email| signed.is_some_and(|user| user.email_canonical == email.canonical()));
    let body = html! {
        h1 { "Join " (organization.name) }
        p class="lead" { "You are invited as " strong { (invite.email) } "." }
        (note(refusal))
        @if is_own {
            form method="post" action={ "/invite/" (token) } { (submit("Accept")) }
        } @else if let Some(user) = signed {
            p class="own" { "You are signed in as " strong { (user.email) } ". Sign out to accept as somebody else." }
            form method="post" action="/logout" {
                input type="hidden" name="next" value={ "/invite/" (token) };
                button class="button secondary" type="submit" { "Sign out" }
            }
        } @else {
            form method="post" action={ "/invite/" (token) } {
                input type="hidden" name="email" value=(invite.email) autocomplete="username";
                (field("Name", "name", "text", "name", name))
                (new_password("Password", app.rules.min_chars()))
                p class="hint" { "If you have an account with this address already, write its password." }
                (submit("Accept and sign in"))
            }
        }
    };
    layout::sign_in(app, "Invitation", &look_of(Some(organization)), body, None)
}
