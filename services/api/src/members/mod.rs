//! Members: people who are signed in to the console, which vouches for each request with a token of a minute.
//!
//! Nothing in a token is believed before its signature is proven with a key of the configured console, nothing of it names a
//! permission, and it is good for this environment alone. What the person may do is looked up here, for every request.

mod claims;
mod console_keys;

use std::sync::Arc;
use std::time::Duration;

use client::wire::{Enforced, LimitOwner, LimitState, SpendLimitAnswer, SpendLimitRequest};
use domain::access::{Authority, Member, PersonId, Principal};
use domain::environment::Environment;
use domain::ids::{OrganizationId, RoleId};
use domain::limit::Limit;
use domain::permission::PermissionName;
use domain::policy::{AllOr, KeyKind, Policy};
use domain::role::BuiltInRole;
use server::problem::{ErrorCode, Problem};
use store::MemberBasis;

use self::claims::Reader;
pub use self::claims::{Assurance, Claims, SERVER_ADMIN, audience};
use self::console_keys::ConsoleKeys;
use crate::app::App;
use crate::authenticate::{Identified, ReplaySecret, malformed, not_found, verify_error};
use crate::config::Console;
use crate::operation::Descriptor;

/// What one person may ask within a minute, whatever its organization's keys are held to: an organization whose keys have spent
/// what they share is one whose people have work to do.
const LIMIT_NAME: &str = "member";

/// Proves the tokens of one console.
pub struct Members {
    reader: Reader,
    keys: ConsoleKeys,
}

/// Whether a credential is a member's token, by its form: three parts. No key has a dot.
pub fn is_token(bearer: &str) -> bool {
    bearer.contains('.')
}

impl Members {
    /// Members of the configured console; `None` where there is none, and no token is good for anything.
    pub fn of(console: &Console, environment: Environment) -> anyhow::Result<Option<Self>> {
        if console.issuer.is_empty() {
            return Ok(None);
        }
        let reader = Reader::new(&console.issuer, environment);
        Ok(Some(Self { reader, keys: ConsoleKeys::new(&console.jwks_url)? }))
    }

    /// What the console says in a token that it has signed, whenever that was.
    async fn prove(&self, token: &str) -> Result<Claims, Problem> {
        let key_id = self.reader.key_id(token).ok_or_else(invalid)?;
        let key =
            self.keys.find(&key_id).await.map_err(|away| {
                Problem::new(ErrorCode::Unavailable).source(away).retry_after(Duration::from_secs(1))
            })?;
        self.reader.read(token, &key.ok_or_else(invalid)?).ok_or_else(invalid)
    }
}

/// Proves a token, lets its member in, and looks up what it may do now.
pub async fn identify(app: &App, operation: &Descriptor, token: &str) -> Result<Identified, Problem> {
    let members = app.members.as_ref().ok_or_else(invalid)?;
    let claims = members.prove(token).await?;
    let organization = claims.org.unwrap_or(OrganizationId::INSTALLATION);
    let permit = app.queues.acquire(operation, organization).await?;
    let basis = find_basis(app, organization, claims.role.parse().ok()).await?;
    let member = claims.member_at(basis.now).ok_or_else(invalid)?;
    let (limit, is_degraded) = spend(app, (organization, member.id), operation).await?;
    let is_stepped_up = member.is_stepped_up(basis.now);
    let replay = ReplaySecret::of_member(&app.cursors, &member);
    let authority = authority(app.environment, organization, (member, basis))?;
    Ok(Identified { authority, limits: vec![limit], is_degraded, is_stepped_up, permit, replay })
}

async fn find_basis(app: &App, organization: OrganizationId, own_role: Option<RoleId>) -> Result<MemberBasis, Problem> {
    #[expect(clippy::disallowed_methods, reason = "the console has signed that the person is a member of it")]
    let basis = app.store.find_member_basis(organization, own_role).await?;
    basis.ok_or_else(not_found)
}

/// What the person holds, by the table of roles, or by the organization's own role as it is now.
fn authority(
    environment: Environment,
    organization: OrganizationId,
    (member, basis): (Member, MemberBasis),
) -> Result<Authority, Problem> {
    let (kind, permissions) = match member.id {
        PersonId::User(_) => (KeyKind::Root, vec![everything()?]),
        PersonId::Member(_) if basis.is_suspended => return Err(Problem::new(ErrorCode::Suspended)),
        PersonId::Member(_) => match BuiltInRole::find(&member.role) {
            Some(role) => (KeyKind::Organization, role.held(&basis.own_permissions)),
            // A role that is not there any more holds nothing.
            None => (KeyKind::Organization, basis.role_permissions.unwrap_or_default()),
        },
    };
    let policy = Policy {
        permissions,
        domains: AllOr::All,
        customers: AllOr::All,
        ips: AllOr::All,
        not_before: None,
        expires_at: None,
        limits: Vec::new(),
    };
    let principal = Principal::Member(Arc::new(member));
    Ok(Authority { principal, kind, environment, organization, slug: basis.slug, policy })
}

fn everything() -> Result<PermissionName, Problem> {
    PermissionName::parse(PermissionName::WILDCARD).map_err(|error| Problem::new(ErrorCode::Internal).source(error))
}

/// Counts the request, exactly over all replicas; and whether the counters are away.
async fn spend(
    app: &App,
    (organization, person): (OrganizationId, PersonId),
    operation: &Descriptor,
) -> Result<(LimitState, bool), Problem> {
    let rate = Limit::platform_default();
    let question = SpendLimitRequest {
        organization: None,
        namespace: LIMIT_NAME.to_owned(),
        identifier: person.to_string(),
        limit: Some(rate.limit),
        window_ms: Some(rate.window_ms),
        cost: 1,
    };
    let answer = app.keys.spend_for_member(organization, question, operation.priority).await.map_err(verify_error)?;
    let answer = answer.ok_or_else(not_found)?;
    if !answer.admitted {
        let wait = Duration::from_millis(answer.retry_after_ms.unwrap_or(rate.window_ms));
        return Err(Problem::new(ErrorCode::RateLimited).retry_after(wait));
    }
    Ok((state(&answer), answer.enforced == Enforced::Local))
}

fn state(answer: &SpendLimitAnswer) -> LimitState {
    LimitState {
        name: LIMIT_NAME.to_owned(),
        of: LimitOwner::Member,
        limit: answer.limit,
        window_ms: answer.window_ms,
        remaining: answer.remaining,
        reset_ms: answer.reset_ms,
        enforced: answer.enforced,
    }
}

/// The one answer to a token that proves nothing, as to any text that is no key.
fn invalid() -> Problem {
    malformed("a.token")
}
