//! An organization of the console's directory, as it comes to be in an environment under the id that it has everywhere.

use domain::ids::OrganizationId;
use domain::limit::Limit;
use domain::names::{Name, Slug};
use poem_openapi::Object;
use poem_openapi::param::Path;
use server::problem::{FieldError, Problem};
use store::NewOrganization;

use crate::fields::{Fields, unread};

/// An organization as the console's directory has it.
#[derive(Debug, Clone, Object)]
#[oai(deny_unknown_fields)]
pub struct DirectoryOrganization {
    /// 1 to 100 characters.
    pub name: String,
    /// Its name in URLs: 2 to 40 lower-case letters, digits and single hyphens.
    pub slug: String,
}

impl DirectoryOrganization {
    /// Reads it, or lists what is wrong.
    pub fn read(&self) -> Result<NewOrganization, Problem> {
        let mut fields = Fields::default();
        let (name, slug) =
            (fields.take("/name", Name::parse(&self.name)), fields.take("/slug", Slug::parse(&self.slug)));
        fields.finish()?;
        let (Some(name), Some(slug)) = (name, slug) else { return Err(unread()) };
        let default_limits = vec![Limit::platform_default()];
        Ok(NewOrganization { name, slug, permissions: Vec::new(), limits: Vec::new(), default_limits })
    }
}

/// The id that a path names.
pub fn read_id(text: &Path<String>) -> Result<OrganizationId, Problem> {
    let id: Option<OrganizationId> = text.0.parse().ok();
    id.filter(|id| !id.is_installation()).ok_or_else(|| {
        let message = "Name the organization by the id that it has in the directory.";
        Problem::validation(vec![FieldError::new("/organization", "organization-id", message)])
    })
}
