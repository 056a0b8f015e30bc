//! The one call to Redis of a verification, and what is done instead while Redis is away.

use std::sync::Arc;

use client::wire::{Enforced, LimitState};
use domain::ids::OrganizationId;
use domain::limit::Spending;
use domain::verdict::Verdict;
use domain::verify::Failure;
use store::Generation;
use store::counters::{Counters, Expected, Given, LimitSpend, Mode, SpendAnswer, SpendRequest};

use crate::cache::Freshness;
use crate::clock::StoreClock;
use crate::limits::{LocalShare, states};
use crate::lookup::{CustomerLookup, KnownSettings, Proven, Provenance};
use crate::metrics::EnvironmentMetrics;

/// What a charge rests on: versions, and who vouches for each. Dropped with the question.
pub struct Basis<'a> {
    organization: OrganizationId,
    expected: Vec<Expected>,
    vouched: [Option<(&'a Freshness, Provenance)>; 2],
}

impl<'a> Basis<'a> {
    /// A proven key, its organization, and the customer if one is known.
    pub fn of_key(proven: &'a Proven, customer: &'a CustomerLookup) -> Self {
        let customer_vouched = match customer {
            CustomerLookup::Known(known) => Some((&known.customer.freshness, known.provenance)),
            CustomerLookup::Unnamed | CustomerLookup::Unknown => None,
        };
        Self {
            organization: proven.key.snapshot.organization.id,
            expected: expected(proven, customer),
            vouched: [Some((&proven.key.freshness, proven.provenance)), customer_vouched],
        }
    }

    /// What an organization has configured of limits without a key.
    pub fn of_settings(organization: OrganizationId, known: &'a KnownSettings) -> Self {
        let expected =
            Expected { generation: known.settings.generation(organization), source: known.provenance.source() };
        let vouched = [Some((&known.settings.freshness, known.provenance)), None];
        Self { organization, expected: vec![expected], vouched }
    }

    fn vouched(&self) -> impl Iterator<Item = (&'a Freshness, Provenance)> + '_ {
        self.vouched.iter().flatten().copied()
    }
}

/// Spends limits, shared or alone.
pub struct Charger {
    pub counters: Counters,
    pub share: LocalShare,
    pub clock: Arc<StoreClock>,
    pub metrics: EnvironmentMetrics,
}

/// What came of a charge.
pub enum Charged<'a> {
    /// The versions still hold, and the limits have answered.
    Settled(Charge<'a>),
    /// Redis knows these newer versions; nothing was consumed.
    Outdated(Vec<Generation>),
    /// Redis did not answer, and what is known is too old to do without; or it is a new one that knows nothing of it.
    Unvouched,
}

/// The limits' answer.
pub struct Charge<'a> {
    pub spends: &'a [LimitSpend<'a>],
    spendings: Vec<Spending>,
    mode: Mode,
    enforced: Enforced,
}

/// A limit that refused.
pub struct Refused {
    pub failure: Failure,
    /// `None` when waiting never helps: the cost is above the limit.
    pub retry_after_ms: Option<u64>,
}

impl Charge<'_> {
    /// The limits as answers tell them.
    pub fn states(&self) -> Vec<LimitState> {
        states(self.spends, &self.spendings, self.enforced)
    }

    /// What each limit said, in their order.
    pub fn spendings(&self) -> &[Spending] {
        &self.spendings
    }

    /// Who counted.
    pub fn enforced(&self) -> Enforced {
        self.enforced
    }

    /// Whether this replica counted alone.
    pub fn is_local(&self) -> bool {
        self.enforced == Enforced::Local
    }

    /// The first limit that refused; when all that refused would admit again.
    pub fn refusal(&self) -> Option<Refused> {
        let refused = || self.spends.iter().zip(&self.spendings).filter(|(_, spending)| !spending.is_admitted);
        let (first, _) = refused().next()?;
        let failure =
            Failure { limit_name: Some(first.limit.name.clone()), ..Failure::new(Verdict::RateLimited, None) };
        let waits = refused().map(|(_, spending)| spending.retry_after_ms);
        let retry_after_ms = waits.reduce(|longest, wait_ms| Some(longest?.max(wait_ms?))).flatten();
        Some(Refused { failure, retry_after_ms })
    }
}

impl Charger {
    /// Has the versions compared and the limits charged, in one call.
    pub async fn charge<'a>(&self, basis: &Basis<'_>, spends: &'a [LimitSpend<'a>], mode: Mode) -> Charged<'a> {
        let Basis { organization, expected, .. } = basis;
        let request = SpendRequest { organization: *organization, expected, limits: spends, mode };
        let asked_ms = self.clock.monotonic_ms();
        match self.counters.spend(&request).await {
            Ok(SpendAnswer { generations, limits: None, .. }) => differing(expected, &generations),
            Ok(answer) => self.settle(basis, (answer, asked_ms), (spends, mode)).await,
            Err(_) => self.charge_alone(basis, spends, mode),
        }
    }

    async fn settle<'a>(
        &self,
        basis: &Basis<'_>,
        (answer, asked_ms): (SpendAnswer, u64),
        (spends, mode): (&'a [LimitSpend<'a>], Mode),
    ) -> Charged<'a> {
        let spendings = answer.limits.unwrap_or_default();
        let charge = Charge { spends, spendings, mode, enforced: Enforced::Global };
        for (freshness, provenance) in basis.vouched() {
            if provenance == Provenance::Cached && freshness.run() != answer.run {
                // Redis was replaced while we asked: this one's word about an older entry is worth nothing.
                self.give_back(basis.organization, charge).await;
                return Charged::Unvouched;
            }
            // That Redis knows of nothing newer makes nothing younger. And its word is as old as the question: an answer
            // may have waited for a process that was frozen.
            if provenance != Provenance::Kept {
                freshness.confirm(asked_ms);
            }
        }
        Charged::Settled(charge)
    }

    fn charge_alone<'a>(&self, basis: &Basis<'_>, spends: &'a [LimitSpend<'a>], mode: Mode) -> Charged<'a> {
        self.metrics.redis_away();
        let now_ms = self.clock.monotonic_ms();
        if !basis.vouched().all(|(freshness, provenance)| provenance.stands_alone(freshness, now_ms)) {
            return Charged::Unvouched;
        }
        self.metrics.local_limits();
        let now_us = self.clock.now().map_or(0, |now| u64::try_from(now.timestamp_micros()).unwrap_or(0));
        let spendings = self.share.spend(spends, mode, now_us);
        Charged::Settled(Charge { spends, spendings, mode, enforced: Enforced::Local })
    }

    /// Gives back what was spent; the limits as they are then.
    pub async fn give_back<'a>(&self, organization: OrganizationId, mut charge: Charge<'a>) -> Charge<'a> {
        let is_spent = charge.mode == Mode::Spend && charge.refusal().is_none();
        if !is_spent {
            return charge;
        }
        match charge.enforced {
            Enforced::Local => self.share.give_back(charge.spends, &charge.spendings),
            Enforced::Global => {
                let given: Vec<Given<'_>> = charge
                    .spends
                    .iter()
                    .zip(&charge.spendings)
                    .filter(|(spent, _)| spent.cost > 0)
                    .map(|(spent, spending)| Given { spent: *spent, cell: spending.cell })
                    .collect();
                let giving = self.counters.give_back(organization, &given);
                // A cost that cannot be given back counts: too strict for one window, never too loose.
                if Box::pin(giving).await.is_err() {
                    return charge;
                }
            }
        }
        for (spend, spending) in charge.spends.iter().zip(&mut charge.spendings) {
            spending.remaining = (spending.remaining + spend.cost).min(spend.limit.limit);
        }
        charge
    }
}

/// What to make of versions that are not the expected ones.
fn differing<'a>(expected: &[Expected], actual: &[Option<i64>]) -> Charged<'a> {
    let newer = expected.iter().zip(actual).filter_map(|(expected, actual)| {
        let value = actual.filter(|actual| *actual > expected.generation.value)?;
        Some(Generation { subject: expected.generation.subject, value })
    });
    let newer: Vec<Generation> = newer.collect();
    if newer.is_empty() { Charged::Unvouched } else { Charged::Outdated(newer) }
}

fn expected(proven: &Proven, customer: &CustomerLookup) -> Vec<Expected> {
    let source = proven.provenance.source();
    let mut expected: Vec<Expected> =
        proven.key.generations().into_iter().map(|generation| Expected { generation, source }).collect();
    if let CustomerLookup::Known(known) = customer {
        expected.push(Expected { generation: known.customer.generation(), source: known.provenance.source() });
    }
    expected
}
