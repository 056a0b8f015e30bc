//! The caller on the wire.

use client::wire::{AllOr as AllOrBody, EnvironmentName, LimitState};
use domain::access::{Authority, Member};
use domain::policy::KeyKind;
use poem_openapi::{Enum, Object};

use crate::resources::keys::wire::key::KeyBody;
use crate::wire::instant::Instant;
use crate::wire::nullable::Nullable;

/// What the presented credential is, may do and has left.
#[derive(Debug, Clone, Object)]
#[oai(rename = "Whoami")]
pub struct WhoamiBody {
    /// The kind of the credential.
    pub kind: CredentialKind,
    /// The key, as the organization's own list shows it; `null` for a member.
    pub key: Nullable<KeyBody>,
    /// The member of the console; `null` for a key.
    pub member: Nullable<MemberBody>,
    /// The environment of this endpoint.
    pub environment: EnvironmentName,
    /// Its organization; `null` for who acts across organizations.
    pub organization_id: Nullable<String>,
    /// What it may do.
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

/// The kinds of credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "lowercase")]
pub enum CredentialKind {
    /// A key inside one organization.
    Organization,
    /// A key across the organizations of one environment.
    Root,
    /// A person who is signed in to the console.
    Member,
}

/// A person who is signed in to the console.
#[derive(Debug, Clone, Object)]
#[oai(rename = "Member")]
pub struct MemberBody {
    /// The member's id; of a server admin, the person's.
    pub id: String,
    /// The e-mail address.
    pub email: String,
    /// The role in this environment: a built-in one, an own one of the organization, or `server-admin`.
    pub role: String,
    /// The session in the console.
    pub session_id: String,
    /// Whether the session was begun with a second factor.
    pub has_second_factor: bool,
    /// Until when the person may do what needs a fresh proof of who they are.
    pub step_up_until: Nullable<Instant>,
}

impl CredentialKind {
    /// What a caller presented.
    pub fn of(authority: &Authority) -> Self {
        match (authority.principal.member(), authority.kind) {
            (Some(_), _) => Self::Member,
            (None, KeyKind::Organization) => Self::Organization,
            (None, KeyKind::Root) => Self::Root,
        }
    }
}

impl From<&Member> for MemberBody {
    fn from(member: &Member) -> Self {
        Self {
            id: member.id.to_string(),
            email: member.email.clone(),
            role: member.role.clone(),
            session_id: member.session.to_string(),
            has_second_factor: member.has_second_factor,
            step_up_until: Nullable(member.step_up_until.map(Instant)),
        }
    }
}
