//! What creates and changes a key: the bodies, and how they become a policy.

use chrono::{DateTime, Utc};
use client::wire::{AllOr as AllOrBody, Metadata};
use domain::addresses::{IpRule, reduce};
use domain::hosts::HostName;
use domain::instants::{parse_future, parse_instant};
use domain::limit::Limit;
use domain::names::{Name, Tag, metadata as check_metadata};
use domain::permission::PermissionName;
use domain::policy::{AllOr, KeyKind};
use domain::role::KEY_ROLES_MAX;
use domain::validation::ValidationError;
use poem_openapi::Object;
use serde_json::{Map, Value};

use super::credits::{CreditsBody, CreditsDraft, CreditsPatch, read_credits_patch, read_new_credits};
use crate::fields::Fields;
use crate::wire::limit::{ItemList, LimitList, read_limits};
use crate::wire::nullable::Nullable;
use crate::wire::word_or::{NoneWord, UnlimitedWord, WordOr};

/// The most entries of one list of a key.
const ENTRIES_MAX: usize = 100;
/// The most permissions of a key.
const PERMISSIONS_MAX: usize = 200;
/// What a key without an end says when it is changed: a `null` never lifts a restriction.
const NEVER: &str = "never";

/// A new key. All but the name may be left out.
#[derive(Debug, Clone, Object)]
#[oai(deny_unknown_fields)]
pub struct NewKey {
    /// 1 to 100 characters, unique among the organization's keys.
    pub name: String,
    /// What it may do: permissions of `GET /v1/permissions` and of the organization's own API, or wildcards such as
    /// `documents.*` and `*`. The calling key has to hold each of them.
    #[oai(default, validator(max_items = 200))]
    pub permissions: Vec<String>,
    /// Whether permissions that the organization does not have yet are added to its own API, which needs
    /// `permissions.create`; they are refused otherwise.
    #[oai(default)]
    pub create_permissions: bool,
    /// Ids or names of the organization's roles, whose permissions it has as well, as they are at each request. The calling key has
    /// to hold all that they hold.
    #[oai(default, validator(max_items = 20))]
    pub roles: Vec<String>,
    /// `"all"`, or the host names that it may act for.
    pub domains: Option<AllOrBody>,
    /// `"all"`, or the customers (ids or external ids) that it may act for.
    pub customers: Option<AllOrBody>,
    /// `"all"`, or the addresses and networks that it may come from.
    pub ips: Option<AllOrBody>,
    /// Not valid before this instant.
    #[oai(default)]
    pub not_before: Nullable<String>,
    /// Not valid from this instant on; `null` or `"never"` for a key without an end.
    #[oai(default)]
    pub expires_at: Nullable<String>,
    /// Up to 10 named limits, or `"none"`; left out, the organization's default limit.
    pub limits: Option<WordOr<NoneWord, LimitList>>,
    /// A balance that each verification spends; `null` or `"unlimited"` for a key without one.
    #[oai(default)]
    pub credits: Nullable<WordOr<UnlimitedWord, CreditsBody>>,
    /// The text that its secrets start with, instead of `clv`.
    #[oai(default)]
    pub prefix: Nullable<String>,
    /// Your own notes, returned with each verification.
    #[oai(default)]
    pub metadata: Metadata,
    /// Words to find it by.
    #[oai(default, validator(max_items = 50))]
    pub tags: Vec<String>,
    /// Your own random secret part, at least 32 base62 characters, instead of one of ours.
    #[oai(default)]
    pub secret: Nullable<String>,
    /// With `false` the key is made inactive, and works once it is reactivated.
    #[oai(default = "enabled")]
    pub enabled: bool,
}

/// Changes to a key. What is left out stays; `null` is refused, so that no restriction is lifted by accident.
#[derive(Debug, Clone, Object)]
#[oai(deny_unknown_fields)]
pub struct KeyPatch {
    /// 1 to 100 characters, unique among the organization's keys.
    pub name: Option<String>,
    /// The whole new list.
    #[oai(validator(max_items = 200))]
    pub permissions: Option<Vec<String>>,
    /// Whether permissions that the organization does not have yet are added to its own API.
    #[oai(default)]
    pub create_permissions: bool,
    /// The whole new list, by ids or names.
    #[oai(validator(max_items = 20))]
    pub roles: Option<Vec<String>>,
    /// `"all"`, or the whole new list.
    pub domains: Option<AllOrBody>,
    /// `"all"`, or the whole new list.
    pub customers: Option<AllOrBody>,
    /// `"all"`, or the whole new list.
    pub ips: Option<AllOrBody>,
    /// The new start.
    pub not_before: Option<String>,
    /// The new end, or `"never"`.
    pub expires_at: Option<String>,
    /// The whole new list, up to 10, or `"none"`.
    pub limits: Option<WordOr<NoneWord, LimitList>>,
    /// `"unlimited"`, or what changes of the balance and of its refill.
    pub credits: Option<WordOr<UnlimitedWord, CreditsPatch>>,
    /// The whole new notes.
    pub metadata: Option<Metadata>,
    /// The whole new list.
    #[oai(validator(max_items = 50))]
    pub tags: Option<Vec<String>>,
}

fn enabled() -> bool {
    true
}

/// What a body says of a policy, read and checked, but for customers and roles, whose names the database knows.
#[derive(Debug, Default)]
pub struct PolicyDraft {
    pub permissions: Option<Vec<PermissionName>>,
    pub roles: Option<Vec<String>>,
    pub domains: Option<AllOr<HostName>>,
    pub customers: Option<AllOr<String>>,
    pub ips: Option<AllOr<IpRule>>,
    pub not_before: Option<DateTime<Utc>>,
    /// `Some(None)` is `"never"`.
    pub expires_at: Option<Option<DateTime<Utc>>>,
    pub limits: Option<Vec<Limit>>,
    pub credits: Option<CreditsDraft>,
    pub name: Option<Name>,
    pub metadata: Option<Map<String, Value>>,
    pub tags: Option<Vec<String>>,
}

/// What a body is read against.
pub struct Reading<'a> {
    /// The instant of the change.
    pub now: DateTime<Utc>,
    /// The permissions of the organization's own API.
    pub own_permissions: &'a [PermissionName],
}

impl NewKey {
    /// Reads everything but the secret and the prefix.
    pub fn read(&self, fields: &mut Fields, reading: &Reading<'_>) -> PolicyDraft {
        let expires_at = self.expires_at.0.as_deref();
        let draft = PolicyDraft {
            name: fields.take("/name", Name::parse(&self.name)),
            permissions: Some(read_permissions(fields, &self.permissions, reading.own_permissions)),
            roles: Some(read_roles(fields, &self.roles)),
            domains: self.domains.as_ref().map(|body| read_domains(fields, body)),
            customers: self.customers.as_ref().map(|body| read_customers(fields, body)),
            ips: self.ips.as_ref().map(|body| read_ips(fields, body)),
            not_before: fields.take_option("/not_before", self.not_before.0.as_deref().map(parse_instant)),
            expires_at: Some(expires_at.and_then(|text| read_expiry(fields, text, reading)).flatten()),
            limits: self.limits.as_ref().map(|bodies| read_own_limits(fields, bodies)),
            credits: self.credits.0.as_ref().and_then(|body| read_new_credits(fields, body)),
            metadata: read_metadata(fields, &self.metadata),
            tags: Some(read_tags(fields, &self.tags)),
        };
        check_order(fields, draft.not_before, draft.expires_at.flatten());
        draft
    }
}

impl KeyPatch {
    /// Reads what is there.
    pub fn read(&self, fields: &mut Fields, reading: &Reading<'_>) -> PolicyDraft {
        let expires_at = self.expires_at.as_deref();
        PolicyDraft {
            name: fields.take_option("/name", self.name.as_deref().map(Name::parse)),
            permissions: self
                .permissions
                .as_ref()
                .map(|names| read_permissions(fields, names, reading.own_permissions)),
            roles: self.roles.as_ref().map(|references| read_roles(fields, references)),
            domains: self.domains.as_ref().map(|body| read_domains(fields, body)),
            customers: self.customers.as_ref().map(|body| read_customers(fields, body)),
            ips: self.ips.as_ref().map(|body| read_ips(fields, body)),
            not_before: fields.take_option("/not_before", self.not_before.as_deref().map(parse_instant)),
            expires_at: expires_at.and_then(|text| read_expiry(fields, text, reading)),
            limits: self.limits.as_ref().map(|bodies| read_own_limits(fields, bodies)),
            credits: self.credits.as_ref().and_then(|body| read_credits_patch(fields, body)),
            metadata: self.metadata.as_ref().and_then(|metadata| read_metadata(fields, metadata)),
            tags: self.tags.as_ref().map(|tags| read_tags(fields, tags)),
        }
    }
}

/// Refuses an end that does not come after the start.
pub fn check_order(fields: &mut Fields, start: Option<DateTime<Utc>>, end: Option<DateTime<Utc>>) {
    if let (Some(start), Some(end)) = (start, end)
        && end <= start
    {
        fields
            .refuse("/expires_at", ValidationError::new("contradiction", "expires_at has to be later than not_before"));
    }
}

fn read_roles(fields: &mut Fields, references: &[String]) -> Vec<String> {
    check_count(fields, "/roles", references.len(), KEY_ROLES_MAX);
    references.iter().take(KEY_ROLES_MAX).cloned().collect()
}

/// The permissions of a key or a role of an organization whose API has `own`: sorted, without repetition.
pub fn read_permissions(fields: &mut Fields, names: &[String], own: &[PermissionName]) -> Vec<PermissionName> {
    check_count(fields, "/permissions", names.len(), PERMISSIONS_MAX);
    let mut permissions = fields.take_list("/permissions", names, |name| {
        let permission = PermissionName::parse(name)?;
        permission.check_known(KeyKind::Organization, own)?;
        Ok(permission)
    });
    permissions.sort_unstable();
    permissions.dedup();
    permissions
}

fn read_domains(fields: &mut Fields, body: &AllOrBody) -> AllOr<HostName> {
    read_list(
        fields,
        "/domains",
        body,
        |names: &mut Vec<HostName>| {
            names.sort_unstable();
            names.dedup();
        },
        HostName::parse,
    )
}

fn read_customers(fields: &mut Fields, body: &AllOrBody) -> AllOr<String> {
    read_list(fields, "/customers", body, |_: &mut Vec<String>| (), |text| Ok(text.to_owned()))
}

pub(crate) fn read_ips(fields: &mut Fields, body: &AllOrBody) -> AllOr<IpRule> {
    read_list(fields, "/ips", body, |rules: &mut Vec<IpRule>| *rules = reduce(std::mem::take(rules)), IpRule::parse)
}

fn read_list<T>(
    fields: &mut Fields,
    pointer: &str,
    body: &AllOrBody,
    tidy: impl Fn(&mut Vec<T>),
    read: impl Fn(&str) -> Result<T, ValidationError>,
) -> AllOr<T> {
    match body {
        AllOrBody::All => AllOr::All,
        AllOrBody::Only(items) if items.is_empty() => {
            let message = "an empty list would lock everybody out; write \"all\" or name at least one";
            fields.refuse(pointer, ValidationError::new("would-lock-out", message));
            AllOr::All
        }
        AllOrBody::Only(items) => {
            check_count(fields, pointer, items.len(), ENTRIES_MAX);
            let mut values = fields.take_list(pointer, items, |text| read(text));
            tidy(&mut values);
            AllOr::Only(values)
        }
    }
}

pub(crate) fn read_expiry(fields: &mut Fields, text: &str, reading: &Reading<'_>) -> Option<Option<DateTime<Utc>>> {
    if text == NEVER {
        return Some(None);
    }
    fields.take("/expires_at", parse_future(text, reading.now)).map(Some)
}

pub(crate) fn read_own_limits(fields: &mut Fields, body: &WordOr<NoneWord, LimitList>) -> Vec<Limit> {
    let WordOr::Value(ItemList(bodies)) = body else { return Vec::new() };
    if bodies.is_empty() {
        let message = "name at least one limit, or write \"none\"";
        fields.refuse("/limits", ValidationError::new("empty", message));
    }
    read_limits(fields, "/limits", bodies)
}

fn read_metadata(fields: &mut Fields, metadata: &Metadata) -> Option<Map<String, Value>> {
    let metadata: Map<String, Value> = metadata.clone().into_iter().collect();
    fields.take("/metadata", check_metadata(&metadata))?;
    Some(metadata)
}

fn read_tags(fields: &mut Fields, tags: &[String]) -> Vec<String> {
    fields.take_list("/tags", tags, |tag| Tag::parse(tag).map(|tag| tag.as_str().to_owned()))
}

fn check_count(fields: &mut Fields, pointer: &str, count: usize, most: usize) {
    if count > most {
        fields.refuse(pointer, ValidationError::new("too-many", format!("at most {most} entries")));
    }
}
