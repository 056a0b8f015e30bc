//! The span of a request, around everything that is done for it.

use std::sync::Arc;

use poem::{Endpoint, Request, Response, Result};
use poem_openapi::OperationId;
use trace::{Span, Tracer};

use super::routes::RouteTable;
use crate::problem::ErrorCode;

/// A stack whose requests have spans, where there is a tracer; else nothing but the stack.
pub struct Traced<E> {
    pub(super) inner: E,
    pub(super) tracer: Option<Tracer>,
    pub(super) routes: Arc<RouteTable>,
    pub(super) environment: Option<&'static str>,
}

impl<E: Endpoint<Output = Response>> Endpoint for Traced<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        let Some(tracer) = &self.tracer else { return self.inner.call(request).await };
        let span = self.start(tracer, &request);
        let answered = span.around(self.inner.call(request)).await;
        if let Ok(response) = &answered {
            self.finish(&span, response);
        }
        answered
    }
}

impl<E> Traced<E> {
    /// Of what the caller sent, only the method and the route of its operation are told: words of the program.
    fn start(&self, tracer: &Tracer, request: &Request) -> Span {
        let method = method(request);
        let span = tracer.server(method, request.headers());
        if span.is_recording() {
            span.set("http.request.method", method);
            if let Some(environment) = self.environment {
                span.set("claviger.environment", environment);
            }
        }
        span
    }

    fn finish(&self, span: &Span, response: &Response) {
        if !span.is_recording() {
            return;
        }
        let status = response.status();
        span.set("http.response.status_code", i64::from(status.as_u16()));
        if let Some(operation) = response.data::<OperationId>() {
            span.rename(operation.0);
            if let Some(route) = self.routes.template(operation.0) {
                span.set("http.route", route.to_owned());
            }
        }
        match response.data::<ErrorCode>() {
            Some(code) if status.is_server_error() => span.fail(code.name()),
            // The caller's mistake is not a failure of this span.
            Some(code) => span.set("error.type", code.name()),
            None => {}
        }
    }
}

/// The method, if it is one that everybody knows.
fn method(request: &Request) -> &'static str {
    const KNOWN: [&str; 9] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"];
    KNOWN.into_iter().find(|known| *known == request.method().as_str()).unwrap_or("_OTHER")
}
