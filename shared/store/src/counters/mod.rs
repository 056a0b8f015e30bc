//! The Redis half of the store: generations, limits, and word of changes. What it holds can always be lost.
//!
//! Nothing here is the truth about a key; that is in Postgres, and a version that differs sends the reader there.

mod batch;
mod cluster;
mod config;
mod keys;
mod lane;
mod link;
mod replicas;
mod script;
mod sentinel;
mod session;
mod slots;
mod spend;
#[cfg(test)]
mod tests;
mod topology;

use std::sync::Arc;

pub use config::RedisConfig;
use domain::ids::OrganizationId;
pub use link::{Away, Runs};
pub use replicas::{Change, Changes, Reach, Replica};
pub use spend::{Expected, Given, LimitSpend, Mode, Source, SpendAnswer, SpendRequest};

use self::link::Link;
use self::script::Script;

/// One environment's counters, through shared connections that come back by themselves.
#[derive(Clone)]
pub struct Counters {
    link: Arc<Link>,
    prefix: Arc<str>,
    scripts: Arc<Scripts>,
}

struct Scripts {
    spend: Arc<Script>,
    give_back: Script,
    publish: Script,
    announce: Script,
}

impl Scripts {
    fn new() -> Self {
        Self {
            spend: Arc::new(Script::new(concat!(
                include_str!("head.lua"),
                include_str!("window.lua"),
                include_str!("spend.lua")
            ))),
            give_back: Script::new(concat!(
                "local now_us = 0\n",
                include_str!("window.lua"),
                include_str!("give_back.lua")
            )),
            publish: Script::new(include_str!("publish.lua")),
            announce: Script::new(include_str!("announce.lua")),
        }
    }
}

impl Counters {
    /// Starts to connect in the background and never fails; until then every call is [`Away`].
    pub fn connect(config: &RedisConfig) -> Self {
        Self { link: Link::open(config), prefix: Arc::from(config.prefix.as_str()), scripts: Arc::new(Scripts::new()) }
    }

    /// The run of the Redis that answers for an organization now; `None` while there is none.
    pub fn run(&self, organization: OrganizationId) -> Option<u64> {
        self.link.run(self.link.slot_of(organization))
    }

    /// The runs of now, for when the organization is learned later.
    pub fn runs(&self) -> Runs {
        self.link.runs()
    }
}

impl std::fmt::Debug for Counters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Counters").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}
