//! The web app's built files: from disk in debug builds, out of the program in releases.

use std::borrow::Cow;
use std::sync::Arc;

use data_encoding::HEXLOWER;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use poem::{Request, Response};
use rust_embed::RustEmbed;
use server::problem::{ErrorCode, Problem};
use sha2::{Digest, Sha256};

/// What `npm run build` wrote. Without it, the console says how to make it.
#[derive(RustEmbed)]
#[folder = "web/dist"]
#[allow_missing = true]
struct Dist;

/// The page of the web app.
pub const INDEX: &str = "index.html";
/// A file whose name changes when it does.
const FOR_EVER: &str = "public, max-age=31536000, immutable";

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

/// A built file, compressed before where the browser takes that.
pub fn file(path: &str, headers: &HeaderMap) -> Option<Response> {
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
