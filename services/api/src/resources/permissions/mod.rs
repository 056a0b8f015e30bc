//! `GET /v1/permissions`: what keys of this API can hold. `{o}/permissions`: what an organization's own keys can, beside.

pub mod own;

use domain::permission::Permission;
use poem_openapi::{Object, OpenApi};
use server::answer::Ok200;
use server::problem::Problem;

use super::Tags;
use crate::access::Caller;
use crate::operation::operations;

operations! {
    ListPermissions => none, reach(Installation), priority(Lists);
}

/// The operation on the catalogue of permissions.
pub struct Api;

#[OpenApi]
impl Api {
    /// List the permissions
    ///
    /// The catalogue of the Integration API in groups, with the names that people read. Needs no permission.
    #[oai(path = "/v1/permissions", method = "get", operation_id = "list_permissions", tag = "Tags::Caller")]
    async fn list_permissions(&self, _caller: Caller<ListPermissions>) -> Result<Ok200<PermissionCatalogue>, Problem> {
        let mut groups: Vec<PermissionGroup> = Vec::new();
        for permission in Permission::ALL {
            let body = PermissionBody::from(*permission);
            match groups.iter_mut().find(|group| group.name == permission.group()) {
                Some(group) => group.permissions.push(body),
                None => groups.push(PermissionGroup { name: permission.group().to_owned(), permissions: vec![body] }),
            }
        }
        Ok(Ok200::new(PermissionCatalogue { groups }))
    }
}

/// All permissions of the Integration API.
#[derive(Debug, Clone, Object)]
pub struct PermissionCatalogue {
    /// In the order in which selectors show them.
    pub groups: Vec<PermissionGroup>,
}

/// Permissions that belong together.
#[derive(Debug, Clone, Object)]
pub struct PermissionGroup {
    /// The name that people read.
    pub name: String,
    /// The permissions.
    pub permissions: Vec<PermissionBody>,
}

/// One permission.
#[derive(Debug, Clone, Object)]
#[oai(rename = "Permission")]
pub struct PermissionBody {
    /// `resource.action`, as keys hold it.
    pub name: String,
    /// The name that people read.
    pub display_name: String,
    /// What its holder may do.
    pub description: String,
    /// Whether only root keys can hold it.
    pub root_only: bool,
}

impl From<Permission> for PermissionBody {
    fn from(permission: Permission) -> Self {
        Self {
            name: permission.name().to_owned(),
            display_name: permission.title().to_owned(),
            description: permission.about().to_owned(),
            root_only: permission.plane() == domain::permission::Plane::Root,
        }
    }
}
