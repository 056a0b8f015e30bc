//! `RateLimit-Policy` and `RateLimit` on every answer to a proven caller, refusals included.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use client::wire::LimitState;
use http::{HeaderName, HeaderValue};
use poem::{Endpoint, Request, Response, Result};

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const STATE: HeaderName = HeaderName::from_static("ratelimit");

/// Where the caller's proof leaves what the caller has left.
#[derive(Debug, Clone, Default)]
pub struct Spent(Arc<Mutex<Vec<LimitState>>>);

impl Spent {
    /// Notes what is left after this request.
    pub fn note(&self, limits: &[LimitState]) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = limits.to_vec();
    }
}

/// Adds the headers to whatever the routes answer.
pub struct WithLimitHeaders<E>(pub E);

impl<E: Endpoint<Output = Response>> Endpoint for WithLimitHeaders<E> {
    type Output = Response;

    async fn call(&self, mut request: Request) -> Result<Response> {
        let spent = Spent::default();
        request.set_data(spent.clone());
        let mut response = self.0.call(request).await?;
        let limits = spent.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let (Some(policy), Some(state)) = (policy(&limits), state(&limits)) {
            response.headers_mut().insert(POLICY, policy);
            response.headers_mut().insert(STATE, state);
        }
        Ok(response)
    }
}

/// `"requests";q=1000;w=60, …`: the quota, and its window in seconds.
fn policy(limits: &[LimitState]) -> Option<HeaderValue> {
    list(limits, |text, limit| {
        let _ = write!(text, "\"{}\";q={};w={}", limit.name, limit.limit, limit.window_ms.div_ceil(1_000));
    })
}

/// `"requests";r=999;t=60, …`: what remains, and the seconds until more does.
fn state(limits: &[LimitState]) -> Option<HeaderValue> {
    list(limits, |text, limit| {
        let _ = write!(text, "\"{}\";r={};t={}", limit.name, limit.remaining, limit.reset_ms.div_ceil(1_000));
    })
}

fn list(limits: &[LimitState], write: impl Fn(&mut String, &LimitState)) -> Option<HeaderValue> {
    if limits.is_empty() {
        return None;
    }
    let mut text = String::new();
    for limit in limits {
        if !text.is_empty() {
            text.push_str(", ");
        }
        write(&mut text, limit);
    }
    HeaderValue::try_from(text).ok()
}
