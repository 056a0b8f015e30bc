//! `organizations/{o}/members`: who belongs to an organization, with which role in each environment.

use chrono::{DateTime, Utc};
use domain::ids::MemberId;
use poem_openapi::param::Path;
use poem_openapi::types::ToJSON;
use poem_openapi::{Object, OpenApi};
use server::answer::{NoContent, Ok200};
use server::json::Json;
use server::problem::{ErrorCode, Problem};
use store::control::{OrganizationMember, Roles};

use super::Tags;
use super::session::RolesBody;
use crate::access::Member;
use crate::clearable::Clearable;
use crate::grants::{self, Giver};
use crate::operation::{Operation, operations};
use crate::page::Page;

operations! {
    ListMembers  => Members;
    UpdateMember => Managers, step_up, event("member.updated");
    DeleteMember => Managers, step_up, event("member.removed");
}

/// A member of an organization.
#[derive(Debug, Clone, Object)]
#[oai(rename = "Member")]
pub struct MemberBody {
    /// Its id, `mem_…`.
    pub id: String,
    /// The person.
    pub user: MemberUser,
    /// Its role in each environment.
    pub roles: RolesBody,
    /// Whether the person signs in with a code, too.
    pub has_second_factor: bool,
    /// When the person last did something in the console.
    pub last_seen_at: Option<DateTime<Utc>>,
    /// Since when the person may not sign in.
    pub disabled_at: Option<DateTime<Utc>>,
    /// Since when it is a member.
    pub joined_at: DateTime<Utc>,
    /// Whether that is who asks.
    pub is_self: bool,
}

/// The person behind a member.
#[derive(Debug, Clone, Object)]
pub struct MemberUser {
    /// Its id, `usr_…`.
    pub id: String,
    /// Its address.
    pub email: String,
    /// Its name.
    pub name: String,
}

/// Changes to a member.
#[derive(Debug, Clone, Object)]
#[oai(deny_unknown_fields)]
pub struct MemberPatch {
    /// The new roles; one that is left out stays.
    pub roles: RolesPatch,
}

/// A role for each environment: what is left out stays, `null` is none there.
#[derive(Debug, Clone, Object)]
#[oai(deny_unknown_fields)]
pub struct RolesPatch {
    /// In production.
    pub production: Clearable<String>,
    /// In staging.
    pub staging: Clearable<String>,
    /// In development.
    pub development: Clearable<String>,
}

/// The operations on members.
pub struct Api;

#[OpenApi]
impl Api {
    /// List members
    #[oai(
        path = "/bff/control/v1/organizations/:organization/members",
        method = "get",
        operation_id = "list_members",
        tag = "Tags::Members"
    )]
    async fn list_members(
        &self,
        access: Member<ListMembers>,
        #[oai(name = "organization")] _organization: Path<String>,
    ) -> Result<Ok200<Page<MemberBody>>, Problem> {
        let members = access.read().await?.list_members(access.organization.id).await?;
        let body = |member: &OrganizationMember| MemberBody::new(member, access.signed.user.id);
        Ok(Ok200::new(Page::whole(members.iter().map(body).collect())))
    }

    /// Change a member
    ///
    /// Nobody gives or takes more than their own role in an environment, and the last owner of one stays.
    #[oai(
        path = "/bff/control/v1/organizations/:organization/members/:member",
        method = "patch",
        operation_id = "update_member",
        tag = "Tags::Members"
    )]
    async fn update_member(
        &self,
        access: Member<UpdateMember>,
        #[oai(name = "organization")] _organization: Path<String>,
        member: Path<String>,
        body: Json<MemberPatch>,
    ) -> Result<Ok200<MemberBody>, Problem> {
        let (id, organization) = (read_id(&member)?, access.organization.id);
        let mut write = access.write().await?;
        write.hold_members(organization).await?;
        let before = write.find_member(organization, id).await?.ok_or_else(missing)?;
        let roles = body.parse()?.roles.over(&before.roles);
        grants::check_words(&roles)?;
        giver(&access).check(&before.roles, &roles)?;
        grants::check_last_owner(&before, &roles, &write.find_other_owners(organization, id).await?)?;
        write.update_member_roles(id, &roles).await?;
        let after = write.find_member(organization, id).await?.ok_or_else(missing)?;
        let view = |member: &OrganizationMember| MemberBody::new(member, access.signed.user.id);
        access.commit(write, &access.event(id).changed(view(&before).to_json(), view(&after).to_json())).await?;
        Ok(Ok200::new(view(&after)))
    }

    /// Remove a member
    ///
    /// From the next request on. The last owner of an environment stays.
    #[oai(
        path = "/bff/control/v1/organizations/:organization/members/:member",
        method = "delete",
        operation_id = "delete_member",
        tag = "Tags::Members"
    )]
    async fn delete_member(
        &self,
        access: Member<DeleteMember>,
        #[oai(name = "organization")] _organization: Path<String>,
        member: Path<String>,
    ) -> Result<NoContent, Problem> {
        let (id, organization) = (read_id(&member)?, access.organization.id);
        let mut write = access.write().await?;
        write.hold_members(organization).await?;
        let before = write.find_member(organization, id).await?.ok_or_else(missing)?;
        giver(&access).check(&before.roles, &Roles::default())?;
        grants::check_last_owner(&before, &Roles::default(), &write.find_other_owners(organization, id).await?)?;
        write.delete_member(organization, &before).await?;
        let view = MemberBody::new(&before, access.signed.user.id);
        access.commit(write, &access.event(id).changed(view.to_json(), None)).await?;
        Ok(NoContent)
    }
}

/// What the person who asks may give in the organization.
pub fn giver<O: Operation>(access: &Member<O>) -> Giver<'_> {
    match &access.membership {
        Some(membership) if !access.signed.user.is_server_admin => Giver::Member(&membership.roles),
        // Whoever is no member is a server admin.
        Some(_) | None => Giver::ServerAdmin,
    }
}

fn read_id(text: &Path<String>) -> Result<MemberId, Problem> {
    text.0.parse().map_err(|_| missing())
}

fn missing() -> Problem {
    Problem::new(ErrorCode::NotFound)
}

impl MemberBody {
    fn new(member: &OrganizationMember, asking: domain::ids::UserId) -> Self {
        Self {
            id: member.id.to_string(),
            user: MemberUser { id: member.user.to_string(), email: member.email.clone(), name: member.name.clone() },
            roles: RolesBody::from(&member.roles),
            has_second_factor: member.has_second_factor,
            last_seen_at: member.last_seen_at,
            disabled_at: member.disabled_at,
            joined_at: member.joined_at,
            is_self: member.user == asking,
        }
    }
}

impl RolesPatch {
    /// The roles after the change.
    pub fn over(self, before: &Roles) -> Roles {
        let one = |patch: Clearable<String>, before: &Option<String>| match patch {
            Clearable::Undefined => before.clone(),
            Clearable::Null => None,
            Clearable::Value(role) => Some(role),
        };
        Roles {
            production: one(self.production, &before.production),
            staging: one(self.staging, &before.staging),
            development: one(self.development, &before.development),
        }
    }
}
