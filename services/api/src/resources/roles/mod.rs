//! `{o}/roles`: named sets of permissions that an organization gives to its keys.

mod wire;

use domain::policy::KeyKind;
use poem_openapi::OpenApi;
use poem_openapi::param::Path;
use poem_openapi::types::ToJSON;
use server::answer::{Created, Ok200};
use server::json::Json;
use server::problem::Problem;
use store::{Role, RoleChange, Write};

use self::wire::{NewRole, RoleBody, RolePatch, RoleQuery};
use super::Tags;
use crate::access::{New, Scoped};
use crate::authenticate::not_found;
use crate::grant;
use crate::idempotency::Idempotent;
use crate::operation::operations;
use crate::page::Page;
use crate::precondition::stale;
use crate::resources::permissions::own::find_organization;

operations! {
    ListRoles  => RolesRead, paged, query(RoleQuery);
    CreateRole => RolesCreate, event("role.created"), idempotent, beyond_limits;
    FindRole   => RolesRead;
    UpdateRole => RolesUpdate, event("role.updated"), beyond_limits;
    DeleteRole => RolesDelete, event("role.deleted"), priority(Revocation), beyond_limits;
}

/// The operations on roles.
pub struct Api;

#[OpenApi]
impl Api {
    /// List roles
    #[oai(
        path = "/v1/organizations/:organization/roles",
        method = "get",
        operation_id = "list_roles",
        tag = "Tags::Roles"
    )]
    async fn list_roles(
        &self,
        access: Scoped<ListRoles>,
        #[oai(name = "organization")] _organization: Path<String>,
    ) -> Result<Ok200<Page<RoleBody>>, Problem> {
        let mut read = access.read().await?;
        let slice = access.slice(&read)?;
        let rows = read.list_roles(access.query.text.as_deref(), &slice).await?;
        Ok(access.page(&read, &rows))
    }

    /// Create a role
    ///
    /// The calling key has to hold everything that the role is to hold. At most 200 roles.
    #[oai(
        path = "/v1/organizations/:organization/roles",
        method = "post",
        operation_id = "create_role",
        tag = "Tags::Roles"
    )]
    async fn create_role(
        &self,
        access: Scoped<CreateRole>,
        #[oai(name = "organization")] _organization: Path<String>,
        body: Json<NewRole>,
    ) -> Result<Created<Idempotent<RoleBody>>, Problem> {
        let create = async |write: &mut Write, new: NewRole| {
            let organization = find_organization(&access, write, (&new.permissions, new.create_permissions)).await?;
            let change = new.read(&organization)?;
            grant::check_role(&access.authority, &change)?;
            let role = write.insert_role(&change).await?;
            Ok(New::of(role.id, role.generation, RoleBody::from(&role)))
        };
        access.create(body, create).await
    }

    /// Show a role
    ///
    /// By its id or its name.
    #[oai(
        path = "/v1/organizations/:organization/roles/:role",
        method = "get",
        operation_id = "find_role",
        tag = "Tags::Roles"
    )]
    async fn find_role(
        &self,
        access: Scoped<FindRole>,
        #[oai(name = "organization")] _organization: Path<String>,
        role: Path<String>,
    ) -> Result<Ok200<RoleBody>, Problem> {
        let role = access.read().await?.find_role(&role).await?.ok_or_else(not_found)?;
        Ok(Ok200::new(RoleBody::from(&role)).etag(role.generation))
    }

    /// Change a role
    ///
    /// Send `If-Match` with the role's `ETag`. Holds from the next request on for every key that has the role. Who takes something
    /// away needs no more than `roles.update`; for anything else the calling key has to hold all that the role then holds.
    #[oai(
        path = "/v1/organizations/:organization/roles/:role",
        method = "patch",
        operation_id = "update_role",
        tag = "Tags::Roles"
    )]
    async fn update_role(
        &self,
        access: Scoped<UpdateRole>,
        #[oai(name = "organization")] _organization: Path<String>,
        role: Path<String>,
        body: Json<RolePatch>,
    ) -> Result<Ok200<RoleBody>, Problem> {
        let mut write = access.write().await?;
        let seen = write.find_role(&role).await?.ok_or_else(not_found)?;
        access.if_match(seen.generation)?;
        let patch = body.parse()?;
        let named = patch.permissions.as_deref().unwrap_or_default();
        let organization = find_organization(&access, &mut write, (named, patch.create_permissions)).await?;
        // Again, after the organization: what still counts of its permissions then is what this version of them says.
        let before = write.find_role(&seen.id.to_string()).await?;
        let before = before.filter(|role| role.generation == seen.generation).ok_or_else(stale)?;
        let change = patch.read(&before, &organization)?;
        if !is_narrowing(&before, &change) {
            grant::check_role(&access.authority, &change)?;
        }
        let after = write.update_role(before.id, before.generation, &change).await?.ok_or_else(stale)?;
        let (id, version, bodies) = (after.id, after.generation, (RoleBody::from(&before), RoleBody::from(&after)));
        access.commit_changed(write, (id, version), bodies).await
    }

    /// Delete a role
    ///
    /// From the next request on it gives nothing to the keys that had it. A later role of this name is another one, which they do
    /// not have.
    #[oai(
        path = "/v1/organizations/:organization/roles/:role",
        method = "delete",
        operation_id = "delete_role",
        tag = "Tags::Roles"
    )]
    async fn delete_role(
        &self,
        access: Scoped<DeleteRole>,
        #[oai(name = "organization")] _organization: Path<String>,
        role: Path<String>,
    ) -> Result<Ok200<RoleBody>, Problem> {
        let mut write = access.write().await?;
        let found = write.find_role(&role).await?.ok_or_else(not_found)?;
        let deleted = write.delete_role(found.id).await?.ok_or_else(not_found)?;
        let body = RoleBody::from(&deleted);
        access.commit(write, access.event(deleted.id).changed(body.to_json(), None)).await?;
        Ok(Ok200::new(body))
    }
}

/// Whether a change gives no key anything that the role did not give it, under the name that its guards know.
fn is_narrowing(before: &Role, change: &RoleChange) -> bool {
    let holds = |wanted| domain::permission::holds(&before.permissions, KeyKind::Organization, wanted);
    change.name.as_str() == before.name && change.permissions.iter().all(holds)
}
