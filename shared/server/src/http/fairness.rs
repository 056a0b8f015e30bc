//! No organization takes the room of the others: one may have in progress what is still free, or a sixteenth of all.

use std::{
    hash::{BuildHasher, RandomState},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use domain::{ids::OrganizationId, priority::Priority};

use super::Admission;

/// Counters in a row. Organizations that meet in one row hardly ever meet in the other as well.
const CELLS: usize = 1024;
const ROWS: usize = 2;
/// What an organization may have in progress even where nothing is free: this part of the bound. Where many ask for much
/// alike, nobody is to blame; the door refuses then, before anything of a request is read.
const PART_OF_EACH: usize = 16;

/// Counts what each organization has in progress, in memory that does not grow with their number.
#[derive(Debug)]
pub struct Fairness {
    admission: Admission,
    rows: [Box<[AtomicUsize]>; ROWS],
    /// Nobody can choose ids that meet another's.
    seed: RandomState,
}

/// An organization's work in progress; it ends when this is dropped.
#[derive(Debug)]
pub struct Share {
    fairness: Arc<Fairness>,
    cells: [usize; ROWS],
    pieces: usize,
}

impl Fairness {
    /// Fairness among those who come through this door.
    pub fn new(admission: &Admission) -> Arc<Self> {
        let row = || (0..CELLS).map(|_| AtomicUsize::default()).collect();
        Arc::new(Self { admission: admission.clone(), rows: [row(), row()], seed: RandomState::new() })
    }

    /// Begins work of this kind for an organization, unless it has as much in progress as is free, and more than its part.
    ///
    /// So one organization alone gets at most half of the bound, two together two thirds, and something is always left
    /// for whoever comes next; nobody has to know how many they are. Where little is in progress it refuses nobody,
    /// since what one organization has is then less than what is free.
    pub fn try_enter(self: &Arc<Self>, organization: OrganizationId, priority: Priority) -> Option<Share> {
        self.try_enter_all(organization, priority, 1)
    }

    /// The same for so many pieces of work at once.
    pub fn try_enter_all(
        self: &Arc<Self>,
        organization: OrganizationId,
        priority: Priority,
        pieces: usize,
    ) -> Option<Share> {
        let cells = self.cells(organization);
        let counts = [0, 1].map(|row| self.rows[row][cells[row]].fetch_add(pieces, Relaxed));
        let share = Share { fairness: Arc::clone(self), cells, pieces };
        let in_progress = counts.into_iter().min().unwrap_or_default();
        let share_max = self.admission.room(priority).max(self.admission.bound() / PART_OF_EACH);
        if priority == Priority::Revocation || in_progress < share_max {
            return Some(share);
        }
        self.admission.count_refused(priority);
        None
    }

    fn cells(&self, organization: OrganizationId) -> [usize; ROWS] {
        let hash = self.seed.hash_one(organization.uuid());
        [hash as usize % CELLS, (hash >> 32) as usize % CELLS]
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        for (row, cell) in self.fairness.rows.iter().zip(self.cells) {
            row[cell].fetch_sub(self.pieces, Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::{
        http::{Bounds, admission::Ticket},
        metrics::Metrics,
    };

    /// A request on its way: let in, and counted for its organization.
    fn enter(admission: &Admission, fairness: &Arc<Fairness>, organization: OrganizationId) -> Option<(Ticket, Share)> {
        let ticket = admission.try_enter(Priority::Verification)?;
        let share = fairness.try_enter(organization, Priority::Verification)?;
        Some((ticket, share))
    }

    fn organization() -> OrganizationId {
        OrganizationId::mint(DateTime::UNIX_EPOCH)
    }

    #[test]
    fn something_is_always_left_for_whoever_comes_next() {
        let bounds = Bounds { floor: 240, ceiling: 240, ..Bounds::for_threads(1) };
        let admission = Admission::new(bounds, &Metrics::new());
        let fairness = Fairness::new(&admission);
        let mut held = Vec::new();
        for expected in [120, 60, 30, 15] {
            let greedy = organization();
            let before = held.len();
            for _ in 0..2_400 {
                held.extend(enter(&admission, &fairness, greedy));
            }
            let got = held.len() - before;
            assert!((expected - 1..=expected + 1).contains(&got), "{got} of {expected}");
        }
        assert!(enter(&admission, &fairness, organization()).is_some(), "a newcomer has its share");
        let revoking = fairness.try_enter(organization(), Priority::Revocation);
        assert!(revoking.is_some());
        held.clear();
        drop(revoking);
        let alone = organization();
        for _ in 0..119 {
            held.extend(enter(&admission, &fairness, alone));
        }
        assert_eq!(held.len(), 119, "below half of the bound nobody is refused");
    }

    #[test]
    fn many_small_ones_together_may_use_all_there_is() {
        let bounds = Bounds { floor: 64, ceiling: 64, ..Bounds::for_threads(1) };
        let admission = Admission::new(bounds, &Metrics::new());
        let fairness = Fairness::new(&admission);
        let held: Vec<_> = (0..64).filter_map(|_| enter(&admission, &fairness, organization())).collect();
        assert_eq!(held.len(), 64);
    }
}
