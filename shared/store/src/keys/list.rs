//! Lists of keys: filters, and pages from newest to oldest.

use chrono::{DateTime, Utc};
use domain::ids::CustomerId;
use domain::policy::KeyStatus;
use sqlx::{Postgres, QueryBuilder};

use super::{BESIDE, COLUMNS, ENDING, Key, STATUS, VISIBLE, read_row};
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
    /// Has this text in its name or in the hint of one of its secrets, whatever the case; no character of it is special.
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

/// No character but these is in a hint, whatever the case.
fn may_be_in_hint(text: &str) -> bool {
    text.chars().all(|character| character.is_ascii_alphanumeric() || character == '_' || character == '…')
}

impl Rows {
    /// The keys of the scope that the filter lets through, newest first.
    pub async fn list_keys(&mut self, filter: &KeyFilter, slice: &Slice) -> Result<Page<Key>, Error> {
        let mut sql = self.scoped(format!("with page as materialized (select k.* from keys k where {VISIBLE}"));
        let (after_at, after_id) = slice.position();
        sql.push(" and k.deleted_at is null and (k.created_at, k.id) < (").push_bind(after_at);
        sql.push(", ").push_bind(after_id).push(")");
        self.push_conditions(&mut sql, filter);
        sql.push(" order by k.created_at desc, k.id desc limit ").push_bind(slice.fetched());
        // The other tables are asked about the keys of the page, and about no others.
        sql.push(format!(") select {COLUMNS} from page k {BESIDE} order by k.created_at desc, k.id desc"));
        let rows = self.session.all(sql.build()).await?;
        Ok(Page::cut(rows.iter().map(read_row).collect::<Result<_, _>>()?, slice))
    }

    /// What is not asked for is no part of the statement, so that each combination has a plan of its own.
    fn push_conditions(&self, sql: &mut QueryBuilder<Postgres>, filter: &KeyFilter) {
        if let Some(status) = filter.status {
            // Keys that may be anything else have an index of their own.
            sql.push(if status == KeyStatus::Active { "" } else { ENDING });
            sql.push(format!(" and {STATUS} = ")).push_bind(status.name());
        }
        if let Some(customer) = filter.customer {
            sql.push(
                " and k.id in (select f.key_id from key_customers f where f.organization_id = $1 and f.customer_id = ",
            );
            sql.push_bind(customer.uuid()).push(")");
        }
        if let Some(permission) = &filter.permission {
            sql.push(" and ").push_bind(permission.clone()).push(" = any (k.permissions)");
        }
        if let Some(tag) = &filter.tag {
            sql.push(" and ").push_bind(tag.clone()).push(" = any (k.tags)");
        }
        if let Some(text) = &filter.text {
            self.push_text(sql, text);
        }
        if let Some(instant) = filter.expires_before {
            sql.push(ENDING).push(" and k.expires_at < ").push_bind(instant);
        }
        if let Some(instant) = filter.unused_since {
            sql.push(" and k.created_at < ").push_bind(instant);
            sql.push(
                " and not exists (select 1 from secrets a
                    where a.organization_id = k.organization_id and a.key_id = k.id and a.last_used_at >= ",
            );
            sql.push_bind(instant).push(")");
        }
    }

    fn push_text(&self, sql: &mut QueryBuilder<Postgres>, text: &str) {
        sql.push(" and (strpos(lower(k.name), lower(").push_bind(text.to_owned()).push(")) > 0");
        if may_be_in_hint(text) {
            sql.push(
                " or exists (select 1 from secrets a
                    where a.organization_id = k.organization_id and a.key_id = k.id
                        and strpos(lower(a.prefix || ",
            );
            sql.push_bind(format!("_{}_", self.bounds.environment.tag()));
            sql.push(" || a.lookup_id || '_…' || a.last4), lower(").push_bind(text.to_owned()).push(")) > 0)");
        }
        sql.push(")");
    }
}
