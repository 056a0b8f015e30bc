//! Sessions. A cookie is known by its hash alone, and whoever holds it is whoever the row says, now.

use std::net::IpAddr;

use chrono::{DateTime, TimeDelta, Utc};
use domain::ids::{DeviceId, SessionId, UserId};
use ipnet::IpNet;
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, Row};
use uuid::Uuid;

use super::TokenHash;
use super::transaction::{ControlRows, ControlWrite};
use super::users::{USER_COLUMNS, User, read_user};
use crate::decode;
use crate::error::Error;

const COLUMNS: &str = "s.id as session_id, s.user_id, s.assurance, s.step_up_until, s.device_id, s.address, s.agent, \
    s.created_at as session_created_at, s.last_seen_at as session_last_seen_at, s.expires_at";

/// A session is valid within these bounds, beside its own end, and those that an organization of the person sets.
const IS_VALID: &str = "s.ended_at is null and s.expires_at > $2 and s.last_seen_at > $2 - $3::interval
    and u.disabled_at is null
    and not exists (
        select from memberships m join organizations o on o.id = m.organization_id
        where m.user_id = u.id and o.deleted_at is null
          and s.created_at + make_interval(hours => o.session_hours) <= $2)";

/// How somebody has proven who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Assurance {
    /// By the password alone.
    Password,
    /// By a second factor, too.
    SecondFactor,
}

/// Why a session ended before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndReason {
    /// The person signed out.
    SignedOut,
    /// The person, or an administrator, ended it.
    Revoked,
    /// The password was changed.
    PasswordChanged,
    /// The second factor was added or taken away.
    SecondFactorChanged,
    /// The person was disabled.
    Disabled,
    /// Another session took its place.
    Replaced,
}

/// How long a session lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionLifetime {
    /// Without a request.
    pub idle: TimeDelta,
    /// At the most.
    pub absolute: TimeDelta,
}

/// A session that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserSession {
    /// Its id.
    pub id: SessionId,
    /// Whose.
    pub user: UserId,
    /// How its person has proven who they are.
    pub assurance: Assurance,
    /// Until when it may do what is dangerous.
    pub step_up_until: Option<DateTime<Utc>>,
    /// In which browser, where that is known.
    pub device: Option<DeviceId>,
    /// Where it began.
    pub address: Option<IpAddr>,
    /// What its program called itself.
    pub agent: String,
    /// When it began.
    pub created_at: DateTime<Utc>,
    /// Its last request, to the minute.
    pub last_seen_at: DateTime<Utc>,
    /// When it ends in any case.
    pub expires_at: DateTime<Utc>,
}

/// A session with its person.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionWithUser {
    /// The session.
    pub session: UserSession,
    /// The person.
    pub user: User,
}

/// A session to begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSession {
    /// Of its cookie.
    pub token_hash: TokenHash,
    /// Whose.
    pub user: UserId,
    /// How that was proven.
    pub assurance: Assurance,
    /// In which browser.
    pub device: Option<DeviceId>,
    /// How long it lasts, at the most.
    pub lifetime: TimeDelta,
    /// For how long what was just proven counts as proven again.
    pub step_up: TimeDelta,
}

impl Assurance {
    /// The word in rows and tokens.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::SecondFactor => "second-factor",
        }
    }

    fn find(name: &str) -> Result<Self, Error> {
        match name {
            "password" => Ok(Self::Password),
            "second-factor" => Ok(Self::SecondFactor),
            _ => Err(Error::unreadable("sessions.assurance is neither password nor second-factor")),
        }
    }
}

impl EndReason {
    /// The word in rows.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SignedOut => "signed-out",
            Self::Revoked => "revoked",
            Self::PasswordChanged => "password-changed",
            Self::SecondFactorChanged => "second-factor-changed",
            Self::Disabled => "disabled",
            Self::Replaced => "replaced",
        }
    }
}

impl ControlRows {
    /// The session of a cookie, if it holds at this moment, with its person.
    pub async fn find_session(
        &mut self,
        token_hash: &TokenHash,
        idle: TimeDelta,
    ) -> Result<Option<SessionWithUser>, Error> {
        let sql = format!(
            "select {COLUMNS}, {USER_COLUMNS}
            from sessions s join users u on u.id = s.user_id
            where s.token_hash = $1 and {IS_VALID}"
        );
        let statement = sqlx::query(AssertSqlSafe(sql)).bind(token_hash.to_vec()).bind(self.now).bind(idle);
        let Some(row) = self.session.optional(statement).await? else { return Ok(None) };
        Ok(Some(SessionWithUser { session: read_session(&row)?, user: read_user(&row)? }))
    }

    /// The sessions of a person that hold, the newest first.
    pub async fn list_sessions(&mut self, user: UserId, idle: TimeDelta) -> Result<Vec<UserSession>, Error> {
        let sql = format!(
            "select {COLUMNS}
            from sessions s join users u on u.id = s.user_id
            where s.user_id = $1 and {IS_VALID}
            order by s.created_at desc, s.id desc
            limit 200"
        );
        let statement = sqlx::query(AssertSqlSafe(sql)).bind(user.uuid()).bind(self.now).bind(idle);
        self.session.all(statement).await?.iter().map(read_session).collect()
    }
}

impl ControlWrite {
    /// Begins a session.
    pub async fn insert_session(&mut self, new: &NewSession) -> Result<SessionId, Error> {
        let id = SessionId::mint(self.now);
        let sql = "insert into sessions
                (id, token_hash, user_id, assurance, step_up_until, device_id, address, agent, created_at, last_seen_at,
                expires_at)
            values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, $10)";
        let statement = sqlx::query(sql)
            .bind(id.uuid())
            .bind(new.token_hash.to_vec())
            .bind(new.user.uuid())
            .bind(new.assurance.name())
            .bind(self.now + new.step_up)
            .bind(new.device.map(DeviceId::uuid))
            .bind(self.origin.ip.map(IpNet::from))
            .bind(self.origin.agent.clone())
            .bind(self.now)
            .bind(self.now + new.lifetime);
        self.rows.session.execute(statement).await?;
        let seen = sqlx::query("update users set last_seen_at = $2 where id = $1").bind(new.user.uuid()).bind(self.now);
        self.rows.session.execute(seen).await?;
        Ok(id)
    }

    /// Notes that a session was just used.
    pub async fn touch_session(&mut self, id: SessionId) -> Result<(), Error> {
        let sql =
            "with seen as (update sessions set last_seen_at = $2 where id = $1 and ended_at is null returning user_id)
            update users set last_seen_at = $2 from seen where users.id = seen.user_id";
        self.rows.session.execute(sqlx::query(sql).bind(id.uuid()).bind(self.now)).await.map(drop)
    }

    /// Lets a session do what is dangerous, for a while.
    pub async fn step_up(&mut self, id: SessionId, time: TimeDelta) -> Result<(), Error> {
        let sql = "update sessions set step_up_until = $2 where id = $1 and ended_at is null";
        self.rows.session.execute(sqlx::query(sql).bind(id.uuid()).bind(self.now + time)).await.map(drop)
    }

    /// Notes that a session's person has shown a second factor.
    pub async fn raise_assurance(&mut self, id: SessionId) -> Result<(), Error> {
        let sql = "update sessions set assurance = 'second-factor' where id = $1 and ended_at is null";
        self.rows.session.execute(sqlx::query(sql).bind(id.uuid())).await.map(drop)
    }

    /// Ends a session of this person. Says whether it went on until now.
    pub async fn end_session(&mut self, user: UserId, id: SessionId, reason: EndReason) -> Result<bool, Error> {
        let sql = "update sessions set ended_at = $3, end_reason = $4
            where user_id = $1 and id = $2 and ended_at is null";
        let statement = sqlx::query(sql).bind(user.uuid()).bind(id.uuid()).bind(self.now).bind(reason.name());
        Ok(self.rows.session.execute(statement).await? == 1)
    }

    /// Ends all sessions of a person but one, and says how many.
    pub async fn end_sessions(
        &mut self,
        user: UserId,
        except: Option<SessionId>,
        reason: EndReason,
    ) -> Result<u64, Error> {
        let sql = "update sessions set ended_at = $3, end_reason = $4
            where user_id = $1 and ended_at is null and ($2::uuid is null or id <> $2)";
        let statement =
            sqlx::query(sql).bind(user.uuid()).bind(except.map(SessionId::uuid)).bind(self.now).bind(reason.name());
        self.rows.session.execute(statement).await
    }
}

fn read_session(row: &PgRow) -> Result<UserSession, Error> {
    Ok(UserSession {
        id: SessionId::from_uuid(row.try_get::<Uuid, _>("session_id")?),
        user: UserId::from_uuid(row.try_get::<Uuid, _>("user_id")?),
        assurance: Assurance::find(row.try_get("assurance")?)?,
        step_up_until: decode::instant(row, "step_up_until")?,
        device: row.try_get::<Option<Uuid>, _>("device_id")?.map(DeviceId::from_uuid),
        address: decode::address(row, "address")?,
        agent: row.try_get("agent")?,
        created_at: row.try_get("session_created_at")?,
        last_seen_at: row.try_get("session_last_seen_at")?,
        expires_at: row.try_get("expires_at")?,
    })
}
