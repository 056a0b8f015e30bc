//! Organizations on the wire.

use domain::limit::Limit;
use domain::names::{Name, Slug};
use domain::organization_policy::Rule;
use domain::permission::PermissionName;
use domain::validation::ValidationError;
use poem_openapi::Object;
use server::problem::Problem;
use store::PERMISSIONS_MAX;

use crate::fields::{Fields, unread};
use crate::query::query;
use crate::wire::instant::Instant;
use crate::wire::limit::{LimitBody, read_limits};
use crate::wire::nullable::Nullable;
use crate::wire::standing::StandingBody;

/// A tenant: a company using this installation.
#[derive(Debug, Clone, Object)]
#[oai(rename = "Organization")]
pub struct OrganizationBody {
    /// Its id.
    pub id: String,
    /// Its name in URLs.
    pub slug: String,
    /// Its name.
    pub name: String,
    /// Whether its keys work.
    pub status: StandingBody,
    /// The permissions of its own API, beside those of this one; `{organization}/permissions` adds and deletes them.
    pub permissions: Vec<String>,
    /// What all its keys share.
    pub limits: Vec<LimitBody>,
    /// What a key gets that is made without limits.
    pub default_limits: Vec<LimitBody>,
    /// When it was suspended.
    pub suspended_at: Nullable<Instant>,
    /// When it was made.
    pub created_at: Instant,
    /// When it was last changed.
    pub updated_at: Instant,
}

/// A new organization.
#[derive(Debug, Clone, Object)]
#[oai(deny_unknown_fields)]
pub struct NewOrganization {
    /// 1 to 100 characters.
    pub name: String,
    /// Its name in URLs: 2 to 40 lower-case letters, digits and single hyphens.
    pub slug: String,
    /// The permissions of its own API, such as `documents.read`.
    #[oai(default, validator(max_items = 200))]
    pub permissions: Vec<String>,
    /// What all its keys share.
    #[oai(default, validator(max_items = 10))]
    pub limits: Vec<LimitBody>,
    /// What a key gets that is made without limits.
    #[oai(validator(max_items = 10))]
    pub default_limits: Option<Vec<LimitBody>>,
}

/// Changes to an organization. What is left out stays.
#[derive(Debug, Clone, Object)]
#[oai(deny_unknown_fields)]
pub struct OrganizationPatch {
    /// 1 to 100 characters.
    pub name: Option<String>,
    /// The whole new list. Changing it needs a root key.
    #[oai(validator(max_items = 10))]
    pub limits: Option<Vec<LimitBody>>,
    /// The whole new list.
    #[oai(validator(max_items = 10))]
    pub default_limits: Option<Vec<LimitBody>>,
}

query! {
    /// Which organizations are listed.
    pub struct OrganizationQuery {
        /// Only those whose name has this text.
        text: String,
    }
}

impl NewOrganization {
    /// Reads it, or lists what is wrong.
    pub fn read(self) -> Result<store::NewOrganization, Problem> {
        let mut fields = Fields::default();
        let name = fields.take("/name", Name::parse(&self.name));
        let slug = fields.take("/slug", Slug::parse(&self.slug));
        let permissions = read_own_permissions(&mut fields, &self.permissions);
        let limits = read_limits(&mut fields, "/limits", &self.limits);
        let default_limits = match &self.default_limits {
            Some(limits) => read_default_limits(&mut fields, limits),
            None => vec![Limit::platform_default()],
        };
        fields.finish()?;
        let (Some(name), Some(slug)) = (name, slug) else { return Err(unread()) };
        Ok(store::NewOrganization { name, slug, permissions, limits, default_limits })
    }
}

impl OrganizationPatch {
    /// Reads it over the organization as it stands, or lists what is wrong.
    pub fn read(self, organization: &store::Organization) -> Result<store::OrganizationChange, Problem> {
        let mut fields = Fields::default();
        let own = || Ok(Name::from_row(&organization.name));
        let name = fields.take("/name", self.name.as_deref().map_or_else(own, Name::parse));
        let limits = match &self.limits {
            Some(limits) => read_limits(&mut fields, "/limits", limits),
            None => organization.limits.clone(),
        };
        let default_limits = match &self.default_limits {
            Some(limits) => read_default_limits(&mut fields, limits),
            None => organization.default_limits.clone(),
        };
        if self.default_limits.is_some() && !organization.policy.admits(&default_limits) {
            fields.refuse("/default_limits", organization.policy.refusal(Rule::Limits));
        }
        fields.finish()?;
        let name = name.ok_or_else(unread)?;
        Ok(store::OrganizationChange { name, limits, default_limits })
    }
}

/// Reads what a key gets that is made without limits.
pub fn read_default_limits(fields: &mut Fields, limits: &[LimitBody]) -> Vec<Limit> {
    if limits.is_empty() {
        fields.refuse("/default_limits", ValidationError::new("empty", "name at least one limit"));
    }
    read_limits(fields, "/default_limits", limits)
}

/// Reads the permissions of an organization's own API; the resources of this API are not theirs to name.
fn read_own_permissions(fields: &mut Fields, names: &[String]) -> Vec<PermissionName> {
    if names.len() > PERMISSIONS_MAX {
        fields.refuse("/permissions", ValidationError::new("too-many", format!("at most {PERMISSIONS_MAX} entries")));
    }
    let mut permissions = fields.take_list("/permissions", names, |text| PermissionName::parse_own(text));
    permissions.sort_unstable();
    permissions.dedup();
    permissions
}

impl From<&store::Organization> for OrganizationBody {
    fn from(organization: &store::Organization) -> Self {
        Self {
            id: organization.id.to_string(),
            slug: organization.slug.clone(),
            name: organization.name.clone(),
            status: StandingBody::new(organization.suspended_at.is_some()),
            permissions: organization.permissions.iter().map(ToString::to_string).collect(),
            limits: organization.limits.iter().map(LimitBody::from).collect(),
            default_limits: organization.default_limits.iter().map(LimitBody::from).collect(),
            suspended_at: Nullable(organization.suspended_at.map(Instant)),
            created_at: Instant(organization.created_at),
            updated_at: Instant(organization.updated_at),
        }
    }
}
