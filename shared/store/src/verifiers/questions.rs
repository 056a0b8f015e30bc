//! Asking: a question is a row before it is sent, so that of all replicas one asks; and what is said of it.
//!
//! Questions are no changes of anything: they have no event. The key that comes of one has.

use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::access::Scope;
use domain::event::Event;
use domain::foreign::{Wrapped, is_stored};
use domain::ids::OrganizationId;
use domain::secret::{LookupId, SecretHash};
use serde_json::Value;

use super::{AskOutcome, Verifier};
use crate::duplicates::Import;
use crate::error::Error;
use crate::keys::Key;
use crate::rows::{Bounds, Rows};
use crate::session::Mode;
use crate::store::Store;
use crate::write::{Committed, Write};

/// A foreign text was vouched for, and is a key from now on.
const ADOPTED: &str = "key.adopted";
/// How many questions of an organization may wait for their answers at once, over all replicas.
pub const ASKING_MAX: i64 = 16;
/// How many answers of an organization are remembered, beside those that were accepted; the oldest make room.
pub const ANSWERS_MAX: i64 = 10_000;
/// Room is made after so many questions.
const ROOM_EVERY: i64 = 100;

/// What an attempt to ask comes to.
#[derive(Debug)]
pub enum Claim {
    /// There is no verifier to ask.
    Nobody,
    /// Somebody was asked before, and this holds.
    Held(AskOutcome),
    /// A key has this secret, whosever it is.
    Known,
    /// For want of budget.
    Unasked,
    /// The caller asks.
    Granted(Box<Asking>),
}

/// A question that is the caller's to ask, and nobody else's meanwhile.
#[derive(Debug)]
pub struct Asking {
    /// Whom.
    pub verifier: Verifier,
    hash: [u8; 32],
    asked_at: DateTime<Utc>,
}

impl Store {
    /// Takes it upon the caller to ask about a text, unless nobody needs to. For so long nobody else does.
    pub async fn claim_question(&self, scope: &Scope, wrapped: &[Wrapped], lease: Duration) -> Result<Claim, Error> {
        let mut rows = self.rows(Mode::Write, Bounds::of(scope)).await?;
        let claim = rows.claim(wrapped, lease).await?;
        rows.session.commit().await?;
        Ok(claim)
    }

    /// Keeps what was said, but for an acceptance.
    pub async fn settle_question(
        &self,
        scope: &Scope,
        asking: &Asking,
        said: (AskOutcome, Option<u16>),
    ) -> Result<(), Error> {
        let mut rows = self.rows(Mode::Write, Bounds::of(scope)).await?;
        rows.settle(asking, said).await?;
        rows.session.commit().await
    }
}

impl Rows {
    async fn claim(&mut self, wrapped: &[Wrapped], lease: Duration) -> Result<Claim, Error> {
        // Held until the end: of two that ask about one text, the second finds the first one's row.
        let verifier = self.select_verifier("for update").await?;
        let Some(verifier) = verifier.filter(|verifier| verifier.settings.ends_at > self.now) else {
            return Ok(Claim::Nobody);
        };
        match self.find_verifier_answer(wrapped).await? {
            Some(answer) if answer.is_held => return Ok(Claim::Held(answer.outcome)),
            Some(_) | None => {}
        }
        if self.is_foreign_known(wrapped).await? {
            return Ok(Claim::Known);
        }
        if !self.spend_budget().await? {
            return Ok(Claim::Unasked);
        }
        let hash = wrapped.first().ok_or_else(|| Error::unreadable("no pepper"))?.hash.bytes;
        let sql = "insert into verifier_answers (organization_id, hash, outcome, asked_at, holds_until)
            values ($1, $2, 'asking', $3, $3 + $4 * interval '1 millisecond')
            on conflict (organization_id, hash) do update
            set outcome = excluded.outcome, status = null, asked_at = excluded.asked_at, holds_until = excluded.holds_until";
        let lease_ms = i64::try_from(lease.as_millis()).unwrap_or(i64::MAX);
        let statement = sqlx::query(sql).bind(self.organization()).bind(hash.to_vec()).bind(self.now).bind(lease_ms);
        self.session.execute(statement).await?;
        if verifier.counts.asked % ROOM_EVERY == 0 {
            self.make_room().await?;
        }
        Ok(Claim::Granted(Box::new(Asking { verifier, hash, asked_at: self.now })))
    }

    /// Counts a question, if the minute has one left and not too many wait already.
    async fn spend_budget(&mut self) -> Result<bool, Error> {
        let sql = "update verifiers v
            set asked = asked + 1, budget_at = date_trunc('minute', $2::timestamptz),
                budget_used = case when budget_at = date_trunc('minute', $2::timestamptz) then budget_used else 0 end + 1
            where organization_id = $1
              and (budget_at <> date_trunc('minute', $2::timestamptz) or budget_used < budget_per_minute)
              and $3 > (
                  select count(*) from verifier_answers a
                  where a.organization_id = $1 and a.outcome = 'asking' and a.holds_until > $2)";
        let statement = sqlx::query(sql).bind(self.organization()).bind(self.now).bind(ASKING_MAX);
        if self.session.execute(statement).await? > 0 {
            return Ok(true);
        }
        let sql = "update verifiers set unasked = unasked + 1 where organization_id = $1";
        self.session.execute(sqlx::query(sql).bind(self.organization())).await?;
        Ok(false)
    }

    /// Forgets the oldest answers beyond what is remembered. What was accepted is never forgotten.
    async fn make_room(&mut self) -> Result<(), Error> {
        let sql = "delete from verifier_answers
            where organization_id = $1 and outcome in ('refused', 'unsaid') and (asked_at, hash) <= (
                select asked_at, hash from verifier_answers
                where organization_id = $1 and outcome in ('refused', 'unsaid')
                order by asked_at desc, hash desc
                offset $2 limit 1)";
        let statement = sqlx::query(sql).bind(self.organization()).bind(ANSWERS_MAX);
        self.session.execute(statement).await.map(drop)
    }

    async fn settle(&mut self, asking: &Asking, said: (AskOutcome, Option<u16>)) -> Result<bool, Error> {
        let (outcome, status) = said;
        let (word, key) = match outcome {
            AskOutcome::Asking => ("asking", None),
            AskOutcome::Accepted(key) => ("accepted", Some(key.uuid())),
            AskOutcome::Refused => ("refused", None),
            AskOutcome::Unsaid => ("unsaid", None),
        };
        // Whoever was told to ask before a change, or whose time was up, has nothing to say any more.
        let sql = "update verifier_answers
            set outcome = $4, status = $5, key_id = $6, holds_until = case $4
                when 'accepted' then null
                when 'refused' then $7 + $8 * interval '1 second'
                else $7 end
            where organization_id = $1 and hash = $2 and outcome = 'asking' and asked_at = $3";
        let settings = &asking.verifier.settings;
        let statement = sqlx::query(sql)
            .bind(self.organization())
            .bind(asking.hash.to_vec())
            .bind(asking.asked_at)
            .bind(word)
            .bind(status.map(i32::from))
            .bind(key)
            .bind(self.now)
            .bind(i64::from(settings.refusals_seconds));
        if self.session.execute(statement).await? == 0 {
            return Ok(false);
        }
        let sql = "update verifiers
            set accepted = accepted + ($2 = 'accepted')::int, refused = refused + ($2 = 'refused')::int,
                unsaid = unsaid + ($2 = 'unsaid')::int
            where organization_id = $1";
        self.session.execute(sqlx::query(sql).bind(self.organization()).bind(word)).await?;
        Ok(true)
    }

    /// Whether a secret of any organization is this text, whatever has become of its key.
    async fn is_foreign_known(&mut self, wrapped: &[Wrapped]) -> Result<bool, Error> {
        let lookup_ids: Vec<LookupId> = wrapped.iter().map(|one| one.lookup_id).collect();
        let stored = self.find_hashes(&lookup_ids).await?;
        Ok(stored.iter().any(|hash: &SecretHash| is_stored(wrapped, hash)))
    }
}

impl Write {
    /// The verifier that a question was asked of, if it is still that one, held until this change ends.
    pub async fn hold_verifier(&mut self, asking: &Asking) -> Result<bool, Error> {
        let held = self.rows.select_verifier("for update").await?;
        Ok(held.is_some_and(|held| held.version == asking.verifier.version && held.settings.ends_at > self.now))
    }

    /// Makes the key of a text that was accepted; `None` where the question was not the caller's any more.
    pub async fn adopt_key(
        mut self,
        (asking, status): (&Asking, u16),
        import: Import,
        view: impl FnOnce(&Key) -> Option<Value>,
        is_same: impl Fn(usize, OrganizationId, &SecretHash) -> Option<bool>,
    ) -> Result<Option<(Key, Committed)>, Error> {
        let key = self.import_keys(&[import], is_same).await?.into_iter().next();
        let key = key.ok_or_else(|| Error::unreadable("an import makes a key"))?;
        if !self.rows.settle(asking, (AskOutcome::Accepted(key.id), Some(status))).await? {
            return Ok(None);
        }
        let event = Event::of(ADOPTED, key.id).changed(None, view(&key));
        let committed = self.commit(event).await?;
        Ok(Some((key, committed)))
    }
}
