//! What a key was given and still counts: names that its organization has given up do not.

use domain::permission::{Permission, PermissionName};
use sqlx::Row;
use sqlx::postgres::PgRow;

use crate::decode;
use crate::error::Error;

/// Beside `keys k`: its organization `o`, and as `own_permissions` those names of the key's list that the organization still
/// has, as it had them when they were given.
pub(crate) const GRANTED: &str = "join organizations o on o.id = k.organization_id \
    cross join lateral (select array(select given.name from unnest(k.permissions) given (name) \
        where given.name = any (o.permissions) \
            and coalesce((o.permission_since ->> given.name)::bigint, 0) <= k.permissions_since) as own_permissions) g";

/// What still counts of a row's `permissions`: wildcards, the catalogue's, and of the others what [`GRANTED`] has
/// left as `own_permissions`.
pub(crate) fn read_counting(row: &PgRow) -> Result<Vec<PermissionName>, Error> {
    let mut permissions = decode::permissions(row, "permissions")?;
    let own: Vec<String> = row.try_get("own_permissions")?;
    permissions.retain(|name| counts(name, &own));
    Ok(permissions)
}

pub(crate) fn counts(name: &PermissionName, own: &[String]) -> bool {
    name.is_wildcard() || Permission::find(name.as_str()).is_some() || own.iter().any(|own| own == name.as_str())
}
