//! One process of a fleet.

use std::ffi::{OsStr, OsString};
use std::net::TcpListener;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use dev::{Process, StopSignal};
use rand::RngExt;
use serde_json::Value;

use crate::proxy::{Fault, Proxy};

/// Where servers that are told their port listen.
const PORTS: Range<u16> = 12_000..32_000;
const PORT_TRIES: usize = 1_000;
const READY_TIME_MAX: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(10);

/// Which service it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Keys,
    Api,
    Worker,
}

impl Kind {
    const fn command(self) -> &'static str {
        match self {
            Self::Keys => "keys",
            Self::Api => "api",
            Self::Worker => "worker",
        }
    }
}

/// A process with the proxies between it and its stores.
#[derive(Debug)]
pub struct Member {
    name: String,
    command: Vec<OsString>,
    log: PathBuf,
    process: Process,
    management_port: u16,
    /// For each environment, in the order of the fleet's places: Postgres, then Redis. None where there are no proxies.
    proxies: Vec<Vec<Proxy>>,
}

impl Member {
    pub(crate) fn start(
        (kind, name): (Kind, String),
        mut command: Vec<OsString>,
        (config, folder): (&Value, &Path),
        (management_port, proxies): (u16, Vec<Vec<Proxy>>),
    ) -> anyhow::Result<Self> {
        let path = folder.join(format!("{name}.yaml"));
        // JSON is YAML.
        std::fs::write(&path, serde_json::to_vec(config)?)?;
        command.extend(["serve".into(), kind.command().into(), "--config".into(), path.into_os_string()]);
        let log = folder.join(format!("{name}.log"));
        let process = launch(&name, &command, &log)?;
        Ok(Self { name, command, log, process, management_port, proxies })
    }

    /// The process.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// Where health and metrics are.
    pub fn management_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.management_port)
    }

    /// What happens between it and the Postgres of every place.
    pub fn set_postgres(&self, fault: &Fault) {
        self.set(0, fault);
    }

    /// What happens between it and the Redis of every place.
    pub fn set_redis(&self, fault: &Fault) {
        self.set(1, fault);
    }

    /// How many connections to Postgres [`Fault::CutAfter`] has cut.
    pub fn postgres_cuts(&self) -> usize {
        self.cuts(0)
    }

    /// How many connections to Redis it has cut.
    pub fn redis_cuts(&self) -> usize {
        self.cuts(1)
    }

    fn cuts(&self, store: usize) -> usize {
        self.proxies.iter().filter_map(|own| own.get(store)).map(Proxy::cuts).sum()
    }

    /// Asks it to end and waits until it has.
    pub fn stop(&self) {
        self.process.stop();
    }

    /// Kills it and waits until it is gone.
    pub fn kill(&self) {
        self.process.kill();
    }

    /// Freezes it.
    pub fn pause(&self) {
        self.process.pause();
    }

    /// Ends a freeze.
    pub fn resume(&self) {
        self.process.resume();
    }

    /// Starts it again with the same configuration, after a stop or a kill; it is not ready yet.
    pub fn restart(&mut self) -> anyhow::Result<()> {
        self.process.stop();
        self.process = launch(&self.name, &self.command, &self.log)?;
        Ok(())
    }

    /// Waits until it says that it is ready and misses nothing.
    pub async fn await_ready(&self) -> anyhow::Result<()> {
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(2)).build()?;
        let url = format!("{}/health/ready", self.management_url());
        let deadline = Instant::now() + READY_TIME_MAX;
        loop {
            let health: Value = match http.get(&url).send().await {
                Ok(answer) => answer.json().await.unwrap_or_default(),
                Err(_) => Value::Null,
            };
            if health["status"] == "ready" && health["degraded"] == Value::Array(Vec::new()) {
                return Ok(());
            }
            if self.process.ended().is_some() || Instant::now() > deadline {
                bail!("{} is not ready: {health}\n{}", self.name, self.process.last_words());
            }
            tokio::time::sleep(POLL).await;
        }
    }

    fn set(&self, store: usize, fault: &Fault) {
        assert!(!self.proxies.is_empty() && !self.proxies[0].is_empty(), "only a proxied fleet loses its stores");
        for own in &self.proxies {
            own[store].set(fault.clone());
        }
    }
}

fn launch(name: &str, command: &[OsString], log: &Path) -> anyhow::Result<Process> {
    let (program, arguments) = command.split_first().context("a command")?;
    let arguments: Vec<&OsStr> = arguments.iter().map(OsString::as_os_str).collect();
    Ok(Process::start(name, Path::new(program), &arguments, log, StopSignal::Terminate)?)
}

/// The program that `CLAVIGER_PROGRAM` names, as one that is built for release; else the one beside the tests: no crate
/// may depend on a program, so it has to be built with them.
pub(crate) fn program() -> anyhow::Result<PathBuf> {
    if let Some(named) = std::env::var_os("CLAVIGER_PROGRAM") {
        return Ok(PathBuf::from(named));
    }
    let own = std::env::current_exe()?;
    let file = own.parent().and_then(Path::parent).context("tests lie in a folder")?.join("claviger");
    ensure!(
        file.is_file(),
        "{} is not built: run `cargo build -p claviger` first, as `make test` does",
        file.display()
    );
    Ok(file)
}

/// Ports that nobody listened on a moment ago, taken all at once so that no two are the same. Below those that the
/// system gives to outgoing connections: one of these could take a port before its server does.
pub fn free_ports(count: usize) -> anyhow::Result<Vec<u16>> {
    let mut taken: Vec<TcpListener> = Vec::with_capacity(count);
    for _ in 0..PORT_TRIES {
        if taken.len() == count {
            break;
        }
        taken.extend(TcpListener::bind(("127.0.0.1", rand::rng().random_range(PORTS))).ok());
    }
    ensure!(taken.len() == count, "there are no {count} free ports");
    let ports = taken.iter().map(|listener| listener.local_addr().map(|address| address.port()));
    Ok(ports.collect::<Result<_, _>>()?)
}
