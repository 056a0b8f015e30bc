//! Columns back into domain types; a value that does not parse was not written by this program.

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use domain::addresses::IpRule;
use domain::hosts::HostName;
use domain::limit::Limit;
use domain::permission::PermissionName;
use domain::policy::AllOr;
use domain::validation::ValidationError;
use ipnet::IpNet;
use serde_json::{Map, Value};
use sqlx::Row;
use sqlx::postgres::PgRow;
use sqlx::types::Json;

use crate::error::Error;

/// The beginning of 2000, in microseconds since that of 1970.
const POSTGRES_EPOCH_US: i64 = 946_684_800_000_000;

pub(crate) fn limits(row: &PgRow, column: &str) -> Result<Vec<Limit>, Error> {
    let Json(mut limits) = row.try_get::<Json<Vec<Limit>>, _>(column)?;
    // The parser leaves room for more, and a key service keeps what it read.
    limits.shrink_to_fit();
    Ok(limits)
}

pub(crate) fn metadata(row: &PgRow) -> Result<Map<String, Value>, Error> {
    let Json(members) = row.try_get::<Json<Map<String, Value>>, _>("metadata")?;
    Ok(members)
}

pub(crate) fn permissions(row: &PgRow, column: &str) -> Result<Vec<PermissionName>, Error> {
    names(&row.try_get::<Vec<String>, _>(column)?)
}

pub(crate) fn names(texts: &[String]) -> Result<Vec<PermissionName>, Error> {
    parse_all(texts, PermissionName::parse)
}

pub(crate) fn domains(row: &PgRow) -> Result<AllOr<HostName>, Error> {
    all_or(row.try_get("domains")?, HostName::parse)
}

pub(crate) fn ips(row: &PgRow) -> Result<AllOr<IpRule>, Error> {
    all_or(row.try_get("ips")?, IpRule::parse)
}

/// An instant that may be missing. Postgres knows more of them than this program, `infinity` above all, and on those
/// the driver's own reading panics.
pub(crate) fn instant(row: &PgRow, column: &str) -> Result<Option<DateTime<Utc>>, Error> {
    let since_2000_us: Option<i64> = row.try_get_unchecked(column)?;
    let read = |us: i64| {
        let at = us.checked_add(POSTGRES_EPOCH_US).and_then(DateTime::from_timestamp_micros);
        at.ok_or_else(|| Error::unreadable(format!("{column} is out of range")))
    };
    since_2000_us.map(read).transpose()
}

pub(crate) fn address(row: &PgRow, column: &str) -> Result<Option<IpAddr>, Error> {
    let net: Option<IpNet> = row.try_get(column)?;
    Ok(net.map(|net| net.addr()))
}

/// The texts of a list, as an array column takes them.
pub(crate) fn texts<T: ToString>(items: &[T]) -> Vec<String> {
    items.iter().map(ToString::to_string).collect()
}

/// `null` for everything, or the list.
pub(crate) fn only_texts<T: ToString + PartialEq>(value: &AllOr<T>) -> Option<Vec<String>> {
    value.only().map(texts)
}

fn all_or<T>(texts: Option<Vec<String>>, parse: fn(&str) -> Result<T, ValidationError>) -> Result<AllOr<T>, Error> {
    match texts {
        None => Ok(AllOr::All),
        Some(texts) => Ok(AllOr::Only(parse_all(&texts, parse)?)),
    }
}

fn parse_all<T>(texts: &[String], parse: fn(&str) -> Result<T, ValidationError>) -> Result<Vec<T>, Error> {
    let mut items = Vec::with_capacity(texts.len());
    for text in texts {
        items.push(parse(text).map_err(Error::unreadable)?);
    }
    Ok(items)
}
