//! The pages for signing in: written by the server, without JavaScript, so that nothing keeps anybody out.

mod form;
mod invite;
mod layout;
mod login;
mod logout;
mod reset;
mod routes;
pub mod setup;
mod steps;
mod style;

use http::{HeaderValue, StatusCode, Uri, header};
use maud::{Markup, html};
use poem::Response;

use crate::sign_in::Onward;

pub use routes::{PATHS, SECRET_PATHS, routes};

/// What the pages may load: their style, their fonts, and an organization's logo.
const POLICY: &str = "default-src 'none'; style-src 'self'; font-src 'self'; img-src 'self' data:; form-action 'self'; \
    frame-ancestors 'none'; base-uri 'none'; require-trusted-types-for 'script'";
const HTML: &str = "text/html; charset=utf-8";

/// Makes a page of an answer.
pub fn put(response: &mut Response, page: &Markup) {
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(HTML));
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    response.set_body(page.0.clone());
}

/// A page that is shown.
pub fn show(status: StatusCode, page: &Markup) -> Response {
    let mut response = Response::builder().status(status).finish();
    put(&mut response, page);
    response
}

/// Leads on with `GET`, whatever the request was.
pub fn lead_to(path: &str) -> Response {
    Response::builder().status(StatusCode::SEE_OTHER).header(header::LOCATION, path).finish()
}

/// Leads on with the cookies of a step of a sign-in.
pub fn go(onward: Onward) -> Response {
    let mut response = lead_to(&onward.path);
    for cookie in onward.cookies {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

/// Leads to the sign-in, and back again from there.
pub fn to_sign_in(uri: &Uri) -> Response {
    let next = uri.path_and_query().map_or("/", |whole| whole.as_str());
    if next == "/" {
        return lead_to("/login");
    }
    let encoded: String = url::form_urlencoded::byte_serialize(next.as_bytes()).collect();
    lead_to(&format!("/login?next={encoded}"))
}

/// Leads to the same place once more, this time from a page of our own.
pub fn again(uri: &Uri) -> Response {
    let place = uri.path_and_query().map_or("/", |whole| whole.as_str());
    let page = layout::plain("One moment", html! { p { a href=(place) { "Continue" } } }, Some((0, place)));
    show(StatusCode::OK, &page)
}

/// A failure for people.
pub fn failure(title: &str, detail: &str, request_id: &str) -> Markup {
    let body = html! {
        p class="lead" { (detail) }
        p { a class="button" href="/" { "Go to the console" } }
        @if !request_id.is_empty() {
            p class="hint" { "Request " code { (request_id) } }
        }
    };
    layout::plain(title, body, None)
}

/// What stands where the web app would be.
pub fn not_built() -> Response {
    let body = html! {
        p class="lead" { "You are signed in. This program was built without the web app." }
        p class="hint" { "Run " code { "npm ci && npm run build" } " in " code { "services/console/web" } ", then load this page again." }
        form method="post" action="/logout" { button class="button secondary" { "Sign out" } }
    };
    show(StatusCode::OK, &layout::plain("The web app is missing", body, None))
}
