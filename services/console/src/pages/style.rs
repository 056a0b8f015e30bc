//! The pages' style, fonts and mark, out of the program.

use std::sync::LazyLock;

use data_encoding::HEXLOWER;
use http::{HeaderValue, header};
use poem::{Request, Response};
use server::problem::{ErrorCode, Problem};
use sha2::{Digest, Sha256};

/// The product's mark.
pub const ICON_PATH: &str = "/pages/mark.svg";

const STYLE: &str = include_str!("../../static/pages.css");
const MARK: &str = include_str!("../../static/mark.svg");
const FOR_EVER: &str = "public, max-age=31536000, immutable";
const A_DAY: &str = "public, max-age=86400";

/// The style's name changes when it does.
static STYLE_PATH: LazyLock<String> = LazyLock::new(|| {
    let digest = Sha256::digest(STYLE.as_bytes());
    format!("/pages/{}.css", HEXLOWER.encode(&digest[..6]))
});

/// Where the style is.
pub fn path() -> &'static str {
    &STYLE_PATH
}

/// One of the files.
pub fn file(request: &Request) -> Result<Response, Problem> {
    let path = request.uri().path();
    let (media_type, body, caching): (&str, &'static [u8], &'static str) = match path {
        ICON_PATH => ("image/svg+xml", MARK.as_bytes(), A_DAY),
        path if path == STYLE_PATH.as_str() => ("text/css; charset=utf-8", STYLE.as_bytes(), FOR_EVER),
        _ => return Err(Problem::new(ErrorCode::NotFound)),
    };
    let mut response = Response::builder().content_type(media_type).body(body);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
    Ok(response)
}
