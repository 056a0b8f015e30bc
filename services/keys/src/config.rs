//! What one process of the key service is told; `config.default.yaml` documents every key.

use std::collections::BTreeMap;
use std::net::IpAddr;

use data_encoding::BASE64;
use domain::environment::Environment;
use domain::secret::{Pepper, PepperRing};
use serde::{Deserialize, Deserializer, Serialize};
use server::config::ConfigErrors;
use store::DatabaseConfig;
use store::counters::RedisConfig;

/// The documented defaults.
pub const DEFAULTS: &str = include_str!("../config.default.yaml");

/// The shortest service token that is accepted.
const TOKEN_CHARS_MIN: usize = 32;
/// More replicas than this are a typing error.
const REPLICAS_MAX: u32 = 1_000;

/// The whole configuration.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub server: Server,
    pub replicas: u32,
    #[serde(deserialize_with = "named")]
    pub environments: BTreeMap<Environment, EnvironmentConfig>,
    pub log: Log,
}

/// The environments by name: with fields rather than keys of a map, every mistake is told with its whole path.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    #[serde(default)]
    production: Option<EnvironmentConfig>,
    #[serde(default)]
    staging: Option<EnvironmentConfig>,
    #[serde(default)]
    development: Option<EnvironmentConfig>,
}

fn named<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<Environment, EnvironmentConfig>, D::Error> {
    let Named { production, staging, development } = Named::deserialize(deserializer)?;
    let named = [
        (Environment::Production, production),
        (Environment::Staging, staging),
        (Environment::Development, development),
    ];
    Ok(named.into_iter().filter_map(|(environment, config)| Some((environment, config?))).collect())
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    pub host: IpAddr,
    pub management_port: u16,
}

/// One environment: everything that its keys need, and nothing of another's.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnvironmentConfig {
    pub port: u16,
    pub token: String,
    pub database: DatabaseConfig,
    pub redis: RedisConfig,
    pub peppers: Vec<PepperEntry>,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PepperEntry {
    pub id: String,
    pub value: String,
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

impl std::fmt::Debug for EnvironmentConfig {
    /// Without token and peppers.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EnvironmentConfig").field("port", &self.port).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for PepperEntry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PepperEntry").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Config {
    /// The configuration if the service can work with it; all mistakes that its types do not tell otherwise.
    pub fn checked(self) -> Result<Self, ConfigErrors> {
        let mut errors = ConfigErrors::new();
        if !(1..=REPLICAS_MAX).contains(&self.replicas) {
            errors.push("replicas", "is a number from 1 to 1000");
        }
        if self.environments.is_empty() {
            errors.push("environments", "has to name at least one of production, staging and development");
        }
        for (environment, config) in &self.environments {
            config.check(&format!("environments.{environment}"), &mut errors);
        }
        errors.none_or(self)
    }
}

impl EnvironmentConfig {
    fn check(&self, at: &str, errors: &mut ConfigErrors) {
        if self.token.len() < TOKEN_CHARS_MIN {
            errors.push(format!("{at}.token"), "is missing or shorter than 32 characters");
        }
        if self.database.url.is_empty() {
            errors.push(format!("{at}.database.url"), "is missing");
        }
        if self.database.pool_size == 0 {
            errors.push(format!("{at}.database.pool_size"), "has to be at least 1");
        }
        if !self.redis.is_readable() {
            errors.push(format!("{at}.redis.url"), "is missing or no redis:// URL");
        }
        if self.redis.prefix.is_empty() {
            errors.push(format!("{at}.redis.prefix"), "is missing");
        }
        if let Err(mistakes) = self.ring() {
            for (place, message) in mistakes {
                errors.push(format!("{at}.{place}"), message);
            }
        }
    }

    /// The peppers; or each mistake with its place and without the value.
    pub(crate) fn ring(&self) -> Result<PepperRing, Vec<(String, String)>> {
        let (mut peppers, mut mistakes) = (Vec::new(), Vec::new());
        for (index, entry) in self.peppers.iter().enumerate() {
            if entry.id.is_empty() {
                mistakes.push((format!("peppers.{index}.id"), "is missing".to_owned()));
            }
            let Ok(bytes) = BASE64.decode(entry.value.as_bytes()) else {
                mistakes.push((format!("peppers.{index}.value"), "is not base64".to_owned()));
                continue;
            };
            match Pepper::new(entry.id.as_str(), bytes) {
                Ok(pepper) => peppers.push(pepper),
                Err(refusal) => mistakes.push((format!("peppers.{index}.value"), refusal.message)),
            }
        }
        let mut peppers = peppers.into_iter();
        match (peppers.next(), mistakes.is_empty()) {
            (Some(current), true) => Ok(PepperRing::new(current, peppers.collect())),
            (None, true) => Err(vec![("peppers".to_owned(), "has to have at least one".to_owned())]),
            (_, false) => Err(mistakes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loaded(variables: &[(&str, &str)]) -> Result<Config, ConfigErrors> {
        let variables = variables.iter().map(|(name, value)| (format!("CLAVIGER__{name}"), (*value).to_owned()));
        server::config::load::<Config>(DEFAULTS, None, variables)?.checked()
    }

    #[test]
    fn every_setting_is_documented_and_every_documented_setting_is_one() {
        assert_eq!(server::config::undocumented::<Config>(DEFAULTS), Vec::<String>::new());
    }

    #[test]
    fn a_bad_pepper_is_named_and_never_shown() {
        let value = BASE64.encode(&[7; 32]);
        let errors = loaded(&[
            ("ENVIRONMENTS__STAGING__PORT", "3014"),
            ("ENVIRONMENTS__STAGING__TOKEN", "short-token"),
            ("ENVIRONMENTS__STAGING__DATABASE__URL", "postgres://app@localhost/staging"),
            ("ENVIRONMENTS__STAGING__DATABASE__POOL_SIZE", "4"),
            ("ENVIRONMENTS__STAGING__REDIS__URL", "redis://localhost:1"),
            ("ENVIRONMENTS__STAGING__REDIS__PREFIX", "claviger:staging:"),
            ("ENVIRONMENTS__STAGING__PEPPERS__0__ID", "one"),
            ("ENVIRONMENTS__STAGING__PEPPERS__0__VALUE", &value),
        ]);
        let text = errors.unwrap_err().to_string();
        assert!(text.contains("environments.staging.peppers.0.value"), "{text}");
        assert!(text.contains("environments.staging.token"), "all mistakes together: {text}");
        assert!(!text.contains(&value) && !text.contains("short-token"), "{text}");
    }

    #[test]
    fn an_environment_that_is_none_is_refused() {
        assert!(loaded(&[]).unwrap_err().to_string().contains("environments"));
        assert!(loaded(&[("ENVIRONMENTS__TESTING__PORT", "3014")]).is_err());
    }
}
