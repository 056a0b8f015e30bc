//! Health and metrics, on a listener of their own that no customer reaches.

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex, PoisonError},
};

use http::{StatusCode, header};
use poem::{Endpoint, Request, Response, Result};
use serde::Serialize;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{
    answer::JSON,
    listener::{self, Limits},
    metrics::{HealthMetrics, Metrics},
    problem::{ErrorCode, Problem},
};

/// What the process says of itself. Cloned into whatever knows a part of it.
#[derive(Debug, Clone)]
pub struct Health {
    checks: Arc<Mutex<BTreeMap<&'static str, Check>>>,
    shutdown: CancellationToken,
    metrics: HealthMetrics,
}

#[derive(Debug, Clone)]
struct Check {
    is_required: bool,
    failure: Option<String>,
}

/// One thing that health depends on.
#[derive(Debug, Clone)]
pub struct HealthCheck {
    health: Health,
    name: &'static str,
}

#[derive(Serialize)]
struct Readiness {
    status: &'static str,
    degraded: Vec<&'static str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    failed: BTreeMap<&'static str, String>,
}

impl Health {
    /// Health without checks: ready until `shutdown`. Each check is a metric, too.
    pub fn new(shutdown: CancellationToken, metrics: &Metrics) -> Self {
        Self { checks: Arc::default(), shutdown, metrics: HealthMetrics::register(metrics) }
    }

    /// Adds something without which the process is not ready; it counts as failed until it is first said to work.
    pub fn required(&self, name: &'static str) -> HealthCheck {
        self.add(name, Check { is_required: true, failure: Some("not checked yet".to_owned()) })
    }

    /// Adds something without which the process is degraded but ready.
    pub fn optional(&self, name: &'static str) -> HealthCheck {
        self.add(name, Check { is_required: false, failure: None })
    }

    /// Says whether the process is ready.
    pub fn is_ready(&self) -> bool {
        self.readiness().status == "ready"
    }

    fn add(&self, name: &'static str, check: Check) -> HealthCheck {
        self.metrics.checked(name, check.failure.is_none());
        self.checks.lock().unwrap_or_else(PoisonError::into_inner).insert(name, check);
        HealthCheck { health: self.clone(), name }
    }

    fn readiness(&self) -> Readiness {
        let mut readiness = Readiness { status: "ready", degraded: Vec::new(), failed: BTreeMap::new() };
        if self.shutdown.is_cancelled() {
            readiness.failed.insert("shutdown", "the process is stopping".to_owned());
        }
        for (name, check) in self.checks.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            match &check.failure {
                Some(failure) if check.is_required => {
                    readiness.failed.insert(name, failure.clone());
                }
                Some(_) => readiness.degraded.push(name),
                None => {}
            }
        }
        if !readiness.failed.is_empty() {
            readiness.status = "not-ready";
        }
        readiness
    }
}

impl HealthCheck {
    /// It works.
    pub fn works(&self) {
        self.set(None);
    }

    /// It does not, and why, for the operator.
    pub fn fails(&self, why: impl Into<String>) {
        self.set(Some(why.into()));
    }

    fn set(&self, failure: Option<String>) {
        self.health.metrics.checked(self.name, failure.is_none());
        let mut checks = self.health.checks.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(check) = checks.get_mut(self.name) {
            check.failure = failure;
        }
    }
}

/// Serves `/health/live`, `/health/ready` and `/metrics` until `stopped`, which comes after the process's own shutdown
/// so that readiness can say that it is going.
///
/// On a thread of its own: whoever watches a process has to hear from it above all when it has more to do than it can,
/// and then everything that shares its threads waits.
pub async fn serve(
    listener: TcpListener,
    health: Health,
    metrics: Metrics,
    stopped: CancellationToken,
) -> io::Result<()> {
    let listener = listener.into_std()?;
    let stopped = stopped.child_token();
    // Whoever gives up on this future must not leave the thread behind.
    let _ends_with_us = stopped.clone().drop_guard();
    let (done, served) = tokio::sync::oneshot::channel();
    std::thread::Builder::new().name("management".to_owned()).spawn(move || {
        let _ = done.send(serve_here(listener, Management { health, metrics }, stopped));
    })?;
    served.await.unwrap_or_else(|_| Err(io::Error::other("the management listener panicked")))
}

fn serve_here(listener: std::net::TcpListener, management: Management, stopped: CancellationToken) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::from_std(listener)?;
        listener::serve(listener, management, Limits::promised(), &Metrics::new(), stopped).await
    })
}

struct Management {
    health: Health,
    metrics: Metrics,
}

impl Endpoint for Management {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        Ok(match request.uri().path() {
            "/health/live" => json(StatusCode::OK, &serde_json::json!({"status": "live"})),
            "/health/ready" => {
                let readiness = self.health.readiness();
                let status = if readiness.status == "ready" { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
                json(status, &readiness)
            }
            "/metrics" => Response::builder().content_type("text/plain; version=0.0.4").body(self.metrics.text()),
            _ => Problem::new(ErrorCode::NotFound).into_response(""),
        })
    }
}

fn json(status: StatusCode, body: &impl Serialize) -> Response {
    let body = serde_json::to_vec(body).expect("strings and lists serialize");
    Response::builder().status(status).content_type(JSON).header(header::CACHE_CONTROL, "no-store").body(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_is_what_is_required_and_not_what_is_optional() {
        let shutdown = CancellationToken::new();
        let metrics = Metrics::new();
        let health = Health::new(shutdown.clone(), &metrics);
        let postgres = health.required("postgres");
        let redis = health.optional("redis");
        assert!(!health.is_ready(), "nothing was checked yet");
        postgres.works();
        redis.fails("refused");
        assert!(health.is_ready());
        let text = serde_json::to_string(&health.readiness()).unwrap();
        assert_eq!(text, r#"{"status":"ready","degraded":["redis"]}"#);
        let shown = metrics.text();
        assert!(shown.contains("claviger_check_up{check=\"postgres\"} 1"), "{shown}");
        assert!(shown.contains("claviger_check_up{check=\"redis\"} 0"), "{shown}");
        postgres.fails("schema 3, supported 4");
        let text = serde_json::to_string(&health.readiness()).unwrap();
        assert!(text.contains(r#""failed":{"postgres":"schema 3, supported 4"}"#), "{text}");
        postgres.works();
        shutdown.cancel();
        assert!(!health.is_ready());
    }
}
