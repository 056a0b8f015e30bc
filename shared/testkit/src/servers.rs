//! The servers under a world: those of the whole test run, or its own.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use dev::{Cluster, LocalDatabase, LocalOptions, PgBouncer, Postgres, Redis, RedisServer, RedisUser};
use domain::environment::Environment;
use futures_util::future::try_join_all;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use tempfile::TempDir;

use crate::folder::temporary_folder;

const OWNER: &str = "testkit_owner";
const APP: &str = "testkit_app";

static NUMBER: AtomicU32 = AtomicU32::new(0);

/// A Postgres and a Redis to make databases and users on.
pub struct Servers {
    /// Where databases are made.
    pub cluster: Cluster,
    /// Where users are made.
    pub redis: RedisServer,
    /// The world's own Postgres, where it has one: to freeze, kill and restart.
    pub own_postgres: Option<Postgres>,
    /// The world's own Redis, where it has one: to freeze, kill and restart.
    pub own_redis: Option<Redis>,
    /// What stands before the databases, where anything does.
    pub pgbouncer: Option<PgBouncer>,
    /// What this world's databases and users are called.
    name: String,
    folder: TempDir,
}

/// Whose servers a world runs on.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Ownership {
    pub(crate) owns_postgres: bool,
    pub(crate) owns_redis: bool,
}

impl Servers {
    pub(crate) async fn start(ownership: Ownership) -> anyhow::Result<Self> {
        let folder = temporary_folder()?;
        let shared_cluster = Cluster::from_env()?.filter(|_| !ownership.owns_postgres);
        let shared_redis = RedisServer::from_env().filter(|_| !ownership.owns_redis);
        let (cluster, own_postgres) = match shared_cluster {
            Some(cluster) => (cluster, None),
            None => {
                let postgres = Postgres::start(options(folder.path(), "postgres")).await?;
                (postgres.cluster().clone(), Some(postgres))
            }
        };
        let (redis, own_redis) = match shared_redis {
            Some(redis) => (redis, None),
            None => {
                let redis = Redis::start(options(folder.path(), "redis")).await?;
                (redis.server().clone(), Some(redis))
            }
        };
        let name = format!("world_{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        Ok(Self { cluster, redis, own_postgres, own_redis, pgbouncer: None, name, folder })
    }

    /// A migrated database for each environment.
    pub(crate) async fn create_databases(&self) -> anyhow::Result<BTreeMap<Environment, LocalDatabase>> {
        let create = async |environment| anyhow::Ok((environment, self.create_database(environment).await?));
        Ok(try_join_all(Environment::ALL.map(create)).await?.into_iter().collect())
    }

    /// Has everybody go through a PgBouncer from now on.
    pub(crate) async fn start_pgbouncer(
        &mut self,
        databases: impl Iterator<Item = &LocalDatabase>,
        connections: u32,
    ) -> anyhow::Result<()> {
        let databases: Vec<&LocalDatabase> = databases.collect();
        let options = options(self.folder.path(), "pgbouncer");
        self.pgbouncer = Some(PgBouncer::start(options, &databases, connections).await?);
        Ok(())
    }

    async fn create_database(&self, environment: Environment) -> anyhow::Result<LocalDatabase> {
        let template = self.template().await?;
        let name = self.database_name(environment);
        Ok(self.cluster.clone_database(&template, &name, OWNER, APP).await?)
    }

    /// A Redis user that is kept to this world's prefix for one environment.
    pub(crate) async fn create_user(&self, environment: Environment) -> anyhow::Result<RedisUser> {
        let name = format!("{}_{environment}", self.name);
        let prefix = format!("claviger:{}:{environment}:", self.name);
        let user = RedisUser { name, password: "password".to_owned(), prefix };
        match &self.own_redis {
            // Not only told: written down, so that a restart keeps it.
            Some(redis) => redis.create_user(&user).await?,
            None => self.redis.create_user(&user).await?,
        }
        Ok(user)
    }

    /// Removes what the world leaves on servers that others go on using.
    pub(crate) async fn forget(&self) -> anyhow::Result<()> {
        if self.own_postgres.is_none() {
            for environment in Environment::ALL {
                self.cluster.delete_database(&self.database_name(environment)).await?;
            }
        }
        if self.own_redis.is_none() {
            self.redis.delete_keys(&format!("claviger:{}:", self.name)).await?;
        }
        Ok(())
    }

    fn database_name(&self, environment: Environment) -> String {
        format!("{}_{environment}", self.name)
    }

    /// A migrated database to copy: copying takes a fraction of the time of migrating.
    async fn template(&self) -> anyhow::Result<String> {
        let migrations = store::MIGRATIONS.iter();
        let checksum = migrations.flat_map(|migration| migration.checksum.iter()).fold(0_u64, |sum, byte| {
            // FNV-1a: enough to tell one set of migrations from another.
            (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        });
        let name = format!("testkit_template_{checksum:016x}");
        let mut connection = PgConnection::connect(&self.cluster.superuser_url("postgres")).await?;
        let find = "select exists (select from pg_database where datname = $1)";
        // Most of the time it is there, and nobody has to wait for anybody.
        let is_there: bool = sqlx::query_scalar(find).bind(&name).fetch_one(&mut connection).await?;
        if !is_there {
            // The lock ends with the connection.
            connection.execute("select pg_advisory_lock(hashtext('testkit.template'))").await?;
            let is_there: bool = sqlx::query_scalar(find).bind(&name).fetch_one(&mut connection).await?;
            if !is_there {
                self.make_template(&mut connection, &name).await?;
            }
        }
        connection.close().await?;
        Ok(name)
    }

    /// Under another name until it is whole.
    async fn make_template(&self, connection: &mut PgConnection, name: &str) -> anyhow::Result<()> {
        let unfinished = format!("{name}_unfinished");
        self.cluster.delete_database(&unfinished).await?;
        let database = self.cluster.create_database(&unfinished, OWNER, APP).await?;
        store::migrate(&database.owner_url, &database.app_role).await?;
        let rename = format!("alter database \"{unfinished}\" rename to \"{name}\"");
        connection.execute(AssertSqlSafe(rename)).await?;
        Ok(())
    }
}

fn options(folder: &Path, name: &str) -> LocalOptions {
    LocalOptions { directory: folder.join(name), port: None, is_durable: false }
}
