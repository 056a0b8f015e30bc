//! Redis alone: calls over one connection that many share, as the key service makes them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;
use redis::{Client, Script};
use tokio::task::JoinSet;

use crate::latency::Latencies;
use crate::load::Outcome;

const KEYS: usize = 1_000;

/// The least that a shared limit does: add, and compare.
const SCRIPT: &str = "return redis.call('INCRBY', KEYS[1], ARGV[1]) <= tonumber(ARGV[2]) and 1 or 0";

/// What is called.
#[derive(Debug, Clone)]
pub struct RedisPlan {
    /// As its administrator.
    pub url: String,
    /// How many wait for an answer at the same time.
    pub callers: usize,
    /// Which command.
    pub call: Call,
}

/// A command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// PING.
    Ping,
    /// EVALSHA of a script that adds and compares.
    Script,
}

impl RedisPlan {
    /// Calls until it is time.
    pub async fn run(&self, time: Duration) -> anyhow::Result<Outcome> {
        let connection = Client::open(self.url.as_str())?.get_multiplexed_async_connection().await?;
        let script = Arc::new(Script::new(SCRIPT));
        let started = Instant::now();
        let mut callers = JoinSet::new();
        for number in 0..self.callers {
            let (connection, script, call) = (connection.clone(), Arc::clone(&script), self.call);
            callers.spawn(async move {
                let mut latencies = Vec::new();
                let mut next = number;
                while started.elapsed() < time {
                    let sent_at = Instant::now();
                    call.make(connection.clone(), &script, next % KEYS).await?;
                    latencies.push(sent_at.elapsed());
                    next += 1;
                }
                anyhow::Ok(latencies)
            });
        }
        let mut latencies = Latencies::default();
        let mut right = 0;
        while let Some(caller) = callers.join_next().await {
            for latency in caller?? {
                latencies.note(latency);
                right += 1;
            }
        }
        Ok(Outcome { right, wrong: 0, wrong_answer: None, elapsed: started.elapsed(), latencies })
    }
}

impl Call {
    async fn make(self, mut connection: MultiplexedConnection, script: &Script, key: usize) -> anyhow::Result<()> {
        match self {
            Self::Ping => redis::cmd("PING").query_async::<()>(&mut connection).await?,
            Self::Script => {
                let mut call = script.key(format!("bench:{key}"));
                let is_within: i64 = call.arg(1).arg(1_000_000_000).invoke_async(&mut connection).await?;
                anyhow::ensure!(is_within == 1, "the script counts");
            }
        }
        Ok(())
    }
}
