//! Root keys on the wire: keys without an organization, and so without customers, domains and credits.

use chrono::{DateTime, TimeDelta, Utc};
use client::wire::AllOr as AllOrBody;
use domain::instants::parse_instant;
use domain::limit::Limit;
use domain::names::Name;
use domain::policy::AllOr;
use domain::validation::ValidationError;
use poem_openapi::Object;
use server::problem::Problem;

use crate::config::KeyPolicy;
use crate::fields::{Fields, unread};
use crate::resources::keys::wire::key_input::{Reading, check_order, read_expiry, read_ips, read_own_limits};
use crate::root_keys::{LIFETIME_DAYS, RootKeyPolicy, read_permission};
use crate::wire::limit::LimitList;
use crate::wire::nullable::Nullable;
use crate::wire::word_or::{NoneWord, WordOr};

/// A new root key. All but the name may be left out.
#[derive(Debug, Clone, Object)]
#[oai(deny_unknown_fields)]
pub struct NewRootKey {
    /// 1 to 100 characters, unique among the root keys of the environment.
    pub name: String,
    /// What it may do in every organization: permissions of `GET /v1/permissions`, or wildcards such as `*`.
    #[oai(default, validator(max_items = 200))]
    pub permissions: Vec<String>,
    /// `"all"`, or the addresses and networks that it may come from.
    pub ips: Option<AllOrBody>,
    /// Not valid before this instant.
    #[oai(default)]
    pub not_before: Nullable<String>,
    /// Not valid from this instant on, or `"never"`; left out, 90 days from now.
    pub expires_at: Option<String>,
    /// Up to 10 named limits, or `"none"`; left out, 1,000 requests a minute.
    pub limits: Option<WordOr<NoneWord, LimitList>>,
}

/// Changes to a root key. What is left out stays.
#[derive(Debug, Clone, Object)]
#[oai(deny_unknown_fields)]
pub struct RootKeyPatch {
    /// 1 to 100 characters, unique among the root keys of the environment.
    pub name: Option<String>,
    /// The whole new list.
    #[oai(validator(max_items = 200))]
    pub permissions: Option<Vec<String>>,
    /// `"all"`, or the whole new list.
    pub ips: Option<AllOrBody>,
    /// The new start.
    pub not_before: Option<String>,
    /// The new end, or `"never"`.
    pub expires_at: Option<String>,
    /// The whole new list, up to 10, or `"none"`.
    pub limits: Option<WordOr<NoneWord, LimitList>>,
}

impl NewRootKey {
    /// Reads it, or lists what is wrong.
    pub fn read(&self, demands: &KeyPolicy, now: DateTime<Utc>) -> Result<RootKeyPolicy, Problem> {
        let (mut fields, reading) = (Fields::default(), Reading { now, own_permissions: &[] });
        let days = i64::from(demands.key_lifetime_days_max);
        let usual = if days == 0 { LIFETIME_DAYS } else { days.min(LIFETIME_DAYS) };
        let expires_at = match &self.expires_at {
            Some(text) => read_expiry(&mut fields, text, &reading).flatten(),
            None => Some(now + TimeDelta::days(usual)),
        };
        let policy = Some(RootKeyPolicy {
            name: fields.take("/name", Name::parse(&self.name)).unwrap_or_else(|| Name::from_row("")),
            permissions: fields.take_list("/permissions", &self.permissions, |text| read_permission(text)),
            limits: match &self.limits {
                Some(limits) => read_own_limits(&mut fields, limits),
                None => vec![Limit::platform_default()],
            },
            not_before: fields.take_option("/not_before", self.not_before.0.as_deref().map(parse_instant)),
            expires_at,
            ips: self.ips.as_ref().map_or(AllOr::All, |ips| read_ips(&mut fields, ips)),
        });
        finish(fields, (demands, now), policy)
    }
}

impl RootKeyPatch {
    /// Reads it over the key as it stands, or lists what is wrong.
    pub fn read(&self, key: &store::Key, demands: &KeyPolicy, now: DateTime<Utc>) -> Result<RootKeyPolicy, Problem> {
        let (mut fields, reading) = (Fields::default(), Reading { now, own_permissions: &[] });
        let (held, own_name) = (&key.policy, || Ok(Name::from_row(&key.name)));
        let policy = Some(RootKeyPolicy {
            name: fields
                .take("/name", self.name.as_deref().map_or_else(own_name, Name::parse))
                .unwrap_or_else(|| Name::from_row("")),
            permissions: match &self.permissions {
                Some(names) => fields.take_list("/permissions", names, |text| read_permission(text)),
                None => held.permissions.clone(),
            },
            limits: match &self.limits {
                Some(limits) => read_own_limits(&mut fields, limits),
                None => held.limits.clone(),
            },
            not_before: fields
                .take_option("/not_before", self.not_before.as_deref().map(parse_instant))
                .or(held.not_before),
            expires_at: match &self.expires_at {
                Some(text) => read_expiry(&mut fields, text, &reading).flatten(),
                None => held.expires_at,
            },
            ips: match &self.ips {
                Some(ips) => read_ips(&mut fields, ips),
                None => held.ips.clone(),
            },
        });
        finish(fields, (demands, now), policy)
    }
}

/// The policy, if nothing is wrong with it by itself or with what the environment demands.
fn finish(
    mut fields: Fields,
    (demands, now): (&KeyPolicy, DateTime<Utc>),
    policy: Option<RootKeyPolicy>,
) -> Result<RootKeyPolicy, Problem> {
    if let Some(policy) = &policy {
        check_order(&mut fields, policy.not_before, policy.expires_at);
        let days = demands.key_lifetime_days_max;
        let latest = now + TimeDelta::days(i64::from(days));
        if days > 0 && policy.expires_at.is_none_or(|at| at > latest) {
            let message = format!("keys of this environment expire within {days} days");
            fields.refuse("/expires_at", ValidationError::new("lifetime-demanded", message));
        }
        if demands.require_ips && policy.ips == AllOr::All {
            let message = "keys of this environment name their addresses";
            fields.refuse("/ips", ValidationError::new("ips-demanded", message));
        }
    }
    fields.finish()?;
    policy.ok_or_else(unread)
}
