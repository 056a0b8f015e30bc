//! The key service: answers whether a presented key may, for each environment on a listener of its own.

mod answer;
mod app;
mod background;
mod cache;
mod charge;
mod clock;
mod cold_reads;
pub mod config;
mod credits;
mod document;
mod explain;
mod foreign;
mod interner;
mod limits;
mod lookup;
mod metrics;
mod plain;
mod question;
mod reader;
mod requester;
mod routes;
mod single_flight;
mod spend;
mod throttle;
mod usage;
mod verify;

pub use app::{Bound, bind};
pub use config::{Config, DEFAULTS};
pub use document::openapi_json;
use tokio_util::sync::CancellationToken;

/// The same as the program's: what a warm key takes is measured with it.
#[cfg(test)]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Runs the service until `shutdown`.
pub async fn run(config: Config, shutdown: CancellationToken) -> anyhow::Result<()> {
    bind(config).await?.run(shutdown).await
}
