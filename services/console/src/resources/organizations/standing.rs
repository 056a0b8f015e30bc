//! What ends and restarts an organization, everywhere at once.

use http::Method;
use poem_openapi::OpenApi;
use poem_openapi::param::Path;
use server::answer::Ok200;
use server::problem::{ErrorCode, Problem};
use store::control::{ControlOrganization, ProvisioningState};

use super::directory::caller;
use super::wire::OrganizationBody;
use crate::access::Admin;
use crate::operation::{Operation, operations};
use crate::resources::Tags;

operations! {
    SuspendOrganization => ServerAdmins, step_up, event("organization.suspended");
    ResumeOrganization  => ServerAdmins, step_up, event("organization.resumed");
}

/// The operations on an organization's standing.
pub struct Api;

#[OpenApi]
impl Api {
    /// Suspend an organization
    ///
    /// In every environment; where one does not answer nothing is noted, and sending it again goes on.
    #[oai(
        path = "/bff/control/v1/organizations/:organization/suspend",
        method = "post",
        operation_id = "suspend_organization",
        tag = "Tags::ServerAdmin"
    )]
    async fn suspend_organization(
        &self,
        access: Admin<SuspendOrganization>,
        organization: Path<String>,
    ) -> Result<Ok200<OrganizationBody>, Problem> {
        let found = find(&access, &organization).await?;
        everywhere(&access, &found, (Method::POST, "/suspend")).await?;
        let mut write = access.write().await?;
        let since = Some(write.now());
        write.set_organization_suspended(found.id, since).await?;
        access.commit(write, &access.event(found.id)).await?;
        Ok(Ok200::new(OrganizationBody::new(&ControlOrganization { suspended_at: since, ..found })))
    }

    /// Resume an organization
    #[oai(
        path = "/bff/control/v1/organizations/:organization/resume",
        method = "post",
        operation_id = "resume_organization",
        tag = "Tags::ServerAdmin"
    )]
    async fn resume_organization(
        &self,
        access: Admin<ResumeOrganization>,
        organization: Path<String>,
    ) -> Result<Ok200<OrganizationBody>, Problem> {
        let found = find(&access, &organization).await?;
        everywhere(&access, &found, (Method::POST, "/resume")).await?;
        let mut write = access.write().await?;
        write.set_organization_suspended(found.id, None).await?;
        access.commit(write, &access.event(found.id)).await?;
        Ok(Ok200::new(OrganizationBody::new(&ControlOrganization { suspended_at: None, ..found })))
    }
}

/// The organization of the directory that a path names.
pub async fn find<O: Operation>(access: &Admin<O>, reference: &Path<String>) -> Result<ControlOrganization, Problem> {
    let found = access.read().await?.find_control_organization(&reference.0).await?;
    found.ok_or_else(|| Problem::new(ErrorCode::NotFound))
}

/// Does something to the organization in every environment where it is. One that is gone there is gone.
pub async fn everywhere<O: Operation>(
    access: &Admin<O>,
    organization: &ControlOrganization,
    (method, rest): (Method, &str),
) -> Result<(), Problem> {
    let places = access.read().await?.list_provisionings(organization.id).await?;
    let path = format!("/v1/organizations/{}{rest}", organization.id);
    for place in places.iter().filter(|place| place.state == ProvisioningState::Ready) {
        let answered = caller(access).ask(place.environment, (method.clone(), &path), None).await?;
        if answered.status != 404 {
            answered.body(place.environment)?;
        }
    }
    Ok(())
}
