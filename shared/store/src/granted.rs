//! What a key or a role was given and still counts: names that its organization has given up do not.

use domain::ids::RoleId;
use domain::permission::{Permission, PermissionName};
use domain::role::HeldRole;
use serde::Deserialize;
use sqlx::Row;
use sqlx::postgres::PgRow;
use sqlx::types::Json;

use crate::decode;
use crate::error::Error;

/// Beside `keys k`: its organization `o`, and as `own_permissions` those names of the key's list that the organization still
/// has, as it had them when they were given.
pub(crate) const GRANTED: &str = "join organizations o on o.id = k.organization_id \
    cross join lateral (select array(select given.name from unnest(k.permissions) given (name) \
        where given.name = any (o.permissions) \
            and coalesce((o.permission_since ->> given.name)::bigint, 0) <= k.permissions_since) as own_permissions) g";

/// Beside `keys k` and its organization `o`: the key's roles as `held_roles`, each with those names of its list that the
/// organization still has.
pub(crate) const HELD_ROLES: &str = "cross join lateral (select coalesce(json_agg(json_build_object( \
        'id', r.id, 'name', r.name, 'permissions', r.permissions, 'own_permissions', \
        array(select given.name from unnest(r.permissions) given (name) \
            where given.name = any (o.permissions) \
                and coalesce((o.permission_since ->> given.name)::bigint, 0) <= r.permissions_since) \
        ) order by r.id), '[]') as held_roles \
    from roles r where r.organization_id = k.organization_id and r.id = any (k.roles)) hr";

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

/// The roles of a key, from [`HELD_ROLES`].
pub(crate) fn read_held(row: &PgRow) -> Result<Vec<HeldRole>, Error> {
    #[derive(Deserialize)]
    struct Held {
        id: uuid::Uuid,
        name: String,
        permissions: Vec<String>,
        own_permissions: Vec<String>,
    }
    let Json(held) = row.try_get::<Json<Vec<Held>>, _>("held_roles")?;
    let read = |role: Held| {
        let mut permissions = decode::names(&role.permissions)?;
        permissions.retain(|name| counts(name, &role.own_permissions));
        Ok(HeldRole { id: RoleId::from_uuid(role.id), name: role.name, permissions })
    };
    held.into_iter().map(read).collect()
}
