//! `{o}/keys`: API keys, their lifecycle and their secrets.

use std::sync::Arc;

use domain::event::Event;
use domain::ids::{KeyId, SecretId};
use domain::policy::KeyStatus;
use domain::refusal::Refusal;
use poem_openapi::param::Path;
use poem_openapi::{Object, OpenApi};
use serde_json::json;
use server::answer::{Created, Ok200};
use server::json::Json;
use server::problem::Problem;
use store::{KeyFilter, Write};

use super::Tags;
use crate::app::App;
use crate::caller::{Scoped, not_found};
use crate::grant;
use crate::idempotency::{Attempt, Kept, Outcome};
use crate::optional_body::OptionalJson;
use crate::page::PageRequest;
use crate::precondition::{IfMatch, stale};
use crate::wire::key::{ImportedKey, KeyBody, KeyWithSecret, SecretBody};
use crate::wire::key_input::{KeyImport, KeyPatch, NewKey};
use crate::wire::lifecycle::{Regeneration, Revocation};
use crate::wire::nullable::Nullable;

/// A page of keys, newest first.
#[derive(Debug, Clone, Object)]
pub struct KeyPage {
    /// The keys.
    pub items: Vec<KeyBody>,
    /// What to send as `cursor` for the next page; `null` on the last.
    pub next_cursor: Nullable<String>,
}

/// All secrets of a key, newest first.
#[derive(Debug, Clone, Object)]
pub struct SecretList {
    /// The secrets.
    pub items: Vec<SecretBody>,
    /// Always `null`: a key has few secrets.
    pub next_cursor: Nullable<String>,
}

pub struct KeysApi {
    pub app: Arc<App>,
}

#[OpenApi]
impl KeysApi {
    /// List keys
    #[oai(
        path = "/v1/organizations/:organization/keys",
        method = "get",
        operation_id = "list_keys",
        tag = "Tags::Keys"
    )]
    async fn list_keys(
        &self,
        access: Scoped,
        #[oai(name = "organization")] _organization: Path<String>,
    ) -> Result<Ok200<KeyPage>, Problem> {
        let mut page = PageRequest::read(&self.app, &access.caller, access.scope.organization())?;
        let customer = page.filters.text("customer");
        let mut filter = read_filter(&mut page);
        let mut read = self.app.store.read(&access.scope).await?;
        let slice = page.slice(&self.app, read.now())?;
        if let Some(reference) = customer {
            // A customer that is not there has no keys: an id that no row has finds none.
            let found = read.find_customer(&reference).await?.map(|customer| customer.id);
            filter.customer = Some(found.unwrap_or(domain::ids::CustomerId::from_uuid(uuid::Uuid::nil())));
        }
        let rows = read.list_keys(&filter, &slice).await?;
        let next_cursor = page.next_cursor(&self.app, &rows, read.now(), |row| (row.created_at, row.id.uuid()));
        let items = rows.items.iter().map(|key| KeyBody::new(key, self.app.environment, read.now())).collect();
        Ok(Ok200::new(KeyPage { items, next_cursor }))
    }

    /// Create a key
    ///
    /// The answer shows the secret this once. A key can be given no more than the calling key holds itself.
    #[oai(
        path = "/v1/organizations/:organization/keys",
        method = "post",
        operation_id = "create_key",
        tag = "Tags::Keys"
    )]
    async fn create_key(
        &self,
        access: Scoped,
        #[oai(name = "organization")] _organization: Path<String>,
        body: Json<NewKey>,
    ) -> Result<Created<Kept<KeyWithSecret>>, Problem> {
        let attempt = Attempt::read(&access.caller, body.raw())?;
        let new = body.parse()?;
        let mut write = self.write(&access).await?;
        if let Outcome::Again(answer) = attempt.begin(&mut write).await? {
            return Ok(Created::new(Kept::Again(answer)));
        }
        let secret = grant::mint_secret(&self.app, &new)?;
        let sealed = grant::sealed(&self.app, &access, &secret);
        let change = grant::read_new_key(&self.app, &access, &mut write, &new).await?;
        let key = write.insert_key(&change, &sealed).await?;
        let answer = self.with_secret(&key, &write, secret.expose());
        attempt.keep(&mut write, &answer, Some(secret.expose())).await?;
        write.commit(Event::KeyCreated(key.id), grant::details(&change)).await?;
        Ok(Created::new(Kept::First(answer)).etag(key.generation))
    }

    /// Import a key
    ///
    /// A key that was issued elsewhere in this form keeps working: send its whole secret, or the digest of it.
    #[oai(
        path = "/v1/organizations/:organization/keys/import",
        method = "post",
        operation_id = "import_key",
        tag = "Tags::Keys"
    )]
    async fn import_key(
        &self,
        access: Scoped,
        #[oai(name = "organization")] _organization: Path<String>,
        body: Json<KeyImport>,
    ) -> Result<Created<Kept<ImportedKey>>, Problem> {
        let attempt = Attempt::read(&access.caller, body.raw())?;
        let import = body.parse()?;
        let mut write = self.write(&access).await?;
        if let Outcome::Again(answer) = attempt.begin(&mut write).await? {
            return Ok(Created::new(Kept::Again(answer)));
        }
        let secret = grant::read_import(&self.app, &access, &import)?;
        let change = grant::read_new_key(&self.app, &access, &mut write, &import.key).await?;
        let key = write.insert_key(&change, &secret).await?;
        let answer = ImportedKey { key: KeyBody::new(&key, self.app.environment, write.now()) };
        attempt.keep(&mut write, &answer, None).await?;
        write.commit(Event::KeyImported(key.id), grant::details(&change)).await?;
        Ok(Created::new(Kept::First(answer)).etag(key.generation))
    }

    /// Show a key
    #[oai(
        path = "/v1/organizations/:organization/keys/:key",
        method = "get",
        operation_id = "find_key",
        tag = "Tags::Keys"
    )]
    async fn find_key(
        &self,
        access: Scoped,
        #[oai(name = "organization")] _organization: Path<String>,
        key: Path<String>,
    ) -> Result<Ok200<KeyBody>, Problem> {
        let mut read = self.app.store.read(&access.scope).await?;
        let key = read.find_key(read_id(&key)?).await?.ok_or_else(not_found)?;
        Ok(Ok200::new(KeyBody::new(&key, self.app.environment, read.now())).etag(key.generation))
    }

    /// Change a key
    ///
    /// Send `If-Match` with the key's `ETag`. Taking something away answers with a receipt.
    #[oai(
        path = "/v1/organizations/:organization/keys/:key",
        method = "patch",
        operation_id = "update_key",
        tag = "Tags::Keys"
    )]
    async fn update_key(
        &self,
        access: Scoped,
        #[oai(name = "organization")] _organization: Path<String>,
        key: Path<String>,
        body: Json<KeyPatch>,
    ) -> Result<Ok200<KeyBody>, Problem> {
        let mut write = self.write(&access).await?;
        let old = write.find_key(read_id(&key)?).await?.ok_or_else(not_found)?;
        IfMatch::require(&access.caller.headers)?.check(old.generation)?;
        let change = grant::read_patch(&self.app, &access, &mut write, &old, &body.parse()?).await?;
        let key = write.update_key(old.id, old.generation, &change).await?;
        let key = key.ok_or_else(stale)?;
        let is_narrowing = grant::is_narrowing(&old.policy, &key.policy);
        self.finish(
            &access,
            write,
            Change { key, event: Event::KeyUpdated(old.id), details: grant::details(&change), is_narrowing },
        )
        .await
    }

    /// Delete a key
    ///
    /// Final: it is gone from lists and never valid again. History keeps its id and name.
    #[oai(
        path = "/v1/organizations/:organization/keys/:key",
        method = "delete",
        operation_id = "delete_key",
        tag = "Tags::Keys"
    )]
    async fn delete_key(
        &self,
        access: Scoped,
        #[oai(name = "organization")] _organization: Path<String>,
        key: Path<String>,
    ) -> Result<Ok200<KeyBody>, Problem> {
        let mut write = self.write(&access).await?;
        let key = write.delete_key(read_id(&key)?).await?.ok_or_else(not_found)?;
        let (event, details) = (Event::KeyDeleted(key.id), json!({"name": key.name}));
        self.finish(&access, write, Change { key, event, details, is_narrowing: true }).await
    }

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
        let mut write = self.write(&access).await?;
        let key = write.find_key(read_id(&key)?).await?.ok_or_else(not_found)?;
        let (reason, note) = body.parse()?.read()?;
        let key = write.revoke_key(key.id, reason, note.as_deref()).await?.ok_or_else(not_found)?;
        let details = json!({"reason": reason.name(), "note": note});
        let event = Event::KeyRevoked(key.id);
        self.finish(&access, write, Change { key, event, details, is_narrowing: true }).await
    }

    /// Reactivate a key
    ///
    /// Undoes a revoke. A secret that was revoked as compromised stays dead: regenerate first.
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
        let mut write = self.write(&access).await?;
        let key = write.reactivate_key(read_id(&key)?).await?.ok_or_else(not_found)?;
        let event = Event::KeyReactivated(key.id);
        self.finish(&access, write, Change { key, event, details: json!({}), is_narrowing: false }).await
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
        let mut write = self.write(&access).await?;
        if let Outcome::Again(answer) = attempt.begin(&mut write).await? {
            return Ok(Ok200::new(Kept::Again(answer)));
        }
        let old = write.find_key(read_id(&key)?).await?.ok_or_else(not_found)?;
        let overlap = body.parse()?.overlap();
        grant::check_regenerate(&access, &mut write, &old).await?;
        let secret = grant::regenerate_secret(&self.app, &old)?;
        let sealed = grant::sealed(&self.app, &access, &secret);
        let key = write.regenerate_key(&old, &sealed, overlap).await?.ok_or_else(not_found)?;
        let receipt = write.insert_receipt(key.id, key.generation).await?;
        let answer = self.with_secret(&key, &write, secret.expose());
        attempt.keep(&mut write, &answer, Some(secret.expose())).await?;
        let details = json!({"overlap_seconds": overlap.as_secs()});
        let committed = write.commit(Event::KeyRegenerated(key.id), details).await?;
        let bound_ms = self.app.publish(&access.scope, &committed, Some(receipt.id)).await;
        let receipt = Some(self.app.show_receipt(&receipt, bound_ms).await);
        Ok(Ok200::new(Kept::First(KeyWithSecret { receipt, ..answer })).etag(key.generation))
    }

    /// List a key's secrets
    ///
    /// Two while a rotation overlaps; the old one is safe to retire once it is idle.
    #[oai(
        path = "/v1/organizations/:organization/keys/:key/secrets",
        method = "get",
        operation_id = "list_secrets",
        tag = "Tags::Keys"
    )]
    async fn list_secrets(
        &self,
        access: Scoped,
        #[oai(name = "organization")] _organization: Path<String>,
        key: Path<String>,
    ) -> Result<Ok200<SecretList>, Problem> {
        let mut read = self.app.store.read(&access.scope).await?;
        let key = read.find_key(read_id(&key)?).await?.ok_or_else(not_found)?;
        let secrets = read.list_secrets(key.id).await?;
        let items = secrets.iter().map(|secret| SecretBody::new(secret, self.app.environment, read.now())).collect();
        Ok(Ok200::new(SecretList { items, next_cursor: Nullable(None) }))
    }

    /// Retire a secret
    ///
    /// Ends an overlapping old secret early.
    #[oai(
        path = "/v1/organizations/:organization/keys/:key/secrets/:secret/retire",
        method = "post",
        operation_id = "retire_secret",
        tag = "Tags::Keys"
    )]
    async fn retire_secret(
        &self,
        access: Scoped,
        #[oai(name = "organization")] _organization: Path<String>,
        key: Path<String>,
        secret: Path<String>,
    ) -> Result<Ok200<KeyBody>, Problem> {
        let mut write = self.write(&access).await?;
        let key = write.find_key(read_id(&key)?).await?.ok_or_else(not_found)?;
        let secret: SecretId = secret.0.parse().map_err(|_| not_found())?;
        let key = write.retire_secret(key.id, secret).await?.ok_or_else(not_found)?;
        let event = Event::SecretRetired(key.id, secret);
        self.finish(&access, write, Change { key, event, details: json!({}), is_narrowing: true }).await
    }
}

/// A change that has been made in a transaction and is not yet committed.
struct Change {
    key: store::Key,
    event: Event,
    details: serde_json::Value,
    /// Whether the key lost power, and its caller gets a receipt.
    is_narrowing: bool,
}

impl KeysApi {
    async fn write(&self, access: &Scoped) -> Result<Write, Problem> {
        Ok(self.app.store.write(&access.scope, &access.caller.origin()).await?)
    }

    /// Commits a change, tells every replica, and answers with the key; with a receipt where it lost power.
    async fn finish(&self, access: &Scoped, mut write: Write, change: Change) -> Result<Ok200<KeyBody>, Problem> {
        let Change { key, event, details, is_narrowing } = change;
        let receipt = match is_narrowing {
            true => Some(write.insert_receipt(key.id, key.generation).await?),
            false => None,
        };
        let mut body = KeyBody::new(&key, self.app.environment, write.now());
        let committed = write.commit(event, details).await?;
        let receipt_id = receipt.as_ref().map(|receipt| receipt.id);
        let bound_ms = self.app.publish(&access.scope, &committed, receipt_id).await;
        if let Some(receipt) = receipt {
            body.receipt = Some(self.app.show_receipt(&receipt, bound_ms).await);
        }
        Ok(Ok200::new(body).etag(key.generation))
    }

    fn with_secret(&self, key: &store::Key, write: &Write, secret: &str) -> KeyWithSecret {
        KeyWithSecret {
            key: KeyBody::new(key, self.app.environment, write.now()),
            secret: Nullable(Some(secret.to_owned())),
            secret_note: None,
            receipt: None,
        }
    }
}

/// A path's key id; a text that is none is a key that is not there.
fn read_id(text: &Path<String>) -> Result<KeyId, Problem> {
    text.0.parse().map_err(|_| not_found())
}

const STATUSES: &str = "active, inactive, expired or scheduled";

fn read_filter(page: &mut PageRequest) -> KeyFilter {
    let filters = &mut page.filters;
    KeyFilter {
        status: filters.parsed("status", |text| KeyStatus::parse(text).ok_or_else(|| Refusal::new("enum", STATUSES))),
        customer: None,
        permission: filters.text("permission"),
        tag: filters.text("tag"),
        text: filters.text("text"),
        expires_before: filters.timestamp("expires_before"),
        unused_since: filters.timestamp("unused_since"),
    }
}
