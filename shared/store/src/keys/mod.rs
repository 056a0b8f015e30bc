//! Keys as rows: what they are, and the one query through which all of them are seen.

mod bulk;
mod lifecycle;
mod list;
mod secrets;
mod sort;
mod violations;
mod write;

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use domain::environment::Environment;
use domain::ids::{CustomerId, KeyId, OrganizationId};
use domain::permission::PermissionName;
use domain::policy::{self, AllOr, Credits, KeyKind, KeyStatus, Policy, RevokeReason};
use domain::role::{self, HeldRole};
use domain::secret;
use serde_json::{Map, Value};
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;
use sqlx::{Arguments, AssertSqlSafe, Postgres, QueryBuilder, Row};
use uuid::Uuid;

use crate::credits::read_credits;
use crate::decode;
use crate::error::Error;
use crate::granted::{GRANTED, HELD_ROLES, read_counting, read_held};
use crate::rows::Rows;

pub use bulk::{KeySelection, SELECTED_KEYS_MAX, SelectionSummary};
pub use list::{KeyCount, KeyFilter};
pub(crate) use secrets::read_hash;
pub use secrets::{NewSecret, Secret};
pub use sort::{KeySort, KeySortBy};
pub use write::{CreditsChange, KeyChange};

/// A key as its rows stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Its id, which never changes.
    pub id: KeyId,
    /// The organization that owns it; the installation for a root key.
    pub organization_id: OrganizationId,
    /// Root or organization.
    pub kind: KeyKind,
    /// Its name.
    pub name: String,
    /// The text before the tag of its newest secret.
    pub prefix: String,
    /// The public part of its newest secret.
    pub lookup_id: String,
    /// The last four characters of its newest secret.
    pub last4: String,
    /// What lists show of its newest secret, if that is not of our form.
    pub hint: Option<String>,
    /// What binds it, with the permissions that it was given by name.
    pub policy: Policy,
    /// Its roles, by id.
    pub roles: Vec<HeldRole>,
    /// The balance that verification spends.
    pub credits: Option<Credits>,
    /// The organization's own notes.
    pub metadata: Map<String, Value>,
    /// The organization's own marks.
    pub tags: Vec<String>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// Who made it.
    pub created_by: String,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
    /// When one of its secrets was last presented.
    pub last_used_at: Option<DateTime<Utc>>,
    /// From where.
    pub last_used_ip: Option<IpAddr>,
    /// Since when it is cut off.
    pub revoked_at: Option<DateTime<Utc>>,
    /// Why.
    pub revoke_reason: Option<RevokeReason>,
    /// Why, in somebody's words.
    pub revoke_note: Option<String>,
    /// How many of its secrets have not been retired.
    pub secrets_active: i64,
    /// The version of the key and its secrets.
    pub generation: i64,
}

/// The columns of [`read_row`]. $4 is the instant.
const COLUMNS: &str = "k.organization_id, k.id, k.kind, k.name, k.permissions, g.own_permissions, hr.held_roles, k.domains, \
    k.is_for_all_customers, k.ips, k.not_before, k.expires_at, k.limits, k.metadata, k.tags, \
    k.revoked_at, k.revoke_reason, k.revoke_note, k.generation, k.created_at, k.created_by, k.updated_at, \
    array(select kc.customer_id from key_customers kc \
        where kc.organization_id = k.organization_id and kc.key_id = k.id order by kc.customer_id) as customers, \
    s.prefix, s.lookup_id, s.last4, s.hint, u.last_used_at, u.last_used_ip, u.secrets_active, \
    c.remaining, c.refill_amount, c.refill_interval, c.refill_day, c.refill_hours, c.refill_at, $4 as now";

/// What [`COLUMNS`] needs beside `keys k`, [`GRANTED`] and [`HELD_ROLES`].
const BESIDE: &str = "join lateral (select n.prefix, n.lookup_id, n.last4, n.hint from secrets n \
        where n.organization_id = k.organization_id and n.key_id = k.id \
        order by n.created_at desc, n.id desc limit 1) s on true \
    cross join lateral (select max(a.last_used_at) as last_used_at, \
        (array_agg(a.last_used_ip order by a.last_used_at desc nulls last))[1] as last_used_ip, \
        count(*) filter (where not a.is_duplicated and (a.retires_at is null or a.retires_at > $4)) as secrets_active \
        from secrets a where a.organization_id = k.organization_id and a.key_id = k.id) u \
    left join credits c on c.organization_id = k.organization_id and c.key_id = k.id";

/// Which keys a scope sees: $1 is the organization, $2 its customers and $3 its domains, each null for all.
///
/// A limited scope sees only keys that are limited at least as much.
pub(crate) const VISIBLE: &str = "k.organization_id = $1 \
    and ($2::uuid[] is null or (not k.is_for_all_customers \
        and exists (select 1 from key_customers kc \
            where kc.organization_id = k.organization_id and kc.key_id = k.id) \
        and not exists (select 1 from key_customers kc \
            where kc.organization_id = k.organization_id and kc.key_id = k.id and kc.customer_id <> all ($2)))) \
    and ($3::text[] is null or (k.domains <> '{}' and k.domains <@ $3))";

/// [`domain::policy::status`] in SQL. $4 is the instant.
const STATUS: &str = "case when k.revoked_at is not null then 'inactive' \
    when k.expires_at <= $4 then 'expired' \
    when k.not_before > $4 then 'scheduled' \
    else 'active' end";

/// What the index `keys_organization_ending_index` holds: all that is, was or will be anything but active.
const ENDING: &str = " and (k.revoked_at is not null or k.expires_at is not null or k.not_before is not null)";

impl Key {
    /// What lists show of its newest secret.
    pub fn shown_hint(&self, environment: Environment) -> String {
        let own = || secret::hint(&self.prefix, environment, &self.lookup_id, &self.last4);
        self.hint.clone().unwrap_or_else(own)
    }

    /// Whether it works at `now`.
    pub fn status(&self, now: DateTime<Utc>) -> KeyStatus {
        policy::status(self.revoked_at, &self.policy, now)
    }

    /// Everything that it holds, of its own and by its roles: sorted, without repetition.
    pub fn effective_permissions(&self) -> Vec<PermissionName> {
        role::effective(&self.policy.permissions, &self.roles)
    }

    /// What binds it, with everything that it holds.
    pub fn effective_policy(&self) -> Policy {
        Policy { permissions: self.effective_permissions(), ..self.policy.clone() }
    }
}

impl Rows {
    /// The key with this id, if it is in scope and has not been deleted.
    pub async fn find_key(&mut self, id: KeyId) -> Result<Option<Key>, Error> {
        let sql = format!(
            "select {COLUMNS} from keys k {GRANTED} {HELD_ROLES} {BESIDE}
            where {VISIBLE} and k.deleted_at is null and k.id = $5"
        );
        let statement = self.of_scope(sql).bind(id.uuid());
        self.session.optional(statement).await?.as_ref().map(read_row).transpose()
    }

    /// The beginning of a statement that is put together, with the scope as $1 to $3 and the instant as $4.
    fn scoped(&self, sql: String) -> QueryBuilder<Postgres> {
        let mut arguments = PgArguments::default();
        let added = [
            arguments.add(self.organization()),
            arguments.add(self.bounds.customers.clone()),
            arguments.add(self.bounds.domains.clone()),
            arguments.add(self.now),
        ];
        added.into_iter().collect::<Result<(), _>>().expect("ids, texts and an instant can be written");
        QueryBuilder::with_arguments(sql, arguments)
    }

    /// A statement about keys, with the scope as $1 to $3 and the instant as $4.
    pub(crate) fn of_scope<'q>(&self, sql: String) -> Query<'q, Postgres, PgArguments> {
        sqlx::query(AssertSqlSafe(sql))
            .bind(self.organization())
            .bind(self.bounds.customers.clone())
            .bind(self.bounds.domains.clone())
            .bind(self.now)
    }
}

/// What binds a key, from the columns that lists and snapshots share.
pub(crate) fn read_policy(row: &PgRow) -> Result<Policy, Error> {
    let customers: Vec<Uuid> = row.try_get("customers")?;
    let is_for_all: bool = row.try_get("is_for_all_customers")?;
    Ok(Policy {
        permissions: read_counting(row)?,
        domains: decode::domains(row)?,
        customers: match is_for_all {
            true => AllOr::All,
            false => AllOr::Only(customers.into_iter().map(CustomerId::from_uuid).collect()),
        },
        ips: decode::ips(row)?,
        not_before: decode::instant(row, "not_before")?,
        expires_at: decode::instant(row, "expires_at")?,
        limits: decode::limits(row, "limits")?,
    })
}

pub(crate) fn read_kind(row: &PgRow) -> Result<KeyKind, Error> {
    match row.try_get("kind")? {
        "organization" => Ok(KeyKind::Organization),
        "root" => Ok(KeyKind::Root),
        other => Err(Error::unreadable(format!("no kind of key is called {other}"))),
    }
}

fn read_reason(row: &PgRow) -> Result<Option<RevokeReason>, Error> {
    let Some(text) = row.try_get::<Option<&str>, _>("revoke_reason")? else { return Ok(None) };
    let all = [
        RevokeReason::Compromised,
        RevokeReason::Superseded,
        RevokeReason::Unused,
        RevokeReason::OwnerLeft,
        RevokeReason::Other,
        RevokeReason::ScopeRemoved,
    ];
    let reason = all.into_iter().find(|reason| reason.name() == text);
    reason.map(Some).ok_or_else(|| Error::unreadable(format!("no reason is called {text}")))
}

fn read_row(row: &PgRow) -> Result<Key, Error> {
    Ok(Key {
        id: KeyId::from_uuid(row.try_get("id")?),
        organization_id: OrganizationId::from_uuid(row.try_get("organization_id")?),
        kind: read_kind(row)?,
        name: row.try_get("name")?,
        prefix: row.try_get("prefix")?,
        lookup_id: row.try_get("lookup_id")?,
        last4: row.try_get("last4")?,
        hint: row.try_get("hint")?,
        policy: read_policy(row)?,
        roles: read_held(row)?,
        credits: read_credits(row)?,
        metadata: decode::metadata(row)?,
        tags: row.try_get("tags")?,
        created_at: row.try_get("created_at")?,
        created_by: row.try_get("created_by")?,
        updated_at: row.try_get("updated_at")?,
        last_used_at: row.try_get("last_used_at")?,
        last_used_ip: decode::address(row, "last_used_ip")?,
        revoked_at: decode::instant(row, "revoked_at")?,
        revoke_reason: read_reason(row)?,
        revoke_note: row.try_get("revoke_note")?,
        secrets_active: row.try_get("secrets_active")?,
        generation: row.try_get("generation")?,
    })
}
