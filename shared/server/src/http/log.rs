//! The one log line of a request: an interface, described in `docs/telemetry.md`.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::ids::{CustomerId, KeyId, OrganizationId};
use http::{Method, Uri};
use poem::{FromRequest, Request, RequestBody, Result};
use tracing::Level;

use super::{RequestContext, credential_in_url};
use crate::{
    problem::{ErrorCode, Problem},
    request_log::Entry,
};

/// What lines are filtered by.
const TARGET: &str = "request";
/// How much of a path the line repeats.
const PATH_MAX_CHARS: usize = 256;

/// What a handler adds to its request's log line. Cloned into the request; all clones write to one place.
#[derive(Debug, Clone, Default)]
pub struct LogFields(Arc<Mutex<Fields>>);

#[derive(Debug, Clone, Copy, Default)]
struct Fields {
    key: Option<KeyId>,
    organization: Option<OrganizationId>,
    customer: Option<CustomerId>,
    verdict: Option<&'static str>,
}

impl LogFields {
    /// Names the key that called.
    pub fn key(&self, id: KeyId) {
        trace::set_with("claviger.key.id", || id.to_string());
        self.write(|fields| fields.key = Some(id));
    }

    /// Names the organization that the request was about.
    pub fn organization(&self, id: OrganizationId) {
        trace::set_with("claviger.organization.id", || id.to_string());
        self.write(|fields| fields.organization = Some(id));
    }

    /// Names the customer that the request was about.
    pub fn customer(&self, id: CustomerId) {
        self.write(|fields| fields.customer = Some(id));
    }

    /// Names the verdict that was given.
    pub fn verdict(&self, verdict: &'static str) {
        trace::set_with("claviger.verdict", || verdict);
        self.write(|fields| fields.verdict = Some(verdict));
    }

    fn write(&self, change: impl FnOnce(&mut Fields)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn read(&self) -> Fields {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<'a> FromRequest<'a> for LogFields {
    async fn from_request(request: &'a Request, _body: &mut RequestBody) -> Result<Self> {
        request.data::<Self>().cloned().ok_or_else(|| Problem::new(ErrorCode::Internal).into())
    }
}

/// Everything the line tells that the stack itself knows.
pub(super) struct Line {
    pub(super) method: Method,
    pub(super) uri: Uri,
    /// Beginnings of paths whose rest is withheld.
    pub(super) secret_paths: &'static [&'static str],
    pub(super) operation: Option<&'static str>,
    pub(super) status: u16,
    pub(super) code: Option<ErrorCode>,
    pub(super) cause: Option<String>,
    pub(super) duration: Duration,
}

impl Line {
    /// Whether the request was not let in. While there is too much to do a line for each would be the most of it: metrics
    /// say how many they were.
    pub(super) fn is_rejection(&self) -> bool {
        self.code == Some(ErrorCode::Overloaded) && self.cause.is_none()
    }

    /// How much somebody should care: a success of a service that answers nothing else all day is for debugging.
    pub(super) fn level(&self, success: Level) -> Level {
        match self.status {
            500 => Level::ERROR,
            503 if self.is_rejection() => Level::DEBUG,
            400.. => Level::INFO,
            _ => success,
        }
    }
}

/// The path as the line shows it: no query, nothing unprintable, not without end, and withheld when the URL carries a
/// credential; of a path that begins as one of `secret`, the beginning alone.
fn shown_path(uri: &Uri, secret: &[&str]) -> String {
    if credential_in_url(uri) {
        return "(withheld)".to_owned();
    }
    if let Some(beginning) = secret.iter().find(|beginning| uri.path().starts_with(**beginning)) {
        return format!("{beginning}(withheld)");
    }
    uri.path().chars().take(PATH_MAX_CHARS).flat_map(char::escape_default).collect()
}

/// The same as a row of the request log.
pub(super) fn entry(line: Line, context: &RequestContext, fields: &LogFields) -> Entry {
    let fields = fields.read();
    Entry {
        started: context.started,
        requests: 1,
        request_id: Some(context.request_id.clone()),
        key: fields.key,
        organization: fields.organization,
        customer: fields.customer,
        operation: line.operation,
        path: shown_path(&line.uri, line.secret_paths),
        method: line.method,
        status: line.status,
        code: line.code.map(ErrorCode::name),
        verdict: fields.verdict,
        client_ip: context.client_ip,
        duration: line.duration,
    }
}

/// Writes one line at a level that the program knows when it is built.
macro_rules! write_at {
    ($level:expr, $line:expr, $context:expr, $fields:expr) => {{
        let (line, context, fields) = ($line, $context, $fields.read());
        let code = line.code.map(ErrorCode::name);
        let path = shown_path(&line.uri, line.secret_paths);
        let duration_ms = line.duration.as_secs_f64() * 1000.0;
        let outcome = code.or(fields.verdict).map_or(String::new(), |word| format!(" {word}"));
        tracing::event!(target: TARGET, $level, {
            request.id = context.request_id,
            trace.id = trace::current_id(),
            operation = line.operation,
            http.method = line.method.as_str(),
            http.path = path,
            http.status = line.status,
            code,
            key.id = fields.key.map(|id| id.to_string()),
            organization = fields.organization.map(|id| id.to_string()),
            customer.id = fields.customer.map(|id| id.to_string()),
            verdict = fields.verdict,
            client.address = context.client_ip.map(|address| address.to_string()),
            peer.address = %context.peer,
            duration_ms,
            cause = line.cause
        }, "{} {path} {}{outcome} in {duration_ms:.1} ms", line.method, line.status);
    }};
}

/// Writes the line, if anybody reads lines of its level.
pub(super) fn write(line: &Line, success: Level, context: &RequestContext, fields: &LogFields) {
    match line.level(success) {
        Level::ERROR => write_at!(Level::ERROR, line, context, fields),
        Level::DEBUG if tracing::enabled!(target: TARGET, Level::DEBUG) => {
            write_at!(Level::DEBUG, line, context, fields);
        }
        Level::DEBUG => {}
        _ => write_at!(Level::INFO, line, context, fields),
    }
}
