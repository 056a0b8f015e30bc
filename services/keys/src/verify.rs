//! The verification: the checks in the order of the policy, the first failure wins, nothing is consumed before the last two.
//!
//! A verdict rests on versions that Redis, Postgres or a hard age vouches for; without any of them there is no verdict.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use client::wire::{LimitState, TraceStep};
use domain::environment::Environment;
use domain::foreign::Presented;
use domain::ids::OrganizationId;
use domain::permission::PermissionName;
use domain::secret::PepperRing;
use domain::verdict::{Reason, Verdict};
use domain::verify::{CustomerAsked, Failure, Question, evaluate};
use server::admission::{AdmissionQueue, FairnessKey, Permit};
use server::problem::FieldError;
use store::Store;
use store::counters::Mode;

use crate::cache::{CachedCustomer, CachedKey};
use crate::charge::{Basis, Charge, Charged, Charger};
use crate::clock::StoreClock;
use crate::explain;
use crate::foreign::{ForeignKeys, Shown, Unasked};
use crate::limits;
use crate::lookup::{Consistency, CustomerLookup, Lookup, Proven};
use crate::metrics::EnvironmentMetrics;
use crate::question::{Asked, LimitAsked};
use crate::requester::Requester;
use crate::throttle::Throttle;
use crate::usage::{Usage, Use};

/// How often a verification starts again because what it rested on changed under it.
pub const ATTEMPTS_MAX: usize = 4;

/// Why a question has no answer.
#[derive(Debug)]
pub enum VerifyError {
    /// Nobody vouches for what is known, or a credit could not be counted.
    Unavailable,
    /// The key's organization has as much in progress as it may.
    Overloaded,
    /// A mistake of ours.
    Broken,
    /// The question names what the key does not have.
    Invalid(Vec<FieldError>),
}

/// The answer about a key.
#[derive(Debug)]
pub struct Judgement {
    pub verdict: Verdict,
    pub reason: Option<Reason>,
    /// The limit that refused.
    pub limit_name: Option<String>,
    pub missing_permissions: Vec<PermissionName>,
    pub retry_after_ms: Option<u64>,
    /// Whether the shared counters were away.
    pub is_degraded: bool,
    /// What may be told, once the secret is proven.
    pub evidence: Option<Evidence>,
}

/// What a proven secret stands for.
#[derive(Debug)]
pub struct Evidence {
    pub key: Arc<CachedKey>,
    pub customer: Option<Arc<CachedCustomer>>,
    pub limits: Vec<LimitState>,
    pub credits: Option<i64>,
    pub trace: Option<Vec<TraceStep>>,
}

/// One environment's verifications.
pub struct Verifier {
    pub environment: Environment,
    pub ring: Arc<PepperRing>,
    pub store: Store,
    pub lookup: Lookup,
    pub charger: Charger,
    pub clock: Arc<StoreClock>,
    pub usage: Usage,
    pub throttle: Throttle,
    pub foreign: ForeignKeys,
    pub admission: AdmissionQueue,
    pub metrics: EnvironmentMetrics,
}

impl Verifier {
    /// Answers a question about a presented key. A key that the requester may not see is as good as absent.
    pub async fn verify(&self, asked: &Asked, requester: Requester<'_>) -> Result<Judgement, VerifyError> {
        let started = Instant::now();
        let judged = self.judge(asked, requester).await;
        if let Ok(judgement) = &judged {
            self.metrics.verified(judgement.verdict, started.elapsed());
        }
        judged
    }

    async fn judge(&self, asked: &Asked, requester: Requester<'_>) -> Result<Judgement, VerifyError> {
        // 1: shape and checksum.
        let Some(shown) = self.shown(asked)? else { return Ok(Judgement::unproven(Verdict::Malformed)) };
        let secret = shown.presented();
        // 2: environment tag.
        if !secret.is_of(self.environment) {
            return Ok(Judgement::unproven(Verdict::WrongEnvironment));
        }
        let mut consistency = Consistency::Cached;
        for _ in 0..ATTEMPTS_MAX {
            // 3: lookup by id, HMAC compare.
            let Some(proven) = self.prove(secret, (requester, asked.client_ip), consistency).await? else {
                return Ok(self.refuse_unproven(requester, asked.client_ip));
            };
            let organization = proven.key.snapshot.organization.id;
            let _permit = self.admit(asked, organization).await?;
            let customer = self.find_customer(&proven, asked, requester, consistency).await?;
            // 4 to 10: organization, revocation, time, address, domain, customer, permissions.
            let question = self.question(asked, &customer)?;
            let failure = evaluate(&proven.key.snapshot, &question).err();
            // 11: all limits, all or nothing.
            let mode = if failure.is_some() || asked.is_explained { Mode::Look } else { Mode::Spend };
            let spends = limits::effective(&proven.key.snapshot, customer.facts(), named(&proven, asked))
                .map_err(VerifyError::Invalid)?;
            match self.charger.charge(&Basis::of_key(&proven, &customer), &spends, mode).await {
                Charged::Outdated(newer) => {
                    // Whatever becomes of Redis meanwhile, it is not forgotten here.
                    self.lookup.note_newer(&newer);
                    consistency = Consistency::ReadAfter(Instant::now());
                }
                Charged::Unvouched => consistency = Consistency::ReadAfterOrKept(Instant::now()),
                // 12: credits; if they fail, the limits are given back.
                Charged::Settled(charge) => {
                    if charge.is_local() {
                        self.lookup.refresh(secret, asked.customer.as_deref(), &proven, &customer);
                    }
                    let judging = Judging { asked, question: &question, proven: &proven, customer: &customer };
                    let judgement = self.conclude(judging, failure, charge).await?;
                    self.note_use(&judging, judgement.verdict);
                    return Ok(judgement);
                }
            }
        }
        Err(VerifyError::Unavailable)
    }

    /// Waits to be let in, unless the question is a part of what was.
    async fn admit(&self, asked: &Asked, organization: OrganizationId) -> Result<Option<Permit>, VerifyError> {
        let Some(priority) = asked.sharing else { return Ok(None) };
        let permit = self.admission.acquire(priority, FairnessKey::Organization(organization), 1).await;
        permit.map(Some).map_err(|_| VerifyError::Overloaded)
    }

    /// The organization of a key, if it is known here.
    pub fn organization_of(&self, asked: &Asked) -> Option<OrganizationId> {
        let shown = self.shown(asked).ok()??;
        let proven = self.lookup.find_vouched(&self.ring, shown.presented())?;
        Some(proven.key.snapshot.organization.id)
    }

    /// The secret of a question, if it has the form of one that there may be here.
    fn shown<'a>(&self, asked: &'a Asked) -> Result<Option<Shown<'a>>, VerifyError> {
        self.foreign.shown(&self.ring, asked).map_err(|Unasked| VerifyError::Unavailable)
    }

    /// The key behind a secret, if the requester may see it.
    async fn prove(
        &self,
        secret: Presented<'_>,
        (requester, source): (Requester<'_>, Option<IpAddr>),
        consistency: Consistency,
    ) -> Result<Option<Proven>, VerifyError> {
        let account = requester.account();
        let is_throttled = self.throttle.wait_ms(account, source, self.clock.monotonic_ms()).is_some();
        // Whoever is throttled is not worth a read; what is known already is still judged.
        let proven = if is_throttled && consistency == Consistency::Cached {
            self.lookup.find_vouched(&self.ring, secret)
        } else {
            self.lookup.prove(&self.ring, (secret, account), consistency).await?
        };
        Ok(proven.filter(|proven| requester.may_see(&proven.key.snapshot)))
    }

    /// The customer of a question; one that the requester may not see is as unknown as one that is not there.
    async fn find_customer(
        &self,
        proven: &Proven,
        asked: &Asked,
        requester: Requester<'_>,
        consistency: Consistency,
    ) -> Result<CustomerLookup, VerifyError> {
        let found = self.lookup.find_customer(proven, asked.customer.as_deref(), consistency).await?;
        let is_hidden = found.facts().is_some_and(|facts| !requester.may_see_customer(facts.id));
        Ok(if is_hidden { CustomerLookup::Unknown } else { found })
    }

    /// Nothing was proven: the same words whatever the reason, and each time another failure.
    fn refuse_unproven(&self, requester: Requester<'_>, source: Option<IpAddr>) -> Judgement {
        let (account, now_ms) = (requester.account(), self.clock.monotonic_ms());
        if let Some(wait_ms) = self.throttle.wait_ms(account, source, now_ms) {
            self.metrics.throttled();
            let mut judgement = Judgement::unproven(Verdict::RateLimited);
            judgement.retry_after_ms = Some(wait_ms);
            return judgement;
        }
        self.throttle.count(account, source, now_ms);
        Judgement::unproven(Verdict::NotFound)
    }

    fn question(&self, asked: &Asked, customer: &CustomerLookup) -> Result<Question, VerifyError> {
        Ok(Question {
            // A key was read, so Postgres told the time.
            now: self.clock.now().ok_or(VerifyError::Unavailable)?,
            client_ip: asked.client_ip,
            domain: asked.domain.clone(),
            customer: match customer {
                CustomerLookup::Unnamed => CustomerAsked::Unnamed,
                CustomerLookup::Unknown => CustomerAsked::Unknown,
                CustomerLookup::Known(known) => CustomerAsked::Known(known.customer.facts.clone()),
            },
            needed: asked.needed.clone(),
            purpose: asked.purpose,
        })
    }

    async fn conclude(
        &self,
        judging: Judging<'_>,
        failure: Option<Failure>,
        charge: Charge<'_>,
    ) -> Result<Judgement, VerifyError> {
        if judging.asked.is_explained {
            return Box::pin(self.explain(judging, failure, charge)).await;
        }
        if let Some(failure) = failure {
            let credits = self.tell_balance(judging.proven, judging.asked).await;
            return Ok(judging.refused(failure, &charge, credits));
        }
        if let Some(refused) = charge.refusal() {
            let wait_ms = refused.retry_after_ms;
            let credits = self.tell_balance(judging.proven, judging.asked).await;
            let mut judgement = judging.refused(refused.failure, &charge, credits);
            judgement.retry_after_ms = wait_ms;
            return Ok(judgement);
        }
        let credits = match self.spend_credits(judging.proven, judging.asked, judging.asked.cost).await {
            Ok(Some(spent)) if !spent.is_enough => {
                let limits = self.charger.give_back(judging.organization(), charge).await;
                let judgement = judging.refused(no_credits(), &limits, Some(spent.remaining));
                return Ok(judgement);
            }
            Ok(spent) => spent.map(|spent| spent.remaining),
            Err(error) => {
                self.charger.give_back(judging.organization(), charge).await;
                return Err(error);
            }
        };
        Ok(judging.valid(&charge, credits))
    }

    /// Every check with what it came to; nothing is consumed.
    async fn explain(
        &self,
        judging: Judging<'_>,
        failure: Option<Failure>,
        charge: Charge<'_>,
    ) -> Result<Judgement, VerifyError> {
        let credits = self.spend_credits(judging.proven, judging.asked, 0).await?.map(|spent| spent.remaining);
        let refusal = charge.refusal();
        let is_short = credits.is_some_and(|remaining| remaining < judging.asked.cost);
        let trace = explain::trace(
            &judging.proven.key.snapshot,
            judging.question,
            &explain::Consumption {
                limit: refusal.as_ref().map(|refused| refused.failure.clone()),
                limits: charge.spends.len(),
                credits,
                is_short,
            },
        );
        let retry_after_ms = refusal.as_ref().and_then(|refused| refused.retry_after_ms).filter(|_| failure.is_none());
        let first = failure.or(refusal.map(|refused| refused.failure)).or(is_short.then(no_credits));
        let mut judgement = match first {
            Some(failure) => judging.refused(failure, &charge, credits),
            None => judging.valid(&charge, credits),
        };
        judgement.retry_after_ms = retry_after_ms;
        if let Some(evidence) = &mut judgement.evidence {
            evidence.trace = Some(trace);
        }
        Ok(judgement)
    }

    /// An explained question uses nothing.
    fn note_use(&self, judging: &Judging<'_>, verdict: Verdict) {
        if judging.asked.is_explained {
            return;
        }
        let snapshot = &judging.proven.key.snapshot;
        let used = Use {
            organization: snapshot.organization.id,
            key: snapshot.key.id,
            secret: snapshot.secret.id,
            at: judging.question.now,
            ip: judging.asked.client_ip,
            verdict,
        };
        self.usage.note(used, &self.metrics);
    }
}

/// One verification past its proof.
#[derive(Clone, Copy)]
struct Judging<'a> {
    asked: &'a Asked,
    question: &'a Question,
    proven: &'a Proven,
    customer: &'a CustomerLookup,
}

impl Judging<'_> {
    fn organization(&self) -> OrganizationId {
        self.proven.key.snapshot.organization.id
    }

    fn valid(&self, charge: &Charge<'_>, credits: Option<i64>) -> Judgement {
        Judgement {
            verdict: Verdict::Valid,
            reason: None,
            limit_name: None,
            missing_permissions: Vec::new(),
            retry_after_ms: None,
            is_degraded: charge.is_local(),
            evidence: Some(self.evidence(charge, credits)),
        }
    }

    /// Of a deleted key it is not even told what else is wrong.
    fn refused(&self, failure: Failure, charge: &Charge<'_>, credits: Option<i64>) -> Judgement {
        let is_deleted = self.proven.key.snapshot.key.is_deleted;
        let failure = if is_deleted { Failure::new(Verdict::Revoked, None) } else { failure };
        Judgement {
            verdict: failure.verdict,
            reason: failure.reason,
            limit_name: failure.limit_name,
            missing_permissions: failure.missing_permissions,
            retry_after_ms: None,
            is_degraded: charge.is_local(),
            evidence: Some(self.evidence(charge, credits)),
        }
    }

    /// The customer that the question is about; of one that the key is not for, nothing is told.
    fn customer_told(&self) -> Option<Arc<CachedCustomer>> {
        let known = self.customer.known()?;
        let is_own = self.proven.key.snapshot.key.policy.customers.covers(&known.customer.facts.id);
        is_own.then(|| Arc::clone(&known.customer))
    }

    fn evidence(&self, charge: &Charge<'_>, credits: Option<i64>) -> Evidence {
        Evidence {
            key: Arc::clone(&self.proven.key),
            customer: self.customer_told(),
            limits: charge.states(),
            credits,
            trace: None,
        }
    }
}

impl Judgement {
    fn unproven(verdict: Verdict) -> Self {
        Self {
            verdict,
            reason: None,
            limit_name: None,
            missing_permissions: Vec::new(),
            retry_after_ms: None,
            is_degraded: false,
            evidence: None,
        }
    }
}

/// The limits that a question names. About a deleted key it is not told which it had.
fn named<'a>(proven: &Proven, asked: &'a Asked) -> &'a [LimitAsked] {
    if proven.key.snapshot.key.is_deleted { &[] } else { &asked.limits }
}

fn no_credits() -> Failure {
    Failure::new(Verdict::UsageExceeded, None)
}
