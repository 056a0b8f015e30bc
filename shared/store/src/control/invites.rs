//! Invitations: links that make somebody a member, once.

use chrono::{DateTime, TimeDelta, Utc};
use domain::email::Email;
use domain::ids::{InviteId, OrganizationId, UserId};
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, Row};
use uuid::Uuid;

use super::TokenHash;
use super::memberships::Roles;
use super::transaction::{ControlRows, ControlWrite};
use crate::error::Error;

/// The roles that an invitation gives.
pub type InviteRoles = Roles;

const COLUMNS: &str = "i.id, i.organization_id, i.email, i.role_production, i.role_staging, i.role_development, \
    i.inviter_id, i.created_at, i.expires_at";

/// An invitation that was neither used nor taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invite {
    /// Its id.
    pub id: InviteId,
    /// Where to.
    pub organization: OrganizationId,
    /// Who is meant.
    pub email: String,
    /// As what.
    pub roles: InviteRoles,
    /// Who invites; `None` for the server's administrator.
    pub inviter: Option<UserId>,
    /// Since when.
    pub created_at: DateTime<Utc>,
    /// Until when.
    pub expires_at: DateTime<Utc>,
}

impl ControlRows {
    /// The invitation of a link, unless its time is over.
    pub async fn find_invite_by_token(&mut self, token_hash: &TokenHash) -> Result<Option<Invite>, Error> {
        let sql = format!(
            "select {COLUMNS} from invites i join organizations o on o.id = i.organization_id
            where i.token_hash = $1 and i.expires_at > $2 and i.used_at is null and i.ended_at is null
              and o.deleted_at is null"
        );
        let statement = sqlx::query(AssertSqlSafe(sql)).bind(token_hash.to_vec()).bind(self.now);
        self.session.optional(statement).await?.as_ref().map(read_invite).transpose()
    }
}

impl ControlWrite {
    /// Invites somebody. One that is open for the same address ends with it.
    pub async fn insert_invite(
        &mut self,
        (organization, email): (OrganizationId, &Email),
        roles: &InviteRoles,
        inviter: Option<UserId>,
        (token_hash, lifetime): (&TokenHash, TimeDelta),
    ) -> Result<InviteId, Error> {
        let sql = "update invites set ended_at = $3
            where organization_id = $1 and email_canonical = $2 and used_at is null and ended_at is null";
        let end = sqlx::query(sql).bind(organization.uuid()).bind(email.canonical()).bind(self.now);
        self.rows.session.execute(end).await?;
        let id = InviteId::mint(self.now);
        let sql = "insert into invites
                (id, organization_id, token_hash, email, email_canonical, role_production, role_staging, role_development,
                inviter_id, created_at, expires_at)
            values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
        let insert = sqlx::query(sql)
            .bind(id.uuid())
            .bind(organization.uuid())
            .bind(token_hash.to_vec())
            .bind(email.as_str())
            .bind(email.canonical())
            .bind(roles.production.clone())
            .bind(roles.staging.clone())
            .bind(roles.development.clone())
            .bind(inviter.map(UserId::uuid))
            .bind(self.now)
            .bind(self.now + lifetime);
        self.rows.session.execute(insert).await?;
        Ok(id)
    }

    /// Uses the invitation of a link. One of all who try is given it.
    pub async fn take_invite(&mut self, token_hash: &TokenHash) -> Result<Option<Invite>, Error> {
        let sql = format!(
            "update invites i set used_at = $2 from organizations o
            where o.id = i.organization_id and o.deleted_at is null
              and i.token_hash = $1 and i.expires_at > $2 and i.used_at is null and i.ended_at is null
            returning {COLUMNS}"
        );
        let statement = sqlx::query(AssertSqlSafe(sql)).bind(token_hash.to_vec()).bind(self.now);
        self.rows.session.optional(statement).await?.as_ref().map(read_invite).transpose()
    }

    /// Ends the open invitations of somebody who may not invite any more: to one organization, or to all with `None`.
    pub async fn end_invites_by(
        &mut self,
        inviter: UserId,
        organization: Option<OrganizationId>,
    ) -> Result<u64, Error> {
        let sql = "update invites set ended_at = $3
            where inviter_id = $1 and ($2::uuid is null or organization_id = $2) and used_at is null and ended_at is null";
        let statement =
            sqlx::query(sql).bind(inviter.uuid()).bind(organization.map(OrganizationId::uuid)).bind(self.now);
        self.rows.session.execute(statement).await
    }
}

fn read_invite(row: &PgRow) -> Result<Invite, Error> {
    Ok(Invite {
        id: InviteId::from_uuid(row.try_get::<Uuid, _>("id")?),
        organization: OrganizationId::from_uuid(row.try_get::<Uuid, _>("organization_id")?),
        email: row.try_get("email")?,
        roles: Roles::read(row)?,
        inviter: row.try_get::<Option<Uuid>, _>("inviter_id")?.map(UserId::from_uuid),
        created_at: row.try_get("created_at")?,
        expires_at: row.try_get("expires_at")?,
    })
}
