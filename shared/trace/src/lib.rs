//! Spans of the request that is being answered, for whoever does a part of its work.
//!
//! The tracer travels with the request: who is asked for a span outside a traced request gives none, and nothing here is
//! global. What goes into a span leaves the process: words of the program, ids and numbers, and never what a caller sent.

mod traceparent;

use std::borrow::Cow;
use std::sync::Arc;

use opentelemetry::context::FutureExt;
use opentelemetry::global::{BoxedTracer, ObjectSafeTracer};
use opentelemetry::trace::{SpanBuilder, SpanKind, Status, TraceContextExt, Tracer as _};
use opentelemetry::{Context, KeyValue, Value};

pub use traceparent::TRACEPARENT;

/// Where the spans of one process go.
#[derive(Debug, Clone)]
pub struct Tracer(Arc<BoxedTracer>);

/// A piece of work that takes time. It ends when it is dropped.
#[derive(Debug)]
pub struct Span {
    context: Context,
}

impl Tracer {
    /// A tracer over one of the SDK's.
    pub fn new(tracer: impl ObjectSafeTracer + Send + Sync + 'static) -> Self {
        Self(Arc::new(BoxedTracer::new(Box::new(tracer))))
    }

    /// The span of a request that arrived with these headers. A `traceparent` among them says whose child it is, and
    /// whether it is recorded.
    pub fn server(&self, name: impl Into<Cow<'static, str>>, headers: &http::HeaderMap) -> Span {
        let parent = match traceparent::read(headers) {
            Some(remote) => Context::new().with_remote_span_context(remote),
            None => Context::new(),
        };
        self.start(SpanKind::Server, name.into(), &parent.with_value(self.clone()))
    }

    fn start(&self, kind: SpanKind, name: Cow<'static, str>, parent: &Context) -> Span {
        let builder = SpanBuilder::from_name(name).with_kind(kind);
        Span { context: parent.with_span(self.0.build_with_context(builder, parent)) }
    }
}

impl Span {
    /// Does the work within this span. It has a block of its own, so that whoever waits for work that is seldom traced
    /// has no room for a second copy of it.
    pub fn around<F: Future>(&self, work: F) -> impl Future<Output = F::Output> + use<F> {
        Box::pin(work).with_context(self.context.clone())
    }

    /// Whether anybody will see it.
    pub fn is_recording(&self) -> bool {
        self.context.span().is_recording()
    }

    /// Says something of it.
    pub fn set(&self, name: &'static str, value: impl Into<Value>) {
        self.context.span().set_attribute(KeyValue::new(name, value));
    }

    /// Calls it something else, now that it is known what it is.
    pub fn rename(&self, name: impl Into<Cow<'static, str>>) {
        self.context.span().update_name(name);
    }

    /// It failed; `error` is a word of the program.
    pub fn fail(&self, error: &'static str) {
        self.set("error.type", error);
        self.context.span().set_status(Status::error(""));
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        self.context.span().end();
    }
}

/// Whether anybody will see what is said of the current span.
pub fn is_recording() -> bool {
    Context::map_current(|context| context.has_active_span() && context.span().is_recording())
}

/// A call of another process on behalf of the current request; `None` when nobody would see it. Only then is it named.
pub fn client<N: Into<Cow<'static, str>>>(name: impl FnOnce() -> N) -> Option<Span> {
    Context::map_current(|parent| {
        if !parent.has_active_span() || !parent.span().is_recording() {
            return None;
        }
        let tracer = parent.get::<Tracer>()?;
        Some(tracer.start(SpanKind::Client, name().into(), parent))
    })
}

/// Does the work, within the span if there is one.
pub async fn within<F: Future>(span: Option<&Span>, work: F) -> F::Output {
    match span {
        Some(span) => span.around(work).await,
        None => work.await,
    }
}

/// Says something of the current span, if anybody will see it. Only then is it asked what.
pub fn set_with<V: Into<Value>>(name: &'static str, value: impl FnOnce() -> V) {
    Context::map_current(|context| {
        if context.has_active_span() && context.span().is_recording() {
            context.span().set_attribute(KeyValue::new(name, value()));
        }
    });
}

/// Work for a task of its own, within what is current now.
pub fn inherit<F: Future>(work: F) -> impl Future<Output = F::Output> {
    work.with_current_context()
}

/// The id of the trace that the current request belongs to, recorded or not.
pub fn current_id() -> Option<String> {
    Context::map_current(|context| {
        context.has_active_span().then(|| context.span().span_context().trace_id().to_string())
    })
}

/// What a request sends along, so that whoever answers it takes part in the current trace.
pub fn traceparent() -> Option<String> {
    Context::map_current(|context| context.has_active_span().then(|| traceparent::write(context.span().span_context())))
}
