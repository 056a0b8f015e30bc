//! `/v1/keys/verify` and `/v1/keys/verify-batch`: the verdict about a presented key, for callers of this API.
//!
//! A caller learns about the keys that it may know of; every other key is one that does not exist.

use client::wire::{
    AllOr, BatchAnswer, BatchRequest, BatchResult, BatchShape, FieldError as QuestionError, QuestionRefused,
    VerifyAnswer, VerifyRequest, Within,
};
use domain::ids::OrganizationId;
use domain::permission::Permission;
use domain::policy::KeyKind;
use poem_openapi::OpenApi;
use server::answer::Ok200;
use server::json::{Json, parse_entries};
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
        let answers = answer(&caller, vec![Ok(body.parse()?)]).await?;
        answers.into_iter().next().ok_or_else(|| Problem::new(ErrorCode::Unavailable))?.map(Ok200::new)
    }

    /// Verify several keys
    ///
    /// Up to 100 questions, answered in their order. One that is not acceptable is answered with what is wrong with it, and the others
    /// as if it were not there.
    #[oai(path = "/v1/keys/verify-batch", method = "post", operation_id = "verify_keys", tag = "Tags::Verification")]
    async fn verify_keys(
        &self,
        caller: Caller<VerifyKeys>,
        body: Json<BatchRequest>,
    ) -> Result<Ok200<BatchAnswer>, Problem> {
        let questions = parse_entries::<BatchShape, VerifyRequest>(body.raw(), "requests")?;
        let questions = questions.into_iter().map(|question| question.map_err(Problem::validation)).collect();
        let answers = answer(&caller, questions).await?.into_iter().enumerate();
        let told = |(at, answer): (usize, Answered)| match answer {
            Ok(answer) => BatchResult::Answered(Box::new(answer)),
            Err(problem) => BatchResult::Refused(refused(problem, at, &caller.request_id)),
        };
        Ok(Ok200::new(BatchAnswer { results: answers.map(told).collect() }))
    }
}

/// What became of one question: its answer, or what is wrong with it, with pointers into the question.
type Answered = Result<VerifyAnswer, Problem>;

/// Asks the key service; where a text is unknown, asks its organization's verifier, and then the key service again. Questions that
/// are not acceptable are not asked.
async fn answer(caller: &Proven, questions: Vec<Result<VerifyRequest, Problem>>) -> Result<Vec<Answered>, Problem> {
    let (mut requests, mut named, mut refusals) = (Vec::new(), Vec::new(), Vec::with_capacity(questions.len()));
    for question in questions {
        refusals.push(match question.and_then(|question| checked(caller, question)) {
            Ok((request, organization)) => {
                requests.push(request);
                named.push(organization);
                None
            }
            Err(problem) => Some(problem),
        });
    }
    let mut answers = ask_or_adopt(caller, requests, &named).await?.into_iter();
    let unanswered = || Err(Problem::new(ErrorCode::Unavailable));
    let told = |refusal: Option<Problem>| refusal.map_or_else(|| answers.next().unwrap_or_else(unanswered), Err);
    Ok(refusals.into_iter().map(told).collect())
}

async fn ask_or_adopt(
    caller: &Proven,
    requests: Vec<VerifyRequest>,
    named: &[Option<OrganizationId>],
) -> Result<Vec<Answered>, Problem> {
    let candidates = adoption::candidates(caller, &requests, named);
    let mut answers = ask(caller, requests).await?;
    if candidates.is_empty() {
        return Ok(answers);
    }
    let (mut places, mut again) = (Vec::new(), Vec::new());
    for (candidate, adopted) in adoption::adopt(caller, candidates, &answers).await {
        match adopted {
            Ok(false) => {}
            Ok(true) => {
                places.push(candidate.at);
                again.push(candidate.request);
            }
            // The other questions were answered, and paid for.
            Err(problem) => answers[candidate.at] = Err(problem),
        }
    }
    for (at, verified) in places.into_iter().zip(ask(caller, again).await?) {
        answers[at] = verified;
    }
    Ok(answers)
}

async fn ask(caller: &Proven, requests: Vec<VerifyRequest>) -> Result<Vec<Answered>, Problem> {
    if requests.is_empty() {
        return Ok(Vec::new());
    }
    let results = caller.app.keys.verify(within(caller), requests, &caller.request_id).await;
    let results = results.map_err(authenticate::verify_error)?.into_iter().enumerate();
    let answered = |(at, result): (usize, BatchResult)| match result {
        BatchResult::Answered(answer) => Ok(*answer),
        BatchResult::Refused(refused) => Err(Problem::validation(within_question(refused.errors, at))),
    };
    Ok(results.map(answered).collect())
}

/// A question that its caller may ask, and the organization that it names, which the key service does not take. An organization
/// key can name its own.
fn checked(caller: &Proven, mut request: VerifyRequest) -> Result<(VerifyRequest, Option<OrganizationId>), Problem> {
    check_own_numbers(caller, &request)?;
    let Some(named) = request.organization.take() else { return Ok((request, None)) };
    let authority = &caller.authority;
    let organization = named.parse().ok().filter(|id: &OrganizationId| match authority.kind {
        KeyKind::Organization => *id == authority.organization,
        KeyKind::Root => !id.is_installation(),
    });
    if organization.is_some() {
        return Ok((request, organization));
    }
    let message = "There is no such organization, or this key may not know of it; send its id.";
    Err(Problem::validation(vec![FieldError::new("/organization", "unknown-organization", message)]))
}

/// Refuses limits by the question's own numbers to a caller that may not spend limits without a key: they are of the same kind.
fn check_own_numbers(caller: &Proven, request: &VerifyRequest) -> Result<(), Problem> {
    if request.limits.iter().any(|one| one.limit.is_some() || one.window_ms.is_some()) {
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

/// A problem as the answer to one question of a batch.
fn refused(problem: Problem, at: usize, request_id: &str) -> QuestionRefused {
    let (code, detail) = (problem.code().name().to_owned(), problem.text().to_owned());
    let place = |error: FieldError| QuestionError {
        pointer: format!("/requests/{at}{}", error.pointer),
        code: error.code.into_owned(),
        message: error.message,
    };
    let errors = problem.into_errors().into_iter().map(place).collect();
    QuestionRefused { code, detail, errors, request_id: request_id.to_owned() }
}

/// Mistakes in the question that was asked as number `at`, by their place in it.
fn within_question(mistakes: Vec<QuestionError>, at: usize) -> Vec<FieldError> {
    let prefix = format!("/requests/{at}");
    let place = |mistake: QuestionError| {
        let pointer = mistake.pointer.strip_prefix(&prefix).unwrap_or(&mistake.pointer).to_owned();
        FieldError::new(pointer, mistake.code, mistake.message)
    };
    mistakes.into_iter().map(place).collect()
}
