//! A private Postgres: made once in its folder, started as a child, reused by the next start.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rand::TryRng;
use sqlx::{Connection, PgConnection};

use crate::cluster::Cluster;
use crate::process::{Process, StopSignal, give_to_server, is_reachable, is_running, open_for_server, run_as_server};
use crate::{Error, LocalOptions, binaries, choose_port};

const START_TIME_MAX: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(20);
const SUPERUSER: &str = "claviger";

/// A running private Postgres. Dropping it stops it; its data stays.
#[derive(Debug)]
pub struct Postgres {
    options: LocalOptions,
    port: u16,
    password: String,
    cluster: Cluster,
    process: Process,
}

impl Postgres {
    /// Makes the data folder when there is none, starts the server and waits until it answers.
    pub async fn start(options: LocalOptions) -> Result<Self, Error> {
        let bin = binaries::postgres()?;
        let port = choose_port(options.port)?;
        prepare_directory(&options.directory)?;
        let password = initialize(&bin, &options)?;
        await_predecessor(&options.directory).await?;
        let process = launch(&bin, &options, port)?;
        let url = format!("postgres://{SUPERUSER}:{password}@127.0.0.1:{port}/postgres");
        let cluster = Cluster::at(&url)?;
        let postgres = Self { options, port, password, cluster, process };
        postgres.await_answer().await?;
        Ok(postgres)
    }

    /// The URL of a database as the superuser.
    pub fn superuser_url(&self, database: &str) -> String {
        format!("postgres://{SUPERUSER}:{}@127.0.0.1:{}/{database}", self.password, self.port)
    }

    /// Makes databases and roles here.
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// The process, to watch.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// Kills every process of the server and waits until they are gone.
    pub fn kill(&self) {
        self.process.kill();
    }

    /// Freezes it: connections open and then hear nothing.
    pub fn pause(&self) {
        self.process.pause();
    }

    /// Ends a freeze.
    pub fn resume(&self) {
        self.process.resume();
    }

    /// Stops it, in order, and waits; [`Self::restart`] brings it back.
    pub fn stop(&self) {
        self.process.stop();
    }

    /// Starts it again on the same port, after a stop or a kill.
    pub async fn restart(&mut self) -> Result<(), Error> {
        self.process.stop();
        await_predecessor(&self.options.directory).await?;
        self.process = launch(&binaries::postgres()?, &self.options, self.port)?;
        self.await_answer().await
    }

    async fn await_answer(&self) -> Result<(), Error> {
        let url = self.superuser_url("postgres");
        let deadline = Instant::now() + START_TIME_MAX;
        loop {
            let refusal = match PgConnection::connect(&url).await {
                Ok(connection) => return Ok(connection.close().await?),
                Err(refusal) => refusal,
            };
            if self.process.ended().is_some() || Instant::now() > deadline {
                let words = self.process.last_words();
                return Err(Error::Refused(format!("Postgres does not start ({refusal}):\n{words}")));
            }
            tokio::time::sleep(POLL).await;
        }
    }
}

fn data(directory: &Path) -> PathBuf {
    directory.join("data")
}

/// Makes a folder that only the servers' user reads.
pub(crate) fn prepare_directory(directory: &Path) -> Result<(), Error> {
    let made = fs::DirBuilder::new().recursive(true).mode(0o711).create(directory);
    made.map_err(Error::system(format!("making {}", directory.display())))?;
    if let Some(parent) = directory.parent() {
        open_for_server(parent)?;
    }
    give_to_server(directory)?;
    if is_reachable(directory)? {
        return Ok(());
    }
    let directory = directory.display();
    Err(Error::Refused(format!(
        "the servers do not run as root, and only root can get to {directory}: use another folder"
    )))
}

/// Writes a file that only the servers' user (and root) reads.
pub(crate) fn write_private(path: &Path, text: &str) -> Result<(), Error> {
    let failure = || format!("writing {}", path.display());
    let file = fs::OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(path);
    let mut file = file.map_err(Error::system(failure()))?;
    std::io::Write::write_all(&mut file, text.as_bytes()).map_err(Error::system(failure()))?;
    give_to_server(path)
}

/// Makes the data folder when there is none; the superuser's password either way.
fn initialize(bin: &Path, options: &LocalOptions) -> Result<String, Error> {
    let password_file = options.directory.join("password");
    let data = data(&options.directory);
    if data.join("PG_VERSION").is_file() {
        let password = fs::read_to_string(&password_file);
        return password.map_err(Error::system(format!("reading {}", password_file.display())));
    }
    let password = draw_password();
    write_private(&password_file, &password)?;
    // In a folder beside, then renamed: an interrupted start leaves nothing half made.
    let unfinished = options.directory.join("data.unfinished");
    if unfinished.exists() {
        fs::remove_dir_all(&unfinished).map_err(Error::system(format!("removing {}", unfinished.display())))?;
    }
    let mut arguments: Vec<&OsStr> = Vec::new();
    arguments.extend([OsStr::new("--username"), OsStr::new(SUPERUSER), OsStr::new("--auth=scram-sha-256")]);
    arguments.extend([OsStr::new("--encoding=UTF8"), OsStr::new("--locale=C.UTF-8")]);
    arguments.extend([
        OsStr::new("--pwfile"),
        password_file.as_os_str(),
        OsStr::new("--pgdata"),
        unfinished.as_os_str(),
    ]);
    if !options.is_durable {
        arguments.push(OsStr::new("--no-sync"));
    }
    run_as_server(&bin.join("initdb"), &arguments)?;
    fs::rename(&unfinished, &data).map_err(Error::system(format!("making {}", data.display())))?;
    Ok(password)
}

fn launch(bin: &Path, options: &LocalOptions, port: u16) -> Result<Process, Error> {
    let data = data(&options.directory);
    let mut settings = vec![
        format!("port={port}"),
        "listen_addresses=127.0.0.1".into(),
        "unix_socket_directories=".into(),
        "max_connections=400".into(),
        "timezone=UTC".into(),
        "log_timezone=UTC".into(),
        "log_statement=none".into(),
        // A refused statement is logged without its text: it may hold a new role's password.
        "log_min_error_statement=panic".into(),
    ];
    if !options.is_durable {
        // Commits still reach the operating system before they are answered, so that killing Postgres loses none.
        settings.extend(["fsync=off".into(), "full_page_writes=off".into(), "max_wal_size=4GB".into()]);
        // In its own folder, so that one that is killed for a test leaves nothing in the system's shared memory.
        settings.push("dynamic_shared_memory_type=mmap".into());
    }
    let mut arguments = vec![OsStr::new("-D"), data.as_os_str()];
    for setting in &settings {
        arguments.extend([OsStr::new("-c"), OsStr::new(setting)]);
    }
    let log = options.directory.join("log");
    Process::start_server("postgres", &bin.join("postgres"), &arguments, &log, StopSignal::Interrupt)
}

/// Waits for a server on the same data that is still going down, and removes the mark of one that was killed.
async fn await_predecessor(directory: &Path) -> Result<(), Error> {
    let mark = data(directory).join("postmaster.pid");
    let deadline = Instant::now() + START_TIME_MAX;
    loop {
        let Ok(text) = fs::read_to_string(&mark) else { return Ok(()) };
        let id = text.lines().next().and_then(|line| line.trim().parse::<i32>().ok());
        if !id.is_some_and(|id| is_running(id, "postgres")) {
            return fs::remove_file(&mark).map_err(Error::system(format!("removing {}", mark.display())));
        }
        if Instant::now() > deadline {
            return Err(Error::Refused(format!("another Postgres runs on {}", directory.display())));
        }
        tokio::time::sleep(POLL).await;
    }
}

/// 32 random bytes as hexadecimal digits, fit for URLs and configuration files.
pub(crate) fn draw_password() -> String {
    let mut bytes = [0u8; 32];
    rand::rngs::SysRng.try_fill_bytes(&mut bytes).expect("the operating system has randomness");
    data_encoding::HEXLOWER.encode(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(directory: &Path) -> LocalOptions {
        LocalOptions { directory: directory.join("postgres"), port: None, is_durable: false }
    }

    async fn ask(url: &str, statement: &'static str) -> Result<String, sqlx::Error> {
        let mut connection = PgConnection::connect(url).await?;
        sqlx::query_scalar(statement).fetch_one(&mut connection).await
    }

    #[tokio::test]
    async fn commits_survive_a_kill_and_roles_reach_their_own_database() {
        let folder = tempfile::tempdir().unwrap();
        let mut postgres = Postgres::start(options(folder.path())).await.unwrap();
        let one = postgres.cluster().create_database("one", "one_owner", "one_app").await.unwrap();
        let two = postgres.cluster().create_database("two", "two_owner", "two_app").await.unwrap();
        let mut connection = PgConnection::connect(&one.owner_url).await.unwrap();
        sqlx::raw_sql("create table kept as select 'kept' as word").execute(&mut connection).await.unwrap();
        postgres.kill();
        assert!(ask(&one.owner_url, "select word from kept").await.is_err());
        postgres.restart().await.unwrap();
        assert_eq!(ask(&one.owner_url, "select word from kept").await.unwrap(), "kept");
        assert_eq!(ask(&two.app_url, "select current_user::text").await.unwrap(), "two_app");
        assert!(ask(&postgres.cluster().url("two_app", "one"), "select 'in'").await.is_err());

        let copy = postgres.cluster().clone_database("one", "copy", "one_owner", "one_app").await.unwrap();
        assert_eq!(ask(&copy.owner_url, "select word from kept").await.unwrap(), "kept");
    }

    #[tokio::test]
    async fn a_second_start_finds_the_data_of_the_first() {
        let folder = tempfile::tempdir().unwrap();
        let first = Postgres::start(options(folder.path())).await.unwrap();
        first.cluster().create_database("kept", "owner", "app").await.unwrap();
        drop(first);
        let second = Postgres::start(options(folder.path())).await.unwrap();
        let url = second.superuser_url("kept");
        assert_eq!(ask(&url, "select current_database()::text").await.unwrap(), "kept");
    }
}
