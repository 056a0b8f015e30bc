//! `{o}/customers`: an organization's own customers, by id or by the organization's own id for them.

mod wire;

use poem_openapi::OpenApi;
use poem_openapi::param::Path;
use poem_openapi::types::ToJSON;
use server::answer::{Created, Ok200};
use server::json::Json;
use server::problem::Problem;
use store::{Customer, Rows, Write};

use self::wire::{CustomerBody, CustomerPatch, CustomerQuery, NewCustomer};
use super::Tags;
use crate::access::{New, Scoped};
use crate::authenticate::{Proven, not_found};
use crate::grant;
use crate::idempotency::Idempotent;
use crate::operation::operations;
use crate::page::Page;
use crate::precondition::stale;
use crate::resources::keys::page_of_keys;
use crate::resources::keys::wire::CustomerKeyQuery;
use crate::resources::keys::wire::list::KeyPage;

operations! {
    ListCustomers    => CustomersRead, paged, query(CustomerQuery);
    CreateCustomer   => CustomersCreate, event("customer.created"), idempotent, beyond_limits;
    FindCustomer     => CustomersRead;
    UpdateCustomer   => CustomersUpdate, event("customer.updated"), beyond_domains;
    SuspendCustomer  => CustomersSuspend, event("customer.suspended"), priority(Revocation), beyond_domains;
    ResumeCustomer   => CustomersSuspend, event("customer.resumed"), beyond_limits;
    DeleteCustomer   => CustomersDelete, event("customer.deleted"), priority(Revocation), beyond_domains;
    ListCustomerKeys => KeysRead, paged, query(CustomerKeyQuery);
}

/// The operations on customers.
pub struct Api;

/// The customer that a path names, if the caller may know of it.
async fn find(access: &Proven, rows: &mut Rows, reference: &Path<String>) -> Result<Customer, Problem> {
    let customer = rows.find_customer(&reference.0).await?.ok_or_else(not_found)?;
    access.is_about(customer.id);
    Ok(customer)
}

#[OpenApi]
impl Api {
    /// List customers
    #[oai(
        path = "/v1/organizations/:organization/customers",
        method = "get",
        operation_id = "list_customers",
        tag = "Tags::Customers"
    )]
    async fn list_customers(
        &self,
        access: Scoped<ListCustomers>,
        #[oai(name = "organization")] _organization: Path<String>,
    ) -> Result<Ok200<Page<CustomerBody>>, Problem> {
        let mut read = access.read().await?;
        let slice = access.slice(&read)?;
        let rows = read.list_customers(access.query.text.as_deref(), &slice).await?;
        Ok(access.page(&read, &rows))
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
        access: Scoped<CreateCustomer>,
        #[oai(name = "organization")] _organization: Path<String>,
        body: Json<NewCustomer>,
    ) -> Result<Created<Idempotent<CustomerBody>>, Problem> {
        let create = async |write: &mut Write, new: NewCustomer| {
            let customer = write.insert_customer(&new.read()?).await?;
            access.is_about(customer.id);
            Ok(New::of(customer.id, customer.generation, CustomerBody::from(&customer)))
        };
        access.create(body, create).await
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
        access: Scoped<FindCustomer>,
        #[oai(name = "organization")] _organization: Path<String>,
        customer: Path<String>,
    ) -> Result<Ok200<CustomerBody>, Problem> {
        let customer = find(&access, &mut *access.read().await?, &customer).await?;
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
        access: Scoped<UpdateCustomer>,
        #[oai(name = "organization")] _organization: Path<String>,
        customer: Path<String>,
        body: Json<CustomerPatch>,
    ) -> Result<Ok200<CustomerBody>, Problem> {
        let mut write = access.write().await?;
        let before = find(&access, &mut write, &customer).await?;
        access.if_match(before.generation)?;
        let change = body.parse()?.read(&before)?;
        grant::check_customer_change(&access.scope, &before, &change)?;
        let after = write.update_customer(before.id, before.generation, &change).await?.ok_or_else(stale)?;
        access.commit_changed(write, (after.id, after.generation), ((&before).into(), (&after).into())).await
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
        access: Scoped<SuspendCustomer>,
        #[oai(name = "organization")] _organization: Path<String>,
        customer: Path<String>,
    ) -> Result<Ok200<CustomerBody>, Problem> {
        let mut write = access.write().await?;
        let before = find(&access, &mut write, &customer).await?;
        let after = write.suspend_customer(before.id).await?.ok_or_else(not_found)?;
        access.commit_changed(write, (after.id, after.generation), ((&before).into(), (&after).into())).await
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
        access: Scoped<ResumeCustomer>,
        #[oai(name = "organization")] _organization: Path<String>,
        customer: Path<String>,
    ) -> Result<Ok200<CustomerBody>, Problem> {
        let mut write = access.write().await?;
        let before = find(&access, &mut write, &customer).await?;
        let after = write.resume_customer(before.id).await?.ok_or_else(not_found)?;
        access.commit_changed(write, (after.id, after.generation), ((&before).into(), (&after).into())).await
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
        access: Scoped<DeleteCustomer>,
        #[oai(name = "organization")] _organization: Path<String>,
        customer: Path<String>,
    ) -> Result<Ok200<CustomerBody>, Problem> {
        let mut write = access.write().await?;
        let customer = find(&access, &mut write, &customer).await?;
        let deleted = write.delete_customer(customer.id).await?.ok_or_else(not_found)?;
        let body = CustomerBody::from(&customer);
        let event = access.event(customer.id).changed(body.to_json(), None);
        let event = event.with("revoked_keys", &deleted.revoked).with("narrowed_keys", &deleted.narrowed);
        access.commit(write, event).await?;
        Ok(Ok200::new(body))
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
        access: Scoped<ListCustomerKeys>,
        #[oai(name = "organization")] _organization: Path<String>,
        customer: Path<String>,
    ) -> Result<Ok200<KeyPage>, Problem> {
        let mut read = access.read().await?;
        let customer = find(&access, &mut read, &customer).await?;
        let filter = store::KeyFilter { customer: Some(customer.id), ..store::KeyFilter::none() };
        page_of_keys(&access, &mut read, (&filter, access.query.sort, access.query.count)).await
    }
}
