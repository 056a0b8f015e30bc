//! The permissions of an organization's own API: adding them and giving them up.
//!
//! A key that was given a name holds it for as long as the organization has it, and no longer: what is given up and added
//! again is another permission of the same name. The organization's version in which a name was added tells them apart.

use domain::permission::PermissionName;
use sqlx::AssertSqlSafe;

use crate::decode::texts;
use crate::error::{Error, conflict};
use crate::organizations::{COLUMNS, Organization};
use crate::write::Write;

/// The most that an organization has.
pub const PERMISSIONS_MAX: usize = 200;

impl Write {
    /// Adds names that the organization does not have yet.
    pub async fn insert_permissions(&mut self, names: &[PermissionName]) -> Result<Option<Organization>, Error> {
        let sql = format!(
            "update organizations
            set permissions = array(select own from unnest(permissions || $2) own order by own collate \"C\"),
                permission_since = permission_since || (
                    select jsonb_object_agg(added.name, generation + 1) from unnest($2) added (name)),
                generation = generation + 1, updated_at = $3
            where id = $1 and deleted_at is null and not permissions && $2
            returning {COLUMNS}"
        );
        let statement =
            sqlx::query(AssertSqlSafe(sql)).bind(self.organization()).bind(texts(names)).bind(self.rows.now);
        let Some(row) = self.rows.session.optional(statement).await? else {
            return match self.find_organization().await? {
                Some(_) => Err(Error::conflict(conflict::PERMISSION_EXISTS)),
                None => Ok(None),
            };
        };
        let organization = self.bumped_organization(&row)?;
        if organization.permissions.len() > PERMISSIONS_MAX {
            return Err(Error::conflict(conflict::PERMISSIONS_FULL));
        }
        Ok(Some(organization))
    }

    /// Gives up a name: it counts no more on any key. `None` when the organization does not have it.
    pub async fn delete_permission(&mut self, name: &PermissionName) -> Result<Option<Organization>, Error> {
        let sql = format!(
            "update organizations
            set permissions = array_remove(permissions, $2), permission_since = permission_since - $2,
                generation = generation + 1, updated_at = $3
            where id = $1 and deleted_at is null and $2 = any (permissions)
            returning {COLUMNS}"
        );
        let statement = sqlx::query(AssertSqlSafe(sql))
            .bind(self.organization())
            .bind(name.as_str().to_owned())
            .bind(self.rows.now);
        let row = self.rows.session.optional(statement).await?;
        row.as_ref().map(|row| self.bumped_organization(row)).transpose()
    }
}
