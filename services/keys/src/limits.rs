//! Which limits a request is charged, and this replica's share of them while Redis is away.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};

use client::wire::{Enforced, LimitOwner as OwnerName, LimitState};
use domain::ids::OrganizationId;
use domain::limit::{Limit, Spending, WINDOW_MS_MAX, Window};
use domain::limit_settings::{Rate, counter_id};
use domain::snapshot::{CustomerFacts, Snapshot};
use server::problem::FieldError;
use store::Subject;
use store::counters::{LimitOwner, LimitSpend, Mode};

use crate::question::LimitAsked;

/// How many windows are kept while Redis is away; beyond, those that have ended make room.
const WINDOWS_MAX: usize = 200_000;
/// How many of them may be of names that questions have given: the others are for the limits of keys.
const NAMED_WINDOWS_MAX: usize = WINDOWS_MAX / 2;
/// How often windows that have ended are looked for among so many.
const SWEEP_EVERY_US: u64 = 1_000_000;
/// How many counters the questions about one organization may make in each of these times: as many live at once at most.
const NEW_NAMES_MAX: u64 = 200_000;
const NEW_NAMES_WINDOWS_MS: [u64; 4] = [60_000, 3_600_000, 24 * 3_600_000, WINDOW_MS_MAX];
const MEMBERS_MAX: u64 = 100_000;
const MEMBERS_WINDOW_MS: u64 = 61_000;
/// What the limit on new names is called where it refuses.
const NEW_NAMES: &str = "new-names";

static NEW_NAMES_LIMITS: LazyLock<[Limit; 4]> =
    LazyLock::new(|| NEW_NAMES_WINDOWS_MS.map(|window_ms| Rate { limit: NEW_NAMES_MAX, window_ms }.named(NEW_NAMES)));

/// The limit on new names beside names that are counted for so long at most.
pub fn new_names<'a>(organization: OrganizationId, window_ms: u64) -> LimitSpend<'a> {
    let [.., longest] = &*NEW_NAMES_LIMITS;
    let limit = NEW_NAMES_LIMITS.iter().find(|limit| window_ms <= limit.window_ms).unwrap_or(longest);
    LimitSpend { owner: LimitOwner::NewNames(organization), limit, cost: 0 }
}

/// How many members may be counted at once, apart from other names: an organization that has counted too many of those shuts
/// its own people out of nothing. Its window is one that no other counter of new names has.
static MEMBERS_LIMIT: LazyLock<Limit> =
    LazyLock::new(|| Rate { limit: MEMBERS_MAX, window_ms: MEMBERS_WINDOW_MS }.named(NEW_NAMES));

/// The limit on members that are counted.
pub fn new_members<'a>(organization: OrganizationId) -> LimitSpend<'a> {
    LimitSpend { owner: LimitOwner::NewNames(organization), limit: &MEMBERS_LIMIT, cost: 0 }
}

/// The limits of the key, its organization and its customer, each with what this request costs there: 1, or as asked. One that
/// is not automatic counts only where it is asked for; and a name that none of them has counts by the numbers that came with it.
pub fn effective<'a>(
    snapshot: &'a Snapshot,
    customer: Option<&'a CustomerFacts>,
    asked: &'a [LimitAsked],
) -> Result<Vec<LimitSpend<'a>>, Vec<FieldError>> {
    let of = |owner, limits: &'a [Limit]| limits.iter().map(move |limit| (owner, limit));
    let key = of(Subject::Key(snapshot.key.id), &snapshot.key.policy.limits);
    let organization = of(Subject::Organization(snapshot.organization.id), &snapshot.organization.limits);
    let customer = customer.into_iter().flat_map(|facts| of(Subject::Customer(facts.id), &facts.limits));
    let spend = |(owner, limit): (Subject, &'a Limit)| {
        let named = asked.iter().find(|one| one.name == limit.name).map(|one| one.cost);
        let cost = named.or(limit.auto.then_some(1))?;
        Some(LimitSpend { owner: owner.into(), limit, cost })
    };
    let mut spends: Vec<LimitSpend<'a>> = key.chain(organization).chain(customer).filter_map(spend).collect();
    let (own, mut unknown, mut longest_ms) = (spends.len(), Vec::new(), None);
    for (at, one) in asked.iter().enumerate() {
        if spends[..own].iter().any(|spend| spend.limit.name == one.name) {
            continue;
        }
        let Some(limit) = &one.limit else {
            unknown.push(FieldError::new(format!("/limits/{at}/name"), "unknown-limit", UNKNOWN_LIMIT));
            continue;
        };
        spends.push(LimitSpend { owner: named_of_key(snapshot, limit), limit, cost: one.cost });
        longest_ms = longest_ms.max(Some(limit.window_ms));
    }
    if let Some(longest_ms) = longest_ms {
        spends.push(new_names(snapshot.organization.id, longest_ms));
    }
    if unknown.is_empty() { Ok(spends) } else { Err(unknown) }
}

const UNKNOWN_LIMIT: &str =
    "The key has no such limit. To count one that is not the key's own, send limit and window_ms with it.";

/// The same name with another window is another limit: whoever asks for both means both.
fn named_of_key(snapshot: &Snapshot, limit: &Limit) -> LimitOwner {
    let key = snapshot.key.id.to_string();
    let parts = ["key", &key, &limit.name, &limit.window_ms.to_string()];
    LimitOwner::Named(counter_id(snapshot.organization.id, &parts))
}

/// What is left of each limit, as answers tell it.
pub fn states(spends: &[LimitSpend<'_>], spendings: &[Spending], enforced: Enforced) -> Vec<LimitState> {
    let state = |(spend, spending): (&LimitSpend<'_>, &Spending)| LimitState {
        name: spend.limit.name.clone(),
        of: match spend.owner {
            LimitOwner::Row(Subject::Key(_)) | LimitOwner::Named(_) => OwnerName::Key,
            LimitOwner::Row(Subject::Customer(_)) => OwnerName::Customer,
            LimitOwner::Row(Subject::Organization(_) | Subject::Limits(_)) | LimitOwner::NewNames(_) => {
                OwnerName::Organization
            }
        },
        limit: spend.limit.limit,
        window_ms: spend.limit.window_ms,
        remaining: spending.remaining,
        reset_ms: spending.reset_ms,
        enforced,
    };
    let is_told = |(spend, _): &(&LimitSpend<'_>, &Spending)| !matches!(spend.owner, LimitOwner::NewNames(_));
    spends.iter().zip(spendings).filter(is_told).map(state).collect()
}

/// This replica's share of every limit. What was spent is kept until its window ends, so that a Redis that comes and
/// goes refills nothing.
#[derive(Debug)]
pub struct LocalShare {
    replicas: u64,
    windows: Mutex<Windows>,
}

#[derive(Debug, Default)]
struct Windows {
    of: HashMap<(LimitOwner, String), Local>,
    /// When those that have ended were last looked for.
    swept_us: u64,
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
        if windows.of.len() >= NAMED_WINDOWS_MAX && now_us >= windows.swept_us + SWEEP_EVERY_US {
            windows.of.retain(|_, local| local.ends_us > now_us);
            windows.swept_us = now_us;
        }
        let (len, mut new_names) = (windows.of.len(), 0);
        let mut looks = Vec::with_capacity(spends.len());
        for spend in spends {
            let is_full = match spend.owner {
                LimitOwner::Row(_) | LimitOwner::NewNames(_) => len >= WINDOWS_MAX,
                LimitOwner::Named(_) => len >= NAMED_WINDOWS_MAX,
            };
            let share = self.share(spend.limit);
            let held = windows.of.get(&name(spend)).map(|local| local.window.clone());
            let is_new = held.is_none();
            let cost = cost(spend, new_names);
            new_names += u64::from(is_new && cost > 0 && matches!(spend.owner, LimitOwner::Named(_)));
            let mut probe = held.unwrap_or_else(|| Window::new(share.window_ms));
            let mut look = probe.spend(&share, cost, now_us);
            if look.is_admitted && cost > 0 {
                look.remaining += cost;
            }
            // Without room to count, nothing is admitted: never unlimited, whatever fails.
            look.is_admitted &= !(is_full && is_new);
            looks.push(look);
        }
        if mode == Mode::Look || !looks.iter().all(|look| look.is_admitted) {
            return looks;
        }
        let take = |(spend, look): (&LimitSpend<'_>, Spending)| {
            let (share, cost) = (self.share(spend.limit), cost(spend, new_names));
            // What costs nothing makes no window.
            if cost == 0 {
                return look;
            }
            let fresh = || Local { window: Window::new(share.window_ms), ends_us: 0 };
            let local = windows.of.entry(name(spend)).or_insert_with(fresh);
            local.ends_us = local.ends_us.max(now_us + share.window_ms * 1_000 * 33 / 32);
            local.window.spend(&share, cost, now_us)
        };
        spends.iter().zip(looks).map(take).collect()
    }

    /// Gives back what was spent when a later check refused.
    pub fn give_back(&self, spends: &[LimitSpend<'_>], spendings: &[Spending]) {
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        for (spend, spending) in spends.iter().zip(spendings) {
            if let Some(local) = windows.of.get_mut(&name(spend)) {
                local.window.give_back(spending.cell, spend.cost);
            }
        }
    }

    fn share(&self, limit: &Limit) -> Limit {
        let share = limit.limit.div_ceil(self.replicas);
        Limit { name: String::new(), limit: share, window_ms: limit.window_ms, auto: limit.auto }
    }
}

fn name(spend: &LimitSpend<'_>) -> (LimitOwner, String) {
    let name = match spend.owner {
        LimitOwner::Row(_) => spend.limit.name.clone(),
        LimitOwner::Named(_) => String::new(),
        LimitOwner::NewNames(_) => spend.limit.window_ms.to_string(),
    };
    (spend.owner, name)
}

/// What it costs, once it is known how many names are new.
fn cost(spend: &LimitSpend<'_>, new_names: u64) -> u64 {
    match spend.owner {
        LimitOwner::Row(_) | LimitOwner::Named(_) => spend.cost,
        LimitOwner::NewNames(_) => new_names,
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_share_is_the_limit_divided_rounded_up_all_or_nothing() {
        let share = LocalShare::new(3);
        let owner = LimitOwner::Row(Subject::Organization(OrganizationId::INSTALLATION));
        let ten = Limit { name: "ten".to_owned(), limit: 10, window_ms: 60_000, auto: true };
        let two = Limit { name: "two".to_owned(), limit: 2, window_ms: 60_000, auto: true };
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
    #[test]
    fn names_take_no_room_from_limits_and_are_bounded() {
        let share = LocalShare::new(2);
        let now_us = 1_800_000_000_000_000;
        let organization = OrganizationId::from_uuid(Uuid::from_u128(1));
        let ten = Rate { limit: 10, window_ms: 60_000 }.named("ten");
        let two = Rate { limit: 4, window_ms: 60_000 }.named(NEW_NAMES);
        let ask = |name: u128, cost| {
            let named = LimitSpend { owner: LimitOwner::Named(Uuid::from_u128(name)), limit: &ten, cost };
            let names = LimitSpend { owner: LimitOwner::NewNames(organization), limit: &two, cost: 0 };
            let spent = share.spend(&[named, names], Mode::Spend, now_us);
            spent.iter().all(|spending| spending.is_admitted)
        };
        assert!((10..20).all(|name| ask(name, 0)), "to ask for nothing makes no window");
        assert!(ask(1, 1) && ask(2, 1) && ask(1, 1), "half of four, and known ones go on");
        assert!(!ask(3, 1));
        let owner = LimitOwner::Row(Subject::Organization(organization));
        let own = LimitSpend { owner, limit: &ten, cost: 1 };
        assert!(share.spend(&[own], Mode::Spend, now_us)[0].is_admitted);
        assert_eq!(share.windows.lock().unwrap().of.len(), 4, "two names, the count of names, and the limit");
    }
}
