//! A private Redis: started as a child, everything in memory, users kept to their prefixes.

use std::ffi::OsStr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use redis::Client;

use crate::postgres::{draw_password, prepare_directory, write_private};
use crate::process::{Process, StopSignal};
use crate::redis_users::{RedisServer, RedisUser};
use crate::{Error, LocalOptions, binaries, choose_port};

const START_TIME_MAX: Duration = Duration::from_secs(15);
const POLL: Duration = Duration::from_millis(10);

/// A running private Redis. Dropping it stops it and forgets what it held.
#[derive(Debug)]
pub struct Redis {
    options: LocalOptions,
    part: Part,
    users: Mutex<Vec<RedisUser>>,
    server: RedisServer,
    process: Process,
}

/// What a server is among others.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) port: u16,
    /// The administrator's; servers that speak to each other share it.
    pub(crate) password: String,
    /// Settings that a server has on top of what all have.
    pub(crate) settings: String,
}

impl Redis {
    /// Starts the server and waits until it answers.
    pub async fn start(options: LocalOptions) -> Result<Self, Error> {
        let part = Part { port: choose_port(options.port)?, password: draw_password(), settings: String::new() };
        Self::start_as(options, part).await
    }

    /// Starts one of several servers.
    pub(crate) async fn start_as(options: LocalOptions, part: Part) -> Result<Self, Error> {
        prepare_directory(&options.directory)?;
        let server = RedisServer::at(&format!("redis://admin:{}@127.0.0.1:{}/", part.password, part.port));
        write_configuration(&options, &part, &[])?;
        let process = launch(&options)?;
        let redis = Self { options, part, users: Mutex::default(), server, process };
        redis.await_answer().await?;
        Ok(redis)
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.part.port
    }

    /// Makes a user that is kept to its prefix; restarts keep it.
    pub async fn create_user(&self, user: &RedisUser) -> Result<(), Error> {
        {
            let mut users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
            users.retain(|existing| existing.name != user.name);
            users.push(user.clone());
            write_configuration(&self.options, &self.part, &users)?;
        }
        self.server.create_user(user).await
    }

    /// The URL as a user.
    pub fn url(&self, user: &RedisUser) -> String {
        self.server.url(user)
    }

    /// The server as its administrator.
    pub fn server(&self) -> &RedisServer {
        &self.server
    }

    /// The process, to watch.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// Kills it and waits until it is gone: connections are refused from then on.
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

    /// Starts it again on the same port, empty, with its users.
    pub async fn restart(&mut self) -> Result<(), Error> {
        self.process.stop();
        self.process = launch(&self.options)?;
        self.await_answer().await
    }

    async fn await_answer(&self) -> Result<(), Error> {
        let client = Client::open(self.server.admin_url())?;
        let deadline = Instant::now() + START_TIME_MAX;
        loop {
            let refusal = match client.get_multiplexed_async_connection().await {
                Ok(_) => return Ok(()),
                Err(refusal) => refusal,
            };
            if self.process.ended().is_some() || Instant::now() > deadline {
                let words = self.process.last_words();
                return Err(Error::Refused(format!("Redis does not start ({refusal}):\n{words}")));
            }
            tokio::time::sleep(POLL).await;
        }
    }
}

/// In a file and not in arguments: the process list is everybody's to read.
fn write_configuration(options: &LocalOptions, part: &Part, users: &[RedisUser]) -> Result<(), Error> {
    let Part { port, password, settings } = part;
    let mut text = format!(
        "bind 127.0.0.1\nport {port}\ndaemonize no\nsave \"\"\nappendonly no\ntcp-backlog 128\n\
         user default off\nuser admin on >{password} ~* &* +@all\n{settings}"
    );
    for user in users {
        text.push_str(&format!("user {} {}\n", user.name, user.rules()));
    }
    write_private(&options.directory.join("redis.conf"), &text)
}

fn launch(options: &LocalOptions) -> Result<Process, Error> {
    let configuration = options.directory.join("redis.conf");
    let folder = options.directory.as_os_str();
    let arguments = [configuration.as_os_str(), OsStr::new("--dir"), folder];
    let log = options.directory.join("log");
    Process::start_server("redis", &binaries::redis()?, &arguments, &log, StopSignal::Terminate)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn user(name: &str) -> RedisUser {
        RedisUser { name: name.into(), password: draw_password(), prefix: format!("claviger:{name}:") }
    }

    async fn ask(url: &str, words: &[&str]) -> Result<redis::Value, redis::RedisError> {
        let client = Client::open(url).unwrap();
        let deadline = redis::AsyncConnectionConfig::new().set_response_timeout(Some(Duration::from_millis(500)));
        let mut connection = client.get_multiplexed_async_connection_with_config(&deadline).await?;
        let mut command = redis::cmd(words[0]);
        for word in &words[1..] {
            command.arg(*word);
        }
        command.query_async(&mut connection).await
    }

    async fn start(folder: &Path) -> Redis {
        let directory = folder.join("redis");
        Redis::start(LocalOptions { directory, port: None, is_durable: false }).await.unwrap()
    }

    #[tokio::test]
    async fn a_user_reaches_the_keys_of_its_own_prefix_only() {
        let folder = tempfile::tempdir().unwrap();
        let redis = start(folder.path()).await;
        let (production, staging) = (user("production"), user("staging"));
        redis.create_user(&production).await.unwrap();
        redis.create_user(&staging).await.unwrap();
        let url = redis.url(&production);
        ask(&url, &["SET", "claviger:production:a", "1"]).await.unwrap();
        ask(&url, &["XADD", "claviger:production:changes", "*", "a", "1"]).await.unwrap();
        let script = "return redis.call('GET', KEYS[1])";
        ask(&url, &["EVAL", script, "1", "claviger:production:a"]).await.unwrap();
        let refused: [&[&str]; 8] = [
            &["GET", "claviger:staging:a"],
            &["EVAL", script, "1", "claviger:staging:a"],
            &["KEYS", "*"],
            &["SCAN", "0"],
            &["FLUSHALL"],
            &["CONFIG", "GET", "*"],
            &["ACL", "LIST"],
            &["CLIENT", "LIST"],
        ];
        for words in refused {
            let error = ask(&url, words).await.expect_err(words[0]).to_string();
            assert!(error.contains("NOPERM") || error.contains("permission"), "{words:?}: {error}");
        }
    }

    #[tokio::test]
    async fn it_can_be_frozen_killed_and_started_again_with_its_users() {
        let folder = tempfile::tempdir().unwrap();
        let mut redis = start(folder.path()).await;
        let production = user("production");
        redis.create_user(&production).await.unwrap();
        let url = redis.url(&production);
        redis.pause();
        assert!(ask(&url, &["PING"]).await.is_err());
        redis.resume();
        ask(&url, &["PING"]).await.unwrap();
        redis.kill();
        assert!(ask(&url, &["PING"]).await.is_err());
        redis.restart().await.unwrap();
        ask(&url, &["SET", "claviger:production:a", "1"]).await.unwrap();
        redis.server().delete_keys("claviger:production:").await.unwrap();
        assert_eq!(ask(&url, &["GET", "claviger:production:a"]).await.unwrap(), redis::Value::Nil);
    }
}
