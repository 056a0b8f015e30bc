//! What stands on the stage: a fleet of release processes with its stores, and the ceilings, all on one core.

use std::ffi::OsStr;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use dev::{Process, StopSignal};
use tempfile::TempDir;
use testkit::{Fleet, FleetBuilder, FleetEnvironment, Member};
use tokio::runtime::Runtime;

use crate::ceilings::Ceiling;
use crate::cpu::{Family, LOAD_CORE, SERVER_CORE};
use crate::measure::Stores;

/// On a busy machine an answer of a store is late, not lost: what the services do without it is not what is measured.
const PATIENCE_MS: u64 = 10_000;
const START_TIME_MAX: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(20);

/// A fleet whose processes and stores share one core.
pub struct Stage {
    /// Its processes.
    pub fleet: Fleet,
}

/// A server that something is held against.
pub struct CeilingServer {
    /// Where it listens.
    pub address: SocketAddr,
    process: Process,
    _folder: TempDir,
}

impl Stage {
    /// Starts it.
    pub fn start(runtime: &Runtime, builder: FleetBuilder) -> anyhow::Result<Self> {
        let builder = builder.program(program()?).prefix(&["taskset", "-c", SERVER_CORE]);
        let patient = ["redis.timeout_ms", "database.acquire_timeout_ms", "database.statement_timeout_ms"];
        let builder = patient.into_iter().fold(builder, |builder, path| builder.setting(path, PATIENCE_MS));
        let stage = Self { fleet: runtime.block_on(builder.start()) };
        stage.pin_stores(SERVER_CORE)?;
        Ok(stage)
    }

    /// Has the stores use these cores and no others.
    pub fn pin_stores(&self, cores: &str) -> anyhow::Result<()> {
        let stores = self.stores();
        stores.redis.pin(cores)?;
        stores.postgres.pin(cores)
    }

    /// The stores.
    pub fn stores(&self) -> Stores {
        let (redis, postgres) = (self.fleet.redis.process(), self.fleet.postgres.process());
        Stores { redis: Family(redis.id()), postgres: Family(postgres.id()) }
    }

    /// Its one environment.
    pub fn place(&self) -> &FleetEnvironment {
        self.fleet.place()
    }

    /// Where a replica of the key service listens.
    pub fn keys_address(&self, replica: usize) -> anyhow::Result<SocketAddr> {
        address(&self.place().keys_urls[replica])
    }

    /// The processes of the key service.
    pub fn keys(&self) -> Vec<Family> {
        self.fleet.keys.iter().map(family).collect()
    }
}

/// A process of a fleet.
pub fn family(member: &Member) -> Family {
    Family(member.process().id())
}

/// Puts this very process on the load's core.
pub fn pin_load() -> anyhow::Result<()> {
    let cores = std::thread::available_parallelism()?.get();
    ensure!(cores > 1, "one core for the servers and one for the load are needed");
    Family(std::process::id()).pin(LOAD_CORE)
}

/// The host and port of a URL.
pub fn address(url: &str) -> anyhow::Result<SocketAddr> {
    url.strip_prefix("http://").context("a plain URL")?.parse().context("an address")
}

impl CeilingServer {
    /// Starts one, and waits until it listens.
    pub fn start(ceiling: Ceiling, database: Option<&str>) -> anyhow::Result<Self> {
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let folder = testkit::temporary_folder()?;
        let own = std::env::current_exe()?;
        let text = address.to_string();
        let mut words: Vec<&OsStr> = ["-c", SERVER_CORE].map(OsStr::new).to_vec();
        words.push(own.as_os_str());
        words.extend(["serve", ceiling.name(), "--address", &text].map(OsStr::new));
        words.extend(database.into_iter().flat_map(|url| ["--database", url]).map(OsStr::new));
        let log = folder.path().join("log");
        let process = Process::start(ceiling.name(), Path::new("taskset"), &words, &log, StopSignal::Terminate)?;
        let server = Self { address, process, _folder: folder };
        server.await_listening()?;
        Ok(server)
    }

    /// Its process.
    pub fn family(&self) -> Family {
        Family(self.process.id())
    }

    fn await_listening(&self) -> anyhow::Result<()> {
        let deadline = Instant::now() + START_TIME_MAX;
        while TcpStream::connect_timeout(&self.address, POLL).is_err() {
            let is_over = self.process.ended().is_some() || Instant::now() > deadline;
            ensure!(!is_over, "{} does not listen:\n{}", self.process.name(), self.process.last_words());
            std::thread::park_timeout(POLL);
        }
        Ok(())
    }
}

/// The program that was built together with this one.
fn program() -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe()?;
    let file = own.with_file_name("claviger");
    ensure!(file.is_file(), "{} is missing: cargo build --release -p claviger -p bench", file.display());
    Ok(file)
}
