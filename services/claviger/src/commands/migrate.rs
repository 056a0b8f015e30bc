//! `claviger migrate`: brings an environment's database up to date, as its owner.

use anyhow::Context;
use clap::Args;

/// Which database, and who will use it.
#[derive(Args)]
pub struct Migrate {
    /// The database as its owner: postgres://owner:password@host:port/database
    #[arg(long, value_name = "URL", env = "CLAVIGER_MIGRATE_DATABASE_URL", hide_env_values = true)]
    database_url: String,
    /// The role that the services use; it has to exist, and must neither own the database nor be a superuser
    #[arg(long, value_name = "ROLE", env = "CLAVIGER_MIGRATE_APP_ROLE")]
    app_role: String,
}

impl Migrate {
    /// Runs the pending migrations.
    pub async fn run(self) -> anyhow::Result<()> {
        store::migrate(&self.database_url, &self.app_role).await.context("the migrations did not run")?;
        eprintln!("The schema is up to date, and {} may use it.", self.app_role);
        Ok(())
    }
}
