//! `/v1/keys/verify` and `/v1/keys/verify-batch`: the verdict about a presented key, for callers of this API.
//!
//! A caller learns about the keys that it may know of; every other key is one that does not exist.

use client::KeysError;
use client::wire::{AllOr, BatchAnswer, BatchRequest, VerifyAnswer, VerifyRequest, Within};
use domain::ids::OrganizationId;
use domain::permission::Permission;
use domain::policy::KeyKind;
use poem_openapi::OpenApi;
use server::answer::Ok200;
use server::json::Json;
use server::problem::{ErrorCode, FieldError, Problem};

use super::Tags;
use crate::access::Caller;
use crate::adoption;
use crate::authenticate::{self, Proven};
use crate::operation::operations;

operations! {
    VerifyKey  => KeysVerify, reach(Installation), priority(Verification);
    VerifyKeys => KeysVerify, reach(Installation), priority(Verification);
}

/// The operations that ask for verdicts.
pub struct Api;

#[OpenApi]
impl Api {
    /// Verify a key
    ///
    /// 200 for every verdict; another status only says that the question could not be answered.
    #[oai(path = "/v1/keys/verify", method = "post", operation_id = "verify_key", tag = "Tags::Verification")]
    async fn verify_key(
        &self,
        caller: Caller<VerifyKey>,
        body: Json<VerifyRequest>,
    ) -> Result<Ok200<VerifyAnswer>, Problem> {
        let answers = answer(&caller, vec![body.parse()?], Shape::Single).await?;
        answers.into_iter().next().map(Ok200::new).ok_or_else(|| Problem::new(ErrorCode::Unavailable))
    }

    /// Verify several keys
    ///
    /// Up to 100 questions, answered in their order.
    #[oai(path = "/v1/keys/verify-batch", method = "post", operation_id = "verify_keys", tag = "Tags::Verification")]
    async fn verify_keys(
        &self,
        caller: Caller<VerifyKeys>,
        body: Json<BatchRequest>,
    ) -> Result<Ok200<BatchAnswer>, Problem> {
        let results = answer(&caller, body.parse()?.requests, Shape::Batch).await?;
        Ok(Ok200::new(BatchAnswer { results }))
    }
}

/// Asks the key service; where a text is unknown, asks its organization's verifier, and then the key service again.
async fn answer(caller: &Proven, mut requests: Vec<VerifyRequest>, shape: Shape) -> Result<Vec<VerifyAnswer>, Problem> {
    check_own_numbers(caller, &requests)?;
    let named = take_organizations(caller, &mut requests, shape)?;
    let candidates = adoption::candidates(caller, &requests, &named);
    let mut answers = ask(caller, requests, shape).await?;
    if candidates.is_empty() {
        return Ok(answers);
    }
    let (places, again): (Vec<usize>, Vec<VerifyRequest>) = adoption::adopt(caller, candidates, &answers)
        .await?
        .into_iter()
        .map(|candidate| (candidate.at, candidate.request))
        .unzip();
    if !again.is_empty() {
        for (at, verified) in places.into_iter().zip(ask(caller, again, shape).await?) {
            answers[at] = verified;
        }
    }
    Ok(answers)
}

async fn ask(caller: &Proven, requests: Vec<VerifyRequest>, shape: Shape) -> Result<Vec<VerifyAnswer>, Problem> {
    let answers = caller.app.keys.verify(within(caller), requests, &caller.request_id).await;
    answers.map_err(|error| verify_error(error, shape))
}

/// The organizations that the questions name, which the key service does not take. An organization key can name its own.
fn take_organizations(
    caller: &Proven,
    requests: &mut [VerifyRequest],
    shape: Shape,
) -> Result<Vec<Option<OrganizationId>>, Problem> {
    let authority = &caller.authority;
    let mut errors = Vec::new();
    let mut read = |(at, request): (usize, &mut VerifyRequest)| {
        let named = request.organization.take()?;
        let organization = named.parse().ok().filter(|id: &OrganizationId| match authority.kind {
            KeyKind::Organization => *id == authority.organization,
            KeyKind::Root => !id.is_installation(),
        });
        if organization.is_none() {
            let place = if shape == Shape::Batch { format!("/requests/{at}") } else { String::new() };
            let message = "There is no such organization, or this key may not know of it; send its id.";
            errors.push(FieldError::new(format!("{place}/organization"), "unknown-organization", message));
        }
        organization
    };
    let organizations = requests.iter_mut().enumerate().map(&mut read).collect();
    if errors.is_empty() { Ok(organizations) } else { Err(Problem::validation(errors)) }
}

/// Refuses limits by the question's own numbers to a caller that may not spend limits without a key: they are of the same kind.
fn check_own_numbers(caller: &Proven, requests: &[VerifyRequest]) -> Result<(), Problem> {
    let has_own =
        |request: &VerifyRequest| request.limits.iter().any(|one| one.limit.is_some() || one.window_ms.is_some());
    if requests.iter().any(has_own) {
        caller.authority.check(Permission::LimitsSpend).map_err(authenticate::denied)?;
    }
    Ok(())
}

/// Whose keys the caller may learn about; a root key, about all of its environment.
fn within(caller: &Proven) -> Option<Within> {
    let authority = &caller.authority;
    match authority.kind {
        KeyKind::Root => None,
        KeyKind::Organization => Some(Within {
            organization_id: authority.organization,
            customers: AllOr::of(&authority.policy.customers),
            domains: AllOr::of(&authority.policy.domains),
        }),
    }
}

/// How the questions were asked: what a pointer to a mistake starts with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Single,
    Batch,
}

/// The problem of questions without answers; mistakes are told where the caller made them.
fn verify_error(error: KeysError, shape: Shape) -> Problem {
    let KeysError::Invalid(mistakes) = error else { return authenticate::verify_error(error) };
    let errors = mistakes.into_iter().map(|mistake| {
        let pointer = match shape {
            Shape::Batch => mistake.pointer,
            Shape::Single => mistake.pointer.strip_prefix("/requests/0").unwrap_or(&mistake.pointer).to_owned(),
        };
        FieldError::new(pointer, mistake.code, mistake.message)
    });
    Problem::validation(errors.collect())
}
