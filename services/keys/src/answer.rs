//! A judgement as it goes over the wire.

use client::wire::{AllOr, AuthenticateAnswer, Authority, LimitState, QuestionRefused, TraceStep};
use domain::environment::Environment;
use domain::ids::{CustomerId, KeyId, OrganizationId, RoleId, SecretId};
use domain::instants::format_instant;
use domain::permission::PermissionName;
use domain::policy::KeyKind;
use domain::role::HeldRole;
use domain::snapshot::CustomerFacts;
use domain::verdict::{Reason, Verdict};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};
use server::problem::{FieldError, Problem};

use crate::question::Asked;
use crate::verify::{Evidence, Judgement};

/// The answer to a question about a key, in the form of [`client::wire::VerifyAnswer`] and without copying what it tells.
#[derive(Serialize)]
#[serde(untagged)]
pub enum Verified<'a> {
    Proven(Box<Proven<'a>>),
    Unproven { verdict: Verdict, request_id: &'a str },
}

/// What became of a question of a batch, in the form of [`client::wire::BatchResult`].
#[derive(Serialize)]
#[serde(untagged)]
enum OneOfBatch<'a> {
    Verified(Verified<'a>),
    Refused(QuestionRefused),
}

#[derive(Serialize)]
pub struct Proven<'a> {
    verdict: Verdict,
    reason: Option<&'static str>,
    limit_name: Option<&'a str>,
    key_id: KeyId,
    secret_id: SecretId,
    name: &'a str,
    kind: KeyKind,
    environment: Environment,
    organization_id: OrganizationId,
    customer: Option<Customer<'a>>,
    permissions: Permissions<'a>,
    roles: Roles<'a>,
    metadata: &'a Map<String, Value>,
    expires_at: Option<String>,
    credits: Option<i64>,
    limits: &'a [LimitState],
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_ms: Option<u64>,
    missing_permissions: Permissions<'a>,
    trace: Option<&'a [TraceStep]>,
    request_id: &'a str,
}

/// The customer of a question, in the form of [`client::wire::VerdictCustomer`].
#[derive(Serialize)]
struct Customer<'a> {
    id: CustomerId,
    external_id: Option<&'a str>,
    name: &'a str,
    metadata: &'a Map<String, Value>,
}

impl<'a> From<&'a CustomerFacts> for Customer<'a> {
    fn from(facts: &'a CustomerFacts) -> Self {
        Self { id: facts.id, external_id: facts.external_id.as_deref(), name: &facts.name, metadata: &facts.metadata }
    }
}

/// Roles as a list of [`client::wire::RoleName`].
struct Roles<'a>(&'a [HeldRole]);

impl Serialize for Roles<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Role<'a> {
            id: RoleId,
            name: &'a str,
        }
        serializer.collect_seq(self.0.iter().map(|role| Role { id: role.id, name: &role.name }))
    }
}

/// Names as the list of texts that they are on the wire.
struct Permissions<'a>(&'a [PermissionName]);

impl Serialize for Permissions<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(PermissionName::as_str))
    }
}

impl<'a> Verified<'a> {
    /// Tells a judgement. A key that was deleted tells nothing but that it is not valid.
    pub fn of(judgement: &'a Judgement, request_id: &'a str) -> Self {
        let Some(evidence) = &judgement.evidence else {
            return Self::Unproven { verdict: judgement.verdict, request_id };
        };
        if evidence.key.snapshot.key.is_deleted {
            return Self::Unproven { verdict: judgement.verdict, request_id };
        }
        let (snapshot, key) = (&evidence.key.snapshot, &evidence.key.snapshot.key);
        Self::Proven(Box::new(Proven {
            verdict: judgement.verdict,
            reason: judgement.reason.map(Reason::text),
            limit_name: judgement.limit_name.as_deref(),
            key_id: key.id,
            secret_id: snapshot.secret.id,
            name: &key.name,
            kind: key.kind,
            environment: key.environment,
            organization_id: snapshot.organization.id,
            customer: evidence.customer.as_ref().map(|customer| Customer::from(&customer.facts)),
            permissions: Permissions(&key.policy.permissions),
            roles: Roles(&key.policy.roles),
            metadata: &key.metadata,
            expires_at: key.policy.expires_at.map(format_instant),
            credits: evidence.credits,
            limits: &evidence.limits,
            retry_after_ms: judgement.retry_after_ms,
            missing_permissions: Permissions(&judgement.missing_permissions),
            trace: evidence.trace.as_deref(),
            request_id,
        }))
    }
}

/// The answers to a batch, in the form of [`client::wire::BatchAnswer`].
#[derive(Serialize)]
pub struct BatchVerified<'a> {
    results: Vec<OneOfBatch<'a>>,
}

impl<'a> BatchVerified<'a> {
    /// Tells what became of several questions, in their order.
    pub fn of(outcomes: &'a [Result<Judgement, Vec<FieldError>>], request_id: &'a str) -> Self {
        let told = |outcome: &'a Result<Judgement, Vec<FieldError>>| match outcome {
            Ok(judgement) => OneOfBatch::Verified(Verified::of(judgement, request_id)),
            Err(mistakes) => OneOfBatch::Refused(refused(mistakes, request_id)),
        };
        Self { results: outcomes.iter().map(told).collect() }
    }
}

fn refused(mistakes: &[FieldError], request_id: &str) -> QuestionRefused {
    let problem = Problem::validation(Vec::new());
    let error = |mistake: &FieldError| client::wire::FieldError {
        pointer: mistake.pointer.clone(),
        code: mistake.code.clone().into_owned(),
        message: mistake.message.clone(),
    };
    QuestionRefused {
        code: problem.code().name().to_owned(),
        detail: problem.text().to_owned(),
        errors: mistakes.iter().map(error).collect(),
        request_id: request_id.to_owned(),
    }
}

/// The judgement about a caller of the Integration API.
pub fn authenticated(judgement: Judgement, asked: &Asked) -> AuthenticateAnswer {
    let claimed_environment = match (&asked.secret, judgement.verdict) {
        (Ok(secret), Verdict::WrongEnvironment) => Some(secret.environment()),
        (_, _) => None::<Environment>,
    };
    let authority = judgement.evidence.as_ref().map(authority);
    AuthenticateAnswer {
        verdict: judgement.verdict,
        reason: judgement.reason.map(|reason| reason.text().to_owned()),
        degraded: judgement.is_degraded,
        authority,
        limits: judgement.evidence.map(|evidence| evidence.limits).unwrap_or_default(),
        retry_after_ms: judgement.retry_after_ms,
        claimed_environment,
    }
}

fn authority(evidence: &Evidence) -> Authority {
    let snapshot = &evidence.key.snapshot;
    let (key, policy) = (&snapshot.key, &snapshot.key.policy);
    Authority {
        key_id: key.id,
        secret_id: snapshot.secret.id,
        kind: key.kind,
        name: key.name.to_string(),
        organization_id: snapshot.organization.id,
        slug: snapshot.organization.slug.clone(),
        environment: key.environment,
        permissions: policy.permissions.clone(),
        domains: AllOr::of(&policy.domains),
        customers: AllOr::of(&policy.customers),
        ips: AllOr::of(&policy.ips),
        not_before: policy.not_before,
        expires_at: policy.expires_at,
        limits: policy.limits.clone(),
    }
}
