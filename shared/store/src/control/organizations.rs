//! The directory of organizations: what they are called, how their people sign in, and what is demanded of them.

use chrono::{DateTime, Utc};
use domain::ids::OrganizationId;
use domain::names::{Name, Slug};
use ipnet::IpNet;
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, Row};
use uuid::Uuid;

use super::transaction::{ControlRows, ControlWrite};
use crate::decode;
use crate::error::Error;

pub(super) const ORGANIZATION_COLUMNS: &str = "o.id, o.slug, o.name, o.login_text, o.login_accent, o.login_logo, \
    o.second_factor_required, o.session_hours, o.networks, o.device_approvals, o.password_max_days, \
    o.step_up_for_regenerate, o.suspended_at, o.generation, o.created_at";

/// An organization as the directory has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ControlOrganization {
    /// Its id, in every environment.
    pub id: OrganizationId,
    /// Its name in URLs.
    pub slug: String,
    /// Its name.
    pub name: String,
    /// How its people sign in.
    pub login_page: LoginPage,
    /// What is demanded of its people.
    pub policy: PeoplePolicy,
    /// Since when it is suspended.
    pub suspended_at: Option<DateTime<Utc>>,
    /// The row's version.
    pub generation: i64,
    /// Since when there is the organization.
    pub created_at: DateTime<Utc>,
}

/// An organization's own page for signing in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LoginPage {
    /// Shown above the form.
    pub text: String,
    /// `#rrggbb`; `None` for the console's own.
    pub accent: Option<String>,
    /// A data URI; `None` for the console's own.
    pub logo: Option<String>,
}

/// What an organization demands of its people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeoplePolicy {
    /// A second factor.
    pub second_factor_required: bool,
    /// That they sign in again after so long; `None` for as long as the installation says.
    pub session_hours: Option<i32>,
    /// That they come from these networks; `None` for all.
    pub networks: Option<Vec<IpNet>>,
    /// That a new device is approved.
    pub device_approvals: bool,
    /// That they choose a new password after so long.
    pub password_max_days: Option<i32>,
    /// That they prove again who they are before they regenerate a key in production.
    pub step_up_for_regenerate: bool,
}

impl ControlRows {
    /// The organization with this id or slug.
    pub async fn find_control_organization(&mut self, reference: &str) -> Result<Option<ControlOrganization>, Error> {
        let id = reference.parse::<OrganizationId>().ok();
        let sql = format!(
            "select {ORGANIZATION_COLUMNS} from organizations o
            where o.deleted_at is null and (o.id = $1 or $1 is null and o.slug = $2)"
        );
        let statement = sqlx::query(AssertSqlSafe(sql)).bind(id.map(OrganizationId::uuid)).bind(reference);
        self.session.optional(statement).await?.as_ref().map(read_organization).transpose()
    }
}

impl ControlWrite {
    /// Adds an organization to the directory. `Conflict("organizations_slug_unique")` where the slug is taken.
    pub async fn insert_control_organization(
        &mut self,
        id: OrganizationId,
        slug: &Slug,
        name: &Name,
    ) -> Result<(), Error> {
        let sql = "insert into organizations (id, slug, name, created_at, updated_at) values ($1, $2, $3, $4, $4)";
        let statement = sqlx::query(sql).bind(id.uuid()).bind(slug.as_str()).bind(name.as_str()).bind(self.now);
        self.rows.session.execute(statement).await.map(drop)
    }
}

pub(super) fn read_organization(row: &PgRow) -> Result<ControlOrganization, Error> {
    let networks: Option<Vec<String>> = row.try_get("networks")?;
    let networks = networks.map(|texts| texts.iter().map(|text| text.parse::<IpNet>()).collect::<Result<_, _>>());
    Ok(ControlOrganization {
        id: OrganizationId::from_uuid(row.try_get::<Uuid, _>("id")?),
        slug: row.try_get("slug")?,
        name: row.try_get("name")?,
        login_page: LoginPage {
            text: row.try_get("login_text")?,
            accent: row.try_get("login_accent")?,
            logo: row.try_get("login_logo")?,
        },
        policy: PeoplePolicy {
            second_factor_required: row.try_get("second_factor_required")?,
            session_hours: row.try_get("session_hours")?,
            networks: networks.transpose().map_err(Error::unreadable)?,
            device_approvals: row.try_get("device_approvals")?,
            password_max_days: row.try_get("password_max_days")?,
            step_up_for_regenerate: row.try_get("step_up_for_regenerate")?,
        },
        suspended_at: decode::instant(row, "suspended_at")?,
        generation: row.try_get("generation")?,
        created_at: row.try_get("created_at")?,
    })
}
