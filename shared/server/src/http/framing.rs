//! What is judged of a request before anything looks at who sent it.

use domain::secret::PlainSecret;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, Version, header};
use poem::Request;

use super::StackConfig;
use crate::{
    docs_pages::INDEX,
    problem::{ErrorCode, Problem},
    query::decode,
};

/// How long a request target may be.
pub const URI_MAX_BYTES: usize = 8 * 1024;
/// How large all header fields together may be.
pub const HEADERS_MAX_BYTES: usize = 16 * 1024;
/// How many header fields a request may have.
pub const HEADERS_MAX: usize = 64;

/// Parameter names under which people send credentials; refused whatever their value.
const CREDENTIAL_PARAMETERS: &[&str] =
    &["key", "api_key", "apikey", "api-key", "access_token", "authorization", "bearer", "secret"];
/// Headers under which people send a second credential.
const OTHER_CREDENTIAL_HEADERS: &[&str] = &["x-api-key", "api-key", "apikey", "proxy-authorization"];

/// Refuses a request whose form alone is enough to refuse it.
pub(super) fn screen(request: &Request, config: &StackConfig) -> Result<(), Problem> {
    check_sizes(request.uri(), request.headers())?;
    check_method(request, config)?;
    check_host(request)?;
    if credential_in_url(request.uri()) {
        return Err(Problem::new(ErrorCode::CredentialInUrl));
    }
    check_credentials(request.headers())?;
    // An index is the one page whose path ends in a slash.
    if !is_canonical(request.uri().path()) && request.uri().path() != INDEX {
        return Err(Problem::new(ErrorCode::NotFound));
    }
    check_body_headers(request.headers(), config.body_max_bytes_of(request.uri().path()))?;
    check_accept(request.headers(), config)
}

fn bad_framing(detail: &str) -> Problem {
    Problem::new(ErrorCode::BadFraming).detail(detail)
}

fn check_sizes(uri: &Uri, headers: &HeaderMap) -> Result<(), Problem> {
    let target = uri.path_and_query().map_or(0, |target| target.as_str().len());
    if target + uri.authority().map_or(0, |authority| authority.as_str().len()) > URI_MAX_BYTES {
        return Err(Problem::new(ErrorCode::UriTooLong));
    }
    let bytes: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    if bytes > HEADERS_MAX_BYTES || headers.len() > HEADERS_MAX {
        return Err(Problem::new(ErrorCode::HeadersTooLarge)
            .detail(format!("Send at most {HEADERS_MAX} header fields of together {HEADERS_MAX_BYTES} bytes.")));
    }
    Ok(())
}

fn check_method(request: &Request, config: &StackConfig) -> Result<(), Problem> {
    let known = [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS];
    if known.contains(request.method()) { Ok(()) } else { Err(method_not_allowed(request.uri().path(), config)) }
}

/// 405 with what the path has.
pub(super) fn method_not_allowed(path: &str, config: &StackConfig) -> Problem {
    let value = HeaderValue::try_from(config.routes.allow(path)).unwrap_or(HeaderValue::from_static(""));
    Problem::new(ErrorCode::MethodNotAllowed).header(header::ALLOW, value)
}

/// One host, named once, or once more in the target and then the same.
fn check_host(request: &Request) -> Result<(), Problem> {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let host = hosts.next();
    if hosts.next().is_some() {
        return Err(bad_framing("The request has more than one Host header."));
    }
    let authority = request.uri().authority().map(|authority| authority.as_str());
    let Some(host) = host else {
        let may_lack_it =
            request.version() == Version::HTTP_10 || authority.is_some() && request.version() >= Version::HTTP_2;
        return if may_lack_it { Ok(()) } else { Err(bad_framing("The request has no Host header.")) };
    };
    let is_other = authority.is_some_and(|authority| !authority.as_bytes().eq_ignore_ascii_case(host.as_bytes()));
    if is_other || host.as_bytes().iter().any(|byte| matches!(byte, b'@' | b'/' | b' ' | b'\t' | b',')) {
        return Err(bad_framing("The Host header is not the host of the request target."));
    }
    Ok(())
}

fn check_credentials(headers: &HeaderMap) -> Result<(), Problem> {
    let sent = headers.get_all(header::AUTHORIZATION).iter().count();
    let elsewhere = OTHER_CREDENTIAL_HEADERS.iter().any(|name| headers.contains_key(HeaderName::from_static(name)));
    if sent > 1 || (sent == 1 && elsewhere) { Err(Problem::new(ErrorCode::AmbiguousCredentials)) } else { Ok(()) }
}

/// Says whether the path or the query carries what is, or is named like, a credential. Such a request is never evaluated.
pub fn credential_in_url(uri: &Uri) -> bool {
    let pairs = uri.query().unwrap_or_default().split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let in_query = pairs.into_iter().any(|(name, value)| {
        let name = decode(name).unwrap_or_default().to_ascii_lowercase();
        CREDENTIAL_PARAMETERS.contains(&name.as_str()) || is_secret(value) || is_secret(&name)
    });
    in_query || uri.path().split('/').any(is_secret)
}

/// Our own prefixes by their looks, an organization's own prefix by the checksum.
fn is_secret(encoded: &str) -> bool {
    // Ids have one underscore, secrets at least two: most segments need no closer look.
    if !encoded.contains('%') && encoded.bytes().filter(|byte| *byte == b'_').count() < 2 {
        return false;
    }
    let Some(text) = decode(encoded) else { return false };
    let starts = text.match_indices("clv").map(|(start, _)| &text[start..]);
    let looks_like_one = starts.into_iter().any(|rest| {
        let rest = rest.strip_prefix("clvroot").or_else(|| rest.strip_prefix("clv")).unwrap_or(rest);
        ["_prod_", "_stag_", "_dev_"].iter().any(|tag| rest.strip_prefix(tag).is_some_and(|id| id.len() >= 16))
    });
    looks_like_one || PlainSecret::parse(&text).is_ok()
}

/// One spelling per path: no empty or dot segments, and nothing encoded that needs no encoding.
fn is_canonical(path: &str) -> bool {
    let Some(rest) = path.strip_prefix('/') else { return false };
    rest.is_empty()
        || rest.split('/').all(|segment| !matches!(segment, "" | "." | "..") && is_canonical_segment(segment))
}

fn is_canonical_segment(segment: &str) -> bool {
    if segment.contains('\\') {
        return false;
    }
    let mut escapes =
        segment.split('%').skip(1).map(|rest| rest.get(..2).and_then(|hex| u8::from_str_radix(hex, 16).ok()));
    let is_needed = |byte: u8| !(byte.is_ascii_alphanumeric() || byte.is_ascii_control() || b"-._~/\\".contains(&byte));
    escapes.all(|escape| escape.is_some_and(is_needed)) && decode(segment).is_some()
}

fn check_body_headers(headers: &HeaderMap, body_max_bytes: u64) -> Result<(), Problem> {
    let is_encoded = |value: &HeaderValue| !value.as_bytes().eq_ignore_ascii_case(b"identity");
    if headers.get_all(header::CONTENT_ENCODING).iter().any(is_encoded) {
        return Err(Problem::new(ErrorCode::UnsupportedEncoding));
    }
    let declared = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if declared.is_some_and(|length| length > body_max_bytes) {
        let detail = format!("The body is larger than {body_max_bytes} bytes.");
        return Err(Problem::new(ErrorCode::PayloadTooLarge).detail(detail));
    }
    Ok(())
}

/// No `Accept` accepts all. Browsers name text/html first and may ask for the documentation.
fn check_accept(headers: &HeaderMap, config: &StackConfig) -> Result<(), Problem> {
    const ALWAYS: &[&str] = &["*/*", "application/*", "application/json", "application/problem+json", "text/html"];
    let mut ranges = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok()).peekable();
    if ranges.peek().is_none() && !headers.contains_key(header::ACCEPT) {
        return Ok(());
    }
    let fits = |range: &str| {
        let mut parts = range.split(';').map(str::trim);
        let kind = parts.next().unwrap_or_default().to_ascii_lowercase();
        let is_excluded =
            parts.any(|part| matches!(part.replace(' ', "").as_str(), "q=0" | "q=0.0" | "q=0.00" | "q=0.000"));
        !is_excluded && (ALWAYS.contains(&kind.as_str()) || config.also_serves.contains(&kind.as_str()))
    };
    if ranges.flat_map(|value| value.split(',')).any(fits) {
        Ok(())
    } else {
        Err(Problem::new(ErrorCode::NotAcceptable))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_in_the_url_is_seen_in_every_disguise() {
        let id = "A".repeat(16);
        for uri in [
            "/v1/x?key=1".to_owned(),
            "/v1/x?a=b&Api_Key=".to_owned(),
            "/v1/x?access%5Ftoken=x".to_owned(),
            format!("/v1/x?q=clv_prod_{id}"),
            format!("/v1/x?q=Bearer+clvroot_dev_{id}"),
            format!("/v1/x?q=clv%5Fstag%5F{id}"),
            format!("/v1/keys/clv_prod_{id}"),
            format!("/v1/x?clv_prod_{id}"),
        ] {
            assert!(credential_in_url(&uri.parse().unwrap()), "{uri}");
        }
        for uri in
            ["/v1/keys/key_0123456789abcdefghijkl", "/v1/x?customer=cus_1&cursor=clv&q=clv_", "/", "/v1/x?keys=1"]
        {
            assert!(!credential_in_url(&uri.parse().unwrap()), "{uri}");
        }
    }

    #[test]
    fn a_path_has_one_spelling() {
        for path in ["/", "/v1/keys", "/v1/customers/a%20b", "/v1/customers/%C3%A9", "/v1/a@b:c"] {
            assert!(is_canonical(path), "{path}");
        }
        for path in [
            "",
            "*",
            "/v1//k",
            "/v1/k/",
            "/v1/%6b",
            "/v1/../k",
            "/v1/./k",
            "/v1/%2e%2e/k",
            "/v1/%00",
            "/v1/a%2Fb",
            "/v1/%ff",
            "/v1/%5c",
            "/v1/a\\b",
            "/v1/%",
            "/v1/%4",
            "/v1/%zz",
            "/v1/%0a",
        ] {
            assert!(!is_canonical(path), "{path}");
        }
    }
}
