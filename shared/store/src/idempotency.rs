//! Answers of creations, kept for a day so that sending one again creates nothing.

use chrono::{DateTime, TimeDelta, Utc};
use domain::ids::OrganizationId;
use serde_json::Value;
use sha2::{Digest, Sha256};
use sqlx::Row;
use sqlx::types::Json;
use uuid::Uuid;

use crate::error::Error;
use crate::session::RowAccess;
use crate::write::Write;

/// How long a creation is remembered.
pub const REPLAY_HOURS: i64 = 24;
/// How many forgotten rows a new one clears away.
const CLEARED_MAX: i64 = 100;

/// Which creation it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplayKey {
    /// The credential's own organization, which need not be the one that the creation is in.
    pub organization: OrganizationId,
    /// Who presented it: a key's or a person's id.
    pub credential: Uuid,
    /// Method and path.
    pub route: String,
    /// The caller's `Idempotency-Key`.
    pub key: String,
}

/// What a creation answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replay {
    /// SHA-256 of the request.
    pub request_hash: [u8; 32],
    /// The answer, without any secret.
    pub body: Value,
    /// The secret, under a key that only the same caller can make again.
    pub sealed_secret: Option<Vec<u8>>,
    /// When it was done.
    pub created_at: DateTime<Utc>,
}

impl Write {
    /// Claims the creation for this transaction; `false` when another one is at it.
    pub async fn lock_replay(&mut self, key: &ReplayKey) -> Result<bool, Error> {
        let statement = sqlx::query("select pg_try_advisory_xact_lock($1)").bind(lock_number(key));
        Ok(self.rows.session.one(statement).await?.try_get(0)?)
    }

    /// What the creation answered, if it was done within the last day.
    pub async fn find_replay(&mut self, key: &ReplayKey) -> Result<Option<Replay>, Error> {
        self.rows.session.allow(RowAccess::Organization(key.organization)).await?;
        let sql = "select request_hash, body, sealed_secret, created_at from idempotency
            where organization_id = $1 and credential_id = $2 and route = $3 and key = $4 and created_at > $5";
        let statement = sqlx::query(sql)
            .bind(key.organization.uuid())
            .bind(key.credential)
            .bind(key.route.clone())
            .bind(key.key.clone())
            .bind(self.forgotten_at());
        let found = self.rows.session.optional(statement).await;
        self.enter_own().await?;
        let Some(row) = found? else { return Ok(None) };
        let Json(body) = row.try_get("body")?;
        let hash: &[u8] = row.try_get("request_hash")?;
        Ok(Some(Replay {
            request_hash: hash.try_into().map_err(Error::unreadable)?,
            body,
            sealed_secret: row.try_get("sealed_secret")?,
            created_at: row.try_get("created_at")?,
        }))
    }

    /// Keeps what the creation answers, in the creation's own transaction.
    pub async fn insert_replay(&mut self, key: &ReplayKey, replay: &Replay) -> Result<(), Error> {
        self.rows.session.allow(RowAccess::Organization(key.organization)).await?;
        self.delete_forgotten(key.organization).await?;
        let sql = "insert into idempotency
                (organization_id, credential_id, route, key, request_hash, body, sealed_secret, created_at)
            values ($1, $2, $3, $4, $5, $6, $7, $8)
            on conflict (organization_id, credential_id, route, key) do update
            set request_hash = excluded.request_hash, body = excluded.body,
                sealed_secret = excluded.sealed_secret, created_at = excluded.created_at
            where idempotency.created_at <= $9";
        let statement = sqlx::query(sql)
            .bind(key.organization.uuid())
            .bind(key.credential)
            .bind(key.route.clone())
            .bind(key.key.clone())
            .bind(replay.request_hash.to_vec())
            .bind(Json(&replay.body))
            .bind(replay.sealed_secret.clone())
            .bind(replay.created_at)
            .bind(self.forgotten_at());
        let written = self.rows.session.execute(statement).await?;
        self.enter_own().await?;
        if written == 0 {
            return Err(Error::conflict("idempotency_pkey"));
        }
        Ok(())
    }

    /// Clears some rows away that nobody will be answered from.
    async fn delete_forgotten(&mut self, organization: OrganizationId) -> Result<(), Error> {
        let sql = "delete from idempotency
            where organization_id = $1 and (credential_id, route, key) in (
                select credential_id, route, key from idempotency
                where organization_id = $1 and created_at <= $2
                order by created_at
                limit $3
                for update skip locked)";
        let statement = sqlx::query(sql).bind(organization.uuid()).bind(self.forgotten_at()).bind(CLEARED_MAX);
        self.rows.session.execute(statement).await.map(drop)
    }

    /// Back to the rows that this change is about.
    async fn enter_own(&mut self) -> Result<(), Error> {
        let organization = self.bounds.organization;
        self.rows.session.allow(RowAccess::Organization(organization)).await
    }

    fn forgotten_at(&self) -> DateTime<Utc> {
        self.now - TimeDelta::hours(REPLAY_HOURS)
    }
}

/// A number for the advisory lock; two creations that share one by chance wait a moment for nothing.
fn lock_number(key: &ReplayKey) -> i64 {
    let mut digest = Sha256::new();
    digest.update(b"claviger idempotency\0");
    digest.update(key.organization.uuid().as_bytes());
    digest.update(key.credential.as_bytes());
    digest.update((key.route.len() as u64).to_be_bytes());
    digest.update(key.route.as_bytes());
    digest.update(key.key.as_bytes());
    let digest: [u8; 32] = digest.finalize().into();
    i64::from_be_bytes(digest[..8].try_into().expect("8 of 32 bytes"))
}
