//! One environment's stores, without any service on them.

use anyhow::Context;
use data_encoding::BASE64;
use dev::LocalDatabase;
use domain::environment::Environment;
use domain::secret::{Pepper, PepperRing};
use store::counters::RedisConfig;
use store::{DatabaseConfig, Pooler, Store};

use crate::servers::Servers;
use crate::settings::service_token;

pub(crate) const PEPPER_ID: &str = "test";
/// Generous: the machine that runs the tests may be busy, and a test says so when it wants Redis to be late.
pub(crate) const REDIS_TIMEOUT_MS: u64 = 2_000;
const PATIENCE_MS: u64 = 10_000;

/// A database and a Redis user of one environment.
pub struct EnvironmentStores {
    /// Which environment.
    pub environment: Environment,
    /// The database, for statements as owner or superuser.
    pub database: LocalDatabase,
    /// How services reach it.
    pub config: DatabaseConfig,
    /// Its rows.
    pub store: Store,
    /// How services reach Redis.
    pub redis: RedisConfig,
}

/// How long is waited for the stores.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StoreOptions {
    pub(crate) redis_timeout_ms: u64,
    /// Whether nobody breaks Postgres, so that what is slow is the machine.
    pub(crate) is_patient: bool,
}

impl EnvironmentStores {
    /// A migrated database and a Redis user of their own.
    pub async fn create(servers: &Servers, environment: Environment) -> anyhow::Result<Self> {
        let database = servers.create_database(environment).await?;
        let options = StoreOptions { redis_timeout_ms: REDIS_TIMEOUT_MS, is_patient: false };
        Self::connect(servers, environment, database, options).await
    }

    pub(crate) async fn connect(
        servers: &Servers,
        environment: Environment,
        database: LocalDatabase,
        options: StoreOptions,
    ) -> anyhow::Result<Self> {
        let user = servers.create_user(environment).await?;
        let config = match &servers.pgbouncer {
            Some(bouncer) => {
                DatabaseConfig { pooler: Pooler::Transaction, ..DatabaseConfig::new(bouncer.url(&database)?, 6) }
            }
            None => DatabaseConfig::new(&database.app_url, 6),
        };
        let config = match options.is_patient {
            true => DatabaseConfig { acquire_timeout_ms: PATIENCE_MS, statement_timeout_ms: PATIENCE_MS, ..config },
            false => config,
        };
        let store = Store::connect(&DatabaseConfig { pool_size: 4, ..config.clone() }).await?;
        let url = servers.redis.url(&user);
        let redis = RedisConfig { url, prefix: user.prefix, timeout_ms: options.redis_timeout_ms };
        Ok(Self { environment, database, config, store, redis })
    }

    /// The peppers of its keys.
    pub fn peppers(&self) -> anyhow::Result<PepperRing> {
        let bytes = BASE64.decode(self.random(1).as_bytes()).context("what was encoded a moment ago")?;
        Ok(PepperRing::new(Pepper::new(PEPPER_ID, bytes)?, Vec::new()))
    }

    /// The token of its key service.
    pub fn token(&self) -> String {
        service_token(self.environment)
    }

    /// 32 bytes in base64 that look drawn at random and are the same in every run.
    pub(crate) fn random(&self, purpose: u8) -> String {
        let seed = purpose.wrapping_mul(31) ^ self.environment.name().as_bytes()[0];
        let bytes: Vec<u8> = (0_u8..32).map(|at| at.wrapping_mul(73) ^ seed).collect();
        BASE64.encode(&bytes)
    }
}
