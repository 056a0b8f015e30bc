//! `/v1/keys/verify` and `/v1/keys/verify-batch`: the verdict about a presented key, for callers of this API.
//!
//! A caller learns about the keys that it may know of; every other key is one that does not exist.

use client::KeysError;
use client::wire::{AllOr, BatchAnswer, BatchRequest, VerifyAnswer, VerifyRequest, Within};
use domain::permission::Permission;
use domain::policy::KeyKind;
use poem_openapi::OpenApi;
use server::answer::Ok200;
use server::json::Json;
use server::problem::{ErrorCode, FieldError, Problem};

use super::Tags;
use crate::access::Caller;
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
        let requests = vec![body.parse()?];
        check_own_numbers(&caller, &requests)?;
        let answers = caller.app.keys.verify(within(&caller), requests, &caller.request_id).await;
        let answers = answers.map_err(|error| verify_error(error, Shape::Single))?;
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
        let requests = body.parse()?.requests;
        check_own_numbers(&caller, &requests)?;
        let results = caller.app.keys.verify(within(&caller), requests, &caller.request_id).await;
        let results = results.map_err(|error| verify_error(error, Shape::Batch))?;
        Ok(Ok200::new(BatchAnswer { results }))
    }
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
