//! What an organization demands of its keys, beside what its environment demands.
//!
//! A key breaks the policy when it could not be made anew now. So one function judges a key to be, a key that grows
//! stronger, and the keys that there are.

use chrono::{DateTime, TimeDelta, Utc};

use crate::limit::Limit;
use crate::limit_settings::Rate;
use crate::policy::{AllOr, Policy};
use crate::secret::{Prefix, SECRET_PART_LENGTH};
use crate::validation::ValidationError;

/// The shortest lifetime that a policy names: one minute.
pub const LIFETIME_SECONDS_MIN: u64 = 60;
/// The longest: ten years.
pub const LIFETIME_SECONDS_MAX: u64 = 3_650 * 86_400;
/// The longest secret part that a policy demands.
pub const SECRET_BYTES_MAX: usize = 128;

/// The policy of an organization. The default demands nothing.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct OrganizationPolicy {
    /// Each is kept by a limit of the key that admits no more in that window.
    pub limits_max: Vec<Rate>,
    /// How long a key works for which nothing is said.
    pub default_lifetime_seconds: Option<u64>,
    /// How long a key works at the most.
    pub lifetime_seconds_max: Option<u64>,
    /// Whether a key has to have an end.
    pub must_expire: bool,
    /// Whether a key has to name its addresses.
    pub ips_required: bool,
    /// Whether a caller may bring a secret, or a part of one, of its own.
    pub allow_supplied_secrets: bool,
    /// What every secret begins with.
    pub prefix: Option<Prefix>,
    /// How long the secret part is at least, in bytes, which are base62 characters.
    pub secret_bytes: Option<usize>,
}

impl Default for OrganizationPolicy {
    fn default() -> Self {
        Self {
            limits_max: Vec::new(),
            default_lifetime_seconds: None,
            lifetime_seconds_max: None,
            must_expire: false,
            ips_required: false,
            allow_supplied_secrets: true,
            prefix: None,
            secret_bytes: None,
        }
    }
}

/// A rule of a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// `must_expire`.
    MustExpire,
    /// `lifetime_seconds_max`.
    Lifetime,
    /// `ips_required`.
    Ips,
    /// `limits_max`.
    Limits,
    /// `allow_supplied_secrets`.
    SuppliedSecrets,
    /// `prefix`.
    Prefix,
    /// `secret_bytes`.
    SecretBytes,
}

impl Rule {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::MustExpire,
        Self::Lifetime,
        Self::Ips,
        Self::Limits,
        Self::SuppliedSecrets,
        Self::Prefix,
        Self::SecretBytes,
    ];

    /// The code of the error that names it.
    pub const fn code(self) -> &'static str {
        match self {
            Self::MustExpire => "policy-must-expire",
            Self::Lifetime => "policy-lifetime",
            Self::Ips => "policy-ips",
            Self::Limits => "policy-limits",
            Self::SuppliedSecrets => "policy-supplied-secrets",
            Self::Prefix => "policy-prefix",
            Self::SecretBytes => "policy-secret-bytes",
        }
    }

    /// The member of the key that it is about.
    pub const fn member(self) -> &'static str {
        match self {
            Self::MustExpire | Self::Lifetime => "expires_at",
            Self::Ips => "ips",
            Self::Limits => "limits",
            Self::SuppliedSecrets | Self::SecretBytes => "secret",
            Self::Prefix => "prefix",
        }
    }
}

impl OrganizationPolicy {
    /// The rules that a key with this policy breaks at `now`, but for those about its secret.
    pub fn broken_by(&self, key: &Policy, now: DateTime<Utc>) -> Vec<Rule> {
        let mut broken = Vec::new();
        match (key.expires_at, self.lifetime()) {
            (None, None) if !self.must_expire => {}
            (None, _) => broken.push(Rule::MustExpire),
            (Some(end), Some(lifetime)) if end - starts_at(key.not_before, now) > lifetime => {
                broken.push(Rule::Lifetime);
            }
            (Some(_), _) => {}
        }
        if self.ips_required && key.ips == AllOr::All {
            broken.push(Rule::Ips);
        }
        if !self.admits(&key.limits) {
            broken.push(Rule::Limits);
        }
        broken
    }

    /// Whether a key may have these limits.
    pub fn admits(&self, limits: &[Limit]) -> bool {
        self.limits_max.iter().all(|max| limits.iter().any(|limit| keeps(limit, *max)))
    }

    /// The longest time that a key works.
    pub fn lifetime(&self) -> Option<TimeDelta> {
        self.lifetime_seconds_max.and_then(seconds)
    }

    /// The end of a key that says none.
    pub fn default_end(&self, not_before: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let lifetime = self.default_lifetime_seconds.and_then(seconds)?;
        starts_at(not_before, now).checked_add_signed(lifetime)
    }

    /// Refuses a secret of the caller's own.
    pub fn check_supplied(&self) -> Result<(), ValidationError> {
        if self.allow_supplied_secrets { Ok(()) } else { Err(self.refusal(Rule::SuppliedSecrets)) }
    }

    /// The prefix of a new secret: that of the policy, else the one that is asked for, else that of all organizations.
    pub fn check_prefix(&self, asked: Option<Prefix>) -> Result<Prefix, ValidationError> {
        match (&self.prefix, asked) {
            (Some(own), Some(asked)) if *own != asked => Err(self.refusal(Rule::Prefix)),
            (Some(own), _) => Ok(own.clone()),
            (None, asked) => Ok(asked.unwrap_or_else(Prefix::organization)),
        }
    }

    /// How long the secret part of a new secret is.
    pub fn secret_part_length(&self) -> usize {
        self.secret_bytes.unwrap_or(SECRET_PART_LENGTH)
    }

    /// Refuses a caller's secret that is shorter than demanded; `None` for one whose length nobody can tell.
    pub fn check_secret_bytes(&self, length: Option<usize>) -> Result<(), ValidationError> {
        let is_kept = self.secret_bytes.is_none_or(|least| length.is_some_and(|length| length >= least));
        if is_kept { Ok(()) } else { Err(self.refusal(Rule::SecretBytes)) }
    }

    /// Why a key that breaks the rule is refused.
    pub fn refusal(&self, rule: Rule) -> ValidationError {
        let demand = match rule {
            Rule::MustExpire => "every key has to have an end: send expires_at".to_owned(),
            Rule::Lifetime => {
                let seconds = self.lifetime_seconds_max.unwrap_or_default();
                format!("a key works for {seconds} seconds at the most, from now or from not_before")
            }
            Rule::Ips => "every key has to name the addresses that it may come from: send ips".to_owned(),
            Rule::Limits => {
                let rates = self.limits_max.iter().map(|max| format!("{} per {} ms", max.limit, max.window_ms));
                let rates: Vec<String> = rates.collect();
                format!(
                    "every key has to have a limit that admits at most {}",
                    rates.join(" and one that admits at most ")
                )
            }
            Rule::SuppliedSecrets => "no key has a secret that a caller supplies".to_owned(),
            Rule::Prefix => {
                format!("every secret begins with {}", self.prefix.as_ref().map_or("its prefix", Prefix::as_str))
            }
            Rule::SecretBytes => {
                let least = self.secret_part_length();
                format!("a secret part has at least {least} bytes, and of a digest nobody can tell how many there were")
            }
        };
        ValidationError::new(rule.code(), format!("by the organization's policy {demand}"))
    }
}

fn starts_at(not_before: Option<DateTime<Utc>>, now: DateTime<Utc>) -> DateTime<Utc> {
    not_before.map_or(now, |start| start.max(now))
}

fn seconds(count: u64) -> Option<TimeDelta> {
    TimeDelta::try_seconds(i64::try_from(count).ok()?)
}

/// Whether a limit counts every request, and admits no more than `max` in any window of that length.
fn keeps(limit: &Limit, max: Rate) -> bool {
    let windows = u128::from(max.window_ms).div_ceil(u128::from(limit.window_ms.max(1)));
    limit.auto && u128::from(limit.limit) * windows <= u128::from(max.limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + seconds, 0).expect("a year of four digits")
    }

    fn limit(limit: u64, window_ms: u64, auto: bool) -> Limit {
        Limit { name: "requests".to_owned(), limit, window_ms, auto }
    }

    fn key() -> Policy {
        Policy {
            permissions: Vec::new(),
            domains: AllOr::All,
            customers: AllOr::All,
            ips: AllOr::All,
            not_before: None,
            expires_at: None,
            limits: Vec::new(),
        }
    }

    #[test]
    fn a_policy_without_rules_is_broken_by_nothing() {
        let policy: OrganizationPolicy = serde_json::from_str("{}").expect("an old row");
        assert_eq!(policy, OrganizationPolicy::default());
        assert_eq!(policy.broken_by(&key(), at(0)), []);
        assert!(policy.check_supplied().is_ok());
        assert!(policy.check_secret_bytes(None).is_ok());
        assert_eq!(policy.check_prefix(None).expect("ours").as_str(), "clv");
        assert_eq!(policy.default_end(None, at(0)), None);
    }

    #[test]
    fn a_lifetime_runs_from_now_or_from_the_start() {
        let policy = OrganizationPolicy {
            lifetime_seconds_max: Some(100),
            default_lifetime_seconds: Some(60),
            ..OrganizationPolicy::default()
        };
        let broken = |start: Option<i64>, end: Option<i64>| {
            policy.broken_by(&Policy { not_before: start.map(at), expires_at: end.map(at), ..key() }, at(0))
        };
        assert_eq!(broken(None, None), [Rule::MustExpire], "what never ends lives too long");
        assert_eq!(broken(None, Some(100)), []);
        assert_eq!(broken(None, Some(101)), [Rule::Lifetime]);
        assert_eq!(broken(Some(-1_000), Some(101)), [Rule::Lifetime], "a start in the past adds nothing");
        assert_eq!(broken(Some(1_000), Some(1_100)), []);
        assert_eq!(policy.default_end(None, at(0)), Some(at(60)));
        assert_eq!(policy.default_end(Some(at(50)), at(0)), Some(at(110)));
    }

    #[test]
    fn a_maximum_is_kept_by_any_limit_that_admits_no_more() {
        let policy =
            OrganizationPolicy { limits_max: vec![Rate { limit: 100, window_ms: 60_000 }], ..Default::default() };
        for (limits, is_kept) in [
            (vec![], false),
            (vec![limit(100, 60_000, true)], true),
            (vec![limit(101, 60_000, true)], false),
            (vec![limit(100, 60_000, false)], false),
            (vec![limit(100, 3_600_000, true)], true),
            // The same rate, but all at once.
            (vec![limit(6_000, 3_600_000, true)], false),
            (vec![limit(1, 1_000, true)], true),
            (vec![limit(2, 1_000, true)], false),
            // Two windows of 31 seconds may fall into a minute.
            (vec![limit(51, 31_000, true)], false),
            (vec![limit(1_000, 1_000, true), limit(50, 60_000, true)], true),
        ] {
            assert_eq!(policy.admits(&limits), is_kept, "{limits:?}");
        }
    }

    #[test]
    fn every_refusal_names_its_rule() {
        let policy = OrganizationPolicy {
            prefix: Some(Prefix::parse("acme").expect("a prefix")),
            secret_bytes: Some(48),
            allow_supplied_secrets: false,
            ..OrganizationPolicy::default()
        };
        for rule in Rule::ALL {
            assert_eq!(policy.refusal(rule).code, rule.code());
        }
        assert!(policy.refusal(Rule::Prefix).message.contains("acme"));
        assert_eq!(policy.check_prefix(Some(Prefix::organization())).expect_err("another").code, "policy-prefix");
        assert_eq!(policy.check_prefix(None).expect("its own").as_str(), "acme");
        assert!(policy.check_secret_bytes(Some(48)).is_ok());
        assert_eq!(policy.check_secret_bytes(Some(47)).expect_err("short").code, "policy-secret-bytes");
        assert_eq!(policy.check_secret_bytes(None).expect_err("unknown").code, "policy-secret-bytes");
        assert_eq!(policy.check_supplied().expect_err("supplied").code, "policy-supplied-secrets");
    }
}
