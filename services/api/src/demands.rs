//! What the environment and the organization demand of a key, held against one that is made, brought, changed, renewed or
//! reactivated. Who asks makes no difference: a root key is held to it where it makes keys of an organization.

use chrono::{DateTime, TimeDelta, Utc};
use domain::organization_policy::{OrganizationPolicy, Rule};
use domain::policy::{AllOr, Policy};
use domain::secret::Prefix;
use domain::validation::ValidationError;
use server::problem::{ErrorCode, Problem};

use crate::app::App;
use crate::config::KeyPolicy;
use crate::fields::Fields;

/// What is demanded at one instant.
pub struct Demands<'a> {
    environment: &'a KeyPolicy,
    organization: &'a OrganizationPolicy,
    now: DateTime<Utc>,
}

impl<'a> Demands<'a> {
    /// Of the keys of this organization.
    pub fn new(app: &'a App, organization: &'a store::Organization, now: DateTime<Utc>) -> Self {
        Self { environment: &app.demands, organization: &organization.policy, now }
    }

    /// Refuses what a key to be, or one that grows stronger, breaks: all of it counts.
    pub fn check(&self, fields: &mut Fields, key: &Policy) {
        for (member, refusal) in self.refusals(key) {
            let pointer = format!("/{member}");
            // What could not be read is told already.
            if !fields.is_refused(&pointer) {
                fields.refuse(&pointer, refusal);
            }
        }
    }

    /// Refuses what a change breaks that makes no key stronger: what it leaves as it was does not count.
    pub fn check_changed(&self, fields: &mut Fields, (before, after): (&Policy, &Policy)) {
        let is_kept = |member: &str| match member {
            "expires_at" => before.expires_at == after.expires_at,
            "ips" => before.ips == after.ips,
            _ => before.limits == after.limits,
        };
        for (member, refusal) in self.refusals(after) {
            if !is_kept(member) {
                fields.refuse(&format!("/{member}"), refusal);
            }
        }
    }

    /// Refuses to renew or to reactivate a key that could not be made like this now, but for its secret.
    pub fn check_kept(&self, key: &Policy) -> Result<(), Problem> {
        let mut fields = Fields::default();
        self.check(&mut fields, key);
        fields.finish()
    }

    /// Refuses to reactivate a key with a secret that could not be brought now.
    pub fn check_secret(&self, key: &store::Key) -> Result<(), Problem> {
        let mut fields = Fields::default();
        for rule in secret_rules(self.organization, key) {
            let ValidationError { code, message } = self.organization.refusal(rule);
            let refusal = ValidationError::new(code, format!("{message}; regenerate the key first"));
            fields.refuse(&format!("/{}", rule.member()), refusal);
        }
        fields.finish()
    }

    fn refusals(&self, key: &Policy) -> Vec<(&'static str, ValidationError)> {
        let mut refusals = Vec::new();
        let days = self.environment.key_lifetime_days_max;
        let latest = self.now + TimeDelta::days(i64::from(days));
        if days > 0 && key.expires_at.is_none_or(|at| at > latest) {
            let message = format!("keys of this environment expire within {days} days");
            refusals.push(("expires_at", ValidationError::new("lifetime-demanded", message)));
        }
        if self.environment.require_ips && key.ips == AllOr::All {
            let message = "keys of this environment name their addresses";
            refusals.push(("ips", ValidationError::new("ips-demanded", message)));
        }
        let broken = self.organization.broken_by(key, self.now);
        refusals.extend(broken.into_iter().map(|rule| (rule.member(), self.organization.refusal(rule))));
        refusals
    }
}

/// Refuses a secret of the caller's own.
pub fn check_supplied(app: &App, organization: &store::Organization) -> Result<(), ValidationError> {
    if !app.demands.allow_supplied_secrets {
        return Err(ValidationError::new("supplied-secret", "this environment makes the secrets of its keys"));
    }
    organization.policy.check_supplied()
}

/// The rules that a key's newest secret is known to break. How long it is, and who supplied one of our form, is not stored.
pub fn secret_rules(policy: &OrganizationPolicy, key: &store::Key) -> impl Iterator<Item = Rule> + use<> {
    let is_foreign = !policy.allow_supplied_secrets && key.hint.is_some();
    let has_other_prefix = policy.prefix.as_ref().is_some_and(|prefix| prefix.as_str() != key.prefix);
    let rules = [(is_foreign, Rule::SuppliedSecrets), (has_other_prefix, Rule::Prefix)];
    rules.into_iter().filter(|(is_broken, _)| *is_broken).map(|(_, rule)| rule)
}

/// The prefix of a key's next secret: the policy's, else that of the one before.
pub fn next_prefix(policy: &OrganizationPolicy, key: &store::Key) -> Result<Prefix, Problem> {
    match &policy.prefix {
        Some(own) => Ok(own.clone()),
        None => Prefix::parse(&key.prefix).map_err(|refusal| Problem::new(ErrorCode::Internal).source(refusal)),
    }
}
