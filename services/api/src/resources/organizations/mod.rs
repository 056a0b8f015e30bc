//! `/v1/organizations`: the tenants of this environment. Root keys reach all of them, organization keys their own.

mod provision;
pub mod wire;

use domain::ids::OrganizationId;
use domain::policy::KeyKind;
use poem_openapi::OpenApi;
use poem_openapi::param::Path;
use poem_openapi::types::ToJSON;
use server::answer::{Created, Ok200};
use server::json::Json;
use server::problem::{ErrorCode, Problem};
use store::Write;

use self::provision::DirectoryOrganization;
use self::wire::{NewOrganization, OrganizationBody, OrganizationPatch, OrganizationQuery};
use super::Tags;
use crate::access::{Caller, New, Scoped};
use crate::authenticate::not_found;
use crate::grant;
use crate::idempotency::Idempotent;
use crate::operation::operations;
use crate::page::Page;
use crate::precondition::stale;

operations! {
    ListOrganizations   => OrganizationsList, reach(Installation), paged, query(OrganizationQuery);
    CreateOrganization  => OrganizationsCreate, reach(Installation), event("organization.created"), idempotent, beyond_limits;
    // For server admins who are signed in to the console.
    ProvisionOrganization => OrganizationsCreate, reach(Directory), event("organization.provisioned");
    FindOrganization    => OrganizationsRead;
    UpdateOrganization  => OrganizationsUpdate, event("organization.updated"), beyond_limits;
    DeleteOrganization  => OrganizationsDelete, event("organization.deleted"), priority(Revocation), beyond_limits;
    SuspendOrganization => OrganizationsSuspend, event("organization.suspended"), priority(Revocation), beyond_limits;
    ResumeOrganization  => OrganizationsSuspend, event("organization.resumed"), beyond_limits;
}

/// The operations on organizations.
pub struct Api;

#[OpenApi]
impl Api {
    /// List organizations
    ///
    /// All of this environment; for root keys.
    #[oai(path = "/v1/organizations", method = "get", operation_id = "list_organizations", tag = "Tags::Organizations")]
    async fn list_organizations(
        &self,
        caller: Caller<ListOrganizations>,
    ) -> Result<Ok200<Page<OrganizationBody>>, Problem> {
        let mut read = caller.app.store.read_installation(&caller.authority).await?;
        let slice = caller.slice(&read)?;
        let rows = read.list_organizations(caller.query.text.as_deref(), &slice).await?;
        Ok(caller.page(&read, &rows))
    }

    /// Create an organization
    ///
    /// In this environment alone; for root keys.
    #[oai(
        path = "/v1/organizations",
        method = "post",
        operation_id = "create_organization",
        tag = "Tags::Organizations"
    )]
    async fn create_organization(
        &self,
        caller: Caller<CreateOrganization>,
        body: Json<NewOrganization>,
    ) -> Result<Created<Idempotent<OrganizationBody>>, Problem> {
        let id = OrganizationId::mint(caller.app.store.now().await?);
        let create = async |write: &mut Write, new: NewOrganization| {
            let organization = write.insert_organization(&new.read()?).await?;
            Ok(New::of(id, organization.generation, OrganizationBody::from(&organization)))
        };
        caller.create_in(&caller.scope_of_new(id)?, body, create).await
    }

    /// Provision an organization
    ///
    /// Makes the organization with this id if there is none, and leaves it as it is if there is. Sending it again changes nothing.
    #[oai(
        path = "/v1/organizations/:organization",
        method = "put",
        operation_id = "provision_organization",
        tag = "Tags::Organizations"
    )]
    async fn provision_organization(
        &self,
        caller: Caller<ProvisionOrganization>,
        organization: Path<String>,
        body: Json<DirectoryOrganization>,
    ) -> Result<Ok200<OrganizationBody>, Problem> {
        let id = provision::read_id(&organization)?;
        let new = body.parse()?.read()?;
        let mut write = caller.app.store.write(&caller.scope_of_new(id)?, &caller.origin()).await?;
        if let Some(organization) = write.find_organization().await? {
            return Ok(Ok200::new(OrganizationBody::from(&organization)).etag(organization.generation));
        }
        let organization = write.insert_organization(&new).await?;
        let body = OrganizationBody::from(&organization);
        write.commit(caller.event(id).changed(None, body.to_json())).await?;
        Ok(Ok200::new(body).etag(organization.generation))
    }

    /// Show an organization
    #[oai(
        path = "/v1/organizations/:organization",
        method = "get",
        operation_id = "find_organization",
        tag = "Tags::Organizations"
    )]
    async fn find_organization(
        &self,
        access: Scoped<FindOrganization>,
        #[oai(name = "organization")] _organization: Path<String>,
    ) -> Result<Ok200<OrganizationBody>, Problem> {
        let organization = access.read().await?.find_organization().await?.ok_or_else(not_found)?;
        Ok(Ok200::new(OrganizationBody::from(&organization)).etag(organization.generation))
    }

    /// Change an organization
    ///
    /// Its shared limits are for root keys to change; an organization's own key changes the rest.
    #[oai(
        path = "/v1/organizations/:organization",
        method = "patch",
        operation_id = "update_organization",
        tag = "Tags::Organizations"
    )]
    async fn update_organization(
        &self,
        access: Scoped<UpdateOrganization>,
        #[oai(name = "organization")] _organization: Path<String>,
        body: Json<OrganizationPatch>,
    ) -> Result<Ok200<OrganizationBody>, Problem> {
        let mut write = access.write().await?;
        let before = write.find_organization().await?.ok_or_else(not_found)?;
        access.if_match(before.generation)?;
        let patch = body.parse()?;
        if patch.limits.is_some() && access.authority.kind == KeyKind::Organization {
            let detail = "The limits that an organization's keys share are set with a root key.";
            return Err(Problem::new(ErrorCode::ExceedsGrantor).detail(detail));
        }
        let change = patch.read(&before)?;
        grant::check_default_limits(&access.authority, &before, &change.default_limits)?;
        let after = write.update_organization(before.generation, &change).await?.ok_or_else(stale)?;
        access.commit_changed(write, (after.id, after.generation), ((&before).into(), (&after).into())).await
    }

    /// Delete an organization
    ///
    /// Refused while it has keys; for root keys.
    #[oai(
        path = "/v1/organizations/:organization",
        method = "delete",
        operation_id = "delete_organization",
        tag = "Tags::Organizations"
    )]
    async fn delete_organization(
        &self,
        access: Scoped<DeleteOrganization>,
        #[oai(name = "organization")] _organization: Path<String>,
    ) -> Result<Ok200<OrganizationBody>, Problem> {
        let mut write = access.write().await?;
        let organization = write.delete_organization().await?.ok_or_else(not_found)?;
        let body = OrganizationBody::from(&organization);
        access.commit(write, access.event(organization.id).changed(body.to_json(), None)).await?;
        Ok(Ok200::new(body))
    }

    /// Suspend an organization
    ///
    /// All its keys are refused from the next request on; for root keys.
    #[oai(
        path = "/v1/organizations/:organization/suspend",
        method = "post",
        operation_id = "suspend_organization",
        tag = "Tags::Organizations"
    )]
    async fn suspend_organization(
        &self,
        access: Scoped<SuspendOrganization>,
        #[oai(name = "organization")] _organization: Path<String>,
    ) -> Result<Ok200<OrganizationBody>, Problem> {
        let mut write = access.write().await?;
        let before = write.find_organization().await?.ok_or_else(not_found)?;
        let after = write.suspend_organization().await?.ok_or_else(not_found)?;
        access.commit_changed(write, (after.id, after.generation), ((&before).into(), (&after).into())).await
    }

    /// Resume an organization
    ///
    /// Its keys work again; for root keys.
    #[oai(
        path = "/v1/organizations/:organization/resume",
        method = "post",
        operation_id = "resume_organization",
        tag = "Tags::Organizations"
    )]
    async fn resume_organization(
        &self,
        access: Scoped<ResumeOrganization>,
        #[oai(name = "organization")] _organization: Path<String>,
    ) -> Result<Ok200<OrganizationBody>, Problem> {
        let mut write = access.write().await?;
        let before = write.find_organization().await?.ok_or_else(not_found)?;
        let after = write.resume_organization().await?.ok_or_else(not_found)?;
        access.commit_changed(write, (after.id, after.generation), ((&before).into(), (&after).into())).await
    }
}
