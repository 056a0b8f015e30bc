//! How a service reaches its environment's Redis.

use super::topology::Topology;

/// Where Redis is, what its keys start with, and how long to wait for it.
#[derive(Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RedisConfig {
    /// `redis://user:password@host:port/` for one server, `redis-sentinel://user:password@host:port,host:port/master`
    /// for the one that sentinels name, `redis-cluster://user:password@host:port,host:port` for a cluster; with
    /// `rediss` for TLS.
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

    /// What is wrong with the URL, for the check of a configuration.
    pub fn url_fault(&self) -> Option<&'static str> {
        self.topology().err()
    }

    /// What is wrong with the prefix, for the check of a configuration.
    pub fn prefix_fault(&self) -> Option<&'static str> {
        if self.prefix.is_empty() {
            return Some("is missing");
        }
        // In a cluster what stands between braces decides where a key lives; between ours stands the organization.
        self.prefix.contains(['{', '}']).then_some("has to do without braces")
    }

    pub(super) fn topology(&self) -> Result<Topology, &'static str> {
        Topology::read(&self.url)
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
