//! `{o}/keys/{key}/…`: what ends, restarts and renews a key.

use std::sync::Arc;

use domain::event::Event;
use poem_openapi::OpenApi;
use poem_openapi::param::Path;
use serde_json::json;
use server::answer::Ok200;
use server::problem::Problem;

use super::change;
use crate::app::App;
use crate::caller::{Scoped, not_found};
use crate::grant;
use crate::idempotency::{Attempt, Kept, Outcome};
use crate::optional_body::OptionalJson;
use crate::routes::Tags;
use crate::wire::key::{KeyBody, KeyWithSecret};
use crate::wire::lifecycle::{Regeneration, Revocation};

pub struct LifecycleApi {
    pub app: Arc<App>,
}

#[OpenApi]
impl LifecycleApi {
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
        access: Scoped,
        #[oai(name = "organization")] _organization: Path<String>,
        key: Path<String>,
        body: OptionalJson<Revocation>,
    ) -> Result<Ok200<KeyBody>, Problem> {
        let mut write = change::write(&self.app, &access).await?;
        let key = write.find_key(change::read_id(&key)?).await?.ok_or_else(not_found)?;
        let (reason, note) = body.parse()?.read()?;
        let key = write.revoke_key(key.id, reason, note.as_deref()).await?.ok_or_else(not_found)?;
        let details = json!({"reason": reason.name(), "note": note});
        let event = Event::KeyRevoked(key.id);
        change::finish(&self.app, &access, write, change::Change { key, event, details, is_narrowing: true }).await
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
        access: Scoped,
        #[oai(name = "organization")] _organization: Path<String>,
        key: Path<String>,
    ) -> Result<Ok200<KeyBody>, Problem> {
        let mut write = change::write(&self.app, &access).await?;
        let key = write.reactivate_key(change::read_id(&key)?).await?.ok_or_else(not_found)?;
        grant::check_reactivation(&self.app, &access, &mut write, &key).await?;
        let event = Event::KeyReactivated(key.id);
        change::finish(
            &self.app,
            &access,
            write,
            change::Change { key, event, details: json!({}), is_narrowing: false },
        )
        .await
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
        access: Scoped,
        #[oai(name = "organization")] _organization: Path<String>,
        key: Path<String>,
        body: OptionalJson<Regeneration>,
    ) -> Result<Ok200<Kept<KeyWithSecret>>, Problem> {
        let attempt = Attempt::read(&access.caller, body.raw())?;
        let mut write = change::write(&self.app, &access).await?;
        if let Outcome::Again(answer) = attempt.begin(&mut write).await? {
            // The first time it may have been committed and not told: the old secret has to be over now.
            if let Some(key) = write.find_key(change::read_id(&key)?).await? {
                self.app.publish_again(&access.scope, &key).await;
            }
            return Ok(Ok200::new(Kept::Again(answer)));
        }
        let old = write.find_key(change::read_id(&key)?).await?.ok_or_else(not_found)?;
        let overlap = body.parse()?.overlap();
        grant::check_regenerate(&access, &mut write, &old).await?;
        let secret = grant::regenerate_secret(&self.app, &old)?;
        let sealed = grant::sealed(&self.app, &access, &secret);
        let key = write.regenerate_key(&old, &sealed, overlap).await?.ok_or_else(not_found)?;
        let receipt = write.insert_receipt(key.id, key.generation).await?;
        let answer = change::with_secret(&self.app, &key, &write, secret.expose());
        attempt.keep(&mut write, &answer, Some(secret.expose())).await?;
        let details = json!({"overlap_seconds": overlap.as_secs()});
        let committed = write.commit(Event::KeyRegenerated(key.id), details).await?;
        let bound_ms = self.app.publish(&access.scope, &committed, Some(receipt.id)).await;
        let receipt = Some(self.app.receipt(&receipt, bound_ms).await);
        Ok(Ok200::new(Kept::First(KeyWithSecret { receipt, ..answer })).etag(key.generation))
    }
}
