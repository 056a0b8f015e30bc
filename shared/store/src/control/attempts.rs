//! What was tried in vain, by account, by source and by device: counted before anything is proven, so that attempts at
//! the same moment count, too.

use chrono::{DateTime, TimeDelta, Utc};
use sha2::{Digest, Sha256};
use sqlx::Row;

use super::transaction::{Control, ControlRows};
use crate::error::Error;
use crate::session::Mode;

/// What attempts are counted by, as a hash: a row says nothing about what somebody typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subject([u8; 32]);

/// What was counted for one subject, the attempt that was just counted included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempts {
    /// In the present window.
    pub in_window: i32,
    /// Since the last success.
    pub consecutive: i32,
    /// When the window ends.
    pub window_ends_at: DateTime<Utc>,
}

impl Subject {
    /// The subject of a kind (`account`, `source`, `device`, …) with this name.
    pub fn of(kind: &str, name: &str) -> Self {
        let mut digest = Sha256::new();
        digest.update(kind.as_bytes());
        digest.update([0]);
        digest.update(name.as_bytes());
        Self(digest.finalize().into())
    }
}

impl Control {
    /// Counts an attempt of each subject and says how many there are now. In one transaction of its own: whatever
    /// becomes of the attempt, it has counted.
    pub async fn count_attempts<const N: usize>(
        &self,
        subjects: [Subject; N],
        window: TimeDelta,
    ) -> Result<[Attempts; N], Error> {
        let mut session = self.session(Mode::Write).await?;
        let sql = "insert into sign_in_attempts
                (subject, window_started_at, window_failures, consecutive_failures, updated_at)
            values ($1, clock_timestamp(), 1, 1, clock_timestamp())
            on conflict (subject) do update set
                window_started_at = case when sign_in_attempts.window_started_at > clock_timestamp() - $2
                    then sign_in_attempts.window_started_at else clock_timestamp() end,
                window_failures = case when sign_in_attempts.window_started_at > clock_timestamp() - $2
                    then least(sign_in_attempts.window_failures + 1, 1000000) else 1 end,
                consecutive_failures = least(sign_in_attempts.consecutive_failures + 1, 1000000),
                updated_at = clock_timestamp()
            returning window_failures, consecutive_failures, window_started_at";
        // In one order, so that two requests never wait for each other.
        let mut order: Vec<usize> = (0..N).collect();
        order.sort_unstable_by_key(|at| subjects[*at].0);
        let mut counted = [Attempts { in_window: 0, consecutive: 0, window_ends_at: DateTime::UNIX_EPOCH }; N];
        for at in order {
            let row = session.one(sqlx::query(sql).bind(subjects[at].0.to_vec()).bind(window)).await?;
            counted[at] = Attempts {
                in_window: row.try_get("window_failures")?,
                consecutive: row.try_get("consecutive_failures")?,
                window_ends_at: row.try_get::<DateTime<Utc>, _>("window_started_at")? + window,
            };
        }
        session.commit().await?;
        Ok(counted)
    }

    /// Takes back an attempt that was none: the one that succeeded.
    pub async fn uncount_attempt(&self, subject: Subject) -> Result<(), Error> {
        let mut session = self.session(Mode::Write).await?;
        let sql = "update sign_in_attempts
            set window_failures = greatest(window_failures - 1, 0),
                consecutive_failures = greatest(consecutive_failures - 1, 0)
            where subject = $1";
        session.execute(sqlx::query(sql).bind(subject.0.to_vec())).await?;
        session.commit().await
    }

    /// Forgets what a subject tried in vain.
    pub async fn forget_attempts(&self, subjects: &[Subject]) -> Result<(), Error> {
        let mut session = self.session(Mode::Write).await?;
        let hashes: Vec<Vec<u8>> = subjects.iter().map(|subject| subject.0.to_vec()).collect();
        session.execute(sqlx::query("delete from sign_in_attempts where subject = any ($1)").bind(hashes)).await?;
        session.commit().await
    }

    /// Deletes what nobody needs any more: links, sign-ins and setup tokens whose time is over, sessions that ended
    /// long ago, and attempts that were the last for long.
    pub async fn delete_expired(&self) -> Result<u64, Error> {
        const STATEMENTS: [&str; 5] = [
            "delete from sign_ins where expires_at < clock_timestamp()",
            "delete from reset_tokens where expires_at < clock_timestamp()",
            "delete from setup_tokens where expires_at < clock_timestamp()",
            "delete from sessions where coalesce(ended_at, expires_at) < clock_timestamp() - interval '90 days'",
            "delete from sign_in_attempts where updated_at < clock_timestamp() - interval '30 days'",
        ];
        let mut session = self.session(Mode::Write).await?;
        let mut deleted = 0;
        for sql in STATEMENTS {
            deleted += session.execute(sqlx::query(sql)).await?;
        }
        session.commit().await?;
        Ok(deleted)
    }
}

impl ControlRows {
    /// What a subject has tried in vain so far, without another attempt.
    pub async fn find_attempts(&mut self, subject: Subject, window: TimeDelta) -> Result<Option<Attempts>, Error> {
        let sql = "select case when window_started_at > $2 then window_failures else 0 end as window_failures,
                consecutive_failures, window_started_at
            from sign_in_attempts
            where subject = $1";
        let statement = sqlx::query(sql).bind(subject.0.to_vec()).bind(self.now - window);
        let Some(row) = self.session.optional(statement).await? else { return Ok(None) };
        Ok(Some(Attempts {
            in_window: row.try_get("window_failures")?,
            consecutive: row.try_get("consecutive_failures")?,
            window_ends_at: row.try_get::<DateTime<Utc>, _>("window_started_at")? + window,
        }))
    }
}
