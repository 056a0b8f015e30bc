//! Credits: balances that verification spends. They change without a new version of their key.

use chrono::{DateTime, Utc};
use domain::ids::{KeyId, OrganizationId};
use domain::policy::{Credits, Refill, RefillInterval};
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, Row};

use crate::error::Error;
use crate::keys::CreditsChange;
use crate::rows::Rows;
use crate::session::{Mode, RowAccess};
use crate::store::Store;
use crate::write::Write;

/// What spending came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spent {
    /// Whether the balance was enough; if not, nothing was taken.
    pub is_enough: bool,
    /// What is left.
    pub remaining: i64,
}

impl Store {
    /// Takes `cost` from a key's balance if it is enough, after any refill that is due; a cost of 0 only looks.
    /// `None` when the key has no balance.
    pub async fn spend_credits(
        &self,
        organization: OrganizationId,
        key: KeyId,
        cost: i64,
    ) -> Result<Option<Spent>, Error> {
        let (mut session, now) = self.session_at(Mode::Write, RowAccess::Organization(organization)).await?;
        let sql = "select remaining, refill_amount, refill_interval, refill_day, refill_at, $3 as now
            from credits
            where organization_id = $1 and key_id = $2
            for no key update";
        let statement = sqlx::query(sql).bind(organization.uuid()).bind(key.uuid()).bind(now);
        let Some(row) = session.optional(statement).await? else { return Ok(None) };
        let Some(credits) = read_credits(&row)? else { return Ok(None) };
        let is_enough = credits.remaining >= cost;
        let remaining = if is_enough { credits.remaining - cost } else { credits.remaining };
        let sql = "update credits set remaining = $3, refill_at = $4 where organization_id = $1 and key_id = $2";
        let statement = sqlx::query(sql)
            .bind(organization.uuid())
            .bind(key.uuid())
            .bind(remaining)
            .bind(credits.refill.map(|refill| refill.next_after(now)));
        session.execute(statement).await?;
        session.commit().await?;
        Ok(Some(Spent { is_enough, remaining }))
    }

    /// Gives back what a later check refused.
    pub async fn give_back_credits(&self, organization: OrganizationId, key: KeyId, cost: i64) -> Result<(), Error> {
        let (mut session, _) = self.session_at(Mode::Write, RowAccess::Organization(organization)).await?;
        let sql = "update credits set remaining = remaining + $3 where organization_id = $1 and key_id = $2";
        session.execute(sqlx::query(sql).bind(organization.uuid()).bind(key.uuid()).bind(cost.max(0))).await?;
        session.commit().await
    }
}

impl Rows {
    /// What a key of this organization has left, whether the scope sees it or not; `None` when it has no balance.
    pub async fn find_credits(&mut self, key: KeyId) -> Result<Option<Credits>, Error> {
        self.read_balance(key, "").await
    }

    async fn read_balance(&mut self, key: KeyId, lock: &'static str) -> Result<Option<Credits>, Error> {
        let sql = format!(
            "select remaining, refill_amount, refill_interval, refill_day, refill_at, $3 as now
            from credits
            where organization_id = $1 and key_id = $2 {lock}"
        );
        let statement = sqlx::query(AssertSqlSafe(sql)).bind(self.organization()).bind(key.uuid()).bind(self.now);
        Ok(self.session.optional(statement).await?.as_ref().map(read_credits).transpose()?.flatten())
    }
}

impl Write {
    /// The same, and nobody spends of it before this change ends.
    pub async fn hold_credits(&mut self, key: KeyId) -> Result<Option<Credits>, Error> {
        self.read_balance(key, "for no key update").await
    }

    pub(crate) async fn update_credits(&mut self, key: KeyId, change: &CreditsChange) -> Result<(), Error> {
        let (sql, credits) = match change {
            CreditsChange::Keep => return Ok(()),
            CreditsChange::Set(None) => {
                let sql = "delete from credits where organization_id = $1 and key_id = $2";
                let statement = sqlx::query(sql).bind(self.organization()).bind(key.uuid());
                return self.rows.session.execute(statement).await.map(drop);
            }
            CreditsChange::Set(Some(credits)) => (
                "insert into credits
                    (organization_id, key_id, remaining, refill_amount, refill_interval, refill_day, refill_at)
                values ($1, $2, $3, $4, $5, $6, $7)
                on conflict (organization_id, key_id) do update
                set remaining = excluded.remaining, refill_amount = excluded.refill_amount,
                    refill_interval = excluded.refill_interval, refill_day = excluded.refill_day,
                    refill_at = excluded.refill_at",
                credits,
            ),
        };
        let refill = credits.refill;
        let statement = sqlx::query(sql)
            .bind(self.organization())
            .bind(key.uuid())
            .bind(credits.remaining)
            .bind(refill.map(|refill| refill.amount))
            .bind(refill.map(|refill| refill.interval.name()))
            .bind(refill.map(|refill| i16::from(refill.day)))
            .bind(refill.map(|refill| refill.next_after(self.now)));
        self.rows.session.execute(statement).await.map(drop)
    }
}

/// The balance as of the row's `now`: filled up already where a refill is due.
pub(crate) fn read_credits(row: &PgRow) -> Result<Option<Credits>, Error> {
    let Some(remaining) = row.try_get::<Option<i64>, _>("remaining")? else { return Ok(None) };
    let refill = read_refill(row)?;
    let refill_at: Option<DateTime<Utc>> = row.try_get("refill_at")?;
    let now: DateTime<Utc> = row.try_get("now")?;
    let is_due = refill_at.is_some_and(|at| at <= now);
    let remaining = refill.filter(|_| is_due).map_or(remaining, |refill| refill.amount);
    Ok(Some(Credits { remaining, refill }))
}

fn read_refill(row: &PgRow) -> Result<Option<Refill>, Error> {
    let Some(interval) = row.try_get::<Option<&str>, _>("refill_interval")? else { return Ok(None) };
    let interval = match interval {
        "daily" => RefillInterval::Daily,
        "monthly" => RefillInterval::Monthly,
        other => return Err(Error::unreadable(format!("no refill interval is called {other}"))),
    };
    let day = u8::try_from(row.try_get::<i16, _>("refill_day")?).map_err(Error::unreadable)?;
    Ok(Some(Refill { amount: row.try_get("refill_amount")?, interval, day }))
}
