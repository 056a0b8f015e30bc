//! `{o}/permissions`: the permissions of an organization's own API.

use domain::event::Event;
use domain::permission::{Permission, PermissionName};
use domain::policy::KeyKind;
use poem_openapi::param::Path;
use poem_openapi::types::ToJSON;
use poem_openapi::{Object, OpenApi};
use serde_json::json;
use server::answer::{Created, Ok200};
use server::json::Json;
use server::problem::Problem;
use store::{Organization, Write};

use crate::access::{New, Scoped};
use crate::authenticate::{denied, not_found};
use crate::fields::{Fields, unread};
use crate::idempotency::Idempotent;
use crate::operation::{Change, Operation, operations};
use crate::resources::Tags;
use crate::wire::nullable::Nullable;

operations! {
    ListOwnPermissions => PermissionsRead, priority(Lists);
    CreatePermission   => PermissionsCreate, event("permission.created"), idempotent, beyond_limits;
    DeletePermission   => PermissionsDelete, event("permission.deleted"), priority(Revocation), beyond_limits;
}

/// A permission of an organization's own API.
#[derive(Debug, Clone, Object)]
pub struct OwnPermission {
    /// Its name, as keys and roles hold it.
    pub name: String,
}

/// A new permission of an organization's own API.
#[derive(Debug, Clone, Object)]
#[oai(deny_unknown_fields)]
pub struct NewPermission {
    /// 1 to 100 lower-case letters, digits and `._:-`, such as `documents.read`. What begins with a resource of this API, such
    /// as `keys.`, is not yours to name.
    #[oai(validator(min_length = 1, max_length = 100))]
    pub name: String,
}

/// All permissions of an organization's own API, by name.
#[derive(Debug, Clone, Object)]
pub struct OwnPermissionList {
    /// The permissions.
    pub items: Vec<OwnPermission>,
    /// Always `null`: an organization has at most 200.
    pub next_cursor: Nullable<String>,
}

/// The operations on an organization's own permissions.
pub struct Api;

#[OpenApi]
impl Api {
    /// List an organization's own permissions
    ///
    /// What it has named for its own API. Those of this API are at `GET /v1/permissions`.
    #[oai(
        path = "/v1/organizations/:organization/permissions",
        method = "get",
        operation_id = "list_own_permissions",
        tag = "Tags::Permissions"
    )]
    async fn list_own_permissions(
        &self,
        access: Scoped<ListOwnPermissions>,
        #[oai(name = "organization")] _organization: Path<String>,
    ) -> Result<Ok200<OwnPermissionList>, Problem> {
        let organization = access.read().await?.find_organization().await?.ok_or_else(not_found)?;
        let items = organization.permissions.iter().map(OwnPermission::from).collect();
        Ok(Ok200::new(OwnPermissionList { items, next_cursor: Nullable(None) }))
    }

    /// Add a permission
    ///
    /// One of the organization's own API, for its keys and roles. Whoever grants it has to hold it, by name or by a wildcard such
    /// as `documents.*` or `*`.
    #[oai(
        path = "/v1/organizations/:organization/permissions",
        method = "post",
        operation_id = "create_permission",
        tag = "Tags::Permissions"
    )]
    async fn create_permission(
        &self,
        access: Scoped<CreatePermission>,
        #[oai(name = "organization")] _organization: Path<String>,
        body: Json<NewPermission>,
    ) -> Result<Created<Idempotent<OwnPermission>>, Problem> {
        let create = async |write: &mut Write, new: NewPermission| {
            let name = new.read()?;
            let organization = write.insert_permissions(std::slice::from_ref(&name)).await?.ok_or_else(not_found)?;
            Ok(New::of(&name, organization.generation, OwnPermission::from(&name)))
        };
        access.create(body, create).await
    }

    /// Give up a permission
    ///
    /// From the next request on it counts no more, on whatever key or role it is. Added again it is a new permission: nobody
    /// holds it until it is granted again.
    #[oai(
        path = "/v1/organizations/:organization/permissions/:permission",
        method = "delete",
        operation_id = "delete_permission",
        tag = "Tags::Permissions"
    )]
    async fn delete_permission(
        &self,
        access: Scoped<DeletePermission>,
        #[oai(name = "organization")] _organization: Path<String>,
        permission: Path<String>,
    ) -> Result<Ok200<OwnPermission>, Problem> {
        let name = PermissionName::parse(&permission.0).map_err(|_| not_found())?;
        let mut write = access.write().await?;
        write.delete_permission(&name).await?.ok_or_else(not_found)?;
        let body = OwnPermission::from(&name);
        let event = access.event(&name).changed(body.to_json(), None);
        access.commit(write, event).await?;
        Ok(Ok200::new(body))
    }
}

impl From<&PermissionName> for OwnPermission {
    fn from(name: &PermissionName) -> Self {
        Self { name: name.to_string() }
    }
}

impl NewPermission {
    fn read(&self) -> Result<PermissionName, Problem> {
        let mut fields = Fields::default();
        let name = fields.take("/name", PermissionName::parse_own(&self.name));
        fields.finish()?;
        name.ok_or_else(unread)
    }
}

/// The organization of a change that grants `names`, with those of them added that it does not have, if the body says
/// `create_permissions` and the caller may.
///
/// It is read before anything that was granted under it: what is given up meanwhile does not count.
pub async fn find_organization(
    access: &Scoped<impl Operation>,
    write: &mut Write,
    (names, creates): (&[String], bool),
) -> Result<Organization, Problem> {
    let organization = write.find_organization().await?.ok_or_else(not_found)?;
    let missing = missing_permissions(access, &organization, (names, creates))?;
    if missing.is_empty() { Ok(organization) } else { add_permissions(write, &missing).await }
}

/// Those of `names` that the organization does not have, if the body says `create_permissions`; refused where the caller may not
/// add them.
pub fn missing_permissions(
    access: &Scoped<impl Operation>,
    organization: &Organization,
    (names, creates): (&[String], bool),
) -> Result<Vec<PermissionName>, Problem> {
    if !creates {
        return Ok(Vec::new());
    }
    let is_new = |name: &PermissionName| name.check_known(KeyKind::Organization, &organization.permissions).is_err();
    let mut missing: Vec<PermissionName> =
        names.iter().filter_map(|text| PermissionName::parse_own(text).ok()).collect();
    missing.retain(is_new);
    missing.sort_unstable();
    missing.dedup();
    if !missing.is_empty() {
        access.authority.check(Permission::PermissionsCreate).map_err(denied)?;
        CreatePermission::DESCRIPTOR.check_limits(&access.authority.policy)?;
    }
    Ok(missing)
}

/// Adds permissions to the organization's own, within another change.
pub async fn add_permissions(write: &mut Write, missing: &[PermissionName]) -> Result<Organization, Problem> {
    let changed = write.insert_permissions(missing).await?.ok_or_else(not_found)?;
    let event = Event::of(CreatePermission::ACTION, changed.id);
    write.note(&event.with("names", json!(missing))).await?;
    Ok(changed)
}
