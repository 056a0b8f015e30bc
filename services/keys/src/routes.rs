//! The listener of one environment: the service token opens verification, the internal token what our own API asks, and
//! nothing in a request names an environment.

use std::sync::Arc;

use client::wire::{
    AuthenticateRequest, BATCH_MAX, BatchShape, InternalSpendRequest, InternalVerifyRequest, SpendCounter,
    SpendLimitRequest, VerifyRequest,
};
use domain::ids::OrganizationId;
use domain::priority::{PRIORITY_HEADER, Priority};
use futures_util::future::join_all;
use http::{Method, header};
use poem::error::MethodNotAllowedError;
use poem::{Endpoint, Request, Response};
use poem_openapi::OperationId;
use serde::Serialize;
use serde::de::DeserializeOwned;
use server::admission::{FairnessKey, Permit, Rejected};
use server::answer::JSON;
use server::docs_pages::{Documented, Pages};
use server::http::{LogFields, RequestContext, Routes};
use server::json::{check_content_type, parse_entries, parse_slice, read_body};
use server::problem::{ErrorCode, FieldError, Problem};
use subtle::ConstantTimeEq;

use crate::answer::{BatchVerified, Verified, authenticated};
use crate::plain;
use crate::question::{self, Asked};
use crate::requester::Requester;
use crate::spend::{SpendAsked, Spent};
use crate::verify::{Evidence, Judgement, Verifier, VerifyError};

/// The largest body: a batch of presented keys, most of which are short.
pub const BODY_MAX_BYTES: usize = 2 * 1024 * 1024;
/// Room for an answer about one key of the common kind.
const ANSWER_BYTES: usize = 1024;
/// How long a caller should wait when there is no answer.
const RETRY_AFTER: std::time::Duration = std::time::Duration::from_secs(1);

/// What can be asked here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operation {
    VerifyKey,
    VerifyKeys,
    VerifyFor,
    Authenticate,
    SpendLimit,
    SpendLimitFor,
}

impl Operation {
    const ALL: [Self; 6] =
        [Self::VerifyKey, Self::VerifyKeys, Self::VerifyFor, Self::Authenticate, Self::SpendLimit, Self::SpendLimitFor];

    const fn path(self) -> &'static str {
        match self {
            Self::VerifyKey => "/v1/keys/verify",
            Self::VerifyKeys => "/v1/keys/verify-batch",
            Self::VerifyFor => "/internal/v1/verify",
            Self::Authenticate => "/internal/v1/authenticate",
            Self::SpendLimit => "/v1/limits/spend",
            Self::SpendLimitFor => "/internal/v1/spend-limit",
        }
    }

    const fn id(self) -> &'static str {
        match self {
            Self::VerifyKey => "verify_key",
            Self::VerifyKeys => "verify_keys",
            Self::VerifyFor => "verify_for_caller",
            Self::Authenticate => "authenticate_caller",
            Self::SpendLimit => "spend_limit",
            Self::SpendLimitFor => "spend_limit_for_caller",
        }
    }

    /// Whether it is for our own API alone.
    const fn is_internal(self) -> bool {
        match self {
            Self::VerifyKey | Self::VerifyKeys | Self::SpendLimit => false,
            Self::VerifyFor | Self::Authenticate | Self::SpendLimitFor => true,
        }
    }

    /// How urgent a request is: our own API says it. Nobody else is believed, or every service could pass for a revocation.
    fn priority(self, request: &Request) -> Priority {
        let claimed = request.headers().get(PRIORITY_HEADER).filter(|_| self.is_internal());
        claimed.and_then(|value| Priority::parse(value.to_str().ok()?)).unwrap_or(Priority::Verification)
    }
}

/// What opens the listener of one environment.
pub struct Tokens {
    /// For the services that verify.
    pub service: String,
    /// For our own API.
    pub internal: String,
}

/// The paths with their methods.
pub fn routes(pages: &Documented) -> Routes {
    let operations = Operation::ALL.into_iter();
    let routes = operations.fold(Routes::default(), |routes, one| routes.operation(one.id(), one.path(), Method::POST));
    pages.paths().into_iter().fold(routes, |routes, path| routes.and(path, &[Method::GET]))
}

/// What became of one question of a batch.
type Outcome = Result<Judgement, Vec<FieldError>>;

/// The endpoint of one environment.
pub struct KeyRoutes {
    verifier: Arc<Verifier>,
    tokens: Tokens,
    pages: Pages,
}

impl KeyRoutes {
    /// Routes that answer holders of these tokens, and with these pages everybody.
    pub fn new(verifier: Arc<Verifier>, tokens: Tokens, pages: Documented) -> Self {
        Self { verifier, tokens, pages: pages.routes() }
    }

    fn check_token(&self, operation: Operation, request: &Request) -> Result<(), Problem> {
        if !request.headers().contains_key(header::AUTHORIZATION) {
            return Err(Problem::new(ErrorCode::CredentialsMissing));
        }
        let (expected, detail) = if operation.is_internal() {
            (&self.tokens.internal, "This path takes the listener's internal token alone.")
        } else {
            (&self.tokens.service, "This path takes the listener's service token alone.")
        };
        if holds_token(request, expected) {
            return Ok(());
        }
        Err(Problem::new(ErrorCode::CredentialsInvalid).detail(detail))
    }

    /// The answer's body.
    async fn answer(&self, operation: Operation, mut request: Request) -> Result<Vec<u8>, Problem> {
        self.check_token(operation, &request)?;
        check_content_type(request.headers())?;
        let body = read_body(request.take_body(), BODY_MAX_BYTES).await?;
        let request_id = request.data::<Arc<RequestContext>>().map_or("", |context| context.request_id.as_str());
        let priority = operation.priority(&request);
        let line = request.data::<LogFields>();
        match operation {
            Operation::VerifyKey => {
                let request = plain::read(&body).map_or_else(|| parse_slice::<VerifyRequest>(&body), Ok)?;
                let asked = read_one(&request)?.sharing(priority);
                let judgement = self.verifier.verify(&asked, Requester::Service).await;
                let judgement = judgement.map_err(|error| problem(error, ""))?;
                note(line, &judgement);
                Ok(json(&Verified::of(&judgement, request_id), 1))
            }
            Operation::VerifyKeys => {
                let questions = parse_entries::<BatchShape, VerifyRequest>(&body, "requests")?;
                let outcomes = self.verify_all(questions, Requester::Service, priority).await?;
                note_all(line, &outcomes);
                Ok(json(&BatchVerified::of(&outcomes, request_id), outcomes.len()))
            }
            Operation::VerifyFor => {
                let batch: InternalVerifyRequest = parse_internal(&body)?;
                let requester = Requester::caller(batch.within.as_ref());
                let questions = batch.requests.into_iter().map(Ok).collect();
                let outcomes = self.verify_all(questions, requester, priority).await?;
                note_all(line, &outcomes);
                Ok(json(&BatchVerified::of(&outcomes, &batch.request_id), outcomes.len()))
            }
            Operation::Authenticate => {
                let question: AuthenticateRequest = parse_internal(&body)?;
                let asked = Asked::about_caller(question.key.expose(), question.client_ip).sharing(priority);
                let judgement = self.verifier.verify(&asked, Requester::Authentication).await;
                let judgement = judgement.map_err(|error| problem(error, ""))?;
                note(line, &judgement);
                Ok(json(&authenticated(judgement, &asked), 1))
            }
            Operation::SpendLimit => {
                let request = parse_slice::<SpendLimitRequest>(&body)?;
                let organization = read_organization(&request)?;
                let asked = SpendAsked::read(&request, SpendCounter::Namespace).map_err(Problem::validation)?;
                self.spend_limit(organization, &asked, (line, priority)).await
            }
            Operation::SpendLimitFor => {
                let question: InternalSpendRequest = parse_internal(&body)?;
                let asked = SpendAsked::read(&question.request, question.counter).map_err(Problem::validation)?;
                self.spend_limit(question.organization_id, &asked, (line, priority)).await
            }
        }
    }

    async fn spend_limit(
        &self,
        organization: OrganizationId,
        asked: &SpendAsked,
        (line, priority): (Option<&LogFields>, Priority),
    ) -> Result<Vec<u8>, Problem> {
        let spent = self.verifier.spend_limit(organization, asked, priority).await;
        let Spent::Answered(answer) = spent.map_err(|error| problem(error, ""))? else {
            return Err(Problem::new(ErrorCode::NotFound).detail("There is no such organization."));
        };
        if let Some(line) = line {
            line.organization(organization);
        }
        Ok(json(&answer, 1))
    }

    /// One outcome for each question, in order: one that cannot be asked has its mistakes for an answer, and the others theirs.
    async fn verify_all(
        &self,
        requests: Vec<Result<VerifyRequest, Vec<FieldError>>>,
        requester: Requester<'_>,
        priority: Priority,
    ) -> Result<Vec<Outcome>, Problem> {
        if requests.len() > BATCH_MAX {
            let message = format!("Send at most {BATCH_MAX} items.");
            return Err(Problem::validation(vec![FieldError::new("/requests", "too-many", message)]));
        }
        let read = |request: Result<VerifyRequest, _>| request.and_then(|request| question::read(&request, ""));
        let questions: Vec<Result<Asked, Vec<FieldError>>> = requests.into_iter().map(read).collect();
        let _permit = self.admit(&questions, requester, priority).await?;
        let ask = async |(at, question): (usize, Result<Asked, Vec<FieldError>>)| {
            let place = |mistakes| Ok(Err(placed(mistakes, &format!("/requests/{at}"))));
            let asked = match question {
                Ok(asked) => asked,
                Err(mistakes) => return place(mistakes),
            };
            match self.verifier.verify(&asked, requester).await {
                Ok(judgement) => Ok(Ok(judgement)),
                Err(VerifyError::Invalid(mistakes)) => place(mistakes),
                // What was not answered for no fault of its own is the batch's problem.
                Err(other) => Err(problem(other, "")),
            }
        };
        join_all(questions.into_iter().enumerate().map(ask)).await.into_iter().collect()
    }

    /// A batch is let in as a whole: half of it must not be charged for nothing. It is the work of the caller's organization,
    /// or of that of its first key where that is known.
    async fn admit(
        &self,
        questions: &[Result<Asked, Vec<FieldError>>],
        requester: Requester<'_>,
        priority: Priority,
    ) -> Result<Permit, Problem> {
        let of_first_key = || self.verifier.organization_of(questions.iter().flatten().next()?);
        let organization = requester.organization().or_else(of_first_key);
        let key = organization.map_or(FairnessKey::Unknown, FairnessKey::Organization);
        Ok(self.verifier.admission.acquire(priority, key, questions.len()).await?)
    }
}

fn holds_token(request: &Request, expected: &str) -> bool {
    let sent = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.split_once(' '));
    let token = sent.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map_or("", |(_, token)| token);
    bool::from(token.as_bytes().ct_eq(expected.as_bytes()))
}

impl Endpoint for KeyRoutes {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        let path = request.uri().path();
        let Some(operation) = Operation::ALL.into_iter().find(|operation| operation.path() == path) else {
            return self.pages.call(request).await;
        };
        if request.method() != Method::POST {
            return Err(MethodNotAllowedError.into());
        }
        let id = OperationId(operation.id());
        match self.answer(operation, request).await {
            Ok(body) => {
                let mut response = Response::builder().content_type(JSON).body(body);
                response.set_data(id);
                Ok(response)
            }
            Err(problem) => {
                let mut error = poem::Error::from(problem);
                error.set_data(id);
                Err(error)
            }
        }
    }
}

/// A holder of the service token guards for every organization, and says for which.
fn read_organization(request: &SpendLimitRequest) -> Result<OrganizationId, Problem> {
    let read = request.organization.as_deref().and_then(|text| text.parse().ok());
    let organization = read.filter(|organization: &OrganizationId| !organization.is_installation());
    let message = "Send the id of the organization whose limit it is.";
    organization.ok_or_else(|| Problem::validation(vec![FieldError::new("/organization", "organization", message)]))
}

fn read_one(request: &VerifyRequest) -> Result<Asked, Problem> {
    question::read(request, "").map_err(Problem::validation)
}

fn problem(error: VerifyError, at: &str) -> Problem {
    match error {
        VerifyError::Unavailable => Problem::new(ErrorCode::Unavailable).retry_after(RETRY_AFTER),
        VerifyError::Overloaded => Rejected.into(),
        VerifyError::Broken => Problem::new(ErrorCode::Internal),
        VerifyError::Invalid(mistakes) => Problem::validation(placed(mistakes, at)),
    }
}

fn placed(mistakes: Vec<FieldError>, at: &str) -> Vec<FieldError> {
    let place =
        |mistake: FieldError| FieldError::new(format!("{at}{}", mistake.pointer), mistake.code, mistake.message);
    mistakes.into_iter().map(place).collect()
}

/// What the Integration API sends is written by our own client; its shape is only checked, not explained. The error's
/// own words may repeat the body, and with it a key, so that only its place is told.
fn parse_internal<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(body).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        let detail = format!("The body is not what this path takes, from line {line}, column {column} on.");
        Problem::new(ErrorCode::MalformedJson).detail(detail)
    })
}

/// The answer to so many questions.
fn json(answer: &impl Serialize, questions: usize) -> Vec<u8> {
    let mut text = Vec::with_capacity(ANSWER_BYTES * questions.clamp(1, BATCH_MAX));
    serde_json::to_writer(&mut text, answer).expect("answers have text keys and finite numbers");
    text
}

fn note(line: Option<&LogFields>, judgement: &Judgement) {
    let Some(line) = line else { return };
    line.verdict(judgement.verdict.name());
    if let Some(evidence) = &judgement.evidence {
        line.key(evidence.key.snapshot.key.id);
        line.organization(organization_of(evidence));
    }
}

/// A batch is about an organization if all that is known in it is.
fn note_all(line: Option<&LogFields>, outcomes: &[Outcome]) {
    let mut organizations = outcomes.iter().flatten().flat_map(|judgement| &judgement.evidence).map(organization_of);
    if let (Some(line), Some(first)) = (line, organizations.next())
        && organizations.all(|organization| organization == first)
    {
        line.organization(first);
    }
}

fn organization_of(evidence: &Evidence) -> OrganizationId {
    evidence.key.snapshot.organization.id
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_api_alone_may_claim_a_priority() {
        for operation in Operation::ALL {
            let priority =
                |claimed: &str| operation.priority(&Request::builder().header(PRIORITY_HEADER, claimed).finish());
            for claimed in ["revocation", "lists", "nonsense"] {
                let believed = Priority::parse(claimed).filter(|_| operation.is_internal());
                assert_eq!(priority(claimed), believed.unwrap_or(Priority::Verification), "{operation:?}: {claimed}");
            }
        }
    }
}
