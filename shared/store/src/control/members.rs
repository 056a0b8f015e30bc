//! The members of an organization, for those who manage them.

use chrono::{DateTime, Utc};
use domain::environment::Environment;
use domain::ids::{MemberId, OrganizationId, UserId};
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, Row};
use uuid::Uuid;

use super::memberships::Roles;
use super::transaction::{ControlRows, ControlWrite};
use crate::decode;
use crate::error::Error;

/// The most members that are listed.
const MEMBERS_MAX: i64 = 1_000;

const COLUMNS: &str = "m.id, m.user_id, m.role_production, m.role_staging, m.role_development, m.joined_at, \
    u.email, u.name, u.last_seen_at, u.disabled_at, \
    exists (select from second_factors f where f.user_id = u.id and f.confirmed_at is not null) as has_second_factor";

/// A member with the person behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrganizationMember {
    /// The member's id.
    pub id: MemberId,
    /// The person.
    pub user: UserId,
    /// Its address.
    pub email: String,
    /// Its name.
    pub name: String,
    /// The role in each environment.
    pub roles: Roles,
    /// Signs in with a code, too.
    pub has_second_factor: bool,
    /// The last request of any session.
    pub last_seen_at: Option<DateTime<Utc>>,
    /// Since when the person may not sign in.
    pub disabled_at: Option<DateTime<Utc>>,
    /// Since when it is a member.
    pub joined_at: DateTime<Utc>,
}

impl ControlRows {
    /// The members of an organization by their names.
    pub async fn list_members(&mut self, organization: OrganizationId) -> Result<Vec<OrganizationMember>, Error> {
        let sql = format!(
            "select {COLUMNS} from memberships m join users u on u.id = m.user_id
            where m.organization_id = $1 order by lower(u.name), m.id limit $2"
        );
        let statement = sqlx::query(AssertSqlSafe(sql)).bind(organization.uuid()).bind(MEMBERS_MAX);
        self.session.all(statement).await?.iter().map(read_member).collect()
    }

    /// One member of an organization.
    pub async fn find_member(
        &mut self,
        organization: OrganizationId,
        id: MemberId,
    ) -> Result<Option<OrganizationMember>, Error> {
        let sql = format!(
            "select {COLUMNS} from memberships m join users u on u.id = m.user_id
            where m.organization_id = $1 and m.id = $2"
        );
        let statement = sqlx::query(AssertSqlSafe(sql)).bind(organization.uuid()).bind(id.uuid());
        self.session.optional(statement).await?.as_ref().map(read_member).transpose()
    }

    /// In which environments an organization has an owner beside this member who may sign in.
    pub async fn find_other_owners(
        &mut self,
        organization: OrganizationId,
        but: MemberId,
    ) -> Result<Vec<Environment>, Error> {
        let sql = "select coalesce(bool_or(m.role_production = 'owner'), false) as production,
                coalesce(bool_or(m.role_staging = 'owner'), false) as staging,
                coalesce(bool_or(m.role_development = 'owner'), false) as development
            from memberships m join users u on u.id = m.user_id
            where m.organization_id = $1 and m.id <> $2 and u.disabled_at is null";
        let row = self.session.one(sqlx::query(sql).bind(organization.uuid()).bind(but.uuid())).await?;
        let mut environments = Vec::new();
        for environment in Environment::ALL {
            if row.try_get(environment.name())? {
                environments.push(environment);
            }
        }
        Ok(environments)
    }
}

impl ControlWrite {
    /// Lets one change of an organization's members after the other pass, so that two cannot both leave the other as the last
    /// owner.
    pub async fn hold_members(&mut self, organization: OrganizationId) -> Result<(), Error> {
        let sql = "select 1 from organizations where id = $1 for no key update";
        self.rows.session.optional(sqlx::query(sql).bind(organization.uuid())).await.map(drop)
    }

    /// Gives a member other roles.
    pub async fn update_member_roles(&mut self, id: MemberId, roles: &Roles) -> Result<(), Error> {
        let sql = "update memberships
            set role_production = $2, role_staging = $3, role_development = $4, generation = generation + 1, updated_at = $5
            where id = $1";
        let statement = sqlx::query(sql)
            .bind(id.uuid())
            .bind(roles.production.clone())
            .bind(roles.staging.clone())
            .bind(roles.development.clone())
            .bind(self.now);
        self.rows.session.execute(statement).await.map(drop)
    }

    /// Ends a membership, and the invitations that the person made to the organization.
    pub async fn delete_member(
        &mut self,
        organization: OrganizationId,
        member: &OrganizationMember,
    ) -> Result<(), Error> {
        let sql = "delete from memberships where organization_id = $1 and id = $2";
        let statement = sqlx::query(sql).bind(organization.uuid()).bind(member.id.uuid());
        self.rows.session.execute(statement).await?;
        self.end_invites_by(member.user, Some(organization)).await.map(drop)
    }
}

fn read_member(row: &PgRow) -> Result<OrganizationMember, Error> {
    Ok(OrganizationMember {
        id: MemberId::from_uuid(row.try_get::<Uuid, _>("id")?),
        user: UserId::from_uuid(row.try_get::<Uuid, _>("user_id")?),
        email: row.try_get("email")?,
        name: row.try_get("name")?,
        roles: Roles::read(row)?,
        has_second_factor: row.try_get("has_second_factor")?,
        last_seen_at: decode::instant(row, "last_seen_at")?,
        disabled_at: decode::instant(row, "disabled_at")?,
        joined_at: row.try_get("joined_at")?,
    })
}
