//! A judgement as it goes over the wire.

use client::wire::{AllOr, AuthenticateAnswer, Authority, Proven, VerifyAnswer};
use domain::environment::Environment;
use domain::instants::format_instant;
use domain::verdict::Verdict;

use crate::question::Asked;
use crate::verify::{Evidence, Judgement};

/// The answer to a question about a key.
pub fn verified(judgement: Judgement, request_id: &str) -> VerifyAnswer {
    let Judgement { verdict, reason, missing_permissions, retry_after_ms, is_degraded: _, evidence } = judgement;
    let proven = evidence.map(|evidence| {
        let snapshot = &evidence.key.snapshot;
        let key = &snapshot.key;
        Proven {
            reason: reason.as_ref().map(|reason| reason.text().to_owned()),
            key_id: key.id,
            secret_id: snapshot.secret.id,
            name: key.name.clone(),
            kind: key.kind,
            environment: key.environment,
            organization_id: snapshot.organization.id,
            customer: evidence.customer,
            permissions: key.policy.permissions.iter().map(|name| name.as_str().to_owned()).collect(),
            metadata: key.metadata.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
            expires_at: key.policy.expires_at.map(format_instant),
            credits: evidence.credits,
            limits: evidence.limits,
            retry_after_ms,
            missing_permissions: missing_permissions.iter().map(|name| name.as_str().to_owned()).collect(),
            trace: evidence.trace,
        }
    });
    VerifyAnswer { verdict, proven, request_id: request_id.to_owned() }
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
        name: key.name.clone(),
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
