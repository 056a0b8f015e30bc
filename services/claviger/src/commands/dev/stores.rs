//! Postgres and Redis of `claviger dev`: a database, two roles and a Redis user for each environment.

use anyhow::Context;
use dev::{LocalOptions, Postgres, Redis, RedisUser};
use domain::environment::Environment;
use futures_util::future::{try_join, try_join_all};

use super::folder::{Folder, draw_password};
use super::ports::Ports;

/// The addresses of the stores of all processes.
pub struct Reaches {
    /// In the order of [`Environment::ALL`].
    pub environments: Vec<Reach>,
    /// The console's Postgres, as the role that owns nothing.
    pub control_url: String,
}

/// Both, running.
pub struct Stores {
    /// One database per environment.
    pub postgres: Postgres,
    /// One user per environment.
    pub redis: Redis,
}

/// The console's database, and its role.
const CONTROL: &str = "claviger_control";

/// The addresses of one environment's stores.
pub struct Reach {
    /// Postgres, as the role that owns nothing.
    pub database_url: String,
    /// Redis, as the user that is limited to the prefix.
    pub redis_url: String,
    /// What the environment's Redis keys start with.
    pub redis_prefix: String,
}

impl Stores {
    /// Starts both.
    pub async fn start(folder: &Folder, ports: Ports) -> anyhow::Result<Self> {
        let options = |name: &str, port| {
            Ok::<_, anyhow::Error>(LocalOptions { directory: folder.store(name)?, port: Some(port), is_durable: true })
        };
        let postgres = Postgres::start(options("postgres", ports.postgres())?);
        let redis = Redis::start(options("redis", ports.redis())?);
        let (postgres, redis) = try_join(postgres, redis).await.context("the stores do not start")?;
        Ok(Self { postgres, redis })
    }

    /// Removes every environment's rows, and the keys in them.
    pub async fn forget(&self) -> anyhow::Result<()> {
        self.postgres.cluster().delete_database(CONTROL).await?;
        for environment in Environment::ALL {
            self.postgres.cluster().delete_database(&format!("claviger_{environment}")).await?;
        }
        Ok(())
    }

    /// Creates what is missing and migrates every schema; in the order of [`Environment::ALL`].
    pub async fn prepare(&self) -> anyhow::Result<Reaches> {
        let environments = try_join_all(Environment::ALL.map(|environment| self.prepare_environment(environment)));
        let (environments, control_url) = try_join(environments, self.prepare_control()).await?;
        Ok(Reaches { environments, control_url })
    }

    /// Where people, sessions and the directory of organizations live.
    async fn prepare_control(&self) -> anyhow::Result<String> {
        let owner = format!("{CONTROL}_owner");
        let database = self.postgres.cluster().create_database(CONTROL, &owner, CONTROL).await?;
        let migrated = store::migrate_control(&database.owner_url, &database.app_role).await;
        migrated.context("the migrations of the console did not run")?;
        Ok(database.app_url)
    }

    async fn prepare_environment(&self, environment: Environment) -> anyhow::Result<Reach> {
        let name = format!("claviger_{environment}");
        let database = self.postgres.cluster().create_database(&name, &format!("{name}_owner"), &name).await?;
        let migrated = store::migrate(&database.owner_url, &database.app_role).await;
        migrated.with_context(|| format!("the migrations of {environment} did not run"))?;
        let prefix = format!("claviger:{environment}:");
        let user = RedisUser { name: environment.name().to_owned(), password: draw_password(), prefix };
        self.redis.create_user(&user).await?;
        Ok(Reach { database_url: database.app_url, redis_url: self.redis.url(&user), redis_prefix: user.prefix })
    }
}
