//! What one deployment of the Integration API is told; `config.default.yaml` documents every key.

use std::net::IpAddr;

use anyhow::{Context, bail};
use data_encoding::BASE64;
use domain::environment::Environment;
use domain::secret::{Pepper, PepperRing};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use store::DatabaseConfig;
use store::counters::RedisConfig;

/// The documented defaults.
pub const DEFAULTS: &str = include_str!("../config.default.yaml");

/// The whole configuration.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub environment: Environment,
    pub server: Server,
    pub flags: Flags,
    pub database: DatabaseConfig,
    pub redis: RedisConfig,
    pub keys: Keys,
    pub secrets: Secrets,
    pub policy: KeyPolicy,
    pub log: Log,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    pub host: IpAddr,
    pub integration_port: u16,
    pub management_port: u16,
    pub trusted_proxies: Vec<IpNet>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Flags {
    pub enable_integration_api: bool,
    pub public_docs: bool,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keys {
    pub url: String,
    pub token: String,
}

/// What never leaves this process.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Secrets {
    pub peppers: Vec<PepperEntry>,
    pub cursor_key: String,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PepperEntry {
    pub id: String,
    pub value: String,
}

/// What an environment demands of the keys that are made in it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyPolicy {
    pub key_lifetime_days_max: u32,
    pub require_ips: bool,
    pub allow_supplied_secrets: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    pub level: String,
    pub format: LogFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    Json,
    Text,
}

impl Secrets {
    /// The peppers: the first is current, the others only prove.
    pub fn ring(&self) -> anyhow::Result<PepperRing> {
        let mut peppers = Vec::with_capacity(self.peppers.len());
        for (index, entry) in self.peppers.iter().enumerate() {
            let at = || format!("secrets.peppers[{index}].value");
            let bytes = BASE64.decode(entry.value.as_bytes()).ok().with_context(at)?;
            peppers.push(Pepper::new(&entry.id, bytes).with_context(at)?);
        }
        let mut peppers = peppers.into_iter();
        let Some(current) = peppers.next() else { bail!("secrets.peppers: there has to be one") };
        Ok(PepperRing::new(current, peppers.collect()))
    }

    /// The key that authenticates cursors.
    pub fn cursor_key(&self) -> anyhow::Result<[u8; 32]> {
        let bytes = BASE64.decode(self.cursor_key.as_bytes()).ok();
        bytes.and_then(|bytes| bytes.try_into().ok()).context("secrets.cursor_key: 32 bytes in base64")
    }
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys").field("url", &self.url).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secrets")
    }
}
