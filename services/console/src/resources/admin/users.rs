//! `admin/users`: everybody who has an account.

use chrono::{DateTime, TimeDelta, Utc};
use domain::ids::UserId;
use poem_openapi::param::Path;
use poem_openapi::{Object, OpenApi};
use server::answer::Ok200;
use server::problem::{ErrorCode, Problem};
use store::control::{AttemptSubject, ControlWrite, EndReason, User};

use crate::access::Admin;
use crate::cookies::Token;
use crate::operation::{Change, Operation, operations};
use crate::page::{self, Page};
use crate::resources::Tags;
use crate::sign_in::password::account_subject;

/// How long a link for another password is good.
const RESET_LIFETIME: TimeDelta = TimeDelta::hours(1);

operations! {
    ListUsers   => ServerAdmins, paged, query("q");
    DisableUser => ServerAdmins, step_up, event("user.disabled");
    EnableUser  => ServerAdmins, step_up, event("user.enabled");
    UnlockUser  => ServerAdmins, step_up, event("user.unlocked");
    ResetSecondFactor => ServerAdmins, step_up, event("second_factor.reset");
    OfferReset  => ServerAdmins, step_up, event("user.reset_offered");
}

/// A person, as server admins see it.
#[derive(Debug, Clone, Object)]
pub struct AdminUser {
    /// Its id, `usr_…`.
    pub id: String,
    /// Its address.
    pub email: String,
    /// Its name.
    pub name: String,
    /// Administers the installation.
    pub is_server_admin: bool,
    /// Signs in with a code, too.
    pub has_second_factor: bool,
    /// Since when the person may not sign in.
    pub disabled_at: Option<DateTime<Utc>>,
    /// When the person last did something.
    pub last_seen_at: Option<DateTime<Utc>>,
    /// How many organizations the person belongs to.
    pub organizations: i64,
}

/// A link with which a person chooses another password, shown this once.
#[derive(Debug, Clone, Object)]
pub struct ResetLink {
    /// The link for the person.
    pub link: String,
}

/// The operations on people.
pub struct Api;

#[OpenApi]
impl Api {
    /// List people
    #[oai(path = "/bff/control/v1/admin/users", method = "get", operation_id = "list_users", tag = "Tags::ServerAdmin")]
    async fn list_users(&self, mut access: Admin<ListUsers>) -> Result<Ok200<Page<AdminUser>>, Problem> {
        let mut query = std::mem::take(&mut access.query);
        let (text, slice) = (query.text("q"), page::slice(&mut query)?);
        query.finish()?;
        let rows = access.read().await?.list_users(text.as_deref(), &slice).await?;
        Ok(Ok200::new(Page::of(&rows, |(user, organizations)| AdminUser::new(user, *organizations))))
    }

    /// Keep a person out
    ///
    /// With the person end its sessions, from the next request on, and the invitations that it made.
    #[oai(
        path = "/bff/control/v1/admin/users/:user/disable",
        method = "post",
        operation_id = "disable_user",
        tag = "Tags::ServerAdmin"
    )]
    async fn disable_user(&self, access: Admin<DisableUser>, user: Path<String>) -> Result<Ok200<AdminUser>, Problem> {
        let id = read_id(&user)?;
        if id == access.signed.user.id {
            return Err(Problem::new(ErrorCode::Conflict).detail("Nobody keeps themselves out."));
        }
        switch(&access, id, true).await
    }

    /// Let a person in again
    #[oai(
        path = "/bff/control/v1/admin/users/:user/enable",
        method = "post",
        operation_id = "enable_user",
        tag = "Tags::ServerAdmin"
    )]
    async fn enable_user(&self, access: Admin<EnableUser>, user: Path<String>) -> Result<Ok200<AdminUser>, Problem> {
        switch(&access, read_id(&user)?, false).await
    }

    /// Forget a person's failed sign-ins
    #[oai(
        path = "/bff/control/v1/admin/users/:user/unlock",
        method = "post",
        operation_id = "unlock_user",
        tag = "Tags::ServerAdmin"
    )]
    async fn unlock_user(&self, access: Admin<UnlockUser>, user: Path<String>) -> Result<Ok200<AdminUser>, Problem> {
        let id = read_id(&user)?;
        let mut write = access.write().await?;
        let person = write.hold_user(id).await?.ok_or_else(missing)?;
        let subjects = [account_subject(&person.email_canonical), AttemptSubject::of("account-code", &id.to_string())];
        access.app.control.forget_attempts(&subjects).await?;
        answer(&access, write, id).await
    }

    /// Take a person's second factor away
    ///
    /// With it end the person's sessions. It is for whoever has lost their telephone and their recovery codes.
    #[oai(
        path = "/bff/control/v1/admin/users/:user/reset-second-factor",
        method = "post",
        operation_id = "reset_second_factor",
        tag = "Tags::ServerAdmin"
    )]
    async fn reset_second_factor(
        &self,
        access: Admin<ResetSecondFactor>,
        user: Path<String>,
    ) -> Result<Ok200<AdminUser>, Problem> {
        let id = read_id(&user)?;
        let mut write = access.write().await?;
        write.hold_user(id).await?.ok_or_else(missing)?;
        write.delete_second_factor(id).await?;
        write.end_sessions(id, None, EndReason::SecondFactorChanged).await?;
        write.delete_sign_ins(id).await?;
        answer(&access, write, id).await
    }

    /// Make a link for another password
    ///
    /// Shown this once; good for an hour.
    #[oai(
        path = "/bff/control/v1/admin/users/:user/password-reset",
        method = "post",
        operation_id = "offer_reset",
        tag = "Tags::ServerAdmin"
    )]
    async fn offer_reset(&self, access: Admin<OfferReset>, user: Path<String>) -> Result<Ok200<ResetLink>, Problem> {
        let id = read_id(&user)?;
        let mut write = access.write().await?;
        let person = write.hold_user(id).await?.ok_or_else(missing)?;
        if person.disabled_at.is_some() {
            return Err(Problem::new(ErrorCode::Conflict).detail("The person is kept out; let it in again first."));
        }
        let token = Token::generate();
        write.insert_reset(&token.hash(), id, RESET_LIFETIME).await?;
        access.commit(write, &access.event(id)).await?;
        Ok(Ok200::new(ResetLink { link: access.app.link(&format!("/reset/{}", token.expose())) }))
    }
}

async fn switch<O: Change + Operation>(
    access: &Admin<O>,
    id: UserId,
    is_disabled: bool,
) -> Result<Ok200<AdminUser>, Problem> {
    let mut write = access.write().await?;
    write.hold_user(id).await?.ok_or_else(missing)?;
    write.set_disabled(id, is_disabled).await?;
    answer(access, write, id).await
}

/// Keeps the change, and answers with the person as it is now.
async fn answer<O: Change + Operation>(
    access: &Admin<O>,
    mut write: ControlWrite,
    id: UserId,
) -> Result<Ok200<AdminUser>, Problem> {
    let after = write.find_user(id).await?.ok_or_else(missing)?;
    let organizations = write.list_memberships(id).await?.len();
    access.commit(write, &access.event(id)).await?;
    Ok(Ok200::new(AdminUser::new(&after, i64::try_from(organizations).unwrap_or(i64::MAX))))
}

fn read_id(text: &Path<String>) -> Result<UserId, Problem> {
    text.0.parse().map_err(|_| missing())
}

fn missing() -> Problem {
    Problem::new(ErrorCode::NotFound)
}

impl AdminUser {
    fn new(user: &User, organizations: i64) -> Self {
        Self {
            id: user.id.to_string(),
            email: user.email.clone(),
            name: user.name.clone(),
            is_server_admin: user.is_server_admin,
            has_second_factor: user.has_second_factor,
            disabled_at: user.disabled_at,
            last_seen_at: user.last_seen_at,
            organizations,
        }
    }
}
