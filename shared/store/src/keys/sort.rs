//! The orders in which keys are listed, each along an index.

use chrono::{DateTime, Utc};
use sqlx::postgres::PgRow;
use sqlx::{Postgres, QueryBuilder, Row};
use uuid::Uuid;

use crate::error::Error;
use crate::page::{Position, Slice, SortValue};

/// In which order keys are listed. Equal values are told apart by the id, in the same direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeySort {
    /// What decides.
    pub by: KeySortBy,
    /// The greatest first.
    pub is_descending: bool,
}

/// What decides where in a list a key comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeySortBy {
    /// When it was made.
    CreatedAt,
    /// Its name, whatever the case.
    Name,
    /// The minute in which it was last accepted. One that never was comes before all others.
    LastUsedAt,
    /// When it ends. One without an end comes behind all others.
    ExpiresAt,
}

/// An order as a statement says it.
pub(super) struct Order {
    /// What the list is sorted by.
    pub(super) value: &'static str,
    /// The id beside it.
    pub(super) id: &'static str,
    /// What both need beside `keys k`.
    pub(super) beside: &'static str,
}

/// As the index `keys_organization_expires_at_index` has it. Not `coalesce`: Postgres takes that for something that might
/// tell rows of other tenants, and would read them in another way.
const ENDS_AT: &str = "case when k.expires_at is null then 'infinity'::timestamptz else k.expires_at end";

impl KeySort {
    /// Newest first.
    pub const NEWEST: Self = Self { by: KeySortBy::CreatedAt, is_descending: true };

    /// The name of a value, with a hyphen before it for the greatest first.
    pub fn parse(text: &str) -> Option<Self> {
        let (name, is_descending) = text.strip_prefix('-').map_or((text, false), |name| (name, true));
        let by = KeySortBy::ALL.into_iter().find(|by| by.name() == name)?;
        Some(Self { by, is_descending })
    }

    pub(super) const fn way(self) -> &'static str {
        if self.is_descending { "desc" } else { "asc" }
    }

    /// Over all keys, or along their labels, which have instants of their own.
    pub(super) fn order(self, is_of_label: bool) -> Order {
        match self.by {
            KeySortBy::CreatedAt if is_of_label => {
                Order { value: "l.created_at", id: "l.key_id", beside: ", key_labels l" }
            }
            KeySortBy::CreatedAt => Order { value: "k.created_at", id: "k.id", beside: "" },
            KeySortBy::Name => Order { value: "k.name_folded", id: "k.id", beside: "" },
            KeySortBy::ExpiresAt => Order { value: ENDS_AT, id: "k.id", beside: "" },
            KeySortBy::LastUsedAt => Order {
                value: "u.minute",
                id: "u.key_id",
                beside: " join key_last_uses u on u.organization_id = k.organization_id and u.key_id = k.id",
            },
        }
    }

    /// Only what comes after the last key that was seen.
    pub(super) fn push_position(self, sql: &mut QueryBuilder<Postgres>, order: &Order, slice: &Slice) {
        // Newest first has a condition always, so that Postgres always goes along the index.
        let (value, id) = match &slice.after {
            Some(Position { value, id }) => (value.clone(), *id),
            None if self == Self::NEWEST => {
                let (at, id) = slice.position();
                (SortValue::At(at), id)
            }
            None => return,
        };
        let than = if self.is_descending { '<' } else { '>' };
        sql.push(format!(" and ({}, {}) {than} (", order.value, order.id));
        match value {
            SortValue::At(at) => sql.push_bind(at),
            SortValue::Text(text) => sql.push_bind(text),
            SortValue::Never if self.by == KeySortBy::LastUsedAt => sql.push("'-infinity'::timestamptz"),
            SortValue::Never => sql.push("'infinity'::timestamptz"),
        };
        sql.push(", ").push_bind(id).push(")");
    }

    /// The value of a row of the page as it can be read: without the instants that stand for none.
    pub(super) fn shown_value(self) -> &'static str {
        match self.by {
            KeySortBy::CreatedAt | KeySortBy::Name => "k.sort_value",
            KeySortBy::LastUsedAt => "nullif(k.sort_value, '-infinity')",
            KeySortBy::ExpiresAt => "nullif(k.sort_value, 'infinity')",
        }
    }

    pub(super) fn read_position(self, row: &PgRow) -> Result<Position, Error> {
        let value = match self.by {
            KeySortBy::Name => SortValue::Text(row.try_get("place")?),
            KeySortBy::CreatedAt | KeySortBy::LastUsedAt | KeySortBy::ExpiresAt => {
                row.try_get::<Option<DateTime<Utc>>, _>("place")?.map_or(SortValue::Never, SortValue::At)
            }
        };
        Ok(Position { value, id: row.try_get::<Uuid, _>("id")? })
    }
}

impl KeySortBy {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::CreatedAt, Self::Name, Self::LastUsedAt, Self::ExpiresAt];

    /// The word in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CreatedAt => "created_at",
            Self::Name => "name",
            Self::LastUsedAt => "last_used_at",
            Self::ExpiresAt => "expires_at",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_a_name_and_a_direction() {
        for by in KeySortBy::ALL {
            for is_descending in [false, true] {
                let text = format!("{}{}", if is_descending { "-" } else { "" }, by.name());
                assert_eq!(KeySort::parse(&text), Some(KeySort { by, is_descending }));
            }
        }
        for text in ["", "-", "--name", "+name", "NAME", "id", "name,created_at", " name"] {
            assert_eq!(KeySort::parse(text), None, "{text}");
        }
    }
}
