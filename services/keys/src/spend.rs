//! A limit without a key: what holds for an identifier, and whether this request fits, in one call to Redis.

use std::time::Instant;

use client::wire::{SpendCounter, SpendLimitAnswer, SpendLimitRequest};
use domain::ids::OrganizationId;
use domain::limit::{LIMIT_MAX, Limit};
use domain::limit_settings::{Rate, RateSource, check_identifier, counter_id};
use domain::priority::Priority;
use domain::validation::ValidationError;
use server::admission::FairnessKey;
use server::problem::FieldError;
use store::counters::{LimitOwner, LimitSpend, Mode};

use crate::charge::{Basis, Charge, Charged};
use crate::limits::{new_members, new_names};
use crate::lookup::{Consistency, KnownSettings};
use crate::verify::{ATTEMPTS_MAX, Verifier, VerifyError};

/// A question that can be answered.
#[derive(Debug)]
pub struct SpendAsked {
    pub counter: SpendCounter,
    pub namespace: String,
    pub identifier: String,
    /// What holds where nothing is configured.
    pub rate: Option<Rate>,
    pub cost: u64,
}

/// What came of it.
#[derive(Debug)]
pub enum Spent {
    /// The limit has answered.
    Answered(SpendLimitAnswer),
    /// There is no such organization.
    NoOrganization,
}

impl SpendAsked {
    /// Reads a question; every mistake is named.
    pub fn read(request: &SpendLimitRequest, counter: SpendCounter) -> Result<Self, Vec<FieldError>> {
        let mut mistakes = Vec::new();
        let mut refuse = |pointer: &str, refusal: ValidationError| {
            mistakes.push(FieldError::new(pointer, refusal.code, refusal.message));
        };
        if let Err(refusal) = Limit::check_name(&request.namespace) {
            refuse("/namespace", ValidationError::new("namespace", refusal.message.replace("limit's", "namespace's")));
        }
        if let Err(refusal) = check_identifier(&request.identifier) {
            refuse("/identifier", refusal);
        }
        if request.cost > LIMIT_MAX {
            refuse("/cost", ValidationError::new("range", format!("a request costs at most {LIMIT_MAX}")));
        }
        let rate = match (request.limit, request.window_ms) {
            (None, None) => None,
            (Some(limit), Some(window_ms)) => match Rate::parse(limit, window_ms) {
                Ok(rate) => Some(rate),
                Err(refusal) => {
                    refuse("/limit", refusal);
                    None
                }
            },
            (Some(_), None) | (None, Some(_)) => {
                refuse("/limit", ValidationError::new("contradiction", "send both limit and window_ms, or neither"));
                None
            }
        };
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        let (namespace, identifier) = (request.namespace.clone(), request.identifier.clone());
        Ok(Self { counter, namespace, identifier, rate, cost: request.cost })
    }
}

impl Verifier {
    /// Spends a limit of an organization that hangs on no key.
    pub async fn spend_limit(
        &self,
        organization: OrganizationId,
        asked: &SpendAsked,
        priority: Priority,
    ) -> Result<Spent, VerifyError> {
        let permit = self.admission.acquire(priority, FairnessKey::Organization(organization), 1).await;
        let _permit = permit.map_err(|_| VerifyError::Overloaded)?;
        let kind = match asked.counter {
            SpendCounter::Namespace => "namespace",
            SpendCounter::Member => "member",
        };
        let id = counter_id(organization, &[kind, &asked.namespace, &asked.identifier]);
        let mut consistency = Consistency::Cached;
        for _ in 0..ATTEMPTS_MAX {
            let Some(known) = self.lookup.find_settings(organization, consistency).await? else {
                return Ok(Spent::NoOrganization);
            };
            // What is too old to rest on says nothing of what is wrong with the question, either.
            let Some((rate, from)) = self.rate(&known, asked) else {
                if known.provenance == crate::lookup::Provenance::Cached {
                    consistency = Consistency::ReadAfter(Instant::now());
                    continue;
                }
                return Err(VerifyError::Invalid(vec![no_rate()]));
            };
            let limit = rate.named(&asked.namespace);
            let spend = LimitSpend { owner: LimitOwner::Named(id), limit: &limit, cost: asked.cost };
            let names = match asked.counter {
                SpendCounter::Namespace => new_names(organization, rate.window_ms),
                SpendCounter::Member => new_members(organization),
            };
            let spends = [spend, names];
            match self.charger.charge(&Basis::of_settings(organization, &known), &spends, Mode::Spend).await {
                Charged::Outdated(newer) => {
                    self.lookup.note_newer(&newer);
                    consistency = Consistency::ReadAfter(Instant::now());
                }
                Charged::Unvouched => consistency = Consistency::ReadAfterOrKept(Instant::now()),
                Charged::Settled(charge) => return Ok(Spent::Answered(answer(rate, from, &charge))),
            }
        }
        Err(VerifyError::Unavailable)
    }

    fn rate(&self, known: &KnownSettings, asked: &SpendAsked) -> Option<(Rate, RateSource)> {
        match asked.counter {
            SpendCounter::Namespace => known.settings.settings.rate(&asked.namespace, &asked.identifier, asked.rate),
            SpendCounter::Member => asked.rate.map(|rate| (rate, RateSource::Question)),
        }
    }
}

fn no_rate() -> FieldError {
    let message = "The namespace has no default and the identifier no override: send limit and window_ms.";
    FieldError::new("/limit", "required", message)
}

fn answer(rate: Rate, source: RateSource, charge: &Charge<'_>) -> SpendLimitAnswer {
    let spending = &charge.spendings()[0];
    let refusal = charge.refusal();
    SpendLimitAnswer {
        admitted: refusal.is_none(),
        limit: rate.limit,
        window_ms: rate.window_ms,
        source: source.into(),
        remaining: spending.remaining,
        reset_ms: spending.reset_ms,
        retry_after_ms: refusal.as_ref().and_then(|refused| refused.retry_after_ms),
        reason: refusal.filter(|_| spending.is_admitted).map(|_| client::wire::SpendReason::TooManyIdentifiers),
        enforced: charge.enforced(),
    }
}
