//! The request log: one row for each request to the Integration API, or for so many of a minute that are counted together,
//! in a partition for each day.

use std::borrow::Cow;
use std::net::IpAddr;
use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::ids::{CustomerId, KeyId, OrganizationId, RequestId};
use ipnet::IpNet;
use sqlx::Row;

use crate::error::Error;
use crate::session::{Mode, RowAccess};
use crate::store::Store;

/// How much of a path a row keeps.
pub const PATH_CHARS_MAX: usize = 256;
/// How much of a method a row keeps; HTTP sets no bound to its own.
const METHOD_CHARS_MAX: usize = 16;

/// One request and what came of it, or many that have status, code and key in common. Nothing in it is a secret, a query string or a header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestLog {
    /// Makes the row one and the same however often it is written.
    pub id: RequestId,
    /// When the request arrived.
    pub at: DateTime<Utc>,
    /// Whose log it belongs to; the installation's when nobody was identified.
    pub organization: OrganizationId,
    /// How many requests the row stands for. Where they are only counted, method and path are `*`, and the duration is the
    /// longest.
    pub requests: u32,
    /// The id in the answer, which may be the caller's own.
    pub request_id: String,
    /// The key that called.
    pub key: Option<KeyId>,
    /// The customer that the request was about.
    pub customer: Option<CustomerId>,
    /// The operation that was reached.
    pub operation: Option<Cow<'static, str>>,
    /// As in HTTP.
    pub method: Cow<'static, str>,
    /// As the log line shows it; a row keeps the first 256 characters.
    pub path: String,
    /// As in HTTP.
    pub status: u16,
    /// The error code.
    pub code: Option<Cow<'static, str>>,
    /// The verdict that was given.
    pub verdict: Option<Cow<'static, str>>,
    /// Where the request came from.
    pub client_ip: Option<IpAddr>,
    /// From its head to its answer.
    pub duration: Duration,
}

/// What a look after the partitions of the days to come has found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartitionsMade {
    /// How many were made.
    pub created: u64,
    /// For how many days there is none, because rows of them are in the default partition.
    pub missing: u64,
}

impl Store {
    /// Inserts rows of any organizations, all or none. Those that are there already stay as they are.
    pub async fn insert_request_logs(&self, rows: &[RequestLog]) -> Result<(), Error> {
        if rows.is_empty() {
            return Ok(());
        }
        let (mut session, _) = self.session_at(Mode::Write, RowAccess::Job("request-log")).await?;
        let sql = "insert into request_logs
                (organization_id, at, id, request_id, key_id, customer_id, operation, method, path, status, code,
                    verdict, client_ip, duration_us, requests)
            select * from unnest($1::uuid[], $2::timestamptz[], $3::uuid[], $4::text[], $5::uuid[], $6::uuid[],
                $7::text[], $8::text[], $9::text[], $10::smallint[], $11::text[], $12::text[], $13::inet[],
                $14::integer[], $15::integer[])
            on conflict do nothing";
        let statement = sqlx::query(sql)
            .bind(column(rows, |row| row.organization.uuid()))
            .bind(column(rows, |row| row.at))
            .bind(column(rows, |row| row.id.uuid()))
            .bind(column(rows, |row| row.request_id.as_str()))
            .bind(column(rows, |row| row.key.map(KeyId::uuid)))
            .bind(column(rows, |row| row.customer.map(CustomerId::uuid)))
            .bind(column(rows, |row| row.operation.as_deref()))
            .bind(column(rows, |row| first_chars(&row.method, METHOD_CHARS_MAX)))
            .bind(column(rows, |row| first_chars(&row.path, PATH_CHARS_MAX)))
            .bind(column(rows, |row| i16::try_from(row.status).unwrap_or(i16::MAX)))
            .bind(column(rows, |row| row.code.as_deref()))
            .bind(column(rows, |row| row.verdict.as_deref()))
            .bind(column(rows, |row| row.client_ip.map(IpNet::from)))
            .bind(column(rows, |row| i32::try_from(row.duration.as_micros()).unwrap_or(i32::MAX)))
            .bind(column(rows, |row| i32::try_from(row.requests).unwrap_or(i32::MAX)));
        session.execute(statement).await?;
        session.commit().await
    }

    /// Makes the request log's partitions of today and of so many days after it.
    pub async fn insert_request_log_partitions(&self, days_ahead: u16) -> Result<PartitionsMade, Error> {
        let mut session = self.session(Mode::Write).await?;
        let sql = "select created, missing from claviger_create_request_log_partitions($1)";
        let row = match session.one(sqlx::query(sql).bind(i32::from(days_ahead))).await {
            Ok(row) => row,
            Err(error) => {
                // To drop old ones needs the same lock, and is next.
                session.roll_back().await;
                return Err(error);
            }
        };
        let number = |column: &str| -> Result<u64, Error> {
            Ok(u64::try_from(row.try_get::<i32, _>(column)?).unwrap_or_default())
        };
        let made = PartitionsMade { created: number("created")?, missing: number("missing")? };
        session.commit().await?;
        Ok(made)
    }

    /// Deletes the oldest partition of the request log that is older than so many days, or some rows as old that are in
    /// none of their own. Says whether there was anything; then there may be more.
    pub async fn delete_request_log_partition(&self, retention_days: u16) -> Result<bool, Error> {
        let mut session = self.session(Mode::Write).await?;
        let sql = "select claviger_drop_request_log_partition($1)";
        let row = session.one(sqlx::query(sql).bind(i32::from(retention_days))).await?;
        let has_dropped = row.try_get(0)?;
        session.commit().await?;
        Ok(has_dropped)
    }
}

fn column<'r, T>(rows: &'r [RequestLog], read: impl Fn(&'r RequestLog) -> T) -> Vec<T> {
    rows.iter().map(read).collect()
}

fn first_chars(text: &str, chars_max: usize) -> &str {
    text.char_indices().nth(chars_max).map_or(text, |(end, _)| &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_between_characters() {
        assert_eq!(first_chars("äöü", 2), "äö");
        assert_eq!(first_chars("äöü", 3), "äöü");
        assert_eq!(first_chars("", 3), "");
    }
}
