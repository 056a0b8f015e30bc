//! `GET /v1/whoami`: what the presented credential is, may do and has left.

mod wire;

use client::wire::AllOr as AllOrBody;
use poem_openapi::OpenApi;
use server::answer::Ok200;
use server::problem::Problem;

use self::wire::{CredentialKind, MemberBody, WhoamiBody};
use super::Tags;
use crate::access::Caller;
use crate::authenticate::not_found;
use crate::operation::operations;
use crate::resources::keys::wire::key::KeyBody;
use crate::wire::nullable::Nullable;

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
        let member = authority.principal.member().map(MemberBody::from);
        let key = match member {
            Some(_) => None,
            None => {
                let (key, now) = caller.app.store.find_own_key(authority).await?.ok_or_else(not_found)?;
                Some(KeyBody::new(&key, authority.environment, now))
            }
        };
        let organization = (!authority.organization.is_installation()).then(|| authority.organization.to_string());
        Ok(Ok200::new(WhoamiBody {
            kind: CredentialKind::of(authority),
            key: Nullable(key),
            member: Nullable(member),
            environment: authority.environment.into(),
            organization_id: Nullable(organization),
            permissions: authority.policy.permissions.iter().map(ToString::to_string).collect(),
            domains: AllOrBody::of(&authority.policy.domains),
            customers: AllOrBody::of(&authority.policy.customers),
            limits: caller.limits.clone(),
            request_id: caller.request_id.clone(),
        }))
    }
}
