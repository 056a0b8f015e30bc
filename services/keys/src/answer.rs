//! A judgement as it goes over the wire.

use client::wire::{AllOr, AuthenticateAnswer, Authority, LimitState, TraceStep};
use domain::environment::Environment;
use domain::ids::{CustomerId, KeyId, OrganizationId, SecretId};
use domain::instants::format_instant;
use domain::permission::PermissionName;
use domain::policy::KeyKind;
use domain::verdict::{Reason, Verdict};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use crate::question::Asked;
use crate::verify::{Evidence, Judgement};

/// The answer to a question about a key, in the form of [`client::wire::VerifyAnswer`] and without copying what it tells.
#[derive(Serialize)]
#[serde(untagged)]
pub enum Verified<'a> {
    Proven(Box<Proven<'a>>),
    Unproven { verdict: Verdict, request_id: &'a str },
}

#[derive(Serialize)]
pub struct Proven<'a> {
    verdict: Verdict,
    reason: Option<&'a str>,
    key_id: KeyId,
    secret_id: SecretId,
    name: &'a str,
    kind: KeyKind,
    environment: Environment,
    organization_id: OrganizationId,
    customer: Option<CustomerId>,
    permissions: Permissions<'a>,
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

/// Names as the list of texts that they are on the wire.
struct Permissions<'a>(&'a [PermissionName]);

impl Serialize for Permissions<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(PermissionName::as_str))
    }
}

impl<'a> Verified<'a> {
    /// Tells a judgement.
    pub fn of(judgement: &'a Judgement, request_id: &'a str) -> Self {
        let Some(evidence) = &judgement.evidence else {
            return Self::Unproven { verdict: judgement.verdict, request_id };
        };
        let (snapshot, key) = (&evidence.key.snapshot, &evidence.key.snapshot.key);
        Self::Proven(Box::new(Proven {
            verdict: judgement.verdict,
            reason: judgement.reason.as_ref().map(Reason::text),
            key_id: key.id,
            secret_id: snapshot.secret.id,
            name: &key.name,
            kind: key.kind,
            environment: key.environment,
            organization_id: snapshot.organization.id,
            customer: evidence.customer,
            permissions: Permissions(&key.policy.permissions),
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
    results: Vec<Verified<'a>>,
}

impl<'a> BatchVerified<'a> {
    /// Tells several judgements, in their order.
    pub fn of(judgements: &'a [Judgement], request_id: &'a str) -> Self {
        Self { results: judgements.iter().map(|one| Verified::of(one, request_id)).collect() }
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
        reason: judgement.reason.as_ref().map(|reason| reason.text().to_owned()),
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
