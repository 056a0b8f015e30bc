//! Where a request comes from: the console's own pages, or another site that a person happens to look at.

use http::{HeaderMap, HeaderName, Method, header};
use server::problem::{ErrorCode, Problem};

/// What no form of another site can send.
pub const REQUEST_HEADER: HeaderName = HeaderName::from_static("x-claviger-request");
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Whether a method changes nothing.
pub fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// Refuses a request that would change something and was not sent by a page of `own_origin`.
///
/// Browsers say where a request comes from in `Sec-Fetch-Site`, and in `Origin`, which is `null` for a form of a page
/// that asks for no referrer. Whoever sends neither is no browser.
pub fn check(headers: &HeaderMap, own_origin: &str) -> Result<(), Problem> {
    let site = single(headers, &FETCH_SITE);
    let origin = single(headers, &header::ORIGIN);
    let is_own = match (site, origin) {
        (Some("same-origin"), Some(origin)) => origin == own_origin || origin == "null",
        (Some("same-origin"), None) => true,
        (Some(_), _) | (None, None) => false,
        (None, Some(origin)) => origin == own_origin,
    };
    if is_own { Ok(()) } else { Err(Problem::new(ErrorCode::CrossOrigin)) }
}

/// The same for a call of the web app, which also says that it is one.
pub fn check_call(headers: &HeaderMap, own_origin: &str) -> Result<(), Problem> {
    check(headers, own_origin)?;
    match single(headers, &REQUEST_HEADER) {
        Some("1") => Ok(()),
        Some(_) | None => {
            Err(Problem::new(ErrorCode::CrossOrigin)
                .detail("Send X-Claviger-Request: 1 with whatever changes something."))
        }
    }
}

/// Whether another site led the browser here, so that it kept back the session's cookie.
pub fn is_led_here(headers: &HeaderMap) -> bool {
    single(headers, &FETCH_SITE) == Some("cross-site")
}

/// A header that came once; one that came twice is none that counts, and is not missing either.
fn single<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    if values.next().is_some() { Some("") } else { Some(value.to_str().unwrap_or_default()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    const OWN: &str = "https://console.example.com";

    fn is_own(sent: &[(&'static str, &'static str)]) -> bool {
        let named = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        let mut headers = HeaderMap::new();
        for (name, value) in sent.iter().map(named) {
            headers.append(name, value);
        }
        check(&headers, OWN).is_ok()
    }

    #[test]
    fn only_its_own_pages_change_something() {
        assert!(is_own(&[("origin", OWN)]));
        assert!(is_own(&[("origin", OWN), ("sec-fetch-site", "same-origin")]));
        assert!(is_own(&[("origin", "null"), ("sec-fetch-site", "same-origin")]), "a form without a referrer");
        for other in [
            vec![],
            vec![("origin", "null")],
            vec![("origin", "https://console.example.com.evil.test")],
            vec![("origin", "http://console.example.com")],
            vec![("origin", OWN), ("origin", OWN)],
            vec![("origin", OWN), ("sec-fetch-site", "cross-site")],
            vec![("origin", OWN), ("sec-fetch-site", "same-site")],
            vec![("origin", OWN), ("sec-fetch-site", "none")],
            vec![("origin", "https://evil.test"), ("sec-fetch-site", "same-origin")],
            vec![("sec-fetch-site", "cross-site")],
        ] {
            assert!(!is_own(&other), "{other:?}");
        }
    }
}
