//! Changes of the directory, and what server admins see of organizations and people.

use chrono::{DateTime, Utc};
use domain::ids::OrganizationId;
use domain::names::Name;
use sqlx::{AssertSqlSafe, Row};

use super::organizations::{ControlOrganization, LoginPage, ORGANIZATION_COLUMNS, PeoplePolicy, read_organization};
use super::transaction::{ControlRows, ControlWrite};
use super::users::{USER_COLUMNS, User, read_user};
use crate::error::Error;
use crate::page::{Page, Slice};

impl ControlRows {
    /// Organizations with how many members each has, the newest first; with `text` in the name or the slug.
    pub async fn list_control_organizations(
        &mut self,
        text: Option<&str>,
        slice: &Slice,
    ) -> Result<Page<(ControlOrganization, i64)>, Error> {
        let sql = format!(
            "select {ORGANIZATION_COLUMNS}, (select count(*) from memberships m where m.organization_id = o.id) as members
            from organizations o
            where o.deleted_at is null and (o.created_at, o.id) < ($1, $2)
              and ($3::text is null or strpos(lower(o.name), lower($3)) > 0 or strpos(o.slug, lower($3)) > 0)
            order by o.created_at desc, o.id desc
            limit $4"
        );
        let (at, id) = slice.position();
        let statement = sqlx::query(AssertSqlSafe(sql)).bind(at).bind(id).bind(text).bind(slice.fetched());
        let rows = self.session.all(statement).await?;
        Page::read(&rows, slice, |row| Ok((read_organization(row)?, row.try_get("members")?)))
    }

    /// Which of these organizations the directory has, or had.
    pub async fn find_known_organizations(&mut self, ids: &[OrganizationId]) -> Result<Vec<OrganizationId>, Error> {
        let uuids: Vec<_> = ids.iter().map(|id| id.uuid()).collect();
        let rows =
            self.session.all(sqlx::query("select id from organizations where id = any ($1)").bind(uuids)).await?;
        rows.iter().map(|row| Ok(OrganizationId::from_uuid(row.try_get("id")?))).collect()
    }

    /// People with how many organizations each belongs to, the newest first; with `text` in the name or the address.
    pub async fn list_users(&mut self, text: Option<&str>, slice: &Slice) -> Result<Page<(User, i64)>, Error> {
        let sql = format!(
            "select {USER_COLUMNS}, (select count(*) from memberships m where m.user_id = u.id) as organizations
            from users u
            where (u.created_at, u.id) < ($1, $2)
              and ($3::text is null or strpos(lower(u.name), lower($3)) > 0 or strpos(u.email_canonical, lower($3)) > 0)
            order by u.created_at desc, u.id desc
            limit $4"
        );
        let (at, id) = slice.position();
        let statement = sqlx::query(AssertSqlSafe(sql)).bind(at).bind(id).bind(text).bind(slice.fetched());
        let rows = self.session.all(statement).await?;
        Page::read(&rows, slice, |row| Ok((read_user(row)?, row.try_get("organizations")?)))
    }

    /// What Postgres says of itself: its version, and how many bytes the database takes.
    pub async fn find_database_facts(&mut self) -> Result<(String, i64), Error> {
        let sql = "select current_setting('server_version') as version, pg_database_size(current_database()) as size";
        let row = self.session.one(sqlx::query(sql)).await?;
        Ok((row.try_get("version")?, row.try_get("size")?))
    }
}

impl ControlWrite {
    /// Calls an organization otherwise.
    pub async fn rename_control_organization(&mut self, id: OrganizationId, name: &Name) -> Result<(), Error> {
        let sql = "update organizations set name = $2, generation = generation + 1, updated_at = $3 where id = $1";
        let statement = sqlx::query(sql).bind(id.uuid()).bind(name.as_str()).bind(self.now);
        self.rows.session.execute(statement).await.map(drop)
    }

    /// Demands this of an organization's people.
    pub async fn update_people_policy(&mut self, id: OrganizationId, policy: &PeoplePolicy) -> Result<(), Error> {
        let networks: Option<Vec<String>> =
            policy.networks.as_ref().map(|networks| networks.iter().map(ToString::to_string).collect());
        let sql = "update organizations
            set second_factor_required = $2, session_hours = $3, networks = $4, device_approvals = $5,
                password_max_days = $6, step_up_for_regenerate = $7, generation = generation + 1, updated_at = $8
            where id = $1";
        let statement = sqlx::query(sql)
            .bind(id.uuid())
            .bind(policy.second_factor_required)
            .bind(policy.session_hours)
            .bind(networks)
            .bind(policy.device_approvals)
            .bind(policy.password_max_days)
            .bind(policy.step_up_for_regenerate)
            .bind(self.now);
        self.rows.session.execute(statement).await.map(drop)
    }

    /// Gives an organization this page for signing in.
    pub async fn update_login_page(&mut self, id: OrganizationId, page: &LoginPage) -> Result<(), Error> {
        let sql = "update organizations
            set login_text = $2, login_accent = $3, login_logo = $4, generation = generation + 1, updated_at = $5
            where id = $1";
        let statement = sqlx::query(sql)
            .bind(id.uuid())
            .bind(page.text.clone())
            .bind(page.accent.clone())
            .bind(page.logo.clone())
            .bind(self.now);
        self.rows.session.execute(statement).await.map(drop)
    }

    /// Notes since when an organization is suspended, or that it is not any more.
    pub async fn set_organization_suspended(
        &mut self,
        id: OrganizationId,
        since: Option<DateTime<Utc>>,
    ) -> Result<(), Error> {
        let sql =
            "update organizations set suspended_at = $2, generation = generation + 1, updated_at = $3 where id = $1";
        self.rows.session.execute(sqlx::query(sql).bind(id.uuid()).bind(since).bind(self.now)).await.map(drop)
    }

    /// Takes an organization out of the directory, with its memberships and open invitations.
    pub async fn delete_control_organization(&mut self, id: OrganizationId) -> Result<(), Error> {
        for sql in [
            "update organizations set deleted_at = $2, generation = generation + 1, updated_at = $2 where id = $1",
            "update invites set ended_at = $2 where organization_id = $1 and used_at is null and ended_at is null",
            "delete from memberships where organization_id = $1 and $2::timestamptz is not null",
            "update provisionings set next_attempt_at = null, updated_at = $2 where organization_id = $1",
        ] {
            self.rows.session.execute(sqlx::query(sql).bind(id.uuid()).bind(self.now)).await?;
        }
        Ok(())
    }
}
