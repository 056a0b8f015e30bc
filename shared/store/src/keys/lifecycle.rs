//! What ends, restarts and renews a key.

use std::time::Duration;

use chrono::TimeDelta;
use domain::ids::{KeyId, SecretId};
use domain::policy::{AllOr, RevokeReason};
use sqlx::{AssertSqlSafe, Row};

use super::Key;
use super::secrets::NewSecret;
use crate::error::{Error, conflict};
use crate::generation::Subject;
use crate::write::Write;

impl Write {
    /// Cuts the key off. Twice is the same as once, but a later `compromised` still ends its secrets for good.
    pub async fn revoke_key(
        &mut self,
        id: KeyId,
        reason: RevokeReason,
        note: Option<&str>,
    ) -> Result<Option<Key>, Error> {
        if self.hold_key(id).await?.is_none() {
            return Ok(None);
        }
        let ended = match reason {
            RevokeReason::Compromised => self.compromise_secrets(id).await?,
            RevokeReason::Superseded
            | RevokeReason::Unused
            | RevokeReason::OwnerLeft
            | RevokeReason::Other
            | RevokeReason::ScopeRemoved => 0,
        };
        let sql = "update keys
            set revoked_at = coalesce(revoked_at, $3), revoke_reason = $4, revoke_note = $5,
                generation = generation + 1, updated_at = $3
            where organization_id = $1 and id = $2 and (revoked_at is null or $6)
            returning generation";
        let statement = sqlx::query(sql)
            .bind(self.organization())
            .bind(id.uuid())
            .bind(self.now)
            .bind(reason.name())
            .bind(note.map(str::to_owned))
            .bind(ended > 0);
        if let Some(row) = self.rows.session.optional(statement).await? {
            self.bump(Subject::Key(id), row.try_get("generation")?);
            return self.find_key(id).await;
        }
        self.find_unchanged_key(id).await
    }

    /// Undoes a revoke. Refused while the newest secret is compromised, after the key's end, and while nothing is
    /// left of the customers or domains that it was limited to.
    pub async fn reactivate_key(&mut self, id: KeyId) -> Result<Option<Key>, Error> {
        if self.hold_key(id).await?.is_none() {
            return Ok(None);
        }
        let Some(key) = self.find_key(id).await? else { return Ok(None) };
        if self.is_newest_compromised(id).await? {
            return Err(Error::conflict(conflict::SECRET_COMPROMISED));
        }
        if key.policy.expires_at.is_some_and(|end| end <= self.now) {
            return Err(Error::conflict(conflict::KEY_EXPIRED));
        }
        if is_empty(&key.policy.customers) || is_empty(&key.policy.domains) {
            return Err(Error::conflict(conflict::KEY_SCOPE_REMOVED));
        }
        if key.revoked_at.is_none() {
            return self.find_unchanged_key(id).await;
        }
        self.change_key(id, "revoked_at = null, revoke_reason = null, revoke_note = null,").await?;
        self.find_key(id).await
    }

    /// Gives the key a new secret. The one before lives on for `overlap`, never beyond the key's own end, and not at
    /// all if it is compromised. `seen` is the key as the caller looked at it: of two rotations at once, one wins.
    pub async fn regenerate_key(
        &mut self,
        seen: &Key,
        secret: &NewSecret,
        overlap: Duration,
    ) -> Result<Option<Key>, Error> {
        let Some(held) = self.hold_key(seen.id).await? else { return Ok(None) };
        if held.generation != seen.generation {
            return Err(Error::conflict(conflict::KEY_CHANGED));
        }
        let overlap = TimeDelta::from_std(overlap).unwrap_or(TimeDelta::zero());
        self.overlap_secrets(seen.id, self.now + overlap).await?;
        self.insert_secret(seen.id, secret).await?;
        self.change_key(seen.id, "").await?;
        self.find_key(seen.id).await
    }

    /// Ends an older secret before its overlap does. Twice is the same as once; the newest stays.
    pub async fn retire_secret(&mut self, key: KeyId, secret: SecretId) -> Result<Option<Key>, Error> {
        if self.hold_key(key).await?.is_none() {
            return Ok(None);
        }
        let secrets = self.list_secrets(key).await?;
        let Some(position) = secrets.iter().position(|listed| listed.id == secret) else { return Ok(None) };
        if position == 0 {
            return Err(Error::conflict(conflict::SECRET_IS_NEWEST));
        }
        let sql = "update secrets set retires_at = $4
            where organization_id = $1 and key_id = $2 and id = $3 and (retires_at is null or retires_at > $4)";
        let statement = sqlx::query(sql).bind(self.organization()).bind(key.uuid()).bind(secret.uuid()).bind(self.now);
        if self.rows.session.execute(statement).await? == 0 {
            return self.find_unchanged_key(key).await;
        }
        self.change_key(key, "").await?;
        self.find_key(key).await
    }

    /// Ends the key for good: its name is free again, its secrets are over, its history stays. Answers with the key
    /// as it leaves.
    pub async fn delete_key(&mut self, id: KeyId) -> Result<Option<Key>, Error> {
        if self.hold_key(id).await?.is_none() {
            return Ok(None);
        }
        self.retire_secrets(id).await?;
        let Some(mut key) = self.find_key(id).await? else { return Ok(None) };
        key.generation = self.change_key(id, "deleted_at = $3,").await?;
        key.updated_at = self.now;
        Ok(Some(key))
    }

    /// The key, in which this operation had nothing to change.
    pub(super) async fn find_unchanged_key(&mut self, id: KeyId) -> Result<Option<Key>, Error> {
        let key = self.find_key(id).await?;
        self.leave_unchanged(key.as_ref().map(|key| (Subject::Key(id), key.generation)));
        Ok(key)
    }

    /// Makes a new version of a held key, with these columns set beside.
    async fn change_key(&mut self, id: KeyId, set: &'static str) -> Result<i64, Error> {
        let sql = format!(
            "update keys set {set} updated_at = $3, generation = generation + 1
            where organization_id = $1 and id = $2
            returning generation"
        );
        let statement = sqlx::query(AssertSqlSafe(sql)).bind(self.organization()).bind(id.uuid()).bind(self.now);
        let generation = self.rows.session.one(statement).await?.try_get("generation")?;
        self.bump(Subject::Key(id), generation);
        Ok(generation)
    }
}

fn is_empty<T: PartialEq>(list: &AllOr<T>) -> bool {
    list.only().is_some_and(<[T]>::is_empty)
}
