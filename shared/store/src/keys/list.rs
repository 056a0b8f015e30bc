//! Lists of keys: filters, and pages from newest to oldest.

use chrono::{DateTime, Utc};
use domain::ids::CustomerId;
use domain::policy::KeyStatus;

use super::{COLUMNS, Key, STATUS, TABLES, VISIBLE, read_row};
use crate::error::Error;
use crate::page::{Page, Slice};
use crate::rows::Rows;

/// Which keys a list shows; each member that is set must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyFilter {
    /// Whether it works.
    pub status: Option<KeyStatus>,
    /// Limited to customers, and this is one of them.
    pub customer: Option<CustomerId>,
    /// Holds this permission by name.
    pub permission: Option<String>,
    /// Carries this tag.
    pub tag: Option<String>,
    /// Has this text in its name or hint, whatever the case; no character of it is special.
    pub text: Option<String>,
    /// Ends before this instant.
    pub expires_before: Option<DateTime<Utc>>,
    /// Was made, and last used if ever, before this instant.
    pub unused_since: Option<DateTime<Utc>>,
}

impl KeyFilter {
    /// All keys of the scope.
    pub const fn none() -> Self {
        Self {
            status: None,
            customer: None,
            permission: None,
            tag: None,
            text: None,
            expires_before: None,
            unused_since: None,
        }
    }
}

impl Rows {
    /// The keys of the scope that the filter lets through, newest first.
    pub async fn list_keys(&mut self, filter: &KeyFilter, slice: &Slice) -> Result<Page<Key>, Error> {
        let sql = format!(
            "select {COLUMNS} from {TABLES}
            where {VISIBLE} and k.deleted_at is null
              and (k.created_at, k.id) < ($5, $6)
              and ($7::text is null or {STATUS} = $7)
              and ($8::uuid is null or exists (
                  select 1 from key_customers f
                  where f.organization_id = k.organization_id and f.key_id = k.id and f.customer_id = $8))
              and ($9::text is null or $9 = any (k.permissions))
              and ($10::text is null or $10 = any (k.tags))
              and ($11::text is null
                  or strpos(lower(k.name), lower($11)) > 0
                  or strpos(lower(s.prefix || $12 || s.lookup_id || '_…' || s.last4), lower($11)) > 0)
              and ($13::timestamptz is null or k.expires_at < $13)
              and ($14::timestamptz is null or coalesce(u.last_used_at, k.created_at) < $14)
            order by k.created_at desc, k.id desc
            limit $15"
        );
        let (after_at, after_id) = slice.position();
        let statement = self
            .of_scope(sql)
            .bind(after_at)
            .bind(after_id)
            .bind(filter.status.map(KeyStatus::name))
            .bind(filter.customer.map(CustomerId::uuid))
            .bind(filter.permission.clone())
            .bind(filter.tag.clone())
            .bind(filter.text.clone())
            .bind(format!("_{}_", self.bounds.environment.tag()))
            .bind(filter.expires_before)
            .bind(filter.unused_since)
            .bind(slice.fetched());
        let rows = self.session.all(statement).await?;
        Ok(Page::cut(rows.iter().map(read_row).collect::<Result<_, _>>()?, slice))
    }
}
