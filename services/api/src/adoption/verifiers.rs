//! Who may be asked about keys, how a question is sent, and which are on their way in this process.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use domain::adoption::{AskMethod, Judgement, Question, VerifierRequest};
use domain::ids::OrganizationId;
use domain::validation::ValidationError;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use outbound::{Names, Outbound, Request, TrustedOrigin};
use tokio::sync::OnceCell;

use crate::config::Adoption;

/// How much of an answer is read.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// Asks organizations' own verifiers of keys.
pub struct Verifiers {
    allowed: Vec<TrustedOrigin>,
    outbound: Outbound,
    flights: Flights,
}

/// Texts that somebody is asked about, each with what came of it.
type Flights = Arc<Mutex<HashMap<FlightKey, Arc<OnceCell<bool>>>>>;
/// Whose verifier, and the wrapped digest of the text.
type FlightKey = (OrganizationId, [u8; 32]);

/// One text that is asked about once, for all that wait for it here. The last one out forgets it.
pub struct Flight {
    /// Whether it has become a key.
    pub cell: Arc<OnceCell<bool>>,
    key: FlightKey,
    flights: Flights,
}

impl Verifiers {
    /// Those that the configuration allows.
    pub fn new(config: &Adoption) -> anyhow::Result<Self> {
        let parse = |url: &str| TrustedOrigin::parse(url).context("adoption.verifiers");
        let allowed = config.verifiers.iter().map(|one| parse(&one.url)).collect::<Result<_, _>>()?;
        let private = config.verifiers.iter().filter(|one| one.is_private);
        let trusted = private.map(|one| parse(&one.url)).collect::<Result<_, _>>()?;
        Ok(Self { allowed, outbound: Outbound::new(Names::System, trusted)?, flights: Flights::default() })
    }

    /// Whether the configuration allows none.
    pub fn is_empty(&self) -> bool {
        self.allowed.is_empty()
    }

    /// Refuses a URL that is below none of the allowed origins.
    pub fn check(&self, url: &str) -> Result<(), ValidationError> {
        if url.contains('#') || !self.allowed.iter().any(|origin| origin.is_of_text(url)) {
            let message = "this URL is not below one of the origins that the installation's configuration allows \
                (adoption.verifiers)";
            return Err(ValidationError::new("not-allowed", message));
        }
        Ok(())
    }

    /// Asks about a text, once. Says what came of it, and the status of the answer.
    pub async fn ask(
        &self,
        request: &VerifierRequest,
        question: Question,
        (headers, timeout_ms): (&BTreeMap<String, String>, u32),
    ) -> (Judgement, Option<u16>) {
        // The configuration may have changed since.
        let Some(headers) = header_map(headers, &question).filter(|_| self.check(&request.url).is_ok()) else {
            return (Judgement::Unsaid, None);
        };
        let sent = self.outbound.send(Request {
            method: match request.method {
                AskMethod::Get => Method::GET,
                AskMethod::Post => Method::POST,
            },
            url: &request.url,
            headers,
            body: question.body.map(|body| body.to_string().into_bytes()).unwrap_or_default(),
            timeout: Duration::from_millis(timeout_ms.into()),
            answer_max_bytes: ANSWER_BYTES_MAX,
        });
        match sent.await {
            Ok(answer) => (request.judge(answer.status, &answer.body), Some(answer.status)),
            Err(_) => (Judgement::Unsaid, None),
        }
    }

    /// Joins those that wait for what comes of a text.
    pub fn join(&self, key: FlightKey) -> Flight {
        let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
        let cell = Arc::clone(flights.entry(key).or_default());
        Flight { cell, key, flights: Arc::clone(&self.flights) }
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
        // This one and the map's own.
        if flights.get(&self.key).is_some_and(|cell| Arc::ptr_eq(cell, &self.cell) && Arc::strong_count(cell) == 2) {
            flights.remove(&self.key);
        }
    }
}

/// The headers of a question; values are marked as not to be shown.
fn header_map(own: &BTreeMap<String, String>, question: &Question) -> Option<HeaderMap> {
    let mut headers = HeaderMap::new();
    for (name, value) in own.iter().chain(question.header.as_ref().map(|(n, v)| (n, v))) {
        let mut value = HeaderValue::from_str(value).ok()?;
        value.set_sensitive(true);
        headers.insert(HeaderName::from_bytes(name.as_bytes()).ok()?, value);
    }
    if question.body.is_some() {
        headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    headers.insert(http::header::ACCEPT, HeaderValue::from_static("application/json"));
    Some(headers)
}
