//! From a body to a policy that its caller may give: customers are looked up, and nothing goes beyond the grantor.
//!
//! Whatever makes a key stronger is judged as if that key were made anew: the whole of what it would be, against all that
//! the caller holds ([`check_creation`]).

use domain::access::{Authority, Scope};
use domain::ids::CustomerId;
use domain::limit::Limit;
use domain::names::{ExternalId, Name};
use domain::permission::{Permission, PermissionName};
use domain::policy::{AllOr, Credits, Grantor, KeyKind, Policy, limits_within, rate_within};
use domain::role::HeldRole;
use domain::secret::{PlainSecret, Prefix};
use domain::validation::{ValidationError, excerpt};
use server::problem::{ErrorCode, FieldError, Problem};
use store::{CreditsChange, KeyChange, NewSecret, Organization, RoleChange, Rows, Write};

use crate::access::Scoped;
use crate::app::App;
use crate::authenticate::{denied, not_found};
use crate::demands::{Demands, check_supplied, next_prefix};
use crate::fields::{Fields, unread};
use crate::operation::Operation;
use crate::precondition::stale;
use crate::resources::keys::wire::key_input::{KeyPatch, NewKey, PolicyDraft, Reading, check_order};
use crate::resources::permissions::own::find_organization;

/// Reads a new key's body into what is stored, refusing what the caller may not give.
pub async fn read_new_key(
    access: &Scoped<impl Operation>,
    write: &mut Write,
    organization: &store::Organization,
    body: &NewKey,
) -> Result<KeyChange, Problem> {
    read_key_of(&access.app, &access.authority, write, (organization, body)).await
}

/// Reads the body of a key that is made under an authority, whoever causes it.
pub async fn read_key_of(
    app: &App,
    authority: &Authority,
    rows: &mut Rows,
    (organization, body): (&Organization, &NewKey),
) -> Result<KeyChange, Problem> {
    let now = rows.now();
    let reading = Reading { now, own_permissions: &organization.permissions };
    let mut fields = Fields::default();
    let mut draft = body.read(&mut fields, &reading);
    let customers = find_customers(&mut fields, rows, draft.customers.take()).await?;
    let roles = find_roles(&mut fields, rows, draft.roles.take()).await?.unwrap_or_default();
    let credits = draft.credits.and_then(|draft| fields.take("/credits/remaining", draft.over(None))).flatten();
    let ends_by_default = body.expires_at.0.is_none();
    let default_end = || organization.policy.default_end(draft.not_before, now);
    let policy = Policy {
        permissions: draft.permissions.unwrap_or_default(),
        domains: draft.domains.unwrap_or(AllOr::All),
        customers: customers.unwrap_or(AllOr::All),
        ips: draft.ips.unwrap_or(AllOr::All),
        not_before: draft.not_before,
        expires_at: if ends_by_default { default_end() } else { draft.expires_at.flatten() },
        limits: draft.limits.unwrap_or_else(|| organization.default_limits.clone()),
    };
    Demands::new(app, organization, now).check(&mut fields, &policy);
    fields.finish()?;
    let change = KeyChange {
        name: draft.name.ok_or_else(unread)?,
        policy,
        roles,
        permissions_since: organization.generation,
        credits: CreditsChange::Set(credits.clone()),
        metadata: draft.metadata.unwrap_or_default(),
        tags: draft.tags.unwrap_or_default(),
    };
    check_creation(authority, rows, (&change.effective_policy(), credits.as_ref())).await?;
    Ok(change)
}

/// Reads a patch over the key as it stands. Who takes something away needs no more than the permission to change keys;
/// as soon as any member allows more than before, the whole key is judged as if it were made anew.
pub async fn read_patch(
    access: &Scoped<impl Operation>,
    write: &mut Write,
    seen: &store::Key,
    body: &KeyPatch,
) -> Result<KeyChange, Problem> {
    let named = body.permissions.as_deref().unwrap_or_default();
    let organization = find_organization(access, write, (named, body.create_permissions)).await?;
    // Again, after the organization: what still counts of its permissions then is what this version of them says.
    let key = &write.find_key(seen.id).await?.filter(|key| key.generation == seen.generation).ok_or_else(stale)?;
    let reading = Reading { now: write.now(), own_permissions: &organization.permissions };
    let mut fields = Fields::default();
    let mut draft = body.read(&mut fields, &reading);
    let customers = find_customers(&mut fields, write, draft.customers.take()).await?;
    let roles = find_roles(&mut fields, write, draft.roles.take()).await?.unwrap_or_else(|| key.roles.clone());
    let policy = merge(&key.policy, &draft, customers);
    check_order(&mut fields, policy.not_before, policy.expires_at);
    let demands = Demands::new(&access.app, &organization, write.now());
    if policy.is_within(&key.policy) && has_roles(&key.roles, &roles) {
        demands.check_changed(&mut fields, (&key.policy, &policy));
    } else {
        demands.check(&mut fields, &policy);
    }
    let (held, credits) = match draft.credits {
        None => (key.credits.clone(), CreditsChange::Keep),
        Some(draft) => {
            let held = write.hold_credits(key.id).await?;
            let credits = fields.take("/credits/remaining", draft.over(held.as_ref())).flatten();
            (held, CreditsChange::Set(credits))
        }
    };
    fields.finish()?;
    let name = draft.name.unwrap_or_else(|| Name::from_row(&key.name));
    let change = KeyChange {
        name,
        policy,
        roles,
        permissions_since: organization.generation,
        credits,
        metadata: draft.metadata.unwrap_or_else(|| key.metadata.clone()),
        tags: draft.tags.unwrap_or_else(|| key.tags.clone()),
    };
    let wanted = match &change.credits {
        CreditsChange::Keep => held.as_ref(),
        CreditsChange::Set(credits) => credits.as_ref(),
    };
    if !(is_within(&change, key) && Credits::are_within(wanted, held.as_ref())) {
        check_creation(&access.authority, write, (&change.effective_policy(), wanted)).await?;
    }
    Ok(change)
}

/// Whether a change allows nothing that the key does not allow already. A role that it does not have allows more, whatever
/// the role holds: it can be widened later.
fn is_within(change: &KeyChange, key: &store::Key) -> bool {
    has_roles(&key.roles, &change.roles) && change.effective_policy().is_within(&key.effective_policy())
}

fn has_roles(held: &[HeldRole], wanted: &[HeldRole]) -> bool {
    wanted.iter().all(|role| held.iter().any(|had| had.id == role.id))
}

/// Refuses to give a key more credits to a caller that could not make a key with as many. Who takes some away needs no more
/// than the permission to change keys.
pub async fn check_credits(
    access: &Scoped<impl Operation>,
    write: &mut Write,
    key: &store::Key,
    credits: &Credits,
) -> Result<(), Problem> {
    if Credits::are_within(Some(credits), key.credits.as_ref()) {
        return Ok(());
    }
    check_creation(&access.authority, write, (&key.effective_policy(), Some(credits))).await
}

/// The next secret of a key. Refuses to hand the caller one of a key that may do more than the caller, or that could not be
/// made like this now.
pub async fn renew_secret(
    access: &Scoped<impl Operation>,
    write: &mut Write,
    key: &store::Key,
) -> Result<PlainSecret, Problem> {
    check_authority(&access.authority, write, (&key.effective_policy(), key.credits.as_ref())).await?;
    let organization = write.find_organization().await?.ok_or_else(not_found)?;
    Demands::new(&access.app, &organization, write.now()).check_kept(&key.policy)?;
    let prefix = next_prefix(&organization.policy, key)?;
    let length = organization.policy.secret_part_length();
    Ok(PlainSecret::generate_of_length(&prefix, access.app.environment, length))
}

/// Refuses to bring a key back to life to a caller that could not make it now. `key` is the key as it would be.
pub async fn check_reactivation(
    access: &Scoped<impl Operation>,
    write: &mut Write,
    key: &store::Key,
) -> Result<(), Problem> {
    let organization = write.find_organization().await?.ok_or_else(not_found)?;
    check_creation(&access.authority, write, (&key.effective_policy(), key.credits.as_ref())).await?;
    let demands = Demands::new(&access.app, &organization, write.now());
    demands.check_kept(&key.policy)?;
    demands.check_secret(key)
}

/// Refuses to raise what keys of the organization get by default beyond what the calling key is held to. A root key may:
/// it sets the limits that they all share.
pub fn check_default_limits(
    authority: &Authority,
    organization: &store::Organization,
    limits: &[Limit],
) -> Result<(), Problem> {
    let own = &authority.policy.limits;
    let is_kept = limits_within(limits, &organization.default_limits);
    if is_kept || authority.kind == KeyKind::Root || rate_within(limits, own) {
        return Ok(());
    }
    Err(Problem::new(ErrorCode::ExceedsGrantor).errors(vec![beyond("default_limits")]))
}

/// Refuses to lift limits of a customer to a caller that is limited to it, for they bind the caller too; and to change its
/// `external_id`, for a conflict would tell of customers that the caller cannot see.
pub fn check_customer_change(
    scope: &Scope,
    customer: &store::Customer,
    change: &store::NewCustomer,
) -> Result<(), Problem> {
    if scope.customers() == &AllOr::All {
        return Ok(());
    }
    if change.external_id.as_ref().map(ExternalId::as_str) != customer.external_id.as_deref() {
        let detail = "This key is limited to some customers, and an external_id is unique among all of them.";
        return Err(Problem::new(ErrorCode::CustomerNotAllowed).detail(detail));
    }
    if limits_within(&change.limits, &customer.limits) {
        return Ok(());
    }
    let detail = "The limits that a customer's keys share bind the calling key too, which cannot lift them.";
    Err(Problem::new(ErrorCode::ExceedsGrantor).detail(detail).errors(vec![beyond("limits")]))
}

/// The secret of a new key: ours, or around the part that the caller supplies.
pub fn mint_secret(app: &App, organization: &store::Organization, body: &NewKey) -> Result<PlainSecret, Problem> {
    let (mut fields, policy) = (Fields::default(), &organization.policy);
    let asked = fields.take_option("/prefix", body.prefix.0.as_deref().map(Prefix::parse_own));
    let prefix = match fields.is_refused("/prefix") {
        true => None,
        false => fields.take("/prefix", policy.check_prefix(asked)),
    };
    let secret = match (&prefix, body.secret.0.as_deref()) {
        (Some(prefix), Some(part)) => fields.take("/secret", supplied_secret(app, organization, (prefix, part))),
        (Some(prefix), None) => {
            Some(PlainSecret::generate_of_length(prefix, app.environment, policy.secret_part_length()))
        }
        (None, _) => None,
    };
    fields.finish()?;
    secret.ok_or_else(unread)
}

fn supplied_secret(
    app: &App,
    organization: &store::Organization,
    (prefix, part): (&Prefix, &str),
) -> Result<PlainSecret, ValidationError> {
    check_supplied(app, organization)?;
    organization.policy.check_secret_bytes(Some(part.len()))?;
    PlainSecret::from_part(prefix, app.environment, part)
}

/// What is stored of a secret.
pub fn sealed(app: &App, access: &Scoped<impl Operation>, secret: &PlainSecret) -> NewSecret {
    NewSecret::new(&app.peppers, access.scope.organization(), secret)
}

/// The ids behind a list of customers; one that the caller does not see is as unknown as one that is not there.
async fn find_customers(
    fields: &mut Fields,
    rows: &mut Rows,
    customers: Option<AllOr<String>>,
) -> Result<Option<AllOr<CustomerId>>, Problem> {
    let references = match customers {
        None => return Ok(None),
        Some(AllOr::All) => return Ok(Some(AllOr::All)),
        Some(AllOr::Only(references)) => references,
    };
    let mut ids = Vec::with_capacity(references.len());
    for (index, reference) in references.iter().enumerate() {
        match rows.find_customer(reference).await? {
            Some(customer) => ids.push(customer.id),
            None => {
                let message = format!("there is no customer {}", excerpt(reference));
                fields.refuse(&format!("/customers/{index}"), ValidationError::new("unknown-customer", message));
            }
        }
    }
    ids.sort_unstable();
    ids.dedup();
    Ok(Some(AllOr::Only(ids)))
}

/// The roles behind a list of ids and names.
async fn find_roles(
    fields: &mut Fields,
    rows: &mut Rows,
    references: Option<Vec<String>>,
) -> Result<Option<Vec<HeldRole>>, Problem> {
    let Some(references) = references else { return Ok(None) };
    let mut roles = Vec::with_capacity(references.len());
    for (index, reference) in references.iter().enumerate() {
        match rows.find_role(reference).await? {
            Some(role) => roles.push(HeldRole::from(&role)),
            None => {
                let message = format!("there is no role {}", excerpt(reference));
                fields.refuse(&format!("/roles/{index}"), ValidationError::new("unknown-role", message));
            }
        }
    }
    roles.sort_unstable_by_key(|role| role.id);
    roles.dedup_by_key(|role| role.id);
    Ok(Some(roles))
}

/// Refuses to make a role, or to let one hold more or be called otherwise, to a caller that does not hold all that it then
/// holds. What is added to a role is added to every key that has it, whatever that is limited to.
pub fn check_role(authority: &Authority, change: &RoleChange) -> Result<(), Problem> {
    let grantor = authority.grantor(None);
    let lacked = lacked(&grantor, &change.permissions);
    if lacked.is_empty() {
        return Ok(());
    }
    Err(Problem::new(ErrorCode::ExceedsGrantor).errors(vec![beyond("permissions")]).missing_permissions(lacked))
}

fn merge(policy: &Policy, draft: &PolicyDraft, customers: Option<AllOr<CustomerId>>) -> Policy {
    Policy {
        permissions: draft.permissions.clone().unwrap_or_else(|| policy.permissions.clone()),
        domains: draft.domains.clone().unwrap_or_else(|| policy.domains.clone()),
        customers: customers.unwrap_or_else(|| policy.customers.clone()),
        ips: draft.ips.clone().unwrap_or_else(|| policy.ips.clone()),
        not_before: draft.not_before.or(policy.not_before),
        expires_at: draft.expires_at.unwrap_or(policy.expires_at),
        limits: draft.limits.clone().unwrap_or_else(|| policy.limits.clone()),
    }
}

/// Refuses what the caller could not make: it lacks the permission to make keys, or the key would go beyond it.
async fn check_creation(
    authority: &Authority,
    rows: &mut Rows,
    key: (&Policy, Option<&Credits>),
) -> Result<(), Problem> {
    authority.check(Permission::KeysCreate).map_err(denied)?;
    check_authority(authority, rows, key).await
}

/// Refuses what goes beyond the caller: any member of the key's policy, or its balance.
async fn check_authority(
    authority: &Authority,
    rows: &mut Rows,
    (policy, credits): (&Policy, Option<&Credits>),
) -> Result<(), Problem> {
    let held = match (authority.kind, authority.principal.key()) {
        (KeyKind::Organization, Some(key)) => rows.find_credits(key).await?,
        // There is no way to give a root key a balance, and a member has none.
        (KeyKind::Organization, None) | (KeyKind::Root, _) => None,
    };
    let grantor = authority.grantor(held.as_ref());
    let excess = grantor.excess(policy, credits);
    if excess.is_empty() {
        return Ok(());
    }
    let errors = excess.iter().map(|excess| beyond(excess.member())).collect();
    Err(Problem::new(ErrorCode::ExceedsGrantor)
        .errors(errors)
        .missing_permissions(lacked(&grantor, &policy.permissions)))
}

fn lacked(grantor: &Grantor<'_>, permissions: &[PermissionName]) -> Vec<String> {
    permissions.iter().filter(|permission| !grantor.may_give(permission)).map(ToString::to_string).collect()
}

fn beyond(member: &str) -> FieldError {
    let message = "this goes beyond what the calling key holds itself";
    FieldError::new(format!("/{member}"), "exceeds-grantor", message)
}

/// Says whether a change takes something away: whether the key allowed something before that it does not any more.
pub fn is_narrowing(old: &store::Key, change: &KeyChange) -> bool {
    let keeps_credits = match &change.credits {
        CreditsChange::Keep => true,
        CreditsChange::Set(credits) => Credits::are_within(old.credits.as_ref(), credits.as_ref()),
    };
    !(keeps_credits && old.effective_policy().is_within(&change.effective_policy()))
}
