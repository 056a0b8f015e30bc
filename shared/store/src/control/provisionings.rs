//! An organization's place in each environment: wanted, there, or failed for now.

use chrono::{DateTime, TimeDelta, Utc};
use domain::environment::Environment;
use domain::ids::{OrganizationId, ProvisioningId};
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, Row};
use uuid::Uuid;

use super::transaction::{ControlRows, ControlWrite};
use crate::decode;
use crate::error::Error;

const COLUMNS: &str = "id, organization_id, environment, state, reason, attempts, next_attempt_at, updated_at";

/// An organization's place in one environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provisioning {
    /// Its id.
    pub id: ProvisioningId,
    /// Of which organization.
    pub organization: OrganizationId,
    /// Where.
    pub environment: Environment,
    /// How far it is.
    pub state: ProvisioningState,
    /// Why it failed the last time.
    pub reason: Option<String>,
    /// How often it was tried.
    pub attempts: i32,
    /// When it is tried again.
    pub next_attempt_at: Option<DateTime<Utc>>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
}

/// How far a place is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProvisioningState {
    /// It is to be.
    Wanted,
    /// It is there.
    Ready,
    /// It could not be made, and is tried again.
    Failed,
}

impl ProvisioningState {
    const ALL: [Self; 3] = [Self::Wanted, Self::Ready, Self::Failed];

    /// The word in rows and answers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Wanted => "wanted",
            Self::Ready => "ready",
            Self::Failed => "failed",
        }
    }
}

impl ControlRows {
    /// The places of an organization.
    pub async fn list_provisionings(&mut self, organization: OrganizationId) -> Result<Vec<Provisioning>, Error> {
        let sql = format!("select {COLUMNS} from provisionings where organization_id = $1 order by environment desc");
        let rows = self.session.all(sqlx::query(AssertSqlSafe(sql)).bind(organization.uuid())).await?;
        rows.iter().map(read_row).collect()
    }

    /// The places of many organizations.
    pub async fn list_provisionings_of(&mut self, all: &[OrganizationId]) -> Result<Vec<Provisioning>, Error> {
        let ids: Vec<Uuid> = all.iter().map(|id| id.uuid()).collect();
        let sql = format!("select {COLUMNS} from provisionings where organization_id = any ($1)");
        let rows = self.session.all(sqlx::query(AssertSqlSafe(sql)).bind(ids)).await?;
        rows.iter().map(read_row).collect()
    }
}

impl ControlWrite {
    /// Wants an organization to be in an environment, from now on or again at once. One that is there stays so.
    pub async fn want_provisioning(
        &mut self,
        organization: OrganizationId,
        environment: Environment,
    ) -> Result<Provisioning, Error> {
        let sql = format!(
            "insert into provisionings as p
                (id, organization_id, environment, state, next_attempt_at, created_at, updated_at)
            values ($1, $2, $3, 'wanted', $4, $4, $4)
            on conflict (organization_id, environment) do update
            set next_attempt_at = case when p.state = 'ready' then null else excluded.next_attempt_at end
            returning {COLUMNS}"
        );
        let statement = sqlx::query(AssertSqlSafe(sql))
            .bind(ProvisioningId::mint(self.now).uuid())
            .bind(organization.uuid())
            .bind(environment.name())
            .bind(self.now);
        read_row(&self.rows.session.one(statement).await?)
    }

    /// Takes what is to be tried now, so that nobody else tries it within `lease`.
    pub async fn take_due_provisionings(&mut self, lease: TimeDelta, most: i64) -> Result<Vec<Provisioning>, Error> {
        let sql = format!(
            "update provisionings set next_attempt_at = $2
            where id in (
                select id from provisionings where state <> 'ready' and next_attempt_at <= $1
                order by next_attempt_at limit $3 for update skip locked)
            returning {COLUMNS}"
        );
        let statement = sqlx::query(AssertSqlSafe(sql)).bind(self.now).bind(self.now + lease).bind(most);
        self.rows.session.all(statement).await?.iter().map(read_row).collect()
    }

    /// It is there.
    pub async fn finish_provisioning(
        &mut self,
        organization: OrganizationId,
        environment: Environment,
    ) -> Result<(), Error> {
        let sql = "update provisionings
            set state = 'ready', reason = null, attempts = attempts + 1, next_attempt_at = null, updated_at = $3
            where organization_id = $1 and environment = $2";
        let statement = sqlx::query(sql).bind(organization.uuid()).bind(environment.name()).bind(self.now);
        self.rows.session.execute(statement).await.map(drop)
    }

    /// It could not be made, and is tried again after `pause`.
    pub async fn fail_provisioning(
        &mut self,
        (organization, environment): (OrganizationId, Environment),
        reason: &str,
        pause: TimeDelta,
    ) -> Result<(), Error> {
        let sql = "update provisionings
            set state = 'failed', reason = $3, attempts = attempts + 1, next_attempt_at = $4, updated_at = $5
            where organization_id = $1 and environment = $2 and state <> 'ready'";
        let statement = sqlx::query(sql)
            .bind(organization.uuid())
            .bind(environment.name())
            .bind(reason.to_owned())
            .bind(self.now + pause)
            .bind(self.now);
        self.rows.session.execute(statement).await.map(drop)
    }
}

fn read_row(row: &PgRow) -> Result<Provisioning, Error> {
    let (environment, state): (&str, &str) = (row.try_get("environment")?, row.try_get("state")?);
    let environment = Environment::ALL.into_iter().find(|known| known.name() == environment);
    let state = ProvisioningState::ALL.into_iter().find(|known| known.name() == state);
    Ok(Provisioning {
        id: ProvisioningId::from_uuid(row.try_get("id")?),
        organization: OrganizationId::from_uuid(row.try_get("organization_id")?),
        environment: environment.ok_or_else(|| Error::unreadable("an unknown environment"))?,
        state: state.ok_or_else(|| Error::unreadable("an unknown state"))?,
        reason: row.try_get("reason")?,
        attempts: row.try_get("attempts")?,
        next_attempt_at: decode::instant(row, "next_attempt_at")?,
        updated_at: row.try_get("updated_at")?,
    })
}
