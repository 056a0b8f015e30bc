//! Roles on the wire.

use domain::ids::RoleId;
use domain::names::{Name, note};
use domain::validation::ValidationError;
use poem_openapi::Object;
use server::problem::Problem;
use store::{Organization, Role, RoleChange};

use crate::fields::{Fields, unread};
use crate::query::query;
use crate::resources::keys::wire::key_input::read_permissions;
use crate::wire::instant::Instant;

/// A role: a named set of permissions. A key that has it has them, as they are at each request.
#[derive(Debug, Clone, Object)]
#[oai(rename = "Role")]
pub struct RoleBody {
    /// Its id, which never changes and is never given again.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// What it holds. A permission that the organization has given up is not among them.
    pub permissions: Vec<String>,
    /// When it was made.
    pub created_at: Instant,
    /// When it was last changed.
    pub updated_at: Instant,
}

/// A new role. All but the name may be left out.
#[derive(Debug, Clone, Object)]
#[oai(deny_unknown_fields)]
pub struct NewRole {
    /// 1 to 100 characters, unique among the organization's roles.
    pub name: String,
    /// What it is for: up to 500 characters.
    #[oai(default, validator(max_length = 500))]
    pub description: String,
    /// What it holds: permissions of `GET /v1/permissions` and of the organization's own API, or wildcards such as
    /// `documents.*` and `*`. The calling key has to hold each of them.
    #[oai(default, validator(max_items = 200))]
    pub permissions: Vec<String>,
    /// Whether permissions that the organization does not have yet are added to its own API, which needs
    /// `permissions.create`; they are refused otherwise.
    #[oai(default)]
    pub create_permissions: bool,
}

/// Changes to a role. What is left out stays.
#[derive(Debug, Clone, Object)]
#[oai(deny_unknown_fields)]
pub struct RolePatch {
    /// 1 to 100 characters, unique among the organization's roles.
    pub name: Option<String>,
    /// What it is for: up to 500 characters.
    #[oai(validator(max_length = 500))]
    pub description: Option<String>,
    /// The whole new list.
    #[oai(validator(max_items = 200))]
    pub permissions: Option<Vec<String>>,
    /// Whether permissions that the organization does not have yet are added to its own API.
    #[oai(default)]
    pub create_permissions: bool,
}

query! {
    /// Which roles are listed.
    pub struct RoleQuery {
        /// Only those whose name has this text.
        text: String,
    }
}

impl NewRole {
    /// Reads it, or lists what is wrong.
    pub fn read(&self, organization: &Organization) -> Result<RoleChange, Problem> {
        let mut fields = Fields::default();
        let name = fields.take("/name", read_name(&self.name));
        let description = fields.take("/description", note(&self.description));
        let permissions = read_permissions(&mut fields, &self.permissions, &organization.permissions);
        fields.finish()?;
        Ok(RoleChange {
            name: name.ok_or_else(unread)?,
            description: description.ok_or_else(unread)?,
            permissions,
            permissions_since: organization.generation,
        })
    }
}

impl RolePatch {
    /// Reads it over the role as it stands, or lists what is wrong.
    pub fn read(&self, role: &Role, organization: &Organization) -> Result<RoleChange, Problem> {
        let mut fields = Fields::default();
        let own = || Ok(Name::from_row(&role.name));
        let name = fields.take("/name", self.name.as_deref().map_or_else(own, read_name));
        let description = fields.take_option("/description", self.description.as_deref().map(note));
        let permissions = match &self.permissions {
            Some(names) => read_permissions(&mut fields, names, &organization.permissions),
            None => role.permissions.clone(),
        };
        fields.finish()?;
        Ok(RoleChange {
            name: name.ok_or_else(unread)?,
            description: description.unwrap_or_else(|| role.description.clone()),
            permissions,
            permissions_since: organization.generation,
        })
    }
}

/// A name that cannot be taken for an id.
fn read_name(text: &str) -> Result<Name, ValidationError> {
    if text.parse::<RoleId>().is_ok() {
        return Err(ValidationError::new("reserved", "this is how the id of a role looks"));
    }
    Name::parse(text)
}

impl From<&Role> for RoleBody {
    fn from(role: &Role) -> Self {
        Self {
            id: role.id.to_string(),
            name: role.name.clone(),
            description: role.description.clone(),
            permissions: role.permissions.iter().map(ToString::to_string).collect(),
            created_at: Instant(role.created_at),
            updated_at: Instant(role.updated_at),
        }
    }
}
