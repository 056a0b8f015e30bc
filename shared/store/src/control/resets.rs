//! Links that are good once: the first server admin's, and those that let somebody choose a new password.

use chrono::TimeDelta;
use domain::ids::UserId;
use sqlx::Row;
use uuid::Uuid;

use super::TokenHash;
use super::transaction::{ControlRows, ControlWrite};
use crate::error::Error;

impl ControlRows {
    /// Whether a link for setting the console up is good.
    pub async fn has_setup_token(&mut self, token_hash: &TokenHash) -> Result<bool, Error> {
        let sql = "select exists (select from setup_tokens where token_hash = $1 and expires_at > $2)";
        let statement = sqlx::query(sql).bind(token_hash.to_vec()).bind(self.now);
        Ok(self.session.one(statement).await?.try_get(0)?)
    }

    /// Whose password a link lets somebody choose.
    pub async fn find_reset(&mut self, token_hash: &TokenHash) -> Result<Option<UserId>, Error> {
        let sql = "select r.user_id from reset_tokens r join users u on u.id = r.user_id
            where r.token_hash = $1 and r.expires_at > $2 and u.disabled_at is null";
        let statement = sqlx::query(sql).bind(token_hash.to_vec()).bind(self.now);
        let row = self.session.optional(statement).await?;
        Ok(row.map(|row| row.try_get::<Uuid, _>(0)).transpose()?.map(UserId::from_uuid))
    }
}

impl ControlWrite {
    /// Makes a link for setting the console up.
    pub async fn insert_setup_token(&mut self, token_hash: &TokenHash, lifetime: TimeDelta) -> Result<(), Error> {
        let sql = "insert into setup_tokens (token_hash, expires_at) values ($1, $2)";
        let statement = sqlx::query(sql).bind(token_hash.to_vec()).bind(self.now + lifetime);
        self.rows.session.execute(statement).await.map(drop)
    }

    /// Forgets all links for setting the console up: it is.
    pub async fn delete_setup_tokens(&mut self) -> Result<(), Error> {
        self.rows.session.execute(sqlx::query("delete from setup_tokens")).await.map(drop)
    }

    /// Makes a link that lets somebody choose a new password. Those that were made before stay good until one is used.
    pub async fn insert_reset(
        &mut self,
        token_hash: &TokenHash,
        user: UserId,
        lifetime: TimeDelta,
    ) -> Result<(), Error> {
        let sql = "insert into reset_tokens (token_hash, user_id, created_at, expires_at) values ($1, $2, $3, $4)";
        let statement =
            sqlx::query(sql).bind(token_hash.to_vec()).bind(user.uuid()).bind(self.now).bind(self.now + lifetime);
        self.rows.session.execute(statement).await.map(drop)
    }

    /// Uses a link. One of all who try is told whose password it is about.
    pub async fn take_reset(&mut self, token_hash: &TokenHash) -> Result<Option<UserId>, Error> {
        let sql = "delete from reset_tokens r using users u
            where r.token_hash = $1 and r.expires_at > $2 and u.id = r.user_id and u.disabled_at is null
            returning r.user_id";
        let statement = sqlx::query(sql).bind(token_hash.to_vec()).bind(self.now);
        let row = self.rows.session.optional(statement).await?;
        Ok(row.map(|row| row.try_get::<Uuid, _>(0)).transpose()?.map(UserId::from_uuid))
    }

    /// Forgets all links of a person.
    pub(super) async fn delete_resets(&mut self, user: UserId) -> Result<(), Error> {
        let sql = "delete from reset_tokens where user_id = $1";
        self.rows.session.execute(sqlx::query(sql).bind(user.uuid())).await.map(drop)
    }
}
