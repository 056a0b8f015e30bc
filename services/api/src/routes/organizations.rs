//! `/v1/organizations`: the tenants of this environment. Root keys reach all of them, organization keys their own.

use std::sync::Arc;

use domain::event::Event;
use domain::ids::OrganizationId;
use domain::policy::KeyKind;
use poem_openapi::param::Path;
use poem_openapi::{Object, OpenApi};
use serde_json::json;
use server::answer::{Created, Ok200};
use server::json::Json;
use server::problem::{ErrorCode, Problem};

use super::Tags;
use crate::app::App;
use crate::caller::{Caller, Scoped, denied, not_found};
use crate::grant;
use crate::idempotency::{Attempt, Kept, Outcome};
use crate::page::PageRequest;
use crate::precondition::{IfMatch, stale};
use crate::wire::nullable::Nullable;
use crate::wire::organization::{NewOrganization, OrganizationBody, OrganizationPatch};

/// A page of organizations, newest first.
#[derive(Debug, Clone, Object)]
pub struct OrganizationPage {
    /// The organizations.
    pub items: Vec<OrganizationBody>,
    /// What to send as `cursor` for the next page; `null` on the last.
    pub next_cursor: Nullable<String>,
}

pub struct OrganizationsApi {
    pub app: Arc<App>,
}

#[OpenApi]
impl OrganizationsApi {
    /// List organizations
    ///
    /// All of this environment; for root keys.
    #[oai(path = "/v1/organizations", method = "get", operation_id = "list_organizations", tag = "Tags::Organizations")]
    async fn list_organizations(&self, caller: Caller) -> Result<Ok200<OrganizationPage>, Problem> {
        let mut page = PageRequest::read(&self.app, &caller, OrganizationId::INSTALLATION)?;
        let text = page.filters.text("text");
        let mut read = self.app.store.read_installation(&caller.authority).await?;
        let slice = page.slice(&self.app, read.now())?;
        let rows = read.list_organizations(text.as_deref(), &slice).await?;
        let next_cursor = page.next_cursor(&self.app, &rows, read.now(), |row| (row.created_at, row.id.uuid()));
        Ok(Ok200::new(OrganizationPage { items: rows.items.iter().map(OrganizationBody::from).collect(), next_cursor }))
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
        caller: Caller,
        body: Json<NewOrganization>,
    ) -> Result<Created<Kept<OrganizationBody>>, Problem> {
        let attempt = Attempt::read(&caller, body.raw())?;
        let new = body.parse()?.read()?;
        let permission = domain::permission::Permission::OrganizationsCreate;
        let id = OrganizationId::mint(self.app.store.now().await?);
        let scope = caller.authority.authorize(permission, id).map_err(denied)?;
        let mut write = self.app.store.write(&scope, &caller.origin()).await?;
        if let Outcome::Again(answer) = attempt.begin(&mut write).await? {
            return Ok(Created::new(Kept::Again(answer)));
        }
        let organization = write.insert_organization(&new).await?;
        let answer = OrganizationBody::from(&organization);
        attempt.keep(&mut write, &answer, None).await?;
        write.commit(Event::OrganizationCreated(id), json!({"slug": organization.slug})).await?;
        Ok(Created::new(Kept::First(answer)).etag(organization.generation))
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
        access: Scoped,
        #[oai(name = "organization")] _organization: Path<String>,
    ) -> Result<Ok200<OrganizationBody>, Problem> {
        let mut read = self.app.store.read(&access.scope).await?;
        let organization = read.find_organization().await?.ok_or_else(not_found)?;
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
        access: Scoped,
        #[oai(name = "organization")] _organization: Path<String>,
        body: Json<OrganizationPatch>,
    ) -> Result<Ok200<OrganizationBody>, Problem> {
        access.require_all_customers()?;
        let mut write = self.app.store.write(&access.scope, &access.caller.origin()).await?;
        let organization = write.find_organization().await?.ok_or_else(not_found)?;
        IfMatch::require(&access.caller.headers)?.check(organization.generation)?;
        let patch = body.parse()?;
        if patch.limits.is_some() && access.caller.authority.kind == KeyKind::Organization {
            let detail = "The limits that an organization's keys share are set with a root key.";
            return Err(Problem::new(ErrorCode::ExceedsGrantor).detail(detail));
        }
        let change = patch.read(&organization)?;
        grant::check_default_limits(&access.caller, &organization, &change)?;
        let organization = write.update_organization(organization.generation, &change).await?.ok_or_else(stale)?;
        self.app.settle(&access.scope, write, Event::OrganizationUpdated(organization.id), json!({})).await?;
        Ok(Ok200::new(OrganizationBody::from(&organization)).etag(organization.generation))
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
        access: Scoped,
        #[oai(name = "organization")] _organization: Path<String>,
    ) -> Result<Ok200<OrganizationBody>, Problem> {
        let mut write = self.app.store.write(&access.scope, &access.caller.origin()).await?;
        let organization = write.delete_organization().await?.ok_or_else(not_found)?;
        let event = Event::OrganizationDeleted(organization.id);
        self.app.settle(&access.scope, write, event, json!({"slug": organization.slug})).await?;
        Ok(Ok200::new(OrganizationBody::from(&organization)))
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
        access: Scoped,
        #[oai(name = "organization")] _organization: Path<String>,
    ) -> Result<Ok200<OrganizationBody>, Problem> {
        let mut write = self.app.store.write(&access.scope, &access.caller.origin()).await?;
        let organization = write.suspend_organization().await?.ok_or_else(not_found)?;
        self.app.settle(&access.scope, write, Event::OrganizationSuspended(organization.id), json!({})).await?;
        Ok(Ok200::new(OrganizationBody::from(&organization)).etag(organization.generation))
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
        access: Scoped,
        #[oai(name = "organization")] _organization: Path<String>,
    ) -> Result<Ok200<OrganizationBody>, Problem> {
        let mut write = self.app.store.write(&access.scope, &access.caller.origin()).await?;
        let organization = write.resume_organization().await?.ok_or_else(not_found)?;
        self.app.settle(&access.scope, write, Event::OrganizationResumed(organization.id), json!({})).await?;
        Ok(Ok200::new(OrganizationBody::from(&organization)).etag(organization.generation))
    }
}
