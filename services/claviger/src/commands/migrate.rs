//! `claviger migrate`: brings a database up to date, as its owner: an environment's, or the console's.

use anyhow::Context;
use clap::{Args, ValueEnum};

/// Which database, and who will use it.
#[derive(Args)]
pub struct Migrate {
    /// Which schema it has
    #[arg(value_enum, default_value_t = Schema::Environment)]
    schema: Schema,
    /// The database as its owner: postgres://owner:password@host:port/database
    #[arg(long, value_name = "URL", env = "CLAVIGER_MIGRATE_DATABASE_URL", hide_env_values = true)]
    database_url: String,
    /// The role that the services use; it has to exist, and must neither own the database nor be a superuser
    #[arg(long, value_name = "ROLE", env = "CLAVIGER_MIGRATE_APP_ROLE")]
    app_role: String,
}

/// What a database is for.
#[derive(Clone, Copy, ValueEnum)]
enum Schema {
    /// One environment: organizations, keys and what hangs on them
    Environment,
    /// The console: people, sessions and the directory of organizations
    Control,
}

impl Migrate {
    /// Runs the pending migrations.
    pub async fn run(self) -> anyhow::Result<()> {
        let run = match self.schema {
            Schema::Environment => store::migrate(&self.database_url, &self.app_role).await,
            Schema::Control => store::migrate_control(&self.database_url, &self.app_role).await,
        };
        run.context("the migrations did not run")?;
        eprintln!("The schema is up to date, and {} may use it.", self.app_role);
        Ok(())
    }
}
