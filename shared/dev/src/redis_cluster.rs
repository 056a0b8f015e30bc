//! A private Redis Cluster, for tests of failover and of slots that move.

use std::net::TcpListener;
use std::path::Path;
use std::time::{Duration, Instant};

use redis::{Client, FromRedisValue};

use crate::postgres::draw_password;
use crate::redis::{Part, Redis};
use crate::redis_users::RedisUser;
use crate::{Error, LocalOptions, choose_port};

const START_TIME_MAX: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(20);
const MASTERS: usize = 3;
const SERVERS: usize = 6;
const SLOTS: usize = 16_384;
/// The servers speak to each other on their port and this many more.
const BUS_OFFSET: u16 = 10_000;
const PORT_TRIES: u32 = 200;

/// Three masters, each with a replica. Dropping it stops all of them.
#[derive(Debug)]
pub struct RedisCluster {
    /// The servers: at first three masters and then, in the same order, their replicas. To be frozen, killed and started
    /// again.
    pub servers: Vec<Redis>,
}

impl RedisCluster {
    /// Starts all of them in folders under `directory`, joins them, and waits until the cluster is whole.
    pub async fn start(directory: &Path) -> Result<Self, Error> {
        let password = draw_password();
        let mut servers = Vec::with_capacity(SERVERS);
        for number in 0..SERVERS {
            let settings = format!(
                "masteruser admin\nmasterauth {password}\nrepl-diskless-sync-delay 0\ncluster-enabled yes\n\
                 cluster-node-timeout 2000\ncluster-require-full-coverage no\n"
            );
            let part = Part { port: choose_bus_port()?, password: password.clone(), settings };
            let own = directory.join(format!("server-{number}"));
            servers.push(Redis::start_as(LocalOptions { directory: own, port: None, is_durable: false }, part).await?);
        }
        let cluster = Self { servers };
        cluster.join().await?;
        Ok(cluster)
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
        let hosts: Vec<String> = self.servers.iter().map(|one| format!("127.0.0.1:{}", one.port())).collect();
        format!("redis-cluster://{}:{}@{}", user.name, user.password, hosts.join(","))
    }

    /// Which of the servers has this key's slot: the one that does not send us elsewhere.
    pub async fn owner(&self, key: &str) -> Option<usize> {
        for (number, server) in self.servers.iter().enumerate() {
            let Ok(mut connection) = connect(server).await else { continue };
            if redis::cmd("EXISTS").arg(key).query_async::<bool>(&mut connection).await.is_ok() {
                return Some(number);
            }
        }
        None
    }

    /// Has a replica take its master's place, although nothing is wrong.
    pub async fn fail_over(&self, replica: usize) -> Result<(), Error> {
        self.ask::<()>(replica, &["FAILOVER"]).await
    }

    async fn id(&self, number: usize) -> Result<String, Error> {
        self.ask(number, &["MYID"]).await
    }

    /// Gives the slot of a key to another master, empty: what was in it is lost, as nobody has to keep it.
    pub async fn move_slot(&self, key: &str, from: usize, to: usize) -> Result<(), Error> {
        let slot: u16 = self.ask(from, &["KEYSLOT", key]).await?;
        let (slot, target) = (slot.to_string(), self.id(to).await?);
        let source = self.id(from).await?;
        self.ask::<()>(to, &["SETSLOT", &slot, "IMPORTING", &source]).await?;
        self.ask::<()>(from, &["SETSLOT", &slot, "MIGRATING", &target]).await?;
        loop {
            let keys: Vec<String> = self.ask(from, &["GETKEYSINSLOT", &slot, "100"]).await?;
            if keys.is_empty() {
                break;
            }
            let mut connection = connect(&self.servers[from]).await?;
            redis::cmd("DEL").arg(keys).query_async::<()>(&mut connection).await?;
        }
        for number in [to, from] {
            self.ask::<()>(number, &["SETSLOT", &slot, "NODE", &target]).await?;
        }
        Ok(())
    }

    async fn join(&self) -> Result<(), Error> {
        for (number, server) in self.servers.iter().enumerate() {
            self.ask::<()>(number, &["SET-CONFIG-EPOCH", &(number + 1).to_string()]).await?;
            if number < MASTERS {
                let (first, last) = (number * SLOTS / MASTERS, (number + 1) * SLOTS / MASTERS - 1);
                self.ask::<()>(number, &["ADDSLOTSRANGE", &first.to_string(), &last.to_string()]).await?;
            }
            self.ask::<()>(0, &["MEET", "127.0.0.1", &server.port().to_string()]).await?;
        }
        self.await_that("know each other", |info| has(info, "cluster_known_nodes", "6")).await?;
        for replica in MASTERS..SERVERS {
            let master = self.id(replica - MASTERS).await?;
            self.ask::<()>(replica, &["REPLICATE", &master]).await?;
        }
        self.await_that("are whole", |info| has(info, "cluster_state", "ok") && has(info, "cluster_slots_ok", "16384"))
            .await?;
        self.await_replicas().await
    }

    async fn await_that(&self, what: &str, is_so: impl Fn(&str) -> bool) -> Result<(), Error> {
        let deadline = Instant::now() + START_TIME_MAX;
        for number in 0..SERVERS {
            while !is_so(&self.ask::<String>(number, &["INFO"]).await?) {
                if Instant::now() > deadline {
                    let words = self.servers[number].process().last_words();
                    return Err(Error::Refused(format!("the servers of the cluster never {what}:\n{words}")));
                }
                tokio::time::sleep(POLL).await;
            }
        }
        Ok(())
    }

    /// A replica that has copied nothing yet is not promoted; and all have to know who is one.
    async fn await_replicas(&self) -> Result<(), Error> {
        let deadline = Instant::now() + START_TIME_MAX;
        for (number, server) in self.servers.iter().enumerate() {
            loop {
                let nodes: String = self.ask(number, &["NODES"]).await?;
                let mut connection = connect(server).await?;
                let info: String = redis::cmd("INFO").arg("replication").query_async(&mut connection).await?;
                let is_linked = has(&info, "connected_slaves", "1") || has(&info, "master_link_status", "up");
                if is_linked && nodes.matches("slave").count() == SERVERS - MASTERS {
                    break;
                }
                if Instant::now() > deadline {
                    return Err(Error::Refused(format!("a replica does not find its master:\n{info}\n{nodes}")));
                }
                tokio::time::sleep(POLL).await;
            }
        }
        Ok(())
    }

    async fn ask<T: FromRedisValue>(&self, number: usize, words: &[&str]) -> Result<T, Error> {
        let mut connection = connect(&self.servers[number]).await?;
        let mut command = redis::cmd("CLUSTER");
        for word in words {
            command.arg(*word);
        }
        Ok(command.query_async(&mut connection).await?)
    }
}

async fn connect(server: &Redis) -> Result<redis::aio::MultiplexedConnection, Error> {
    Ok(Client::open(server.server().admin_url())?.get_multiplexed_async_connection().await?)
}

fn has(info: &str, name: &str, value: &str) -> bool {
    info.lines().any(|line| line.strip_prefix(name).and_then(|rest| rest.strip_prefix(':')) == Some(value))
}

/// A free port whose bus port is free, too.
fn choose_bus_port() -> Result<u16, Error> {
    for _ in 0..PORT_TRIES {
        let port = choose_port(None)?;
        let Some(bus) = port.checked_add(BUS_OFFSET) else { continue };
        if TcpListener::bind(("127.0.0.1", bus)).is_ok() {
            return Ok(port);
        }
    }
    Err(Error::Refused("no two free ports are 10,000 apart".into()))
}
