//! `/v1/root-keys`: keys across the organizations of this environment. For server admins who are signed in to the console, and
//! for nobody's key: a root key that leaks makes no further ones.

mod wire;

use poem_openapi::OpenApi;
use poem_openapi::param::Path;
use poem_openapi::types::ToJSON;
use server::answer::{Created, Ok200};
use server::json::Json;
use server::problem::Problem;
use store::{KeyFilter, Write};

use self::wire::{NewRootKey, RootKeyPatch};
use super::Tags;
use super::keys::change;
use super::keys::page_of_keys;
use super::keys::wire::CustomerKeyQuery;
use super::keys::wire::key::{KeyBody, KeyWithSecret};
use super::keys::wire::lifecycle::{Regeneration, Revocation};
use super::keys::wire::list::KeyPage;
use crate::access::{New, Scoped};
use crate::authenticate::not_found;
use crate::grant;
use crate::idempotency::{Idempotent, IdempotentRequest, Outcome};
use crate::operation::operations;
use crate::optional_body::OptionalJson;
use crate::precondition::stale;
use crate::root_keys;

operations! {
    ListRootKeys      => none, reach(RootKeys), paged, query(CustomerKeyQuery);
    CreateRootKey     => none, reach(RootKeys), step_up, event("root-key.created"), idempotent, strict;
    FindRootKey       => none, reach(RootKeys);
    UpdateRootKey     => none, reach(RootKeys), step_up, event("root-key.updated");
    DeleteRootKey     => none, reach(RootKeys), step_up, event("root-key.deleted"), priority(Revocation);
    RevokeRootKey     => none, reach(RootKeys), step_up, event("root-key.revoked"), priority(Revocation);
    ReactivateRootKey => none, reach(RootKeys), step_up, event("root-key.reactivated");
    RegenerateRootKey => none, reach(RootKeys), step_up, event("root-key.regenerated"), idempotent, strict;
}

/// The operations on root keys.
pub struct Api;

#[OpenApi]
impl Api {
    /// List root keys
    #[oai(path = "/v1/root-keys", method = "get", operation_id = "list_root_keys", tag = "Tags::RootKeys")]
    async fn list_root_keys(&self, access: Scoped<ListRootKeys>) -> Result<Ok200<KeyPage>, Problem> {
        let mut read = access.read().await?;
        page_of_keys(&access, &mut read, (&KeyFilter::none(), access.query.sort, access.query.count)).await
    }

    /// Create a root key
    ///
    /// The answer shows the secret this once.
    #[oai(path = "/v1/root-keys", method = "post", operation_id = "create_root_key", tag = "Tags::RootKeys")]
    async fn create_root_key(
        &self,
        access: Scoped<CreateRootKey>,
        body: Json<NewRootKey>,
    ) -> Result<Created<Idempotent<KeyWithSecret>>, Problem> {
        let create = async |write: &mut Write, new: NewRootKey| {
            let (app, policy) = (&access.app, new.read(&access.app.demands, write.now())?);
            let (key, secret) = root_keys::insert(write, (app.environment, &app.peppers), policy).await?;
            let body = KeyBody::new(&key, app.environment, write.now());
            Ok(New::of_key(&key, &body, KeyWithSecret::new(body.clone(), &secret), Some(secret)))
        };
        access.create(body, create).await
    }

    /// Show a root key
    #[oai(path = "/v1/root-keys/:key", method = "get", operation_id = "find_root_key", tag = "Tags::RootKeys")]
    async fn find_root_key(&self, access: Scoped<FindRootKey>, key: Path<String>) -> Result<Ok200<KeyBody>, Problem> {
        let mut read = access.read().await?;
        let key = read.find_key(change::read_id(&key)?).await?.ok_or_else(not_found)?;
        Ok(Ok200::new(KeyBody::new(&key, access.app.environment, read.now())).etag(key.generation))
    }

    /// Change a root key
    ///
    /// Send `If-Match` with the key's `ETag`. Taking something away answers with a receipt.
    #[oai(path = "/v1/root-keys/:key", method = "patch", operation_id = "update_root_key", tag = "Tags::RootKeys")]
    async fn update_root_key(
        &self,
        access: Scoped<UpdateRootKey>,
        key: Path<String>,
        body: Json<RootKeyPatch>,
    ) -> Result<Ok200<KeyBody>, Problem> {
        let mut write = access.write().await?;
        let before = write.find_key(change::read_id(&key)?).await?.ok_or_else(not_found)?;
        access.if_match(before.generation)?;
        let change = body.parse()?.read(&before, &access.app.demands, write.now())?.change();
        let after = write.update_key(before.id, before.generation, &change).await?.ok_or_else(stale)?;
        let event = change::event(&access, &write, (&before, &after));
        change::finish(&access, write, &after, event, grant::is_narrowing(&before, &change)).await
    }

    /// Delete a root key
    ///
    /// Final: it is gone from lists and never valid again. History keeps its id and name.
    #[oai(path = "/v1/root-keys/:key", method = "delete", operation_id = "delete_root_key", tag = "Tags::RootKeys")]
    async fn delete_root_key(
        &self,
        access: Scoped<DeleteRootKey>,
        key: Path<String>,
    ) -> Result<Ok200<KeyBody>, Problem> {
        let mut write = access.write().await?;
        let key = write.delete_key(change::read_id(&key)?).await?.ok_or_else(not_found)?;
        let body = KeyBody::new(&key, access.app.environment, write.now());
        let event = access.event(key.id).changed(body.to_json(), None);
        change::finish(&access, write, &key, event, true).await
    }

    /// Revoke a root key
    ///
    /// Cuts off all access from the next request on. Revoking twice is no error.
    #[oai(
        path = "/v1/root-keys/:key/revoke",
        method = "post",
        operation_id = "revoke_root_key",
        tag = "Tags::RootKeys"
    )]
    async fn revoke_root_key(
        &self,
        access: Scoped<RevokeRootKey>,
        key: Path<String>,
        body: OptionalJson<Revocation>,
    ) -> Result<Ok200<KeyBody>, Problem> {
        let mut write = access.write().await?;
        let before = write.find_key(change::read_id(&key)?).await?.ok_or_else(not_found)?;
        let (reason, note) = body.parse()?.read()?;
        let after = write.revoke_key(before.id, reason, note.as_deref()).await?.ok_or_else(not_found)?;
        let event = change::event(&access, &write, (&before, &after)).with("reason", reason.name()).with("note", note);
        change::finish(&access, write, &after, event, true).await
    }

    /// Reactivate a root key
    ///
    /// Undoes a revoke. A secret that was revoked as compromised stays dead: regenerate first.
    #[oai(
        path = "/v1/root-keys/:key/reactivate",
        method = "post",
        operation_id = "reactivate_root_key",
        tag = "Tags::RootKeys"
    )]
    async fn reactivate_root_key(
        &self,
        access: Scoped<ReactivateRootKey>,
        key: Path<String>,
    ) -> Result<Ok200<KeyBody>, Problem> {
        let mut write = access.write().await?;
        let before = write.find_key(change::read_id(&key)?).await?.ok_or_else(not_found)?;
        let after = write.reactivate_key(before.id).await?.ok_or_else(not_found)?;
        let event = change::event(&access, &write, (&before, &after));
        change::finish(&access, write, &after, event, false).await
    }

    /// Regenerate a root key
    ///
    /// A new secret for the same key, shown this once. The old one dies at once, or after the overlap.
    #[oai(
        path = "/v1/root-keys/:key/regenerate",
        method = "post",
        operation_id = "regenerate_root_key",
        tag = "Tags::RootKeys"
    )]
    async fn regenerate_root_key(
        &self,
        access: Scoped<RegenerateRootKey>,
        key: Path<String>,
        body: OptionalJson<Regeneration>,
    ) -> Result<Ok200<Idempotent<KeyWithSecret>>, Problem> {
        let attempt = IdempotentRequest::read(&access, body.raw())?;
        let (app, mut write) = (&access.app, access.write().await?);
        if let Outcome::Replayed(answer) = attempt.begin(&mut write).await? {
            return Ok(Ok200::new(Idempotent::Replayed(answer)));
        }
        let before = write.find_key(change::read_id(&key)?).await?.ok_or_else(not_found)?;
        let overlap = body.parse()?.overlap();
        let (secret, sealed) = root_keys::mint(app.environment, &app.peppers);
        let after = write.regenerate_key(&before, &sealed, overlap).await?.ok_or_else(not_found)?;
        let receipt = write.insert_receipt(after.id, after.generation).await?;
        let answer = KeyWithSecret::new(KeyBody::new(&after, app.environment, write.now()), &secret);
        attempt.keep(&mut write, &answer, Some(secret.expose())).await?;
        let event = change::event(&access, &write, (&before, &after)).with("overlap_seconds", overlap.as_secs());
        let committed = write.commit(event).await?;
        let bound_ms = app.publish(&access.scope, &committed, Some(receipt.id)).await;
        let receipt = Some(app.receipt(&receipt, bound_ms).await);
        Ok(Ok200::new(Idempotent::First(KeyWithSecret { receipt, ..answer })).etag(after.generation))
    }
}
