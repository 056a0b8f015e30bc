//! `{o}/domains`: host names that an organization has registered.

mod wire;

use domain::ids::DomainId;
use poem_openapi::OpenApi;
use poem_openapi::param::Path;
use poem_openapi::types::ToJSON;
use server::answer::{Created, Ok200};
use server::json::Json;
use server::problem::Problem;
use store::Write;

use self::wire::{DomainBody, DomainQuery, NewDomain};
use super::Tags;
use crate::access::{New, Scoped};
use crate::authenticate::not_found;
use crate::idempotency::Idempotent;
use crate::operation::operations;
use crate::ownership::{record_name, record_value};
use crate::page::Page;

operations! {
    ListDomains  => DomainsRead, paged, query(DomainQuery);
    CreateDomain => DomainsCreate, event("domain.created"), idempotent, beyond_customers;
    FindDomain   => DomainsRead;
    CheckDomain  => DomainsCheck, event("domain.checked"), waits_elsewhere, beyond_customers;
    DeleteDomain => DomainsDelete, event("domain.deleted"), priority(Revocation), beyond_customers;
}

/// The operations on domains.
pub struct Api;

/// A path's id of a domain; a text that is none is a domain that is not there.
fn read_id(text: &Path<String>) -> Result<DomainId, Problem> {
    text.0.parse().map_err(|_| not_found())
}

#[OpenApi]
impl Api {
    /// List domains
    #[oai(
        path = "/v1/organizations/:organization/domains",
        method = "get",
        operation_id = "list_domains",
        tag = "Tags::Domains"
    )]
    async fn list_domains(
        &self,
        access: Scoped<ListDomains>,
        #[oai(name = "organization")] _organization: Path<String>,
    ) -> Result<Ok200<Page<DomainBody>>, Problem> {
        let mut read = access.read().await?;
        let slice = access.slice(&read)?;
        let rows = read.list_domains(access.query.text.as_deref(), &slice).await?;
        Ok(access.page(&read, &rows))
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
        access: Scoped<CreateDomain>,
        #[oai(name = "organization")] _organization: Path<String>,
        body: Json<NewDomain>,
    ) -> Result<Created<Idempotent<DomainBody>>, Problem> {
        let create = async |write: &mut Write, new: NewDomain| {
            let name = new.read()?;
            access.require_domain(&name)?;
            let registered = write.insert_domain(&name).await?;
            Ok(New::of(registered.id, registered.generation, DomainBody::from(&registered)))
        };
        access.create(body, create).await
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
        access: Scoped<FindDomain>,
        #[oai(name = "organization")] _organization: Path<String>,
        #[oai(name = "domain")] id: Path<String>,
    ) -> Result<Ok200<DomainBody>, Problem> {
        let id = read_id(&id)?;
        let registered = access.read().await?.find_domain(id).await?.ok_or_else(not_found)?;
        Ok(Ok200::new(DomainBody::from(&registered)).etag(registered.generation))
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
        access: Scoped<CheckDomain>,
        #[oai(name = "organization")] _organization: Path<String>,
        #[oai(name = "domain")] id: Path<String>,
    ) -> Result<Ok200<DomainBody>, Problem> {
        let id = read_id(&id)?;
        // The DNS may take its time: no transaction waits for it.
        let before = access.read().await?.find_domain(id).await?.ok_or_else(not_found)?;
        let (record, value) = (record_name(&before.name), record_value(&before.challenge));
        let is_proven = access.app.ownership.is_proven(&record, &value).await?;
        let mut write = access.write().await?;
        let verified_at = is_proven.then_some(write.now());
        let after = write.update_domain_verified(id, verified_at).await?.ok_or_else(not_found)?;
        access.commit_changed(write, (after.id, after.generation), ((&before).into(), (&after).into())).await
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
        access: Scoped<DeleteDomain>,
        #[oai(name = "organization")] _organization: Path<String>,
        #[oai(name = "domain")] id: Path<String>,
    ) -> Result<Ok200<DomainBody>, Problem> {
        let id = read_id(&id)?;
        let mut write = access.write().await?;
        let deleted = write.delete_domain(id).await?.ok_or_else(not_found)?;
        let body = DomainBody::from(&deleted.row);
        let event = access.event(id).changed(body.to_json(), None);
        let event = event.with("revoked_keys", &deleted.revoked).with("narrowed_keys", &deleted.narrowed);
        access.commit(write, event).await?;
        Ok(Ok200::new(body))
    }
}
