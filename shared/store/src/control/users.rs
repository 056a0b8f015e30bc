//! People who sign in: their accounts, and how each may get in.

use chrono::{DateTime, Utc};
use domain::email::Email;
use domain::ids::UserId;
use domain::names::Name;
use serde_json::{Map, Value};
use sqlx::postgres::PgRow;
use sqlx::types::Json;
use sqlx::{AssertSqlSafe, Row};
use uuid::Uuid;

use super::transaction::{ControlRows, ControlWrite};
use crate::decode;
use crate::error::Error;

/// The columns of a user `u`, in every statement that reads one.
pub(super) const USER_COLUMNS: &str = "u.id, u.email, u.email_canonical, u.name, u.password_hash, u.password_changed_at, \
    u.preferences, u.is_server_admin, u.disabled_at, u.last_seen_at, u.generation, u.created_at, \
    exists (select from second_factors f where f.user_id = u.id and f.confirmed_at is not null) as has_second_factor";

/// A person.
#[derive(Clone, PartialEq)]
pub struct User {
    /// Its id.
    pub id: UserId,
    /// The address, as it was written.
    pub email: String,
    /// The address, as it is compared.
    pub email_canonical: String,
    /// What the person is called.
    pub name: String,
    /// Argon2id in PHC form; `None` until a password was chosen.
    pub password_hash: Option<String>,
    /// When it was chosen.
    pub password_changed_at: Option<DateTime<Utc>>,
    /// What the web app keeps for the person.
    pub preferences: Map<String, Value>,
    /// Administers the installation.
    pub is_server_admin: bool,
    /// Since when the person may not sign in.
    pub disabled_at: Option<DateTime<Utc>>,
    /// The last request of any session.
    pub last_seen_at: Option<DateTime<Utc>>,
    /// The row's version.
    pub generation: i64,
    /// Since when there is the account.
    pub created_at: DateTime<Utc>,
    /// Signs in with a code, too.
    pub has_second_factor: bool,
}

/// A person to be added.
#[derive(Clone)]
pub struct NewUser {
    /// The address.
    pub email: Email,
    /// The name.
    pub name: Name,
    /// Argon2id in PHC form; `None` leaves the choice to whoever gets a link.
    pub password_hash: Option<String>,
    /// Administers the installation.
    pub is_server_admin: bool,
}

impl std::fmt::Debug for User {
    /// Without the hash of the password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("User").field("id", &self.id).field("email", &self.email).finish_non_exhaustive()
    }
}

impl ControlRows {
    /// The person with this address, however it is spelt.
    pub async fn find_user_by_email(&mut self, email: &Email) -> Result<Option<User>, Error> {
        let sql = format!("select {USER_COLUMNS} from users u where u.email_canonical = $1");
        let statement = sqlx::query(AssertSqlSafe(sql)).bind(email.canonical());
        self.session.optional(statement).await?.as_ref().map(read_user).transpose()
    }

    /// The person with this id.
    pub async fn find_user(&mut self, id: UserId) -> Result<Option<User>, Error> {
        let sql = format!("select {USER_COLUMNS} from users u where u.id = $1");
        let statement = sqlx::query(AssertSqlSafe(sql)).bind(id.uuid());
        self.session.optional(statement).await?.as_ref().map(read_user).transpose()
    }

    /// Whether there is anybody at all.
    pub async fn has_users(&mut self) -> Result<bool, Error> {
        let row = self.session.one(sqlx::query("select exists (select from users)")).await?;
        Ok(row.try_get(0)?)
    }
}

impl ControlWrite {
    /// Adds a person. `Conflict("users_email_unique")` where the address has an account.
    pub async fn insert_user(&mut self, new: &NewUser) -> Result<UserId, Error> {
        let id = UserId::mint(self.now);
        let sql = "insert into users
                (id, email, email_canonical, name, password_hash, password_changed_at, is_server_admin, created_at, updated_at)
            values ($1, $2, $3, $4, $5, case when $5 is null then null else $7 end, $6, $7, $7)";
        let statement = sqlx::query(sql)
            .bind(id.uuid())
            .bind(new.email.as_str())
            .bind(new.email.canonical())
            .bind(new.name.as_str())
            .bind(new.password_hash.clone())
            .bind(new.is_server_admin)
            .bind(self.now);
        self.rows.session.execute(statement).await?;
        Ok(id)
    }

    /// The person with this id, held until the end of this change.
    pub async fn hold_user(&mut self, id: UserId) -> Result<Option<User>, Error> {
        let sql = format!("select {USER_COLUMNS} from users u where u.id = $1 for update of u");
        let statement = sqlx::query(AssertSqlSafe(sql)).bind(id.uuid());
        self.rows.session.optional(statement).await?.as_ref().map(read_user).transpose()
    }

    /// Lets one setup after the other pass: the second finds that there is somebody.
    pub async fn hold_setup(&mut self) -> Result<(), Error> {
        let statement = sqlx::query("select pg_advisory_xact_lock(hashtext('claviger.setup'))");
        self.rows.session.execute(statement).await.map(drop)
    }

    /// Gives the person another password. Links and sign-ins on the way that rest on the one before end with it.
    pub async fn update_password(&mut self, id: UserId, password_hash: &str) -> Result<(), Error> {
        let sql = "update users
            set password_hash = $2, password_changed_at = $3, updated_at = $3, generation = generation + 1
            where id = $1";
        let statement = sqlx::query(sql).bind(id.uuid()).bind(password_hash).bind(self.now);
        self.rows.session.execute(statement).await?;
        self.delete_resets(id).await?;
        self.delete_sign_ins(id).await
    }

    /// Keeps the same password under other parameters of the hash.
    pub async fn update_password_hash(&mut self, id: UserId, before: &str, after: &str) -> Result<(), Error> {
        let sql = "update users set password_hash = $3 where id = $1 and password_hash = $2";
        let statement = sqlx::query(sql).bind(id.uuid()).bind(before).bind(after);
        self.rows.session.execute(statement).await.map(drop)
    }

    /// Changes what the person says of itself; `None` keeps it.
    pub async fn update_profile(
        &mut self,
        id: UserId,
        name: Option<&Name>,
        preferences: Option<&Map<String, Value>>,
    ) -> Result<Option<User>, Error> {
        let sql = format!(
            "update users u
            set name = coalesce($2, u.name), preferences = coalesce($3, u.preferences), updated_at = $4,
                generation = u.generation + 1
            where u.id = $1
            returning {USER_COLUMNS}"
        );
        let statement = sqlx::query(AssertSqlSafe(sql))
            .bind(id.uuid())
            .bind(name.map(Name::as_str))
            .bind(preferences.map(Json))
            .bind(self.now);
        self.rows.session.optional(statement).await?.as_ref().map(read_user).transpose()
    }

    /// Lets the person sign in, or not any more: with the person end its sessions, its links, its sign-ins on the way and
    /// the invitations that it made.
    pub async fn set_disabled(&mut self, id: UserId, is_disabled: bool) -> Result<(), Error> {
        let sql = "update users
            set disabled_at = case when $2 then coalesce(disabled_at, $3) end, updated_at = $3, generation = generation + 1
            where id = $1";
        let statement = sqlx::query(sql).bind(id.uuid()).bind(is_disabled).bind(self.now);
        self.rows.session.execute(statement).await?;
        if is_disabled {
            self.end_sessions(id, None, super::EndReason::Disabled).await?;
            self.delete_resets(id).await?;
            self.delete_sign_ins(id).await?;
            self.end_invites_by(id, None).await?;
        }
        Ok(())
    }
}

pub(super) fn read_user(row: &PgRow) -> Result<User, Error> {
    let Json(preferences) = row.try_get::<Json<Map<String, Value>>, _>("preferences")?;
    Ok(User {
        id: UserId::from_uuid(row.try_get::<Uuid, _>("id")?),
        email: row.try_get("email")?,
        email_canonical: row.try_get("email_canonical")?,
        name: row.try_get("name")?,
        password_hash: row.try_get("password_hash")?,
        password_changed_at: decode::instant(row, "password_changed_at")?,
        preferences,
        is_server_admin: row.try_get("is_server_admin")?,
        disabled_at: decode::instant(row, "disabled_at")?,
        last_seen_at: decode::instant(row, "last_seen_at")?,
        generation: row.try_get("generation")?,
        created_at: row.try_get("created_at")?,
        has_second_factor: row.try_get("has_second_factor")?,
    })
}
