//! Organizations: the tenants. A scope names its organization, so none of these takes an id.

use chrono::{DateTime, Utc};
use domain::ids::OrganizationId;
use domain::limit::Limit;
use domain::names::{Name, Slug};
use domain::organization_policy::OrganizationPolicy;
use domain::permission::PermissionName;
use sqlx::postgres::PgRow;
use sqlx::types::Json;
use sqlx::{AssertSqlSafe, Row};

use crate::decode::{self, texts};
use crate::error::{Error, conflict};
use crate::generation::Subject;
use crate::page::{Page, Slice};
use crate::rows::Rows;
use crate::write::Write;

pub(crate) const COLUMNS: &str = "id, slug, name, permissions, limits, default_limits, policy, suspended_at, \
    generation, created_at, updated_at";

/// An organization as its row stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Organization {
    /// Its id.
    pub id: OrganizationId,
    /// Its name in URLs.
    pub slug: String,
    /// Its name.
    pub name: String,
    /// The permissions of its own API.
    pub permissions: Vec<PermissionName>,
    /// What all its keys share.
    pub limits: Vec<Limit>,
    /// What a key gets that names none.
    pub default_limits: Vec<Limit>,
    /// What it demands of its keys.
    pub policy: OrganizationPolicy,
    /// Since when all its keys are refused.
    pub suspended_at: Option<DateTime<Utc>>,
    /// The row's version.
    pub generation: i64,
    /// When it came to be.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
}

/// An organization to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewOrganization {
    /// Its name.
    pub name: Name,
    /// Its name in URLs.
    pub slug: Slug,
    /// The permissions of its own API.
    pub permissions: Vec<PermissionName>,
    /// What all its keys share.
    pub limits: Vec<Limit>,
    /// What a key gets that names none.
    pub default_limits: Vec<Limit>,
}

/// The whole of what can change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrganizationChange {
    /// Its name.
    pub name: Name,
    /// What all its keys share.
    pub limits: Vec<Limit>,
    /// What a key gets that names none.
    pub default_limits: Vec<Limit>,
}

impl OrganizationChange {
    /// Whether the organization is like this already.
    fn is_met_by(&self, organization: &Organization) -> bool {
        self.name.as_str() == organization.name
            && self.limits == organization.limits
            && self.default_limits == organization.default_limits
    }
}

impl Rows {
    /// The scope's organization.
    pub async fn find_organization(&mut self) -> Result<Option<Organization>, Error> {
        let sql = format!("select {COLUMNS} from organizations where id = $1 and deleted_at is null");
        let statement = sqlx::query(AssertSqlSafe(sql)).bind(self.organization());
        self.session.optional(statement).await?.as_ref().map(read_row).transpose()
    }

    /// The organizations that this look can see, newest first, with `text` in the name or the slug.
    pub async fn list_organizations(&mut self, text: Option<&str>, slice: &Slice) -> Result<Page<Organization>, Error> {
        let sql = format!(
            "select {COLUMNS} from organizations
            where deleted_at is null and id <> $1
              and (created_at, id) < ($2, $3)
              and ($4::text is null or strpos(lower(name), lower($4)) > 0 or strpos(slug, lower($4)) > 0)
            order by created_at desc, id desc
            limit $5"
        );
        let (after_at, after_id) = slice.position();
        let statement = sqlx::query(AssertSqlSafe(sql))
            .bind(OrganizationId::INSTALLATION.uuid())
            .bind(after_at)
            .bind(after_id)
            .bind(text)
            .bind(slice.fetched());
        let rows = self.session.all(statement).await?;
        Page::read(&rows, slice, read_row)
    }

    /// How many keys of the organization work or will: neither deleted, nor revoked, nor past their end.
    pub async fn count_live_keys(&mut self) -> Result<i64, Error> {
        let sql = "select count(*) from keys
            where organization_id = $1 and deleted_at is null and revoked_at is null
              and (expires_at is null or expires_at > $2)";
        let statement = sqlx::query(sql).bind(self.organization()).bind(self.now);
        Ok(self.session.one(statement).await?.try_get(0)?)
    }
}

impl Write {
    /// Makes the scope's organization.
    pub async fn insert_organization(&mut self, new: &NewOrganization) -> Result<Organization, Error> {
        let sql = format!(
            "insert into organizations
                (id, slug, name, permissions, limits, default_limits, created_at, updated_at)
            values ($1, $2, $3, $4, $5, $6, $7, $7)
            returning {COLUMNS}"
        );
        let statement = sqlx::query(AssertSqlSafe(sql))
            .bind(self.organization())
            .bind(new.slug.as_str())
            .bind(new.name.as_str())
            .bind(texts(&new.permissions))
            .bind(Json(&new.limits))
            .bind(Json(&new.default_limits))
            .bind(self.now);
        let row = self.rows.session.one(statement).await?;
        self.bumped_organization(&row)
    }

    /// Changes the organization that the caller saw at version `seen`; `None` when it has changed since.
    pub async fn update_organization(
        &mut self,
        seen: i64,
        change: &OrganizationChange,
    ) -> Result<Option<Organization>, Error> {
        if let Some(organization) = self.find_organization().await?
            && organization.generation == seen
            && change.is_met_by(&organization)
        {
            self.leave_unchanged(Some((Subject::Organization(organization.id), seen)));
            return Ok(Some(organization));
        }
        let sql = format!(
            "update organizations
            set name = $3, limits = $4, default_limits = $5,
                generation = generation + 1, updated_at = $6
            where id = $1 and generation = $2 and deleted_at is null
            returning {COLUMNS}"
        );
        let statement = sqlx::query(AssertSqlSafe(sql))
            .bind(self.organization())
            .bind(seen)
            .bind(change.name.as_str())
            .bind(Json(&change.limits))
            .bind(Json(&change.default_limits))
            .bind(self.now);
        let row = self.rows.session.optional(statement).await?;
        row.as_ref().map(|row| self.bumped_organization(row)).transpose()
    }

    /// Changes what the organization that the caller saw at version `seen` gives its keys by default and demands of them;
    /// `None` when it has changed since. It holds for what reads the organization after the commit.
    pub async fn update_policy(
        &mut self,
        seen: i64,
        (default_limits, policy): (&[Limit], &OrganizationPolicy),
    ) -> Result<Option<Organization>, Error> {
        if let Some(organization) = self.find_organization().await?
            && organization.generation == seen
            && organization.default_limits == default_limits
            && organization.policy == *policy
        {
            self.leave_unchanged(Some((Subject::Organization(organization.id), seen)));
            return Ok(Some(organization));
        }
        let sql = format!(
            "update organizations
            set default_limits = $3, policy = $4, generation = generation + 1, updated_at = $5
            where id = $1 and generation = $2 and deleted_at is null
            returning {COLUMNS}"
        );
        let statement = sqlx::query(AssertSqlSafe(sql))
            .bind(self.organization())
            .bind(seen)
            .bind(Json(default_limits))
            .bind(Json(policy))
            .bind(self.now);
        let row = self.rows.session.optional(statement).await?;
        row.as_ref().map(|row| self.bumped_organization(row)).transpose()
    }

    /// Refuses all keys of the organization from now on. Twice is the same as once.
    pub async fn suspend_organization(&mut self) -> Result<Option<Organization>, Error> {
        self.switch_organization("suspended_at = $2", "suspended_at is null").await
    }

    /// Lets the organization's keys work again.
    pub async fn resume_organization(&mut self) -> Result<Option<Organization>, Error> {
        self.switch_organization("suspended_at = null", "suspended_at is not null").await
    }

    /// Ends the organization, unless keys of it still work. Its slug is free again; its events stay.
    pub async fn delete_organization(&mut self) -> Result<Option<Organization>, Error> {
        // The row is held first: no key can be made for it between the count and the end.
        let hold = "select 1 from organizations where id = $1 and deleted_at is null for update";
        let organization = self.organization();
        if self.rows.session.optional(sqlx::query(hold).bind(organization)).await?.is_none() {
            return Ok(None);
        }
        if self.count_live_keys().await? > 0 {
            return Err(Error::conflict(conflict::ORGANIZATION_HAS_KEYS));
        }
        let keys = "update keys set deleted_at = $2, generation = generation + 1
            where organization_id = $1 and deleted_at is null";
        self.rows.session.execute(sqlx::query(keys).bind(organization).bind(self.rows.now)).await?;
        self.switch_organization("deleted_at = $2", "deleted_at is null").await
    }

    /// Sets one mark where it is not set yet, and answers with the organization either way.
    async fn switch_organization(&mut self, set: &str, when: &str) -> Result<Option<Organization>, Error> {
        let sql = format!(
            "update organizations
            set {set}, generation = generation + 1, updated_at = $2
            where id = $1 and deleted_at is null and {when}
            returning {COLUMNS}"
        );
        let statement = sqlx::query(AssertSqlSafe(sql)).bind(self.organization()).bind(self.now);
        match self.rows.session.optional(statement).await? {
            Some(row) => self.bumped_organization(&row).map(Some),
            // Told again: it may have been committed before and not told.
            None => {
                let organization = self.find_organization().await?;
                let version = |found: &Organization| (Subject::Organization(found.id), found.generation);
                self.leave_unchanged(organization.as_ref().map(version));
                Ok(organization)
            }
        }
    }

    pub(crate) fn bumped_organization(&mut self, row: &PgRow) -> Result<Organization, Error> {
        let organization = read_row(row)?;
        self.bump(Subject::Organization(organization.id), organization.generation);
        Ok(organization)
    }
}

fn read_row(row: &PgRow) -> Result<Organization, Error> {
    Ok(Organization {
        id: OrganizationId::from_uuid(row.try_get("id")?),
        slug: row.try_get("slug")?,
        name: row.try_get("name")?,
        permissions: decode::permissions(row, "permissions")?,
        limits: decode::limits(row, "limits")?,
        default_limits: decode::limits(row, "default_limits")?,
        policy: row.try_get::<Json<OrganizationPolicy>, _>("policy")?.0,
        suspended_at: row.try_get("suspended_at")?,
        generation: row.try_get("generation")?,
        created_at: row.try_get("created_at")?,
        updated_at: row.try_get("updated_at")?,
    })
}
