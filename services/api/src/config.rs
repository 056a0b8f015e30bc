//! What one deployment of the Integration API is told; `config.default.yaml` documents every key.

use std::net::{IpAddr, SocketAddr};

use anyhow::{Context, anyhow};
use data_encoding::BASE64;
use domain::environment::Environment;
use domain::secret::{PepperRing, is_sample};
use ipnet::IpNet;
use outbound::TrustedOrigin;
use serde::{Deserialize, Serialize};
use server::config::ConfigErrors;
use server::settings::{Log, PepperEntry, Telemetry, Tls, check_stores, check_token, read_peppers};
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
    pub console: Console,
    pub secrets: Secrets,
    pub request_log: RequestLog,
    pub dns: Dns,
    pub policy: KeyPolicy,
    pub adoption: Adoption,
    pub log: Log,
    pub telemetry: Telemetry,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    pub host: IpAddr,
    pub integration_port: u16,
    pub tls: Tls,
    pub management_host: IpAddr,
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
    pub ca_file: String,
    pub internal_token: String,
}

/// The console whose members are let in, if there is one.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Console {
    pub issuer: String,
    pub jwks_url: String,
}

/// What never leaves this process.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Secrets {
    pub peppers: Vec<PepperEntry>,
    pub cursor_key: String,
}

/// What waits to be written behind the requests.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestLog {
    pub queue_rows_max: usize,
}

/// Who is asked whether a domain is its organization's.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dns {
    pub servers: Vec<SocketAddr>,
}

/// What an environment demands of the keys that are made in it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyPolicy {
    pub key_lifetime_days_max: u32,
    pub require_ips: bool,
    pub allow_supplied_secrets: bool,
}

/// Which verifiers organizations may name.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Adoption {
    pub verifiers: Vec<AllowedVerifier>,
}

/// An origin that organizations' verifiers may be at.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AllowedVerifier {
    pub url: String,
    #[serde(default)]
    pub is_private: bool,
}

impl Config {
    /// The configuration if the service can work with it; all mistakes that its types do not tell otherwise.
    pub fn checked(self) -> Result<Self, ConfigErrors> {
        let mut errors = ConfigErrors::new();
        check_stores("", &self.database, &self.redis, &mut errors);
        if !self.keys.url.starts_with("http://") && !self.keys.url.starts_with("https://") {
            errors.push("keys.url", "is missing or no http:// URL");
        }
        check_token("keys.internal_token".to_owned(), &self.keys.internal_token, &mut errors);
        for (place, message) in read_peppers(&self.secrets.peppers).err().into_iter().flatten() {
            errors.push(format!("secrets.{place}"), message);
        }
        match self.secrets.cursor_key() {
            Err(_) => errors.push("secrets.cursor_key", "is missing or not 32 bytes in base64"),
            Ok(key) if is_sample(&key) => {
                errors.push("secrets.cursor_key", "is a sample value; draw 32 random bytes");
            }
            Ok(_) => {}
        }
        for (at, verifier) in self.adoption.verifiers.iter().enumerate() {
            let place = format!("adoption.verifiers.{at}.url");
            if TrustedOrigin::parse(&verifier.url).is_none() {
                errors.push(place, "is no https://host or https://host:port");
            } else if !verifier.is_private && !verifier.url.starts_with("https://") {
                errors.push(place, "is not https; only one with is_private may be plain http");
            }
        }
        self.console.check(&mut errors);
        self.server.tls.check(&mut errors);
        self.telemetry.check(&mut errors);
        if self.request_log.queue_rows_max == 0 {
            errors.push("request_log.queue_rows_max", "is 0; at least one row has to have room");
        }
        errors.none_or(self)
    }
}

impl Console {
    fn check(&self, errors: &mut ConfigErrors) {
        let is_url = |text: &str| text.starts_with("http://") || text.starts_with("https://");
        match (self.issuer.is_empty(), self.jwks_url.is_empty()) {
            (true, true) => {}
            (true, false) => errors.push("console.issuer", "is missing; name the console's public URL"),
            (false, true) => errors.push("console.jwks_url", "is missing; name the console's /.well-known/jwks.json"),
            (false, false) => {
                if !is_url(&self.issuer) || self.issuer.ends_with('/') {
                    errors.push("console.issuer", "is no http:// or https:// URL without a slash at its end");
                }
                if !is_url(&self.jwks_url) {
                    errors.push("console.jwks_url", "is no http:// or https:// URL");
                }
            }
        }
    }
}

impl Secrets {
    /// The peppers: the first is current, the others only prove.
    pub fn ring(&self) -> anyhow::Result<PepperRing> {
        read_peppers(&self.peppers).map_err(|mistakes| anyhow!("secrets: {mistakes:?}"))
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
