//! Limits without a key: namespaces with defaults, overrides of single identifiers, and the one version of them all.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use domain::ids::{OrganizationId, uuid_at};
use domain::limit_settings::{LimitSettings, NAMESPACES_MAX, Namespace, OVERRIDES_MAX, Rate};
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, Row};
use uuid::Uuid;

use crate::error::{Error, conflict};
use crate::generation::Subject;
use crate::page::{Page, Slice};
use crate::rows::Rows;
use crate::session::{Mode, RowAccess};
use crate::store::Store;
use crate::write::Write;

const COLUMNS: &str = "id, name, quota, window_ms, created_at, updated_at";
const OVERRIDE_COLUMNS: &str = "id, identifier, quota, window_ms, created_at, updated_at";

domain::ids! {
    /// An override of one identifier in one namespace of limits.
    LimitOverrideId = "lov";
}

/// A namespace as its row stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitNamespace {
    /// Where its overrides hang.
    pub id: Uuid,
    /// Its name.
    pub name: String,
    /// What holds for an identifier without an override.
    pub default: Option<Rate>,
    /// When it was first set.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// An override as its row stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitOverride {
    /// Its id.
    pub id: LimitOverrideId,
    /// Whom it is for.
    pub identifier: String,
    /// What holds for it.
    pub rate: Rate,
    /// When it was first set.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

impl Store {
    /// All that an organization has configured, as of one instant; `None` when there is no such organization.
    pub async fn find_limit_settings(&self, organization: OrganizationId) -> Result<Option<LimitSettings>, Error> {
        let (mut session, _) = self.session_at(Mode::Snapshot, RowAccess::Organization(organization)).await?;
        let sql = "select coalesce(s.generation, 0) as generation
            from organizations o
            left join limit_settings s on s.organization_id = o.id
            where o.id = $1 and o.deleted_at is null";
        let Some(row) = session.optional(sqlx::query(sql).bind(organization.uuid())).await? else { return Ok(None) };
        let generation = row.try_get("generation")?;
        if generation == 0 {
            return Ok(Some(LimitSettings { generation, namespaces: HashMap::new() }));
        }
        let sql = "select n.name, n.quota, n.window_ms,
                o.identifier, o.quota as override_quota, o.window_ms as override_window_ms
            from limit_namespaces n
            left join limit_overrides o on o.organization_id = n.organization_id and o.namespace_id = n.id
            where n.organization_id = $1";
        let rows = session.all(sqlx::query(sql).bind(organization.uuid())).await?;
        let mut namespaces: HashMap<String, Namespace> = HashMap::new();
        for row in &rows {
            let namespace = namespaces.entry(row.try_get("name")?).or_default();
            namespace.default = read_rate(row, "quota", "window_ms")?;
            if let Some(identifier) = row.try_get("identifier")?
                && let Some(rate) = read_rate(row, "override_quota", "override_window_ms")?
            {
                namespace.overrides.insert(identifier, rate);
            }
        }
        Ok(Some(LimitSettings { generation, namespaces }))
    }
}

impl Rows {
    /// The namespaces of the organization, newest first.
    pub async fn list_limit_namespaces(&mut self, slice: &Slice) -> Result<Page<LimitNamespace>, Error> {
        let sql = format!(
            "select {COLUMNS} from limit_namespaces
            where organization_id = $1 and (created_at, id) < ($2, $3)
            order by created_at desc, id desc
            limit $4"
        );
        let (after_at, after_id) = slice.position();
        let statement = sqlx::query(AssertSqlSafe(sql))
            .bind(self.organization())
            .bind(after_at)
            .bind(after_id)
            .bind(slice.fetched());
        let rows = self.session.all(statement).await?;
        Page::read(&rows, slice, read_namespace)
    }

    /// The namespace with this name.
    pub async fn find_limit_namespace(&mut self, name: &str) -> Result<Option<LimitNamespace>, Error> {
        let sql = format!("select {COLUMNS} from limit_namespaces where organization_id = $1 and name = $2");
        let statement = sqlx::query(AssertSqlSafe(sql)).bind(self.organization()).bind(name.to_owned());
        self.session.optional(statement).await?.as_ref().map(read_namespace).transpose()
    }

    /// The overrides of a namespace, newest first.
    pub async fn list_limit_overrides(
        &mut self,
        namespace: &LimitNamespace,
        slice: &Slice,
    ) -> Result<Page<LimitOverride>, Error> {
        let sql = format!(
            "select {OVERRIDE_COLUMNS} from limit_overrides
            where organization_id = $1 and namespace_id = $2 and (created_at, id) < ($3, $4)
            order by created_at desc, id desc
            limit $5"
        );
        let (after_at, after_id) = slice.position();
        let statement = sqlx::query(AssertSqlSafe(sql))
            .bind(self.organization())
            .bind(namespace.id)
            .bind(after_at)
            .bind(after_id)
            .bind(slice.fetched());
        let rows = self.session.all(statement).await?;
        Page::read(&rows, slice, read_override)
    }

    /// The override of an identifier.
    pub async fn find_limit_override(
        &mut self,
        namespace: &LimitNamespace,
        identifier: &str,
    ) -> Result<Option<LimitOverride>, Error> {
        let sql = format!(
            "select {OVERRIDE_COLUMNS} from limit_overrides
            where organization_id = $1 and namespace_id = $2 and identifier = $3"
        );
        let statement =
            sqlx::query(AssertSqlSafe(sql)).bind(self.organization()).bind(namespace.id).bind(identifier.to_owned());
        self.session.optional(statement).await?.as_ref().map(read_override).transpose()
    }
}

impl Write {
    /// Makes a namespace, or gives it another default. Nobody else changes the organization's before this change ends.
    pub async fn set_limit_namespace(&mut self, name: &str, default: Option<Rate>) -> Result<LimitNamespace, Error> {
        if let Some(found) = self.find_limit_namespace(name).await?.filter(|found| found.default == default) {
            self.leave_unchanged(None);
            return Ok(found);
        }
        self.bump_limit_settings().await?;
        let sql = format!(
            "insert into limit_namespaces (organization_id, id, name, quota, window_ms, created_at, updated_at)
            values ($1, $2, $3, $4, $5, $6, $6)
            on conflict (organization_id, name) do update
            set quota = excluded.quota, window_ms = excluded.window_ms, updated_at = excluded.updated_at
            returning {COLUMNS}"
        );
        let statement = sqlx::query(AssertSqlSafe(sql))
            .bind(self.organization())
            .bind(uuid_at(self.now))
            .bind(name.to_owned())
            .bind(default.map(|rate| number(rate.limit)))
            .bind(default.map(|rate| number(rate.window_ms)))
            .bind(self.now);
        let namespace = read_namespace(&self.rows.session.one(statement).await?)?;
        self.check_count("limit_namespaces", NAMESPACES_MAX).await?;
        Ok(namespace)
    }

    /// Deletes a namespace with its overrides. What was spent there stays spent.
    pub async fn delete_limit_namespace(&mut self, name: &str) -> Result<Option<LimitNamespace>, Error> {
        let sql = format!("delete from limit_namespaces where organization_id = $1 and name = $2 returning {COLUMNS}");
        let statement = sqlx::query(AssertSqlSafe(sql)).bind(self.organization()).bind(name.to_owned());
        self.bump_limit_settings().await?;
        self.rows.session.optional(statement).await?.as_ref().map(read_namespace).transpose()
    }

    /// Says what holds for one identifier.
    pub async fn set_limit_override(
        &mut self,
        namespace: &LimitNamespace,
        identifier: &str,
        rate: Rate,
    ) -> Result<LimitOverride, Error> {
        let held = self.find_limit_override(namespace, identifier).await?;
        if let Some(found) = held.filter(|found| found.rate == rate) {
            self.leave_unchanged(None);
            return Ok(found);
        }
        self.bump_limit_settings().await?;
        let sql = format!(
            "insert into limit_overrides
                (organization_id, id, namespace_id, identifier, quota, window_ms, created_at, updated_at)
            values ($1, $2, $3, $4, $5, $6, $7, $7)
            on conflict (organization_id, namespace_id, identifier) do update
            set quota = excluded.quota, window_ms = excluded.window_ms, updated_at = excluded.updated_at
            returning {OVERRIDE_COLUMNS}"
        );
        let statement = sqlx::query(AssertSqlSafe(sql))
            .bind(self.organization())
            .bind(LimitOverrideId::mint(self.now).uuid())
            .bind(namespace.id)
            .bind(identifier.to_owned())
            .bind(number(rate.limit))
            .bind(number(rate.window_ms))
            .bind(self.now);
        let set = read_override(&self.rows.session.one(statement).await?)?;
        self.check_count("limit_overrides", OVERRIDES_MAX).await?;
        Ok(set)
    }

    /// The default holds for an identifier again.
    pub async fn delete_limit_override(
        &mut self,
        namespace: &LimitNamespace,
        id: LimitOverrideId,
    ) -> Result<Option<LimitOverride>, Error> {
        self.bump_limit_settings().await?;
        let sql = format!(
            "delete from limit_overrides
            where organization_id = $1 and namespace_id = $2 and id = $3
            returning {OVERRIDE_COLUMNS}"
        );
        let statement = sqlx::query(AssertSqlSafe(sql)).bind(self.organization()).bind(namespace.id).bind(id.uuid());
        self.rows.session.optional(statement).await?.as_ref().map(read_override).transpose()
    }

    /// The next version. Whoever makes it holds it until the end: changes of one organization's settings come one after another.
    async fn bump_limit_settings(&mut self) -> Result<(), Error> {
        let sql = "insert into limit_settings (organization_id, generation) values ($1, 1)
            on conflict (organization_id) do update set generation = limit_settings.generation + 1
            returning generation";
        let row = self.rows.session.one(sqlx::query(sql).bind(self.rows.organization())).await?;
        let organization = self.rows.bounds.organization;
        self.bump(Subject::Limits(organization), row.try_get("generation")?);
        Ok(())
    }

    async fn check_count(&mut self, table: &'static str, most: usize) -> Result<(), Error> {
        let sql = format!("select count(*) from {table} where organization_id = $1");
        let statement = sqlx::query(AssertSqlSafe(sql)).bind(self.organization());
        let count: i64 = self.rows.session.one(statement).await?.try_get(0)?;
        if usize::try_from(count).is_ok_and(|count| count <= most) {
            return Ok(());
        }
        Err(Error::conflict(conflict::LIMIT_SETTINGS_FULL))
    }
}

fn number(value: u64) -> i64 {
    i64::try_from(value).expect("a rate is checked")
}

fn read_namespace(row: &PgRow) -> Result<LimitNamespace, Error> {
    Ok(LimitNamespace {
        id: row.try_get("id")?,
        name: row.try_get("name")?,
        default: read_rate(row, "quota", "window_ms")?,
        created_at: row.try_get("created_at")?,
        updated_at: row.try_get("updated_at")?,
    })
}

fn read_override(row: &PgRow) -> Result<LimitOverride, Error> {
    let rate = read_rate(row, "quota", "window_ms")?;
    Ok(LimitOverride {
        id: LimitOverrideId::from_uuid(row.try_get("id")?),
        identifier: row.try_get("identifier")?,
        rate: rate.ok_or_else(|| Error::unreadable("an override without a rate"))?,
        created_at: row.try_get("created_at")?,
        updated_at: row.try_get("updated_at")?,
    })
}

fn read_rate(row: &PgRow, quota: &str, window_ms: &str) -> Result<Option<Rate>, Error> {
    let (limit, window_ms): (Option<i64>, Option<i64>) = (row.try_get(quota)?, row.try_get(window_ms)?);
    let (Some(limit), Some(window_ms)) = (limit, window_ms) else { return Ok(None) };
    let read = |value: i64| u64::try_from(value).map_err(Error::unreadable);
    Ok(Some(Rate { limit: read(limit)?, window_ms: read(window_ms)? }))
}
