//! `GET /v1/whoami`: what the presented credential is, may do and has left.

use std::sync::Arc;

use client::wire::{AllOr as AllOrBody, EnvironmentName, KeyKindName, LimitState};
use domain::permission::Permission;
use poem_openapi::types::Any;
use poem_openapi::{Object, OpenApi};
use server::answer::Ok200;
use server::problem::Problem;

use super::Tags;
use crate::app::App;
use crate::caller::{Caller, not_found};
use crate::wire::key::KeyBody;
use crate::wire::nullable::Nullable;

/// What the presented credential is, may do and has left.
#[derive(Debug, Clone, Object)]
pub struct Whoami {
    /// The kind of the credential.
    pub kind: KeyKindName,
    /// The key, as the organization's own list shows it.
    pub key: Nullable<KeyBody>,
    /// The member behind a session token; `null` for a key.
    pub member: Nullable<Any<serde_json::Value>>,
    /// The environment of this endpoint.
    pub environment: EnvironmentName,
    /// Its organization; `null` for a root key.
    pub organization_id: Nullable<String>,
    /// What it may do.
    pub permissions: Vec<String>,
    /// `"all"`, or the host names that it may act for.
    pub domains: AllOrBody,
    /// `"all"`, or the ids of the customers that it may act for.
    pub customers: AllOrBody,
    /// Its limits, with what is left.
    pub limits: Vec<LimitState>,
    /// The id of this request.
    pub request_id: String,
}

pub struct WhoamiApi {
    pub app: Arc<App>,
}

#[OpenApi]
impl WhoamiApi {
    /// Show the caller
    ///
    /// What the presented credential is, may do and has left. Needs no permission.
    #[oai(path = "/v1/whoami", method = "get", operation_id = "whoami", tag = "Tags::Caller")]
    async fn whoami(&self, caller: Caller) -> Result<Ok200<Whoami>, Problem> {
        let authority = &caller.authority;
        let (key, now) = self.app.store.find_own_key(authority).await?.ok_or_else(not_found)?;
        let body = KeyBody::new(&key, authority.environment, now);
        Ok(Ok200::new(Whoami {
            kind: authority.kind.into(),
            member: Nullable(None),
            environment: authority.environment.into(),
            organization_id: body.organization_id.clone(),
            permissions: body.permissions.clone(),
            domains: AllOrBody::of(&authority.policy.domains),
            customers: AllOrBody::of(&authority.policy.customers),
            limits: caller.limits,
            request_id: caller.request_id,
            key: Nullable(Some(body)),
        }))
    }

    /// List the permissions
    ///
    /// The catalogue of the Integration API in groups, with the names that people read. Needs no permission.
    #[oai(path = "/v1/permissions", method = "get", operation_id = "list_permissions", tag = "Tags::Caller")]
    async fn list_permissions(&self, _caller: Caller) -> Result<Ok200<PermissionCatalogue>, Problem> {
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
