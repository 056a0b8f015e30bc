//! A worker's configuration; `config.default.yaml` documents every key.

use std::net::IpAddr;

use domain::environment::Environment;
use serde::{Deserialize, Serialize};
use server::config::ConfigErrors;
use server::settings::{Log, Telemetry, check_stores};
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
    pub database: DatabaseConfig,
    pub redis: RedisConfig,
    pub request_log: RequestLog,
    pub key_usage: KeyUsage,
    pub log: Log,
    pub telemetry: Telemetry,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    pub management_host: IpAddr,
    pub management_port: u16,
}

/// How long the request log is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestLog {
    pub retention_days: u16,
}

/// How long hourly key usage is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyUsage {
    pub retention_days: u16,
}

/// The minimum that the database enforces, so that a compromised service cannot remove its latest traces.
const RETENTION_DAYS_MIN: u16 = 7;

impl Config {
    /// Returns the configuration if it is usable, otherwise all mistakes that its types do not catch.
    pub fn checked(self) -> Result<Self, ConfigErrors> {
        let mut errors = ConfigErrors::new();
        check_stores("", &self.database, &self.redis, &mut errors);
        self.telemetry.check(&mut errors);
        if self.request_log.retention_days < RETENTION_DAYS_MIN {
            errors.push("request_log.retention_days", format!("is less than {RETENTION_DAYS_MIN}"));
        }
        if self.key_usage.retention_days == 0 {
            errors.push("key_usage.retention_days", "is 0; keep at least one day");
        }
        errors.none_or(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_settings_are_those_that_exist() {
        let defaults = DEFAULTS.replace("environment: \"\"", "environment: production");
        assert_eq!(server::config::undocumented::<Config>(&defaults), Vec::<String>::new());
    }

    #[test]
    fn all_that_has_to_be_set_is_told_together() {
        let environment = [("ENVIRONMENT", "staging"), ("REQUEST_LOG__RETENTION_DAYS", "6")]
            .map(|(name, value)| (format!("CLAVIGER__{name}"), value.to_owned()));
        let config: Config = server::config::load(DEFAULTS, None, environment.into_iter()).unwrap();
        let errors = config.checked().unwrap_err();
        let paths: Vec<&str> = errors.iter().map(|error| error.path.as_str()).collect();
        assert_eq!(paths, ["database.url", "redis.url", "redis.prefix", "request_log.retention_days"]);
    }
}
