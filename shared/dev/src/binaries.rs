//! Finds the servers' programs: where the environment says, on `PATH`, or where Debian puts them.

use std::env;
use std::path::{Path, PathBuf};

use crate::Error;

const POSTGRES_VARIABLE: &str = "CLAVIGER_POSTGRES_BIN";
const REDIS_VARIABLE: &str = "CLAVIGER_REDIS_SERVER";
const PGBOUNCER_VARIABLE: &str = "CLAVIGER_PGBOUNCER";
/// Where Debian puts what only administrators are thought to run.
const DEBIAN_PGBOUNCER: &str = "/usr/sbin/pgbouncer";
const DEBIAN_POSTGRES: &str = "/usr/lib/postgresql";

/// The folder that holds `initdb` and `postgres`.
pub(crate) fn postgres() -> Result<PathBuf, Error> {
    if let Some(folder) = env::var_os(POSTGRES_VARIABLE).map(PathBuf::from) {
        return is_postgres(&folder).then_some(folder).ok_or_else(|| {
            Error::Missing(format!("{POSTGRES_VARIABLE} names a folder without initdb and postgres in it"))
        });
    }
    // The real file behind a link: Debian's initdb is beside that one only. Not so for Redis, which looks at its name.
    let real = on_path("postgres").and_then(|file| file.canonicalize().ok());
    let on_path = real.and_then(|file| file.parent().map(Path::to_owned));
    on_path.into_iter().chain(debian_postgres()).find(|folder| is_postgres(folder)).ok_or_else(|| {
        Error::Missing(format!(
            "PostgreSQL's programs are not installed: run scripts/setup.sh or `apt-get install postgresql`, \
             or set {POSTGRES_VARIABLE} to the folder with initdb and postgres"
        ))
    })
}

/// The file `redis-server`.
pub(crate) fn redis() -> Result<PathBuf, Error> {
    if let Some(file) = env::var_os(REDIS_VARIABLE).map(PathBuf::from) {
        return file
            .is_file()
            .then_some(file)
            .ok_or_else(|| Error::Missing(format!("{REDIS_VARIABLE} does not name a file")));
    }
    on_path("redis-server").or_else(|| on_path("valkey-server")).ok_or_else(|| {
        Error::Missing(format!(
            "redis-server is not installed: run scripts/setup.sh or `apt-get install redis-server`, \
             or set {REDIS_VARIABLE} to its file"
        ))
    })
}

/// The file `pgbouncer`.
pub(crate) fn pgbouncer() -> Result<PathBuf, Error> {
    if let Some(folder) = env::var_os(PGBOUNCER_VARIABLE).map(PathBuf::from) {
        let file = folder.join("pgbouncer");
        return file
            .is_file()
            .then_some(file)
            .ok_or_else(|| Error::Missing(format!("{PGBOUNCER_VARIABLE} names a folder without pgbouncer in it")));
    }
    let debian = Some(PathBuf::from(DEBIAN_PGBOUNCER)).filter(|file| file.is_file());
    on_path("pgbouncer").or(debian).ok_or_else(|| {
        Error::Missing(format!(
            "pgbouncer is not installed: run `scripts/setup.sh` or `apt-get install pgbouncer`, \
             or set {PGBOUNCER_VARIABLE} to the folder with pgbouncer in it"
        ))
    })
}

/// `setpriv`, which ties a server's life to ours and gives up root.
pub(crate) fn setpriv() -> Result<PathBuf, Error> {
    on_path("setpriv")
        .ok_or_else(|| Error::Missing("setpriv is not installed: run scripts/setup.sh or install util-linux".into()))
}

fn on_path(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}

fn is_postgres(folder: &Path) -> bool {
    folder.join("initdb").is_file() && folder.join("postgres").is_file()
}

/// Debian's folders, newest version first.
fn debian_postgres() -> Vec<PathBuf> {
    let versions = std::fs::read_dir(DEBIAN_POSTGRES).into_iter().flatten().flatten();
    let mut numbered: Vec<(u32, PathBuf)> = versions
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .collect();
    numbered.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
    numbered.into_iter().map(|(_, folder)| folder).collect()
}
