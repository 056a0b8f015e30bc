//! What the console is told; `config.default.yaml` documents every key.

use std::collections::BTreeMap;
use std::net::IpAddr;

use chrono::TimeDelta;
use data_encoding::BASE64;
use domain::environment::Environment;
use domain::secret::is_sample;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use server::config::ConfigErrors;
use server::settings::{Log, Telemetry, Tls};
use store::DatabaseConfig;
use store::control::SessionLifetime;
use url::{Host, Url};

/// The documented defaults.
pub const DEFAULTS: &str = include_str!("../config.default.yaml");

/// The least that a password has to have, whatever the configuration says.
const PASSWORD_CHARS_FLOOR: usize = 10;
/// The longest that a session can last, whatever the configuration says.
const SESSION_HOURS_MAX: u32 = 24 * 30;

/// The whole configuration.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub server: Server,
    pub database: DatabaseConfig,
    pub secrets: Secrets,
    pub environments: BTreeMap<Environment, EnvironmentApi>,
    pub sessions: Sessions,
    pub passwords: Passwords,
    pub mail: Mail,
    pub log: Log,
    pub telemetry: Telemetry,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    pub host: IpAddr,
    pub port: u16,
    pub public_url: String,
    pub tls: Tls,
    pub management_host: IpAddr,
    pub management_port: u16,
    pub trusted_proxies: Vec<IpNet>,
}

/// What never leaves this process.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Secrets {
    pub sealing_key: String,
}

/// Where the Integration API of an environment is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnvironmentApi {
    /// As the console reaches it.
    pub api_url: String,
    /// As programs reach it.
    pub public_url: String,
}

/// How long sessions last.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sessions {
    pub idle_minutes: u32,
    pub hours: u32,
}

/// What passwords have to be like.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Passwords {
    pub min_chars: usize,
    pub breach_file: String,
    pub hashing: Hashing,
}

/// What a hash of a password costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hashing {
    /// Argon2id with 19 MiB and two passes.
    Standard,
    /// Next to nothing, so that tests do not wait.
    CheapForTests,
}

/// How mail is sent.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mail {
    pub smtp_url: String,
    pub from: String,
}

impl Config {
    /// The configuration if the console can work with it; all mistakes that its types do not tell otherwise.
    pub fn checked(self) -> Result<Self, ConfigErrors> {
        let mut errors = ConfigErrors::new();
        if self.database.url.is_empty() {
            errors.push("database.url", "is missing");
        }
        if self.database.pool_size == 0 {
            errors.push("database.pool_size", "has to be at least 1");
        }
        let public_url = self.server.public_url();
        match &public_url {
            None => errors.push("server.public_url", "is missing or not a bare origin, as https://console.example.com"),
            Some(url) if url.scheme() != "https" && !is_this_machine(url) => {
                errors
                    .push("server.public_url", "has to be https: browsers keep the session's cookie for nothing else");
            }
            Some(_) => {}
        }
        match self.secrets.sealing_key() {
            None => errors.push("secrets.sealing_key", "is missing or not 32 bytes in base64"),
            Some(key) if is_sample(&key) => {
                errors.push("secrets.sealing_key", "is a sample value; draw 32 random bytes");
            }
            Some(_) => {}
        }
        if self.environments.is_empty() {
            errors.push("environments", "has to have at least one of production, staging and development");
        }
        for (environment, api) in &self.environments {
            for (name, url) in [("api_url", &api.api_url), ("public_url", &api.public_url)] {
                if !Url::parse(url).is_ok_and(|url| ["http", "https"].contains(&url.scheme())) {
                    errors.push(format!("environments.{environment}.{name}"), "is missing or no http:// URL");
                }
            }
        }
        self.check_people(public_url.as_ref(), &mut errors);
        self.server.tls.check(&mut errors);
        self.telemetry.check(&mut errors);
        errors.none_or(self)
    }

    fn check_people(&self, public_url: Option<&Url>, errors: &mut ConfigErrors) {
        if self.sessions.idle_minutes == 0 {
            errors.push("sessions.idle_minutes", "has to be at least 1");
        }
        if !(1..=SESSION_HOURS_MAX).contains(&self.sessions.hours) {
            errors.push("sessions.hours", format!("has to be from 1 to {SESSION_HOURS_MAX}"));
        }
        if self.passwords.min_chars < PASSWORD_CHARS_FLOOR {
            errors.push("passwords.min_chars", format!("has to be at least {PASSWORD_CHARS_FLOOR}"));
        }
        let is_alone = self.server.host.is_loopback() && public_url.is_some_and(is_this_machine);
        if self.passwords.hashing == Hashing::CheapForTests && !is_alone {
            errors.push("passwords.hashing", "cheap-for-tests is for a console that listens on this machine alone");
        }
        if self.mail.smtp_url.is_empty() != self.mail.from.is_empty() {
            errors.push("mail", "smtp_url and from come together");
        }
    }
}

impl Server {
    /// The console's own origin, if it is one.
    pub fn public_url(&self) -> Option<Url> {
        let url = Url::parse(&self.public_url).ok()?;
        let is_bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        let is_origin = is_bare && url.username().is_empty() && url.password().is_none() && url.has_host();
        (is_origin && ["http", "https"].contains(&url.scheme())).then_some(url)
    }
}

impl Secrets {
    /// The key that seals.
    pub fn sealing_key(&self) -> Option<[u8; 32]> {
        BASE64.decode(self.sealing_key.as_bytes()).ok()?.try_into().ok()
    }
}

impl Sessions {
    /// How long a session lasts.
    pub fn lifetime(&self) -> SessionLifetime {
        SessionLifetime {
            idle: TimeDelta::minutes(i64::from(self.idle_minutes)),
            absolute: TimeDelta::hours(i64::from(self.hours)),
        }
    }
}

/// Browsers take a secure cookie over plain HTTP from here alone.
fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secrets")
    }
}

impl std::fmt::Debug for Mail {
    /// Without the URL: it holds a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mail").field("from", &self.from).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(settings: &[(&str, &str)]) -> Config {
        let variables = settings.iter().map(|(name, value)| (format!("CLAVIGER__{name}"), (*value).to_owned()));
        server::config::load(DEFAULTS, None, variables).unwrap()
    }

    fn mistakes(settings: &[(&str, &str)]) -> Vec<String> {
        load(settings).checked().unwrap_err().iter().map(|error| error.path.clone()).collect()
    }

    #[test]
    fn the_documented_settings_are_those_that_exist() {
        assert_eq!(server::config::undocumented::<Config>(DEFAULTS), Vec::<String>::new());
    }

    #[test]
    fn all_that_has_to_be_set_is_told_together() {
        let found = mistakes(&[("PASSWORDS__HASHING", "cheap-for-tests"), ("MAIL__FROM", "a@b.c")]);
        let expected =
            ["database.url", "server.public_url", "secrets.sealing_key", "environments", "passwords.hashing", "mail"];
        assert_eq!(found, expected);
    }

    #[test]
    fn the_public_url_is_an_origin_that_keeps_cookies() {
        let of = |url: &str| mistakes(&[("SERVER__PUBLIC_URL", url)]).contains(&"server.public_url".to_owned());
        for fit in ["https://console.example.com", "http://localhost:3000", "http://127.0.0.1:3000/"] {
            assert!(!of(fit), "{fit}");
        }
        for unfit in ["http://console.example.com", "https://a.b/c", "https://a:b@c.d", "ftp://localhost", "localhost"]
        {
            assert!(of(unfit), "{unfit}");
        }
    }
}
