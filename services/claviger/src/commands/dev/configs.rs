//! The configuration files of the services that `claviger dev` starts, as an operator would write them.

use std::path::PathBuf;

use domain::environment::Environment;
use serde_json::{Map, Value, json};

use super::folder::{Folder, Secrets};
use super::ports::Ports;
use super::stores::{Reach, Reaches};

const HOST: &str = "127.0.0.1";
/// The name of the one pepper of each environment.
pub const PEPPER_ID: &str = "dev-1";
/// Redis and the services share one busy machine here, so a timeout for a data centre would be too short.
const REDIS_TIMEOUT_MS: u64 = 250;

/// A service to start.
pub struct Service {
    /// `api-staging`, for logs and messages.
    pub name: String,
    /// The subcommand of `serve`.
    pub command: &'static str,
    /// Its configuration.
    pub config: PathBuf,
    /// Where its health is.
    pub management_port: u16,
}

/// Writes the configuration of every service.
pub fn write(folder: &Folder, ports: Ports, secrets: &Secrets, reaches: &Reaches) -> anyhow::Result<Vec<Service>> {
    let environments = &reaches.environments;
    let mut services = vec![keys(folder, ports, secrets, environments)?];
    for (environment, reach) in Environment::ALL.into_iter().zip(environments) {
        services.push(api(folder, ports, secrets, (environment, reach))?);
        services.push(worker(folder, ports, environment, reach)?);
    }
    services.push(console(folder, ports, secrets, &reaches.control_url)?);
    Ok(services)
}

fn keys(folder: &Folder, ports: Ports, secrets: &Secrets, reaches: &[Reach]) -> anyhow::Result<Service> {
    let mut environments = Map::new();
    for (environment, reach) in Environment::ALL.into_iter().zip(reaches) {
        let own = secrets.of(environment);
        let settings = json!({
            "port": ports.keys(environment),
            "service_token": own.keys_token,
            "internal_token": own.internal_token,
            "database": {"url": reach.database_url, "pool_size": 8},
            "redis": redis(reach),
            "peppers": [{"id": PEPPER_ID, "value": own.pepper}],
        });
        environments.insert(environment.name().to_owned(), settings);
    }
    let management_port = ports.keys_management();
    let settings = json!({
        "server": {"host": HOST, "management_port": management_port},
        "replicas": 1,
        "environments": environments,
        "log": log(),
    });
    let config = folder.write_config("keys", &settings)?;
    Ok(Service { name: "keys".to_owned(), command: "keys", config, management_port })
}

fn api(
    folder: &Folder,
    ports: Ports,
    secrets: &Secrets,
    (environment, reach): (Environment, &Reach),
) -> anyhow::Result<Service> {
    let own = secrets.of(environment);
    let management_port = ports.api_management(environment);
    let settings = json!({
        "environment": environment.name(),
        "server": {"host": HOST, "integration_port": ports.api(environment), "management_port": management_port},
        "database": {"url": reach.database_url, "pool_size": 10},
        "redis": redis(reach),
        "keys": {"url": format!("http://{HOST}:{}", ports.keys(environment)), "internal_token": own.internal_token},
        "console": {
            "issuer": console_url(ports),
            "jwks_url": format!("http://{HOST}:{}/.well-known/jwks.json", ports.console()),
        },
        "secrets": {"peppers": [{"id": PEPPER_ID, "value": own.pepper}], "cursor_key": own.cursor_key},
        "log": log(),
    });
    let name = format!("api-{environment}");
    let config = folder.write_config(&name, &settings)?;
    Ok(Service { name, command: "api", config, management_port })
}

fn worker(folder: &Folder, ports: Ports, environment: Environment, reach: &Reach) -> anyhow::Result<Service> {
    let management_port = ports.worker_management(environment);
    let settings = json!({
        "environment": environment.name(),
        "server": {"management_port": management_port},
        "database": {"url": reach.database_url, "pool_size": 2},
        "redis": redis(reach),
        "log": log(),
    });
    let name = format!("worker-{environment}");
    let config = folder.write_config(&name, &settings)?;
    Ok(Service { name, command: "worker", config, management_port })
}

fn console(folder: &Folder, ports: Ports, secrets: &Secrets, control_url: &str) -> anyhow::Result<Service> {
    let mut environments = Map::new();
    for environment in Environment::ALL {
        let url = format!("http://{HOST}:{}", ports.api(environment));
        environments.insert(environment.name().to_owned(), json!({"api_url": url, "public_url": url}));
    }
    let management_port = ports.console_management();
    let settings = json!({
        "server": {
            "host": HOST, "port": ports.console(), "public_url": console_url(ports), "management_port": management_port,
        },
        "database": {"url": control_url, "pool_size": 8},
        "secrets": {"sealing_key": secrets.console.sealing_key},
        "environments": environments,
        "log": log(),
    });
    let config = folder.write_config("console", &settings)?;
    Ok(Service { name: "console".to_owned(), command: "console", config, management_port })
}

/// Where browsers reach the console: they keep its cookie over plain HTTP for this name alone.
pub fn console_url(ports: Ports) -> String {
    format!("http://localhost:{}", ports.console())
}

fn redis(reach: &Reach) -> Value {
    json!({"url": reach.redis_url, "prefix": reach.redis_prefix, "timeout_ms": REDIS_TIMEOUT_MS})
}

fn log() -> Value {
    json!({"level": "info", "format": "text"})
}
