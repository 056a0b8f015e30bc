//! The pages' style and mark, out of the program; their fonts are the web app's.

use std::sync::LazyLock;

use data_encoding::HEXLOWER;
use http::{HeaderValue, header};
use maud::{Markup, PreEscaped};
use poem::{Request, Response};
use server::problem::{ErrorCode, Problem};
use sha2::{Digest, Sha256};

use crate::assets;

/// The product's mark.
pub const ICON_PATH: &str = "/pages/mark.svg";

const STYLE: &str = include_str!("../../static/pages.css");
const MARK: &str = include_str!("../../static/mark.svg");
const FOR_EVER: &str = "public, max-age=31536000, immutable";
const A_DAY: &str = "public, max-age=86400";
/// A family, and how its file in the web app's assets begins and ends.
const FONTS: [(&str, &str); 2] =
    [("Inter Variable", "inter-latin-wght-normal-"), ("JetBrains Mono Variable", "jetbrains-mono-latin-wght-normal-")];

static STYLED: LazyLock<String> = LazyLock::new(|| {
    let face = |(family, beginning): (&str, &str)| {
        let path = assets::find_asset(beginning, ".woff2")?;
        Some(format!(
            "@font-face{{font-family:\"{family}\";src:url(/{path}) format(\"woff2\");font-weight:100 900;font-display:swap}}\n"
        ))
    };
    let faces: String = FONTS.into_iter().filter_map(face).collect();
    format!("{faces}{STYLE}")
});

/// The style's name changes when it does.
static STYLE_PATH: LazyLock<String> = LazyLock::new(|| {
    let digest = Sha256::digest(STYLED.as_bytes());
    format!("/pages/{}.css", HEXLOWER.encode(&digest[..6]))
});

/// Where the style is.
pub fn path() -> &'static str {
    &STYLE_PATH
}

/// Where the style with an organization's accent is: six hexadecimal digits.
pub fn accent_path(accent: &str) -> String {
    format!("/pages/accent-{accent}.css")
}

/// The mark as a part of a page, so that it takes the page's colours.
pub fn mark() -> Markup {
    PreEscaped(
        r#"<svg viewBox="0 0 24 24" width="24" height="24" aria-hidden="true"><rect width="24" height="24" rx="5" fill="currentColor"/><circle class="hole" cx="12" cy="9.75" r="3.75"/><path class="hole" d="M10.7 11.5h2.6l1 7H9.7z"/></svg>"#
            .to_owned(),
    )
}

/// One of the files.
pub fn file(request: &Request) -> Result<Response, Problem> {
    let path = request.uri().path();
    let accent = path.strip_prefix("/pages/accent-").and_then(|rest| rest.strip_suffix(".css")).and_then(read_accent);
    let (media_type, body, caching): (&str, String, &'static str) = match (path, accent) {
        (ICON_PATH, _) => ("image/svg+xml", MARK.to_owned(), A_DAY),
        (_, Some(accent)) => ("text/css; charset=utf-8", accent_style(accent), FOR_EVER),
        (path, None) if path == STYLE_PATH.as_str() => ("text/css; charset=utf-8", STYLED.clone(), FOR_EVER),
        (_, None) => return Err(Problem::new(ErrorCode::NotFound)),
    };
    let mut response = Response::builder().content_type(media_type).body(body);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
    Ok(response)
}

/// Six hexadecimal digits as red, green and blue.
fn read_accent(digits: &str) -> Option<[u8; 3]> {
    let bytes = HEXLOWER.decode(digits.as_bytes()).ok()?;
    bytes.try_into().ok()
}

/// The accent as a colour of buttons, with black or white on it, whichever can be read.
fn accent_style([red, green, blue]: [u8; 3]) -> String {
    let linear = |channel: u8| {
        let part = f64::from(channel) / 255.0;
        if part <= 0.039_28 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
    };
    let luminance = 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
    let on_white = 1.05 / (luminance + 0.05);
    let on = if on_white >= 4.5 { "#ffffff" } else { "#0b1020" };
    let accent = format!("#{red:02x}{green:02x}{blue:02x}");
    format!(
        ".button:not(.secondary){{background:{accent};color:{on}}}\n.button:not(.secondary):hover{{background:{accent};filter:brightness(.92)}}\n"
    )
}
