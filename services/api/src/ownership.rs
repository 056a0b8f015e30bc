//! Whether a domain's owner has put our challenge into the DNS.

use std::net::SocketAddr;
use std::time::Duration;

use domain::hosts::HostName;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::RData;
use hickory_resolver::{Resolver, ResolverBuilder, TokioResolver};
use server::problem::{ErrorCode, Problem};

const TIMEOUT: Duration = Duration::from_secs(2);
const ATTEMPTS: usize = 2;
/// What a caller that DNS kept waiting is told to wait.
const RETRY_AFTER: Duration = Duration::from_secs(10);

/// Asks the DNS about domains.
pub struct Ownership {
    resolver: TokioResolver,
}

impl Ownership {
    /// Asks these servers; without any, those of the system.
    pub fn new(servers: &[SocketAddr]) -> anyhow::Result<Self> {
        let mut builder: ResolverBuilder<TokioRuntimeProvider> = match servers {
            [] => Resolver::builder_tokio().unwrap_or_else(|error| {
                tracing::warn!(%error, "this system names no DNS servers, so domains cannot be checked");
                Resolver::builder_with_config(nobody(), TokioRuntimeProvider::default())
            }),
            servers => {
                let servers = servers.iter().map(name_server).collect();
                let config = ResolverConfig::from_parts(None, Vec::new(), servers);
                Resolver::builder_with_config(config, TokioRuntimeProvider::default())
            }
        };
        let options = builder.options_mut();
        options.timeout = TIMEOUT;
        options.attempts = ATTEMPTS;
        // An owner who has just set the record must not meet yesterday's answer.
        options.cache_size = 0;
        Ok(Self { resolver: builder.build()? })
    }

    /// Says whether one of the TXT records at `record` is `value`. A name without records is an answer, silence is not.
    pub async fn is_proven(&self, record: &str, value: &str) -> Result<bool, Problem> {
        match self.resolver.txt_lookup(format!("{record}.")).await {
            Ok(lookup) => Ok(lookup.answers().iter().any(|answer| match &answer.data {
                RData::TXT(text) => text.txt_data.concat() == value.as_bytes(),
                _ => false,
            })),
            Err(error) if error.is_no_records_found() || error.is_nx_domain() => Ok(false),
            Err(error) => Err(Problem::new(ErrorCode::Unavailable)
                .detail("The DNS did not answer.")
                .retry_after(RETRY_AFTER)
                .source(error)),
        }
    }
}

/// Where the owner of a name puts the record.
pub fn record_name(name: &HostName) -> String {
    format!("_claviger.{}", name.as_str().trim_start_matches("*."))
}

/// What the record says.
pub fn record_value(challenge: &str) -> String {
    format!("claviger-domain={challenge}")
}

fn nobody() -> ResolverConfig {
    ResolverConfig::from_parts(None, Vec::new(), Vec::new())
}

fn name_server(address: &SocketAddr) -> NameServerConfig {
    let mut connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()];
    for connection in &mut connections {
        connection.port = address.port();
    }
    NameServerConfig::new(address.ip(), true, connections.to_vec())
}
