//! From a body to a policy that its caller may give: customers are looked up, and nothing goes beyond the grantor.

use domain::ids::CustomerId;
use domain::names::Name;
use domain::policy::{AllOr, Excess, Policy};
use domain::secret::{LookupId, PlainSecret, Prefix};
use domain::validation::{ValidationError, excerpt};
use serde_json::{Map, Value};
use server::problem::{ErrorCode, FieldError, Problem};
use store::{CreditsChange, KeyChange, NewSecret, Write};

use crate::app::App;
use crate::caller::{Caller, Scoped, not_found};
use crate::fields::Fields;
use crate::wire::customer::unread;
use crate::wire::key_input::{
    HashedSecret, KeyImport, KeyPatch, NewKey, PolicyDraft, Reading, check_demands, check_order,
};

/// Reads a new key's body into what is stored, refusing what the caller may not give.
pub async fn read_new_key(app: &App, access: &Scoped, write: &mut Write, body: &NewKey) -> Result<KeyChange, Problem> {
    let organization = write.find_organization().await?.ok_or_else(not_found)?;
    let reading = Reading { now: write.now(), own_permissions: &organization.permissions, demands: &app.demands };
    let mut fields = Fields::default();
    let mut draft = body.read(&mut fields, &reading);
    let customers = find_customers(&mut fields, write, draft.customers.take()).await?;
    fields.finish()?;
    let policy = Policy {
        permissions: draft.permissions.unwrap_or_default(),
        domains: draft.domains.unwrap_or(AllOr::All),
        customers: customers.unwrap_or(AllOr::All),
        ips: draft.ips.unwrap_or(AllOr::All),
        not_before: draft.not_before,
        expires_at: draft.expires_at.flatten(),
        limits: draft.limits.unwrap_or_else(|| organization.default_limits.clone()),
    };
    let excess = access.caller.authority.grantor(&organization.permissions).excess(&policy);
    refuse_excess(&access.caller, &policy, &excess)?;
    Ok(KeyChange {
        name: draft.name.ok_or_else(unread)?,
        policy,
        credits: CreditsChange::Set(draft.credits),
        metadata: draft.metadata.unwrap_or_default(),
        tags: draft.tags.unwrap_or_default(),
    })
}

/// Reads a patch over the key as it stands. Only what it changes is held against the caller.
pub async fn read_patch(
    app: &App,
    access: &Scoped,
    write: &mut Write,
    key: &store::Key,
    body: &KeyPatch,
) -> Result<KeyChange, Problem> {
    let organization = write.find_organization().await?.ok_or_else(not_found)?;
    let reading = Reading { now: write.now(), own_permissions: &organization.permissions, demands: &app.demands };
    let mut fields = Fields::default();
    let mut draft = body.read(&mut fields, &reading);
    let customers = find_customers(&mut fields, write, draft.customers.take()).await?;
    let policy = merge(&key.policy, &draft, customers);
    check_order(&mut fields, policy.not_before, policy.expires_at);
    if draft.expires_at.is_some() || draft.ips.is_some() {
        check_demands(&mut fields, &reading, policy.expires_at, Some(&policy.ips));
    }
    fields.finish()?;
    let grantor = access.caller.authority.grantor(&organization.permissions);
    let mut excess = grantor.excess(&policy);
    excess.retain(|excess| is_changed(*excess, &key.policy, &policy));
    refuse_excess(&access.caller, &policy, &excess)?;
    let name = match draft.name {
        Some(name) => name,
        None => Name::parse(&key.name).map_err(|_| Problem::new(ErrorCode::Internal))?,
    };
    Ok(KeyChange {
        name,
        policy,
        credits: draft.credits.map_or(CreditsChange::Keep, |credits| CreditsChange::Set(Some(credits))),
        metadata: draft.metadata.unwrap_or_else(|| key.metadata.clone()),
        tags: draft.tags.unwrap_or_else(|| key.tags.clone()),
    })
}

/// Refuses to hand the caller a secret of a key that may do more than the caller.
pub async fn check_regenerate(access: &Scoped, write: &mut Write, key: &store::Key) -> Result<(), Problem> {
    let organization = write.find_organization().await?.ok_or_else(not_found)?;
    let excess = access.caller.authority.grantor(&organization.permissions).excess(&key.policy);
    refuse_excess(&access.caller, &key.policy, &excess)
}

/// The secret of a new key: ours, or around the part that the caller supplies.
pub fn mint_secret(app: &App, body: &NewKey) -> Result<PlainSecret, Problem> {
    let mut fields = Fields::default();
    let prefix = match body.prefix.0.as_deref() {
        Some(text) => fields.take("/prefix", Prefix::parse_own(text)),
        None => Some(Prefix::organization()),
    };
    let secret = match (&prefix, body.secret.0.as_deref()) {
        (Some(_), Some(_)) if !app.demands.allow_supplied_secrets => {
            fields.refuse(
                "/secret",
                ValidationError::new("supplied-secret", "this environment makes the secrets of its keys"),
            );
            None
        }
        (Some(prefix), Some(part)) => fields.take("/secret", PlainSecret::from_part(prefix, app.environment, part)),
        (Some(prefix), None) => Some(PlainSecret::generate(prefix, app.environment)),
        (None, _) => None,
    };
    fields.finish()?;
    secret.ok_or_else(unread)
}

/// The next secret of a key, under the prefix of the one before.
pub fn regenerate_secret(app: &App, key: &store::Key) -> Result<PlainSecret, Problem> {
    let prefix = Prefix::parse(&key.prefix).map_err(|refusal| Problem::new(ErrorCode::Internal).source(refusal))?;
    Ok(PlainSecret::generate(&prefix, app.environment))
}

/// What is stored of a secret.
pub fn sealed(app: &App, access: &Scoped, secret: &PlainSecret) -> NewSecret {
    NewSecret {
        prefix: secret.prefix().clone(),
        lookup_id: secret.lookup_id(),
        last4: secret.last4().to_owned(),
        hash: app.peppers.hash(access.scope.organization(), secret),
    }
}

/// What is stored of a secret that was issued elsewhere: its text is read once, or only its digest is known.
pub fn read_import(app: &App, access: &Scoped, body: &KeyImport) -> Result<NewSecret, Problem> {
    let mut fields = Fields::default();
    let own = [("/key/secret", &body.key.secret), ("/key/prefix", &body.key.prefix)];
    for (pointer, _) in own.into_iter().filter(|(_, member)| member.0.is_some()) {
        fields.refuse(
            pointer,
            ValidationError::new("contradiction", "leave it out here; the import names the whole secret"),
        );
    }
    let secret = match (&body.secret, &body.hashed) {
        (Some(text), None) => fields.take("/secret", read_whole(app, text)).map(|secret| sealed(app, access, &secret)),
        (None, Some(hashed)) => fields.take("/hashed", read_hashed(app, access, hashed)),
        (Some(_), Some(_)) | (None, None) => {
            fields.refuse("/secret", ValidationError::new("contradiction", "send either secret or hashed"));
            None
        }
    };
    fields.finish()?;
    secret.ok_or_else(unread)
}

fn read_whole(app: &App, text: &str) -> Result<PlainSecret, ValidationError> {
    let refusal =
        || ValidationError::new("secret-form", "not a secret of the form <prefix>_<tag>_<id>_<secret><check>");
    let secret = PlainSecret::parse(text).map_err(|_| refusal())?;
    Prefix::parse_own(secret.prefix().as_str())?;
    if secret.environment() != app.environment {
        let message = format!("this secret is for {}; this endpoint is {}", secret.environment(), app.environment);
        return Err(ValidationError::new("wrong-environment", message));
    }
    Ok(secret)
}

fn read_hashed(app: &App, access: &Scoped, hashed: &HashedSecret) -> Result<NewSecret, ValidationError> {
    let prefix = Prefix::parse_own(&hashed.prefix)?;
    let lookup_id = LookupId::parse(&hashed.id).ok_or_else(|| {
        ValidationError::new("secret-id", format!("\"{}\" is not 16 base62 characters", excerpt(&hashed.id)))
    })?;
    let digest = data_encoding::HEXLOWER_PERMISSIVE.decode(hashed.sha256.as_bytes()).ok();
    let digest: [u8; 32] = digest
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or_else(|| ValidationError::new("sha256", "sha256 is 64 hexadecimal digits"))?;
    if hashed.last4.len() != 4 || !hashed.last4.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err(ValidationError::new("last4", "last4 is the last four characters of the secret"));
    }
    let hash = app.peppers.hash_digest(access.scope.organization(), &digest);
    Ok(NewSecret { prefix, lookup_id, last4: hashed.last4.clone(), hash })
}

/// The ids behind a list of customers; one that the caller does not see is as unknown as one that is not there.
async fn find_customers(
    fields: &mut Fields,
    write: &mut Write,
    customers: Option<AllOr<String>>,
) -> Result<Option<AllOr<CustomerId>>, Problem> {
    let references = match customers {
        None => return Ok(None),
        Some(AllOr::All) => return Ok(Some(AllOr::All)),
        Some(AllOr::Only(references)) => references,
    };
    let mut ids = Vec::with_capacity(references.len());
    for (index, reference) in references.iter().enumerate() {
        match write.find_customer(reference).await? {
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

fn is_changed(excess: Excess, old: &Policy, new: &Policy) -> bool {
    match excess {
        Excess::Permissions => old.permissions != new.permissions,
        Excess::Domains => old.domains != new.domains,
        Excess::Customers => old.customers != new.customers,
        Excess::Ips => old.ips != new.ips,
        Excess::Lifetime => old.expires_at != new.expires_at,
        Excess::Limits => old.limits != new.limits,
    }
}

fn refuse_excess(caller: &Caller, policy: &Policy, excess: &[Excess]) -> Result<(), Problem> {
    if excess.is_empty() {
        return Ok(());
    }
    let grantor = caller.authority.grantor(&[]);
    let lacked = policy.permissions.iter().filter(|permission| !grantor.may_give(permission));
    let lacked = lacked.filter(|_| excess.contains(&Excess::Permissions)).map(ToString::to_string).collect();
    let errors = excess.iter().map(|excess| {
        let pointer = format!("/{}", excess.member());
        FieldError::new(pointer, "exceeds-grantor", "this goes beyond what the calling key holds itself")
    });
    Err(Problem::new(ErrorCode::ExceedsGrantor).errors(errors.collect()).missing_permissions(lacked))
}

/// Says whether a change takes something away: whether the old policy would go beyond the new one.
pub fn is_narrowing(old: &Policy, new: &Policy) -> bool {
    let held =
        domain::policy::Grantor { kind: domain::policy::KeyKind::Organization, policy: new, own_permissions: &[] };
    let starts_later = new.not_before > old.not_before;
    starts_later || !held.excess(old).is_empty()
}

/// What the action log keeps of a policy: everything, for it holds no secret.
pub fn details(change: &KeyChange) -> Value {
    let policy = &change.policy;
    let expires_at = policy.expires_at.map(domain::instants::format_instant);
    let mut details = Map::new();
    let names = policy.permissions.iter().map(|name| Value::String(name.to_string()));
    details.insert("name".to_owned(), Value::String(change.name.as_str().to_owned()));
    details.insert("permissions".to_owned(), Value::Array(names.collect()));
    details.insert("expires_at".to_owned(), expires_at.map_or(Value::Null, Value::String));
    Value::Object(details)
}
