//! The schema: bringing it up to date, saying who may use it, and refusing to work on the wrong one.

use sqlx::migrate::Migrator;
use sqlx::{Connection, PgConnection, Row};

use crate::control::Control;
use crate::error::Error;
use crate::session::{Mode, Session};
use crate::store::Store;

/// The migrations of an environment's database.
pub static MIGRATIONS: Migrator = sqlx::migrate!("../../migrations/environment");
/// The migrations of the control database.
pub static CONTROL_MIGRATIONS: Migrator = sqlx::migrate!("../../migrations/control");
/// What the services' role may do; `claviger.app_role` names it, to migrations as well.
const GRANTS: &str = include_str!("grants.sql");
/// What the console's role may do.
const CONTROL_GRANTS: &str = include_str!("control/grants.sql");

/// Why a service must not take requests.
#[derive(Debug, thiserror::Error)]
pub enum NotReady {
    /// No answer.
    #[error("the database does not answer")]
    Unavailable(#[source] Error),
    /// Nobody has run the migrations that this program needs.
    #[error("the database's schema is {found}; this program needs {needed}: run the migrations")]
    SchemaOlder {
        /// The newest migration that was run; 0 for none.
        found: i64,
        /// The newest migration that this program knows.
        needed: i64,
    },
    /// A later program has dropped what this one needs.
    #[error("the database's schema is for programs from {floor} on; this one is {known}: run a newer program")]
    SchemaNewer {
        /// The oldest version that the schema still serves.
        floor: i64,
        /// The newest migration that this program knows.
        known: i64,
    },
}

/// Brings an environment's schema up to date as its owner, and lets `app_role` use it.
pub async fn migrate(owner_url: &str, app_role: &str) -> Result<(), Error> {
    run(owner_url, app_role, (&MIGRATIONS, GRANTS)).await
}

/// Brings the control database's schema up to date as its owner, and lets the console's role use it.
pub async fn migrate_control(owner_url: &str, app_role: &str) -> Result<(), Error> {
    run(owner_url, app_role, (&CONTROL_MIGRATIONS, CONTROL_GRANTS)).await
}

async fn run(owner_url: &str, app_role: &str, (migrations, grants): (&Migrator, &'static str)) -> Result<(), Error> {
    let mut connection = PgConnection::connect(owner_url).await?;
    let name_role = sqlx::query("select set_config('claviger.app_role', $1, false)").bind(app_role);
    name_role.execute(&mut connection).await?;
    migrations.run(&mut connection).await.map_err(Error::unreadable)?;
    sqlx::raw_sql(grants).execute(&mut connection).await?;
    Ok(connection.close().await?)
}

impl Control {
    /// Checks that the database answers and that its schema is one that this program can work with.
    pub async fn check_ready(&self) -> Result<(), NotReady> {
        let session = self.session(Mode::Read).await.map_err(NotReady::Unavailable)?;
        check_schema(session, &CONTROL_MIGRATIONS).await
    }
}

impl Store {
    /// Checks that the database answers and that its schema is one that this program can work with.
    pub async fn check_ready(&self) -> Result<(), NotReady> {
        let session = self.session(Mode::Read).await.map_err(NotReady::Unavailable)?;
        check_schema(session, &MIGRATIONS).await
    }

    /// Lists what makes this role or this server unsafe to work with; nothing when all is well.
    pub async fn check_role(&self) -> Result<Vec<String>, Error> {
        let mut session = self.session(Mode::Read).await?;
        let sql = "select fault from (values
                ((select rolsuper from pg_roles where rolname = current_user), 'the role is a superuser'),
                ((select rolbypassrls from pg_roles where rolname = current_user),
                    'the role bypasses row-level security'),
                (exists (select 1 from pg_class c join pg_namespace n on n.oid = c.relnamespace
                    where n.nspname = 'public' and c.relkind in ('r', 'p')
                      and pg_has_role(current_user, c.relowner, 'member')),
                    'the role owns tables, or is a member of the role that does'),
                (exists (select 1 from pg_roles r
                    where (r.rolsuper or r.rolbypassrls) and r.rolname <> current_user
                      and pg_has_role(current_user, r.oid, 'member')),
                    'the role is a member of one that row-level security does not hold'),
                (current_setting('synchronous_commit') in ('off', 'local'), 'synchronous_commit is off'),
                (current_setting('fsync') = 'off', 'fsync is off')
            ) checks (is_so, fault)
            where is_so";
        let rows = session.all(sqlx::query(sql)).await?;
        Ok(rows.iter().map(|row| row.try_get("fault")).collect::<Result<_, _>>()?)
    }
}

async fn check_schema(mut session: Session, migrations: &Migrator) -> Result<(), NotReady> {
    let known = migrations.iter().map(|migration| migration.version).max().unwrap_or(0);
    let sql = "select max(version), claviger_schema_floor() from _sqlx_migrations where success";
    let row = match session.one(sqlx::query(sql)).await {
        Ok(row) => row,
        // No such table or function: no migration was ever run here.
        Err(Error::Database(_)) => return Err(NotReady::SchemaOlder { found: 0, needed: known }),
        Err(error) => return Err(NotReady::Unavailable(error)),
    };
    let read = |error: sqlx::Error| NotReady::Unavailable(error.into());
    let found: i64 = row.try_get::<Option<i64>, _>(0).map_err(read)?.unwrap_or(0);
    let floor: i64 = row.try_get(1).map_err(read)?;
    if found < known {
        return Err(NotReady::SchemaOlder { found, needed: known });
    }
    if floor > known {
        return Err(NotReady::SchemaNewer { floor, known });
    }
    Ok(())
}
