//! What an organization says of its verifier: read, kept, and held against the authority of whoever said it.

use std::collections::BTreeMap;

use chacha20poly1305::aead::{Aead, AeadCore, KeyInit, OsRng};
use chacha20poly1305::{ChaCha20Poly1305, Key, Nonce};
use domain::access::{Actor, Authority, Principal};
use domain::ids::{KeyId, OrganizationId};
use domain::instants::parse_future;
use domain::names::Name;
use domain::permission::Permission;
use domain::policy::{AllOr, KeyStatus};
use domain::sealing::SealingKey;
use domain::secret::{LOOKUP_ID_LENGTH, Prefix};
use domain::validation::ValidationError;
use poem_openapi::types::{ParseFromJSON, ToJSON};
use serde_json::Value;
use server::problem::{ErrorCode, Problem};
use store::{KeyChange, NewVerifier, Organization, Rows, Verifier, Write};

use crate::access::Scoped;
use crate::app::App;
use crate::authenticate::{denied, not_found};
use crate::demands::check_supplied;
use crate::fields::{Fields, unread};
use crate::grant;
use crate::operation::Operation;
use crate::resources::keys::wire::key_input::NewKey;
use crate::resources::permissions::own::find_organization;
use crate::resources::verifier::wire::{StoredRequest, VerifierInput};

/// What values of headers are sealed for.
const PURPOSE: &str = "verifier headers";
const NONCE_LENGTH: usize = 12;

/// Reads what is to be, refusing what the caller could not make itself.
pub async fn read(
    access: &Scoped<impl Operation>,
    write: &mut Write,
    mut input: VerifierInput,
) -> Result<NewVerifier, Problem> {
    if !matches!(access.scope.actor(), Actor::Key(_)) {
        let detail = "Set it with a key: whatever comes of it is held to what that key may at the time.";
        return Err(Problem::new(ErrorCode::InsufficientPermissions).detail(detail));
    }
    let mut fields = Fields::default();
    fields.take("/url", access.app.verifiers.check(&input.url));
    let stored = input.read_request(&mut fields);
    let ends_at = fields.take("/ends_at", parse_future(&input.ends_at, write.now()));
    check_keys(&mut fields, &input.keys);
    fields.finish()?;
    let named = (input.keys.permissions.as_slice(), input.keys.create_permissions);
    let within = |problem: Problem| problem.within("/keys");
    let granted = find_organization(access, write, named).await.map_err(within)?;
    check_brought(&access.app, &granted, &input.keys).map_err(within)?;
    let change = grant::read_new_key(access, write, &granted, &input.keys).await.map_err(within)?;
    // What it adds, it adds now.
    input.keys.create_permissions = false;
    // By their ids: a later role of the same name is another one.
    input.keys.roles = change.roles.iter().map(|role| role.id.to_string()).collect();
    let organization = access.scope.organization();
    let (pepper_id, sealed_headers) = seal(&access.app, organization, &input.headers);
    Ok(NewVerifier {
        request: serde_json::to_value(stored.ok_or_else(unread)?).map_err(internal)?,
        pepper_id,
        sealed_headers,
        timeout_ms: input.timeout_ms,
        budget_per_minute: input.budget_per_minute,
        refusals_seconds: input.remember_refusals_seconds,
        ends_at: ends_at.ok_or_else(unread)?,
        keys: said(&input.keys),
        permissions_since: change.permissions_since,
    })
}

/// The request of a verifier.
pub fn stored(verifier: &Verifier) -> Result<StoredRequest, Problem> {
    serde_json::from_value(verifier.settings.request.clone()).map_err(internal)
}

/// The values of its headers.
pub fn headers(
    app: &App,
    organization: OrganizationId,
    verifier: &Verifier,
) -> Result<BTreeMap<String, String>, Problem> {
    let settings = &verifier.settings;
    let key = app.peppers.opening_key(PURPOSE, organization, &settings.pepper_id);
    let opened = key.and_then(|key| {
        let (nonce, sealed) = settings.sealed_headers.split_at_checked(NONCE_LENGTH)?;
        cipher(&key).decrypt(Nonce::from_slice(nonce), sealed).ok()
    });
    let opened = opened.ok_or_else(|| internal("the pepper of a verifier is gone"))?;
    serde_json::from_slice(&opened).map_err(internal)
}

/// The body of its keys.
pub fn keys_body(verifier: &Verifier) -> Result<NewKey, Problem> {
    NewKey::parse_from_json(Some(verifier.settings.keys.clone())).map_err(|error| internal(error.into_message()))
}

/// The key that would come of it now, under the authority that whoever set it has now.
pub async fn keys(app: &App, rows: &mut Rows, verifier: &Verifier) -> Result<KeyChange, Problem> {
    let gone =
        || Problem::new(ErrorCode::ExceedsGrantor).detail("The key that set this verifier does not work any more.");
    let setter: KeyId = verifier.set_by.parse().map_err(|_| gone())?;
    let setter = rows.find_setter(setter).await?.filter(|key| key.status(rows.now()) == KeyStatus::Active);
    let setter = setter.ok_or_else(gone)?;
    let organization = rows.find_organization().await?.ok_or_else(not_found)?;
    let authority = Authority {
        principal: Principal::Key(setter.id),
        kind: setter.kind,
        environment: app.environment,
        organization: setter.organization_id,
        slug: organization.slug.clone(),
        policy: setter.effective_policy(),
    };
    authority.check(Permission::ImportsUpdate).map_err(denied)?;
    if authority.policy.customers != AllOr::All || authority.policy.domains != AllOr::All {
        let detail = "The key that set this verifier is limited to some customers or domains by now.";
        return Err(Problem::new(ErrorCode::ExceedsGrantor).detail(detail));
    }
    let body = keys_body(verifier)?;
    check_brought(app, &organization, &body)?;
    let change = grant::read_key_of(app, &authority, rows, (&organization, &body)).await?;
    // A permission that was given up since, and added again, is another one.
    Ok(KeyChange { permissions_since: verifier.settings.permissions_since, ..change })
}

/// Refuses secrets from elsewhere where the environment or the organization's policy forbids them, and prefixes that are not the policy's.
fn check_brought(app: &App, organization: &Organization, keys: &NewKey) -> Result<(), Problem> {
    let mut fields = Fields::default();
    fields.take("/secret", check_supplied(app, organization));
    if let Some(asked) = fields.take_option("/prefix", keys.prefix.0.as_deref().map(Prefix::parse_own)) {
        fields.take("/prefix", organization.policy.check_prefix(Some(asked)));
    }
    fields.finish()
}

/// The name of a key that comes of it.
pub fn name(base: &str, id: &str) -> String {
    format!("{base} {id}")
}

fn check_keys(fields: &mut Fields, keys: &NewKey) {
    let left_out = |why: &str| ValidationError::new("contradiction", format!("leave it out here; {why}"));
    if keys.secret.0.is_some() {
        fields.refuse("/keys/secret", left_out("each key keeps its own"));
    }
    if !keys.enabled {
        fields.refuse("/keys/enabled", left_out("a key comes of being used"));
    }
    let longest = name(&keys.name, &"0".repeat(LOOKUP_ID_LENGTH));
    if Name::parse(&keys.name).is_ok() && Name::parse(&longest).is_err() {
        let message = "this name is too long: each key's continues it by a space and 16 characters";
        fields.refuse("/keys/name", ValidationError::new("name", message));
    }
}

/// A body as it was said: without what was left out.
fn said(keys: &NewKey) -> Value {
    let mut body = keys.to_json().unwrap_or_default();
    if let Some(members) = body.as_object_mut() {
        members.retain(|name, value| {
            !value.is_null() && !matches!(name.as_str(), "secret" | "create_permissions" | "enabled")
        });
    }
    body
}

fn seal(app: &App, organization: OrganizationId, headers: &BTreeMap<String, String>) -> (String, Vec<u8>) {
    let key = app.peppers.sealing_key(PURPOSE, organization);
    let nonce = ChaCha20Poly1305::generate_nonce(&mut OsRng);
    let plain = serde_json::to_vec(headers).expect("texts are written");
    let sealed = cipher(&key).encrypt(&nonce, plain.as_slice()).expect("headers are short enough to encrypt");
    (key.pepper_id.to_string(), [nonce.as_slice(), &sealed].concat())
}

fn cipher(key: &SealingKey) -> ChaCha20Poly1305 {
    ChaCha20Poly1305::new(Key::from_slice(key.bytes.as_slice()))
}

fn internal(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Problem {
    Problem::new(ErrorCode::Internal).source(std::io::Error::other(error))
}
