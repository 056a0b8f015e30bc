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
    /// Run one process of the installation
    #[command(subcommand)]
    Serve(serve::Serve),
    /// Bring the schema of an environment's database up to date
    Migrate(migrate::Migrate),
    /// What the administrator of an installation does
    #[command(subcommand)]
    Admin(admin::Admin),
    /// Print the OpenAPI document of a service
    Openapi {
        /// Whose
        #[arg(value_enum, default_value = "api")]
        service: openapi::Documented,
    },
    #[command(hide = true)]
    Api(serve::Moved),
    #[command(hide = true)]
    Keys(serve::Moved),
    #[command(hide = true)]
    Worker(serve::Moved),
}

impl Command {
    /// Does it.
    pub async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Dev(dev) => dev.run().await,
            Self::Serve(serve) => serve.run().await,
            Self::Migrate(migrate) => migrate.run().await,
            Self::Admin(admin) => admin.run().await,
            Self::Openapi { service } => openapi::print(service),
            Self::Api(moved) => Err(moved.to("api")),
            Self::Keys(moved) => Err(moved.to("keys")),
            Self::Worker(moved) => Err(moved.to("worker")),
        }
    }
}
