//! `{o}/keys`: API keys and their policies.

mod change;
pub mod lifecycle;
pub mod secrets;

use std::sync::Arc;

use domain::event::Event;
use domain::policy::KeyStatus;
use domain::validation::ValidationError;
use poem_openapi::param::Path;
use poem_openapi::{Object, OpenApi};
use serde_json::json;
use server::answer::{Created, Ok200};
use server::json::Json;
use server::problem::Problem;
use store::KeyFilter;

use super::Tags;
use crate::app::App;
use crate::caller::{Scoped, not_found};
use crate::grant;
use crate::idempotency::{Attempt, Kept, Outcome};
use crate::page::PageRequest;
use crate::precondition::{IfMatch, stale};
use crate::wire::key::{ImportedKey, KeyBody, KeyWithSecret};
use crate::wire::key_input::{KeyImport, KeyPatch, NewKey};
use crate::wire::nullable::Nullable;

/// A page of keys, newest first.
#[derive(Debug, Clone, Object)]
pub struct KeyPage {
    /// The keys.
    pub items: Vec<KeyBody>,
    /// What to send as `cursor` for the next page; `null` on the last.
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
        let mut write = change::write(&self.app, &access).await?;
        if let Outcome::Again(answer) = attempt.begin(&mut write).await? {
            return Ok(Created::new(Kept::Again(answer)));
        }
        let secret = grant::mint_secret(&self.app, &new)?;
        let sealed = grant::sealed(&self.app, &access, &secret);
        let change = grant::read_new_key(&self.app, &access, &mut write, &new).await?;
        let key = write.insert_key(&change, &sealed).await?;
        let answer = change::with_secret(&self.app, &key, &write, secret.expose());
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
        let mut write = change::write(&self.app, &access).await?;
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
        let key = read.find_key(change::read_id(&key)?).await?.ok_or_else(not_found)?;
        Ok(Ok200::new(KeyBody::new(&key, self.app.environment, read.now())).etag(key.generation))
    }

    /// Change a key
    ///
    /// Send `If-Match` with the key's `ETag`. Taking something away answers with a receipt. Allowing anything more needs
    /// `keys.create` too, and the changed key can be no stronger than the calling key.
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
        let mut write = change::write(&self.app, &access).await?;
        let old = write.find_key(change::read_id(&key)?).await?.ok_or_else(not_found)?;
        IfMatch::require(&access.caller.headers)?.check(old.generation)?;
        let change = grant::read_patch(&self.app, &access, &mut write, &old, &body.parse()?).await?;
        let key = write.update_key(old.id, old.generation, &change).await?;
        let key = key.ok_or_else(stale)?;
        let is_narrowing = grant::is_narrowing(&old, &change);
        change::finish(
            &self.app,
            &access,
            write,
            change::Change { key, event: Event::KeyUpdated(old.id), details: grant::details(&change), is_narrowing },
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
        let mut write = change::write(&self.app, &access).await?;
        let key = write.delete_key(change::read_id(&key)?).await?.ok_or_else(not_found)?;
        let (event, details) = (Event::KeyDeleted(key.id), json!({"name": key.name}));
        change::finish(&self.app, &access, write, change::Change { key, event, details, is_narrowing: true }).await
    }
}

const STATUSES: &str = "active, inactive, expired or scheduled";

fn read_filter(page: &mut PageRequest) -> KeyFilter {
    let filters = &mut page.filters;
    KeyFilter {
        status: filters
            .parsed("status", |text| KeyStatus::parse(text).ok_or_else(|| ValidationError::new("enum", STATUSES))),
        customer: None,
        permission: filters.text("permission"),
        tag: filters.text("tag"),
        text: filters.text("text"),
        expires_before: filters.timestamp("expires_before"),
        unused_since: filters.timestamp("unused_since"),
    }
}
