//! An organization's present verifier of keys, and what it said of texts.
//!
//! What was accepted stays a row for good, so that nobody asks about it again.

mod questions;

use chrono::{DateTime, Utc};
use domain::foreign::Wrapped;
use domain::ids::{KeyId, OrganizationId, uuid_at};
use serde_json::Value;
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, Row};
use uuid::Uuid;

use crate::error::Error;
use crate::keys::Key;
use crate::rows::Rows;
use crate::session::RowAccess;
use crate::write::Write;

pub use questions::{ANSWERS_MAX, ASKING_MAX, Asking, Claim};

/// The answers that are shown.
const SHOWN: i64 = 10;
const COLUMNS: &str = "version, request, pepper_id, sealed_headers, timeout_ms, budget_per_minute, refusals_seconds, ends_at, \
    keys, permissions_since, set_by, created_at, updated_at, asked, accepted, refused, unsaid, unasked";

/// What an organization says of its verifier.
#[derive(Debug, Clone, PartialEq)]
pub struct NewVerifier {
    /// How it is asked, without the values of its headers.
    pub request: Value,
    /// The pepper that those are sealed under.
    pub pepper_id: String,
    /// Those, sealed.
    pub sealed_headers: Vec<u8>,
    /// How long it may take, in milliseconds.
    pub timeout_ms: u32,
    /// How often it may be asked in a minute.
    pub budget_per_minute: u32,
    /// How long a refusal is remembered, in seconds.
    pub refusals_seconds: u32,
    /// From when on it is not asked any more.
    pub ends_at: DateTime<Utc>,
    /// The body that creates the keys that come of it.
    pub keys: Value,
    /// The organization's version whose permissions they are given.
    pub permissions_since: i64,
}

/// A verifier as its row stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Verifier {
    /// Another one with every change.
    pub version: Uuid,
    /// What its organization says of it.
    pub settings: NewVerifier,
    /// Whose authority its keys are made under.
    pub set_by: String,
    /// When it was first set.
    pub created_at: DateTime<Utc>,
    /// When it was last set.
    pub updated_at: DateTime<Utc>,
    /// What came of it.
    pub counts: VerifierCounts,
}

/// How often what happened since a verifier was first set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VerifierCounts {
    /// It was asked.
    pub asked: i64,
    /// It accepted, and a key was made.
    pub accepted: i64,
    /// It refused.
    pub refused: i64,
    /// It did not say.
    pub unsaid: i64,
    /// It was not asked, for want of budget.
    pub unasked: i64,
}

/// What came of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AskOutcome {
    /// Nothing yet.
    Asking,
    /// It is a key.
    Accepted(KeyId),
    /// It is not to be one.
    Refused,
    /// The verifier did not say.
    Unsaid,
}

/// What was said of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifierAnswer {
    /// What came of it.
    pub outcome: AskOutcome,
    /// The status of the answer, where there was one.
    pub status: Option<u16>,
    /// When it was asked.
    pub asked_at: DateTime<Utc>,
    /// Whether it still holds.
    pub is_held: bool,
}

impl Rows {
    /// The organization's verifier.
    pub async fn find_verifier(&mut self) -> Result<Option<Verifier>, Error> {
        self.select_verifier("").await
    }

    /// What is remembered of a text.
    pub async fn find_verifier_answer(&mut self, wrapped: &[Wrapped]) -> Result<Option<VerifierAnswer>, Error> {
        let sql = "select outcome, status, key_id, asked_at, coalesce(holds_until > $3, true) as is_held
            from verifier_answers
            where organization_id = $1 and hash = any ($2)
            order by outcome = 'accepted' desc, asked_at desc
            limit 1";
        let statement = sqlx::query(sql).bind(self.organization()).bind(hashes(wrapped)).bind(self.now);
        self.session.optional(statement).await?.as_ref().map(read_answer).transpose()
    }

    /// The newest questions of the organization.
    pub async fn list_verifier_answers(&mut self) -> Result<Vec<VerifierAnswer>, Error> {
        let sql = "select outcome, status, key_id, asked_at, coalesce(holds_until > $2, true) as is_held
            from verifier_answers
            where organization_id = $1
            order by asked_at desc, hash desc
            limit $3";
        let statement = sqlx::query(sql).bind(self.organization()).bind(self.now).bind(SHOWN);
        self.session.all(statement).await?.iter().map(read_answer).collect()
    }

    /// The key of this organization or of the installation that set something up, if it has not been deleted.
    pub async fn find_setter(&mut self, id: KeyId) -> Result<Option<Key>, Error> {
        if let Some(key) = self.find_key(id).await? {
            return Ok(Some(key));
        }
        let own = std::mem::replace(&mut self.bounds.organization, OrganizationId::INSTALLATION);
        self.session.allow(RowAccess::Organization(OrganizationId::INSTALLATION)).await?;
        let found = self.find_key(id).await;
        self.bounds.organization = own;
        self.session.allow(RowAccess::Organization(own)).await?;
        found
    }

    async fn select_verifier(&mut self, hold: &'static str) -> Result<Option<Verifier>, Error> {
        let sql = format!("select {COLUMNS} from verifiers where organization_id = $1 {hold}");
        let statement = sqlx::query(AssertSqlSafe(sql)).bind(self.organization());
        self.session.optional(statement).await?.as_ref().map(read_verifier).transpose()
    }
}

impl Write {
    /// Says what the organization's verifier is. What was refused before may be accepted by it; what was accepted stays so.
    pub async fn set_verifier(&mut self, new: &NewVerifier) -> Result<Verifier, Error> {
        let sql = format!(
            "insert into verifiers
                (organization_id, version, request, pepper_id, sealed_headers, timeout_ms, budget_per_minute,
                refusals_seconds, ends_at, keys, permissions_since, set_by, created_at, updated_at, budget_at)
            values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $13, date_trunc('minute', $13))
            on conflict (organization_id) do update
            set version = excluded.version, request = excluded.request, pepper_id = excluded.pepper_id,
                sealed_headers = excluded.sealed_headers, timeout_ms = excluded.timeout_ms,
                budget_per_minute = excluded.budget_per_minute, refusals_seconds = excluded.refusals_seconds,
                ends_at = excluded.ends_at, keys = excluded.keys, permissions_since = excluded.permissions_since,
                set_by = excluded.set_by, updated_at = excluded.updated_at
            returning {COLUMNS}"
        );
        let statement = sqlx::query(AssertSqlSafe(sql))
            .bind(self.organization())
            .bind(uuid_at(self.now))
            .bind(&new.request)
            .bind(&new.pepper_id)
            .bind(&new.sealed_headers)
            .bind(number(new.timeout_ms))
            .bind(number(new.budget_per_minute))
            .bind(number(new.refusals_seconds))
            .bind(new.ends_at)
            .bind(&new.keys)
            .bind(new.permissions_since)
            .bind(self.rows.bounds.actor.clone())
            .bind(self.now);
        let verifier = read_verifier(&self.rows.session.one(statement).await?)?;
        self.forget_answers().await?;
        Ok(verifier)
    }

    /// There is none any more. What was accepted is still never asked about again, by whatever verifier comes later.
    pub async fn delete_verifier(&mut self) -> Result<Option<Verifier>, Error> {
        let sql = format!("delete from verifiers where organization_id = $1 returning {COLUMNS}");
        let statement = sqlx::query(AssertSqlSafe(sql)).bind(self.organization());
        let deleted = self.rows.session.optional(statement).await?.as_ref().map(read_verifier).transpose()?;
        self.forget_answers().await?;
        Ok(deleted)
    }

    async fn forget_answers(&mut self) -> Result<(), Error> {
        let sql = "delete from verifier_answers where organization_id = $1 and outcome <> 'accepted'";
        self.rows.session.execute(sqlx::query(sql).bind(self.rows.organization())).await.map(drop)
    }
}

fn hashes(wrapped: &[Wrapped]) -> Vec<Vec<u8>> {
    wrapped.iter().map(|one| one.hash.bytes.to_vec()).collect()
}

fn number(value: u32) -> i32 {
    i32::try_from(value).unwrap_or(i32::MAX)
}

fn read_verifier(row: &PgRow) -> Result<Verifier, Error> {
    let positive = |column: &str| u32::try_from(row.try_get::<i32, _>(column)?).map_err(Error::unreadable);
    Ok(Verifier {
        version: row.try_get("version")?,
        settings: NewVerifier {
            request: row.try_get("request")?,
            pepper_id: row.try_get("pepper_id")?,
            sealed_headers: row.try_get("sealed_headers")?,
            timeout_ms: positive("timeout_ms")?,
            budget_per_minute: positive("budget_per_minute")?,
            refusals_seconds: positive("refusals_seconds")?,
            ends_at: row.try_get("ends_at")?,
            keys: row.try_get("keys")?,
            permissions_since: row.try_get("permissions_since")?,
        },
        set_by: row.try_get("set_by")?,
        created_at: row.try_get("created_at")?,
        updated_at: row.try_get("updated_at")?,
        counts: VerifierCounts {
            asked: row.try_get("asked")?,
            accepted: row.try_get("accepted")?,
            refused: row.try_get("refused")?,
            unsaid: row.try_get("unsaid")?,
            unasked: row.try_get("unasked")?,
        },
    })
}

fn read_answer(row: &PgRow) -> Result<VerifierAnswer, Error> {
    let key: Option<Uuid> = row.try_get("key_id")?;
    let outcome = match (row.try_get("outcome")?, key) {
        ("asking", None) => AskOutcome::Asking,
        ("accepted", Some(key)) => AskOutcome::Accepted(KeyId::from_uuid(key)),
        ("refused", None) => AskOutcome::Refused,
        ("unsaid", None) => AskOutcome::Unsaid,
        (other, _) => return Err(Error::unreadable(format!("no outcome is called {other}"))),
    };
    let status: Option<i32> = row.try_get("status")?;
    let status = status.map(|status| u16::try_from(status).map_err(Error::unreadable)).transpose()?;
    Ok(VerifierAnswer { outcome, status, asked_at: row.try_get("asked_at")?, is_held: row.try_get("is_held")? })
}
