//! `{o}/domains`: host names that an organization has registered.

use std::sync::Arc;

use domain::event::Event;
use domain::ids::DomainId;
use poem_openapi::param::Path;
use poem_openapi::{Object, OpenApi};
use serde_json::json;
use server::answer::{Created, Ok200};
use server::json::Json;
use server::problem::Problem;

use super::Tags;
use crate::app::App;
use crate::caller::{Scoped, not_found};
use crate::idempotency::{Attempt, Kept, Outcome};
use crate::ownership::{record_name, record_value};
use crate::page::PageRequest;
use crate::wire::domain_name::{DomainBody, NewDomain};
use crate::wire::nullable::Nullable;

/// A page of domains, newest first.
#[derive(Debug, Clone, Object)]
pub struct DomainPage {
    /// The domains.
    pub items: Vec<DomainBody>,
    /// What to send as `cursor` for the next page; `null` on the last.
    pub next_cursor: Nullable<String>,
}

pub struct DomainsApi {
    pub app: Arc<App>,
}

#[OpenApi]
impl DomainsApi {
    /// List domains
    #[oai(
        path = "/v1/organizations/:organization/domains",
        method = "get",
        operation_id = "list_domains",
        tag = "Tags::Domains"
    )]
    async fn list_domains(
        &self,
        access: Scoped,
        #[oai(name = "organization")] _organization: Path<String>,
    ) -> Result<Ok200<DomainPage>, Problem> {
        let mut page = PageRequest::read(&self.app, &access.caller, access.scope.organization())?;
        let text = page.filters.text("text");
        let mut read = self.app.store.read(&access.scope).await?;
        let slice = page.slice(&self.app, read.now())?;
        let rows = read.list_domains(text.as_deref(), &slice).await?;
        let next_cursor = page.next_cursor(&self.app, &rows, read.now(), |row| (row.created_at, row.id.uuid()));
        Ok(Ok200::new(DomainPage { items: rows.items.iter().map(DomainBody::from).collect(), next_cursor }))
    }

    /// Register a domain
    ///
    /// Keys can be limited to host names; a registered one can be proven by a DNS record.
    #[oai(
        path = "/v1/organizations/:organization/domains",
        method = "post",
        operation_id = "create_domain",
        tag = "Tags::Domains"
    )]
    async fn create_domain(
        &self,
        access: Scoped,
        #[oai(name = "organization")] _organization: Path<String>,
        body: Json<NewDomain>,
    ) -> Result<Created<Kept<DomainBody>>, Problem> {
        let attempt = Attempt::read(&access.caller, body.raw())?;
        let name = body.parse()?.read()?;
        access.require_domain(&name)?;
        let mut write = self.app.store.write(&access.scope, &access.caller.origin()).await?;
        if let Outcome::Again(answer) = attempt.begin(&mut write).await? {
            return Ok(Created::new(Kept::Again(answer)));
        }
        let domain = write.insert_domain(&name).await?;
        let answer = DomainBody::from(&domain);
        attempt.keep(&mut write, &answer, None).await?;
        write.commit(Event::DomainCreated(domain.id), json!({"name": name.to_string()})).await?;
        Ok(Created::new(Kept::First(answer)).etag(domain.generation))
    }

    /// Show a domain
    #[oai(
        path = "/v1/organizations/:organization/domains/:domain",
        method = "get",
        operation_id = "find_domain",
        tag = "Tags::Domains"
    )]
    async fn find_domain(
        &self,
        access: Scoped,
        #[oai(name = "organization")] _organization: Path<String>,
        domain: Path<String>,
    ) -> Result<Ok200<DomainBody>, Problem> {
        let id: DomainId = domain.0.parse().map_err(|_| not_found())?;
        let mut read = self.app.store.read(&access.scope).await?;
        let domain = read.find_domain(id).await?.ok_or_else(not_found)?;
        Ok(Ok200::new(DomainBody::from(&domain)).etag(domain.generation))
    }

    /// Check a domain
    ///
    /// Looks for the DNS TXT record that proves the domain; `verified_at` says what was found.
    #[oai(
        path = "/v1/organizations/:organization/domains/:domain/check",
        method = "post",
        operation_id = "check_domain",
        tag = "Tags::Domains"
    )]
    async fn check_domain(
        &self,
        access: Scoped,
        #[oai(name = "organization")] _organization: Path<String>,
        domain: Path<String>,
    ) -> Result<Ok200<DomainBody>, Problem> {
        let id: DomainId = domain.0.parse().map_err(|_| not_found())?;
        // The DNS may take its time: no transaction waits for it.
        let domain = self.app.store.read(&access.scope).await?.find_domain(id).await?.ok_or_else(not_found)?;
        let (record, value) = (record_name(&domain.name), record_value(&domain.challenge));
        let is_proven = self.app.ownership.is_proven(&record, &value).await?;
        let mut write = self.app.store.write(&access.scope, &access.caller.origin()).await?;
        let verified_at = is_proven.then_some(write.now());
        let domain = write.update_domain_verified(id, verified_at).await?.ok_or_else(not_found)?;
        write.commit(Event::DomainChecked(id), json!({"is_proven": is_proven})).await?;
        Ok(Ok200::new(DomainBody::from(&domain)).etag(domain.generation))
    }

    /// Delete a domain
    ///
    /// Keys that list it lose it; a key whose last domain it was is revoked, never widened.
    #[oai(
        path = "/v1/organizations/:organization/domains/:domain",
        method = "delete",
        operation_id = "delete_domain",
        tag = "Tags::Domains"
    )]
    async fn delete_domain(
        &self,
        access: Scoped,
        #[oai(name = "organization")] _organization: Path<String>,
        domain: Path<String>,
    ) -> Result<Ok200<DomainBody>, Problem> {
        let id: DomainId = domain.0.parse().map_err(|_| not_found())?;
        let mut write = self.app.store.write(&access.scope, &access.caller.origin()).await?;
        let deleted = write.delete_domain(id).await?.ok_or_else(not_found)?;
        let domain = deleted.row;
        let name = domain.name.to_string();
        let details = json!({"name": name, "revoked_keys": deleted.revoked, "narrowed_keys": deleted.narrowed});
        self.app.settle(&access.scope, write, Event::DomainDeleted(id), details).await?;
        Ok(Ok200::new(DomainBody::from(&domain)))
    }
}
