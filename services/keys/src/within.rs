//! Which keys a caller of the Integration API may ask about.

use client::wire::{AllOr as WireAllOr, Within};
use domain::policy::AllOr;
use domain::snapshot::Snapshot;

/// Says whether the key belongs to the caller's organization, and reaches no customer or domain beyond the caller's.
pub fn covers(within: &Within, snapshot: &Snapshot) -> bool {
    within.organization_id == snapshot.organization.id
        && is_inside(&snapshot.key.policy.customers, &within.customers)
        && is_inside(&snapshot.key.policy.domains, &within.domains)
}

fn is_inside<T: ToString>(held: &AllOr<T>, allowed: &WireAllOr) -> bool {
    match (held, allowed) {
        (_, WireAllOr::All) => true,
        (AllOr::All, WireAllOr::Only(_)) => false,
        (AllOr::Only(held), WireAllOr::Only(allowed)) => held.iter().all(|item| allowed.contains(&item.to_string())),
    }
}
