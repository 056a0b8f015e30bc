//! Receipts: which version of a key a change that takes power away has made.

use chrono::{DateTime, Utc};
use domain::ids::{KeyId, ReceiptId};
use sqlx::Row;
use sqlx::postgres::PgRow;

use crate::error::Error;
use crate::generation::Subject;
use crate::keys::VISIBLE;
use crate::rows::Rows;
use crate::write::Write;

/// A receipt as its row stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// Its id.
    pub id: ReceiptId,
    /// The key that lost power.
    pub key_id: KeyId,
    /// The version that every replica must have seen.
    pub generation: i64,
    /// When the change was made.
    pub created_at: DateTime<Utc>,
}

impl Rows {
    /// The receipt with this id, if its key is in scope; keys that have been deleted since are.
    pub async fn find_receipt(&mut self, id: ReceiptId) -> Result<Option<Receipt>, Error> {
        let sql = format!(
            "select r.id, r.key_id, r.generation, r.created_at
            from receipts r
            join keys k on k.organization_id = r.organization_id and k.id = r.key_id
            where {VISIBLE} and $4::timestamptz is not null and r.id = $5"
        );
        let statement = self.of_scope(sql).bind(id.uuid());
        self.session.optional(statement).await?.as_ref().map(read_row).transpose()
    }
}

impl Write {
    /// Makes the receipt for this version of the key, and has the version published with this commit, also when this
    /// change did not make it: an earlier attempt may have failed to.
    pub async fn insert_receipt(&mut self, key_id: KeyId, generation: i64) -> Result<Receipt, Error> {
        // A change that is asked for again has its receipt.
        if self.unchanged.is_some()
            && let Some(receipt) = self.find_newest_receipt(key_id, generation).await?
        {
            return Ok(receipt);
        }
        let receipt = Receipt { id: ReceiptId::mint(self.now), key_id, generation, created_at: self.now };
        let sql = "insert into receipts (organization_id, id, key_id, generation, created_at)
            values ($1, $2, $3, $4, $5)";
        let statement = sqlx::query(sql)
            .bind(self.organization())
            .bind(receipt.id.uuid())
            .bind(key_id.uuid())
            .bind(generation)
            .bind(receipt.created_at);
        self.rows.session.execute(statement).await?;
        self.bump(Subject::Key(key_id), generation);
        self.receipts.insert(key_id, receipt.id);
        Ok(receipt)
    }

    async fn find_newest_receipt(&mut self, key_id: KeyId, generation: i64) -> Result<Option<Receipt>, Error> {
        let sql = "select id, key_id, generation, created_at from receipts
            where organization_id = $1 and key_id = $2 and generation = $3
            order by created_at desc
            limit 1";
        let statement = sqlx::query(sql).bind(self.organization()).bind(key_id.uuid()).bind(generation);
        self.rows.session.optional(statement).await?.as_ref().map(read_row).transpose()
    }
}

fn read_row(row: &PgRow) -> Result<Receipt, Error> {
    Ok(Receipt {
        id: ReceiptId::from_uuid(row.try_get("id")?),
        key_id: KeyId::from_uuid(row.try_get("key_id")?),
        generation: row.try_get("generation")?,
        created_at: row.try_get("created_at")?,
    })
}
