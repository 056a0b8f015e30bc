//! A private PgBouncer in transaction mode, in front of a local Postgres.

use std::time::{Duration, Instant};

use tokio::net::TcpStream;

use crate::cluster::LocalDatabase;
use crate::postgres::{prepare_directory, write_private};
use crate::process::{Process, StopSignal};
use crate::{Error, LocalOptions, binaries, choose_port};

const START_TIME_MAX: Duration = Duration::from_secs(15);
const POLL: Duration = Duration::from_millis(10);

/// A running private PgBouncer. Dropping it stops it.
#[derive(Debug)]
pub struct PgBouncer {
    port: u16,
    process: Process,
}

/// The parts of a role's URL.
struct Role<'a> {
    name: &'a str,
    password: &'a str,
    address: &'a str,
    database: &'a str,
}

impl PgBouncer {
    /// Starts it in front of databases of one Postgres, with at most so many connections to each.
    pub async fn start(options: LocalOptions, databases: &[&LocalDatabase], pool_size: u32) -> Result<Self, Error> {
        let program = binaries::pgbouncer()?;
        let port = choose_port(options.port)?;
        prepare_directory(&options.directory)?;
        let roles = databases.iter().map(|database| Role::of(&database.app_url)).collect::<Result<Vec<_>, _>>()?;
        let users = options.directory.join("users");
        write_private(&users, &roles.iter().map(Role::as_user).collect::<String>())?;
        let configuration = options.directory.join("pgbouncer.ini");
        let text = format!(
            "[databases]\n{}[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n\
             auth_type = scram-sha-256\nauth_file = {}\npool_mode = transaction\ndefault_pool_size = {pool_size}\n\
             max_client_conn = 1000\n",
            roles.iter().map(Role::as_database).collect::<String>(),
            users.display()
        );
        write_private(&configuration, &text)?;
        let log = options.directory.join("log");
        let arguments = [configuration.as_os_str()];
        let process = Process::start_server("pgbouncer", &program, &arguments, &log, StopSignal::Terminate)?;
        let bouncer = Self { port, process };
        bouncer.await_answer().await?;
        Ok(bouncer)
    }

    /// The URL of a database, for services.
    pub fn url(&self, database: &LocalDatabase) -> Result<String, Error> {
        let Role { name, password, database, .. } = Role::of(&database.app_url)?;
        Ok(format!("postgres://{name}:{password}@127.0.0.1:{}/{database}", self.port))
    }

    /// The process, to watch.
    pub fn process(&self) -> &Process {
        &self.process
    }

    async fn await_answer(&self) -> Result<(), Error> {
        let deadline = Instant::now() + START_TIME_MAX;
        while TcpStream::connect(("127.0.0.1", self.port)).await.is_err() {
            if self.process.ended().is_some() || Instant::now() > deadline {
                return Err(Error::Refused(format!("PgBouncer does not start:\n{}", self.process.last_words())));
            }
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }
}

impl<'a> Role<'a> {
    fn of(url: &'a str) -> Result<Self, Error> {
        let parts = || {
            let (role, place) = url.strip_prefix("postgres://")?.split_once('@')?;
            let (name, password) = role.split_once(':')?;
            let (address, database) = place.split_once('/')?;
            Some(Self { name, password, address, database })
        };
        parts().ok_or_else(|| Error::Refused("not of the form postgres://role:password@host:port/database".into()))
    }

    fn as_user(&self) -> String {
        format!("\"{}\" \"{}\"\n", self.name, self.password)
    }

    fn as_database(&self) -> String {
        let (host, port) = self.address.split_once(':').unwrap_or((self.address, "5432"));
        format!("{} = host={host} port={port}\n", self.database)
    }
}
