//! The keys that break their organization's policy.

use domain::organization_policy::OrganizationPolicy;
use sqlx::types::Json;
use sqlx::{Postgres, QueryBuilder};

use super::{BESIDE, COLUMNS, Key, VISIBLE, read_row};
use crate::error::Error;
use crate::granted::{GRANTED, HELD_ROLES};
use crate::page::{Page, Slice};
use crate::rows::Rows;

impl Rows {
    /// The keys of the scope that work or will, and that break a rule of this policy; newest first. The same as
    /// [`OrganizationPolicy::broken_by`] says, with what is known of the newest secret: its prefix, and whether it has another form
    /// than ours.
    pub async fn list_policy_violations(
        &mut self,
        policy: &OrganizationPolicy,
        slice: &Slice,
    ) -> Result<Page<Key>, Error> {
        let mut sql = self.scoped(format!(
            "select {COLUMNS} from keys k {GRANTED} {HELD_ROLES} {BESIDE}
            where {VISIBLE} and k.deleted_at is null and k.revoked_at is null and (k.expires_at is null or k.expires_at > $4)
            and (k.created_at, k.id) < ("
        ));
        let (after_at, after_id) = slice.position();
        sql.push_bind(after_at).push(", ").push_bind(after_id).push(") and (false");
        push_rules(&mut sql, policy);
        sql.push(") order by k.created_at desc, k.id desc limit ").push_bind(slice.fetched());
        let rows = self.session.all(sql.build()).await?;
        Page::read(&rows, slice, read_row)
    }
}

/// What is not demanded is no part of the statement.
fn push_rules(sql: &mut QueryBuilder<Postgres>, policy: &OrganizationPolicy) {
    if policy.must_expire || policy.lifetime().is_some() {
        sql.push(" or k.expires_at is null");
    }
    if let Some(lifetime) = policy.lifetime() {
        sql.push(" or k.expires_at > greatest(k.not_before, $4) + make_interval(secs => ");
        sql.push_bind(lifetime.num_seconds()).push("::bigint)");
    }
    if policy.ips_required {
        sql.push(" or k.ips is null");
    }
    if !policy.limits_max.is_empty() {
        sql.push(" or exists (select 1 from jsonb_to_recordset(").push_bind(Json(policy.limits_max.clone()));
        sql.push(
            "::jsonb) as most (\"limit\" numeric, window_ms numeric)
            where not exists (
                select 1 from jsonb_to_recordset(k.limits) as own (\"limit\" numeric, window_ms numeric, auto boolean)
                where coalesce(own.auto, true) and own.\"limit\" * ceil(most.window_ms / own.window_ms) <= most.\"limit\"))",
        );
    }
    if !policy.allow_supplied_secrets {
        sql.push(" or s.hint is not null");
    }
    if let Some(prefix) = &policy.prefix {
        sql.push(" or s.prefix <> ").push_bind(prefix.as_str().to_owned());
    }
}
