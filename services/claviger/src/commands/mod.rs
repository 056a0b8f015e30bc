//! The subcommands, one file each.

mod admin;
mod dev;
mod migrate;
mod openapi;
mod serve;

use clap::Subcommand;

/// What to do.
#[derive(Subcommand)]
pub enum Command {
    /// Start everything on this machine from nothing: stores, services, three environments, demo data
    Dev(dev::Dev),
    /// Run the Integration API of one environment
    Api(serve::Serve),
    /// Run the key service
    Keys(serve::Serve),
    /// Run the worker of one environment
    Worker(serve::Serve),
    /// Bring the schema of an environment's database up to date
    Migrate(migrate::Migrate),
    /// What the administrator of an installation does
    #[command(subcommand)]
    Admin(admin::Admin),
    /// Print the OpenAPI document of the Integration API
    Openapi,
}

impl Command {
    /// Does it.
    pub async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Dev(dev) => dev.run().await,
            Self::Api(serve) => serve.api().await,
            Self::Keys(serve) => serve.keys().await,
            Self::Worker(serve) => serve.worker().await,
            Self::Migrate(migrate) => migrate.run().await,
            Self::Admin(admin) => admin.run().await,
            Self::Openapi => openapi::print().await,
        }
    }
}
