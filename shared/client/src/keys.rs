//! The client of the key service: one connection pool, short waits, and one repeat where no connection came about.

use std::time::Duration;

use reqwest::StatusCode;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::wire::{
    AuthenticateAnswer, AuthenticateRequest, FieldError, InternalBatchAnswer, InternalVerifyRequest, VerifyAnswer,
    VerifyRequest, Within,
};

const CONNECT_TIMEOUT: Duration = Duration::from_millis(500);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(3);
const IDLE_CONNECTIONS_MAX: usize = 64;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The key service is away, or cannot reach what it needs.
    #[error("the key service is away")]
    Unavailable(#[source] Option<reqwest::Error>),
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
    token: String,
}

impl std::fmt::Debug for KeysClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeysClient").field("base_url", &self.base_url).finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct Refused {
    #[serde(default)]
    errors: Vec<FieldError>,
}

impl KeysClient {
    /// A client for the listener at `base_url`, with that environment's service token.
    pub fn new(base_url: &str, token: &str) -> Self {
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(ANSWER_TIMEOUT)
            .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
            .tcp_nodelay(true)
            .no_proxy()
            .build()
            .expect("the settings are constants that the client takes");
        Self { http, base_url: base_url.trim_end_matches('/').to_owned(), token: token.to_owned() }
    }

    /// Judges a caller's credential, and charges its limits.
    pub async fn authenticate(&self, request: &AuthenticateRequest) -> Result<AuthenticateAnswer, KeysError> {
        self.post("/internal/v1/authenticate", request).await
    }

    /// Answers questions for a caller that may know of `within` alone. One answer for each question.
    pub async fn verify(
        &self,
        within: Option<Within>,
        requests: Vec<VerifyRequest>,
        request_id: &str,
    ) -> Result<Vec<VerifyAnswer>, KeysError> {
        let question = InternalVerifyRequest { within, requests, request_id: request_id.to_owned() };
        let answer: InternalBatchAnswer = self.post("/internal/v1/verify", &question).await?;
        Ok(answer.results)
    }

    async fn post<Q: Serialize, A: DeserializeOwned>(&self, path: &'static str, question: &Q) -> Result<A, KeysError> {
        let span = trace::client(|| format!("POST {path}"));
        let answer = trace::within(span.as_ref(), self.ask(path, question)).await;
        if let (Some(span), Err(error)) = (&span, &answer) {
            span.fail(error.word());
        }
        answer
    }

    async fn ask<Q: Serialize, A: DeserializeOwned>(&self, path: &'static str, question: &Q) -> Result<A, KeysError> {
        let url = format!("{}{path}", self.base_url);
        let traceparent = trace::traceparent();
        let send = || {
            let request = self.http.post(&url).bearer_auth(&self.token).json(question);
            match &traceparent {
                Some(value) => request.header(trace::TRACEPARENT, value).send(),
                None => request.send(),
            }
        };
        let response = match send().await {
            // Nothing was asked yet, so asking again charges nothing twice.
            Err(error) if error.is_connect() => send().await,
            sent => sent,
        };
        let response = response.map_err(|error| KeysError::Unavailable(Some(error)))?;
        trace::set_with("http.response.status_code", || i64::from(response.status().as_u16()));
        match response.status() {
            StatusCode::OK => response.json().await.map_err(|error| KeysError::Unavailable(Some(error))),
            StatusCode::UNPROCESSABLE_ENTITY => {
                let refused: Refused = response.json().await.map_err(|error| KeysError::Unavailable(Some(error)))?;
                Err(KeysError::Invalid(refused.errors))
            }
            StatusCode::SERVICE_UNAVAILABLE => Err(KeysError::Unavailable(None)),
            other => Err(KeysError::Unexpected(other)),
        }
    }
}
