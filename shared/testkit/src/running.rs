//! A service that runs in this process until its token is cancelled.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::bail;
use serde_json::Value;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

const READY_TIME_MAX: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(10);

/// One of them. Dropping it asks it to stop.
pub(crate) struct Running {
    pub(crate) name: String,
    pub(crate) management: SocketAddr,
    shutdown: CancellationToken,
    task: JoinHandle<anyhow::Result<()>>,
}

impl Running {
    pub(crate) fn start<F>(name: String, management: SocketAddr, run: impl FnOnce(CancellationToken) -> F) -> Self
    where
        F: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let shutdown = CancellationToken::new();
        let task = tokio::spawn(run(shutdown.clone()));
        Self { name, management, shutdown, task }
    }

    /// Waits until it is ready and misses nothing.
    pub(crate) async fn await_ready(&self, http: &reqwest::Client) -> anyhow::Result<()> {
        let url = format!("http://{}/health/ready", self.management);
        let deadline = Instant::now() + READY_TIME_MAX;
        loop {
            let health: Value = match http.get(&url).send().await {
                Ok(response) => response.json().await.unwrap_or_default(),
                Err(_) => Value::Null,
            };
            if health["status"] == "ready" && health["degraded"] == Value::Array(Vec::new()) {
                return Ok(());
            }
            if self.task.is_finished() || Instant::now() > deadline {
                bail!("{} is not ready: {health}", self.name);
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Asks it to stop and waits until it has.
    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        self.shutdown.cancel();
        (&mut self.task).await?
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}
