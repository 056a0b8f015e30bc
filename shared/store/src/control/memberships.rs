//! Who belongs to which organization, with which role in each environment.

use domain::environment::Environment;
use domain::ids::{MemberId, OrganizationId, UserId};
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, Row};
use uuid::Uuid;

use super::organizations::{ControlOrganization, ORGANIZATION_COLUMNS, read_organization};
use super::transaction::{ControlRows, ControlWrite};
use crate::error::Error;

/// A role for each environment: a built-in one's name, the id of one of the environment's own, or `None` for none there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Roles {
    /// In production.
    pub production: Option<String>,
    /// In staging.
    pub staging: Option<String>,
    /// In development.
    pub development: Option<String>,
}

/// A person in an organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// The member's id.
    pub id: MemberId,
    /// Where.
    pub organization: ControlOrganization,
    /// As what.
    pub roles: Roles,
}

impl Roles {
    /// The same role everywhere.
    pub fn everywhere(role: &str) -> Self {
        let role = Some(role.to_owned());
        Self { production: role.clone(), staging: role.clone(), development: role }
    }

    /// The role in one environment.
    pub fn of(&self, environment: Environment) -> Option<&str> {
        match environment {
            Environment::Production => self.production.as_deref(),
            Environment::Staging => self.staging.as_deref(),
            Environment::Development => self.development.as_deref(),
        }
    }

    /// Whether the role is held in any environment.
    pub fn has(&self, role: &str) -> bool {
        Environment::ALL.into_iter().any(|environment| self.of(environment) == Some(role))
    }

    pub(super) fn read(row: &PgRow) -> Result<Self, Error> {
        Ok(Self {
            production: row.try_get("role_production")?,
            staging: row.try_get("role_staging")?,
            development: row.try_get("role_development")?,
        })
    }
}

impl ControlRows {
    /// The organizations that a person belongs to, by their names.
    pub async fn list_memberships(&mut self, user: UserId) -> Result<Vec<Membership>, Error> {
        let sql = format!(
            "select {ORGANIZATION_COLUMNS}, m.id as member_id, m.role_production, m.role_staging, m.role_development
            from memberships m join organizations o on o.id = m.organization_id
            where m.user_id = $1 and o.deleted_at is null
            order by o.name, o.id
            limit 500"
        );
        let rows = self.session.all(sqlx::query(AssertSqlSafe(sql)).bind(user.uuid())).await?;
        rows.iter().map(read_membership).collect()
    }
}

impl ControlWrite {
    /// Makes a person a member. `Conflict("memberships_person_unique")` where it is one.
    pub async fn insert_membership(
        &mut self,
        organization: OrganizationId,
        user: UserId,
        roles: &Roles,
    ) -> Result<MemberId, Error> {
        let id = MemberId::mint(self.now);
        let sql = "insert into memberships
                (id, user_id, organization_id, role_production, role_staging, role_development, joined_at, updated_at)
            values ($1, $2, $3, $4, $5, $6, $7, $7)";
        let statement = sqlx::query(sql)
            .bind(id.uuid())
            .bind(user.uuid())
            .bind(organization.uuid())
            .bind(roles.production.clone())
            .bind(roles.staging.clone())
            .bind(roles.development.clone())
            .bind(self.now);
        self.rows.session.execute(statement).await?;
        Ok(id)
    }
}

fn read_membership(row: &PgRow) -> Result<Membership, Error> {
    Ok(Membership {
        id: MemberId::from_uuid(row.try_get::<Uuid, _>("member_id")?),
        organization: read_organization(row)?,
        roles: Roles::read(row)?,
    })
}
