//! `claviger admin`: what only the administrator of an installation may do, with the configuration of its API.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use domain::environment::Environment;
use domain::limit::{LIMIT_MAX, Limit, WINDOW_MS_MAX, WINDOW_MS_MIN};
use domain::names::Name;
use domain::permission::{Permission, PermissionName};
use domain::policy::KeyKind;
use store::{DatabaseConfig, Store};

use super::serve::load_api;
use crate::root_key::{NewRootKey, create};

const PATIENCE_MS: u64 = 10_000;

/// Administration.
#[derive(Subcommand)]
pub enum Admin {
    /// Root keys: across the organizations of one environment
    #[command(subcommand)]
    RootKey(RootKey),
}

/// Root keys.
#[derive(Subcommand)]
pub enum RootKey {
    /// Make a root key; its secret is printed once, to standard output, and everything else to standard error
    Create(CreateRootKey),
}

/// A root key to be.
#[derive(Args)]
pub struct CreateRootKey {
    /// The environment; it has to be the one that the configuration is of
    #[arg(long)]
    environment: Environment,
    /// The configuration of that environment's API: its database and its peppers
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// What people will call it
    #[arg(long)]
    name: String,
    /// What it may do, as resource.action; may be repeated
    #[arg(long = "permission", value_name = "PERMISSION", required_unless_present = "all", conflicts_with = "all")]
    permissions: Vec<String>,
    /// It may do everything that exists today
    #[arg(long)]
    all: bool,
    /// How many requests in how many seconds
    #[arg(long, value_name = "REQUESTS/SECONDS", default_value = "1000/60", value_parser = read_limit)]
    limit: Limit,
}

impl Admin {
    /// Does it.
    pub async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::RootKey(RootKey::Create(create)) => create.run().await,
        }
    }
}

impl CreateRootKey {
    async fn run(self) -> anyhow::Result<()> {
        let config = load_api(self.config.as_deref())?;
        if config.environment != self.environment {
            bail!("--environment says {}, and the configuration is of {}", self.environment, config.environment);
        }
        let new = NewRootKey {
            name: Name::parse(&self.name).context("--name")?,
            permissions: self.permissions()?,
            limit: self.limit,
        };
        // A person waits here, not a request.
        let database = DatabaseConfig { acquire_timeout_ms: PATIENCE_MS, ..config.database };
        let store = Store::connect(&database).await?;
        let secret = create(&store, self.environment, &config.secrets.ring()?, new).await?;
        eprintln!("A root key of {}. This is the only time that its secret is shown:", self.environment);
        let mut output = std::io::stdout().lock();
        writeln!(output, "{}", secret.expose()).context("writing to standard output")
    }

    fn permissions(&self) -> anyhow::Result<Vec<PermissionName>> {
        if self.all {
            return Ok(Permission::ALL.iter().copied().map(PermissionName::from).collect());
        }
        let read = |text: &String| {
            let name = PermissionName::parse(text)?;
            name.check_known(KeyKind::Root, &[])?;
            Ok(name)
        };
        let names: Result<Vec<_>, domain::validation::ValidationError> = self.permissions.iter().map(read).collect();
        names.context("--permission")
    }
}

/// Reads `1000/60`: so many requests in so many seconds.
fn read_limit(text: &str) -> Result<Limit, String> {
    let numbers = text.split_once('/').and_then(|(limit, seconds)| {
        Some((limit.parse::<u64>().ok()?, seconds.parse::<u64>().ok()?.checked_mul(1_000)?))
    });
    let (limit, window_ms) = numbers.ok_or("write requests/seconds, as in 1000/60")?;
    if !(1..=LIMIT_MAX).contains(&limit) || !(WINDOW_MS_MIN..=WINDOW_MS_MAX).contains(&window_ms) {
        return Err(format!("1 to {LIMIT_MAX} requests in 1 to {} seconds", WINDOW_MS_MAX / 1_000));
    }
    Ok(Limit { name: "requests".to_owned(), limit, window_ms })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_requests_in_seconds() {
        let limit = read_limit("1000/60").unwrap();
        assert_eq!((limit.limit, limit.window_ms), (1_000, 60_000));
        for bad in ["", "1000", "0/60", "10/0", "-1/60", "1/99999999", "1000000001/60", "1/18446744073709551615"] {
            assert!(read_limit(bad).is_err(), "{bad}");
        }
    }
}
