//! The access log of control: sign-ins, what became of them, and the ends of sessions.

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use domain::ids::{SessionId, UserId, uuid_at};
use ipnet::IpNet;
use sqlx::Row;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use super::transaction::{ControlRows, ControlWrite};
use crate::decode;
use crate::error::Error;
use crate::page::{Page, Slice};

/// The closed list of outcomes.
pub const OUTCOMES: &[&str] = &[
    "succeeded",
    "wrong-credentials",
    "locked",
    "disabled",
    "second-factor-asked",
    "wrong-code",
    "device-pending",
    "device-refused",
    "password-expired",
    "network-refused",
    "invalid-link",
    "too-busy",
];

/// Something to be logged. It has no place for what anybody typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccessEntry {
    /// Whose account, if there is one.
    pub user: Option<UserId>,
    /// `sign-in`, `sign-out`, `session-ended`, `step-up`, `password-reset`, `invite-accepted`, `setup`.
    pub event: &'static str,
    /// One of [`OUTCOMES`].
    pub outcome: &'static str,
    /// `password`, `totp`, `recovery-code`, `link`, where one decided.
    pub factor: Option<&'static str>,
    /// The session that it made, used or ended.
    pub session: Option<SessionId>,
}

/// An entry as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessRow {
    /// Its id.
    pub id: Uuid,
    /// When.
    pub at: DateTime<Utc>,
    /// Whose account, with its address.
    pub user: Option<(UserId, String)>,
    /// What somebody wanted.
    pub event: String,
    /// What became of it.
    pub outcome: String,
    /// By what.
    pub factor: Option<String>,
    /// From where.
    pub address: Option<IpAddr>,
    /// With which program.
    pub agent: String,
    /// In which session.
    pub session: Option<SessionId>,
}

impl ControlWrite {
    /// Writes an entry with this change.
    pub async fn insert_access(&mut self, entry: &AccessEntry) -> Result<(), Error> {
        debug_assert!(OUTCOMES.contains(&entry.outcome), "{} is no outcome", entry.outcome);
        let sql = "insert into access_log
                (id, at, user_id, event, outcome, factor, address, agent, session_id, request_id)
            values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
        let statement = sqlx::query(sql)
            .bind(uuid_at(self.now))
            .bind(self.now)
            .bind(entry.user.map(UserId::uuid))
            .bind(entry.event)
            .bind(entry.outcome)
            .bind(entry.factor)
            .bind(self.origin.ip.map(IpNet::from))
            .bind(self.origin.agent.clone())
            .bind(entry.session.map(SessionId::uuid))
            .bind(self.origin.request_id.clone());
        self.rows.session.execute(statement).await.map(drop)
    }
}

impl ControlRows {
    /// The entries of the accounts of an organization's members, newest first; all of them with `None`.
    pub async fn list_access(
        &mut self,
        organization: Option<domain::ids::OrganizationId>,
        slice: &Slice,
    ) -> Result<Page<AccessRow>, Error> {
        let sql = "select a.id, a.at as created_at, a.user_id, u.email, a.event, a.outcome, a.factor, a.address,
                a.agent, a.session_id
            from access_log a
            left join users u on u.id = a.user_id
            where (a.at, a.id) < ($1, $2)
              and ($3::uuid is null
                or exists (select from memberships m where m.organization_id = $3 and m.user_id = a.user_id))
            order by a.at desc, a.id desc
            limit $4";
        let (at, id) = slice.position();
        let statement = sqlx::query(sql).bind(at).bind(id).bind(organization.map(|id| id.uuid())).bind(slice.fetched());
        Page::read(&self.session.all(statement).await?, slice, read_row)
    }
}

fn read_row(row: &PgRow) -> Result<AccessRow, Error> {
    let user: Option<Uuid> = row.try_get("user_id")?;
    let email: Option<String> = row.try_get("email")?;
    Ok(AccessRow {
        id: row.try_get("id")?,
        at: row.try_get("created_at")?,
        user: user.map(UserId::from_uuid).zip(email),
        event: row.try_get("event")?,
        outcome: row.try_get("outcome")?,
        factor: row.try_get("factor")?,
        address: decode::address(row, "address")?,
        agent: row.try_get("agent")?,
        session: row.try_get::<Option<Uuid>, _>("session_id")?.map(SessionId::from_uuid),
    })
}
