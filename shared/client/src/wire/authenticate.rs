//! What the Integration API asks the key service about its own callers, and for them.

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use domain::access;
use domain::addresses::IpRule;
use domain::environment::Environment;
use domain::hosts::HostName;
use domain::ids::{KeyId, OrganizationId, SecretId};
use domain::limit::Limit;
use domain::permission::PermissionName;
use domain::policy::{KeyKind, Policy};
use domain::verdict::Verdict;
use serde::{Deserialize, Serialize};

use super::all_or::AllOr;
use super::batch::BatchResult;
use super::secret_text::SecretText;
use super::verify::{LimitState, VerifyRequest};

/// A caller's credential, to be judged.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthenticateRequest {
    /// What it presented.
    pub key: SecretText,
    /// Where it comes from, when that is known.
    pub client_ip: Option<IpAddr>,
    /// The request under which it is logged.
    pub request_id: String,
}

/// The judgement.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AuthenticateAnswer {
    /// `VALID`, or why not.
    pub verdict: Verdict,
    /// The finer reason, once the secret is proven.
    pub reason: Option<String>,
    /// Whether the shared counters were away: what must fail closed then, fails.
    pub degraded: bool,
    /// Who it is, when valid, and when refused after the secret was proven.
    pub authority: Option<Authority>,
    /// What is left of the limits that were charged.
    pub limits: Vec<LimitState>,
    /// How long to wait, when a limit refused it.
    pub retry_after_ms: Option<u64>,
    /// The environment that the text names, when it is not this one.
    pub claimed_environment: Option<Environment>,
}

/// A proven caller, as it travels.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Authority {
    /// The caller's key.
    pub key_id: KeyId,
    /// Which of its secrets.
    pub secret_id: SecretId,
    /// Root or organization.
    pub kind: KeyKind,
    /// The key's name.
    pub name: String,
    /// Its organization; the installation for a root key.
    pub organization_id: OrganizationId,
    /// The organization's name in URLs.
    pub slug: String,
    /// Where it was proven.
    pub environment: Environment,
    /// What it holds.
    pub permissions: Vec<PermissionName>,
    /// Host names it may act for.
    pub domains: AllOr,
    /// Customers it may act for.
    pub customers: AllOr,
    /// Addresses it may come from.
    pub ips: AllOr,
    /// Not valid before.
    pub not_before: Option<DateTime<Utc>>,
    /// Not valid from this instant on.
    pub expires_at: Option<DateTime<Utc>>,
    /// Its own limits.
    pub limits: Vec<Limit>,
}

/// An authority with a part that this side cannot read; it is no authority at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the key service named an authority that cannot be read: {0}")]
pub struct UnreadableAuthority(&'static str);

impl Authority {
    /// The authority as the domain knows it.
    pub fn read(&self) -> Result<access::Authority, UnreadableAuthority> {
        let policy = Policy {
            permissions: self.permissions.clone(),
            domains: self.domains.read(|text| HostName::parse(text)).map_err(|_| UnreadableAuthority("domains"))?,
            customers: self.customers.read(|text| text.parse()).map_err(|_| UnreadableAuthority("customers"))?,
            ips: self.ips.read(|text| IpRule::parse(text)).map_err(|_| UnreadableAuthority("ips"))?,
            not_before: self.not_before,
            expires_at: self.expires_at,
            limits: self.limits.clone(),
        };
        Ok(access::Authority {
            principal: access::Principal::Key(self.key_id),
            kind: self.kind,
            environment: self.environment,
            organization: self.organization_id,
            slug: self.slug.clone(),
            policy,
        })
    }
}

/// Questions that the Integration API asks for a caller.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InternalVerifyRequest {
    /// Whose keys the caller may ask about; `None` for those of every organization.
    pub within: Option<Within>,
    /// The questions.
    pub requests: Vec<VerifyRequest>,
    /// The request under which they are logged, and which the answers name.
    pub request_id: String,
}

/// The part of an environment that a caller may know of.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Within {
    /// Its organization.
    pub organization_id: OrganizationId,
    /// Its customers: keys that are not limited to these are as good as absent.
    pub customers: AllOr,
    /// Its domains, likewise.
    pub domains: AllOr,
}

/// The answers, in the order of the questions.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct InternalBatchAnswer {
    /// One answer for each question.
    pub results: Vec<BatchResult>,
}
