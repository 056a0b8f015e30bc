//! Deletes rows that are past their retention, of all organizations.

use crate::error::Error;
use crate::session::{Mode, RowAccess};
use crate::store::Store;

/// The most rows that one statement deletes.
const BATCH: i64 = 1_000;

/// Rows that are kept for a while only. `docs/security.md` states for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expiring {
    /// Answers of creations: 24 hours, for as long as they are repeated.
    IdempotentAnswers,
    /// Receipts: 7 days.
    Receipts,
    /// Secrets that were retired 30 days ago, but for the newest of a key and those that were compromised or duplicated.
    RetiredSecrets,
}

impl Expiring {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::IdempotentAnswers, Self::Receipts, Self::RetiredSecrets];

    /// The table.
    pub const fn table(self) -> &'static str {
        match self {
            Self::IdempotentAnswers => "idempotency",
            Self::Receipts => "receipts",
            Self::RetiredSecrets => "secrets",
        }
    }

    const fn statement(self) -> &'static str {
        match self {
            Self::IdempotentAnswers => {
                "delete from idempotency where ctid = any (array(
                    select ctid from idempotency where created_at < clock_timestamp() - interval '24 hours' limit $1
                ))"
            }
            Self::Receipts => {
                "delete from receipts where ctid = any (array(
                    select ctid from receipts where created_at < clock_timestamp() - interval '7 days' limit $1
                ))"
            }
            // A secret that was compromised or duplicated proves nothing for good, wherever it is presented or imported.
            Self::RetiredSecrets => {
                "delete from secrets where ctid = any (array(
                    select s.ctid from secrets s
                    where s.retires_at < clock_timestamp() - interval '30 days' and not s.is_compromised
                      and not s.is_duplicated
                      and exists (
                          select 1 from secrets newer
                          where newer.organization_id = s.organization_id and newer.key_id = s.key_id
                            and (newer.created_at, newer.id) > (s.created_at, s.id))
                    limit $1
                ))"
            }
        }
    }
}

impl Store {
    /// Deletes some of these rows. Says how many; with none it is done.
    pub async fn delete_expired(&self, what: Expiring) -> Result<u64, Error> {
        let (mut session, _) = self.session_at(Mode::Write, RowAccess::Job("retention")).await?;
        let deleted = session.execute(sqlx::query(what.statement()).bind(BATCH)).await?;
        session.commit().await?;
        Ok(deleted)
    }
}
