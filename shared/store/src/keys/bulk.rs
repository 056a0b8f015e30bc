//! Many keys at once: which a selection means, what hangs on them, and their revocation.

use chrono::{DateTime, Utc};
use domain::ids::{KeyId, ReceiptId};
use domain::policy::RevokeReason;
use sqlx::Row;
use uuid::Uuid;

use super::list::push_label;
use super::{KeyFilter, VISIBLE};
use crate::error::Error;
use crate::generation::Subject;
use crate::receipts::Receipt;
use crate::rows::Rows;
use crate::write::Write;

/// The most keys that one selection may mean.
pub const SELECTED_KEYS_MAX: usize = 100_000;

/// Keys that are to be revoked together: those of the scope that meet all of this, and that a revocation would change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySelection {
    /// Only these; `None` for all.
    pub keys: Option<Vec<KeyId>>,
    /// Only those that it lets through.
    pub filter: KeyFilter,
    /// Only those that were made by then: a key that is made later was not looked at.
    pub made_by: DateTime<Utc>,
    /// Not the key that asks: it is to see the end of it.
    pub but: Option<KeyId>,
    /// What they are to be revoked for. As compromised also those that are revoked already, for it ends their secrets.
    pub reason: RevokeReason,
}

/// What hangs on some keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SelectionSummary {
    /// Customers that they are limited to.
    pub customers: i64,
    /// How often they were used in the last 24 hours, whatever came of it; whole hours.
    pub calls: i64,
}

impl Rows {
    /// The keys that the selection means, by id: at most one more than [`SELECTED_KEYS_MAX`].
    pub async fn select_keys(&mut self, selection: &KeySelection) -> Result<Vec<KeyId>, Error> {
        let mut sql = self.scoped(format!(
            "select k.id from keys k where {VISIBLE} and $4::timestamptz is not null and k.deleted_at is null"
        ));
        sql.push(" and k.created_at <= ").push_bind(selection.made_by);
        sql.push(" and (k.revoked_at is null");
        if selection.reason == RevokeReason::Compromised {
            sql.push(
                " or not (select n.is_compromised from secrets n
                    where n.organization_id = k.organization_id and n.key_id = k.id
                    order by n.created_at desc, n.id desc limit 1)",
            );
        }
        sql.push(")");
        if let Some(keys) = &selection.keys {
            sql.push(" and k.id = any (").push_bind(uuids(keys)).push(")");
        }
        if let Some(but) = selection.but {
            sql.push(" and k.id <> ").push_bind(but.uuid());
        }
        push_label(&mut sql, &selection.filter);
        self.push_conditions(&mut sql, &selection.filter);
        let fetched = i64::try_from(SELECTED_KEYS_MAX + 1).expect("a hundred thousand and one");
        sql.push(" order by k.id limit ").push_bind(fetched);
        let rows = self.session.all(sql.build()).await?;
        rows.iter().map(|row| Ok(KeyId::from_uuid(row.try_get("id")?))).collect()
    }

    /// What hangs on these keys of the organization.
    pub async fn summarize_keys(&mut self, keys: &[KeyId]) -> Result<SelectionSummary, Error> {
        let sql = "select
                (select count(distinct kc.customer_id) from key_customers kc
                    where kc.organization_id = $1 and kc.key_id = any ($2)) as customers,
                (select coalesce(sum(u.count), 0)::bigint from key_usage u
                    where u.organization_id = $1 and u.key_id = any ($2)
                      and u.hour >= date_trunc('hour', $3 - interval '24 hours')) as calls";
        let statement = sqlx::query(sql).bind(self.organization()).bind(uuids(keys)).bind(self.now);
        let row = self.session.one(statement).await?;
        Ok(SelectionSummary { customers: row.try_get("customers")?, calls: row.try_get("calls")? })
    }
}

impl Write {
    /// Holds these keys of a selection, and says whether they are still of it.
    pub async fn hold_keys(&mut self, keys: &[KeyId], selection: &KeySelection) -> Result<bool, Error> {
        // In the order of their ids, as everybody locks several keys. They are looked at again once they are held: they may
        // have changed while this waited for them.
        let sql = "select id from keys where organization_id = $1 and id = any ($2) order by id for no key update";
        let statement = sqlx::query(sql).bind(self.organization()).bind(uuids(keys));
        self.rows.session.all(statement).await?;
        let held = KeySelection { keys: Some(keys.to_vec()), ..selection.clone() };
        Ok(self.select_keys(&held).await? == keys)
    }

    /// Cuts off keys that are held, and answers with one receipt: of the last of them, whose version is published together
    /// with those of all others.
    pub async fn revoke_keys(
        &mut self,
        keys: &[KeyId],
        reason: RevokeReason,
        note: Option<&str>,
    ) -> Result<Option<Receipt>, Error> {
        if reason == RevokeReason::Compromised {
            self.compromise_secrets_of(keys).await?;
        }
        let sql = "update keys
            set revoked_at = coalesce(revoked_at, $3), revoke_reason = $4, revoke_note = $5,
                generation = generation + 1, updated_at = $3
            where organization_id = $1 and id = any ($2)
            returning id, generation";
        let statement = sqlx::query(sql)
            .bind(self.organization())
            .bind(uuids(keys))
            .bind(self.now)
            .bind(reason.name())
            .bind(note.map(str::to_owned));
        let mut last = None;
        for row in self.rows.session.all(statement).await? {
            let made = (KeyId::from_uuid(row.try_get("id")?), row.try_get("generation")?);
            self.bump(Subject::Key(made.0), made.1);
            last = last.max(Some(made));
        }
        let Some((key_id, generation)) = last else { return Ok(None) };
        let receipt = Receipt { id: ReceiptId::mint(self.now), key_id, generation, created_at: self.now };
        let sql = "insert into receipts (organization_id, id, key_id, generation, created_at)
            values ($1, $2, $3, $4, $5)";
        let statement = sqlx::query(sql)
            .bind(self.organization())
            .bind(receipt.id.uuid())
            .bind(key_id.uuid())
            .bind(generation)
            .bind(self.now);
        self.rows.session.execute(statement).await?;
        // No outbox row names it: a worker publishes the versions one by one, and the receipt is of all of them.
        Ok(Some(receipt))
    }

    /// [`Self::compromise_secrets`] of many keys.
    async fn compromise_secrets_of(&mut self, keys: &[KeyId]) -> Result<(), Error> {
        let sql = "update secrets s
            set is_compromised = true, retires_at = least(s.retires_at, $3)
            where s.organization_id = $1 and s.key_id = any ($2) and not s.is_compromised
              and (s.retires_at is null or s.retires_at > $3 or s.id = (
                  select newest.id from secrets newest
                  where newest.organization_id = $1 and newest.key_id = s.key_id
                  order by newest.created_at desc, newest.id desc limit 1))";
        let statement = sqlx::query(sql).bind(self.organization()).bind(uuids(keys)).bind(self.now);
        self.rows.session.execute(statement).await.map(drop)
    }
}

fn uuids(keys: &[KeyId]) -> Vec<Uuid> {
    keys.iter().map(|key| key.uuid()).collect()
}
