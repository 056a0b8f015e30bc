//! The keys that sign the tokens of members: one signs, the next is published before it does, and a retired one stays published
//! until nothing that it signed is good any more.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::Row;
use sqlx::postgres::PgRow;

use super::transaction::{ControlRows, ControlWrite};
use crate::error::Error;

/// Any one number: whoever holds it is the only one who changes the keys.
const LOCK: i64 = 0x636c_6176_6b65_7973;

/// A key that signs the tokens of members.
#[derive(Clone)]
pub struct SigningKey {
    /// Its id, as tokens name it.
    pub kid: String,
    /// 32 bytes of Ed25519.
    pub public_key: Vec<u8>,
    /// The 32 bytes that it is made of, sealed.
    pub secret_key: Vec<u8>,
    /// What it is used for.
    pub state: SigningKeyState,
    /// Since when.
    pub state_since: DateTime<Utc>,
}

/// What a key is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SigningKeyState {
    /// It signs.
    Current,
    /// It will sign; it is published already.
    Next,
    /// It signs no more, and proves what it has signed.
    Retired,
}

impl SigningKeyState {
    const ALL: [Self; 3] = [Self::Current, Self::Next, Self::Retired];

    const fn name(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Next => "next",
            Self::Retired => "retired",
        }
    }
}

impl ControlRows {
    /// All keys that are published.
    pub async fn list_signing_keys(&mut self) -> Result<Vec<SigningKey>, Error> {
        let sql =
            "select kid, public_key, secret_key, state, state_since from signing_keys order by state_since desc, kid";
        self.session.all(sqlx::query(sql)).await?.iter().map(read_key).collect()
    }
}

impl ControlWrite {
    /// Waits until nobody else changes the keys.
    pub async fn hold_signing_keys(&mut self) -> Result<(), Error> {
        let statement = sqlx::query("select pg_advisory_xact_lock($1)").bind(LOCK);
        self.rows.session.execute(statement).await.map(drop)
    }

    /// Adds a key.
    pub async fn insert_signing_key(
        &mut self,
        kid: &str,
        (public_key, secret_key): (&[u8], &[u8]),
        state: SigningKeyState,
    ) -> Result<(), Error> {
        let sql = "insert into signing_keys (kid, public_key, secret_key, state, created_at, state_since)
            values ($1, $2, $3, $4, $5, $5)";
        let statement = sqlx::query(sql)
            .bind(kid.to_owned())
            .bind(public_key.to_vec())
            .bind(secret_key.to_vec())
            .bind(state.name())
            .bind(self.now);
        self.rows.session.execute(statement).await.map(drop)
    }

    /// From now on the next key signs, and the one before proves what it has signed.
    pub async fn advance_signing_keys(&mut self) -> Result<(), Error> {
        for (from, to) in
            [(SigningKeyState::Current, SigningKeyState::Retired), (SigningKeyState::Next, SigningKeyState::Current)]
        {
            let sql = "update signing_keys set state = $2, state_since = $3 where state = $1";
            let statement = sqlx::query(sql).bind(from.name()).bind(to.name()).bind(self.now);
            self.rows.session.execute(statement).await?;
        }
        Ok(())
    }

    /// Deletes keys that have been retired for so long.
    pub async fn delete_retired_signing_keys(&mut self, age: TimeDelta) -> Result<(), Error> {
        let sql = "delete from signing_keys where state = 'retired' and state_since < $1";
        self.rows.session.execute(sqlx::query(sql).bind(self.now - age)).await.map(drop)
    }
}

fn read_key(row: &PgRow) -> Result<SigningKey, Error> {
    let state: &str = row.try_get("state")?;
    let state = SigningKeyState::ALL.into_iter().find(|known| known.name() == state);
    Ok(SigningKey {
        kid: row.try_get("kid")?,
        public_key: row.try_get("public_key")?,
        secret_key: row.try_get("secret_key")?,
        state: state.ok_or_else(|| Error::unreadable("a signing key in an unknown state"))?,
        state_since: row.try_get("state_since")?,
    })
}
