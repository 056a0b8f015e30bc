//! What the end of a customer or a domain does to the keys that were limited to it.
//!
//! A list never widens by losing members: a key whose last one goes is revoked.

use domain::hosts::HostName;
use domain::ids::{CustomerId, KeyId};
use domain::policy::RevokeReason;
use sqlx::Row;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use crate::error::Error;
use crate::generation::Subject;
use crate::write::Write;

/// A row that is gone, and the keys that lost by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deleted<T> {
    /// The row as it stood.
    pub row: T,
    /// Keys that had no other and are revoked now.
    pub revoked: Vec<KeyId>,
    /// Keys that have others left.
    pub narrowed: Vec<KeyId>,
}

/// The keys that lost a member of a list.
pub(crate) struct Removal {
    pub(crate) revoked: Vec<KeyId>,
    pub(crate) narrowed: Vec<KeyId>,
}

impl Write {
    pub(crate) async fn remove_customer_from_keys(&mut self, id: CustomerId) -> Result<Removal, Error> {
        // In the order of their ids, as everybody locks several keys.
        let hold = "select k.id from keys k
            where k.organization_id = $1 and k.deleted_at is null and exists (
                select 1 from key_customers kc
                where kc.organization_id = k.organization_id and kc.key_id = k.id and kc.customer_id = $2)
            order by k.id
            for no key update of k";
        let keys = self.hold(hold, id.uuid()).await?;
        let delete = "delete from key_customers where organization_id = $1 and customer_id = $2";
        self.rows.session.execute(sqlx::query(delete).bind(self.organization()).bind(id.uuid())).await?;
        let update = "update keys k
            set generation = k.generation + 1, updated_at = $3,
                revoked_at = case when k.revoked_at is null and e.is_empty then $3 else k.revoked_at end,
                revoke_reason = case when k.revoked_at is null and e.is_empty then $4 else k.revoke_reason end
            from (
                select held.id, not exists (
                    select 1 from key_customers kc where kc.organization_id = $1 and kc.key_id = held.id
                ) as is_empty
                from unnest($2::uuid[]) held (id)
            ) e
            where k.organization_id = $1 and k.id = e.id
            returning k.id, k.generation, e.is_empty and k.revoke_reason = $4 as is_revoked";
        let statement = sqlx::query(update)
            .bind(self.organization())
            .bind(keys)
            .bind(self.now)
            .bind(RevokeReason::ScopeRemoved.name());
        let rows = self.rows.session.all(statement).await?;
        self.removal(&rows)
    }

    pub(crate) async fn remove_domain_from_keys(&mut self, name: &HostName) -> Result<Removal, Error> {
        let hold = "select id from keys
            where organization_id = $1 and deleted_at is null and domains @> array[$2]
            order by id
            for no key update";
        let keys = self.hold(hold, name.as_str().to_owned()).await?;
        let update = "update keys k
            set generation = k.generation + 1, updated_at = $3, domains = e.domains,
                revoked_at = case when k.revoked_at is null and e.domains = '{}' then $3 else k.revoked_at end,
                revoke_reason = case when k.revoked_at is null and e.domains = '{}' then $4 else k.revoke_reason end
            from (
                select held.id, array_remove(held.domains, $5) as domains
                from keys held
                where held.organization_id = $1 and held.id = any ($2)
            ) e
            where k.organization_id = $1 and k.id = e.id
            returning k.id, k.generation, k.domains = '{}' and k.revoke_reason = $4 as is_revoked";
        let statement = sqlx::query(update)
            .bind(self.organization())
            .bind(keys)
            .bind(self.now)
            .bind(RevokeReason::ScopeRemoved.name())
            .bind(name.as_str());
        let rows = self.rows.session.all(statement).await?;
        self.removal(&rows)
    }

    async fn hold<'q, T>(&mut self, sql: &'static str, member: T) -> Result<Vec<Uuid>, Error>
    where
        T: sqlx::Encode<'q, sqlx::Postgres> + sqlx::Type<sqlx::Postgres> + Send + 'q,
    {
        let rows = self.rows.session.all(sqlx::query(sql).bind(self.organization()).bind(member)).await?;
        Ok(rows.iter().map(|row| row.try_get("id")).collect::<Result<_, _>>()?)
    }

    fn removal(&mut self, rows: &[PgRow]) -> Result<Removal, Error> {
        let mut removal = Removal { revoked: Vec::new(), narrowed: Vec::new() };
        for row in rows {
            let id = KeyId::from_uuid(row.try_get("id")?);
            self.bump(Subject::Key(id), row.try_get("generation")?);
            let is_revoked: Option<bool> = row.try_get("is_revoked")?;
            if is_revoked.unwrap_or(false) { removal.revoked.push(id) } else { removal.narrowed.push(id) }
        }
        Ok(removal)
    }
}
