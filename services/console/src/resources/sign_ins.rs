//! `organizations/{o}/devices` and `organizations/{o}/logs/access`: from where an organization's people sign in.

use chrono::{DateTime, Utc};
use domain::ids::{DeviceId, UserId};
use poem_openapi::param::Path;
use poem_openapi::{Object, OpenApi};
use server::answer::{NoContent, Ok200};
use server::problem::{ErrorCode, Problem};
use store::control::{AccessRow, Device};

use super::Tags;
use crate::access::Member;
use crate::operation::operations;
use crate::page::{self, Page};

operations! {
    ListOrganizationDevices   => Managers;
    ApproveOrganizationDevice => Managers, step_up, event("device.approved");
    RefuseOrganizationDevice  => Managers, event("device.refused");
    ListAccess                => Managers, paged;
}

/// A device of a member that waits to be approved.
#[derive(Debug, Clone, Object)]
pub struct WaitingDevice {
    /// Its id, `dev_…`.
    pub id: String,
    /// What people call it.
    pub label: String,
    /// Where it was seen first.
    pub address: Option<String>,
    /// What its program called itself.
    pub agent: String,
    /// `pending`.
    pub state: String,
    /// When the password was first given in it.
    pub requested_at: DateTime<Utc>,
    /// Whose it is.
    pub user: DeviceUser,
}

/// A person with its address.
#[derive(Debug, Clone, Object)]
pub struct DeviceUser {
    /// Its id, `usr_…`.
    pub id: String,
    /// Its address.
    pub email: String,
}

/// A step of a sign-in, and what became of it.
#[derive(Debug, Clone, Object)]
#[oai(rename = "AccessEntry")]
pub struct AccessBody {
    /// Its id.
    pub id: String,
    /// When.
    pub at: DateTime<Utc>,
    /// Whose account.
    pub user: Option<DeviceUser>,
    /// What somebody wanted, such as `sign-in`.
    pub event: String,
    /// What became of it, such as `succeeded`.
    pub outcome: String,
    /// By what, such as `totp`.
    pub factor: Option<String>,
    /// From where.
    pub address: Option<String>,
    /// With which program.
    pub agent: String,
    /// In which session.
    pub session_id: Option<String>,
}

/// The operations on sign-ins.
pub struct Api;

#[OpenApi]
impl Api {
    /// List devices that wait
    #[oai(
        path = "/bff/control/v1/organizations/:organization/devices",
        method = "get",
        operation_id = "list_organization_devices",
        tag = "Tags::Members"
    )]
    async fn list_organization_devices(
        &self,
        access: Member<ListOrganizationDevices>,
        #[oai(name = "organization")] _organization: Path<String>,
    ) -> Result<Ok200<Page<WaitingDevice>>, Problem> {
        let devices = access.read().await?.list_pending_devices(access.organization.id).await?;
        let body = |(device, email): &(Device, String)| WaitingDevice::new(device, email);
        Ok(Ok200::new(Page::whole(devices.iter().map(body).collect())))
    }

    /// Approve a device
    ///
    /// Nobody approves their own in this way.
    #[oai(
        path = "/bff/control/v1/organizations/:organization/devices/:device/approve",
        method = "post",
        operation_id = "approve_organization_device",
        tag = "Tags::Members"
    )]
    async fn approve_organization_device(
        &self,
        access: Member<ApproveOrganizationDevice>,
        #[oai(name = "organization")] _organization: Path<String>,
        device: Path<String>,
    ) -> Result<NoContent, Problem> {
        let id: DeviceId = device.0.parse().map_err(|_| missing())?;
        let mut write = access.write().await?;
        let waiting = write.list_pending_devices(access.organization.id).await?;
        let user = owner_of(&waiting, id)?;
        if user == access.signed.user.id {
            let detail = "Somebody else approves it, or an approved device of yours.";
            return Err(Problem::new(ErrorCode::Conflict).detail(detail));
        }
        write.approve_device(user, id, &access.signed.user.id.to_string()).await?;
        access.commit(write, &access.event(id).with("user", user)).await?;
        Ok(NoContent)
    }

    /// Refuse a device
    #[oai(
        path = "/bff/control/v1/organizations/:organization/devices/:device/refuse",
        method = "post",
        operation_id = "refuse_organization_device",
        tag = "Tags::Members"
    )]
    async fn refuse_organization_device(
        &self,
        access: Member<RefuseOrganizationDevice>,
        #[oai(name = "organization")] _organization: Path<String>,
        device: Path<String>,
    ) -> Result<NoContent, Problem> {
        let id: DeviceId = device.0.parse().map_err(|_| missing())?;
        let mut write = access.write().await?;
        let waiting = write.list_pending_devices(access.organization.id).await?;
        let user = owner_of(&waiting, id)?;
        write.delete_device(user, id).await?;
        access.commit(write, &access.event(id).with("user", user)).await?;
        Ok(NoContent)
    }

    /// List sign-ins
    ///
    /// Of the organization's members, newest first.
    #[oai(
        path = "/bff/control/v1/organizations/:organization/logs/access",
        method = "get",
        operation_id = "list_access",
        tag = "Tags::Members"
    )]
    async fn list_access(
        &self,
        mut access: Member<ListAccess>,
        #[oai(name = "organization")] _organization: Path<String>,
    ) -> Result<Ok200<Page<AccessBody>>, Problem> {
        let mut query = std::mem::take(&mut access.query);
        let slice = page::slice(&mut query)?;
        query.finish()?;
        let rows = access.read().await?.list_access(Some(access.organization.id), &slice).await?;
        Ok(Ok200::new(Page::of(&rows, AccessBody::new)))
    }
}

fn owner_of(waiting: &[(Device, String)], id: DeviceId) -> Result<UserId, Problem> {
    waiting.iter().find(|(device, _)| device.id == id).map(|(device, _)| device.user).ok_or_else(missing)
}

fn missing() -> Problem {
    Problem::new(ErrorCode::NotFound)
}

impl WaitingDevice {
    fn new(device: &Device, email: &str) -> Self {
        Self {
            id: device.id.to_string(),
            label: device.label.clone(),
            address: device.address.map(|address| address.to_string()),
            agent: device.agent.clone(),
            state: "pending".to_owned(),
            requested_at: device.requested_at,
            user: DeviceUser { id: device.user.to_string(), email: email.to_owned() },
        }
    }
}

impl AccessBody {
    fn new(row: &AccessRow) -> Self {
        Self {
            id: row.id.simple().to_string(),
            at: row.at,
            user: row.user.clone().map(|(id, email)| DeviceUser { id: id.to_string(), email }),
            event: row.event.clone(),
            outcome: row.outcome.clone(),
            factor: row.factor.clone(),
            address: row.address.map(|address| address.to_string()),
            agent: row.agent.clone(),
            session_id: row.session.map(|session| session.to_string()),
        }
    }
}
