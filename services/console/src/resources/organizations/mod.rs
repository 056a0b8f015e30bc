//! `organizations`: the directory, and where each organization is.

pub mod directory;
pub mod standing;
pub mod wire;

use domain::ids::OrganizationId;
use domain::names::Name;
use http::Method;
use poem_openapi::OpenApi;
use poem_openapi::param::Path;
use poem_openapi::types::ToJSON;
use server::answer::{Created, NoContent, Ok200};
use server::json::Json;
use server::problem::{ErrorCode, FieldError, Problem};
use store::control::Membership;

use self::wire::{
    CreatedOrganization, NewOrganization, OrganizationBody, OrganizationPatch, ProvisioningBody, read_environment,
};
use super::Tags;
use crate::access::{Admin, Member, Person};
use crate::operation::operations;
use crate::page::{self, Page};
use crate::provision;

operations! {
    ListOrganizations     => SignedIn, paged, query("all", "q");
    CreateOrganization    => ServerAdmins, step_up, event("organization.created");
    FindOrganization      => Members;
    DeleteOrganization    => ServerAdmins, step_up, event("organization.deleted");
    UpdateOrganization    => Managers, event("organization.updated");
    ListProvisionings     => Managers;
    ProvisionOrganization => ServerAdmins, step_up, event("provisioning.wanted");
}

/// The operations on organizations.
pub struct Api;

#[OpenApi]
impl Api {
    /// List organizations
    ///
    /// The person's own; with `all=true`, all of the directory, for server admins.
    #[oai(
        path = "/bff/control/v1/organizations",
        method = "get",
        operation_id = "list_organizations",
        tag = "Tags::Organizations"
    )]
    async fn list_organizations(
        &self,
        mut access: Person<ListOrganizations>,
    ) -> Result<Ok200<Page<OrganizationBody>>, Problem> {
        let mut query = std::mem::take(&mut access.query);
        let (wants_all, text, slice) = (query.boolean("all"), query.text("q"), page::slice(&mut query)?);
        query.finish()?;
        if wants_all != Some(true) {
            let own = access.signed.memberships.iter();
            let body = |membership: &Membership| OrganizationBody::new(&membership.organization);
            return Ok(Ok200::new(Page::whole(own.map(body).collect())));
        }
        if !access.signed.user.is_server_admin {
            return Err(Problem::new(ErrorCode::InsufficientPermissions).detail("Only a server admin may see all."));
        }
        let mut read = access.read().await?;
        let rows = read.list_control_organizations(text.as_deref(), &slice).await?;
        let ids: Vec<OrganizationId> = rows.items.iter().map(|(organization, _)| organization.id).collect();
        let places = read.list_provisionings_of(&ids).await?;
        Ok(Ok200::new(Page::of(&rows, |(organization, members)| {
            OrganizationBody::whole(organization, *members, &places)
        })))
    }

    /// Create an organization
    ///
    /// In the directory at once, and in the environments as soon as they answer.
    #[oai(
        path = "/bff/control/v1/organizations",
        method = "post",
        operation_id = "create_organization",
        tag = "Tags::ServerAdmin"
    )]
    async fn create_organization(
        &self,
        access: Admin<CreateOrganization>,
        body: Json<NewOrganization>,
    ) -> Result<Created<CreatedOrganization>, Problem> {
        let new = body.parse()?;
        Ok(Created::new(directory::create(&access, &new).await?))
    }

    /// Delete an organization
    ///
    /// Refused while it has keys that work in any environment.
    #[oai(
        path = "/bff/control/v1/organizations/:organization",
        method = "delete",
        operation_id = "delete_organization",
        tag = "Tags::ServerAdmin"
    )]
    async fn delete_organization(
        &self,
        access: Admin<DeleteOrganization>,
        organization: Path<String>,
    ) -> Result<NoContent, Problem> {
        let found = standing::find(&access, &organization).await?;
        standing::everywhere(&access, &found, (Method::DELETE, "")).await?;
        let mut write = access.write().await?;
        write.delete_control_organization(found.id).await?;
        let event = access.event(found.id).with("slug", &found.slug).with("name", &found.name);
        access.commit(write, &event).await?;
        Ok(NoContent)
    }

    /// Show an organization
    #[oai(
        path = "/bff/control/v1/organizations/:organization",
        method = "get",
        operation_id = "find_organization",
        tag = "Tags::Organizations"
    )]
    async fn find_organization(
        &self,
        access: Member<FindOrganization>,
        #[oai(name = "organization")] _organization: Path<String>,
    ) -> Result<Ok200<OrganizationBody>, Problem> {
        let places = access.read().await?.list_provisionings(access.organization.id).await?;
        let mut body = OrganizationBody::new(&access.organization);
        body.environments = places.iter().map(Into::into).collect();
        Ok(Ok200::new(body))
    }

    /// Rename an organization
    #[oai(
        path = "/bff/control/v1/organizations/:organization",
        method = "patch",
        operation_id = "update_organization",
        tag = "Tags::Organizations"
    )]
    async fn update_organization(
        &self,
        access: Member<UpdateOrganization>,
        #[oai(name = "organization")] _organization: Path<String>,
        body: Json<OrganizationPatch>,
    ) -> Result<Ok200<OrganizationBody>, Problem> {
        let before = OrganizationBody::new(&access.organization);
        let Some(name) = body.parse()?.name else { return Ok(Ok200::new(before)) };
        let name = Name::parse(&name).map_err(|refusal| Problem::validation(vec![FieldError::at("/name", refusal)]))?;
        let mut write = access.write().await?;
        write.rename_control_organization(access.organization.id, &name).await?;
        let after = OrganizationBody { name: name.as_str().to_owned(), ..before.clone() };
        let event = access.event(access.organization.id).changed(before.to_json(), after.to_json());
        access.commit(write, &event).await?;
        Ok(Ok200::new(after))
    }

    /// List where an organization is
    #[oai(
        path = "/bff/control/v1/organizations/:organization/provisionings",
        method = "get",
        operation_id = "list_provisionings",
        tag = "Tags::Organizations"
    )]
    async fn list_provisionings(
        &self,
        access: Member<ListProvisionings>,
        #[oai(name = "organization")] _organization: Path<String>,
    ) -> Result<Ok200<Page<ProvisioningBody>>, Problem> {
        let places = access.read().await?.list_provisionings(access.organization.id).await?;
        Ok(Ok200::new(Page::whole(places.iter().map(ProvisioningBody::from).collect())))
    }

    /// Bring an organization into an environment
    ///
    /// Or try it again at once. Where it fails it is tried again later.
    #[oai(
        path = "/bff/control/v1/organizations/:organization/provisionings/:environment",
        method = "post",
        operation_id = "provision_organization",
        tag = "Tags::Organizations"
    )]
    async fn provision_organization(
        &self,
        access: Admin<ProvisionOrganization>,
        organization: Path<String>,
        environment: Path<String>,
    ) -> Result<Ok200<ProvisioningBody>, Problem> {
        let id = standing::find(&access, &organization).await?.id;
        let environment = read_environment(&environment.0).ok_or_else(|| Problem::new(ErrorCode::NotFound))?;
        if !access.app.environments.contains_key(&environment) {
            return Err(Problem::new(ErrorCode::NotFound));
        }
        let mut write = access.write().await?;
        write.want_provisioning(id, environment).await?;
        access.commit(write, &access.event(id).with("environment", environment.name())).await?;
        provision::try_now(&access.app, id, environment).await?;
        let places = access.read().await?.list_provisionings(id).await?;
        let place = places.iter().find(|place| place.environment == environment);
        place.map(|place| Ok200::new(place.into())).ok_or_else(|| Problem::new(ErrorCode::NotFound))
    }
}
