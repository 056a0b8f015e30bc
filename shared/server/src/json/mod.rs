//! Strict JSON bodies: what cannot be read is 400, what is read but not acceptable is 422 with every mistake named.
//!
//! The schema that is enforced is the schema that is published.

mod schema;
mod syntax;
mod texts;

use std::marker::PhantomData;

use bytes::{Bytes, BytesMut};
use futures_util::TryStreamExt;
use http::{HeaderMap, header};
use poem::{Body, Request, RequestBody};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ExtractParamOptions,
    registry::{MetaMediaType, MetaRequest, Registry},
    types::{ParseFromJSON, Type},
};
use serde_json::Value;

use crate::{
    answer::JSON,
    problem::{ErrorCode, FieldError, Problem},
};

pub(crate) use schema::ERRORS_MAX;

/// The largest body that an operation reads unless it says otherwise.
pub const BODY_MAX_BYTES: usize = 64 * 1024;

/// A request body of `application/json`, read within its limits but not yet parsed.
///
/// Extraction judges framing only, so that a handler can authenticate and authorize before it parses.
pub struct Json<T, const MAX_BYTES: usize = BODY_MAX_BYTES> {
    bytes: Bytes,
    target: PhantomData<fn() -> T>,
}

impl<T: ParseFromJSON + 'static, const MAX_BYTES: usize> Json<T, MAX_BYTES> {
    /// Reads the body as `T`; names every mistake, not just the first.
    pub fn parse(self) -> Result<T, Problem> {
        parse_slice(&self.bytes)
    }
}

impl<T, const MAX_BYTES: usize> Json<T, MAX_BYTES> {
    /// The body as it was sent.
    pub fn raw(&self) -> &[u8] {
        &self.bytes
    }
}

/// Reads `bytes` as one strict JSON document that fits the published schema of `T`.
pub fn parse_slice<T: ParseFromJSON + 'static>(bytes: &[u8]) -> Result<T, Problem> {
    let value = syntax::read(bytes)?;
    let errors = schema::check::<T>(&value);
    if !errors.is_empty() {
        return Err(Problem::validation(errors));
    }
    T::parse_from_json(Some(value)).map_err(|_| Problem::validation(vec![unacceptable()]))
}

/// Reads `bytes` as one strict JSON document that fits the published schema of `T`, in which the entries of the list `member`
/// are anything: each of them is read as `E` by itself, so that one which does not fit leaves the others alone. Its mistakes are placed
/// in the entry.
pub fn parse_entries<T: Type + 'static, E: ParseFromJSON + 'static>(
    bytes: &[u8],
    member: &str,
) -> Result<Vec<Result<E, Vec<FieldError>>>, Problem> {
    let mut document = syntax::read(bytes)?;
    let entries = document.get_mut(member).and_then(Value::as_array_mut);
    let entries: Vec<Value> = entries.into_iter().flatten().map(Value::take).collect();
    let errors = schema::check::<T>(&document);
    if !errors.is_empty() {
        return Err(Problem::validation(errors));
    }
    let read = |entry: Value| {
        let errors = schema::check::<E>(&entry);
        if !errors.is_empty() {
            return Err(errors);
        }
        E::parse_from_json(Some(entry)).map_err(|_| vec![unacceptable()])
    };
    Ok(entries.into_iter().map(read).collect())
}

/// The framework's own text names Rust types and quotes input; it is no text for a caller.
fn unacceptable() -> FieldError {
    FieldError::new("", "invalid", "A value has the right type but is not acceptable.")
}

/// Reads `bytes` as one strict JSON document without a schema, for callers that keep it as it is.
pub fn parse_value(bytes: &[u8]) -> Result<Value, Problem> {
    let value = syntax::read(bytes)?;
    let errors = schema::check_free(&value);
    if errors.is_empty() { Ok(value) } else { Err(Problem::validation(errors)) }
}

impl<'a, T: ParseFromJSON + 'static, const MAX_BYTES: usize> ApiExtractor<'a> for Json<T, MAX_BYTES> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        let content = vec![MetaMediaType { content_type: JSON, schema: <T as Type>::schema_ref() }];
        Some(MetaRequest { description: None, content, required: T::IS_REQUIRED })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _options: ExtractParamOptions<Self::ParamType>,
    ) -> poem::Result<Self> {
        check_content_type(request.headers())?;
        let bytes = read_body(body.take()?, MAX_BYTES).await?;
        Ok(Self { bytes, target: PhantomData })
    }
}

/// Reads a whole body of at most `max_bytes`, counting while it reads.
pub async fn read_body(body: Body, max_bytes: usize) -> Result<Bytes, Problem> {
    let mut stream = std::pin::pin!(body.into_bytes_stream());
    // Most bodies come in one piece, which is good as it is.
    let mut first = Bytes::new();
    let mut whole = BytesMut::new();
    while let Some(chunk) = stream.try_next().await.map_err(unreadable)? {
        if first.len() + whole.len() + chunk.len() > max_bytes {
            return Err(
                Problem::new(ErrorCode::PayloadTooLarge).detail(format!("The body is larger than {max_bytes} bytes."))
            );
        }
        if first.is_empty() && whole.is_empty() {
            first = chunk;
            continue;
        }
        whole.extend_from_slice(&std::mem::take(&mut first));
        whole.extend_from_slice(&chunk);
    }
    Ok(if whole.is_empty() { first } else { whole.freeze() })
}

fn unreadable(error: std::io::Error) -> Problem {
    let problem =
        Problem::new(ErrorCode::BadFraming).header(header::CONNECTION, http::HeaderValue::from_static("close"));
    if error.kind() == std::io::ErrorKind::TimedOut {
        return problem.detail("The body did not arrive in time.");
    }
    problem.detail("The body ended early or is badly framed.").source(error)
}

/// Accepts `application/json`, bare or with `charset=utf-8`, and nothing else.
pub fn check_content_type(headers: &HeaderMap) -> Result<(), Problem> {
    let mut values = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(Problem::new(ErrorCode::UnsupportedMediaType));
    };
    let text = value.to_str().unwrap_or_default();
    let mut parts = text.split(';').map(str::trim);
    let is_json = parts.next().is_some_and(|kind| kind.eq_ignore_ascii_case(JSON));
    let is_utf8 = |part: &str| {
        part.split_once('=').is_some_and(|(name, value)| {
            name.eq_ignore_ascii_case("charset") && value.trim_matches('"').eq_ignore_ascii_case("utf-8")
        })
    };
    if is_json && parts.all(is_utf8) { Ok(()) } else { Err(Problem::new(ErrorCode::UnsupportedMediaType)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(content_type: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, content_type.parse().unwrap());
        check_content_type(&headers).is_ok()
    }

    #[test]
    fn only_json_in_utf8_is_read() {
        for accepted in ["application/json", "Application/JSON; charset=UTF-8", "application/json;charset=\"utf-8\""] {
            assert!(judged(accepted), "{accepted}");
        }
        for refused in [
            "application/json; charset=utf-16",
            "text/json",
            "application/problem+json",
            "multipart/form-data; boundary=x",
            "application/json; boundary=x",
            "",
        ] {
            assert!(!judged(refused), "{refused}");
        }
        assert!(check_content_type(&HeaderMap::new()).is_err());
    }
}
