//! Adoption on first use: a text that is unknown here is asked of its organization's present verifier, once, and becomes a key
//! if that accepts it.
//!
//! Whatever stands between is no key: a verifier that is away, a budget that is spent, an authority that is gone. The text
//! itself is sent to the verifier and nowhere else, and none that has Claviger's own form is.

pub mod settings;
pub mod verifiers;

use std::sync::Arc;
use std::time::Duration;

use client::wire::{SecretText, VerifyAnswer, VerifyRequest};
use domain::access::Scope;
use domain::adoption::{Judgement, may_be_told};
use domain::foreign::{ForeignDigest, Wrapped};
use domain::ids::OrganizationId;
use domain::policy::{AllOr, KeyKind};
use domain::verdict::Verdict;
use futures_util::future::join_all;
use poem_openapi::types::ToJSON;
use server::problem::{ErrorCode, Problem};
use store::{AskOutcome, Asking, Claim, Origin};

use crate::app::App;
use crate::authenticate::Proven;
use crate::import;
use crate::resources::keys::wire::import::KeyImport;
use crate::resources::keys::wire::key::KeyBody;

/// How many texts of one request are asked about; the others are unknown until they are presented again.
const ASKED_PER_REQUEST_MAX: usize = 10;
/// How long beyond its time-out a question is nobody else's.
const LEASE_MARGIN: Duration = Duration::from_secs(5);
/// How often is looked whether another replica has its answer.
const PAUSE: Duration = Duration::from_millis(50);

/// A question of a request that may be asked of its organization's verifier.
pub struct Candidate {
    /// Its place.
    pub at: usize,
    /// The question, to be asked of the key service again.
    pub request: VerifyRequest,
    organization: OrganizationId,
}

/// The questions about texts that a verifier may know, for a caller that may learn about whatever comes of them.
pub fn candidates(caller: &Proven, requests: &[VerifyRequest], named: &[Option<OrganizationId>]) -> Vec<Candidate> {
    let policy = &caller.authority.policy;
    let is_limited = policy.customers != AllOr::All || policy.domains != AllOr::All;
    if is_limited || caller.app.verifiers.is_empty() {
        return Vec::new();
    }
    let own = (caller.authority.kind == KeyKind::Organization).then_some(caller.authority.organization);
    let asked = requests.iter().zip(named).enumerate().filter_map(|(at, (request, named))| {
        let text = request.key.expose();
        let may_be = !request.explain && ForeignDigest::of_text(text).is_ok() && may_be_told(text);
        let organization = (*named).or(own).filter(|_| may_be)?;
        Some(Candidate { at, request: request.clone(), organization })
    });
    asked.collect()
}

/// Of these, the ones that were unknown when they were answered, each with whether it is a key now.
pub async fn adopt(
    caller: &Proven,
    candidates: Vec<Candidate>,
    answers: &[Result<VerifyAnswer, Problem>],
) -> Vec<(Candidate, Result<bool, Problem>)> {
    let is_unknown = |candidate: &Candidate| {
        let answer = answers.get(candidate.at).and_then(|answer| answer.as_ref().ok());
        answer.is_some_and(|it| it.proven.is_none() && matches!(it.verdict, Verdict::Malformed | Verdict::NotFound))
    };
    let unknown = candidates.into_iter().filter(is_unknown).take(ASKED_PER_REQUEST_MAX);
    join_all(unknown.map(async |candidate| {
        let adopted = is_adopted(caller, &candidate).await;
        (candidate, adopted)
    }))
    .await
}

async fn is_adopted(caller: &Proven, candidate: &Candidate) -> Result<bool, Problem> {
    let text = candidate.request.key.expose();
    let Ok(digest) = ForeignDigest::of_text(text) else { return Ok(false) };
    let adoption = Adoption {
        app: Arc::clone(&caller.app),
        scope: scope(&caller.app, candidate.organization),
        text: candidate.request.key.clone(),
        wrapped: caller.app.peppers.wrap(&digest),
        origin: caller.origin(),
    };
    let first = adoption.wrapped.first().ok_or_else(|| Problem::new(ErrorCode::Internal))?.hash.bytes;
    let flight = caller.app.verifiers.join((candidate.organization, first));
    // On its own, so that it ends well even where nobody waits for it any more.
    let resolve = async || {
        let resolved = tokio::spawn(async move { adoption.resolve().await }).await;
        resolved.unwrap_or_else(|error| Err(Problem::new(ErrorCode::Internal).source(error)))
    };
    flight.cell.get_or_try_init(resolve).await.copied()
}

/// One text that is to become a key.
struct Adoption {
    app: Arc<App>,
    scope: Scope,
    text: SecretText,
    wrapped: Vec<Wrapped>,
    origin: Origin,
}

impl Adoption {
    /// Whether it is a key in the end.
    async fn resolve(&self) -> Result<bool, Problem> {
        let app = &self.app;
        if let Some(known) = self.look().await? {
            return Ok(known);
        }
        let Some(asking) = self.claim().await? else { return Ok(self.look().await?.unwrap_or(false)) };
        let stored = settings::stored(&asking.verifier)?;
        let said = match stored.request.question(self.text.expose()) {
            Some(question) => {
                let headers = settings::headers(app, self.scope.organization(), &asking.verifier)?;
                let timeout_ms = asking.verifier.settings.timeout_ms;
                app.verifiers.ask(&stored.request, question, (&headers, timeout_ms)).await
            }
            None => (Judgement::Refused, None),
        };
        let (outcome, status) = match said {
            (Judgement::Accepted, Some(status)) if self.make_key((&asking, status)).await? => return Ok(true),
            (Judgement::Accepted | Judgement::Unsaid, status) => (AskOutcome::Unsaid, status),
            (Judgement::Refused, status) => (AskOutcome::Refused, status),
        };
        let _permit = app.queues.acquire_connection(self.scope.organization()).await?;
        app.store.settle_question(&self.scope, &asking, (outcome, status)).await?;
        Ok(false)
    }

    /// What is known without asking: `None` where somebody has to ask, or is asking.
    async fn look(&self) -> Result<Option<bool>, Problem> {
        let _permit = self.app.queues.acquire_connection(self.scope.organization()).await?;
        let mut read = self.app.store.read(&self.scope).await?;
        let Some(verifier) = read.find_verifier().await? else { return Ok(Some(false)) };
        if verifier.settings.ends_at <= read.now() {
            return Ok(Some(false));
        }
        let held = read.find_verifier_answer(&self.wrapped).await?.filter(|answer| answer.is_held);
        match held.map(|answer| answer.outcome) {
            None => {}
            Some(AskOutcome::Asking) => return Ok(None),
            Some(AskOutcome::Accepted(_)) => return Ok(Some(true)),
            Some(AskOutcome::Refused | AskOutcome::Unsaid) => return Ok(Some(false)),
        }
        let is_open = read.find_organization().await?.is_some_and(|organization| organization.suspended_at.is_none());
        match settings::keys(&self.app, &mut read, &verifier).await {
            Ok(_) if is_open => Ok(None),
            Ok(_) => Ok(Some(false)),
            Err(problem) if problem.code().status().is_server_error() => Err(problem),
            Err(_) => Ok(Some(false)),
        }
    }

    /// Takes the question upon this process, or waits until whoever has it knows more: `None` when there is nothing to ask.
    async fn claim(&self) -> Result<Option<Box<Asking>>, Problem> {
        let longest = Duration::from_millis((*domain::adoption::TIMEOUT_MS.end()).into()) + LEASE_MARGIN;
        let claimed = async {
            loop {
                let permit = self.app.queues.acquire_connection(self.scope.organization()).await?;
                let claim = self.app.store.claim_question(&self.scope, &self.wrapped, longest).await?;
                drop(permit);
                match claim {
                    Claim::Granted(asking) => return Ok(Some(asking)),
                    Claim::Held(AskOutcome::Asking) => tokio::time::sleep(PAUSE).await,
                    Claim::Held(_) | Claim::Nobody | Claim::Known | Claim::Unasked => return Ok(None),
                }
            }
        };
        tokio::time::timeout(longest, claimed).await.unwrap_or(Ok(None))
    }

    /// Makes the key, if everything is still as it was when the verifier was asked.
    async fn make_key(&self, (asking, status): (&Asking, u16)) -> Result<bool, Problem> {
        let (app, organization) = (&self.app, self.scope.organization());
        let _permit = app.queues.acquire_connection(organization).await?;
        let mut write = app.store.write(&self.scope, &self.origin).await?;
        if !write.hold_verifier(asking).await? {
            return Ok(false);
        }
        let change = match settings::keys(app, &mut write, &asking.verifier).await {
            Ok(change) => change,
            Err(problem) if problem.code().status().is_server_error() => return Err(problem),
            Err(_) => return Ok(false),
        };
        let mut key = settings::keys_body(&asking.verifier)?;
        let id = self.wrapped.first().map(|wrapped| wrapped.lookup_id.as_str().to_owned()).unwrap_or_default();
        key.name = settings::name(&key.name, &id);
        let name =
            domain::names::Name::parse(&key.name).map_err(|error| Problem::new(ErrorCode::Internal).source(error))?;
        let text = Some(self.text.expose().to_owned());
        let body = KeyImport { key, secret: text, hashed: None, digest: None, hint: None };
        // Its own text may be one that the organization's policy refuses.
        let Some(held) = write.find_organization().await? else { return Ok(false) };
        let Ok(imported) = import::read(app, &held, &body) else { return Ok(false) };
        let line = imported.with(store::KeyChange { name, ..change });
        let (environment, now) = (app.environment, write.now());
        let is_same =
            |_, organization, hash: &domain::secret::SecretHash| imported.is_behind(&app.peppers, organization, hash);
        let view = |key: &store::Key| KeyBody::new(key, environment, now).to_json();
        let Some((_, committed)) = write.adopt_key((asking, status), line, view, is_same).await? else {
            return Ok(false);
        };
        if !committed.generations.is_empty() {
            app.publish(&self.scope, &committed, None).await;
        }
        app.publish_elsewhere(&committed).await;
        Ok(true)
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "whoever set the verifier decided that keys come of it, and is held to what it may"
)]
fn scope(app: &App, organization: OrganizationId) -> Scope {
    Scope::system("adoption", app.environment, organization)
}
