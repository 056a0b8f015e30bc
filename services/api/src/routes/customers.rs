//! `{o}/customers`: an organization's own customers, by id or by the organization's own id for them.

use std::sync::Arc;

use domain::event::Event;
use poem_openapi::param::Path;
use poem_openapi::{Object, OpenApi};
use serde_json::json;
use server::answer::{Created, Ok200};
use server::json::Json;
use server::problem::Problem;

use super::Tags;
use super::keys::KeyPage;
use crate::app::App;
use crate::caller::{Scoped, not_found};
use crate::grant;
use crate::idempotency::{Attempt, Kept, Outcome};
use crate::page::PageRequest;
use crate::precondition::{IfMatch, stale};
use crate::wire::customer::{CustomerBody, CustomerPatch, NewCustomer};
use crate::wire::key::KeyBody;
use crate::wire::nullable::Nullable;

/// A page of customers, newest first.
#[derive(Debug, Clone, Object)]
pub struct CustomerPage {
    /// The customers.
    pub items: Vec<CustomerBody>,
    /// What to send as `cursor` for the next page; `null` on the last.
    pub next_cursor: Nullable<String>,
}

pub struct CustomersApi {
    pub app: Arc<App>,
}

#[OpenApi]
impl CustomersApi {
    /// List customers
    #[oai(
        path = "/v1/organizations/:organization/customers",
        method = "get",
        operation_id = "list_customers",
        tag = "Tags::Customers"
    )]
    async fn list_customers(
        &self,
        access: Scoped,
        #[oai(name = "organization")] _organization: Path<String>,
    ) -> Result<Ok200<CustomerPage>, Problem> {
        let mut page = PageRequest::read(&self.app, &access.caller, access.scope.organization())?;
        let text = page.filters.text("text");
        let mut read = self.app.store.read(&access.scope).await?;
        let slice = page.slice(&self.app, read.now())?;
        let rows = read.list_customers(text.as_deref(), &slice).await?;
        let next_cursor = page.next_cursor(&self.app, &rows, read.now(), |row| (row.created_at, row.id.uuid()));
        Ok(Ok200::new(CustomerPage { items: rows.items.iter().map(CustomerBody::from).collect(), next_cursor }))
    }

    /// Create a customer
    #[oai(
        path = "/v1/organizations/:organization/customers",
        method = "post",
        operation_id = "create_customer",
        tag = "Tags::Customers"
    )]
    async fn create_customer(
        &self,
        access: Scoped,
        #[oai(name = "organization")] _organization: Path<String>,
        body: Json<NewCustomer>,
    ) -> Result<Created<Kept<CustomerBody>>, Problem> {
        access.require_all_customers()?;
        let attempt = Attempt::read(&access.caller, body.raw())?;
        let new = body.parse()?.read()?;
        let mut write = self.app.store.write(&access.scope, &access.caller.origin()).await?;
        if let Outcome::Again(answer) = attempt.begin(&mut write).await? {
            return Ok(Created::new(Kept::Again(answer)));
        }
        let customer = write.insert_customer(&new).await?;
        access.is_about(customer.id);
        let answer = CustomerBody::from(&customer);
        attempt.keep(&mut write, &answer, None).await?;
        write.commit(Event::CustomerCreated(customer.id), json!({"name": customer.name})).await?;
        Ok(Created::new(Kept::First(answer)).etag(customer.generation))
    }

    /// Show a customer
    #[oai(
        path = "/v1/organizations/:organization/customers/:customer",
        method = "get",
        operation_id = "find_customer",
        tag = "Tags::Customers"
    )]
    async fn find_customer(
        &self,
        access: Scoped,
        #[oai(name = "organization")] _organization: Path<String>,
        customer: Path<String>,
    ) -> Result<Ok200<CustomerBody>, Problem> {
        let mut read = self.app.store.read(&access.scope).await?;
        let customer = read.find_customer(&customer.0).await?.ok_or_else(not_found)?;
        access.is_about(customer.id);
        Ok(Ok200::new(CustomerBody::from(&customer)).etag(customer.generation))
    }

    /// Change a customer
    #[oai(
        path = "/v1/organizations/:organization/customers/:customer",
        method = "patch",
        operation_id = "update_customer",
        tag = "Tags::Customers"
    )]
    async fn update_customer(
        &self,
        access: Scoped,
        #[oai(name = "organization")] _organization: Path<String>,
        customer: Path<String>,
        body: Json<CustomerPatch>,
    ) -> Result<Ok200<CustomerBody>, Problem> {
        let mut write = self.app.store.write(&access.scope, &access.caller.origin()).await?;
        let customer = write.find_customer(&customer.0).await?.ok_or_else(not_found)?;
        access.is_about(customer.id);
        IfMatch::require(&access.caller.headers)?.check(customer.generation)?;
        let change = body.parse()?.read(&customer)?;
        grant::check_customer_limits(&access, &customer, &change)?;
        let customer = write.update_customer(customer.id, customer.generation, &change).await?.ok_or_else(stale)?;
        self.app
            .settle(&access.scope, write, Event::CustomerUpdated(customer.id), json!({"name": customer.name}))
            .await?;
        Ok(Ok200::new(CustomerBody::from(&customer)).etag(customer.generation))
    }

    /// Suspend a customer
    ///
    /// Every request for it is refused from the next one on.
    #[oai(
        path = "/v1/organizations/:organization/customers/:customer/suspend",
        method = "post",
        operation_id = "suspend_customer",
        tag = "Tags::Customers"
    )]
    async fn suspend_customer(
        &self,
        access: Scoped,
        #[oai(name = "organization")] _organization: Path<String>,
        customer: Path<String>,
    ) -> Result<Ok200<CustomerBody>, Problem> {
        let mut write = self.app.store.write(&access.scope, &access.caller.origin()).await?;
        let customer = write.find_customer(&customer.0).await?.ok_or_else(not_found)?;
        access.is_about(customer.id);
        let customer = write.suspend_customer(customer.id).await?.ok_or_else(not_found)?;
        self.app.settle(&access.scope, write, Event::CustomerSuspended(customer.id), json!({})).await?;
        Ok(Ok200::new(CustomerBody::from(&customer)).etag(customer.generation))
    }

    /// Resume a customer
    ///
    /// Its requests are let through again. A key that is limited to customers cannot: the suspension binds it too.
    #[oai(
        path = "/v1/organizations/:organization/customers/:customer/resume",
        method = "post",
        operation_id = "resume_customer",
        tag = "Tags::Customers"
    )]
    async fn resume_customer(
        &self,
        access: Scoped,
        #[oai(name = "organization")] _organization: Path<String>,
        customer: Path<String>,
    ) -> Result<Ok200<CustomerBody>, Problem> {
        let mut write = self.app.store.write(&access.scope, &access.caller.origin()).await?;
        let customer = write.find_customer(&customer.0).await?.ok_or_else(not_found)?;
        access.is_about(customer.id);
        access.require_all_customers()?;
        let customer = write.resume_customer(customer.id).await?.ok_or_else(not_found)?;
        self.app.settle(&access.scope, write, Event::CustomerResumed(customer.id), json!({})).await?;
        Ok(Ok200::new(CustomerBody::from(&customer)).etag(customer.generation))
    }

    /// Delete a customer
    ///
    /// Keys that list it lose it; a key whose last customer it was is revoked, never widened.
    #[oai(
        path = "/v1/organizations/:organization/customers/:customer",
        method = "delete",
        operation_id = "delete_customer",
        tag = "Tags::Customers"
    )]
    async fn delete_customer(
        &self,
        access: Scoped,
        #[oai(name = "organization")] _organization: Path<String>,
        customer: Path<String>,
    ) -> Result<Ok200<CustomerBody>, Problem> {
        let mut write = self.app.store.write(&access.scope, &access.caller.origin()).await?;
        let customer = write.find_customer(&customer.0).await?.ok_or_else(not_found)?;
        access.is_about(customer.id);
        let deleted = write.delete_customer(customer.id).await?.ok_or_else(not_found)?;
        let details =
            json!({"name": customer.name, "revoked_keys": deleted.revoked, "narrowed_keys": deleted.narrowed});
        self.app.settle(&access.scope, write, Event::CustomerDeleted(customer.id), details).await?;
        Ok(Ok200::new(CustomerBody::from(&customer)))
    }

    /// List a customer's keys
    ///
    /// The keys that are limited to this customer, alone or among others.
    #[oai(
        path = "/v1/organizations/:organization/customers/:customer/keys",
        method = "get",
        operation_id = "list_customer_keys",
        tag = "Tags::Customers"
    )]
    async fn list_customer_keys(
        &self,
        access: Scoped,
        #[oai(name = "organization")] _organization: Path<String>,
        customer: Path<String>,
    ) -> Result<Ok200<KeyPage>, Problem> {
        let mut page = PageRequest::read(&self.app, &access.caller, access.scope.organization())?;
        let mut read = self.app.store.read(&access.scope).await?;
        let customer = read.find_customer(&customer.0).await?.ok_or_else(not_found)?;
        access.is_about(customer.id);
        let filter = store::KeyFilter { customer: Some(customer.id), ..store::KeyFilter::none() };
        let slice = page.slice(&self.app, read.now())?;
        let rows = read.list_keys(&filter, &slice).await?;
        let next_cursor = page.next_cursor(&self.app, &rows, read.now(), |row| (row.created_at, row.id.uuid()));
        let environment = self.app.environment;
        let items = rows.items.iter().map(|key| KeyBody::new(key, environment, read.now())).collect();
        Ok(Ok200::new(KeyPage { items, next_cursor }))
    }
}
