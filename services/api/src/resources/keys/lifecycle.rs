//! `{o}/keys/{key}/…`: what ends, restarts and renews a key.

use poem_openapi::OpenApi;
use poem_openapi::param::Path;
use server::answer::Ok200;
use server::problem::Problem;

use super::change;
use super::wire::key::{KeyBody, KeyWithSecret};
use super::wire::lifecycle::{Regeneration, Revocation};
use crate::access::Scoped;
use crate::authenticate::not_found;
use crate::grant;
use crate::idempotency::{Idempotent, IdempotentRequest, Outcome};
use crate::operation::operations;
use crate::optional_body::OptionalJson;
use crate::resources::Tags;

operations! {
    RevokeKey     => KeysRevoke, event("key.revoked"), priority(Revocation);
    ReactivateKey => KeysRevoke, event("key.reactivated");
    RegenerateKey => KeysRegenerate, event("key.regenerated"), idempotent, strict;
}

/// The operations on a key's life.
pub struct Api;

#[OpenApi]
impl Api {
    /// Revoke a key
    ///
    /// Cuts off all access from the next request on and keeps everything. Revoking twice is no error.
    #[oai(
        path = "/v1/organizations/:organization/keys/:key/revoke",
        method = "post",
        operation_id = "revoke_key",
        tag = "Tags::Keys"
    )]
    async fn revoke_key(
        &self,
        access: Scoped<RevokeKey>,
        #[oai(name = "organization")] _organization: Path<String>,
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

    /// Reactivate a key
    ///
    /// Undoes a revoke. A secret that was revoked as compromised stays dead: regenerate first. Needs whatever making this
    /// key would need: `keys.create`, and a calling key that is no weaker.
    #[oai(
        path = "/v1/organizations/:organization/keys/:key/reactivate",
        method = "post",
        operation_id = "reactivate_key",
        tag = "Tags::Keys"
    )]
    async fn reactivate_key(
        &self,
        access: Scoped<ReactivateKey>,
        #[oai(name = "organization")] _organization: Path<String>,
        key: Path<String>,
    ) -> Result<Ok200<KeyBody>, Problem> {
        let mut write = access.write().await?;
        let before = write.find_key(change::read_id(&key)?).await?.ok_or_else(not_found)?;
        let after = write.reactivate_key(before.id).await?.ok_or_else(not_found)?;
        grant::check_reactivation(&access, &mut write, &after).await?;
        let event = change::event(&access, &write, (&before, &after));
        change::finish(&access, write, &after, event, false).await
    }

    /// Regenerate a key
    ///
    /// A new secret for the same key, shown this once. The old one dies at once, or after the overlap.
    #[oai(
        path = "/v1/organizations/:organization/keys/:key/regenerate",
        method = "post",
        operation_id = "regenerate_key",
        tag = "Tags::Keys"
    )]
    async fn regenerate_key(
        &self,
        access: Scoped<RegenerateKey>,
        #[oai(name = "organization")] _organization: Path<String>,
        key: Path<String>,
        body: OptionalJson<Regeneration>,
    ) -> Result<Ok200<Idempotent<KeyWithSecret>>, Problem> {
        let attempt = IdempotentRequest::read(&access, body.raw())?;
        let mut write = access.write().await?;
        let id = change::read_id(&key);
        if let Outcome::Replayed(answer) = attempt.begin(&mut write).await? {
            // The first time it may have been committed and not published: the old secret has to be over now.
            if let Some(key) = write.find_key(id?).await? {
                access.app.publish_again(&access.scope, &key).await;
            }
            return Ok(Ok200::new(Idempotent::Replayed(answer)));
        }
        let before = write.find_key(id?).await?.ok_or_else(not_found)?;
        let overlap = body.parse()?.overlap();
        let secret = grant::renew_secret(&access, &mut write, &before).await?;
        let sealed = grant::sealed(&access.app, &access, &secret);
        let after = write.regenerate_key(&before, &sealed, overlap).await?.ok_or_else(not_found)?;
        let receipt = write.insert_receipt(after.id, after.generation).await?;
        let body = KeyBody::new(&after, access.app.environment, write.now());
        let answer = KeyWithSecret::new(body, &secret);
        attempt.keep(&mut write, &answer, Some(secret.expose())).await?;
        let event = change::event(&access, &write, (&before, &after)).with("overlap_seconds", overlap.as_secs());
        let committed = write.commit(event).await?;
        let bound_ms = access.app.publish(&access.scope, &committed, Some(receipt.id)).await;
        let receipt = Some(access.app.receipt(&receipt, bound_ms).await);
        Ok(Ok200::new(Idempotent::First(KeyWithSecret { receipt, ..answer })).etag(after.generation))
    }
}
