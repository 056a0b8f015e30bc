//! The one log line of a request: an interface, described in `docs/telemetry.md`.

use std::sync::{Arc, Mutex, PoisonError};

use http::Method;
use poem::{FromRequest, Request, RequestBody, Result};

use super::RequestContext;
use crate::{
    problem::{ErrorCode, Problem},
    request_log::Entry,
};

/// How much of a path the line repeats.
const PATH_MAX_CHARS: usize = 256;

/// What a handler adds to its request's log line. Cloned into the request; all clones write to one place.
#[derive(Debug, Clone, Default)]
pub struct LogFields(Arc<Mutex<Fields>>);

#[derive(Debug, Clone, Default)]
struct Fields {
    key: Option<String>,
    organization: Option<String>,
    customer: Option<String>,
    verdict: Option<&'static str>,
}

impl LogFields {
    /// Names the key that called.
    pub fn key(&self, id: impl Into<String>) {
        let id = id.into();
        trace::set_with("claviger.key.id", || id.clone());
        self.write(|fields| fields.key = Some(id));
    }

    /// Names the organization that the request was about.
    pub fn organization(&self, id: impl Into<String>) {
        let id = id.into();
        trace::set_with("claviger.organization.id", || id.clone());
        self.write(|fields| fields.organization = Some(id));
    }

    /// Names the customer that the request was about.
    pub fn customer(&self, id: impl Into<String>) {
        self.write(|fields| fields.customer = Some(id.into()));
    }

    /// Names the verdict that was given.
    pub fn verdict(&self, verdict: &'static str) {
        trace::set_with("claviger.verdict", || verdict);
        self.write(|fields| fields.verdict = Some(verdict));
    }

    fn write(&self, change: impl FnOnce(&mut Fields)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
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
    /// Withheld when the URL carried a credential.
    pub(super) path: String,
    pub(super) operation: Option<&'static str>,
    pub(super) status: u16,
    pub(super) code: Option<ErrorCode>,
    pub(super) cause: Option<String>,
    pub(super) duration_ms: f64,
}

/// The path as the line shows it: no query, no credential, nothing unprintable, not without end.
pub(super) fn shown_path(uri: &http::Uri, has_credential: bool) -> String {
    if has_credential {
        return "(withheld)".to_owned();
    }
    uri.path().chars().take(PATH_MAX_CHARS).flat_map(char::escape_default).collect()
}

/// The same as a row of the request log.
pub(super) fn entry(line: Line, context: RequestContext, fields: &LogFields) -> Entry {
    let fields = fields.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
    Entry {
        started: context.started,
        request_id: context.request_id,
        key: fields.key,
        organization: fields.organization,
        customer: fields.customer,
        operation: line.operation,
        method: line.method,
        path: line.path,
        status: line.status,
        code: line.code.map(ErrorCode::name),
        verdict: fields.verdict,
        client_ip: context.client_ip,
        duration: context.started.elapsed(),
    }
}

/// Writes the line: an error when we are to blame, else information.
pub(super) fn write(line: &Line, context: &RequestContext, fields: &LogFields) {
    let fields = fields.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let code = line.code.map(ErrorCode::name);
    let outcome = code.or(fields.verdict).map_or(String::new(), |word| format!(" {word}"));
    let message = format!("{} {} {}{outcome} in {:.1} ms", line.method, line.path, line.status, line.duration_ms);
    let client = context.client_ip.map(|address| address.to_string());
    let trace_id = trace::current_id();
    if line.status == 500 {
        tracing::error!(target: "request", {
            request.id = context.request_id,
            trace.id = trace_id,
            operation = line.operation,
            http.method = line.method.as_str(),
            http.path = line.path,
            http.status = line.status,
            code,
            key.id = fields.key,
            organization = fields.organization,
            customer.id = fields.customer,
            verdict = fields.verdict,
            client.address = client,
            peer.address = %context.peer,
            duration_ms = line.duration_ms,
            cause = line.cause
        }, "{message}");
        return;
    }
    tracing::info!(target: "request", {
        request.id = context.request_id,
        trace.id = trace_id,
        operation = line.operation,
        http.method = line.method.as_str(),
        http.path = line.path,
        http.status = line.status,
        code,
        key.id = fields.key,
        organization = fields.organization,
        customer.id = fields.customer,
        verdict = fields.verdict,
        client.address = client,
        peer.address = %context.peer,
        duration_ms = line.duration_ms,
        cause = line.cause
    }, "{message}");
}
