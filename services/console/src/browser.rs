//! What every answer of the console tells a browser, and failures as pages for people.

use std::sync::Arc;

use http::{HeaderName, HeaderValue, header};
use poem::{Endpoint, Request, Response, Result};
use serde_json::Value;
use server::problem::PROBLEM_JSON;

use crate::pages;

/// Which web app this is: one that was loaded before compares it and offers to load the new one.
pub const VERSION: HeaderName = HeaderName::from_static("x-claviger-version");
const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");
/// What is no page needs nothing.
const CLOSED: &str = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";
/// Two years; only where the console is reached by TLS.
const STRICT_TRANSPORT: &str = "max-age=63072000; includeSubDomains";

/// Adds the headers to whatever the routes answer, and shows failures to people as pages.
pub struct ForBrowsers<E> {
    /// What answers.
    pub inner: E,
    /// The value of [`VERSION`].
    pub version: Arc<str>,
    /// Whether browsers reach it by TLS.
    pub is_https: bool,
}

impl<E: Endpoint<Output = Response>> Endpoint for ForBrowsers<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        let accepts_pages = request.header(header::ACCEPT).is_some_and(|accept| accept.contains("text/html"));
        let is_call = request.uri().path().starts_with("/bff/") || request.uri().path().starts_with("/assets/");
        let mut response = self.inner.call(request).await?;
        if accepts_pages && !is_call && response.content_type() == Some(PROBLEM_JSON) {
            response = as_page(response).await;
        }
        let headers = response.headers_mut();
        headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static(CLOSED));
        headers.insert(VERSION, HeaderValue::try_from(&*self.version).expect("digits, letters and dots"));
        headers.insert(OPENER_POLICY, HeaderValue::from_static("same-origin"));
        headers.insert(RESOURCE_POLICY, HeaderValue::from_static("same-origin"));
        headers.insert(
            PERMISSIONS_POLICY,
            HeaderValue::from_static("camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
        );
        headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
        if self.is_https {
            headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(STRICT_TRANSPORT));
        }
        Ok(response)
    }
}

/// The same failure as a page: status and headers stay.
async fn as_page(mut response: Response) -> Response {
    let body = response.take_body().into_bytes().await.unwrap_or_default();
    let problem: Value = serde_json::from_slice(&body).unwrap_or_default();
    let text = |name: &str| problem[name].as_str().unwrap_or_default().to_owned();
    let page = pages::failure(&text("title"), &text("detail"), &text("request_id"));
    response.headers_mut().remove(header::CONTENT_LENGTH);
    pages::put(&mut response, &page);
    response
}
