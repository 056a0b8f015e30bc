//! The users of a local Redis: each sees only the keys and channels under its own prefix.

use redis::Client;

use crate::Error;

/// What a service needs: data, scripts and a look at the server. Nothing that names or touches other prefixes' keys.
const COMMANDS: &str = "-@all +@connection -client|kill -client|list -client|pause -client|unpause -client|no-evict \
    +info +time +cluster|info +cluster|slots +eval +evalsha +evalsha_ro +eval_ro +script|load +script|exists \
    +get +set +setnx +getdel +mget +mset +incr +incrby +decr +decrby +getrange +setrange +append +strlen \
    +del +unlink +exists +type +ttl +pttl +expire +pexpire +pexpireat +persist \
    +hset +hget +hmget +hgetall +hdel +hexists +hincrby +hlen +hkeys +hvals \
    +zadd +zrem +zscore +zcard +zcount +zrange +zrangebyscore +zremrangebyscore +zremrangebyrank \
    +sadd +srem +smembers +sismember +scard \
    +xadd +xread +xrange +xrevrange +xlen +xtrim +xdel \
    +publish +subscribe +unsubscribe +psubscribe +punsubscribe +multi +exec +discard +watch +unwatch";

/// A Redis user that is kept to a prefix.
#[derive(Debug, Clone)]
pub struct RedisUser {
    /// Its name.
    pub name: String,
    /// Its password; letters and digits only.
    pub password: String,
    /// What all its keys and channels start with.
    pub prefix: String,
}

impl RedisUser {
    /// The rules of `ACL SETUSER`, in one line.
    pub(crate) fn rules(&self) -> String {
        format!("reset on >{0} ~{1}* &{1}* {COMMANDS}", self.password, self.prefix)
    }
}

/// A Redis whose administrator we are: a private one or one that a variable names.
#[derive(Debug, Clone)]
pub struct RedisServer {
    admin_url: String,
}

impl RedisServer {
    /// The Redis that `CLAVIGER_TEST_REDIS` names with its administrator, as `with-stores` sets it.
    pub fn from_env() -> Option<Self> {
        std::env::var("CLAVIGER_TEST_REDIS").ok().map(|url| Self::at(&url))
    }

    /// The Redis at `redis://administrator:password@host:port/`.
    pub fn at(admin_url: &str) -> Self {
        Self { admin_url: admin_url.into() }
    }

    /// The URL as the administrator.
    pub fn admin_url(&self) -> &str {
        &self.admin_url
    }

    /// The URL as a user.
    pub fn url(&self, user: &RedisUser) -> String {
        let address = self.admin_url.rsplit('@').next().unwrap_or_default();
        format!("redis://{}:{}@{address}", user.name, user.password)
    }

    /// Makes a user, or gives one that exists these rules.
    pub async fn create_user(&self, user: &RedisUser) -> Result<(), Error> {
        let mut connection = Client::open(self.admin_url.as_str())?.get_multiplexed_async_connection().await?;
        let mut command = redis::cmd("ACL");
        command.arg("SETUSER").arg(&user.name);
        for rule in user.rules().split_whitespace() {
            command.arg(rule);
        }
        Ok(command.query_async::<()>(&mut connection).await?)
    }

    /// Cuts the connections of its replicas; one that is frozen then gets nothing of what is written afterwards.
    pub async fn disconnect_replicas(&self) -> Result<(), Error> {
        let mut connection = Client::open(self.admin_url.as_str())?.get_multiplexed_async_connection().await?;
        let mut command = redis::cmd("CLIENT");
        command.arg("KILL").arg("TYPE").arg("replica");
        Ok(command.query_async::<()>(&mut connection).await?)
    }

    /// Has one command carried out as the administrator, and tells the texts in its answer.
    pub async fn command(&self, words: &[&str]) -> Result<Vec<String>, Error> {
        let mut connection = Client::open(self.admin_url.as_str())?.get_multiplexed_async_connection().await?;
        let mut command = redis::cmd(words.first().copied().unwrap_or_default());
        command.arg(words.get(1..).unwrap_or_default());
        match command.query_async(&mut connection).await? {
            redis::Value::Array(values) => Ok(values.into_iter().filter_map(text).collect()),
            value => Ok(text(value).into_iter().collect()),
        }
    }

    /// Removes every key under a prefix.
    pub async fn delete_keys(&self, prefix: &str) -> Result<(), Error> {
        let mut connection = Client::open(self.admin_url.as_str())?.get_multiplexed_async_connection().await?;
        let mut cursor = 0_u64;
        loop {
            let mut scan = redis::cmd("SCAN");
            scan.arg(cursor).arg("MATCH").arg(format!("{prefix}*")).arg("COUNT").arg(1_000);
            let (next, keys): (u64, Vec<Vec<u8>>) = scan.query_async(&mut connection).await?;
            if !keys.is_empty() {
                redis::cmd("UNLINK").arg(keys).query_async::<()>(&mut connection).await?;
            }
            if next == 0 {
                return Ok(());
            }
            cursor = next;
        }
    }
}

fn text(value: redis::Value) -> Option<String> {
    redis::from_redis_value(value).ok()
}
