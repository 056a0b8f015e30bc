//! A private Redis with replicas and the sentinels that watch it, for tests of failover.

use std::ffi::OsStr;
use std::path::Path;
use std::time::{Duration, Instant};

use redis::{Client, FromRedisValue};

use crate::postgres::{draw_password, prepare_directory, write_private};
use crate::process::{Process, StopSignal};
use crate::redis::{Part, Redis};
use crate::redis_users::RedisUser;
use crate::{Error, LocalOptions, binaries, choose_port};

const START_TIME_MAX: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(20);
/// The name that the sentinels know the master by.
const MASTER: &str = "main";
const SENTINELS: usize = 3;
const SERVERS: usize = 3;

/// One master, two replicas, three sentinels. Dropping it stops all of them.
#[derive(Debug)]
pub struct RedisSentinel {
    /// The servers; the first one is the master at first. To be frozen, killed and started again.
    pub servers: Vec<Redis>,
    sentinels: Vec<Sentinel>,
}

#[derive(Debug)]
struct Sentinel {
    port: u16,
    process: Process,
}

impl RedisSentinel {
    /// Starts all of them in folders under `directory` and waits until every sentinel knows every server.
    pub async fn start(directory: &Path) -> Result<Self, Error> {
        let password = draw_password();
        let mut servers: Vec<Redis> = Vec::with_capacity(SERVERS);
        for number in 0..SERVERS {
            let mut settings = format!("masteruser admin\nmasterauth {password}\nrepl-diskless-sync-delay 0\n");
            if let Some(master) = servers.first() {
                settings.push_str(&format!("replicaof 127.0.0.1 {}\n", master.port()));
            }
            let part = Part { port: choose_port(None)?, password: password.clone(), settings };
            let own = directory.join(format!("server-{number}"));
            servers.push(Redis::start_as(LocalOptions { directory: own, port: None, is_durable: false }, part).await?);
        }
        let master = servers.first().expect("three were started").port();
        let mut sentinels = Vec::with_capacity(SENTINELS);
        for number in 0..SENTINELS {
            sentinels.push(Sentinel::start(&directory.join(format!("sentinel-{number}")), master, &password)?);
        }
        let all = Self { servers, sentinels };
        all.await_acquaintance().await?;
        Ok(all)
    }

    /// Makes a user on every server.
    pub async fn create_user(&self, user: &RedisUser) -> Result<(), Error> {
        for server in &self.servers {
            server.create_user(user).await?;
        }
        Ok(())
    }

    /// The URL as a user.
    pub fn url(&self, user: &RedisUser) -> String {
        let hosts: Vec<String> = self.sentinels.iter().map(|one| format!("127.0.0.1:{}", one.port)).collect();
        format!("redis-sentinel://{}:{}@{}/{MASTER}", user.name, user.password, hosts.join(","))
    }

    /// Which of the servers the sentinels call the master now.
    pub async fn master(&self) -> Result<usize, Error> {
        let (_, port): (String, u16) = self.ask(0, &["GET-MASTER-ADDR-BY-NAME", MASTER]).await?;
        let place = self.servers.iter().position(|server| server.port() == port);
        place.ok_or_else(|| Error::Refused(format!("the sentinels name a master at port {port} that is none of ours")))
    }

    /// Has the sentinels promote a replica although nothing is wrong.
    pub async fn fail_over(&self) -> Result<(), Error> {
        self.ask::<()>(0, &["FAILOVER", MASTER]).await
    }

    /// Freezes one sentinel.
    pub fn pause_sentinel(&self, number: usize) {
        self.sentinels[number].process.pause();
    }

    /// Ends its freeze.
    pub fn resume_sentinel(&self, number: usize) {
        self.sentinels[number].process.resume();
    }

    async fn await_acquaintance(&self) -> Result<(), Error> {
        let deadline = Instant::now() + START_TIME_MAX;
        loop {
            let mut acquainted = 0;
            for number in 0..SENTINELS {
                let replicas = self.ask::<Vec<Vec<String>>>(number, &["REPLICAS", MASTER]).await.unwrap_or_default();
                let others = self.ask::<Vec<Vec<String>>>(number, &["SENTINELS", MASTER]).await.unwrap_or_default();
                // A replica whose link to the master is not up yet cannot be promoted.
                let is_linked = |replica: &Vec<String>| {
                    replica.windows(2).any(|pair| pair[0] == "master-link-status" && pair[1] == "ok")
                };
                let linked = replicas.iter().filter(|replica| is_linked(replica)).count();
                acquainted += usize::from(linked == SERVERS - 1 && others.len() == SENTINELS - 1);
            }
            if acquainted == SENTINELS {
                return Ok(());
            }
            if Instant::now() > deadline {
                let words: Vec<String> = self.sentinels.iter().map(|one| one.process.last_words()).collect();
                return Err(Error::Refused(format!("the sentinels do not find each other:\n{}", words.join("\n"))));
            }
            tokio::time::sleep(POLL).await;
        }
    }

    async fn ask<T: FromRedisValue>(&self, number: usize, words: &[&str]) -> Result<T, Error> {
        let client = Client::open(format!("redis://127.0.0.1:{}/", self.sentinels[number].port))?;
        let mut connection = client.get_multiplexed_async_connection().await?;
        let mut command = redis::cmd("SENTINEL");
        for word in words {
            command.arg(*word);
        }
        Ok(command.query_async(&mut connection).await?)
    }
}

impl Sentinel {
    fn start(directory: &Path, master: u16, password: &str) -> Result<Self, Error> {
        let port = choose_port(None)?;
        prepare_directory(directory)?;
        let file = directory.join("sentinel.conf");
        let text = format!(
            "bind 127.0.0.1\nport {port}\ndaemonize no\ndir {}\n\
             sentinel monitor {MASTER} 127.0.0.1 {master} 2\n\
             sentinel auth-user {MASTER} admin\nsentinel auth-pass {MASTER} {password}\n\
             sentinel down-after-milliseconds {MASTER} 1000\nsentinel failover-timeout {MASTER} 5000\n",
            directory.display()
        );
        write_private(&file, &text)?;
        let arguments = [file.as_os_str(), OsStr::new("--sentinel")];
        let log = directory.join("log");
        let process = Process::start_server("sentinel", &binaries::redis()?, &arguments, &log, StopSignal::Terminate)?;
        Ok(Self { port, process })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_sentinels_promote_a_replica_when_the_master_is_killed() {
        let folder = tempfile::tempdir().unwrap();
        let redis = RedisSentinel::start(folder.path()).await.unwrap();
        assert_eq!(redis.master().await.unwrap(), 0);
        redis.servers[0].kill();
        let deadline = Instant::now() + START_TIME_MAX;
        while redis.master().await.unwrap() == 0 {
            assert!(Instant::now() < deadline, "nobody was promoted");
            tokio::time::sleep(POLL).await;
        }
    }
}
