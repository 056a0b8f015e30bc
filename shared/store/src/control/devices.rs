//! Devices: browsers that somebody gave the right password in. An approved one may sign in where the policy of an
//! organization asks for approval, and is not held up by what strangers tried.

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use domain::ids::{DeviceId, OrganizationId, UserId};
use ipnet::IpNet;
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, Row};
use uuid::Uuid;

use super::TokenHash;
use super::transaction::{ControlRows, ControlWrite};
use crate::decode;
use crate::error::Error;

/// Approved devices of one person; the one that was seen longest ago makes room for a new one.
pub const DEVICES_APPROVED_MAX: i64 = 30;
/// Devices of one person that wait. Whoever knows the password alone can make them: they make room among themselves, and
/// never push out an approved one.
pub const DEVICES_PENDING_MAX: i64 = 5;

const COLUMNS: &str =
    "d.id, d.user_id, d.label, d.address, d.agent, d.requested_at, d.last_seen_at, d.approved_at, d.approved_by";

/// A browser of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Its id.
    pub id: DeviceId,
    /// Whose.
    pub user: UserId,
    /// What people call it.
    pub label: String,
    /// Where it was seen first.
    pub address: Option<IpAddr>,
    /// What its program called itself.
    pub agent: String,
    /// When the password was first given in it.
    pub requested_at: DateTime<Utc>,
    /// When it was used last.
    pub last_seen_at: DateTime<Utc>,
    /// When it was approved.
    pub approved_at: Option<DateTime<Utc>>,
    /// The id of whoever approved it, or how that came.
    pub approved_by: Option<String>,
}

/// A browser to be added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDevice {
    /// Whose.
    pub user: UserId,
    /// Of its cookie.
    pub token_hash: TokenHash,
    /// What people call it.
    pub label: String,
}

impl ControlRows {
    /// A person's device by its cookie.
    pub async fn find_device(&mut self, user: UserId, token_hash: &TokenHash) -> Result<Option<Device>, Error> {
        let sql = format!("select {COLUMNS} from devices d where d.user_id = $1 and d.token_hash = $2");
        let statement = sqlx::query(AssertSqlSafe(sql)).bind(user.uuid()).bind(token_hash.to_vec());
        self.session.optional(statement).await?.as_ref().map(read_device).transpose()
    }

    /// A person's device.
    pub async fn find_device_by_id(&mut self, user: UserId, id: DeviceId) -> Result<Option<Device>, Error> {
        let sql = format!("select {COLUMNS} from devices d where d.user_id = $1 and d.id = $2");
        let statement = sqlx::query(AssertSqlSafe(sql)).bind(user.uuid()).bind(id.uuid());
        self.session.optional(statement).await?.as_ref().map(read_device).transpose()
    }

    /// A person's devices: those that wait first, then the newest.
    pub async fn list_devices(&mut self, user: UserId) -> Result<Vec<Device>, Error> {
        let sql = format!(
            "select {COLUMNS} from devices d where d.user_id = $1
            order by d.approved_at is not null, d.requested_at desc, d.id desc"
        );
        let rows = self.session.all(sqlx::query(AssertSqlSafe(sql)).bind(user.uuid())).await?;
        rows.iter().map(read_device).collect()
    }

    /// The devices of an organization's members that wait, the newest first, each with its person's address.
    pub async fn list_pending_devices(&mut self, organization: OrganizationId) -> Result<Vec<(Device, String)>, Error> {
        let sql = format!(
            "select {COLUMNS}, u.email from devices d
            join users u on u.id = d.user_id
            join memberships m on m.user_id = d.user_id
            where m.organization_id = $1 and d.approved_at is null
            order by d.requested_at desc, d.id desc
            limit 200"
        );
        let rows = self.session.all(sqlx::query(AssertSqlSafe(sql)).bind(organization.uuid())).await?;
        rows.iter().map(|row| Ok((read_device(row)?, row.try_get("email")?))).collect()
    }
}

impl ControlWrite {
    /// Adds a device that waits, or finds it again by its cookie. Others that wait may have to make room.
    pub async fn insert_device(&mut self, new: &NewDevice) -> Result<Device, Error> {
        let sql = format!(
            "insert into devices as d (id, user_id, token_hash, label, address, agent, requested_at, last_seen_at)
            values ($1, $2, $3, $4, $5, $6, $7, $7)
            on conflict (user_id, token_hash) do update set last_seen_at = excluded.last_seen_at
            returning {COLUMNS}"
        );
        let statement = sqlx::query(AssertSqlSafe(sql))
            .bind(DeviceId::mint(self.now).uuid())
            .bind(new.user.uuid())
            .bind(new.token_hash.to_vec())
            .bind(&new.label)
            .bind(self.origin.ip.map(IpNet::from))
            .bind(self.origin.agent.clone())
            .bind(self.now);
        let device = read_device(&self.rows.session.one(statement).await?)?;
        let sql = "delete from devices where user_id = $1 and approved_at is null and id not in (
                select id from devices where user_id = $1 and approved_at is null
                order by last_seen_at desc, id desc limit $2)";
        let make_room = sqlx::query(sql).bind(new.user.uuid()).bind(DEVICES_PENDING_MAX);
        self.rows.session.execute(make_room).await?;
        Ok(device)
    }

    /// Approves a device that waits; `by` is the id of whoever does, or how that came. Says whether it waited.
    pub async fn approve_device(&mut self, user: UserId, id: DeviceId, by: &str) -> Result<bool, Error> {
        let sql = "update devices set approved_at = $3, approved_by = $4
            where user_id = $1 and id = $2 and approved_at is null";
        let statement = sqlx::query(sql).bind(user.uuid()).bind(id.uuid()).bind(self.now).bind(by);
        let was_pending = self.rows.session.execute(statement).await? == 1;
        let sql = "delete from devices where user_id = $1 and approved_at is not null and id not in (
                select id from devices where user_id = $1 and approved_at is not null
                order by last_seen_at desc, id desc limit $2)";
        let make_room = sqlx::query(sql).bind(user.uuid()).bind(DEVICES_APPROVED_MAX);
        self.rows.session.execute(make_room).await?;
        Ok(was_pending)
    }

    /// Notes that a device was just used.
    pub async fn touch_device(&mut self, id: DeviceId) -> Result<(), Error> {
        let sql = "update devices set last_seen_at = $2 where id = $1";
        self.rows.session.execute(sqlx::query(sql).bind(id.uuid()).bind(self.now)).await.map(drop)
    }

    /// Forgets a device, and with it a sign-in that waits for it. Says whether there was one.
    pub async fn delete_device(&mut self, user: UserId, id: DeviceId) -> Result<bool, Error> {
        let sql = "delete from devices where user_id = $1 and id = $2";
        Ok(self.rows.session.execute(sqlx::query(sql).bind(user.uuid()).bind(id.uuid())).await? == 1)
    }
}

fn read_device(row: &PgRow) -> Result<Device, Error> {
    Ok(Device {
        id: DeviceId::from_uuid(row.try_get::<Uuid, _>("id")?),
        user: UserId::from_uuid(row.try_get::<Uuid, _>("user_id")?),
        label: row.try_get("label")?,
        address: decode::address(row, "address")?,
        agent: row.try_get("agent")?,
        requested_at: row.try_get("requested_at")?,
        last_seen_at: row.try_get("last_seen_at")?,
        approved_at: decode::instant(row, "approved_at")?,
        approved_by: row.try_get("approved_by")?,
    })
}
