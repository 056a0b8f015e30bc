//! The gate of a listener: which priority a request is, and the answer to one that is not let in.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use domain::priority::{PRIORITY_HEADER, Priority};
use futures_util::FutureExt;
use http::Version;
use poem::{Request, Response};

use super::{Admission, StackConfig, Ticket, X_REQUEST_ID, framing::BrokenHead, request_id_of};
use crate::{
    metrics::RequestMetrics,
    problem::{ErrorCode, Problem},
};

/// The longest that a refused caller is told to wait.
const WAIT_MAX_SECONDS: u64 = 3;

/// Decides about a request before anything of it is read but its head.
#[derive(Clone)]
pub(super) struct Gate {
    admission: Admission,
    judge: Arc<dyn Fn(&Request) -> Priority + Send + Sync>,
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate").field("admission", &self.admission).finish_non_exhaustive()
    }
}

impl Gate {
    /// A gate at which everything is as urgent as a verification.
    pub(super) fn new(admission: Admission) -> Self {
        Self { admission, judge: Arc::new(|_| Priority::Verification) }
    }

    /// A gate at which `judge` says which priority a request is.
    pub(super) fn judging(self, judge: impl Fn(&Request) -> Priority + Send + Sync + 'static) -> Self {
        Self { judge: Arc::new(judge), ..self }
    }

    /// Lets a request in, and notes in it which priority it is.
    pub(super) fn try_enter(&self, request: &mut Request) -> Option<Ticket> {
        // What cannot be told where it ends has to close its connection, which the screen behind the gate sees to at
        // once; it does no work that could be too much.
        let priority = match request.data::<BrokenHead>() {
            Some(_) => Priority::Revocation,
            None => (self.judge)(request),
        };
        if request.data::<Overdue>().is_some() && priority != Priority::Revocation {
            self.admission.count_refused(priority);
            return None;
        }
        let ticket = self.admission.try_enter(priority)?;
        request.set_data(priority);
        Some(ticket)
    }
}

/// Marks a request that waited for its turn in vain.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Overdue;

/// Marks the answer to a request that was not let in: its connection has to rest.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NotLetIn;

/// The refusal. Whoever obeys it comes back at a time of its own: all together they would be the next flood.
pub(super) fn overloaded(request_id: &str) -> Response {
    let mut response = refused_for(next_wait(), request_id);
    response.set_data(NotLetIn);
    response
}

fn refused_for(wait_seconds: u64, request_id: &str) -> Response {
    Problem::new(ErrorCode::Overloaded).retry_after(Duration::from_secs(wait_seconds)).into_response(request_id)
}

fn next_wait() -> u64 {
    static TURN: AtomicU64 = AtomicU64::new(0);
    1 + TURN.fetch_add(1, Relaxed) % WAIT_MAX_SECONDS
}

/// What the stack would answer to requests of HTTP/1.1 that are not let in, byte for byte but for the date, for a
/// listener that refuses them unparsed: by far most of what a refusal costs is the way through parser and stack.
#[derive(Debug, Clone)]
pub struct Refusals {
    /// By how long the caller is told to wait.
    forms: Arc<[Form]>,
    admission: Admission,
    metrics: RequestMetrics,
}

/// An answer around its request's id, which stands in its head and in its body.
#[derive(Debug)]
struct Form {
    head: [Vec<u8>; 2],
    body: [Vec<u8>; 2],
}

impl Refusals {
    pub(super) fn new(config: &StackConfig) -> Self {
        let form = |wait| {
            let mut response = refused_for(wait, Form::ID);
            config.finish(&mut response, Form::ID, Version::HTTP_11);
            Form::of(response)
        };
        let forms = (1..=WAIT_MAX_SECONDS).map(form).collect();
        Self { forms, admission: config.gate.admission.clone(), metrics: config.metrics.clone() }
    }

    /// The answer to the one whole request that these bytes are; `None` where the stack has to look at it.
    pub(crate) fn answer(&self, request: &[u8]) -> Option<Vec<u8>> {
        let id = id_of_plain(request)?;
        let form = &self.forms[usize::try_from(next_wait() - 1).unwrap_or_default()];
        Some(form.write(&id))
    }

    /// Counts an answer that was given.
    pub(crate) fn count(&self, priority: Priority) {
        self.admission.count_refused(priority);
        self.metrics.refused();
    }
}

impl Form {
    const ID: &str = "the-id-of-the-request";

    fn of(response: Response) -> Self {
        let (parts, body) = response.into_parts();
        let mut head = format!("HTTP/1.1 {}\r\n", parts.status).into_bytes();
        for (name, value) in &parts.headers {
            head.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
        }
        let body = body.into_vec().now_or_never().and_then(Result::ok).expect("a problem is there as a whole");
        Self { head: around_id(&head), body: around_id(&body) }
    }

    fn write(&self, id: &str) -> Vec<u8> {
        let ([head, rest], [body, end]) = (&self.head, &self.body);
        let length = format!("content-length: {}\r\n\r\n", body.len() + id.len() + end.len());
        [head, id.as_bytes(), rest, length.as_bytes(), body, id.as_bytes(), end].concat()
    }
}

fn around_id(text: &[u8]) -> [Vec<u8>; 2] {
    let at = text.windows(Form::ID.len()).position(|part| part == Form::ID.as_bytes()).expect("the id is told");
    [text[..at].to_vec(), text[at + Form::ID.len()..].to_vec()]
}

/// The id of a request that is answered like most are; `None` where its head says something that could change how.
fn id_of_plain(request: &[u8]) -> Option<String> {
    const TELLING: [&str; 4] = [PRIORITY_HEADER, "connection", "expect", "upgrade"];
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut head = httparse::Request::new(&mut headers);
    let is_whole = head.parse(request).ok()?.is_complete();
    let is_named = |name: &str| head.headers.iter().any(|header| header.name.eq_ignore_ascii_case(name));
    if !is_whole || head.version != Some(1) || head.method != Some("POST") || TELLING.into_iter().any(is_named) {
        return None;
    }
    let ids = head.headers.iter().filter(|header| header.name.eq_ignore_ascii_case(X_REQUEST_ID.as_str()));
    Some(request_id_of(ids.map(|header| header.value)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{http::Routes, metrics::Metrics};

    fn config() -> StackConfig {
        StackConfig::new(Routes::default(), &Metrics::new()).environment("staging")
    }

    fn post(lines: &str) -> Vec<u8> {
        format!("POST /v1/things HTTP/1.1\r\nHost: edge\r\n{lines}Content-Length: 2\r\n\r\n{{}}").into_bytes()
    }

    #[tokio::test]
    async fn an_unparsed_refusal_is_what_the_stack_would_answer() {
        let config = config();
        let refusals = config.refusals();
        for (wait, form) in (1..=WAIT_MAX_SECONDS).zip(refusals.forms.iter()) {
            let written = form.write("an-id-of-their-own");
            let mut headers = [httparse::EMPTY_HEADER; 32];
            let mut head = httparse::Response::new(&mut headers);
            let length = head.parse(&written).unwrap().unwrap();
            let mut expected = refused_for(wait, "an-id-of-their-own");
            config.finish(&mut expected, "an-id-of-their-own", Version::HTTP_11);
            assert_eq!(head.code, Some(expected.status().as_u16()));
            let (body, told) = (&written[length..], |name: &str| {
                head.headers.iter().find(|header| header.name == name).map(|header| header.value.to_vec())
            });
            assert_eq!(told("content-length"), Some(body.len().to_string().into_bytes()));
            for (name, value) in expected.headers() {
                assert_eq!(told(name.as_str()).as_deref(), Some(value.as_bytes()), "{name}");
            }
            assert_eq!(head.headers.len(), expected.headers().len() + 1);
            assert_eq!(body, expected.into_body().into_vec().await.unwrap());
        }
    }

    #[test]
    fn an_id_of_the_callers_is_repeated_and_any_other_replaced() {
        assert_eq!(id_of_plain(&post("X-Request-Id: their-own-id\r\n")).as_deref(), Some("their-own-id"));
        for odd in ["", "X-Request-Id: a b\r\n", "X-Request-Id: their-own-id\r\nx-request-id: their-own-id\r\n"] {
            assert!(id_of_plain(&post(odd)).unwrap().starts_with("req_"), "{odd}");
        }
    }

    #[test]
    fn whoever_could_be_answered_otherwise_is_left_to_the_stack() {
        let tellings = ["X-Claviger-Priority: revocation", "Connection: close", "Expect: 100-continue", "Upgrade: h2c"];
        for told in tellings {
            assert_eq!(id_of_plain(&post(&format!("{told}\r\n"))), None, "{told}");
        }
        for head in ["HEAD / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\n\r\n", "POST / HTTP/1.0\r\n\r\n", "POST / HT", ""] {
            assert_eq!(id_of_plain(head.as_bytes()), None, "{head}");
        }
        let many = "A: b\r\n".repeat(40);
        assert_eq!(id_of_plain(&post(&many)), None);
    }
}
