//! `/v1/`, `/v1/docs` and `/v1/openapi.json` of a service: everything from its own origin, under a content security policy.

use bytes::Bytes;
use http::{Method, StatusCode, header};
use poem::error::MethodNotAllowedError;
use poem::{Endpoint, Request, Response, Result, Route, endpoint::make_sync, get};
use serde_json::json;

use crate::errors_page;

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
    connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const HTML: &str = include_str!("../static/docs.html");
const SCRIPT: &str = include_str!("../static/docs.js");
const BUNDLE: &str = include_str!("../static/swagger-ui-bundle.js");
const STYLE: &str = include_str!("../static/swagger-ui.css");
const OWN_STYLE: &str = include_str!("../static/docs.css");
const ICON: &str = include_str!("../static/favicon.svg");

const OPENAPI: &str = "/v1/openapi.json";
const DOCS: &str = "/v1/docs";
const LLMS: &str = "/v1/llms.txt";

/// What says which service answers, and where its documentation is.
pub const INDEX: &str = "/v1/";

/// The pages of the documentation that every service has.
pub const PATHS: [&str; 7] = [
    OPENAPI,
    DOCS,
    "/v1/docs/docs.js",
    "/v1/docs/swagger-ui-bundle.js",
    "/v1/docs/swagger-ui.css",
    "/v1/docs/docs.css",
    "/v1/docs/favicon.svg",
];

/// What the pages are, beside JSON.
pub const MEDIA_TYPES: &[&str] =
    &["text/html", "text/css", "text/javascript", "text/markdown", "text/plain", "image/svg+xml"];

/// A service with its document.
#[derive(Debug, Clone)]
pub struct Documented {
    /// Its name.
    pub name: &'static str,
    /// The environment that it serves.
    pub environment: &'static str,
    /// Whether the documentation is open to everybody.
    pub is_public: bool,
    /// Its document.
    pub openapi: String,
    /// The same for language models, if it has one.
    pub llms: Option<String>,
}

impl Documented {
    /// The paths that [`Self::routes`] answers. What a problem leads to is open to whoever met it.
    pub fn paths(&self) -> Vec<&'static str> {
        let pages = PATHS.into_iter().chain(self.llms.is_some().then_some(LLMS));
        [INDEX, errors_page::PATH].into_iter().chain(pages.filter(|_| self.is_public)).collect()
    }

    /// The pages.
    pub fn routes(self) -> Pages {
        let index = self.index().into();
        Pages { index, others: self.others() }
    }

    fn others(self) -> Route {
        let errors = page("text/html; charset=utf-8", "no-cache", errors_page::html());
        let always = Route::new().at(errors_page::PATH, get(errors));
        if !self.is_public {
            return always;
        }
        let html = HTML.replace("{name}", self.name);
        let pages = always
            .at(OPENAPI, get(page(JSON, "no-cache", self.openapi)))
            .at(DOCS, get(page("text/html; charset=utf-8", "no-cache", html)))
            .at("/v1/docs/docs.js", get(page("text/javascript; charset=utf-8", "no-cache", SCRIPT)))
            .at("/v1/docs/swagger-ui-bundle.js", get(page("text/javascript; charset=utf-8", DAY, BUNDLE)))
            .at("/v1/docs/swagger-ui.css", get(page("text/css; charset=utf-8", DAY, STYLE)))
            .at("/v1/docs/docs.css", get(page("text/css; charset=utf-8", "no-cache", OWN_STYLE)))
            .at("/v1/docs/favicon.svg", get(page("image/svg+xml", DAY, ICON)));
        match self.llms {
            Some(text) => pages.at(LLMS, get(page("text/markdown; charset=utf-8", "no-cache", text))),
            None => pages,
        }
    }

    fn index(&self) -> String {
        let links = match (self.is_public, self.llms.is_some()) {
            (false, _) => json!({}),
            (true, false) => json!({"openapi": OPENAPI, "docs": DOCS}),
            (true, true) => json!({"openapi": OPENAPI, "docs": DOCS, "llms": LLMS}),
        };
        json!({"name": self.name, "environment": self.environment, "links": links}).to_string()
    }
}

/// The pages of a service.
pub struct Pages {
    index: Bytes,
    others: Route,
}

impl std::fmt::Debug for Pages {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pages").finish_non_exhaustive()
    }
}

impl Endpoint for Pages {
    type Output = Response;

    /// The framework's router takes no path that ends in a slash.
    async fn call(&self, request: Request) -> Result<Response> {
        if request.uri().path() != INDEX {
            return self.others.call(request).await;
        }
        if request.method() != Method::GET {
            return Err(MethodNotAllowedError.into());
        }
        Ok(Response::builder().content_type(JSON).header(header::CACHE_CONTROL, "no-cache").body(self.index.clone()))
    }
}

const JSON: &str = crate::answer::JSON;
const DAY: &str = "public, max-age=86400";

fn page(content_type: &'static str, cache: &'static str, text: impl Into<Bytes>) -> impl Endpoint<Output = Response> {
    let body: Bytes = text.into();
    make_sync(move |_| {
        Response::builder()
            .status(StatusCode::OK)
            .header(header::CONTENT_TYPE, content_type)
            .header(header::CACHE_CONTROL, cache)
            .header(header::CONTENT_SECURITY_POLICY, POLICY)
            .body(body.clone())
    })
}
