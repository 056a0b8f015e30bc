//! Second factors: secrets of one-time codes, sealed, and recovery codes, as hashes.

use domain::ids::UserId;
use sqlx::Row;

use super::transaction::{ControlRows, ControlWrite};
use crate::error::Error;

/// What makes a person's one-time codes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecondFactor {
    /// Sealed.
    pub secret: Vec<u8>,
    /// The number of the last time step whose code was accepted.
    pub last_step: i64,
    /// The person has shown a code of it.
    pub is_confirmed: bool,
}

impl ControlRows {
    /// The person's second factor, confirmed or not.
    pub async fn find_second_factor(&mut self, user: UserId) -> Result<Option<SecondFactor>, Error> {
        let sql = "select secret, last_step, confirmed_at is not null as is_confirmed
            from second_factors
            where user_id = $1";
        let Some(row) = self.session.optional(sqlx::query(sql).bind(user.uuid())).await? else { return Ok(None) };
        Ok(Some(SecondFactor {
            secret: row.try_get("secret")?,
            last_step: row.try_get("last_step")?,
            is_confirmed: row.try_get("is_confirmed")?,
        }))
    }

    /// How many recovery codes are left.
    pub async fn count_recovery_codes(&mut self, user: UserId) -> Result<i64, Error> {
        let sql = "select count(*) from recovery_codes where user_id = $1 and used_at is null";
        Ok(self.session.one(sqlx::query(sql).bind(user.uuid())).await?.try_get(0)?)
    }
}

impl ControlWrite {
    /// Begins an enrolment. Says whether it could: a confirmed second factor has to be removed first.
    pub async fn insert_second_factor(&mut self, user: UserId, sealed: &[u8]) -> Result<bool, Error> {
        let sql = "insert into second_factors (user_id, secret, created_at) values ($1, $2, $3)
            on conflict (user_id) do update set secret = excluded.secret, created_at = excluded.created_at, last_step = 0
            where second_factors.confirmed_at is null";
        let statement = sqlx::query(sql).bind(user.uuid()).bind(sealed.to_vec()).bind(self.now);
        Ok(self.rows.session.execute(statement).await? == 1)
    }

    /// Ends an enrolment with the step of the code that was shown. Says whether there was one, of this secret.
    pub async fn confirm_second_factor(&mut self, user: UserId, sealed: &[u8], step: i64) -> Result<bool, Error> {
        let sql = "update second_factors set confirmed_at = $4, last_step = $3
            where user_id = $1 and secret = $2 and confirmed_at is null and last_step < $3";
        let statement = sqlx::query(sql).bind(user.uuid()).bind(sealed.to_vec()).bind(step).bind(self.now);
        Ok(self.rows.session.execute(statement).await? == 1)
    }

    /// Uses the code of a step of this secret. Of all who try the same at once, on whichever replica, one is told that it
    /// was the first.
    pub async fn use_step(&mut self, user: UserId, sealed: &[u8], step: i64) -> Result<bool, Error> {
        let sql = "update second_factors set last_step = $3
            where user_id = $1 and secret = $2 and confirmed_at is not null and last_step < $3";
        let statement = sqlx::query(sql).bind(user.uuid()).bind(sealed.to_vec()).bind(step);
        Ok(self.rows.session.execute(statement).await? == 1)
    }

    /// Uses a recovery code. One of all who try is told that it was the first.
    pub async fn use_recovery_code(&mut self, user: UserId, hash: &[u8]) -> Result<bool, Error> {
        let sql = "update recovery_codes set used_at = $3 where user_id = $1 and hash = $2 and used_at is null";
        let statement = sqlx::query(sql).bind(user.uuid()).bind(hash.to_vec()).bind(self.now);
        Ok(self.rows.session.execute(statement).await? == 1)
    }

    /// Gives the person these recovery codes and no others.
    pub async fn replace_recovery_codes(&mut self, user: UserId, hashes: &[Vec<u8>]) -> Result<(), Error> {
        let delete = sqlx::query("delete from recovery_codes where user_id = $1").bind(user.uuid());
        self.rows.session.execute(delete).await?;
        let sql = "insert into recovery_codes (user_id, hash) select $1, unnest($2::bytea[])";
        let insert = sqlx::query(sql).bind(user.uuid()).bind(hashes.to_vec());
        self.rows.session.execute(insert).await.map(drop)
    }

    /// Takes the second factor away with its recovery codes. Says whether there was a confirmed one.
    pub async fn delete_second_factor(&mut self, user: UserId) -> Result<bool, Error> {
        let codes = sqlx::query("delete from recovery_codes where user_id = $1").bind(user.uuid());
        self.rows.session.execute(codes).await?;
        let sql = "delete from second_factors where user_id = $1 returning confirmed_at is not null";
        let row = self.rows.session.optional(sqlx::query(sql).bind(user.uuid())).await?;
        Ok(row.map(|row| row.try_get(0)).transpose()?.unwrap_or(false))
    }
}
