//! The outbox: versions that a commit made and that Redis may not have heard of.

use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::ids::{EventId, OrganizationId, ReceiptId};
use futures_util::{StreamExt, stream};
use sqlx::Row;
use uuid::Uuid;

use crate::counters::{Away, Counters};
use crate::error::Error;
use crate::generation::{Generation, Subject};
use crate::session::{Mode, RowAccess};
use crate::store::Store;
use crate::write::Write;

/// The most rows of one look.
pub const OUTBOX_MAX: i64 = 1_000;
/// How long whoever committed has to publish and delete the row before a worker does.
const DUE_AFTER_MS: i64 = 1_000;

/// How many versions are published at the same time: a Redis that is far away needs as long for one of them.
const PUBLISHED_AT_ONCE: usize = 32;

/// A version to be published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxRow {
    /// The row's id.
    pub id: Uuid,
    /// Whose rows it is about.
    pub organization: OrganizationId,
    /// What to publish.
    pub generation: Generation,
    /// The receipt that waits for it.
    pub receipt: Option<ReceiptId>,
    /// When the change was made.
    pub created_at: DateTime<Utc>,
}

/// What came of publishing what Redis may have missed.
#[derive(Debug)]
pub struct OutboxRun {
    /// How many versions were published.
    pub published: usize,
    /// The last one that was looked at, if there may be more behind it.
    pub last: Option<OutboxRow>,
    /// Why Redis did not take one of them, if it did not take all.
    pub refusal: Option<Away>,
}

impl Store {
    /// Publishes versions that Redis may have missed, from behind `after` on, and deletes their rows. What Redis does not
    /// take holds up nothing else. A version is published before its row is deleted: publishing it again does no harm.
    #[expect(clippy::disallowed_methods, reason = "repeats what Redis was not told")]
    pub async fn publish_due(
        &self,
        counters: &Counters,
        after: Option<&OutboxRow>,
        limit: i64,
    ) -> Result<OutboxRun, Error> {
        let rows = self.find_due_outbox(after, limit).await?;
        let publish = async |row: &OutboxRow| {
            (row.id, counters.publish(row.organization, &[row.generation], row.receipt).await.err())
        };
        let answers: Vec<(Uuid, Option<Away>)> =
            stream::iter(&rows).map(publish).buffer_unordered(PUBLISHED_AT_ONCE).collect().await;
        let published: Vec<Uuid> = answers.iter().filter(|(_, away)| away.is_none()).map(|(id, _)| *id).collect();
        self.delete_outbox(&published).await?;
        let is_full = usize::try_from(limit).is_ok_and(|limit| rows.len() >= limit);
        Ok(OutboxRun {
            published: published.len(),
            last: rows.into_iter().last().filter(|_| is_full),
            refusal: answers.into_iter().find_map(|(_, away)| away),
        })
    }

    /// Versions that nobody has published for a second, of all organizations, oldest first, from behind `after` on: one that
    /// Redis does not take holds up no other.
    pub async fn find_due_outbox(&self, after: Option<&OutboxRow>, limit: i64) -> Result<Vec<OutboxRow>, Error> {
        let (mut session, _) = self.session_at(Mode::Read, RowAccess::Job("outbox")).await?;
        let sql = "select id, organization_id, subject_kind, subject_id, generation, receipt_id, created_at
            from outbox
            where created_at <= clock_timestamp() - $1 * interval '1 millisecond'
                and ($3::timestamptz is null or (created_at, id) > ($3, $4))
            order by created_at, id
            limit $2";
        let (after_at, after_id) = (after.map(|row| row.created_at), after.map(|row| row.id));
        let statement = sqlx::query(sql).bind(DUE_AFTER_MS).bind(limit.clamp(1, OUTBOX_MAX));
        let statement = statement.bind(after_at).bind(after_id);
        session.all(statement).await?.iter().map(read_row).collect()
    }

    /// How long the oldest version has been waiting, of all organizations; `None` when none does.
    pub async fn find_outbox_age(&self) -> Result<Option<Duration>, Error> {
        let (mut session, _) = self.session_at(Mode::Read, RowAccess::Job("outbox")).await?;
        let sql = "select (extract(epoch from clock_timestamp() - min(created_at)) * 1000)::bigint from outbox";
        let age_ms: Option<i64> = session.one(sqlx::query(sql)).await?.try_get(0)?;
        Ok(age_ms.map(|age_ms| Duration::from_millis(u64::try_from(age_ms).unwrap_or(0))))
    }

    /// Forgets versions that Redis has heard of.
    pub async fn delete_outbox(&self, ids: &[Uuid]) -> Result<(), Error> {
        if ids.is_empty() {
            return Ok(());
        }
        let (mut session, _) = self.session_at(Mode::Write, RowAccess::Job("outbox")).await?;
        session.execute(sqlx::query("delete from outbox where id = any ($1)").bind(ids.to_vec())).await?;
        session.commit().await
    }
}

impl Write {
    /// One row for each version that this change made.
    pub(crate) async fn insert_outbox(&mut self) -> Result<Vec<Uuid>, Error> {
        let generations = self.generations();
        if generations.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<Uuid> = generations.iter().map(|_| EventId::mint(self.now).uuid()).collect();
        let receipts: Vec<Option<Uuid>> = generations.iter().map(|made| self.receipt_of(made.subject)).collect();
        let sql = "insert into outbox
                (organization_id, id, subject_kind, subject_id, generation, receipt_id, created_at)
            select $1, made.id, made.kind, made.subject, made.generation, made.receipt, $2
            from unnest($3::uuid[], $4::text[], $5::uuid[], $6::bigint[], $7::uuid[])
                as made (id, kind, subject, generation, receipt)";
        let statement = sqlx::query(sql)
            .bind(self.organization())
            .bind(self.now)
            .bind(ids.clone())
            .bind(generations.iter().map(|made| made.subject.kind().to_owned()).collect::<Vec<_>>())
            .bind(generations.iter().map(|made| made.subject.uuid()).collect::<Vec<_>>())
            .bind(generations.iter().map(|made| made.value).collect::<Vec<_>>())
            .bind(receipts);
        self.rows.session.execute(statement).await?;
        Ok(ids)
    }

    fn receipt_of(&self, subject: Subject) -> Option<Uuid> {
        match subject {
            Subject::Key(key) => self.receipts.get(&key).map(|receipt| receipt.uuid()),
            Subject::Organization(_) | Subject::Customer(_) | Subject::Limits(_) => None,
        }
    }
}

fn read_row(row: &sqlx::postgres::PgRow) -> Result<OutboxRow, Error> {
    let subject = Subject::from_row(row.try_get("subject_kind")?, row.try_get("subject_id")?)?;
    Ok(OutboxRow {
        id: row.try_get("id")?,
        organization: OrganizationId::from_uuid(row.try_get("organization_id")?),
        generation: Generation { subject, value: row.try_get("generation")? },
        receipt: row.try_get::<Option<Uuid>, _>("receipt_id")?.map(ReceiptId::from_uuid),
        created_at: row.try_get("created_at")?,
    })
}
