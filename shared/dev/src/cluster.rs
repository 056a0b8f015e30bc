//! Makes databases and roles on a Postgres whose superuser we are.

use std::time::Duration;

use sha2::{Digest, Sha256};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use crate::Error;

/// What Postgres answers while somebody is still connected to a template.
const OBJECT_IN_USE: &str = "55006";
const TEMPLATE_TRIES: u32 = 100;

/// A Postgres where databases can be made: a private one or one that a variable names.
#[derive(Debug, Clone)]
pub struct Cluster {
    superuser: String,
    password: String,
    address: String,
}

/// A database with its two roles.
#[derive(Debug, Clone)]
pub struct LocalDatabase {
    /// The database's name.
    pub name: String,
    /// The role that the services use; it owns nothing.
    pub app_role: String,
    /// For migrations.
    pub owner_url: String,
    /// For services.
    pub app_url: String,
}

impl Cluster {
    /// The Postgres that `CLAVIGER_TEST_POSTGRES` names with its superuser, as `with-stores` sets it.
    pub fn from_env() -> Result<Option<Self>, Error> {
        std::env::var("CLAVIGER_TEST_POSTGRES").ok().map(|url| Self::at(&url)).transpose()
    }

    /// The Postgres at `postgres://superuser:password@host:port/…`.
    pub fn at(url: &str) -> Result<Self, Error> {
        let parts = || {
            let rest = url.strip_prefix("postgres://")?;
            let (credentials, rest) = rest.split_once('@')?;
            let (superuser, password) = credentials.split_once(':')?;
            let address = rest.split('/').next()?;
            Some(Self { superuser: superuser.into(), password: password.into(), address: address.into() })
        };
        parts().ok_or_else(|| Error::Refused("not of the form postgres://superuser:password@host:port/…".into()))
    }

    /// The URL of a database as the superuser.
    pub fn superuser_url(&self, database: &str) -> String {
        format!("postgres://{}:{}@{}/{database}", self.superuser, self.password, self.address)
    }

    /// The URL of a database as one of the roles that [`Self::create_database`] made.
    pub fn url(&self, role: &str, database: &str) -> String {
        format!("postgres://{role}:{}@{}/{database}", self.role_password(role), self.address)
    }

    /// Makes an empty database with its owner and the services' role, each only when missing.
    pub async fn create_database(&self, name: &str, owner: &str, app: &str) -> Result<LocalDatabase, Error> {
        self.create(name, &format!("create database {} owner {}", quote(name), quote(owner)), owner, app).await
    }

    /// Makes a database with everything that is in `template`, which nobody may be connected to.
    pub async fn clone_database(
        &self,
        template: &str,
        name: &str,
        owner: &str,
        app: &str,
    ) -> Result<LocalDatabase, Error> {
        let create = format!("create database {} owner {} template {}", quote(name), quote(owner), quote(template));
        self.create(name, &create, owner, app).await
    }

    /// Removes a database, whoever is connected.
    pub async fn delete_database(&self, name: &str) -> Result<(), Error> {
        let mut connection = self.connect().await?;
        let statement = format!("drop database if exists {} with (force)", quote(name));
        connection.execute(AssertSqlSafe(statement)).await?;
        Ok(connection.close().await?)
    }

    async fn create(&self, name: &str, create: &str, owner: &str, app: &str) -> Result<LocalDatabase, Error> {
        let mut connection = self.connect().await?;
        self.create_roles(&mut connection, &[owner, app]).await?;
        let exists: bool = sqlx::query_scalar("select exists (select from pg_database where datname = $1)")
            .bind(name)
            .fetch_one(&mut connection)
            .await?;
        if !exists {
            create_patiently(&mut connection, create).await?;
            let grants = format!(
                "revoke all on database {0} from public; grant connect on database {0} to {1}",
                quote(name),
                quote(app)
            );
            connection.execute(sqlx::raw_sql(AssertSqlSafe(grants))).await?;
        }
        connection.close().await?;
        Ok(LocalDatabase {
            name: name.into(),
            app_role: app.into(),
            owner_url: self.url(owner, name),
            app_url: self.url(app, name),
        })
    }

    /// Under a lock: tests in several processes make the same roles at the same time.
    async fn create_roles(&self, connection: &mut PgConnection, roles: &[&str]) -> Result<(), Error> {
        let mut transaction = connection.begin().await?;
        transaction.execute("select pg_advisory_xact_lock(hashtext('claviger.roles'))").await?;
        for role in roles {
            let exists: bool = sqlx::query_scalar("select exists (select from pg_roles where rolname = $1)")
                .bind(role)
                .fetch_one(&mut *transaction)
                .await?;
            if !exists {
                let attributes = "login nosuperuser nobypassrls nocreatedb nocreaterole noreplication";
                let password = self.role_password(role);
                let statement = format!("create role {} {attributes} password '{password}'", quote(role));
                transaction.execute(AssertSqlSafe(statement)).await?;
            }
        }
        Ok(transaction.commit().await?)
    }

    /// Derived, so that every process that knows the superuser's password agrees without being told.
    fn role_password(&self, role: &str) -> String {
        let digest = Sha256::new().chain_update(&self.password).chain_update([0]).chain_update(role).finalize();
        data_encoding::HEXLOWER.encode(&digest[..16])
    }

    async fn connect(&self) -> Result<PgConnection, Error> {
        Ok(PgConnection::connect(&self.superuser_url("postgres")).await?)
    }
}

async fn create_patiently(connection: &mut PgConnection, statement: &str) -> Result<(), Error> {
    for _ in 1..TEMPLATE_TRIES {
        match connection.execute(AssertSqlSafe(statement.to_owned())).await {
            Ok(_) => return Ok(()),
            Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some(OBJECT_IN_USE) => {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
    connection.execute(AssertSqlSafe(statement.to_owned())).await?;
    Ok(())
}

fn quote(identifier: &str) -> String {
    format!("\"{}\"", identifier.replace('"', "\"\""))
}
