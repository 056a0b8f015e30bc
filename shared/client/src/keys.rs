//! The client of the key service: one connection pool, short waits, and now and then one repeat of what is safe to repeat.

use std::sync::Arc;
use std::time::Duration;

use domain::ids::OrganizationId;
use domain::priority::{PRIORITY_HEADER, Priority};

use reqwest::StatusCode;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::retries::Retries;
use crate::wire::{
    AuthenticateAnswer, AuthenticateRequest, BatchResult, FieldError, InternalBatchAnswer, InternalSpendRequest,
    InternalVerifyRequest, SpendCounter, SpendLimitAnswer, SpendLimitRequest, VerifyRequest, Within,
};

const CONNECT_TIMEOUT: Duration = Duration::from_millis(500);
/// For one attempt, its answer's body included.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);
/// For everything together, the pause before a repeat included.
const TOTAL_TIMEOUT: Duration = Duration::from_secs(3);
const IDLE_CONNECTIONS_MAX: usize = 64;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The key service is away, or cannot reach what it needs.
    #[error("the key service is away")]
    Unavailable(#[source] Option<reqwest::Error>),
    /// The key service has more to do than it can in time.
    #[error("the key service is overloaded")]
    Overloaded,
    /// The question is not acceptable.
    #[error("the question is not acceptable")]
    Invalid(Vec<FieldError>),
    /// The key service answered something that this client does not understand: versions or tokens that differ.
    #[error("the key service answered {0}")]
    Unexpected(StatusCode),
}

impl KeysError {
    const fn word(&self) -> &'static str {
        match self {
            Self::Unavailable(_) => "unavailable",
            Self::Overloaded => "overloaded",
            Self::Invalid(_) => "invalid",
            Self::Unexpected(_) => "unexpected",
        }
    }
}

/// A client of one environment's listener of the key service.
#[derive(Clone)]
pub struct KeysClient {
    http: reqwest::Client,
    base_url: String,
    internal_token: String,
    retries: Arc<Retries>,
}

impl std::fmt::Debug for KeysClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeysClient").field("base_url", &self.base_url).finish_non_exhaustive()
    }
}

fn settings() -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(ANSWER_TIMEOUT)
        .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
        .tcp_nodelay(true)
        .no_proxy()
}

#[derive(Deserialize)]
struct Refused {
    #[serde(default)]
    code: String,
    #[serde(default)]
    errors: Vec<FieldError>,
}

impl KeysClient {
    /// A client for the listener at `base_url`, with its internal token.
    pub fn new(base_url: &str, internal_token: &str) -> Self {
        let http = settings().build().expect("the settings are constants that the client takes");
        Self::over(http, base_url, internal_token)
    }

    /// The same for a listener whose certificate is signed by one of these authorities alone, given in PEM.
    pub fn trusting(authorities: &[u8], base_url: &str, internal_token: &str) -> Result<Self, reqwest::Error> {
        let authorities = reqwest::Certificate::from_pem_bundle(authorities)?;
        Ok(Self::over(settings().tls_certs_only(authorities).build()?, base_url, internal_token))
    }

    fn over(http: reqwest::Client, base_url: &str, internal_token: &str) -> Self {
        let base_url = base_url.trim_end_matches('/').to_owned();
        Self { http, base_url, internal_token: internal_token.to_owned(), retries: Arc::new(Retries::new()) }
    }

    /// Judges a caller's credential for something that is so urgent, and charges its limits.
    pub async fn authenticate(
        &self,
        request: &AuthenticateRequest,
        priority: Priority,
    ) -> Result<AuthenticateAnswer, KeysError> {
        self.post("/internal/v1/authenticate", request, Asking { priority, is_repeatable: true }).await
    }

    /// Answers questions for a caller that may know of `within` alone. One result for each question.
    pub async fn verify(
        &self,
        within: Option<Within>,
        requests: Vec<VerifyRequest>,
        request_id: &str,
    ) -> Result<Vec<BatchResult>, KeysError> {
        let question = InternalVerifyRequest { within, requests, request_id: request_id.to_owned() };
        let answer: InternalBatchAnswer = self.post("/internal/v1/verify", &question, VERIFYING).await?;
        Ok(answer.results)
    }

    /// Spends a limit of an organization that hangs on no key; `None` when there is no such organization.
    pub async fn spend_limit(
        &self,
        organization_id: OrganizationId,
        request: SpendLimitRequest,
    ) -> Result<Option<SpendLimitAnswer>, KeysError> {
        let question = InternalSpendRequest { organization_id, counter: SpendCounter::Namespace, request };
        self.spend(&question, VERIFYING).await
    }

    /// Counts a request of a member of the console; `None` when there is no such organization.
    pub async fn spend_for_member(
        &self,
        organization_id: OrganizationId,
        request: SpendLimitRequest,
        priority: Priority,
    ) -> Result<Option<SpendLimitAnswer>, KeysError> {
        let question = InternalSpendRequest { organization_id, counter: SpendCounter::Member, request };
        // Asking twice spends two of its requests.
        self.spend(&question, Asking { priority, is_repeatable: true }).await
    }

    async fn spend(
        &self,
        question: &InternalSpendRequest,
        asking: Asking,
    ) -> Result<Option<SpendLimitAnswer>, KeysError> {
        match self.post("/internal/v1/spend-limit", question, asking).await {
            Err(KeysError::Unexpected(StatusCode::NOT_FOUND)) => Ok(None),
            answered => answered.map(Some),
        }
    }

    async fn post<Q: Serialize, A: DeserializeOwned>(
        &self,
        path: &'static str,
        question: &Q,
        asking: Asking,
    ) -> Result<A, KeysError> {
        let span = trace::client(|| format!("POST {path}"));
        let asked = tokio::time::timeout(TOTAL_TIMEOUT, self.ask(path, question, asking));
        let answer = trace::within(span.as_ref(), asked).await.unwrap_or(Err(KeysError::Unavailable(None)));
        if let (Some(span), Err(error)) = (&span, &answer) {
            span.fail(error.word());
        }
        answer
    }

    async fn ask<Q: Serialize, A: DeserializeOwned>(
        &self,
        path: &str,
        question: &Q,
        asking: Asking,
    ) -> Result<A, KeysError> {
        self.retries.earn();
        let unanswered = match self.attempt(path, question, asking).await {
            Err(error) if asking.may_repeat_after(&error) => error,
            answered => return answered,
        };
        let Some(pause) = self.retries.spend() else { return Err(unanswered) };
        tokio::time::sleep(pause).await;
        self.attempt(path, question, asking).await
    }

    async fn attempt<Q: Serialize, A: DeserializeOwned>(
        &self,
        path: &str,
        question: &Q,
        asking: Asking,
    ) -> Result<A, KeysError> {
        let url = format!("{}{path}", self.base_url);
        let mut request =
            self.http.post(&url).bearer_auth(&self.internal_token).header(PRIORITY_HEADER, asking.priority.name());
        if let Some(value) = trace::traceparent() {
            request = request.header(trace::TRACEPARENT, value);
        }
        let away = |error| KeysError::Unavailable(Some(error));
        let response = request.json(question).send().await.map_err(away)?;
        trace::set_with("http.response.status_code", || i64::from(response.status().as_u16()));
        match response.status() {
            StatusCode::OK => response.json().await.map_err(away),
            StatusCode::UNPROCESSABLE_ENTITY => {
                let refused: Refused = response.json().await.map_err(away)?;
                Err(KeysError::Invalid(refused.errors))
            }
            StatusCode::SERVICE_UNAVAILABLE => {
                let refused: Refused = response.json().await.map_err(away)?;
                Err(if refused.code == "overloaded" { KeysError::Overloaded } else { KeysError::Unavailable(None) })
            }
            other => Err(KeysError::Unexpected(other)),
        }
    }
}

/// How a question is asked.
#[derive(Debug, Clone, Copy)]
struct Asking {
    priority: Priority,
    /// Whether asking twice does no harm. To judge a caller twice spends two of its requests; to verify a key twice
    /// spends credits that somebody has paid for.
    is_repeatable: bool,
}

const VERIFYING: Asking = Asking { priority: Priority::Verification, is_repeatable: false };

impl Asking {
    fn may_repeat_after(self, error: &KeysError) -> bool {
        match error {
            // Nothing was asked yet.
            KeysError::Unavailable(Some(source)) => source.is_connect(),
            KeysError::Unavailable(None) | KeysError::Overloaded => self.is_repeatable,
            KeysError::Invalid(_) | KeysError::Unexpected(_) => false,
        }
    }
}
