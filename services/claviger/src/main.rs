//! The one binary of an installation: a subcommand for each process, for administration, and for
//! development.

mod commands;
mod failure;
mod root_key;

use std::process::ExitCode;

use clap::Parser;

use crate::commands::Command;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The version, and the commit that it was built of.
const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (", env!("CLAVIGER_COMMIT"), ")");

/// A control plane for API keys.
#[derive(Parser)]
#[command(name = "claviger", version = VERSION, about, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let provider = rustls::crypto::aws_lc_rs::default_provider().install_default();
    provider.expect("nothing before main installs another provider");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.expect("the operating system gives us threads");
    match runtime.block_on(arguments.command.run()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failure::report(&error),
    }
}
