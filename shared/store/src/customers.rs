//! Customers: an organization's own, by id or by the organization's id for them.

use chrono::{DateTime, Utc};
use domain::ids::{CustomerId, OrganizationId};
use domain::limit::Limit;
use domain::names::{ExternalId, Name};
use serde_json::{Map, Value};
use sqlx::postgres::PgRow;
use sqlx::types::Json;
use sqlx::{AssertSqlSafe, Row};
use uuid::Uuid;

use crate::decode;
use crate::error::Error;
use crate::generation::Subject;
use crate::page::{Page, Slice};
use crate::rows::Rows;
use crate::scope_removal::Deleted;
use crate::session::Session;
use crate::write::Write;

const COLUMNS: &str = "id, external_id, name, metadata, limits, suspended_at, generation, \
    created_at, updated_at";

/// Every query of customers begins so: $1 is the organization, $2 the customers in scope or null for all.
const VISIBLE: &str = "organization_id = $1 and ($2::uuid[] is null or id = any ($2))";

/// A customer as its row stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Customer {
    /// Its id.
    pub id: CustomerId,
    /// The organization's own id for it.
    pub external_id: Option<String>,
    /// Its name.
    pub name: String,
    /// The organization's own notes.
    pub metadata: Map<String, Value>,
    /// What all its requests share, over all keys.
    pub limits: Vec<Limit>,
    /// Since when its requests are refused.
    pub suspended_at: Option<DateTime<Utc>>,
    /// The row's version.
    pub generation: i64,
    /// When it came to be.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
}

/// A customer to be, or the whole of what can change about one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCustomer {
    /// Its name.
    pub name: Name,
    /// The organization's own id for it.
    pub external_id: Option<ExternalId>,
    /// The organization's own notes.
    pub metadata: Map<String, Value>,
    /// What all its requests share, over all keys.
    pub limits: Vec<Limit>,
}

impl NewCustomer {
    /// Whether the customer is like this already.
    fn is_met_by(&self, customer: &Customer) -> bool {
        self.name.as_str() == customer.name
            && self.external_id.as_ref().map(ExternalId::as_str) == customer.external_id.as_deref()
            && self.metadata == customer.metadata
            && self.limits == customer.limits
    }
}

impl Rows {
    /// The customer with this id or external id, if it is in scope.
    pub async fn find_customer(&mut self, reference: &str) -> Result<Option<Customer>, Error> {
        find(&mut self.session, self.bounds.organization, self.bounds.customers.clone(), reference).await
    }

    /// The customers in scope, newest first, with `text` in the name or the external id.
    pub async fn list_customers(&mut self, text: Option<&str>, slice: &Slice) -> Result<Page<Customer>, Error> {
        let sql = format!(
            "select {COLUMNS} from customers
            where {VISIBLE}
              and (created_at, id) < ($3, $4)
              and ($5::text is null or strpos(lower(name), lower($5)) > 0
                   or strpos(lower(external_id), lower($5)) > 0)
            order by created_at desc, id desc
            limit $6"
        );
        let (after_at, after_id) = slice.position();
        let statement = sqlx::query(AssertSqlSafe(sql))
            .bind(self.organization())
            .bind(self.bounds.customers.clone())
            .bind(after_at)
            .bind(after_id)
            .bind(text)
            .bind(slice.fetched());
        let rows = self.session.all(statement).await?;
        Page::read(&rows, slice, read_row)
    }
}

impl Write {
    /// Makes a customer.
    pub async fn insert_customer(&mut self, new: &NewCustomer) -> Result<Customer, Error> {
        let sql = format!(
            "insert into customers
                (organization_id, id, external_id, name, metadata, limits, created_at, updated_at)
            values ($1, $2, $3, $4, $5, $6, $7, $7)
            returning {COLUMNS}"
        );
        let statement = sqlx::query(AssertSqlSafe(sql))
            .bind(self.organization())
            .bind(CustomerId::mint(self.now).uuid())
            .bind(new.external_id.as_ref().map(ExternalId::as_str))
            .bind(new.name.as_str())
            .bind(Json(&new.metadata))
            .bind(Json(&new.limits))
            .bind(self.now);
        let row = self.rows.session.one(statement).await?;
        self.bumped_customer(&row)
    }

    /// Changes the customer that the caller saw at version `seen`; `None` when it has changed since or is gone.
    pub async fn update_customer(
        &mut self,
        id: CustomerId,
        seen: i64,
        change: &NewCustomer,
    ) -> Result<Option<Customer>, Error> {
        if let Some(customer) = self.find_customer(&id.to_string()).await?
            && customer.generation == seen
            && change.is_met_by(&customer)
        {
            self.leave_unchanged(Some((Subject::Customer(id), seen)));
            return Ok(Some(customer));
        }
        let sql = format!(
            "update customers
            set external_id = $5, name = $6, metadata = $7, limits = $8,
                generation = generation + 1, updated_at = $9
            where {VISIBLE} and id = $3 and generation = $4
            returning {COLUMNS}"
        );
        let statement = sqlx::query(AssertSqlSafe(sql))
            .bind(self.organization())
            .bind(self.bounds.customers.clone())
            .bind(id.uuid())
            .bind(seen)
            .bind(change.external_id.as_ref().map(ExternalId::as_str))
            .bind(change.name.as_str())
            .bind(Json(&change.metadata))
            .bind(Json(&change.limits))
            .bind(self.now);
        let row = self.rows.session.optional(statement).await?;
        row.as_ref().map(|row| self.bumped_customer(row)).transpose()
    }

    /// Refuses the customer's requests from now on. Twice is the same as once.
    pub async fn suspend_customer(&mut self, id: CustomerId) -> Result<Option<Customer>, Error> {
        self.switch_customer(id, "suspended_at = $4", "suspended_at is null").await
    }

    /// Lets the customer's requests through again.
    pub async fn resume_customer(&mut self, id: CustomerId) -> Result<Option<Customer>, Error> {
        self.switch_customer(id, "suspended_at = null", "suspended_at is not null").await
    }

    /// Deletes the customer and takes it off every key's list; a key that has no other is revoked.
    pub async fn delete_customer(&mut self, id: CustomerId) -> Result<Option<Deleted<Customer>>, Error> {
        let sql = format!("select {COLUMNS} from customers where {VISIBLE} and id = $3 for update");
        let statement = sqlx::query(AssertSqlSafe(sql))
            .bind(self.organization())
            .bind(self.bounds.customers.clone())
            .bind(id.uuid());
        let Some(row) = self.rows.session.optional(statement).await? else { return Ok(None) };
        let mut customer = read_row(&row)?;
        let removal = self.remove_customer_from_keys(id).await?;
        let delete = "delete from customers where organization_id = $1 and id = $2";
        self.rows.session.execute(sqlx::query(delete).bind(self.organization()).bind(id.uuid())).await?;
        // A replica that still remembers the customer must look again and find none.
        customer.generation += 1;
        self.bump(Subject::Customer(id), customer.generation);
        Ok(Some(Deleted { row: customer, revoked: removal.revoked, narrowed: removal.narrowed }))
    }

    async fn switch_customer(&mut self, id: CustomerId, set: &str, when: &str) -> Result<Option<Customer>, Error> {
        let sql = format!(
            "update customers
            set {set}, generation = generation + 1, updated_at = $4
            where {VISIBLE} and id = $3 and {when}
            returning {COLUMNS}"
        );
        let statement = sqlx::query(AssertSqlSafe(sql))
            .bind(self.organization())
            .bind(self.bounds.customers.clone())
            .bind(id.uuid())
            .bind(self.now);
        match self.rows.session.optional(statement).await? {
            Some(row) => self.bumped_customer(&row).map(Some),
            // Told again: it may have been committed before and not told.
            None => {
                let customer = self.find_customer(&id.to_string()).await?;
                self.leave_unchanged(customer.as_ref().map(|found| (Subject::Customer(found.id), found.generation)));
                Ok(customer)
            }
        }
    }

    fn bumped_customer(&mut self, row: &PgRow) -> Result<Customer, Error> {
        let customer = read_row(row)?;
        self.bump(Subject::Customer(customer.id), customer.generation);
        Ok(customer)
    }
}

/// The customer with this id or external id. An external id never begins as an id does.
pub(crate) async fn find(
    session: &mut Session,
    organization: OrganizationId,
    in_scope: Option<Vec<Uuid>>,
    reference: &str,
) -> Result<Option<Customer>, Error> {
    let id: Option<CustomerId> = reference.parse().ok();
    let column = if id.is_some() { "id = $3" } else { "external_id = $3" };
    let sql = format!("select {COLUMNS} from customers where {VISIBLE} and {column}");
    let statement = sqlx::query(AssertSqlSafe(sql)).bind(organization.uuid()).bind(in_scope);
    let statement = match id {
        Some(id) => statement.bind(id.uuid()),
        None => statement.bind(reference.to_owned()),
    };
    session.optional(statement).await?.as_ref().map(read_row).transpose()
}

fn read_row(row: &PgRow) -> Result<Customer, Error> {
    Ok(Customer {
        id: CustomerId::from_uuid(row.try_get("id")?),
        external_id: row.try_get("external_id")?,
        name: row.try_get("name")?,
        metadata: decode::metadata(row)?,
        limits: decode::limits(row, "limits")?,
        suspended_at: row.try_get("suspended_at")?,
        generation: row.try_get("generation")?,
        created_at: row.try_get("created_at")?,
        updated_at: row.try_get("updated_at")?,
    })
}
