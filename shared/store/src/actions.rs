//! The action log as people read it: newest first, and about one thing or of one actor if that is asked for.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use domain::ids::KeyId;
use sqlx::{Postgres, QueryBuilder, Row};
use uuid::Uuid;

use crate::error::Error;
use crate::events::{EventRow, read_row};
use crate::page::{Page, Position, Slice, SortValue};
use crate::rows::Rows;

/// Which entries are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ActionFilter {
    /// Only about the thing with this id.
    pub subject: Option<String>,
    /// Only of the actor with this id.
    pub actor: Option<String>,
    /// Only of this kind.
    pub action: Option<String>,
    /// Only from this instant on.
    pub from: Option<DateTime<Utc>>,
    /// Only before this instant.
    pub to: Option<DateTime<Utc>>,
}

impl Rows {
    /// Entries of the organization's action log, newest first.
    pub async fn list_actions(&mut self, filter: &ActionFilter, slice: &Slice) -> Result<Page<EventRow>, Error> {
        let mut sql: QueryBuilder<Postgres> = QueryBuilder::new(
            "select organization_id, seq, id, environment, at, actor, action, subject, request_id, ip,
                details::text as details, previous_hash, hash
            from events where organization_id = ",
        );
        sql.push_bind(self.organization()).push(" and seq < ").push_bind(before(slice));
        for (column, wanted) in [("subject", &filter.subject), ("actor", &filter.actor), ("action", &filter.action)] {
            if let Some(text) = wanted {
                sql.push(format!(" and {column} = ")).push_bind(text.clone());
            }
        }
        for (way, instant) in [(">=", filter.from), ("<", filter.to)] {
            if let Some(at) = instant {
                sql.push(format!(" and at {way} ")).push_bind(at);
            }
        }
        sql.push(" order by seq desc limit ").push_bind(slice.fetched());
        let rows = self.session.all(sql.build()).await?;
        let place = |row: &sqlx::postgres::PgRow| {
            let seq: i64 = row.try_get("seq")?;
            Ok(Position { value: SortValue::Text(seq.to_string()), id: row.try_get("id")? })
        };
        Page::read_sorted(&rows, slice, place, read_row)
    }

    /// What keys of the organization are called, deleted ones included.
    pub async fn find_key_names(&mut self, keys: &[KeyId]) -> Result<HashMap<KeyId, String>, Error> {
        if keys.is_empty() {
            return Ok(HashMap::new());
        }
        let ids: Vec<Uuid> = keys.iter().map(|key| key.uuid()).collect();
        let sql = "select id, name from keys where organization_id = $1 and id = any ($2)";
        let rows = self.session.all(sqlx::query(sql).bind(self.organization()).bind(ids)).await?;
        rows.iter().map(|row| Ok((KeyId::from_uuid(row.try_get("id")?), row.try_get("name")?))).collect()
    }
}

/// The place in the chain before which a page begins; a place that is none begins nowhere.
fn before(slice: &Slice) -> i64 {
    match &slice.after {
        Some(Position { value: SortValue::Text(seq), .. }) => seq.parse().unwrap_or(0),
        Some(Position { value: SortValue::At(_) | SortValue::Never, .. }) => 0,
        None => i64::MAX,
    }
}
