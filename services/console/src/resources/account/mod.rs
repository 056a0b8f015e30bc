//! `account`: what a person does about its own account.

pub mod factors;
mod wire;

use domain::ids::{DeviceId, SessionId};
use domain::names::Name;
use poem_openapi::OpenApi;
use poem_openapi::param::Path;
use server::answer::{NoContent, Ok200};
use server::json::Json;
use server::problem::{ErrorCode, FieldError, Problem};
use store::control::{AccessEntry, EndReason};

use self::wire::{AccountPatch, DeviceBody, PasswordChange, Revoked, SessionItem};
use super::Tags;
use super::session::UserBody;
use crate::access::{Caller, Person};
use crate::operation::operations;
use crate::page::Page;
use crate::sign_in::password;

operations! {
    UpdateAccount       => SignedIn, event("user.updated");
    ChangePassword      => SignedIn, event("user.password_changed");
    ListSessions        => SignedIn;
    RevokeSession       => SignedIn;
    RevokeOtherSessions => SignedIn;
    ListDevices         => SignedIn;
    ApproveDevice       => SignedIn, step_up, event("device.approved");
    RefuseDevice        => SignedIn, event("device.refused");
    DeleteDevice        => SignedIn, event("device.removed");
}

/// The operations on one's own account.
pub struct Api;

fn not_found() -> Problem {
    Problem::new(ErrorCode::NotFound)
}

/// An entry of the access log about a session of the caller.
fn ended(caller: &Caller, session: Option<SessionId>) -> AccessEntry {
    let user = Some(caller.signed.user.id);
    AccessEntry { user, event: "session-ended", outcome: "succeeded", factor: None, session }
}

#[OpenApi]
impl Api {
    /// Change the account
    #[oai(path = "/bff/control/v1/account", method = "patch", operation_id = "update_account", tag = "Tags::Account")]
    async fn update_account(
        &self,
        access: Person<UpdateAccount>,
        body: Json<AccountPatch>,
    ) -> Result<Ok200<UserBody>, Problem> {
        let patch = body.parse()?;
        let preferences = patch.preferences()?;
        let name = patch.name.as_deref().map(Name::parse).transpose();
        let name = name.map_err(|refusal| Problem::validation(vec![FieldError::at("/name", refusal)]))?;
        let mut write = access.write().await?;
        let left = write.count_recovery_codes(access.signed.user.id).await?;
        let before = write.hold_user(access.signed.user.id).await?.ok_or_else(not_found)?;
        let user = write.update_profile(before.id, name.as_ref(), preferences.as_ref()).await?.ok_or_else(not_found)?;
        // What the web app keeps for itself is no news.
        if before.name == user.name {
            write.commit_bookkeeping().await?;
            access.app.sessions.forget(user.id);
        } else {
            access.commit(write, &access.event(user.id).with("name", &user.name)).await?;
        }
        Ok(Ok200::new(UserBody::new(&user, left)))
    }

    /// Change the password
    ///
    /// All other sessions end.
    #[oai(
        path = "/bff/control/v1/account/password",
        method = "post",
        operation_id = "change_password",
        tag = "Tags::Account"
    )]
    async fn change_password(
        &self,
        access: Person<ChangePassword>,
        body: Json<PasswordChange>,
    ) -> Result<NoContent, Problem> {
        let change = body.parse()?;
        let user = &access.signed.user;
        let refused = |pointer: &str, message: String| {
            Problem::validation(vec![FieldError::new(pointer.to_owned(), "password-refused", message)])
        };
        if !password::confirm(&access.app, user, change.current()).await? {
            return Err(refused("/current_password", "is not the password that you have now".to_owned()));
        }
        access.app.rules.check(&change.new_password, &user.email).map_err(|why| refused("/new_password", why))?;
        let hash = access.app.passwords.hash(change.chosen()).await?;
        let mut write = access.write().await?;
        write.hold_user(user.id).await?.ok_or_else(not_found)?;
        write.update_password(user.id, &hash).await?;
        write.end_sessions(user.id, Some(access.signed.session.id), EndReason::PasswordChanged).await?;
        access.commit(write, &access.event(user.id)).await?;
        Ok(NoContent)
    }

    /// List the sessions
    #[oai(
        path = "/bff/control/v1/account/sessions",
        method = "get",
        operation_id = "list_sessions",
        tag = "Tags::Account"
    )]
    async fn list_sessions(&self, access: Person<ListSessions>) -> Result<Ok200<Page<SessionItem>>, Problem> {
        let mut read = access.read().await?;
        let sessions = read.list_sessions(access.signed.user.id, access.app.lifetime.idle).await?;
        let item = |session| SessionItem::new(session, access.signed.session.id);
        Ok(Ok200::new(Page::whole(sessions.iter().map(item).collect())))
    }

    /// End a session
    #[oai(
        path = "/bff/control/v1/account/sessions/:session/revoke",
        method = "post",
        operation_id = "revoke_session",
        tag = "Tags::Account"
    )]
    async fn revoke_session(&self, access: Person<RevokeSession>, session: Path<String>) -> Result<NoContent, Problem> {
        let id: SessionId = session.0.parse().map_err(|_| not_found())?;
        let user = access.signed.user.id;
        let mut write = access.write().await?;
        if !write.end_session(user, id, EndReason::Revoked).await? {
            return Err(not_found());
        }
        write.commit_sign_in(&ended(&access, Some(id))).await?;
        access.app.sessions.forget(user);
        Ok(NoContent)
    }

    /// End all other sessions
    #[oai(
        path = "/bff/control/v1/account/sessions/revoke-others",
        method = "post",
        operation_id = "revoke_other_sessions",
        tag = "Tags::Account"
    )]
    async fn revoke_other_sessions(&self, access: Person<RevokeOtherSessions>) -> Result<Ok200<Revoked>, Problem> {
        let user = access.signed.user.id;
        let mut write = access.write().await?;
        let revoked = write.end_sessions(user, Some(access.signed.session.id), EndReason::Revoked).await?;
        write.commit_sign_in(&ended(&access, None)).await?;
        access.app.sessions.forget(user);
        Ok(Ok200::new(Revoked { revoked }))
    }

    /// List the devices
    #[oai(
        path = "/bff/control/v1/account/devices",
        method = "get",
        operation_id = "list_devices",
        tag = "Tags::Account"
    )]
    async fn list_devices(&self, access: Person<ListDevices>) -> Result<Ok200<Page<DeviceBody>>, Problem> {
        let devices = access.read().await?.list_devices(access.signed.user.id).await?;
        Ok(Ok200::new(Page::whole(devices.iter().map(DeviceBody::from).collect())))
    }

    /// Approve a device
    ///
    /// The sign-in that waits in it goes on. A device that waits itself cannot: it has no session.
    #[oai(
        path = "/bff/control/v1/account/devices/:device/approve",
        method = "post",
        operation_id = "approve_device",
        tag = "Tags::Account"
    )]
    async fn approve_device(&self, access: Person<ApproveDevice>, device: Path<String>) -> Result<NoContent, Problem> {
        let id: DeviceId = device.0.parse().map_err(|_| not_found())?;
        let user = access.signed.user.id;
        let mut write = access.write().await?;
        if !write.approve_device(user, id, &user.to_string()).await? {
            return Err(not_found());
        }
        access.commit(write, &access.event(id)).await?;
        Ok(NoContent)
    }

    /// Refuse a device that waits
    #[oai(
        path = "/bff/control/v1/account/devices/:device/refuse",
        method = "post",
        operation_id = "refuse_device",
        tag = "Tags::Account"
    )]
    async fn refuse_device(&self, access: Person<RefuseDevice>, device: Path<String>) -> Result<NoContent, Problem> {
        let id: DeviceId = device.0.parse().map_err(|_| not_found())?;
        let user = access.signed.user.id;
        let mut write = access.write().await?;
        let found = write.find_device_by_id(user, id).await?;
        found.filter(|device| device.approved_at.is_none()).ok_or_else(not_found)?;
        write.delete_device(user, id).await?;
        access.commit(write, &access.event(id)).await?;
        Ok(NoContent)
    }

    /// Forget a device
    ///
    /// Its sessions go on; the next sign-in from it is one from a new device.
    #[oai(
        path = "/bff/control/v1/account/devices/:device",
        method = "delete",
        operation_id = "delete_device",
        tag = "Tags::Account"
    )]
    async fn delete_device(&self, access: Person<DeleteDevice>, device: Path<String>) -> Result<NoContent, Problem> {
        let id: DeviceId = device.0.parse().map_err(|_| not_found())?;
        let mut write = access.write().await?;
        if !write.delete_device(access.signed.user.id, id).await? {
            return Err(not_found());
        }
        access.commit(write, &access.event(id)).await?;
        Ok(NoContent)
    }
}
