//! `organizations/{o}/invites`: links that make somebody a member, once. Each is shown when it is made, and never again.

use chrono::{DateTime, TimeDelta, Utc};
use domain::email::Email;
use domain::ids::InviteId;
use poem_openapi::param::Path;
use poem_openapi::{Object, OpenApi};
use server::answer::{Created, NoContent, Ok200};
use server::json::Json;
use server::problem::{ErrorCode, FieldError, Problem};
use store::control::{OpenInvite, Roles};

use super::Tags;
use super::members::{MemberUser, RolesPatch, giver};
use super::session::RolesBody;
use crate::access::Member;
use crate::cookies::Token;
use crate::grants;
use crate::operation::operations;
use crate::page::Page;

/// How long an invitation is good.
pub const LIFETIME: TimeDelta = TimeDelta::days(7);
/// The most people that are invited at once.
const EMAILS_MAX: usize = 50;

operations! {
    ListInvites   => Managers;
    CreateInvites => Managers, step_up, event("invite.created");
    ResendInvite  => Managers, step_up, event("invite.renewed");
    DeleteInvite  => Managers, event("invite.revoked");
}

/// An invitation that was neither used nor taken back.
#[derive(Debug, Clone, Object)]
#[oai(rename = "Invite")]
pub struct InviteBody {
    /// Its id, `inv_…`.
    pub id: String,
    /// Who is meant.
    pub email: String,
    /// As what.
    pub roles: RolesBody,
    /// Who invites; `null` for the server's administrator.
    pub inviter: Option<MemberUser>,
    /// Since when.
    pub created_at: DateTime<Utc>,
    /// Until when the link is good.
    pub expires_at: DateTime<Utc>,
    /// `open`, or `expired` once the link is not good any more.
    pub state: String,
}

/// New invitations.
#[derive(Debug, Clone, Object)]
#[oai(deny_unknown_fields)]
pub struct NewInvites {
    /// 1 to 50 addresses.
    pub emails: Vec<String>,
    /// What they become; what is left out is none there.
    pub roles: RolesPatch,
}

/// An invitation with its link, which is shown this once.
#[derive(Debug, Clone, Object)]
pub struct InviteWithLink {
    /// The invitation.
    pub invite: InviteBody,
    /// The link for whoever is invited.
    pub link: String,
}

/// Invitations with their links.
#[derive(Debug, Clone, Object)]
pub struct InvitesWithLinks {
    /// One for each address.
    pub items: Vec<InviteWithLink>,
}

/// The operations on invitations.
pub struct Api;

#[OpenApi]
impl Api {
    /// List invitations
    #[oai(
        path = "/bff/control/v1/organizations/:organization/invites",
        method = "get",
        operation_id = "list_invites",
        tag = "Tags::Members"
    )]
    async fn list_invites(
        &self,
        access: Member<ListInvites>,
        #[oai(name = "organization")] _organization: Path<String>,
    ) -> Result<Ok200<Page<InviteBody>>, Problem> {
        let mut read = access.read().await?;
        let (invites, now) = (read.list_invites(access.organization.id).await?, read.now());
        Ok(Ok200::new(Page::whole(invites.iter().map(|invite| InviteBody::new(invite, now)).collect())))
    }

    /// Invite people
    ///
    /// The links are shown this once. Nobody invites to more than their own role.
    #[oai(
        path = "/bff/control/v1/organizations/:organization/invites",
        method = "post",
        operation_id = "create_invites",
        tag = "Tags::Members"
    )]
    async fn create_invites(
        &self,
        access: Member<CreateInvites>,
        #[oai(name = "organization")] _organization: Path<String>,
        body: Json<NewInvites>,
    ) -> Result<Created<InvitesWithLinks>, Problem> {
        let new = body.parse()?;
        let (emails, roles) = (read_emails(&new.emails)?, new.roles.over(&Roles::default()));
        grants::check_words(&roles)?;
        if roles == Roles::default() {
            let message = "Give a role in at least one environment.";
            return Err(Problem::validation(vec![FieldError::new("/roles", "required", message)]));
        }
        giver(&access).check(&Roles::default(), &roles)?;
        let (organization, inviter) = (access.organization.id, Some(access.signed.user.id));
        let mut write = access.write().await?;
        let (mut items, mut ids) = (Vec::new(), Vec::new());
        for email in &emails {
            let token = Token::generate();
            let link = (&token.hash(), LIFETIME);
            let id = write.insert_invite((organization, email), &roles, inviter, link).await?;
            let invite = write.find_invite(organization, id).await?.ok_or_else(missing)?;
            items.push(access.with_link(&invite, &token, write.now()));
            ids.push(id.to_string());
        }
        let event = access.event(organization).with("invites", &ids).with("roles", roles_view(&roles));
        access.commit(write, &event).await?;
        Ok(Created::new(InvitesWithLinks { items }))
    }

    /// Renew an invitation
    ///
    /// Another link for the same invitation, shown this once; the one before leads nowhere any more.
    #[oai(
        path = "/bff/control/v1/organizations/:organization/invites/:invite/resend",
        method = "post",
        operation_id = "resend_invite",
        tag = "Tags::Members"
    )]
    async fn resend_invite(
        &self,
        access: Member<ResendInvite>,
        #[oai(name = "organization")] _organization: Path<String>,
        invite: Path<String>,
    ) -> Result<Ok200<InviteWithLink>, Problem> {
        let (id, organization) = (read_id(&invite)?, access.organization.id);
        let mut write = access.write().await?;
        let before = write.find_invite(organization, id).await?.ok_or_else(missing)?;
        giver(&access).check(&Roles::default(), &before.roles)?;
        let token = Token::generate();
        write.renew_invite(id, (&token.hash(), LIFETIME)).await?;
        let after = write.find_invite(organization, id).await?.ok_or_else(missing)?;
        let answer = access.with_link(&after, &token, write.now());
        access.commit(write, &access.event(id)).await?;
        Ok(Ok200::new(answer))
    }

    /// Take an invitation back
    #[oai(
        path = "/bff/control/v1/organizations/:organization/invites/:invite",
        method = "delete",
        operation_id = "delete_invite",
        tag = "Tags::Members"
    )]
    async fn delete_invite(
        &self,
        access: Member<DeleteInvite>,
        #[oai(name = "organization")] _organization: Path<String>,
        invite: Path<String>,
    ) -> Result<NoContent, Problem> {
        let (id, organization) = (read_id(&invite)?, access.organization.id);
        let mut write = access.write().await?;
        let before = write.find_invite(organization, id).await?.ok_or_else(missing)?;
        giver(&access).check(&before.roles, &Roles::default())?;
        write.end_invite(id).await?;
        access.commit(write, &access.event(id).with("email", &before.email)).await?;
        Ok(NoContent)
    }
}

impl<O: crate::operation::Operation> Member<O> {
    fn with_link(&self, invite: &OpenInvite, token: &Token, now: DateTime<Utc>) -> InviteWithLink {
        let link = self.app.link(&format!("/invite/{}", token.expose()));
        InviteWithLink { invite: InviteBody::new(invite, now), link }
    }
}

impl InviteBody {
    fn new(invite: &OpenInvite, now: DateTime<Utc>) -> Self {
        let inviter = invite.inviter.clone();
        Self {
            id: invite.id.to_string(),
            email: invite.email.clone(),
            roles: RolesBody::from(&invite.roles),
            inviter: inviter.map(|(id, email, name)| MemberUser { id: id.to_string(), email, name }),
            created_at: invite.created_at,
            expires_at: invite.expires_at,
            state: if invite.expires_at > now { "open" } else { "expired" }.to_owned(),
        }
    }
}

fn read_emails(texts: &[String]) -> Result<Vec<Email>, Problem> {
    if texts.is_empty() || texts.len() > EMAILS_MAX {
        let message = format!("Name 1 to {EMAILS_MAX} addresses.");
        return Err(Problem::validation(vec![FieldError::new("/emails", "count", message)]));
    }
    let (mut emails, mut errors): (Vec<Email>, _) = (Vec::new(), Vec::new());
    for (index, text) in texts.iter().enumerate() {
        match Email::parse(text) {
            Ok(email) if emails.iter().any(|known| known.canonical() == email.canonical()) => {}
            Ok(email) => emails.push(email),
            Err(refusal) => errors.push(FieldError::at(format!("/emails/{index}"), refusal)),
        }
    }
    if errors.is_empty() { Ok(emails) } else { Err(Problem::validation(errors)) }
}

fn roles_view(roles: &Roles) -> serde_json::Value {
    serde_json::json!({"production": roles.production, "staging": roles.staging, "development": roles.development})
}

fn read_id(text: &Path<String>) -> Result<InviteId, Problem> {
    text.0.parse().map_err(|_| missing())
}

fn missing() -> Problem {
    Problem::new(ErrorCode::NotFound)
}
