//! `GET /v1/whoami`: what the presented credential is, may do and has left.

use client::wire::{AllOr as AllOrBody, EnvironmentName, KeyKindName, LimitState};
use poem_openapi::types::Any;
use poem_openapi::{Object, OpenApi};
use server::answer::Ok200;
use server::problem::Problem;

use super::Tags;
use crate::access::Caller;
use crate::authenticate::not_found;
use crate::operation::operations;
use crate::resources::keys::wire::key::KeyBody;
use crate::wire::nullable::Nullable;

/// What the presented credential is, may do and has left.
#[derive(Debug, Clone, Object)]
#[oai(rename = "Whoami")]
pub struct WhoamiBody {
    /// The kind of the credential.
    pub kind: KeyKindName,
    /// The key, as the organization's own list shows it.
    pub key: Nullable<KeyBody>,
    /// The member behind a session token; `null` for a key.
    pub member: Nullable<Any<serde_json::Value>>,
    /// The environment of this endpoint.
    pub environment: EnvironmentName,
    /// Its organization; `null` for a root key.
    pub organization_id: Nullable<String>,
    /// What it may do, of its own and by its roles.
    pub permissions: Vec<String>,
    /// `"all"`, or the host names that it may act for.
    pub domains: AllOrBody,
    /// `"all"`, or the ids of the customers that it may act for.
    pub customers: AllOrBody,
    /// Its limits, with what is left.
    pub limits: Vec<LimitState>,
    /// The id of this request.
    pub request_id: String,
}

operations! {
    Whoami => none, reach(Installation);
}

/// The operation on the caller itself.
pub struct Api;

#[OpenApi]
impl Api {
    /// Show the caller
    ///
    /// What the presented credential is, may do and has left. Needs no permission.
    #[oai(path = "/v1/whoami", method = "get", operation_id = "whoami", tag = "Tags::Caller")]
    async fn whoami(&self, caller: Caller<Whoami>) -> Result<Ok200<WhoamiBody>, Problem> {
        let authority = &caller.authority;
        let (key, now) = caller.app.store.find_own_key(authority).await?.ok_or_else(not_found)?;
        let body = KeyBody::new(&key, authority.environment, now);
        Ok(Ok200::new(WhoamiBody {
            kind: authority.kind.into(),
            member: Nullable(None),
            environment: authority.environment.into(),
            organization_id: body.organization_id.clone(),
            permissions: key.effective_permissions().iter().map(ToString::to_string).collect(),
            domains: AllOrBody::of(&authority.policy.domains),
            customers: AllOrBody::of(&authority.policy.customers),
            limits: caller.limits.clone(),
            request_id: caller.request_id.clone(),
            key: Nullable(Some(body)),
        }))
    }
}
