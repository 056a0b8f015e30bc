//! `/v1/docs`, `/v1/openapi.json` and `/v1/llms.txt`: everything from this origin, under a content security policy.

use poem::http::StatusCode;
use poem::http::header;
use poem::{Endpoint, Response, Route, endpoint::make_sync, get};
use server::errors_page;

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
    connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const HTML: &str = include_str!("../static/docs.html");
const SCRIPT: &str = include_str!("../static/docs.js");
const BUNDLE: &str = include_str!("../static/swagger-ui-bundle.js");
const STYLE: &str = include_str!("../static/swagger-ui.css");
const OWN_STYLE: &str = include_str!("../static/docs.css");
const ICON: &str = include_str!("../static/favicon.svg");

/// Every page of the documentation.
pub const PATHS: [&str; 9] = [
    "/v1/openapi.json",
    "/v1/llms.txt",
    "/v1/docs",
    "/v1/docs/docs.js",
    "/v1/docs/swagger-ui-bundle.js",
    "/v1/docs/swagger-ui.css",
    "/v1/docs/docs.css",
    "/v1/docs/favicon.svg",
    errors_page::PATH,
];

/// What the pages are, beside JSON.
pub const MEDIA_TYPES: &[&str] =
    &["text/html", "text/css", "text/javascript", "text/markdown", "text/plain", "image/svg+xml"];

/// The pages of the documentation.
pub fn routes(openapi: String, llms: String) -> Route {
    Route::new()
        .at("/v1/openapi.json", get(page("application/json", "no-cache", openapi)))
        .at("/v1/llms.txt", get(page("text/markdown; charset=utf-8", "no-cache", llms)))
        .at(
            "/v1/docs",
            get(page("text/html; charset=utf-8", "no-cache", HTML.replace("{name}", "Claviger Integration API"))),
        )
        .at("/v1/docs/docs.js", get(page("text/javascript; charset=utf-8", "no-cache", SCRIPT.to_owned())))
        .at("/v1/docs/swagger-ui-bundle.js", get(page("text/javascript; charset=utf-8", DAY, BUNDLE.to_owned())))
        .at("/v1/docs/swagger-ui.css", get(page("text/css; charset=utf-8", DAY, STYLE.to_owned())))
        .at("/v1/docs/docs.css", get(page("text/css; charset=utf-8", "no-cache", OWN_STYLE.to_owned())))
        .at("/v1/docs/favicon.svg", get(page("image/svg+xml", DAY, ICON.to_owned())))
        .at(errors_page::PATH, get(page("text/html; charset=utf-8", "no-cache", errors_page::html())))
}

const DAY: &str = "public, max-age=86400";

fn page(content_type: &'static str, cache: &'static str, text: String) -> impl Endpoint<Output = Response> {
    let body = bytes::Bytes::from(text);
    make_sync(move |_| {
        Response::builder()
            .status(StatusCode::OK)
            .header(header::CONTENT_TYPE, content_type)
            .header(header::CACHE_CONTROL, cache)
            .header(header::CONTENT_SECURITY_POLICY, POLICY)
            .body(body.clone())
    })
}
