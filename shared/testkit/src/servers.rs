//! The servers under a fixture: those of the whole test run, or its own.

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
    /// The fixture's own Postgres, where it has one: to freeze, kill and restart.
    pub own_postgres: Option<Postgres>,
    /// The fixture's own Redis, where it has one: to freeze, kill and restart.
    pub own_redis: Option<Redis>,
    /// What stands before the databases, where anything does.
    pub pgbouncer: Option<PgBouncer>,
    /// What its databases and users are called.
    name: String,
    folder: TempDir,
}

/// What a database is for.
#[derive(Debug, Clone, Copy)]
enum Schema {
    Environment,
    Control,
}

/// Whose servers a fixture runs on.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ownership {
    /// A Postgres of its own, which the test may break.
    pub owns_postgres: bool,
    /// A Redis of its own, which the test may break.
    pub owns_redis: bool,
}

impl Servers {
    /// Starts what it owns, and finds the rest.
    pub async fn start(ownership: Ownership) -> anyhow::Result<Self> {
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
        let name = format!("test_{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
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

    /// A migrated control database.
    pub(crate) async fn create_control_database(&self) -> anyhow::Result<LocalDatabase> {
        let template = self.template(Schema::Control).await?;
        Ok(self.cluster.clone_database(&template, &self.control_name(), OWNER, APP).await?)
    }

    pub(crate) async fn create_database(&self, environment: Environment) -> anyhow::Result<LocalDatabase> {
        let template = self.template(Schema::Environment).await?;
        let name = self.database_name(environment);
        Ok(self.cluster.clone_database(&template, &name, OWNER, APP).await?)
    }

    /// A Redis user that is kept to a prefix of its own for one environment.
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

    /// Removes what is left on servers that others go on using.
    async fn forget(&self) -> anyhow::Result<()> {
        if self.own_postgres.is_none() {
            for environment in Environment::ALL {
                self.cluster.delete_database(&self.database_name(environment)).await?;
            }
            self.cluster.delete_database(&self.control_name()).await?;
        }
        if self.own_redis.is_none() {
            self.redis.delete_keys(&format!("claviger:{}:", self.name)).await?;
        }
        Ok(())
    }

    fn database_name(&self, environment: Environment) -> String {
        format!("{}_{environment}", self.name)
    }

    fn control_name(&self) -> String {
        format!("{}_control", self.name)
    }

    /// A migrated database to copy: copying takes a fraction of the time of migrating.
    async fn template(&self, schema: Schema) -> anyhow::Result<String> {
        let migrations = match schema {
            Schema::Environment => store::MIGRATIONS.iter(),
            Schema::Control => store::CONTROL_MIGRATIONS.iter(),
        };
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
                self.make_template(&mut connection, &name, schema).await?;
            }
        }
        connection.close().await?;
        Ok(name)
    }

    /// Under another name until it is whole.
    async fn make_template(&self, connection: &mut PgConnection, name: &str, schema: Schema) -> anyhow::Result<()> {
        let unfinished = format!("{name}_unfinished");
        self.cluster.delete_database(&unfinished).await?;
        let database = self.cluster.create_database(&unfinished, OWNER, APP).await?;
        match schema {
            Schema::Environment => store::migrate(&database.owner_url, &database.app_role).await?,
            Schema::Control => store::migrate_control(&database.owner_url, &database.app_role).await?,
        }
        let rename = format!("alter database \"{unfinished}\" rename to \"{name}\"");
        connection.execute(AssertSqlSafe(rename)).await?;
        Ok(())
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        // A drop cannot await, and the test's own runtime may have one thread only.
        let servers = &*self;
        let forgotten = std::thread::scope(|scope| {
            let forget = scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
                runtime.block_on(servers.forget())
            });
            forget.join()
        });
        if !matches!(forgotten, Ok(Ok(()))) {
            eprintln!("the databases and Redis keys of a test stay until the test run ends");
        }
    }
}

fn options(folder: &Path, name: &str) -> LocalOptions {
    LocalOptions { directory: folder.join(name), port: None, is_durable: false }
}
