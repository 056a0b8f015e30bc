//! The web app at every path that is no other page's, for whoever is signed in.

use http::{HeaderValue, Method, header};
use poem::{Request, Response};
use server::problem::{ErrorCode, Problem};

use crate::app::App;
use crate::assets::{INDEX, file};
use crate::{origin, pages};

const ASK_AGAIN: &str = "no-cache";

/// The web app for whoever is signed in, at whatever path it has; the others are led to the sign-in.
pub async fn app(app: &App, request: &Request) -> Result<Response, Problem> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return Err(Problem::new(ErrorCode::NotFound));
    }
    let path = request.uri().path();
    let is_plain = !path.contains('%') && path != "/index.html" && !path.trim_start_matches('/').contains('/');
    if let Some(mut found) = is_plain.then(|| file(path.trim_start_matches('/'), request.headers())).flatten() {
        found.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(ASK_AGAIN));
        return Ok(found);
    }
    let accept = request.header(header::ACCEPT).unwrap_or_default();
    if !accept.contains("text/html") && !accept.contains("*/*") {
        return Err(Problem::new(ErrorCode::NotFound));
    }
    if app.find_signed_in(request.headers()).await?.is_none() {
        // A link in a mail: the browser kept the cookie back, and sends it when one of our pages leads to the same place.
        if origin::is_led_here(request.headers()) {
            return Ok(pages::again(request.uri()));
        }
        return Ok(pages::to_sign_in(request.uri()));
    }
    let Some(mut index) = file(INDEX, request.headers()) else { return Ok(pages::not_built()) };
    let headers = index.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(ASK_AGAIN));
    let policy = HeaderValue::try_from(policy(app)).expect("origins are printable");
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    Ok(index)
}

/// What the web app may load: its own files, and the answers of the console; for the playground alone, those of the
/// environments' Integration APIs.
fn policy(app: &App) -> String {
    let apis = app.environments.values().filter_map(|api| url::Url::parse(&api.public_url).ok());
    let apis: String = apis.map(|url| format!(" {}", url.origin().ascii_serialization())).collect();
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self' data: blob:; \
        connect-src 'self'{apis}; manifest-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'; \
        require-trusted-types-for 'script'"
    )
}
