//! Connections that wait, and in what order they are next.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::Waker,
    time::Duration,
};

use tokio::time::Instant;

use super::{
    asker::{Asker, Last},
    line::Turn,
};

/// When the first of an organization has waited so long, there is a queue that does not end by itself, and whoever comes
/// then is refused at once, as far as the ration goes; the others wait.
pub(super) const WAIT_HOPELESS: Duration = Duration::from_millis(25);

/// Where a connection waits.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) since: Instant,
    waiting: Mutex<Waiting>,
    pub(super) last: Last,
    /// The turn is the second in a row.
    pub(super) is_second: bool,
}

#[derive(Debug)]
pub(super) enum Waiting {
    Still(Waker),
    Given(Turn),
    Left,
}

/// Those of one urgency: organizations take turns, so that one with a thousand connections waits behind itself.
#[derive(Debug, Default)]
pub(super) struct Waiters {
    of_each: HashMap<Asker, Places>,
    /// Who has a connection that waits, in the order of their turns.
    order: VecDeque<Asker>,
}

/// Those that are asked for the same organization, the longest wait first.
#[derive(Debug, Default)]
struct Places {
    /// They had a turn just now and go before the others: what the processor needs for them is still in its caches.
    second: VecDeque<Arc<Place>>,
    first: VecDeque<Arc<Place>>,
}

impl Place {
    /// From now on.
    pub(super) fn new(last: Last, is_second: bool, waker: &Waker) -> Arc<Self> {
        Arc::new(Self { since: Instant::now(), waiting: Mutex::new(Waiting::Still(waker.clone())), last, is_second })
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn has_left(&self) -> bool {
        matches!(*self.lock(), Waiting::Left)
    }

    fn send_away(&self) {
        if let Waiting::Still(waker) = std::mem::replace(&mut *self.lock(), Waiting::Left) {
            waker.wake();
        }
    }
}

impl Places {
    fn both(&mut self) -> [&mut VecDeque<Arc<Place>>; 2] {
        [&mut self.second, &mut self.first]
    }

    fn is_empty(&self) -> bool {
        self.second.is_empty() && self.first.is_empty()
    }
}

impl Waiters {
    pub(super) fn is_empty(&self) -> bool {
        self.of_each.is_empty()
    }

    pub(super) fn push(&mut self, place: Arc<Place>) {
        let asker = place.last.asker;
        let places = self.of_each.entry(asker).or_default();
        if places.is_empty() {
            self.order.push_back(asker);
        }
        let queue = if place.is_second { &mut places.second } else { &mut places.first };
        queue.push_back(place);
    }

    pub(super) fn count(&self) -> usize {
        self.of_each.values().map(|places| places.second.len() + places.first.len()).sum()
    }

    /// Whether the first of these has waited so long that nobody needs to queue behind.
    pub(super) fn is_hopeless(&mut self, asker: Asker) -> bool {
        let is_old = |place: &Arc<Place>| place.since.elapsed() >= WAIT_HOPELESS;
        self.has_more(asker) && self.of_each.get(&asker).and_then(|places| places.first.front()).is_some_and(is_old)
    }

    /// The next one, who may have left meanwhile.
    pub(super) fn pop(&mut self) -> Option<Arc<Place>> {
        let asker = self.order.pop_front()?;
        let next =
            self.of_each.get_mut(&asker).and_then(|places| places.both().into_iter().find_map(VecDeque::pop_front));
        if self.has_more(asker) {
            self.order.push_back(asker);
        }
        next
    }

    /// Sends those away who have waited for longer than this.
    pub(super) fn send_away(&mut self, wait_max: Duration) {
        let is_late = |place: &mut Arc<Place>| place.since.elapsed() > wait_max;
        for queue in self.of_each.values_mut().flat_map(Places::both) {
            while let Some(place) = queue.pop_front_if(is_late) {
                place.send_away();
            }
        }
        self.of_each.retain(|_, places| !places.is_empty());
        self.order.retain(|asker| self.of_each.contains_key(asker));
    }

    /// Forgets whoever of these has left. A kind of work that has no turn for an hour is not remembered for that long.
    pub(super) fn forget_left(&mut self, asker: Asker) {
        if !self.has_more(asker) {
            self.order.retain(|other| *other != asker);
        }
    }

    /// Whether anybody else of these waits.
    fn has_more(&mut self, asker: Asker) -> bool {
        let Some(places) = self.of_each.get_mut(&asker) else { return false };
        for queue in places.both() {
            while queue.pop_front_if(|place| place.has_left()).is_some() {}
        }
        let has_more = !places.is_empty();
        if !has_more {
            self.of_each.remove(&asker);
        }
        has_more
    }

    /// The first that waits of each.
    #[cfg(test)]
    pub(super) fn firsts(&self) -> impl Iterator<Item = (Asker, &Place)> {
        self.of_each.iter().map(|(asker, places)| (*asker, &**places.first.front().expect("nobody had a turn")))
    }

    #[cfg(test)]
    pub(super) fn are_forgotten(&self) -> bool {
        self.of_each.is_empty() && self.order.is_empty()
    }
}
