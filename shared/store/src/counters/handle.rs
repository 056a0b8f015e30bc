//! One environment's counters: the connections, the scripts, and what is asked of them.

use std::sync::Arc;

use domain::ids::OrganizationId;

use super::lanes::Lanes;
use super::names;
use super::spend::{Given, SpendAnswer, SpendRequest};
use crate::connections::{self, Away, Link, RedisConfig, Runs, Script};
use crate::span;

/// One environment's counters, through shared connections that come back by themselves.
#[derive(Clone)]
pub struct Counters {
    pub(super) link: Arc<Link>,
    pub(super) prefix: Arc<str>,
    pub(super) lanes: Arc<Lanes>,
    pub(super) scripts: Arc<Scripts>,
}

/// The scripts that are called one by one.
pub(super) struct Scripts {
    pub(super) give_back: Script,
    pub(super) publish: Script,
    pub(super) announce: Script,
}

impl Counters {
    /// Starts to connect in the background and never fails; until then every call is [`Away`].
    pub fn connect(config: &RedisConfig) -> Self {
        let link = connections::open(config);
        let spend = concat!(include_str!("head.lua"), include_str!("window.lua"), include_str!("spend.lua"));
        let give_back = concat!("local now_us = 0\n", include_str!("window.lua"), include_str!("give_back.lua"));
        Self {
            lanes: Arc::new(Lanes::new(Arc::clone(&link), Script::new(spend))),
            link,
            prefix: Arc::from(config.prefix.as_str()),
            scripts: Arc::new(Scripts {
                give_back: Script::new(give_back),
                publish: Script::new(include_str!("publish.lua")),
                announce: Script::new(include_str!("announce.lua")),
            }),
        }
    }

    /// The run of the Redis that answers for an organization now; `None` while there is none.
    pub fn run(&self, organization: OrganizationId) -> Option<u64> {
        self.link.run(self.link.slot_of(organization))
    }

    /// The runs of now, for when the organization is learned later.
    pub fn runs(&self) -> Runs {
        self.link.runs()
    }

    /// Compares generations and spends, in one call that others who ask at the same time share.
    pub async fn spend(&self, request: &SpendRequest<'_>) -> Result<SpendAnswer, Away> {
        span::around(span::of_script("spend"), self.lanes.ask(&self.prefix, request)).await
    }

    /// Gives back what was spent on limits when a later check refused.
    pub async fn give_back(&self, organization: OrganizationId, given: &[Given<'_>]) -> Result<(), Away> {
        if given.is_empty() {
            return Ok(());
        }
        let script = &self.scripts.give_back;
        let mut call = script.call(given.len());
        for Given { spent, .. } in given {
            call.arg(names::limit(&self.prefix, organization, spent.owner, spent.limit));
        }
        for Given { spent, cell } in given {
            call.arg(spent.limit.window_ms).arg(cell).arg(spent.cost);
        }
        let sent = self.link.call_script(self.link.slot_of(organization), script, &call);
        span::around(span::of_script("give_back"), sent).await.map(drop)
    }
}

impl std::fmt::Debug for Counters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Counters").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}
