//! Sign-ins on the way: the password was right, and something else is asked for before there is a session.

use chrono::TimeDelta;
use domain::ids::{DeviceId, UserId};
use sqlx::Row;
use uuid::Uuid;

use super::TokenHash;
use super::transaction::{ControlRows, ControlWrite};
use crate::error::Error;

/// A sign-in on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignIn {
    /// Whose password was right.
    pub user: UserId,
    /// A second factor was shown, too.
    pub has_second_factor: bool,
    /// The device that it waits for, where it does.
    pub device: Option<DeviceId>,
    /// Where it leads: a path of the console.
    pub next: String,
}

/// A sign-in to begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSignIn {
    /// Of its cookie.
    pub token_hash: TokenHash,
    /// What is known so far.
    pub sign_in: SignIn,
    /// How long it may take.
    pub lifetime: TimeDelta,
}

impl ControlRows {
    /// The sign-in of a cookie, unless its time is over, its person is disabled or the password is another by now.
    pub async fn find_sign_in(&mut self, token_hash: &TokenHash) -> Result<Option<SignIn>, Error> {
        let sql = "select i.user_id, i.has_second_factor, i.device_id, i.next
            from sign_ins i join users u on u.id = i.user_id
            where i.token_hash = $1 and i.expires_at > $2 and u.disabled_at is null
              and i.password_changed_at is not distinct from u.password_changed_at";
        let statement = sqlx::query(sql).bind(token_hash.to_vec()).bind(self.now);
        let Some(row) = self.session.optional(statement).await? else { return Ok(None) };
        Ok(Some(SignIn {
            user: UserId::from_uuid(row.try_get::<Uuid, _>("user_id")?),
            has_second_factor: row.try_get("has_second_factor")?,
            device: row.try_get::<Option<Uuid>, _>("device_id")?.map(DeviceId::from_uuid),
            next: row.try_get("next")?,
        }))
    }
}

impl ControlWrite {
    /// Begins a sign-in.
    pub async fn insert_sign_in(&mut self, new: &NewSignIn) -> Result<(), Error> {
        let sql = "insert into sign_ins
                (token_hash, user_id, password_changed_at, has_second_factor, device_id, next, created_at, expires_at)
            select $1, u.id, u.password_changed_at, $3, $4, $5, $6, $7 from users u where u.id = $2";
        let statement = sqlx::query(sql)
            .bind(new.token_hash.to_vec())
            .bind(new.sign_in.user.uuid())
            .bind(new.sign_in.has_second_factor)
            .bind(new.sign_in.device.map(DeviceId::uuid))
            .bind(&new.sign_in.next)
            .bind(self.now)
            .bind(self.now + new.lifetime);
        self.rows.session.execute(statement).await.map(drop)
    }

    /// Ends a sign-in, because it leads on or because it failed. Says whether it went on until now: of two requests with
    /// the same cookie, one goes on.
    pub async fn delete_sign_in(&mut self, token_hash: &TokenHash) -> Result<bool, Error> {
        let sql = "delete from sign_ins where token_hash = $1";
        Ok(self.rows.session.execute(sqlx::query(sql).bind(token_hash.to_vec())).await? == 1)
    }

    /// Ends all sign-ins of a person.
    pub async fn delete_sign_ins(&mut self, user: UserId) -> Result<(), Error> {
        let sql = "delete from sign_ins where user_id = $1";
        self.rows.session.execute(sqlx::query(sql).bind(user.uuid())).await.map(drop)
    }
}
