//! Finds the servers that a URL names, connects to them, and does so again whenever one is lost.

use std::sync::{Arc, Weak};
use std::time::Duration;

use rand::RngExt;

use super::cluster::Cluster;
use super::config::RedisConfig;
use super::link::Link;
use super::sentinel::Sentinels;
use super::server::Server;
use super::slots::{CLUSTER_SLOTS, SlotTable};
use super::topology::Topology;

/// How long to wait, on average, between two attempts to come back.
const RETRY_EVERY: Duration = Duration::from_millis(200);
/// How often whoever knows the masters is asked for them, at least.
const REFRESH_EVERY: Duration = Duration::from_millis(500);

/// Who knows where the masters are.
enum Finder {
    Single(Arc<Server>),
    Sentinel(Sentinels),
    Cluster(Cluster),
}

/// A link that connects in the background. It never fails: with a URL that cannot be used it stays without a server.
pub(crate) fn open(config: &RedisConfig) -> Arc<Link> {
    let timeout_ms = config.timeout_ms;
    let (slots, finder) = match config.topology() {
        Ok(Topology::Single(server)) => {
            (1, Server::new(*server, timeout_ms).map(Finder::Single).map_err(|error| error.to_string()))
        }
        Ok(Topology::Sentinel { sentinels, master, login }) => {
            (1, Ok(Finder::Sentinel(Sentinels::new(sentinels, master, login, timeout_ms))))
        }
        Ok(Topology::Cluster { seeds, login }) => {
            (CLUSTER_SLOTS, Ok(Finder::Cluster(Cluster::new(seeds, login, timeout_ms))))
        }
        Err(fault) => (1, Err(fault.to_owned())),
    };
    let link = Link::new(slots);
    match finder {
        Ok(finder) => drop(tokio::spawn(keep_connected(Arc::downgrade(&link), finder))),
        Err(error) => tracing::error!(%error, "the URL of Redis cannot be used"),
    }
    link
}

/// Until nobody holds the link.
async fn keep_connected(link: Weak<Link>, mut finder: Finder) {
    while let Some(link) = link.upgrade() {
        let is_whole = finder.refresh(&link).await;
        if is_whole {
            // Not for ever: the link itself may be given up meanwhile.
            link.wait_for_loss(REFRESH_EVERY).await;
        }
        drop(link);
        tokio::time::sleep(finder.pause(is_whole)).await;
    }
}

impl Finder {
    /// Whether there is a connection to every master.
    async fn refresh(&mut self, link: &Link) -> bool {
        match self {
            Self::Single(_) if !link.table().connections().is_empty() => true,
            Self::Single(server) => match link.connect(server).await {
                Some(connection) => {
                    link.replace(SlotTable::single(connection));
                    true
                }
                None => false,
            },
            Self::Sentinel(sentinels) => sentinels.refresh(link).await,
            Self::Cluster(cluster) => cluster.refresh(link).await,
        }
    }

    /// Between half and one and a half of what is usual, so that replicas do not come back in step.
    fn pause(&self, is_whole: bool) -> Duration {
        let pause = match self {
            _ if !is_whole => RETRY_EVERY,
            // A slot that moves under load is told by many at once.
            Self::Cluster(_) => RETRY_EVERY / 10,
            Self::Single(_) | Self::Sentinel(_) => Duration::ZERO,
        };
        pause.mul_f64(rand::rng().random_range(0.5..1.5))
    }
}
