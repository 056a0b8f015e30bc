//! What one process of the key service is told; `config.default.yaml` documents every key.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use domain::environment::Environment;
use serde::{Deserialize, Deserializer, Serialize};
use server::config::ConfigErrors;
use server::settings::{Log, PepperEntry, Telemetry, Tls, check_stores, check_token, read_peppers};
use store::DatabaseConfig;
use store::counters::RedisConfig;

use crate::routes::Tokens;

/// The documented defaults.
pub const DEFAULTS: &str = include_str!("../config.default.yaml");

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
    pub telemetry: Telemetry,
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
    pub tls: Tls,
    pub management_host: IpAddr,
    pub management_port: u16,
    pub public_docs: bool,
}

/// One environment: everything that its keys need, and nothing of another's.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnvironmentConfig {
    pub port: u16,
    pub service_token: String,
    pub internal_token: String,
    pub database: DatabaseConfig,
    pub redis: RedisConfig,
    pub peppers: Vec<PepperEntry>,
}

impl std::fmt::Debug for EnvironmentConfig {
    /// Without tokens and peppers.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EnvironmentConfig").field("port", &self.port).finish_non_exhaustive()
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
        let mut tokens = BTreeSet::new();
        for (environment, config) in &self.environments {
            let at = format!("environments.{environment}");
            config.check(&at, &mut errors);
            for (name, token) in [("service_token", &config.service_token), ("internal_token", &config.internal_token)]
            {
                // One that is missing is told as such.
                if !token.is_empty() && !tokens.insert(token) {
                    errors.push(format!("{at}.{name}"), "is another token of this process; draw one for each purpose");
                }
            }
        }
        self.server.tls.check(&mut errors);
        self.telemetry.check(&mut errors);
        errors.none_or(self)
    }
}

impl EnvironmentConfig {
    pub(crate) fn tokens(&self) -> Tokens {
        Tokens { service: self.service_token.clone(), internal: self.internal_token.clone() }
    }

    fn check(&self, at: &str, errors: &mut ConfigErrors) {
        check_token(format!("{at}.service_token"), &self.service_token, errors);
        check_token(format!("{at}.internal_token"), &self.internal_token, errors);
        check_stores(&format!("{at}."), &self.database, &self.redis, errors);
        for (place, message) in read_peppers(&self.peppers).err().into_iter().flatten() {
            errors.push(format!("{at}.{place}"), message);
        }
    }
}

#[cfg(test)]
mod tests {
    use data_encoding::BASE64;

    use super::*;

    fn loaded(variables: &[(&str, &str)]) -> Result<Config, ConfigErrors> {
        let variables = variables.iter().map(|(name, value)| (format!("CLAVIGER__{name}"), (*value).to_owned()));
        server::config::load::<Config>(DEFAULTS, None, variables)?.checked()
    }

    #[test]
    fn the_documented_settings_are_those_that_exist() {
        assert_eq!(server::config::undocumented::<Config>(DEFAULTS), Vec::<String>::new());
    }

    #[test]
    fn a_bad_pepper_is_named_and_never_shown() {
        let value = BASE64.encode(&[7; 32]);
        let errors = loaded(&[
            ("ENVIRONMENTS__STAGING__PORT", "3014"),
            ("ENVIRONMENTS__STAGING__SERVICE_TOKEN", "short-token"),
            ("ENVIRONMENTS__STAGING__INTERNAL_TOKEN", "0123456789abcdef0123456789abcdef"),
            ("ENVIRONMENTS__STAGING__DATABASE__URL", "postgres://app@localhost/staging"),
            ("ENVIRONMENTS__STAGING__DATABASE__POOL_SIZE", "4"),
            ("ENVIRONMENTS__STAGING__REDIS__URL", "redis://localhost:1"),
            ("ENVIRONMENTS__STAGING__REDIS__PREFIX", "claviger:staging:"),
            ("ENVIRONMENTS__STAGING__PEPPERS__0__ID", "one"),
            ("ENVIRONMENTS__STAGING__PEPPERS__0__VALUE", &value),
        ]);
        let text = errors.unwrap_err().to_string();
        assert!(text.contains("environments.staging.peppers.0.value"), "{text}");
        assert!(text.contains("environments.staging.service_token"), "all mistakes together: {text}");
        assert!(!text.contains(&value) && !text.contains("short-token"), "{text}");
    }

    #[test]
    fn no_token_serves_two_purposes() {
        let (one, other) = ("0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210");
        let told = |tokens: [&str; 4]| {
            let names = ["STAGING__SERVICE", "STAGING__INTERNAL", "PRODUCTION__SERVICE", "PRODUCTION__INTERNAL"];
            let names = names.map(|name| format!("ENVIRONMENTS__{name}_TOKEN"));
            let mut variables: Vec<(&str, &str)> = names.iter().map(String::as_str).zip(tokens).collect();
            let stores = ["STAGING", "PRODUCTION"].map(|name| {
                let at = |setting: &str| format!("ENVIRONMENTS__{name}__{setting}");
                [
                    (at("PORT"), "3014"),
                    (at("DATABASE__URL"), "postgres://app@localhost/one"),
                    (at("DATABASE__POOL_SIZE"), "4"),
                    (at("REDIS__URL"), "redis://localhost:1"),
                    (at("REDIS__PREFIX"), "claviger:one:"),
                    (at("PEPPERS__0__ID"), "one"),
                    (at("PEPPERS__0__VALUE"), "x"),
                ]
            });
            variables.extend(stores.iter().flatten().map(|(name, value)| (name.as_str(), *value)));
            let errors = loaded(&variables).unwrap_err().to_string();
            errors.matches("is another token of this process").count()
        };
        let (third, fourth) = ("00112233445566778899aabbccddeeff", "ffeeddccbbaa99887766554433221100");
        assert_eq!(told([one, other, third, fourth]), 0);
        assert_eq!(told([one, one, third, fourth]), 1, "of one environment");
        assert_eq!(told([one, other, one, fourth]), 1, "of two environments");
    }

    #[test]
    fn an_environment_that_is_none_is_refused() {
        assert!(loaded(&[]).unwrap_err().to_string().contains("environments"));
        assert!(loaded(&[("ENVIRONMENTS__TESTING__PORT", "3014")]).is_err());
    }
}
