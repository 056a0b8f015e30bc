//! A private Postgres and a private Redis as ordinary child processes, for `claviger dev` and for tests.
//!
//! No server started here outlives the process that started it, however that process ends.

mod binaries;
mod cluster;
mod pgbouncer;
mod postgres;
mod process;
mod redis;
mod redis_cluster;
mod redis_sentinel;
mod redis_users;

use std::io;
use std::net::TcpListener;
use std::path::PathBuf;

pub use cluster::{Cluster, LocalDatabase};
pub use pgbouncer::PgBouncer;
pub use postgres::Postgres;
pub use process::{Process, StopSignal, is_reachable};
pub use redis::Redis;
pub use redis_cluster::RedisCluster;
pub use redis_sentinel::RedisSentinel;
pub use redis_users::{RedisServer, RedisUser};

/// Where and how a local server runs.
#[derive(Debug, Clone)]
pub struct LocalOptions {
    /// Its own folder, made when missing; it will belong to the user that the server runs as.
    pub directory: PathBuf,
    /// The port on 127.0.0.1, or one that is free.
    pub port: Option<u16>,
    /// Whether data must survive a crash of the machine. Tests do without, for speed.
    pub is_durable: bool,
}

/// Why a local server does not run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A program is not installed; the text says how to get it.
    #[error("{0}")]
    Missing(String),
    /// Somebody else listens there.
    #[error("port {0} is taken")]
    PortTaken(u16),
    /// The server said no; the text holds its last words.
    #[error("{0}")]
    Refused(String),
    /// Files or processes.
    #[error("{0}")]
    System(String, #[source] io::Error),
    /// A statement on the new Postgres.
    #[error("a statement on the local Postgres")]
    Postgres(#[from] sqlx::Error),
    /// A command on the new Redis.
    #[error("a command on the local Redis")]
    Redis(#[from] ::redis::RedisError),
}

impl Error {
    fn system(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::System(what, source)
    }
}

/// The wanted port when it is free, or any free one.
fn choose_port(wanted: Option<u16>) -> Result<u16, Error> {
    let listener = TcpListener::bind(("127.0.0.1", wanted.unwrap_or(0))).map_err(|source| match wanted {
        Some(port) if source.kind() == io::ErrorKind::AddrInUse => Error::PortTaken(port),
        Some(_) | None => Error::System("binding a port on 127.0.0.1".into(), source),
    })?;
    let address = listener.local_addr().map_err(Error::system("reading a port's number"))?;
    Ok(address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_named() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        assert_eq!(choose_port(Some(port)).unwrap_err().to_string(), format!("port {port} is taken"));
    }
}
