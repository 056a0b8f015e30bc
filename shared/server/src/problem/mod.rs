//! The one error a handler returns, its table of codes, and its `application/problem+json` form.
//!
//! What is written for the caller and what caused it are different fields: a source is logged once at the edge and never sent.

mod published;
mod stored;

use std::{borrow::Cow, error::Error as StdError, fmt, time::Duration};

use domain::validation::ValidationError;
use http::{HeaderName, HeaderValue, StatusCode, header};
use poem::{Response, error::ResponseError};
pub(crate) use published::example;
use serde::Serialize;

/// Where each code is explained, on whichever service answers ([`crate::errors_page::PATH`]); the code is the fragment.
const DOCUMENTATION: &str = "/v1/errors#";

/// The media type of every failure.
pub const PROBLEM_JSON: &str = "application/problem+json";

macro_rules! error_codes {
    ($($(#[$doc:meta])* $code:ident = $status:ident, $name:literal, $title:literal, $detail:literal;)*) => {
        /// Every way a request can fail. One row each: status, wire name, title, and what is said when nothing more is known.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ErrorCode { $($(#[$doc])* $code),* }

        impl ErrorCode {
            /// Every code, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$code),*];

            /// The wire name: kebab case, stable.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$code => $name),* }
            }

            /// The HTTP status.
            pub const fn status(self) -> StatusCode {
                match self { $(Self::$code => StatusCode::$status),* }
            }

            /// The short text that never varies.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$code => $title),* }
            }

            const fn detail(self) -> &'static str {
                match self { $(Self::$code => $detail),* }
            }
        }
    };
}

error_codes! {
    /// The HTTP message itself is ambiguous or broken.
    BadFraming = BAD_REQUEST, "bad-framing", "Bad framing", "The request is not a well-formed HTTP message.";
    /// The body is not JSON.
    MalformedJson = BAD_REQUEST, "malformed-json", "Malformed JSON", "The body is not one JSON document in UTF-8.";
    /// The body names a member twice.
    DuplicateMember = BAD_REQUEST, "duplicate-member", "Duplicate member", "The body names a member twice.";
    /// The input was read, and is not acceptable.
    Validation = UNPROCESSABLE_ENTITY, "validation", "Input not acceptable", "Some of the input is not acceptable; errors lists what.";
    /// The body is over the limit.
    PayloadTooLarge = PAYLOAD_TOO_LARGE, "payload-too-large", "Body too large", "The body is larger than this operation accepts.";
    /// The header fields are over the limit.
    HeadersTooLarge = REQUEST_HEADER_FIELDS_TOO_LARGE, "headers-too-large", "Headers too large", "The header fields are too many or too large.";
    /// The target is over the limit.
    UriTooLong = URI_TOO_LONG, "uri-too-long", "URI too long", "The request target is longer than 8 KiB.";
    /// The body's type is not one that the operation reads.
    UnsupportedMediaType = UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", "Unsupported media type", "Send the body as application/json in UTF-8.";
    /// The body is compressed.
    UnsupportedEncoding = UNSUPPORTED_MEDIA_TYPE, "unsupported-encoding", "Unsupported encoding", "Send the body without a content encoding.";
    /// The caller accepts nothing that can be sent.
    NotAcceptable = NOT_ACCEPTABLE, "not-acceptable", "Not acceptable", "Answers are application/json, which the Accept header excludes.";
    /// No credential was sent.
    CredentialsMissing = UNAUTHORIZED, "credentials-missing", "Credentials missing", "Send a key as Authorization: Bearer.";
    /// The credential is not one that works.
    CredentialsInvalid = UNAUTHORIZED, "credentials-invalid", "Credentials invalid", "The credential is not valid.";
    /// The console's session is over, or there is none.
    SessionEnded = UNAUTHORIZED, "session-ended", "Session ended", "There is no session, or it has ended; sign in again.";
    /// Another site may have sent it.
    CrossOrigin = FORBIDDEN, "cross-origin", "Cross-origin request", "The request does not come from the console's own pages.";
    /// The person has to prove again who they are.
    StepUpRequired = FORBIDDEN, "step-up-required", "Step-up required", "Confirm with your password or a code first; it holds for ten minutes.";
    /// The organization asks for a second factor.
    SecondFactorRequired = FORBIDDEN, "second-factor-required", "Second factor required", "This organization asks for a second factor; set one up in Account, Security.";
    /// More than one credential was sent.
    AmbiguousCredentials = BAD_REQUEST, "ambiguous-credentials", "Ambiguous credentials", "Send exactly one credential, in one Authorization header.";
    /// A credential was sent where it ends up in logs.
    CredentialInUrl = BAD_REQUEST, "credential-in-url", "Credential in the URL", "A credential was sent in the URL and was not evaluated. Treat it as leaked: regenerate it, and send it in the Authorization header.";
    /// The credential belongs to another environment.
    WrongEnvironment = UNAUTHORIZED, "wrong-environment", "Wrong environment", "The credential belongs to another environment.";
    /// The organization or customer is suspended.
    Suspended = FORBIDDEN, "suspended", "Suspended", "The organization or customer is suspended.";
    /// The caller's address is not one the key may be used from.
    IpNotAllowed = FORBIDDEN, "ip-not-allowed", "Address not allowed", "This key may not be used from this address.";
    /// The key is not for this domain.
    DomainNotAllowed = FORBIDDEN, "domain-not-allowed", "Domain not allowed", "This key may not be used for this domain.";
    /// The key is not for this customer.
    CustomerNotAllowed = FORBIDDEN, "customer-not-allowed", "Customer not allowed", "This key may not be used for this customer.";
    /// The caller lacks a permission.
    InsufficientPermissions = FORBIDDEN, "insufficient-permissions", "Insufficient permissions", "This credential lacks a permission that the operation needs.";
    /// The caller tries to give what it does not hold.
    ExceedsGrantor = FORBIDDEN, "exceeds-grantor", "Exceeds the grantor", "A credential can grant no more than it holds itself.";
    /// There is no such thing, or the caller may not know of it.
    NotFound = NOT_FOUND, "not-found", "Not found", "There is no such thing.";
    /// The path does not have this method.
    MethodNotAllowed = METHOD_NOT_ALLOWED, "method-not-allowed", "Method not allowed", "This path does not have this method; Allow lists those it has.";
    /// The present state forbids it.
    Conflict = CONFLICT, "conflict", "Conflict", "The request conflicts with the present state.";
    /// The object has changed since it was read.
    Stale = PRECONDITION_FAILED, "stale", "Stale", "The object has changed since it was read; read it again.";
    /// The write needs a precondition.
    PreconditionRequired = PRECONDITION_REQUIRED, "precondition-required", "Precondition required", "Send If-Match with the object's ETag.";
    /// The idempotency key came with another request before.
    IdempotencyMismatch = UNPROCESSABLE_ENTITY, "idempotency-mismatch", "Idempotency key reused", "This Idempotency-Key was sent with another request before.";
    /// The first request with this idempotency key still runs.
    IdempotencyInFlight = CONFLICT, "idempotency-in-flight", "Request in flight", "The first request with this Idempotency-Key is still running.";
    /// The operation needs an idempotency key.
    IdempotencyKeyRequired = BAD_REQUEST, "idempotency-key-required", "Idempotency key required", "Send an Idempotency-Key header with this operation.";
    /// The idempotency key cannot be read.
    IdempotencyKeyInvalid = BAD_REQUEST, "idempotency-key-invalid", "Idempotency key invalid", "Idempotency-Key must come once, with 1 to 255 printable ASCII characters.";
    /// The cursor is not one of ours for this request.
    InvalidCursor = BAD_REQUEST, "invalid-cursor", "Invalid cursor", "The cursor is not valid for this request; start from the first page.";
    /// The change would leave nobody able to use the key.
    WouldLockOut = UNPROCESSABLE_ENTITY, "would-lock-out", "Would lock out", "An empty restriction would allow nothing; send \"all\" or at least one entry.";
    /// The secret was reported as compromised and never works again.
    SecretCompromised = CONFLICT, "secret-compromised", "Secret compromised", "The secret was revoked as compromised and never works again; regenerate it first.";
    /// A rate limit is used up.
    RateLimited = TOO_MANY_REQUESTS, "rate-limited", "Rate limited", "A rate limit is used up; Retry-After says when to try again.";
    /// The key's credits are used up.
    UsageExceeded = TOO_MANY_REQUESTS, "usage-exceeded", "Usage exceeded", "The credits of this key are used up.";
    /// There is more work than can be done in time.
    Overloaded = SERVICE_UNAVAILABLE, "overloaded", "Overloaded", "The service has more work than it can do in time; try again.";
    /// Something the service depends on is away.
    Unavailable = SERVICE_UNAVAILABLE, "unavailable", "Unavailable", "Something the service depends on is away; try again.";
    /// The Integration API is switched off here.
    IntegrationApiDisabled = NOT_FOUND, "integration-api-disabled", "Integration API disabled", "The Integration API is switched off in this installation.";
    /// A bug of ours.
    Internal = INTERNAL_SERVER_ERROR, "internal", "Internal error", "Something went wrong on our side; quote the request id when you report it.";
}

/// One thing in the input that is not acceptable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// Where: a JSON pointer into the body, or `/query/<name>`, `/path/<name>`, `/header/<name>`.
    pub pointer: String,
    /// What kind of mistake: kebab case, stable.
    pub code: Cow<'static, str>,
    /// What is wrong and what would be accepted.
    pub message: String,
}

impl FieldError {
    /// A mistake at `pointer`.
    pub fn new(pointer: impl Into<String>, code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), code: code.into(), message: message.into() }
    }

    /// What the domain refused, at `pointer`.
    pub fn at(pointer: impl Into<String>, refusal: ValidationError) -> Self {
        Self::new(pointer, refusal.code, refusal.message)
    }
}

/// A failure on its way to the caller.
pub struct Problem(Box<Content>);

struct Content {
    code: ErrorCode,
    detail: Cow<'static, str>,
    errors: Vec<FieldError>,
    missing_permissions: Vec<String>,
    retry_after: Option<Duration>,
    reason: Option<String>,
    headers: Vec<(HeaderName, HeaderValue)>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Problem {
    /// A failure that says what its code says.
    pub fn new(code: ErrorCode) -> Self {
        Self(Box::new(Content {
            code,
            detail: Cow::Borrowed(code.detail()),
            errors: Vec::new(),
            missing_permissions: Vec::new(),
            retry_after: None,
            reason: None,
            headers: Vec::new(),
            source: None,
        }))
    }

    /// The refusal of input that was read but is not acceptable.
    pub fn validation(errors: Vec<FieldError>) -> Self {
        Self::new(ErrorCode::Validation).errors(errors)
    }

    /// Says more than the code does. Write it for the caller.
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.0.detail = Cow::Owned(detail.into());
        self
    }

    /// Lists what in the input is not acceptable.
    pub fn errors(mut self, errors: Vec<FieldError>) -> Self {
        self.0.errors = errors;
        self
    }

    /// Names the permissions that the caller lacks.
    pub fn missing_permissions(mut self, missing: Vec<String>) -> Self {
        self.0.missing_permissions = missing;
        self
    }

    /// Where the mistakes are when the body that was read is a part of another, at `pointer`.
    pub fn within(mut self, pointer: &str) -> Self {
        self.0.errors.iter_mut().for_each(|error| error.pointer.insert_str(0, pointer));
        self
    }

    /// What in the input is not acceptable; at the least what the code says.
    pub fn into_errors(self) -> Vec<FieldError> {
        let Content { code, detail, errors, .. } = *self.0;
        if errors.is_empty() { vec![FieldError::new("", code.name(), detail)] } else { errors }
    }

    /// Says when to try again: exactly in the body, rounded up to seconds in `Retry-After`.
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.0.retry_after = Some(wait);
        self
    }

    /// Adds a header to the answer.
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.push((name, value));
        self
    }

    /// Adds the member `reason`, for a caller who has proven to hold the secret.
    pub fn reason(mut self, reason: &str) -> Self {
        self.0.reason = Some(reason.to_owned());
        self
    }

    /// Attaches what caused it: logged once at the edge, never sent.
    pub fn source(mut self, source: impl StdError + Send + Sync + 'static) -> Self {
        self.0.source = Some(Box::new(source));
        self
    }

    /// Its row in the table.
    pub fn code(&self) -> ErrorCode {
        self.0.code
    }

    /// What is told the caller of it.
    pub fn text(&self) -> &str {
        &self.0.detail
    }

    /// The causes, outermost first, joined for the log; `None` when nothing is attached.
    pub fn cause(&self) -> Option<String> {
        let mut next: Option<&(dyn StdError + 'static)> = Some(self.0.source.as_deref()?);
        let mut chain = String::new();
        while let Some(error) = next {
            if !chain.is_empty() {
                chain.push_str(": ");
            }
            chain.push_str(&error.to_string());
            next = error.source();
        }
        Some(chain)
    }

    /// The answer, with the id under which the request was logged.
    pub fn into_response(self, request_id: &str) -> Response {
        self.0.render(request_id)
    }
}

impl Content {
    fn render(&self, request_id: &str) -> Response {
        let body = serde_json::to_vec(&self.body(request_id)).expect("strings and numbers serialize");
        let mut response = Response::builder().status(self.code.status()).content_type(PROBLEM_JSON).body(body);
        let headers = response.headers_mut();
        if let Some(challenge) = challenge(self.code) {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        if let Some(wait) = self.retry_after {
            let seconds = wait.as_millis().div_ceil(1000).max(1);
            headers.insert(header::RETRY_AFTER, HeaderValue::from(u64::try_from(seconds).unwrap_or(u64::MAX)));
        }
        headers.extend(self.headers.iter().cloned());
        response.set_data(self.code);
        response
    }

    fn body<'a>(&'a self, request_id: &'a str) -> Body<'a> {
        Body {
            r#type: format!("{DOCUMENTATION}{}", self.code.name()),
            title: self.code.title(),
            status: self.code.status().as_u16(),
            detail: &self.detail,
            code: self.code.name(),
            request_id,
            errors: &self.errors,
            missing_permissions: &self.missing_permissions,
            retry_after_ms: self.retry_after.map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)),
            reason: self.reason.as_deref(),
        }
    }
}

/// RFC 6750: no error attribute when the request carried no credential at all.
fn challenge(code: ErrorCode) -> Option<&'static str> {
    if code == ErrorCode::CredentialsMissing {
        return Some("Bearer");
    }
    if code == ErrorCode::InsufficientPermissions {
        return Some("Bearer error=\"insufficient_scope\"");
    }
    (code.status() == StatusCode::UNAUTHORIZED).then_some("Bearer error=\"invalid_token\"")
}

#[derive(Serialize)]
struct Body<'a> {
    r#type: String,
    title: &'static str,
    status: u16,
    detail: &'a str,
    code: &'static str,
    request_id: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [FieldError],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    missing_permissions: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

impl fmt::Debug for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Problem").field("code", &self.0.code).field("detail", &self.0.detail).finish_non_exhaustive()
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.code.name())
    }
}

impl StdError for Problem {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

impl ResponseError for Problem {
    fn status(&self) -> StatusCode {
        self.0.code.status()
    }

    /// Only reached outside the stack, which knows the request's id.
    fn as_response(&self) -> Response {
        self.0.render("")
    }
}

#[cfg(test)]
mod tests {
    use super::{published::ProblemDocument, *};
    use poem_openapi::types::ParseFromJSON;

    #[test]
    fn every_code_has_its_own_name() {
        let mut names: Vec<_> = ErrorCode::ALL.iter().map(|code| code.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ErrorCode::ALL.len());
        assert!(names.iter().all(|name| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')));
    }

    #[tokio::test]
    async fn a_full_problem_is_what_the_contract_says() {
        let problem = Problem::validation(vec![FieldError::new("/name", "required", "Send a name.")])
            .missing_permissions(vec!["keys.read".into()])
            .retry_after(Duration::from_millis(1200))
            .reason("revoked")
            .source(std::io::Error::other("a secret cause"));
        assert_eq!(problem.cause().as_deref(), Some("a secret cause"));
        let response = problem.into_response("req_1");
        assert_eq!(response.headers()[header::RETRY_AFTER], "2");
        let body = response.into_body().into_string().await.unwrap();
        assert!(!body.contains("secret cause"));
        let value: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!(value["retry_after_ms"], 1200);
        assert_eq!(value.as_object().unwrap().len(), 10);
        assert!(ProblemDocument::parse_from_json(Some(value)).is_ok());
    }

    #[test]
    fn a_401_carries_a_challenge_that_says_what_was_wrong() {
        let challenge_of =
            |code| Problem::new(code).into_response("").header(header::WWW_AUTHENTICATE).map(ToOwned::to_owned);
        assert_eq!(challenge_of(ErrorCode::CredentialsMissing).as_deref(), Some("Bearer"));
        assert_eq!(challenge_of(ErrorCode::CredentialsInvalid).as_deref(), Some("Bearer error=\"invalid_token\""));
        assert_eq!(
            challenge_of(ErrorCode::InsufficientPermissions).as_deref(),
            Some("Bearer error=\"insufficient_scope\"")
        );
        assert_eq!(challenge_of(ErrorCode::NotFound), None);
    }
}
