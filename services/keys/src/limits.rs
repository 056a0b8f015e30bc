//! Which limits a request is charged, and this replica's share of them while Redis is away.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use client::wire::{Enforced, LimitAsked, LimitState};
use domain::limit::{Limit, Spending, Window};
use domain::snapshot::{CustomerFacts, Snapshot};
use server::problem::FieldError;
use store::Subject;
use store::counters::{LimitSpend, Mode};

/// How many windows are kept while Redis is away; beyond, those that have ended make room.
const WINDOWS_MAX: usize = 200_000;

/// The limits of the key, its organization and its customer, each with what this request costs there: 1, or as asked.
pub fn effective<'a>(
    snapshot: &'a Snapshot,
    customer: Option<&'a CustomerFacts>,
    asked: &[LimitAsked],
) -> Result<Vec<LimitSpend<'a>>, Vec<FieldError>> {
    let of = |owner, limits: &'a [Limit]| limits.iter().map(move |limit| (owner, limit));
    let key = of(Subject::Key(snapshot.key.id), &snapshot.key.policy.limits);
    let organization = of(Subject::Organization(snapshot.organization.id), &snapshot.organization.limits);
    let customer = customer.into_iter().flat_map(|facts| of(Subject::Customer(facts.id), &facts.limits));
    let cost = |limit: &Limit| asked.iter().find(|one| one.name == limit.name).map_or(1, |one| one.cost);
    let spends: Vec<LimitSpend<'a>> = key
        .chain(organization)
        .chain(customer)
        .map(|(owner, limit)| LimitSpend { owner, limit, cost: cost(limit) })
        .collect();
    let is_known = |one: &LimitAsked| spends.iter().any(|spend| spend.limit.name == one.name);
    let unknown: Vec<FieldError> = asked
        .iter()
        .enumerate()
        .filter(|(_, one)| !is_known(one))
        .map(|(at, _)| FieldError::new(format!("/limits/{at}/name"), "unknown-limit", "The key has no such limit."))
        .collect();
    if unknown.is_empty() { Ok(spends) } else { Err(unknown) }
}

/// What is left of each limit, as answers tell it.
pub fn states(spends: &[LimitSpend<'_>], spendings: &[Spending], enforced: Enforced) -> Vec<LimitState> {
    let state = |(spend, spending): (&LimitSpend<'_>, &Spending)| LimitState {
        name: spend.limit.name.clone(),
        limit: spend.limit.limit,
        window_ms: spend.limit.window_ms,
        remaining: spending.remaining,
        reset_ms: spending.reset_ms,
        enforced,
    };
    spends.iter().zip(spendings).map(state).collect()
}

/// This replica's share of every limit. What was spent is kept until its window ends, so that a Redis that comes and
/// goes refills nothing.
#[derive(Debug)]
pub struct LocalShare {
    replicas: u64,
    windows: Mutex<HashMap<(Subject, String), Local>>,
}

#[derive(Debug)]
struct Local {
    window: Window,
    ends_us: u64,
}

impl LocalShare {
    /// The share of one among `replicas`.
    pub fn new(replicas: u32) -> Self {
        Self { replicas: u64::from(replicas.max(1)), windows: Mutex::default() }
    }

    /// Spends all or nothing, as the shared counters would, within the share.
    pub fn spend(&self, spends: &[LimitSpend<'_>], mode: Mode, now_us: u64) -> Vec<Spending> {
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        if windows.len() >= WINDOWS_MAX {
            windows.retain(|_, local| local.ends_us > now_us);
        }
        let is_full = windows.len() >= WINDOWS_MAX;
        let mut looks = Vec::with_capacity(spends.len());
        for spend in spends {
            let share = self.share(spend.limit);
            let held = windows.get(&name(spend)).map(|local| local.window.clone());
            let is_new = held.is_none();
            let mut probe = held.unwrap_or_else(|| Window::new(share.window_ms));
            let mut look = probe.spend(&share, spend.cost, now_us);
            if look.is_admitted && spend.cost > 0 {
                look.remaining += spend.cost;
            }
            // Without room to count, nothing is admitted: never unlimited, whatever fails.
            look.is_admitted &= !(is_full && is_new);
            looks.push(look);
        }
        if mode == Mode::Look || !looks.iter().all(|look| look.is_admitted) {
            return looks;
        }
        let take = |spend: &LimitSpend<'_>| {
            let share = self.share(spend.limit);
            let fresh = || Local { window: Window::new(share.window_ms), ends_us: 0 };
            let local = windows.entry(name(spend)).or_insert_with(fresh);
            local.ends_us = local.ends_us.max(now_us + share.window_ms * 1_000 * 33 / 32);
            local.window.spend(&share, spend.cost, now_us)
        };
        spends.iter().map(take).collect()
    }

    /// Gives back what was spent when a later check refused.
    pub fn give_back(&self, spends: &[LimitSpend<'_>], spendings: &[Spending]) {
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        for (spend, spending) in spends.iter().zip(spendings) {
            if let Some(local) = windows.get_mut(&name(spend)) {
                local.window.give_back(spending.cell, spend.cost);
            }
        }
    }

    fn share(&self, limit: &Limit) -> Limit {
        Limit { name: String::new(), limit: limit.limit.div_ceil(self.replicas), window_ms: limit.window_ms }
    }
}

fn name(spend: &LimitSpend<'_>) -> (Subject, String) {
    (spend.owner, spend.limit.name.clone())
}

#[cfg(test)]
mod tests {
    use domain::ids::OrganizationId;

    use super::*;

    #[test]
    fn a_share_is_the_limit_divided_rounded_up_all_or_nothing() {
        let share = LocalShare::new(3);
        let owner = Subject::Organization(OrganizationId::INSTALLATION);
        let ten = Limit { name: "ten".to_owned(), limit: 10, window_ms: 60_000 };
        let two = Limit { name: "two".to_owned(), limit: 2, window_ms: 60_000 };
        let now_us = 1_800_000_000_000_000;
        let both = [LimitSpend { owner, limit: &ten, cost: 1 }, LimitSpend { owner, limit: &two, cost: 1 }];
        assert!(share.spend(&both, Mode::Look, now_us).iter().all(|look| look.is_admitted && look.remaining > 0));
        let spent = share.spend(&both, Mode::Spend, now_us);
        assert_eq!((spent[0].remaining, spent[1].remaining), (3, 0), "ceil(10 / 3) and ceil(2 / 3), less one");
        let refused = share.spend(&both, Mode::Spend, now_us);
        assert_eq!((refused[0].is_admitted, refused[0].remaining), (true, 3), "nothing is taken");
        assert!(!refused[1].is_admitted);
        share.give_back(&both, &spent);
        assert!(share.spend(&both, Mode::Spend, now_us).iter().all(|spending| spending.is_admitted));
    }
}
