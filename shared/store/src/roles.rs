//! Roles: named sets of permissions that an organization gives to its keys.
//!
//! A key keeps ids of roles. What they stand for is read with the key, under the organization's version, which every
//! verification compares: a change of a role makes another version of the organization, and of no key.

use chrono::{DateTime, Utc};
use domain::ids::{OrganizationId, RoleId};
use domain::names::{self, Name};
use domain::permission::PermissionName;
use domain::role::HeldRole;
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, Row};

use crate::decode::texts;
use crate::error::{Error, conflict};
use crate::generation::Subject;
use crate::granted::{GRANTED, read_counting};
use crate::page::{Page, Slice};
use crate::rows::Rows;
use crate::write::Write;

/// The most roles of an organization.
pub const ROLES_MAX: i64 = 200;

/// Of a role `k`: [`GRANTED`] reads what counts of it as it does of a key.
const COLUMNS: &str =
    "k.id, k.name, k.description, k.permissions, g.own_permissions, k.generation, k.created_at, k.updated_at";

/// A role as its row stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// Its id.
    pub id: RoleId,
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// What still counts of its permissions: sorted, without repetition.
    pub permissions: Vec<PermissionName>,
    /// The row's version.
    pub generation: i64,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
}

/// A role to be, or the whole of what can change about one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleChange {
    /// Its name.
    pub name: Name,
    /// What it is for.
    pub description: String,
    /// Sorted, without repetition.
    pub permissions: Vec<PermissionName>,
    /// The organization's version whose permissions it is given.
    pub permissions_since: i64,
}

impl RoleChange {
    /// Whether the role is like this already.
    fn is_met_by(&self, role: &Role) -> bool {
        self.name.as_str() == role.name && self.description == role.description && self.permissions == role.permissions
    }
}

impl From<&Role> for HeldRole {
    fn from(role: &Role) -> Self {
        Self { id: role.id, name: role.name.clone(), permissions: role.permissions.clone() }
    }
}

impl Rows {
    /// The role with this id or name.
    pub async fn find_role(&mut self, reference: &str) -> Result<Option<Role>, Error> {
        let id: Option<RoleId> = reference.parse().ok();
        let column = if id.is_some() { "k.id = $2" } else { "k.name_folded = $2" };
        let sql = format!("select {COLUMNS} from roles k {GRANTED} where k.organization_id = $1 and {column}");
        let statement = sqlx::query(AssertSqlSafe(sql)).bind(self.organization());
        let statement = match id {
            Some(id) => statement.bind(id.uuid()),
            None => statement.bind(names::fold(reference)),
        };
        self.session.optional(statement).await?.as_ref().map(read_row).transpose()
    }

    /// The roles of the organization, newest first, with `text` in the name.
    pub async fn list_roles(&mut self, text: Option<&str>, slice: &Slice) -> Result<Page<Role>, Error> {
        let sql = format!(
            "select {COLUMNS} from roles k {GRANTED}
            where k.organization_id = $1 and (k.created_at, k.id) < ($2, $3)
              and ($4::text is null or strpos(k.name_folded, $4) > 0)
            order by k.created_at desc, k.id desc
            limit $5"
        );
        let (after_at, after_id) = slice.position();
        let statement = sqlx::query(AssertSqlSafe(sql))
            .bind(self.organization())
            .bind(after_at)
            .bind(after_id)
            .bind(text.map(names::fold))
            .bind(slice.fetched());
        let rows = self.session.all(statement).await?;
        Page::read(&rows, slice, read_row)
    }
}

impl Write {
    /// Makes a role. No key has it yet, so that there is nothing to tell Redis.
    pub async fn insert_role(&mut self, new: &RoleChange) -> Result<Role, Error> {
        let hold = "select 1 from organizations where id = $1 and deleted_at is null for no key update";
        let organization = self.organization();
        if self.rows.session.optional(sqlx::query(hold).bind(organization)).await?.is_none() {
            return Err(Error::conflict("roles_organization_fkey"));
        }
        let id = RoleId::mint(self.now);
        let sql = "insert into roles
                (organization_id, id, name, name_folded, description, permissions, permissions_since, created_at, updated_at)
            values ($1, $2, $3, $4, $5, $6, $7, $8, $8)";
        let statement = sqlx::query(sql)
            .bind(organization)
            .bind(id.uuid())
            .bind(new.name.as_str())
            .bind(new.name.fold())
            .bind(new.description.clone())
            .bind(texts(&new.permissions))
            .bind(new.permissions_since)
            .bind(self.rows.now);
        self.rows.session.execute(statement).await?;
        let count = "select count(*) from roles where organization_id = $1";
        let roles: i64 = self.rows.session.one(sqlx::query(count).bind(organization)).await?.try_get(0)?;
        if roles > ROLES_MAX {
            return Err(Error::conflict(conflict::ROLES_FULL));
        }
        self.find_written_role(id).await
    }

    /// Changes the role that the caller saw at version `seen`, and with it what every key has that has the role; `None` when
    /// it has changed since or is gone.
    pub async fn update_role(&mut self, id: RoleId, seen: i64, change: &RoleChange) -> Result<Option<Role>, Error> {
        let Some(version) = self.hold_roles().await? else { return Ok(None) };
        let Some(before) = self.find_role(&id.to_string()).await?.filter(|role| role.generation == seen) else {
            return Ok(None);
        };
        if change.is_met_by(&before) {
            let subject = Subject::Organization(self.rows.bounds.organization);
            self.leave_unchanged(Some((subject, version)));
            return Ok(Some(before));
        }
        let sql = "update roles
            set name = $3, name_folded = $4, description = $5, permissions = $6, permissions_since = $7,
                generation = generation + 1, updated_at = $8
            where organization_id = $1 and id = $2";
        let statement = sqlx::query(sql)
            .bind(self.organization())
            .bind(id.uuid())
            .bind(change.name.as_str())
            .bind(change.name.fold())
            .bind(change.description.clone())
            .bind(texts(&change.permissions))
            .bind(change.permissions_since)
            .bind(self.rows.now);
        self.rows.session.execute(statement).await?;
        self.bump_roles().await?;
        self.find_written_role(id).await.map(Some)
    }

    /// Deletes a role: from now on it gives nothing to any key, and no other role has its id.
    pub async fn delete_role(&mut self, id: RoleId) -> Result<Option<Role>, Error> {
        if self.hold_roles().await?.is_none() {
            return Ok(None);
        }
        let Some(role) = self.find_role(&id.to_string()).await? else { return Ok(None) };
        let sql = "delete from roles where organization_id = $1 and id = $2";
        let statement = sqlx::query(sql).bind(self.organization()).bind(id.uuid());
        self.rows.session.execute(statement).await?;
        self.bump_roles().await?;
        Ok(Some(role))
    }

    /// Holds the roles of the organization: nobody else changes them before this change ends. The organization's version.
    async fn hold_roles(&mut self) -> Result<Option<i64>, Error> {
        let sql = "select generation from organizations where id = $1 and deleted_at is null for no key update";
        let statement = sqlx::query(sql).bind(self.organization());
        let row = self.rows.session.optional(statement).await?;
        row.map(|row| Ok(row.try_get("generation")?)).transpose()
    }

    /// Makes another version of the organization, under which its keys' roles are read again.
    async fn bump_roles(&mut self) -> Result<(), Error> {
        let sql = "update organizations set generation = generation + 1, updated_at = $2 where id = $1 returning id, generation";
        let statement = sqlx::query(sql).bind(self.organization()).bind(self.rows.now);
        let row = self.rows.session.one(statement).await?;
        let organization = OrganizationId::from_uuid(row.try_get("id")?);
        self.bump(Subject::Organization(organization), row.try_get("generation")?);
        Ok(())
    }

    async fn find_written_role(&mut self, id: RoleId) -> Result<Role, Error> {
        let role = self.find_role(&id.to_string()).await?;
        role.ok_or_else(|| Error::unreadable("a role that was written is not there"))
    }
}

fn read_row(row: &PgRow) -> Result<Role, Error> {
    Ok(Role {
        id: RoleId::from_uuid(row.try_get("id")?),
        name: row.try_get("name")?,
        description: row.try_get("description")?,
        permissions: read_counting(row)?,
        generation: row.try_get("generation")?,
        created_at: row.try_get("created_at")?,
        updated_at: row.try_get("updated_at")?,
    })
}
