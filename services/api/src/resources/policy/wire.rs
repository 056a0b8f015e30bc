//! An organization's policy on the wire.

use chrono::{DateTime, Utc};
use domain::environment::Environment;
use domain::limit::{LIMITS_MAX, Limit};
use domain::limit_settings::Rate;
use domain::organization_policy::{LIFETIME_SECONDS_MAX, LIFETIME_SECONDS_MIN, OrganizationPolicy, Rule};
use domain::secret::Prefix;
use domain::validation::ValidationError;
use poem_openapi::{Enum, Object};
use server::problem::Problem;

use crate::demands::secret_rules;
use crate::fields::Fields;
use crate::resources::organizations::wire::read_default_limits;
use crate::wire::instant::Instant;
use crate::wire::limit::{ItemList, LimitBody};
use crate::wire::nullable::Nullable;
use crate::wire::word_or::{NoneWord, UnlimitedWord, WordOr};

/// What lifts the demand of a prefix.
const NO_PREFIX: &str = "none";

/// What an organization demands of its keys, and gives them by default.
#[derive(Debug, Clone, Object)]
#[oai(rename = "Policy")]
pub struct PolicyBody {
    /// What a key gets that is made without limits; the same as the organization's `default_limits`.
    pub default_limits: Vec<LimitBody>,
    /// What every key is held to: for each of these it has a limit that counts every request and admits no more in that window.
    /// Empty when nothing is demanded.
    pub limits_max: Vec<RateBody>,
    /// How long a key works that is made without `expires_at`; `null` when it has no end.
    pub default_lifetime_seconds: Nullable<u64>,
    /// How long a key works at the most, from the request or from its `not_before`; `null` when nothing is demanded. A key without an
    /// end works too long.
    pub lifetime_seconds_max: Nullable<u64>,
    /// Whether every key has to have an end.
    pub must_expire: bool,
    /// Whether every key has to name the addresses that it may come from.
    pub ips_required: bool,
    /// Whether a caller may supply the secret of a key that it makes, and import keys.
    pub allow_supplied_secrets: bool,
    /// What every secret begins with; `null` when it is `clv` unless a key names another.
    pub prefix: Nullable<String>,
    /// How many bytes, which are base62 characters, the random part of every secret has at least; `null` when it is 32.
    pub secret_bytes: Nullable<u64>,
    /// When the organization was last changed.
    pub updated_at: Instant,
}

/// Changes to a policy. What is left out stays.
#[derive(Debug, Clone, Object)]
#[oai(deny_unknown_fields)]
pub struct PolicyPatch {
    /// The whole new list.
    #[oai(validator(max_items = 10))]
    pub default_limits: Option<Vec<LimitBody>>,
    /// The whole new list, up to 10, or `"none"`.
    pub limits_max: Option<WordOr<NoneWord, ItemList<RateBody>>>,
    /// 60 to 315,360,000, or `"none"`.
    pub default_lifetime_seconds: Option<WordOr<NoneWord, u64>>,
    /// 60 to 315,360,000, or `"unlimited"`.
    pub lifetime_seconds_max: Option<WordOr<UnlimitedWord, u64>>,
    /// Whether every key has to have an end.
    pub must_expire: Option<bool>,
    /// Whether every key has to name the addresses that it may come from.
    pub ips_required: Option<bool>,
    /// Whether a caller may supply the secret of a key that it makes, and import keys.
    pub allow_supplied_secrets: Option<bool>,
    /// A lower-case letter and 1 to 15 lower-case letters or digits, or `"none"`.
    pub prefix: Option<String>,
    /// How many bytes, which are base62 characters, the random part of every secret has at least. Imported secrets have as many in
    /// all, and digests, of which nobody can tell, are refused.
    #[oai(validator(minimum(value = "32"), maximum(value = "128")))]
    pub secret_bytes: Option<u64>,
}

/// So many per window.
#[derive(Debug, Clone, Object)]
#[oai(rename = "Rate", deny_unknown_fields)]
pub struct RateBody {
    /// Requests per window.
    #[oai(validator(minimum(value = "1"), maximum(value = "1000000000")))]
    pub limit: u64,
    /// The window in milliseconds, one second to 31 days.
    #[oai(validator(minimum(value = "1000"), maximum(value = "2678400000")))]
    pub window_ms: u64,
}

/// A key that breaks the policy.
#[derive(Debug, Clone, Object)]
pub struct PolicyViolation {
    /// The key's id.
    pub key_id: String,
    /// Its name.
    pub name: String,
    /// What lists show of its newest secret.
    pub hint: String,
    /// When it was made.
    pub created_at: Instant,
    /// The rules that it breaks.
    pub rules: Vec<BrokenRule>,
}

/// A rule that a key breaks.
#[derive(Debug, Clone, Object)]
pub struct BrokenRule {
    /// Which one: the code of the error that a change would be refused with.
    pub code: RuleBody,
    /// What it demands.
    pub message: String,
}

/// A rule of a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename = "PolicyRule", rename_all = "kebab-case")]
pub enum RuleBody {
    /// `must_expire`.
    PolicyMustExpire,
    /// `lifetime_seconds_max`.
    PolicyLifetime,
    /// `ips_required`.
    PolicyIps,
    /// `limits_max`.
    PolicyLimits,
    /// `allow_supplied_secrets`.
    PolicySuppliedSecrets,
    /// `prefix`.
    PolicyPrefix,
    /// `secret_bytes`.
    PolicySecretBytes,
}

impl PolicyPatch {
    /// Reads it over the policy as it stands, or lists what is wrong: the default limits, and the policy.
    pub fn read(&self, organization: &store::Organization) -> Result<(Vec<Limit>, OrganizationPolicy), Problem> {
        let (mut fields, held) = (Fields::default(), organization.policy.clone());
        let default_limits = match &self.default_limits {
            Some(limits) => read_default_limits(&mut fields, limits),
            None => organization.default_limits.clone(),
        };
        let policy = OrganizationPolicy {
            limits_max: match &self.limits_max {
                Some(wanted) => read_rates(&mut fields, wanted),
                None => held.limits_max,
            },
            default_lifetime_seconds: match &self.default_lifetime_seconds {
                Some(wanted) => read_lifetime(&mut fields, "/default_lifetime_seconds", wanted),
                None => held.default_lifetime_seconds,
            },
            lifetime_seconds_max: match &self.lifetime_seconds_max {
                Some(wanted) => read_lifetime(&mut fields, "/lifetime_seconds_max", wanted),
                None => held.lifetime_seconds_max,
            },
            must_expire: self.must_expire.unwrap_or(held.must_expire),
            ips_required: self.ips_required.unwrap_or(held.ips_required),
            allow_supplied_secrets: self.allow_supplied_secrets.unwrap_or(held.allow_supplied_secrets),
            prefix: match self.prefix.as_deref() {
                None => held.prefix,
                Some(NO_PREFIX) => None,
                Some(text) => fields.take("/prefix", Prefix::parse_own(text)),
            },
            secret_bytes: match self.secret_bytes {
                None => held.secret_bytes,
                Some(bytes) => usize::try_from(bytes).ok().filter(|bytes| *bytes > domain::secret::SECRET_PART_LENGTH),
            },
        };
        check_defaults(&mut fields, &default_limits, &policy);
        fields.finish()?;
        Ok((default_limits, policy))
    }
}

/// Refuses defaults that the policy itself would refuse.
fn check_defaults(fields: &mut Fields, default_limits: &[Limit], policy: &OrganizationPolicy) {
    if !policy.admits(default_limits) {
        let message = "default_limits admit more than limits_max; send default_limits that keep it";
        fields.refuse("/limits_max", ValidationError::new("contradiction", message));
    }
    if let (Some(default), Some(most)) = (policy.default_lifetime_seconds, policy.lifetime_seconds_max)
        && default > most
    {
        let message = "default_lifetime_seconds is longer than lifetime_seconds_max";
        fields.refuse("/default_lifetime_seconds", ValidationError::new("contradiction", message));
    }
}

fn read_rates(fields: &mut Fields, wanted: &WordOr<NoneWord, ItemList<RateBody>>) -> Vec<Rate> {
    let WordOr::Value(ItemList(bodies)) = wanted else { return Vec::new() };
    if bodies.is_empty() {
        fields.refuse("/limits_max", ValidationError::new("empty", "name at least one, or write \"none\""));
    }
    if bodies.len() > LIMITS_MAX {
        fields.refuse("/limits_max", ValidationError::new("too-many", format!("at most {LIMITS_MAX} entries")));
    }
    fields.take_list("/limits_max", bodies, |body| Rate::parse(body.limit, body.window_ms))
}

fn read_lifetime<W>(fields: &mut Fields, pointer: &str, wanted: &WordOr<W, u64>) -> Option<u64> {
    let WordOr::Value(seconds) = wanted else { return None };
    if !(LIFETIME_SECONDS_MIN..=LIFETIME_SECONDS_MAX).contains(seconds) {
        let message = format!("a lifetime is {LIFETIME_SECONDS_MIN} to {LIFETIME_SECONDS_MAX} seconds");
        fields.refuse(pointer, ValidationError::new("range", message));
    }
    Some(*seconds)
}

impl From<&store::Organization> for PolicyBody {
    fn from(organization: &store::Organization) -> Self {
        let policy = &organization.policy;
        Self {
            default_limits: organization.default_limits.iter().map(LimitBody::from).collect(),
            limits_max: policy.limits_max.iter().map(RateBody::from).collect(),
            default_lifetime_seconds: Nullable(policy.default_lifetime_seconds),
            lifetime_seconds_max: Nullable(policy.lifetime_seconds_max),
            must_expire: policy.must_expire,
            ips_required: policy.ips_required,
            allow_supplied_secrets: policy.allow_supplied_secrets,
            prefix: Nullable(policy.prefix.as_ref().map(|prefix| prefix.as_str().to_owned())),
            secret_bytes: Nullable(policy.secret_bytes.and_then(|bytes| u64::try_from(bytes).ok())),
            updated_at: Instant(organization.updated_at),
        }
    }
}

impl From<&Rate> for RateBody {
    fn from(rate: &Rate) -> Self {
        Self { limit: rate.limit, window_ms: rate.window_ms }
    }
}

impl PolicyViolation {
    /// What is wrong with a key, in an environment and at an instant.
    pub fn new(
        policy: &OrganizationPolicy,
        key: &store::Key,
        (environment, now): (Environment, DateTime<Utc>),
    ) -> Self {
        let broken = policy.broken_by(&key.policy, now).into_iter().chain(secret_rules(policy, key));
        let rules = broken.map(|rule| BrokenRule { code: rule.into(), message: policy.refusal(rule).message });
        Self {
            key_id: key.id.to_string(),
            name: key.name.clone(),
            hint: key.shown_hint(environment),
            created_at: Instant(key.created_at),
            rules: rules.collect(),
        }
    }
}

impl From<Rule> for RuleBody {
    fn from(rule: Rule) -> Self {
        match rule {
            Rule::MustExpire => Self::PolicyMustExpire,
            Rule::Lifetime => Self::PolicyLifetime,
            Rule::Ips => Self::PolicyIps,
            Rule::Limits => Self::PolicyLimits,
            Rule::SuppliedSecrets => Self::PolicySuppliedSecrets,
            Rule::Prefix => Self::PolicyPrefix,
            Rule::SecretBytes => Self::PolicySecretBytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use poem_openapi::types::ToJSON;
    use serde_json::Value;

    use super::*;

    #[test]
    fn a_rule_is_called_what_its_error_is() {
        for rule in Rule::ALL {
            assert_eq!(RuleBody::from(rule).to_json(), Some(Value::from(rule.code())));
        }
    }
}
