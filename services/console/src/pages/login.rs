//! `/login` and an organization's own page for it: an address and a password.

use std::sync::Arc;

use http::StatusCode;
use maud::{Markup, html};
use poem::{Request, Response};
use server::problem::Problem;
use store::control::ControlOrganization;

use super::form::{Form, last_segment, parameter};
use super::layout::{self, Look, field, note, submit};
use super::{go, lead_to, show};
use crate::app::App;
use crate::origin;
use crate::sign_in::{self, password};
use crate::visit::Visit;

/// What the form shows.
struct Fields<'a> {
    email: &'a str,
    next: &'a str,
    organization: Option<&'a ControlOrganization>,
    refusal: Option<&'a str>,
}

/// Shows the form, unless somebody is signed in already.
pub async fn get(app: Arc<App>, request: Request) -> Result<Response, Problem> {
    let next = sign_in::next_of(&parameter(&request, "next"));
    if app.find_signed_in(request.headers()).await?.is_some() {
        return Ok(lead_to(&next));
    }
    if origin::is_led_here(request.headers()) {
        return Ok(super::again(request.uri()));
    }
    let fields = Fields { email: "", next: &next, organization: None, refusal: None };
    Ok(show(StatusCode::OK, &page(&app, &fields)))
}

/// The same with the look of an organization. One that does not exist has the console's: who asks learns nothing.
pub async fn get_of_organization(app: Arc<App>, request: Request) -> Result<Response, Problem> {
    let reference = request.uri().path().split('/').nth(2).unwrap_or_default().to_owned();
    debug_assert_eq!(last_segment(&request), "login");
    if app.find_signed_in(request.headers()).await?.is_some() {
        return Ok(lead_to(&format!("/o/{reference}")));
    }
    if origin::is_led_here(request.headers()) {
        return Ok(super::again(request.uri()));
    }
    let organization = find_organization(&app, &reference).await?;
    let next = organization.as_ref().map_or_else(|| "/".to_owned(), |own| format!("/o/{}", own.slug));
    let fields = Fields { email: "", next: &next, organization: organization.as_ref(), refusal: None };
    Ok(show(StatusCode::OK, &page(&app, &fields)))
}

/// Tries the password.
pub async fn post(app: Arc<App>, mut request: Request) -> Result<Response, Problem> {
    let visit = Visit::of(&request)?;
    let form = Form::read(&app, &mut request).await?;
    let next = sign_in::next_of(form.field("next"));
    let email = form.field("email");
    if let Some(user) = password::attempt(&app, &visit, email, form.secret("password")).await? {
        return Ok(go(sign_in::proceed(&app, &visit, password::progress(&user, &next)).await?));
    }
    let organization = find_organization(&app, form.field("organization")).await?;
    let organization = organization.as_ref();
    let fields = Fields { email, next: &next, organization, refusal: Some(password::REFUSED) };
    Ok(show(StatusCode::UNPROCESSABLE_ENTITY, &page(&app, &fields)))
}

async fn find_organization(app: &App, reference: &str) -> Result<Option<ControlOrganization>, Problem> {
    if reference.is_empty() {
        return Ok(None);
    }
    Ok(app.control.read().await?.find_control_organization(reference).await?)
}

/// How an organization's own page looks.
pub fn look_of(organization: Option<&ControlOrganization>) -> Look {
    let Some(own) = organization else { return Look::default() };
    let digits = |accent: &String| accent.trim_start_matches('#').to_ascii_lowercase();
    let is_one = |digits: &String| digits.len() == 6 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    Look {
        logo: own.login_page.logo.clone(),
        name: Some(own.name.clone()),
        accent: own.login_page.accent.as_ref().map(digits).filter(is_one),
    }
}

fn page(app: &App, fields: &Fields<'_>) -> Markup {
    let host = app.public_url.host_str().unwrap_or_default();
    let look = look_of(fields.organization);
    let to = fields.organization.map_or(host, |own| own.name.as_str());
    let text = fields.organization.map(|own| own.login_page.text.as_str()).filter(|text| !text.is_empty());
    let body = html! {
        h1 { "Sign in" }
        p class="lead" { "to " strong { (to) } }
        @if let Some(text) = text { p class="own" { (text) } }
        (note(fields.refusal))
        form method="post" action="/login" {
            input type="hidden" name="next" value=(fields.next);
            @if let Some(own) = fields.organization {
                input type="hidden" name="organization" value=(own.slug);
            }
            (field("E-mail", "email", "email", "username", fields.email))
            div class="row" {
                label for="password" { "Password" }
                a href="/forgot" { "Forgot password" }
            }
            input id="password" name="password" type="password" autocomplete="current-password" required maxlength="1024";
            (submit("Sign in"))
        }
    };
    layout::sign_in(app, "Sign in", &look, body, None)
}
