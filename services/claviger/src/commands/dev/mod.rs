//! `claviger dev`: everything in one process tree on loopback, from nothing, under `.claviger`.
//!
//! However it ends, everything it started ends too.

mod configs;
mod demo;
mod folder;
mod people;
mod ports;
mod report;
mod services;
mod stores;

use std::time::Instant;

use anyhow::Context;
use clap::{Args, value_parser};
use tokio_util::sync::CancellationToken;

use self::folder::Folder;
use self::ports::{OFFSET_MAX, Ports};
use self::report::DevFile;
use self::services::Services;
use self::stores::Stores;

/// How to start.
#[derive(Args)]
pub struct Dev {
    /// Forget all data, keys and secrets of earlier starts
    #[arg(long)]
    reset: bool,
    /// Move every port by so much
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = value_parser!(u16).range(..=OFFSET_MAX))]
    port_offset: u16,
}

/// Everything, running. Fields are dropped in this order: clients before the servers they use.
struct Running {
    services: Services,
    stores: Stores,
    _folder: Folder,
}

impl Dev {
    /// Runs until told to stop, or until one of its processes ends.
    pub async fn run(self) -> anyhow::Result<()> {
        let shutdown = server::shutdown::signal()?;
        let running = tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            running = self.start() => running?,
        };
        let result = running.watch(&shutdown).await;
        eprintln!("\nStopping.");
        tokio::task::spawn_blocking(move || drop(running)).await.context("stopping")?;
        result
    }

    async fn start(&self) -> anyhow::Result<Running> {
        let started = Instant::now();
        let folder = Folder::open()?;
        let ports = Ports::moved_by(self.port_offset);
        ports.check_free()?;
        if self.reset {
            folder.reset()?;
        }
        folder.prepare()?;
        let known = DevFile::read(&folder)?;
        let is_unfinished = folder.unfinished_demo().exists();
        let secrets = folder.secrets()?;

        eprintln!("Starting Postgres and Redis.");
        let stores = Stores::start(&folder, ports).await?;
        if known.is_none() && is_unfinished {
            eprintln!("An earlier start was interrupted before its keys were written down; its data is made again.");
            stores.forget().await?;
        }
        let reaches = stores.prepare().await?;

        eprintln!("Starting the services of three environments.");
        let described = configs::write(&folder, ports, &secrets, &reaches)?;
        let services = Services::start(&folder, &described)?;
        services.await_ready(&described).await?;

        let file = match known {
            Some(known) => {
                people::create(&reaches, &secrets).await?;
                known.moved(ports, &secrets)
            }
            None => {
                eprintln!("Making demo data.");
                folder::write_private(&folder.unfinished_demo(), "")?;
                let demo = demo::create(ports, &secrets, &reaches.environments).await?;
                people::create(&reaches, &secrets).await?;
                DevFile::new(demo, ports, &secrets)?
            }
        };
        file.write(&folder)?;
        // Absent after a start that had nothing to create.
        let _ = std::fs::remove_file(folder.unfinished_demo());
        file.print(ports, started.elapsed().as_secs_f64())?;
        Ok(Running { services, stores, _folder: folder })
    }
}

impl Running {
    async fn watch(&self, shutdown: &CancellationToken) -> anyhow::Result<()> {
        let others = [self.stores.postgres.process(), self.stores.redis.process()];
        tokio::select! {
            () = shutdown.cancelled() => Ok(()),
            ended = self.services.watch(&others) => ended,
        }
    }
}
