//! Pages of a list, by keyset: from newest to oldest where nothing else is said.

use chrono::{DateTime, Utc};
use sqlx::Row;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use crate::error::Error;

/// The most rows of one page.
pub const PAGE_SIZE_MAX: i64 = 200;

/// 9999-12-31T23:59:59Z.
const END_OF_TIME: i64 = 253_402_300_799;

/// Which part of a list is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slice {
    /// At most so many rows; held between 1 and [`PAGE_SIZE_MAX`].
    pub limit: i64,
    /// Only what comes after this row: the last one that was seen.
    pub after: Option<Position>,
}

/// A row's place in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// What the list is sorted by.
    pub value: SortValue,
    /// The row's id, which tells equal values apart.
    pub id: Uuid,
}

/// What a list is sorted by, of one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SortValue {
    /// An instant.
    At(DateTime<Utc>),
    /// The row has no such instant: where those come is for the list to say.
    Never,
    /// A text.
    Text(String),
}

/// A part of a list.
#[derive(Debug, Clone)]
pub struct Page<T> {
    /// Newest first.
    pub items: Vec<T>,
    /// Where the next page begins, if more rows follow: behind this place.
    pub next: Option<Position>,
}

impl Slice {
    /// The first so many rows.
    pub fn first(limit: i64) -> Self {
        Self { limit, after: None }
    }

    /// One row more than wanted: it tells whether there are more.
    pub(crate) fn fetched(&self) -> i64 {
        self.wanted() + 1
    }

    /// Rows come after this instant and id. The first page begins after all there can be: with a condition that is
    /// always the same, Postgres always goes along the index.
    pub(crate) fn position(&self) -> (DateTime<Utc>, Uuid) {
        let end_of_time = DateTime::from_timestamp(END_OF_TIME, 0).expect("a year of four digits");
        match &self.after {
            Some(Position { value: SortValue::At(at), id }) => (*at, *id),
            Some(Position { value: SortValue::Never | SortValue::Text(_), .. }) | None => (end_of_time, Uuid::max()),
        }
    }

    fn wanted(&self) -> i64 {
        self.limit.clamp(1, PAGE_SIZE_MAX)
    }
}

impl<T> Page<T> {
    /// The page in `rows`, which may hold the one row too many; each has its `created_at` and its `id`.
    pub(crate) fn read(
        rows: &[PgRow],
        slice: &Slice,
        read_row: impl FnMut(&PgRow) -> Result<T, Error>,
    ) -> Result<Self, Error> {
        let place =
            |row: &PgRow| Ok(Position { value: SortValue::At(row.try_get("created_at")?), id: row.try_get("id")? });
        Self::read_sorted(rows, slice, place, read_row)
    }

    /// The page in `rows` of a list in another order, where `place` tells a row's.
    pub(crate) fn read_sorted(
        rows: &[PgRow],
        slice: &Slice,
        place: impl Fn(&PgRow) -> Result<Position, Error>,
        read_row: impl FnMut(&PgRow) -> Result<T, Error>,
    ) -> Result<Self, Error> {
        let wanted = usize::try_from(slice.wanted()).expect("between 1 and 200");
        let shown = &rows[..rows.len().min(wanted)];
        let last = shown.last().filter(|_| rows.len() > wanted);
        let next = last.map(place).transpose()?;
        Ok(Self { items: shown.iter().map(read_row).collect::<Result<_, _>>()?, next })
    }
}
