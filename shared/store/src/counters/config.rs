//! How a service reaches its environment's Redis.

use redis::{Client, IntoConnectionInfo, RedisError};

/// Where Redis is, what its keys start with, and how long to wait for it.
#[derive(Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RedisConfig {
    /// `redis://user:password@host:port/`; `rediss://` for TLS.
    pub url: String,
    /// What every key starts with, and all that the user may touch.
    pub prefix: String,
    /// How long one call may take before it counts as lost.
    #[serde(default = "default_timeout_ms")]
    pub timeout_ms: u64,
}

const fn default_timeout_ms() -> u64 {
    50
}

impl RedisConfig {
    /// A configuration with the documented wait.
    pub fn new(url: impl Into<String>, prefix: impl Into<String>) -> Self {
        Self { url: url.into(), prefix: prefix.into(), timeout_ms: default_timeout_ms() }
    }

    /// Says whether the URL can be read at all, for the check of a configuration.
    pub fn is_readable(&self) -> bool {
        self.url.as_str().into_connection_info().is_ok()
    }

    pub(super) fn client(&self) -> Result<Client, RedisError> {
        Client::open(self.url.as_str())
    }
}

impl std::fmt::Debug for RedisConfig {
    /// Without the URL: it holds a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisConfig")
            .field("prefix", &self.prefix)
            .field("timeout_ms", &self.timeout_ms)
            .finish_non_exhaustive()
    }
}
