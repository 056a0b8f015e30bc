//! How often each key was used: counted in memory by every replica, written in batches that count once.

use chrono::{DateTime, Utc};
use domain::ids::{KeyId, OrganizationId};

use crate::error::Error;
use crate::session::{Mode, RowAccess};
use crate::store::Store;

/// The most rows that one call deletes.
const DELETED_MAX: i64 = 10_000;
/// How long a batch may be written again, in days; far longer than any process tries.
const FLUSHES_KEPT_DAYS: i32 = 7;

/// What came of a use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum UseOutcome {
    /// The key was valid for what it was used for.
    Valid,
    /// It was not, whatever its limits.
    Refused,
    /// It would have been, but for a limit or its credits.
    Limited,
}

/// Uses of one key in one hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyUse {
    /// Whose key.
    pub organization: OrganizationId,
    /// Which.
    pub key: KeyId,
    /// The beginning of the hour.
    pub hour: DateTime<Utc>,
    /// What came of them.
    pub outcome: UseOutcome,
    /// How many there were.
    pub count: i64,
}

/// What tells a batch from all others: its writer, and its place among that writer's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchId<'r> {
    /// A name that no other process has or had.
    pub replica: &'r str,
    /// Grows by one with each batch.
    pub seq: i64,
}

impl UseOutcome {
    /// Every outcome.
    pub const ALL: [Self; 3] = [Self::Valid, Self::Refused, Self::Limited];

    /// The word in a row.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Refused => "refused",
            Self::Limited => "limited",
        }
    }
}

impl Store {
    /// Adds uses of keys of any organizations, all or none; the same batch again adds nothing.
    ///
    /// A writer's batches have to come in the order of their numbers.
    pub async fn update_key_usage(&self, batch: BatchId<'_>, uses: &[KeyUse]) -> Result<(), Error> {
        let (mut session, _) =
            self.session_at(Mode::Write, RowAccess::Organization(OrganizationId::INSTALLATION)).await?;
        session.allow(RowAccess::Job("key-usage")).await?;
        let sql = "insert into usage_flushes (organization_id, replica, seq, at)
            values ($1, $2, $3, clock_timestamp())
            on conflict (organization_id, replica) do update set seq = excluded.seq, at = excluded.at
            where usage_flushes.seq < excluded.seq";
        let statement = sqlx::query(sql).bind(OrganizationId::INSTALLATION.uuid()).bind(batch.replica).bind(batch.seq);
        if session.execute(statement).await? == 0 {
            return Ok(());
        }
        // In one order everywhere, so that two replicas never wait for each other.
        let sql = "insert into key_usage (organization_id, key_id, hour, outcome, count)
            select organization_id, key_id, hour, outcome, sum(count)
            from unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::text[], $5::bigint[])
                as used (organization_id, key_id, hour, outcome, count)
            group by organization_id, key_id, hour, outcome
            order by organization_id, key_id, hour, outcome
            on conflict (organization_id, key_id, hour, outcome) do update set count = key_usage.count + excluded.count";
        let statement = sqlx::query(sql)
            .bind(uses.iter().map(|used| used.organization.uuid()).collect::<Vec<_>>())
            .bind(uses.iter().map(|used| used.key.uuid()).collect::<Vec<_>>())
            .bind(uses.iter().map(|used| used.hour).collect::<Vec<_>>())
            .bind(uses.iter().map(|used| used.outcome.name()).collect::<Vec<_>>())
            .bind(uses.iter().map(|used| used.count).collect::<Vec<_>>());
        session.execute(statement).await?;
        session.commit().await
    }

    /// Deletes some hours that are older than so many days, of all organizations. Says how many rows; with none it is done.
    pub async fn delete_key_usage(&self, retention_days: u16) -> Result<u64, Error> {
        let (mut session, _) =
            self.session_at(Mode::Write, RowAccess::Organization(OrganizationId::INSTALLATION)).await?;
        session.allow(RowAccess::Job("key-usage")).await?;
        let sql = "delete from key_usage where ctid = any (array(
                select ctid from key_usage where hour < clock_timestamp() - make_interval(days => $1) limit $2
            ))";
        let deleted = session.execute(sqlx::query(sql).bind(i32::from(retention_days)).bind(DELETED_MAX)).await?;
        let sql = "delete from usage_flushes
            where organization_id = $1 and at < clock_timestamp() - make_interval(days => $2)";
        let statement = sqlx::query(sql).bind(OrganizationId::INSTALLATION.uuid()).bind(FLUSHES_KEPT_DAYS);
        session.execute(statement).await?;
        session.commit().await?;
        Ok(deleted)
    }
}
