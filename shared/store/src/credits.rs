//! Credits: balances that verification spends. They change without a new version of their key.

use chrono::{DateTime, Utc};
use domain::ids::{KeyId, OrganizationId};
use domain::policy::Credits;
use domain::refill::{Refill, RefillInterval};
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, Row};

use crate::error::Error;
use crate::keys::{CreditsChange, Key};
use crate::rows::Rows;
use crate::session::{Mode, RowAccess, Session};
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
    /// Takes `cost` from a key's balance if it is enough, after any refill that is due. `None` when the key has no balance.
    pub async fn spend_credits(
        &self,
        organization: OrganizationId,
        key: KeyId,
        cost: i64,
    ) -> Result<Option<Spent>, Error> {
        let (mut session, now) = self.session_at(Mode::Write, RowAccess::Organization(organization)).await?;
        let Some(credits) = find(&mut session, (organization, key, now), "for no key update").await? else {
            return Ok(None);
        };
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

    /// What a key has left, with any refill that is due. `None` when it has no balance.
    pub async fn find_balance(&self, organization: OrganizationId, key: KeyId) -> Result<Option<i64>, Error> {
        let (mut session, now) = self.session_at(Mode::Read, RowAccess::Organization(organization)).await?;
        let credits = find(&mut session, (organization, key, now), "").await?;
        Ok(credits.map(|credits| credits.remaining))
    }
}

impl Rows {
    /// What a key of this organization has left, whether the scope sees it or not; `None` when it has no balance.
    pub async fn find_credits(&mut self, key: KeyId) -> Result<Option<Credits>, Error> {
        self.read_balance(key, "").await
    }

    async fn read_balance(&mut self, key: KeyId, lock: &'static str) -> Result<Option<Credits>, Error> {
        let (organization, now) = (self.bounds.organization, self.now);
        find(&mut self.session, (organization, key, now), lock).await
    }
}

impl Write {
    /// The same, and nobody spends of it before this change ends.
    pub async fn hold_credits(&mut self, key: KeyId) -> Result<Option<Credits>, Error> {
        self.read_balance(key, "for no key update").await
    }

    /// A key in scope with its balance, neither of which anybody changes before this change ends.
    pub async fn hold_key_with_credits(&mut self, id: KeyId) -> Result<Option<Key>, Error> {
        if self.find_key(id).await?.is_none() {
            return Ok(None);
        }
        // The balance first, as a change of the policy does: whoever holds one and wants the other never waits in a circle.
        self.hold_credits(id).await?;
        if self.hold_key(id).await?.is_none() {
            return Ok(None);
        }
        self.find_key(id).await
    }

    /// Sets what is left to a key that was held with its balance, and leaves the refill as it is. No new version: whoever
    /// spends looks at the balance itself.
    pub async fn update_remaining(&mut self, held: &Key, remaining: i64) -> Result<Key, Error> {
        let refill = held.credits.as_ref().and_then(|credits| credits.refill);
        let credits = Some(Credits { remaining, refill });
        self.update_credits(held.id, &CreditsChange::Set(credits.clone())).await?;
        Ok(Key { credits, ..held.clone() })
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
                "insert into credits (organization_id, key_id, remaining,
                    refill_amount, refill_interval, refill_day, refill_hours, refill_at)
                values ($1, $2, $3, $4, $5, $6, $7, $8)
                on conflict (organization_id, key_id) do update
                set remaining = excluded.remaining, refill_amount = excluded.refill_amount,
                    refill_interval = excluded.refill_interval, refill_day = excluded.refill_day,
                    refill_hours = excluded.refill_hours, refill_at = excluded.refill_at",
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
            .bind(refill.map(|refill| i16::from(day_of(refill.interval))))
            .bind(refill.and_then(|refill| hours_of(refill.interval)))
            .bind(refill.map(|refill| refill.next_after(self.now)));
        self.rows.session.execute(statement).await.map(drop)
    }
}

async fn find(
    session: &mut Session,
    (organization, key, now): (OrganizationId, KeyId, DateTime<Utc>),
    lock: &'static str,
) -> Result<Option<Credits>, Error> {
    let sql = format!(
        "select remaining, refill_amount, refill_interval, refill_day, refill_hours, refill_at, $3 as now
        from credits
        where organization_id = $1 and key_id = $2 {lock}"
    );
    let statement = sqlx::query(AssertSqlSafe(sql)).bind(organization.uuid()).bind(key.uuid()).bind(now);
    Ok(session.optional(statement).await?.as_ref().map(read_credits).transpose()?.flatten())
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
    let day = || u8::try_from(row.try_get::<i16, _>("refill_day")?).map_err(Error::unreadable);
    let interval = match interval {
        "hourly" => {
            let hours = u16::try_from(row.try_get::<i16, _>("refill_hours")?).map_err(Error::unreadable)?;
            RefillInterval::Hourly { hours }
        }
        "daily" => RefillInterval::Daily,
        "weekly" => RefillInterval::Weekly { day: day()? },
        "monthly" => RefillInterval::Monthly { day: day()? },
        other => return Err(Error::unreadable(format!("no refill interval is called {other}"))),
    };
    Ok(Some(Refill { amount: row.try_get("refill_amount")?, interval }))
}

/// What the row has as its day: 1 where the interval has none.
const fn day_of(interval: RefillInterval) -> u8 {
    match interval {
        RefillInterval::Weekly { day } | RefillInterval::Monthly { day } => day,
        RefillInterval::Hourly { .. } | RefillInterval::Daily => 1,
    }
}

fn hours_of(interval: RefillInterval) -> Option<i16> {
    match interval {
        RefillInterval::Hourly { hours } => i16::try_from(hours).ok(),
        RefillInterval::Daily | RefillInterval::Weekly { .. } | RefillInterval::Monthly { .. } => None,
    }
}
