//! The configuration of a world's services.

use domain::environment::Environment;
use serde::de::DeserializeOwned;
use store::counters::RedisConfig;
use store::{DatabaseConfig, Pooler};

/// A configuration as an operator would give it, in variables over the defaults: a new setting breaks no world.
#[derive(Default)]
pub(crate) struct Settings(Vec<(String, String)>);

impl Settings {
    /// One setting, as in `DATABASE__URL`.
    pub(crate) fn set(&mut self, name: impl std::fmt::Display, value: impl ToString) -> &mut Self {
        self.0.push((format!("CLAVIGER__{name}"), value.to_string()));
        self
    }

    /// How the stores are reached.
    pub(crate) fn stores(&mut self, at: &str, database: DatabaseConfig, redis: &RedisConfig) {
        self.set(format!("{at}DATABASE__URL"), database.url)
            .set(format!("{at}DATABASE__POOL_SIZE"), database.pool_size);
        let pooler = if database.pooler == Pooler::Transaction { "transaction" } else { "none" };
        self.set(format!("{at}DATABASE__POOLER"), pooler);
        self.set(format!("{at}DATABASE__ACQUIRE_TIMEOUT_MS"), database.acquire_timeout_ms);
        self.set(format!("{at}DATABASE__STATEMENT_TIMEOUT_MS"), database.statement_timeout_ms);
        self.set(format!("{at}REDIS__URL"), &redis.url).set(format!("{at}REDIS__PREFIX"), &redis.prefix);
        self.set(format!("{at}REDIS__TIMEOUT_MS"), redis.timeout_ms);
    }

    /// A list of one pepper.
    pub(crate) fn pepper(&mut self, at: &str, id: &str, value: String) {
        self.set(format!("{at}__0__ID"), id).set(format!("{at}__0__VALUE"), value);
    }

    /// The configuration that they make.
    pub(crate) fn load<T: DeserializeOwned>(self, defaults: &str) -> anyhow::Result<T> {
        Ok(server::config::load(defaults, None, self.0.into_iter())?)
    }
}

/// What opens an environment's listener of the key service for services that verify.
pub(crate) fn service_token(environment: Environment) -> String {
    format!("the-service-token-of-the-environment-{environment}")
}

/// What opens it for the Integration API.
pub(crate) fn internal_token(environment: Environment) -> String {
    format!("the-internal-token-of-the-environment-{environment}")
}
