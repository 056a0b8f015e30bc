//! Lists of keys: filters, pages in any order, and counts.

use chrono::{DateTime, Utc};
use domain::environment::Environment;
use domain::ids::CustomerId;
use domain::names;
use domain::permission::PermissionName;
use domain::policy::KeyStatus;
use sqlx::{Postgres, QueryBuilder, Row};

use super::sort::{KeySort, KeySortBy};
use super::{BESIDE, COLUMNS, ENDING, Key, STATUS, VISIBLE, read_row};
use crate::error::Error;
use crate::granted::{GRANTED, HELD_ROLES, counts};
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
    /// Limited to domains, and this is one of them, as it is stored.
    pub domain: Option<String>,
    /// Made by this member or key, or by the command line.
    pub created_by: Option<String>,
    /// Has this text in its name, whatever the case, or a secret whose hint, public id or last four characters are
    /// known by it (`HintPiece`); no character of it is special.
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
            domain: None,
            created_by: None,
            text: None,
            expires_before: None,
            unused_since: None,
        }
    }

    /// The kind and the text of the label along which the list is read. Most keys of an organization may hold one and
    /// the same permission; tags tell them apart.
    fn label(&self) -> Option<(&'static str, &str)> {
        let tag = self.tag.as_deref().map(|tag| ("tag", tag));
        tag.or_else(|| self.permission.as_deref().map(|permission| ("permission", permission)))
    }
}

/// Characters at the beginning of a public id, or at the end of a secret, that somebody means as such.
const HINT_CHARS_MIN: usize = 4;

/// What a text says of a secret's hint (`clv_prod_<public id>_…<last four>`), if it is a piece that people know it by:
/// its beginning, that of the public id, or what it ends in.
#[derive(Debug, PartialEq, Eq)]
struct HintPiece<'a> {
    prefix: Option<&'a str>,
    id: &'a str,
    last4: Option<&'a str>,
}

impl<'a> HintPiece<'a> {
    fn parse(text: &'a str, environment: Environment) -> Option<Self> {
        let (prefix, rest) = match text.split_once(&format!("_{}_", environment.tag())) {
            Some((prefix, rest)) => (Some(prefix), rest),
            None => (None, text),
        };
        let (id, last4) = match rest.split_once('…') {
            Some((id, last4)) => (id, Some(last4)),
            None => (rest, None),
        };
        let id = id.strip_suffix('_').unwrap_or(id);
        let is_plain = |part: &str| part.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let says_enough = prefix.is_some() || last4.is_some() || id.len() >= HINT_CHARS_MIN;
        let says_anything = !id.is_empty() || last4.is_some_and(|last4| !last4.is_empty());
        let is_piece = is_plain(id) && last4.is_none_or(is_plain) && says_enough && says_anything;
        is_piece.then_some(Self { prefix, id, last4 })
    }

    /// Whether the text may as well be the last four characters.
    fn may_be_last4(&self) -> bool {
        self.prefix.is_none() && self.last4.is_none() && self.id.len() == HINT_CHARS_MIN
    }
}

/// How many keys a filter lets through, as far as they are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyCount {
    /// At most [`KeyCount::MAX`].
    pub total: i64,
    /// Whether that is all of them.
    pub is_exact: bool,
}

impl KeyCount {
    /// As far as keys are counted.
    pub const MAX: i64 = 10_000;
}

impl Rows {
    /// The keys of the scope that the filter lets through, newest first.
    pub async fn list_keys(&mut self, filter: &KeyFilter, slice: &Slice) -> Result<Page<Key>, Error> {
        self.list_sorted_keys(filter, KeySort::NEWEST, slice).await
    }

    /// The keys of the scope that the filter lets through, in this order.
    pub async fn list_sorted_keys(
        &mut self,
        filter: &KeyFilter,
        sort: KeySort,
        slice: &Slice,
    ) -> Result<Page<Key>, Error> {
        // Along the labels if one is asked for, along all keys otherwise: no more is read than is shown, unless other
        // conditions hold for few of them.
        let label = filter.label().filter(|_| sort.by == KeySortBy::CreatedAt);
        let order = sort.order(label.is_some());
        let (value, id) = (order.value, order.id);
        let mut sql = self.scoped(format!(
            "with page as materialized (select k.*, {value} as sort_value from keys k{} where {VISIBLE}",
            order.beside
        ));
        match label {
            Some((kind, label)) => {
                sql.push(" and l.organization_id = $1 and l.key_id = k.id and l.kind = ").push_bind(kind);
                sql.push(" and l.label = ").push_bind(label.to_owned());
            }
            None => push_label(&mut sql, filter),
        }
        sql.push(" and k.deleted_at is null");
        sort.push_position(&mut sql, &order, slice);
        self.push_conditions(&mut sql, filter);
        let way = sort.way();
        sql.push(format!(" order by {value} {way}, {id} {way} limit ")).push_bind(slice.fetched());
        // The other tables are asked about the keys of the page, and about no others.
        let shown = sort.shown_value();
        sql.push(format!(
            ") select {COLUMNS}, {shown} as place from page k {GRANTED} {HELD_ROLES} {BESIDE} order by k.sort_value {way}, k.id {way}"
        ));
        let rows = self.session.all(sql.build()).await?;
        Page::read_sorted(&rows, slice, |row| sort.read_position(row), read_row)
    }

    /// How many keys of the scope the filter lets through.
    pub async fn count_keys(&mut self, filter: &KeyFilter) -> Result<KeyCount, Error> {
        let mut sql = self.scoped(format!(
            "select count(*) from (select from keys k where {VISIBLE} and $4::timestamptz is not null and k.deleted_at is null"
        ));
        push_label(&mut sql, filter);
        self.push_conditions(&mut sql, filter);
        sql.push(" limit ").push_bind(KeyCount::MAX + 1).push(") counted");
        let found: i64 = self.session.one(sql.build()).await?.try_get(0)?;
        Ok(KeyCount { total: found.min(KeyCount::MAX), is_exact: found <= KeyCount::MAX })
    }

    /// What is not asked for is no part of the statement, so that each combination has a plan of its own.
    pub(super) fn push_conditions(&self, sql: &mut QueryBuilder<Postgres>, filter: &KeyFilter) {
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
        // A key may have lost a label that is found for it (migration 20261124000001).
        if let Some(permission) = &filter.permission {
            sql.push(" and ").push_bind(permission.clone()).push(" = any (k.permissions)");
            let is_own = PermissionName::parse(permission).is_ok_and(|name| !counts(&name, &[]));
            if is_own {
                // One that was given up meanwhile is held no more.
                sql.push(format!(" and exists (select 1 from (select k.*) k {GRANTED} where "));
                sql.push_bind(permission.clone()).push(" = any (g.own_permissions))");
            }
        }
        if let Some(tag) = &filter.tag {
            sql.push(" and ").push_bind(tag.clone()).push(" = any (k.tags)");
        }
        if let Some(domain) = &filter.domain {
            sql.push(" and ").push_bind(domain.clone()).push(" = any (k.domains)");
        }
        if let Some(actor) = &filter.created_by {
            sql.push(" and k.created_by = ").push_bind(actor.clone());
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
        sql.push(" and (strpos(k.name_folded, ").push_bind(names::fold(text)).push(") > 0");
        if let Some(piece) = HintPiece::parse(text, self.bounds.environment) {
            // About no key in particular, so that it is answered once and not for each of them.
            sql.push(" or k.id in (select a.key_id from secrets a where a.organization_id = $1 and (starts_with(a.lookup_id, ");
            sql.push_bind(piece.id.to_owned()).push(")");
            if piece.may_be_last4() {
                sql.push(" or a.last4 = ").push_bind(piece.id.to_owned());
            }
            sql.push(")");
            if let Some(prefix) = piece.prefix {
                sql.push(" and a.prefix = ").push_bind(prefix.to_owned());
            }
            if let Some(last4) = piece.last4 {
                sql.push(" and starts_with(a.last4, ").push_bind(last4.to_owned()).push(")");
            }
            sql.push(")");
        }
        sql.push(")");
    }
}

/// Asks for the label where the list does not go along it: few keys may carry it.
pub(super) fn push_label(sql: &mut QueryBuilder<Postgres>, filter: &KeyFilter) {
    let Some((kind, label)) = filter.label() else { return };
    sql.push(" and k.id in (select f.key_id from key_labels f where f.organization_id = $1 and f.kind = ")
        .push_bind(kind);
    sql.push(" and f.label = ").push_bind(label.to_owned()).push(")");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_of_a_hint_is_told_from_other_texts() {
        let piece = |prefix, id, last4| Some(HintPiece { prefix, id, last4 });
        for (text, expected) in [
            ("clv_dev_0123456789abcdef_…wxYZ", piece(Some("clv"), "0123456789abcdef", Some("wxYZ"))),
            ("clv_dev_0123456789abcdef_…", piece(Some("clv"), "0123456789abcdef", Some(""))),
            ("clv_dev_0123456789abcdef_", piece(Some("clv"), "0123456789abcdef", None)),
            ("clv_dev_0", piece(Some("clv"), "0", None)),
            ("0123", piece(None, "0123", None)),
            ("0123456789abcdef_…wx", piece(None, "0123456789abcdef", Some("wx"))),
            ("…wxYZ", piece(None, "", Some("wxYZ"))),
            // These say nothing of any key in particular, or are no hint.
            ("clv_dev_", None),
            ("clv", None),
            ("dev", None),
            ("_dev_", None),
            ("…", None),
            ("", None),
            ("abc", None),
            ("clv_prod_0123", None),
            ("two words", None),
            ("größe", None),
        ] {
            assert_eq!(HintPiece::parse(text, Environment::Development), expected, "{text}");
        }
    }
}
