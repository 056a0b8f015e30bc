//! The open invitations of an organization, for those who make them.

use chrono::{DateTime, TimeDelta, Utc};
use domain::ids::{InviteId, OrganizationId, UserId};
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, Row};
use uuid::Uuid;

use super::TokenHash;
use super::memberships::Roles;
use super::transaction::{ControlRows, ControlWrite};
use crate::error::Error;

const COLUMNS: &str = "i.id, i.email, i.role_production, i.role_staging, i.role_development, i.inviter_id, \
    u.email as inviter_email, u.name as inviter_name, i.created_at, i.expires_at";
const OPEN: &str = "i.organization_id = $1 and i.used_at is null and i.ended_at is null";

/// An invitation that was neither used nor taken back; its time may be over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenInvite {
    /// Its id.
    pub id: InviteId,
    /// Who is meant.
    pub email: String,
    /// As what.
    pub roles: Roles,
    /// Who invites, with name and address; `None` for the server's administrator.
    pub inviter: Option<(UserId, String, String)>,
    /// Since when.
    pub created_at: DateTime<Utc>,
    /// Until when.
    pub expires_at: DateTime<Utc>,
}

impl ControlRows {
    /// The open invitations of an organization, the newest first.
    pub async fn list_invites(&mut self, organization: OrganizationId) -> Result<Vec<OpenInvite>, Error> {
        let sql = format!(
            "select {COLUMNS} from invites i left join users u on u.id = i.inviter_id
            where {OPEN} order by i.created_at desc, i.id desc limit 500"
        );
        let rows = self.session.all(sqlx::query(AssertSqlSafe(sql)).bind(organization.uuid())).await?;
        rows.iter().map(read_invite).collect()
    }

    /// One open invitation of an organization.
    pub async fn find_invite(
        &mut self,
        organization: OrganizationId,
        id: InviteId,
    ) -> Result<Option<OpenInvite>, Error> {
        let sql = format!(
            "select {COLUMNS} from invites i left join users u on u.id = i.inviter_id where {OPEN} and i.id = $2"
        );
        let statement = sqlx::query(AssertSqlSafe(sql)).bind(organization.uuid()).bind(id.uuid());
        self.session.optional(statement).await?.as_ref().map(read_invite).transpose()
    }
}

impl ControlWrite {
    /// Gives an open invitation another link, for so long; the one before leads nowhere any more.
    pub async fn renew_invite(
        &mut self,
        id: InviteId,
        (token_hash, lifetime): (&TokenHash, TimeDelta),
    ) -> Result<(), Error> {
        let sql = "update invites set token_hash = $2, expires_at = $3
            where id = $1 and used_at is null and ended_at is null";
        let statement = sqlx::query(sql).bind(id.uuid()).bind(token_hash.to_vec()).bind(self.now + lifetime);
        self.rows.session.execute(statement).await.map(drop)
    }

    /// Takes an open invitation back.
    pub async fn end_invite(&mut self, id: InviteId) -> Result<(), Error> {
        let sql = "update invites set ended_at = $2 where id = $1 and used_at is null and ended_at is null";
        self.rows.session.execute(sqlx::query(sql).bind(id.uuid()).bind(self.now)).await.map(drop)
    }
}

fn read_invite(row: &PgRow) -> Result<OpenInvite, Error> {
    let inviter: Option<Uuid> = row.try_get("inviter_id")?;
    let (email, name): (Option<String>, Option<String>) = (row.try_get("inviter_email")?, row.try_get("inviter_name")?);
    Ok(OpenInvite {
        id: InviteId::from_uuid(row.try_get::<Uuid, _>("id")?),
        email: row.try_get("email")?,
        roles: Roles::read(row)?,
        inviter: match (inviter, email, name) {
            (Some(id), Some(email), Some(name)) => Some((UserId::from_uuid(id), email, name)),
            (_, _, _) => None,
        },
        created_at: row.try_get("created_at")?,
        expires_at: row.try_get("expires_at")?,
    })
}
