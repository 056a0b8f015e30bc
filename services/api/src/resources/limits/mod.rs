//! `{o}/limits` and `/v1/limits/spend`: limits that hang on no key, and what is configured of them.

mod wire;

use client::KeysError;
use client::wire::{SpendLimitAnswer, SpendLimitRequest};
use domain::ids::OrganizationId;
use domain::policy::KeyKind;
use poem_openapi::OpenApi;
use poem_openapi::param::Path;
use poem_openapi::types::ToJSON;
use server::answer::Ok200;
use server::json::Json;
use server::problem::{FieldError, Problem};
use store::LimitOverrideId;

use self::wire::{NamespaceBody, NamespaceInput, OverrideBody, OverrideInput};
use super::Tags;
use crate::access::{Caller, Scoped};
use crate::authenticate::{self, not_found};
use crate::operation::operations;
use crate::page::Page;

operations! {
    ListNamespaces  => LimitsRead, paged, beyond_limits;
    SetNamespace    => LimitsUpdate, event("limit_namespace.set"), beyond_limits;
    DeleteNamespace => LimitsDelete, event("limit_namespace.deleted"), priority(Revocation), beyond_limits;
    ListOverrides   => LimitsRead, paged, beyond_limits;
    SetOverride     => LimitsUpdate, event("limit_override.set"), beyond_limits;
    DeleteOverride  => LimitsDelete, event("limit_override.deleted"), priority(Revocation), beyond_limits;
    SpendLimit      => LimitsSpend, reach(Installation), priority(Verification), beyond_limits;
}

/// The operations on limits without a key.
pub struct Api;

#[OpenApi]
impl Api {
    /// List namespaces
    ///
    /// Those that are configured. A namespace that is not may be spent as well, by the numbers that the question gives.
    #[oai(
        path = "/v1/organizations/:organization/limits/namespaces",
        method = "get",
        operation_id = "list_namespaces",
        tag = "Tags::Limits"
    )]
    async fn list_namespaces(
        &self,
        access: Scoped<ListNamespaces>,
        #[oai(name = "organization")] _organization: Path<String>,
    ) -> Result<Ok200<Page<NamespaceBody>>, Problem> {
        let mut read = access.read().await?;
        let slice = access.slice(&read)?;
        let rows = read.list_limit_namespaces(&slice).await?;
        Ok(access.page(&read, &rows))
    }

    /// Set a namespace
    ///
    /// Makes it, or gives it another default: from the next request on, on every replica, whatever numbers the question gives. What
    /// was spent stays spent. At most 100 namespaces.
    #[oai(
        path = "/v1/organizations/:organization/limits/namespaces/:namespace",
        method = "put",
        operation_id = "set_namespace",
        tag = "Tags::Limits"
    )]
    async fn set_namespace(
        &self,
        access: Scoped<SetNamespace>,
        #[oai(name = "organization")] _organization: Path<String>,
        namespace: Path<String>,
        body: Json<NamespaceInput>,
    ) -> Result<Ok200<NamespaceBody>, Problem> {
        let default = body.parse()?.read(&namespace)?;
        let mut write = access.write().await?;
        let before = write.find_limit_namespace(&namespace).await?;
        let after = write.set_limit_namespace(&namespace, default).await?;
        let (before, after) = (before.as_ref().map(NamespaceBody::from), NamespaceBody::from(&after));
        let event = access.event(&namespace.0).changed(before.and_then(|it| it.to_json()), after.to_json());
        access.commit(write, event).await?;
        Ok(Ok200::new(after))
    }

    /// Delete a namespace
    ///
    /// With all of its overrides. What was spent stays spent, and questions that give numbers of their own go on.
    #[oai(
        path = "/v1/organizations/:organization/limits/namespaces/:namespace",
        method = "delete",
        operation_id = "delete_namespace",
        tag = "Tags::Limits"
    )]
    async fn delete_namespace(
        &self,
        access: Scoped<DeleteNamespace>,
        #[oai(name = "organization")] _organization: Path<String>,
        namespace: Path<String>,
    ) -> Result<Ok200<NamespaceBody>, Problem> {
        let mut write = access.write().await?;
        let deleted = write.delete_limit_namespace(&namespace).await?.ok_or_else(not_found)?;
        let body = NamespaceBody::from(&deleted);
        access.commit(write, access.event(&namespace.0).changed(body.to_json(), None)).await?;
        Ok(Ok200::new(body))
    }

    /// List overrides
    #[oai(
        path = "/v1/organizations/:organization/limits/namespaces/:namespace/overrides",
        method = "get",
        operation_id = "list_overrides",
        tag = "Tags::Limits"
    )]
    async fn list_overrides(
        &self,
        access: Scoped<ListOverrides>,
        #[oai(name = "organization")] _organization: Path<String>,
        namespace: Path<String>,
    ) -> Result<Ok200<Page<OverrideBody>>, Problem> {
        let mut read = access.read().await?;
        let namespace = read.find_limit_namespace(&namespace).await?.ok_or_else(not_found)?;
        let slice = access.slice(&read)?;
        let rows = read.list_limit_overrides(&namespace, &slice).await?;
        Ok(Ok200::new(access.page_of(&read, &rows, |row| OverrideBody::new(&namespace, row))))
    }

    /// Set an override
    ///
    /// What holds for one identifier instead of the default, from the next request on. Setting it again changes it. At most 1,000
    /// overrides over all namespaces.
    #[oai(
        path = "/v1/organizations/:organization/limits/namespaces/:namespace/overrides",
        method = "put",
        operation_id = "set_override",
        tag = "Tags::Limits"
    )]
    async fn set_override(
        &self,
        access: Scoped<SetOverride>,
        #[oai(name = "organization")] _organization: Path<String>,
        namespace: Path<String>,
        body: Json<OverrideInput>,
    ) -> Result<Ok200<OverrideBody>, Problem> {
        let mut write = access.write().await?;
        let namespace = write.find_limit_namespace(&namespace).await?.ok_or_else(not_found)?;
        let input = body.parse()?;
        let rate = input.read()?;
        let before = write.find_limit_override(&namespace, &input.identifier).await?;
        let after = write.set_limit_override(&namespace, &input.identifier, rate).await?;
        let (id, view) = (after.id, |row| OverrideBody::new(&namespace, row));
        let (before, after) = (before.as_ref().map(view), view(&after));
        let event = access.event(id).changed(before.and_then(|it| it.to_json()), after.to_json());
        access.commit(write, event).await?;
        Ok(Ok200::new(after))
    }

    /// Delete an override
    ///
    /// The default holds again, from the next request on.
    #[oai(
        path = "/v1/organizations/:organization/limits/namespaces/:namespace/overrides/:override",
        method = "delete",
        operation_id = "delete_override",
        tag = "Tags::Limits"
    )]
    async fn delete_override(
        &self,
        access: Scoped<DeleteOverride>,
        #[oai(name = "organization")] _organization: Path<String>,
        namespace: Path<String>,
        #[oai(name = "override")] id: Path<String>,
    ) -> Result<Ok200<OverrideBody>, Problem> {
        let mut write = access.write().await?;
        let namespace = write.find_limit_namespace(&namespace).await?.ok_or_else(not_found)?;
        let id: LimitOverrideId = id.0.parse().map_err(|_| not_found())?;
        let deleted = write.delete_limit_override(&namespace, id).await?.ok_or_else(not_found)?;
        let body = OverrideBody::new(&namespace, &deleted);
        access.commit(write, access.event(id).changed(body.to_json(), None)).await?;
        Ok(Ok200::new(body))
    }

    /// Spend a limit
    ///
    /// Counts a request of somebody who has no key: a visitor, an address, a job. 200 whether or not it is admitted; exact over
    /// all replicas. The identifier's override holds, else the namespace's default, else the numbers of the question.
    #[oai(path = "/v1/limits/spend", method = "post", operation_id = "spend_limit", tag = "Tags::Limits")]
    async fn spend_limit(
        &self,
        caller: Caller<SpendLimit>,
        body: Json<SpendLimitRequest>,
    ) -> Result<Ok200<SpendLimitAnswer>, Problem> {
        let request = body.parse()?;
        let organization = organization_of(&caller, request.organization.as_deref())?;
        let answer = caller.app.keys.spend_limit(organization, request).await.map_err(spend_error)?;
        answer.map(Ok200::new).ok_or_else(not_found)
    }
}

/// Whose limit it is: that of the caller's organization, or of the one that a root key names.
fn organization_of(caller: &Caller<SpendLimit>, named: Option<&str>) -> Result<OrganizationId, Problem> {
    let authority = &caller.authority;
    let Some(named) = named else {
        if authority.kind == KeyKind::Organization {
            return Ok(authority.organization);
        }
        let message = "A root key says whose limit it is: send the id of an organization.";
        return Err(Problem::validation(vec![FieldError::new("/organization", "required", message)]));
    };
    let organization: OrganizationId = named.parse().map_err(|_| not_found())?;
    let is_open = match authority.kind {
        KeyKind::Organization => organization == authority.organization,
        KeyKind::Root => !organization.is_installation(),
    };
    if is_open { Ok(organization) } else { Err(not_found()) }
}

fn spend_error(error: KeysError) -> Problem {
    match error {
        KeysError::Invalid(mistakes) => {
            let mistake = |it: client::wire::FieldError| FieldError::new(it.pointer, it.code, it.message);
            Problem::validation(mistakes.into_iter().map(mistake).collect())
        }
        other => authenticate::verify_error(other),
    }
}
