//! Who a session's cookie stands for, now: asked of the database, and kept for less than a second.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use domain::ids::UserId;
use store::control::{Control, ControlActor, ControlOrigin, Membership, TokenHash, User, UserSession};

use crate::cookies::Token;

/// What ends a session elsewhere holds here after this long at the latest.
const CACHE_AGE_MAX: Duration = Duration::from_millis(900);
/// How many are kept; beyond, all are asked for again.
const CACHE_ENTRIES_MAX: usize = 10_000;
/// How exactly the time of a session's last request is written down.
const SEEN_EXACT_TO: TimeDelta = TimeDelta::seconds(60);

/// A person with a session that holds.
#[derive(Debug, Clone)]
pub struct SignedIn {
    /// The session.
    pub session: UserSession,
    /// The person.
    pub user: User,
    /// Where the person belongs to.
    pub memberships: Vec<Membership>,
    read_at: DateTime<Utc>,
    read: Instant,
}

impl SignedIn {
    /// The database's time, carried forward since the rows were read.
    pub fn now(&self) -> DateTime<Utc> {
        self.read_at + TimeDelta::from_std(self.read.elapsed()).unwrap_or_default()
    }

    /// Whether the person has proven lately who they are.
    pub fn has_stepped_up(&self) -> bool {
        self.session.step_up_until.is_some_and(|until| until > self.now())
    }
}

/// Sessions that were asked for a moment ago.
#[derive(Debug, Default)]
pub struct SessionCache(Mutex<HashMap<TokenHash, Arc<SignedIn>>>);

impl SessionCache {
    /// Whom a cookie stands for; `None` where its session does not hold.
    pub async fn find(
        &self,
        control: &Control,
        token: &Token,
        idle: TimeDelta,
    ) -> Result<Option<Arc<SignedIn>>, store::Error> {
        let hash = token.hash();
        let kept = self.lock().get(&hash).cloned();
        if let Some(known) = kept.filter(|known| known.read.elapsed() < CACHE_AGE_MAX) {
            return Ok(Some(known));
        }
        // From before the rows are read: what happens meanwhile may not be in them.
        let read = Instant::now();
        let mut rows = control.read().await?;
        let Some(found) = rows.find_session(&hash, idle).await? else {
            self.lock().remove(&hash);
            return Ok(None);
        };
        let memberships = rows.list_memberships(found.user.id).await?;
        let read_at = rows.now();
        drop(rows);
        if read_at - found.session.last_seen_at > SEEN_EXACT_TO {
            let origin = ControlOrigin::new("", None, "");
            let mut write = control.write(ControlActor::System("console"), &origin).await?;
            write.touch_session(found.session.id).await?;
            write.commit_bookkeeping().await?;
        }
        let signed = Arc::new(SignedIn { session: found.session, user: found.user, memberships, read_at, read });
        let mut kept = self.lock();
        if kept.len() >= CACHE_ENTRIES_MAX {
            kept.clear();
        }
        kept.insert(hash, Arc::clone(&signed));
        Ok(Some(signed))
    }

    /// Forgets a person: something about them has just changed.
    pub fn forget(&self, user: UserId) {
        self.lock().retain(|_, signed| signed.user.id != user);
    }

    /// Forgets everybody: something about an organization has just changed.
    pub fn forget_all(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<TokenHash, Arc<SignedIn>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
