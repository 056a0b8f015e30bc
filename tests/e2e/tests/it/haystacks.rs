//! Everywhere that a secret could have been left: dumps, stores, captures, metrics, logs, and the bytes on the disk.

use std::path::Path;
use std::time::Duration;

use crate::dump::dump;
use crate::monitor::Monitor;
use crate::processes::Installation;

/// A connection to a Redis.
pub async fn connect(url: &str) -> redis::aio::MultiplexedConnection {
    redis::Client::open(url).unwrap().get_multiplexed_async_connection().await.unwrap()
}

/// Every key of a Redis with all that is in it, in the order of no importance.
async fn everything_in_redis(admin_url: &str) -> Vec<u8> {
    let mut connection = connect(admin_url).await;
    let keys: Vec<Vec<u8>> = redis::cmd("KEYS").arg("*").query_async(&mut connection).await.unwrap();
    assert!(keys.len() > 10, "services leave something there");
    let mut bytes = Vec::new();
    for key in keys {
        bytes.extend(&key);
        let kind: String = redis::cmd("TYPE").arg(&key).query_async(&mut connection).await.unwrap();
        let mut read = match kind.as_str() {
            "string" => redis::cmd("GET"),
            "hash" => redis::cmd("HGETALL"),
            "zset" | "list" | "stream" => redis::cmd(if kind == "stream" { "XRANGE" } else { "ZRANGE" }),
            kind => panic!("nobody said that there are values of the sort {kind}"),
        };
        read.arg(&key);
        match kind.as_str() {
            "stream" => read.arg("-").arg("+"),
            "zset" => read.arg(0).arg(-1),
            _ => &mut read,
        };
        flatten(&read.query_async(&mut connection).await.unwrap(), &mut bytes);
    }
    bytes
}

fn flatten(value: &redis::Value, bytes: &mut Vec<u8>) {
    match value {
        redis::Value::BulkString(text) => bytes.extend(text),
        redis::Value::Array(values) => values.iter().for_each(|value| flatten(value, bytes)),
        other => bytes.extend(format!("{other:?}").bytes()),
    }
    bytes.push(b'\n');
}

/// Every file under a folder.
fn files_under(folder: &Path, files: &mut Vec<(String, Vec<u8>)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files_under(&path, files);
        } else if path.is_file() {
            files.push((path.display().to_string(), std::fs::read(&path).unwrap()));
        }
    }
}

/// One place to search.
pub struct Haystack {
    /// For people.
    pub name: String,
    /// All of it.
    pub bytes: Vec<u8>,
    /// Whether what was planted everywhere is here as well.
    pub has_canary: bool,
}

/// What can be read while everything runs.
pub async fn gather_live(installation: &Installation, monitor: Monitor) -> Vec<Haystack> {
    let of = |name: String, bytes: Vec<u8>| Haystack { name, bytes, has_canary: true };
    let mut haystacks = Vec::new();
    for place in &installation.places {
        let url = installation.postgres.cluster().superuser_url(&place.database.name);
        haystacks.push(of(format!("pg_dump of {}", place.environment), dump(&url).await));
    }
    let admin = installation.redis.server().admin_url();
    haystacks.push(of("all of Redis".to_owned(), everything_in_redis(admin).await));
    haystacks.push(of("MONITOR of Redis".to_owned(), monitor.finish().await.concat().into_bytes()));
    let mut connection = connect(admin).await;
    redis::cmd("CONFIG").arg(&["SET", "rdbcompression", "no"]).query_async::<()>(&mut connection).await.unwrap();
    redis::cmd("SAVE").query_async::<()>(&mut connection).await.unwrap();
    haystacks.push(of("snapshot of Redis".to_owned(), std::fs::read(installation.file("redis/dump.rdb")).unwrap()));
    let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(10)).build().unwrap();
    for port in &installation.management {
        let answer = http.get(format!("http://127.0.0.1:{port}/metrics")).send().await.unwrap();
        let metrics = answer.text().await.unwrap();
        // A metric's labels are a closed list: there is no way to plant anything, so the canary is added to the text.
        haystacks.push(Haystack { name: format!("metrics at {port}"), bytes: metrics.into_bytes(), has_canary: false });
    }
    haystacks
}

/// What is on the disk once everything has ended.
pub fn gather_dead(installation: &Installation) -> Vec<Haystack> {
    let mut haystacks = Vec::new();
    for entry in std::fs::read_dir(installation.file("")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if name.ends_with(".log") {
            // A worker hears nothing from outside, and an administrator's command ends before there is a canary.
            let has_canary = name == "keys.log" || name.starts_with("api-");
            haystacks.push(Haystack { bytes: std::fs::read(&path).unwrap(), name, has_canary });
        }
    }
    for store in ["postgres", "redis"] {
        let log = std::fs::read(installation.file(&format!("{store}/log"))).unwrap();
        haystacks.push(Haystack { name: format!("log of {store}"), bytes: log, has_canary: false });
    }
    // A span names routes and operations, never a path or a text: there is no way to plant anything there either.
    let exported = installation.collector.bytes();
    haystacks.push(Haystack { name: "exported traces and metrics".to_owned(), bytes: exported, has_canary: false });
    let mut files = Vec::new();
    files_under(&installation.file("postgres/data"), &mut files);
    let is_wal_file = |name: &str| name.contains("/pg_wal/");
    for (name, is_wal) in [("data of Postgres", false), ("write-ahead log of Postgres", true)] {
        let bytes = files
            .iter()
            .filter(|(name, _)| is_wal_file(name) == is_wal)
            .flat_map(|(_, bytes)| bytes)
            .copied()
            .collect();
        haystacks.push(Haystack { name: name.to_owned(), bytes, has_canary: true });
    }
    haystacks
}
