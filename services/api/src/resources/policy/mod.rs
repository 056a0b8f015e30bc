//! `{o}/policy`: what an organization demands of its keys in this environment.

pub mod wire;

use poem_openapi::OpenApi;
use poem_openapi::param::Path;
use server::answer::Ok200;
use server::json::Json;
use server::problem::Problem;

use self::wire::{PolicyBody, PolicyPatch, PolicyViolation};
use super::Tags;
use crate::access::Scoped;
use crate::authenticate::not_found;
use crate::grant;
use crate::operation::operations;
use crate::page::Page;
use crate::precondition::stale;

operations! {
    FindPolicy           => PolicyRead;
    UpdatePolicy         => PolicyUpdate, event("policy.updated"), beyond_limits;
    ListPolicyViolations => PolicyRead, paged;
}

/// The operations on an organization's policy.
pub struct Api;

#[OpenApi]
impl Api {
    /// Show the policy
    #[oai(
        path = "/v1/organizations/:organization/policy",
        method = "get",
        operation_id = "find_policy",
        tag = "Tags::Policy"
    )]
    async fn find_policy(
        &self,
        access: Scoped<FindPolicy>,
        #[oai(name = "organization")] _organization: Path<String>,
    ) -> Result<Ok200<PolicyBody>, Problem> {
        let organization = access.read().await?.find_organization().await?.ok_or_else(not_found)?;
        Ok(Ok200::new(PolicyBody::from(&organization)).etag(organization.generation))
    }

    /// Change the policy
    ///
    /// Send `If-Match` with the policy's `ETag`. It holds for every request that begins after the answer, whoever sends it: root keys
    /// are held to it too where they make keys of the organization. Keys that there are go on working; `policy/violations` lists those
    /// that break it.
    #[oai(
        path = "/v1/organizations/:organization/policy",
        method = "patch",
        operation_id = "update_policy",
        tag = "Tags::Policy"
    )]
    async fn update_policy(
        &self,
        access: Scoped<UpdatePolicy>,
        #[oai(name = "organization")] _organization: Path<String>,
        body: Json<PolicyPatch>,
    ) -> Result<Ok200<PolicyBody>, Problem> {
        let mut write = access.write().await?;
        let before = write.find_organization().await?.ok_or_else(not_found)?;
        access.if_match(before.generation)?;
        let (default_limits, policy) = body.parse()?.read(&before)?;
        grant::check_default_limits(&access.authority, &before, &default_limits)?;
        let change = (default_limits.as_slice(), &policy);
        let after = write.update_policy(before.generation, change).await?.ok_or_else(stale)?;
        access.commit_changed(write, (after.id, after.generation), ((&before).into(), (&after).into())).await
    }

    /// List keys that break the policy
    ///
    /// Keys that work, or will, and could not be made like this now. They go on working, but are not regenerated or allowed more
    /// before they keep the policy.
    #[oai(
        path = "/v1/organizations/:organization/policy/violations",
        method = "get",
        operation_id = "list_policy_violations",
        tag = "Tags::Policy"
    )]
    async fn list_policy_violations(
        &self,
        access: Scoped<ListPolicyViolations>,
        #[oai(name = "organization")] _organization: Path<String>,
    ) -> Result<Ok200<Page<PolicyViolation>>, Problem> {
        let mut read = access.read().await?;
        let policy = read.find_organization().await?.ok_or_else(not_found)?.policy;
        let slice = access.slice(&read)?;
        let rows = read.list_policy_violations(&policy, &slice).await?;
        let (environment, now) = (access.app.environment, read.now());
        let line = |key: &store::Key| PolicyViolation::new(&policy, key, (environment, now));
        Ok(Ok200::new(access.page_of(&read, &rows, line)))
    }
}
