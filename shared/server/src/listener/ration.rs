//! How many requests are refused that could wait, and how long a connection rests after a refusal. Refusals are rationed
//! by the questions that are answered: where one of them is little work, refusing everybody at once would take most of
//! the time.

use std::{ops::RangeInclusive, time::Duration};

use domain::priority::Priority;
use tokio::time::Instant;

/// How long nothing is read from a connection whose request was not let in, in milliseconds, at least: any time between
/// these, so that those who were refused together do not come back together. It was told to wait for longer than any rest
/// lasts, so that only one that does not obey will notice.
pub(super) const REST_MS: RangeInclusive<u64> = 50..=150;
/// The same for verification in production. It is given up last, and mostly refused unread, which costs little.
const REST_OF_URGENT_MS: RangeInclusive<u64> = 20..=60;
/// The longest rest: the shortest time that a refused caller was told to wait.
const REST_MAX: Duration = Duration::from_secs(1);
/// The same for verification in production: others may share its connection.
const REST_MAX_OF_URGENT: Duration = Duration::from_millis(500);
/// How many questions are let in for each connection that comes back after a refusal. A refusal is about as much work
/// as half of a question that comes alone.
const QUESTIONS_PER_REFUSAL: u32 = 4;
/// The same for what is given up for the sake of others: its refusals are paid for by them.
const QUESTIONS_PER_REFUSAL_OF_OTHERS: u32 = 32;
/// How many questions that come alone are let in for each refusal of who could wait as well. Two of those refusals are
/// as much work as an answer, so that to refuse many would leave less done; they take less than a hundredth of the time.
const QUESTIONS_ALONE_PER_REFUSAL: u32 = 64;
/// What such a refusal is earned by: a question that comes alone earns one.
const PRICE: i64 = QUESTIONS_ALONE_PER_REFUSAL as i64;
/// What each question of a batch earns: a batch of 20 is as much work as many of its refusals.
const EARNED_IN_BATCH: u32 = QUESTIONS_ALONE_PER_REFUSAL / QUESTIONS_PER_REFUSAL;
/// How much can be saved up for refusals, or owed.
const EARNED_MAX: i64 = 128 * PRICE;
/// What remains of what was seen when there is another look.
const REMAINS: f64 = 0.875;

/// Those of one priority who were refused come back one after another.
#[derive(Debug)]
pub(super) struct Ration {
    /// What was earned by the questions that were let in and not spent yet; less than none where others waited in vain.
    earned: i64,
    /// Questions that were let in since the last look.
    questions: u32,
    looked: Instant,
    was_busy: bool,
    /// Seconds with more work than time, and the questions that were let in meanwhile; the last ones count most.
    seen: (f64, f64),
    /// When the last one comes back, by priority.
    last: [Instant; Priority::ALL.len()],
}

impl Ration {
    pub(super) fn new() -> Self {
        let now = Instant::now();
        Self {
            earned: 0,
            questions: 0,
            looked: now,
            was_busy: false,
            seen: (0.0, 0.0),
            last: [now; Priority::ALL.len()],
        }
    }

    /// A request was let in that asks so much.
    pub(super) fn note(&mut self, questions: usize) {
        let questions = u32::try_from(questions).unwrap_or(u32::MAX);
        self.questions = self.questions.saturating_add(questions);
        let earned = if questions > 1 { questions.saturating_mul(EARNED_IN_BATCH) } else { questions };
        self.earned = (self.earned + i64::from(earned)).min(EARNED_MAX);
    }

    /// Whether there is a refusal for one who could wait as well; it is used up by this.
    pub(super) fn take_refusal(&mut self) -> bool {
        let is_earned = self.earned >= PRICE;
        if is_earned {
            self.earned -= PRICE;
        }
        is_earned
    }

    /// Looks how many questions were let in. They are counted while there is more work than time: those of a part of the
    /// time between two looks say nothing.
    pub(super) fn look(&mut self, is_busy: bool) {
        let now = Instant::now();
        let time = now - std::mem::replace(&mut self.looked, now);
        let questions = std::mem::take(&mut self.questions);
        if std::mem::replace(&mut self.was_busy, is_busy) && is_busy {
            self.seen = (self.seen.0 * REMAINS + time.as_secs_f64(), self.seen.1 * REMAINS + f64::from(questions));
        }
    }

    /// Until when a connection rests that was refused now. Where the refusal had been earned there is nothing to hold it
    /// back for; where not, there is one less to be had, whoever earned it.
    pub(super) fn rest(&mut self, priority: Priority, is_earned: bool) -> Instant {
        let is_urgent = priority >= Priority::Verification;
        let now = Instant::now();
        let least_ms = if is_urgent { REST_OF_URGENT_MS } else { REST_MS };
        let least = now + Duration::from_millis(rand::random_range(least_ms));
        if is_earned {
            return least;
        }
        // Those who waited in vain are sent away together, and what they owe is earned afterwards.
        self.earned = (self.earned - PRICE).max(-EARNED_MAX);
        let (each, max) = if is_urgent {
            (QUESTIONS_PER_REFUSAL, REST_MAX_OF_URGENT)
        } else {
            (QUESTIONS_PER_REFUSAL_OF_OTHERS, REST_MAX)
        };
        // Nothing is known yet where nothing was let in.
        let (seconds, questions) = self.seen;
        let pace = if questions > 0.0 { seconds / questions * f64::from(each) } else { 0.0 };
        let last = &mut self.last[priority as usize];
        *last = (*last + Duration::from_secs_f64(pace).min(max)).clamp(now, now + max);
        (*last).max(least)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOOK_EVERY: Duration = Duration::from_millis(20);

    async fn look(ration: &mut Ration, questions: usize, is_busy: bool) {
        ration.note(questions);
        tokio::time::advance(LOOK_EVERY).await;
        ration.look(is_busy);
    }

    /// One where 40,000 questions a second are let in: a connection may come back every tenth of a millisecond.
    async fn rationed() -> Ration {
        let mut ration = Ration::new();
        ration.look(true);
        for _ in 0..10 {
            look(&mut ration, 800, true).await;
        }
        ration
    }

    fn rests_ms(ration: &mut Ration, priority: Priority, refusals: usize) -> Vec<f64> {
        let now = Instant::now();
        (0..refusals).map(|_| (ration.rest(priority, false) - now).as_secs_f64() * 1_000.0).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_refused_comes_back_one_after_another_at_the_pace_of_what_is_done() {
        let mut ration = rationed().await;
        let rests = rests_ms(&mut ration, Priority::Verification, 1_000);
        for (at, rest) in rests.iter().enumerate() {
            let due = at as f64 * 0.1;
            assert!(*rest >= due.max(20.0) - 0.01 && *rest <= due.max(60.0) + 0.01, "{at}: {rest}");
        }
        let earned = (ration.rest(Priority::Verification, true) - Instant::now()).as_millis();
        assert!((20..=60).contains(&earned), "what was earned waits for nobody: {earned}");
        let others = rests_ms(&mut ration, Priority::Staging, 100);
        assert!(others.iter().all(|rest| (50.0..=150.0).contains(rest)), "no other kind waits for these: {others:?}");
        tokio::time::advance(REST_MAX).await;
        let later = rests_ms(&mut ration, Priority::Verification, 100);
        assert!(later.iter().all(|rest| (20.0..=60.0).contains(rest)), "nor anybody for those who are back: {later:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn four_questions_of_a_batch_earn_one_refusal_or_64_that_come_alone_and_few_are_saved_up() {
        let mut ration = Ration::new();
        assert!(!ration.take_refusal(), "nothing was let in yet");
        let taken = |ration: &mut Ration| std::iter::from_fn(|| ration.take_refusal().then_some(())).count();
        (0..63).for_each(|_| ration.note(1));
        assert_eq!(taken(&mut ration), 0);
        (0..66).for_each(|_| ration.note(1));
        assert_eq!((taken(&mut ration), ration.earned), (2, 1));
        ration.note(3);
        assert_eq!(taken(&mut ration), 0);
        ration.note(20);
        assert_eq!((taken(&mut ration), ration.earned), (5, 49));
        ration.note(1_000_000);
        assert_eq!(taken(&mut ration), 128);
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_rests_for_longer_than_it_was_told_and_in_production_for_half_of_that() {
        let mut ration = rationed().await;
        for (priority, most_ms) in
            [(Priority::Verification, 500.0), (Priority::Staging, 1_000.0), (Priority::Development, 1_000.0)]
        {
            let rests = rests_ms(&mut ration, priority, 10_000);
            assert!(rests.iter().all(|rest| *rest <= most_ms));
            assert!(rests[9_999] >= most_ms - 1.0);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_given_up_for_others_comes_back_at_an_eighth_of_their_pace() {
        let mut ration = rationed().await;
        let rests = rests_ms(&mut ration, Priority::Staging, 1_000);
        assert!((790.0..=801.0).contains(&rests[999]), "{}", rests[999]);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_waited_in_vain_has_used_up_a_refusal_of_those_who_could_wait() {
        let mut ration = Ration::new();
        ration.note(12);
        ration.rest(Priority::Development, false);
        ration.rest(Priority::Verification, true);
        assert!(ration.take_refusal() && ration.take_refusal() && !ration.take_refusal());
        // Many were sent away together: what is let in then pays for those first, up to a bound.
        for _ in 0..1_000 {
            ration.rest(Priority::Development, false);
        }
        ration.note(128 * 4 + 3);
        assert!(!ration.take_refusal());
        ration.note(2);
        assert!(ration.take_refusal() && !ration.take_refusal());
    }

    #[tokio::test(start_paused = true)]
    async fn only_what_is_done_while_there_is_more_work_than_time_tells_the_pace() {
        let mut ration = Ration::new();
        let rests = rests_ms(&mut ration, Priority::Verification, 1_000);
        assert!(rests.iter().all(|rest| (20.0..=60.0).contains(rest)), "it is not known yet");
        for is_busy in [false, true, false, true, false] {
            look(&mut ration, 1, is_busy).await;
        }
        assert_eq!(ration.seen, (0.0, 0.0), "never from one look to the next");
        let mut ration = rationed().await;
        // Once, nearly nothing was done.
        look(&mut ration, 1, true).await;
        let rests = rests_ms(&mut ration, Priority::Verification, 1_000);
        assert!((100.0..=120.0).contains(&rests[999]), "{}", rests[999]);
    }
}
