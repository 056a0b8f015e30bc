//! What server admins do with the directory: new organizations, and those that somebody made in one environment alone.

use domain::email::Email;
use domain::environment::Environment;
use domain::ids::OrganizationId;
use domain::names::{Name, Slug};
use domain::role::BuiltInRole;
use http::Method;
use poem_openapi::OpenApi;
use poem_openapi::types::ToJSON;
use server::answer::{Created, Ok200};
use server::json::Json;
use server::problem::{ErrorCode, FieldError, Problem};
use store::control::{ControlWrite, Roles};

use super::CreateOrganization;
use super::wire::{
    Adoption, CreatedOrganization, NewOrganization, OrganizationBody, UnadoptedOrganization, read_environment,
};
use crate::access::Admin;
use crate::cookies::Token;
use crate::operation::{Operation, operations};
use crate::page::Page;
use crate::provision;
use crate::proxy::call::Caller;
use crate::resources::Tags;
use crate::resources::invites::LIFETIME;
use crate::tokens::{ActingAs, Behalf};

/// How many organizations of an environment are looked through.
const PAGES_MAX: usize = 20;

operations! {
    ListUnadopted     => ServerAdmins;
    AdoptOrganization => ServerAdmins, step_up, event("organization.adopted");
}

/// The operations on the directory.
pub struct Api;

#[OpenApi]
impl Api {
    /// List organizations that the directory does not have
    ///
    /// Those that a root key made in one environment. An environment that does not answer is left out.
    #[oai(
        path = "/bff/control/v1/organizations/unadopted",
        method = "get",
        operation_id = "list_unadopted",
        tag = "Tags::ServerAdmin"
    )]
    async fn list_unadopted(
        &self,
        access: Admin<ListUnadopted>,
    ) -> Result<Ok200<Page<UnadoptedOrganization>>, Problem> {
        let mut found = Vec::new();
        for environment in access.app.environments.keys().copied() {
            found.extend(list_in(&access, environment).await.unwrap_or_default());
        }
        let ids: Vec<OrganizationId> = found.iter().filter_map(|one| one.id.parse().ok()).collect();
        let known = access.read().await?.find_known_organizations(&ids).await?;
        found.retain(|one| !known.iter().any(|id| id.to_string() == one.id));
        Ok(Ok200::new(Page::whole(found)))
    }

    /// Take an organization into the directory
    #[oai(
        path = "/bff/control/v1/organizations/adopt",
        method = "post",
        operation_id = "adopt_organization",
        tag = "Tags::ServerAdmin"
    )]
    async fn adopt_organization(
        &self,
        access: Admin<AdoptOrganization>,
        body: Json<Adoption>,
    ) -> Result<Created<OrganizationBody>, Problem> {
        let adoption = body.parse()?;
        let missing = || Problem::new(ErrorCode::NotFound);
        let environment = read_environment(&adoption.environment).ok_or_else(missing)?;
        let id: OrganizationId = adoption.id.parse().map_err(|_| missing())?;
        let path = format!("/v1/organizations/{id}");
        let there = caller(&access).ask(environment, (Method::GET, &path), None).await?.body(environment)?;
        let text = |member: &str| there[member].as_str().unwrap_or_default();
        let (Ok(name), Ok(slug)) = (Name::parse(text("name")), Slug::parse(text("slug"))) else {
            return Err(missing());
        };
        let mut write = access.write().await?;
        write.insert_control_organization(id, &slug, &name).await?;
        write.want_provisioning(id, environment).await?;
        write.finish_provisioning(id, environment).await?;
        let organization = find(&mut write, id).await?;
        let event = access.event(id).changed(None, organization.to_json()).with("environment", environment.name());
        access.commit(write, &event).await?;
        Ok(Created::new(organization))
    }
}

/// Makes an organization: in the directory at once, and in the environments as soon as they answer.
pub async fn create(access: &Admin<CreateOrganization>, new: &NewOrganization) -> Result<CreatedOrganization, Problem> {
    let (name, slug, environments) = new.read()?;
    let owner = new.owner_email.as_deref().map(read_owner).transpose()?;
    let mut write = access.write().await?;
    let id = OrganizationId::mint(write.now());
    write.insert_control_organization(id, &slug, &name).await?;
    for environment in &environments {
        write.want_provisioning(id, *environment).await?;
    }
    let invite_link = match &owner {
        Some(email) => Some(invite_owner(access, &mut write, (id, email)).await?),
        None => None,
    };
    let organization = find(&mut write, id).await?;
    access.commit(write, &access.event(id).changed(None, organization.to_json())).await?;
    for environment in environments {
        // What does not work now is tried again, and shown.
        let _ = provision::try_now(&access.app, id, environment).await;
    }
    let organization = find(&mut access.write().await?, id).await?;
    Ok(CreatedOrganization { organization, invite_link })
}

/// A server admin's own name, in every environment.
pub fn caller<O: Operation>(access: &Admin<O>) -> Caller<'_> {
    Caller {
        app: &access.app,
        behalf: Behalf::of(&access.signed),
        acting: ActingAs::ServerAdmin(access.signed.user.id),
    }
}

async fn find(write: &mut ControlWrite, id: OrganizationId) -> Result<OrganizationBody, Problem> {
    let organization = write.find_control_organization(&id.to_string()).await?;
    let organization = organization.ok_or_else(|| Problem::new(ErrorCode::NotFound))?;
    let places = write.list_provisionings(id).await?;
    Ok(OrganizationBody::whole(&organization, 0, &places))
}

fn read_owner(text: &str) -> Result<Email, Problem> {
    Email::parse(text).map_err(|refusal| Problem::validation(vec![FieldError::at("/owner_email", refusal)]))
}

async fn invite_owner(
    access: &Admin<CreateOrganization>,
    write: &mut ControlWrite,
    invited: (OrganizationId, &Email),
) -> Result<String, Problem> {
    let (token, roles) = (Token::generate(), Roles::everywhere(BuiltInRole::Owner.name()));
    write.insert_invite(invited, &roles, Some(access.signed.user.id), (&token.hash(), LIFETIME)).await?;
    Ok(access.app.link(&format!("/invite/{}", token.expose())))
}

/// The organizations of one environment.
async fn list_in(
    access: &Admin<ListUnadopted>,
    environment: Environment,
) -> Result<Vec<UnadoptedOrganization>, Problem> {
    let (mut found, mut cursor) = (Vec::new(), String::new());
    for _ in 0..PAGES_MAX {
        let path = format!("/v1/organizations?limit=200{cursor}");
        let page = caller(access).ask(environment, (Method::GET, &path), None).await?.body(environment)?;
        let text = |item: &serde_json::Value, member: &str| item[member].as_str().unwrap_or_default().to_owned();
        found.extend(page["items"].as_array().into_iter().flatten().map(|item| UnadoptedOrganization {
            environment: environment.name().to_owned(),
            id: text(item, "id"),
            slug: text(item, "slug"),
            name: text(item, "name"),
        }));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    Ok(found)
}
