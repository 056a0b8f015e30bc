//! The ports of `claviger dev`.

use std::io;
use std::net::TcpListener;

use anyhow::bail;
use domain::environment::Environment;

/// The largest port offset.
pub const OFFSET_MAX: i64 = 60_000;

/// All ports, shifted by one offset.
#[derive(Debug, Clone, Copy)]
pub struct Ports {
    offset: u16,
}

impl Ports {
    /// The usual ports, each moved by `offset`, which is at most [`OFFSET_MAX`].
    pub fn moved_by(offset: u16) -> Self {
        Self { offset }
    }

    /// The console.
    pub fn console(self) -> u16 {
        3000 + self.offset
    }

    /// Health and metrics of the console.
    pub fn console_management(self) -> u16 {
        3001 + self.offset
    }

    /// The Integration API.
    pub fn api(self, environment: Environment) -> u16 {
        self.of(3003, environment)
    }

    /// The key service's listener.
    pub fn keys(self, environment: Environment) -> u16 {
        self.of(3004, environment)
    }

    /// Health and metrics of the Integration API.
    pub fn api_management(self, environment: Environment) -> u16 {
        self.of(3005, environment)
    }

    /// Health and metrics of the key service, which is one process.
    pub fn keys_management(self) -> u16 {
        3006 + self.offset
    }

    /// Health and metrics of the worker.
    pub fn worker_management(self, environment: Environment) -> u16 {
        self.of(3007, environment)
    }

    /// Postgres.
    pub fn postgres(self) -> u16 {
        3032 + self.offset
    }

    /// Redis.
    pub fn redis(self) -> u16 {
        3033 + self.offset
    }

    /// Fails if one of the ports is taken.
    pub fn check_free(self) -> anyhow::Result<()> {
        for (port, name) in self.all() {
            match TcpListener::bind(("127.0.0.1", port)) {
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => bail!(
                    "port {port} ({name}) is taken: stop what listens there, or move all ports with --port-offset 100"
                ),
                Err(error) => bail!("port {port} ({name}) cannot be listened on: {error}"),
                Ok(_) => {}
            }
        }
        Ok(())
    }

    fn all(self) -> Vec<(u16, String)> {
        let mut all = vec![
            (self.postgres(), "Postgres".to_owned()),
            (self.redis(), "Redis".to_owned()),
            (self.keys_management(), "health of the key service".to_owned()),
            (self.console(), "the console".to_owned()),
            (self.console_management(), "health of the console".to_owned()),
        ];
        for environment in Environment::ALL {
            all.extend([
                (self.api(environment), format!("api {environment}")),
                (self.keys(environment), format!("keys {environment}")),
                (self.api_management(environment), format!("health of api {environment}")),
                (self.worker_management(environment), format!("health of worker {environment}")),
            ]);
        }
        all
    }

    fn of(self, first: u16, environment: Environment) -> u16 {
        let step = match environment {
            Environment::Production => 0,
            Environment::Staging => 10,
            Environment::Development => 20,
        };
        first + step + self.offset
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_things_share_a_port() {
        let mut ports: Vec<u16> = Ports::moved_by(60_000).all().into_iter().map(|(port, _)| port).collect();
        let count = ports.len();
        ports.sort_unstable();
        ports.dedup();
        assert_eq!(ports.len(), count);
    }

    #[test]
    fn a_taken_port_is_named_with_the_way_out() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        let error = Ports::moved_by(port - 3003).check_free().unwrap_err().to_string();
        assert!(error.contains("port ") && error.contains("--port-offset"), "{error}");
    }
}
