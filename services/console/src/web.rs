//! The web app: its built files, from disk in debug builds and out of the program in releases.

use std::borrow::Cow;
use std::sync::Arc;

use data_encoding::HEXLOWER;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use poem::{Request, Response};
use rust_embed::RustEmbed;
use server::problem::{ErrorCode, Problem};
use sha2::{Digest, Sha256};

use crate::app::App;
use crate::{origin, pages};

/// What `npm run build` wrote. Without it, the console says how to make it.
#[derive(RustEmbed)]
#[folder = "web/dist"]
#[allow_missing = true]
struct Dist;

const INDEX: &str = "index.html";
/// A file whose name changes when it does.
const FOR_EVER: &str = "public, max-age=31536000, immutable";
const ASK_AGAIN: &str = "no-cache";

/// Media types by the ends of names.
const MEDIA_TYPES: &[(&str, &str)] = &[
    ("js", "text/javascript; charset=utf-8"),
    ("css", "text/css; charset=utf-8"),
    ("html", "text/html; charset=utf-8"),
    ("json", "application/json"),
    ("webmanifest", "application/manifest+json"),
    ("svg", "image/svg+xml"),
    ("png", "image/png"),
    ("ico", "image/x-icon"),
    ("woff2", "font/woff2"),
    ("txt", "text/plain; charset=utf-8"),
    ("map", "application/json"),
];

/// Which web app this is, beside the version of the program.
pub fn version() -> Arc<str> {
    let index = Dist::get(INDEX).map(|file| file.data).unwrap_or(Cow::Borrowed(b""));
    let digest = HEXLOWER.encode(&Sha256::digest(&index)[..4]);
    format!("{}-{digest}", env!("CARGO_PKG_VERSION")).into()
}

/// A file under `/assets`, which is there for ever or not at all.
pub fn asset(request: &Request) -> Result<Response, Problem> {
    let path = request.uri().path().trim_start_matches('/');
    let mut response = file(path, request.headers()).ok_or_else(|| Problem::new(ErrorCode::NotFound))?;
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(FOR_EVER));
    Ok(response)
}

/// The path of the one asset whose name begins and ends so, as the build has named it.
pub fn find_asset(beginning: &str, end: &str) -> Option<String> {
    let named = |path: &str| {
        path.strip_prefix("assets/").is_some_and(|name| name.starts_with(beginning) && name.ends_with(end))
    };
    Dist::iter().find(|path| named(path)).map(Cow::into_owned)
}

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

/// A built file, compressed before where the browser takes that.
fn file(path: &str, headers: &HeaderMap) -> Option<Response> {
    let is_hidden = path.ends_with(".br") || path.split('/').any(|part| part.is_empty() || part.starts_with('.'));
    if is_hidden {
        return None;
    }
    let compressed = accepts_brotli(headers).then(|| Dist::get(&format!("{path}.br"))).flatten();
    let is_compressed = compressed.is_some();
    let found = compressed.or_else(|| Dist::get(path))?;
    let end = path.rsplit('.').next().unwrap_or_default();
    let media_type = MEDIA_TYPES.iter().find(|(name, _)| *name == end).map_or("application/octet-stream", |row| row.1);
    let mut response =
        Response::builder().status(StatusCode::OK).content_type(media_type).body(found.data.into_owned());
    let headers = response.headers_mut();
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if is_compressed {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("br"));
    }
    Some(response)
}

fn accepts_brotli(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    accepted.flat_map(|value| value.split(',')).any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        parts.next() == Some("br")
            && !parts.any(|part| {
                part.replace(' ', "").starts_with("q=0")
                    && !part.contains(['1', '2', '3', '4', '5', '6', '7', '8', '9'])
            })
    })
}
