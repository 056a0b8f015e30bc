//! The services as child processes of this same binary, watched until one ends.

use std::ffi::OsStr;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use dev::{Process, StopSignal};

use super::configs::Service;
use super::folder::Folder;

const READY_TIME_MAX: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(50);
const WATCH_INTERVAL: Duration = Duration::from_millis(250);

/// All of them, running. Dropping them stops them.
pub struct Services {
    processes: Vec<Process>,
}

impl Services {
    /// Starts every service.
    pub fn start(folder: &Folder, services: &[Service]) -> anyhow::Result<Self> {
        let program = std::env::current_exe().context("finding this program's own file")?;
        let mut started = Self { processes: Vec::with_capacity(services.len()) };
        for service in services {
            let arguments =
                [OsStr::new("serve"), OsStr::new(service.command), OsStr::new("--config"), service.config.as_os_str()];
            let log = folder.log(&service.name);
            started.processes.push(Process::start(&service.name, &program, &arguments, &log, StopSignal::Terminate)?);
        }
        Ok(started)
    }

    /// Waits until each says that it is ready.
    pub async fn await_ready(&self, services: &[Service]) -> anyhow::Result<()> {
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(2)).build()?;
        let deadline = Instant::now() + READY_TIME_MAX;
        for service in services {
            let url = format!("http://127.0.0.1:{}/health/ready", service.management_port);
            let mut answer = "no answer yet".to_owned();
            while !is_ready(&http, &url, &mut answer).await {
                self.check()?;
                if Instant::now() > deadline {
                    bail!("{} is not ready after {} s: {answer}", service.name, READY_TIME_MAX.as_secs());
                }
                tokio::time::sleep(POLL).await;
            }
        }
        Ok(())
    }

    /// Waits for the first of them, or of `others`, to end; that is always an error.
    pub async fn watch(&self, others: &[&Process]) -> anyhow::Result<()> {
        loop {
            self.check()?;
            for process in others {
                check(process)?;
            }
            tokio::time::sleep(WATCH_INTERVAL).await;
        }
    }

    fn check(&self) -> anyhow::Result<()> {
        self.processes.iter().try_for_each(check)
    }
}

impl Drop for Services {
    fn drop(&mut self) {
        // All at once; each is then waited for by its own drop.
        self.processes.iter().for_each(Process::ask_to_stop);
    }
}

async fn is_ready(http: &reqwest::Client, url: &str, answer: &mut String) -> bool {
    let Ok(response) = http.get(url).send().await else { return false };
    let is_ready = response.status().is_success();
    *answer = response.text().await.unwrap_or_default();
    is_ready
}

fn check(process: &Process) -> anyhow::Result<()> {
    let Some(status) = process.ended() else { return Ok(()) };
    let (name, log, words) = (process.name(), process.log().display(), process.last_words());
    bail!("{name} ended ({status}), so everything stops. The end of {log}:\n{words}");
}
