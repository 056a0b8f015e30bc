//! `{o}/keys`: API keys and their policies.

pub mod bulk;
pub(crate) mod change;
pub mod credits;
pub mod import;
pub mod lifecycle;
pub mod secrets;
pub mod wire;

use domain::hosts::HostName;
use domain::ids::CustomerId;
use poem_openapi::OpenApi;
use poem_openapi::param::Path;
use poem_openapi::types::ToJSON;
use server::answer::{Created, Ok200};
use server::json::Json;
use server::problem::Problem;
use store::{KeyFilter, KeySort, Read, Write};
use uuid::Uuid;

use self::wire::KeyQuery;
use self::wire::key::{KeyBody, KeyWithSecret};
use self::wire::key_input::{KeyPatch, NewKey};
use self::wire::list::KeyPage;
use super::Tags;
use crate::access::{New, Scoped};
use crate::authenticate::not_found;
use crate::grant;
use crate::idempotency::Idempotent;
use crate::operation::{Operation, operations};
use crate::precondition::stale;
use crate::resources::permissions::own::find_organization;

operations! {
    ListKeys  => KeysRead, paged, query(KeyQuery);
    CreateKey => KeysCreate, event("key.created"), idempotent, strict;
    FindKey   => KeysRead;
    UpdateKey => KeysUpdate, event("key.updated");
    DeleteKey => KeysDelete, event("key.deleted"), priority(Revocation);
}

/// An id that no customer has.
const NOBODY: CustomerId = CustomerId::from_uuid(Uuid::nil());

/// The operations on keys.
pub struct Api;

#[OpenApi]
impl Api {
    /// List keys
    #[oai(
        path = "/v1/organizations/:organization/keys",
        method = "get",
        operation_id = "list_keys",
        tag = "Tags::Keys"
    )]
    async fn list_keys(
        &self,
        access: Scoped<ListKeys>,
        #[oai(name = "organization")] _organization: Path<String>,
    ) -> Result<Ok200<KeyPage>, Problem> {
        let mut read = access.read().await?;
        let customer = match &access.query.customer {
            // A customer that is not there has no keys: an id that no row has finds none.
            Some(reference) => Some(read.find_customer(reference).await?.map_or(NOBODY, |customer| customer.id)),
            None => None,
        };
        let filter = filter(&access.query, customer);
        page_of_keys(&access, &mut read, (&filter, access.query.sort, access.query.count)).await
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
        access: Scoped<CreateKey>,
        #[oai(name = "organization")] _organization: Path<String>,
        body: Json<NewKey>,
    ) -> Result<Created<Idempotent<KeyWithSecret>>, Problem> {
        let create = async |write: &mut Write, new: NewKey| {
            let granted = (new.permissions.as_slice(), new.create_permissions);
            let organization = find_organization(&access, write, granted).await?;
            let secret = grant::mint_secret(&access.app, &organization, &new)?;
            let sealed = grant::sealed(&access.app, &access, &secret);
            let change = grant::read_new_key(&access, write, &organization, &new).await?;
            let key = write.insert_key(&change, &sealed).await?;
            let key = change::switch_off(write, key, new.enabled).await?;
            let body = KeyBody::new(&key, access.app.environment, write.now());
            Ok(New::of_key(&key, &body, KeyWithSecret::new(body.clone(), &secret), Some(secret)))
        };
        access.create(body, create).await
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
        access: Scoped<FindKey>,
        #[oai(name = "organization")] _organization: Path<String>,
        key: Path<String>,
    ) -> Result<Ok200<KeyBody>, Problem> {
        let mut read = access.read().await?;
        let key = read.find_key(change::read_id(&key)?).await?.ok_or_else(not_found)?;
        Ok(Ok200::new(KeyBody::new(&key, access.app.environment, read.now())).etag(key.generation))
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
        access: Scoped<UpdateKey>,
        #[oai(name = "organization")] _organization: Path<String>,
        key: Path<String>,
        body: Json<KeyPatch>,
    ) -> Result<Ok200<KeyBody>, Problem> {
        let mut write = access.write().await?;
        let before = write.find_key(change::read_id(&key)?).await?.ok_or_else(not_found)?;
        access.if_match(before.generation)?;
        let change = grant::read_patch(&access, &mut write, &before, &body.parse()?).await?;
        let after = write.update_key(before.id, before.generation, &change).await?.ok_or_else(stale)?;
        let event = change::event(&access, &write, (&before, &after));
        change::finish(&access, write, &after, event, grant::is_narrowing(&before, &change)).await
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
        access: Scoped<DeleteKey>,
        #[oai(name = "organization")] _organization: Path<String>,
        key: Path<String>,
    ) -> Result<Ok200<KeyBody>, Problem> {
        let mut write = access.write().await?;
        let key = write.delete_key(change::read_id(&key)?).await?.ok_or_else(not_found)?;
        let body = KeyBody::new(&key, access.app.environment, write.now());
        let event = access.event(key.id).changed(body.to_json(), None);
        change::finish(&access, write, &key, event, true).await
    }
}

/// A page of keys in the order that is asked for, with how many there are if that is asked for, too.
pub async fn page_of_keys(
    access: &Scoped<impl Operation>,
    read: &mut Read,
    (filter, sort, count): (&KeyFilter, Option<KeySort>, Option<bool>),
) -> Result<Ok200<KeyPage>, Problem> {
    let slice = access.slice(read)?;
    let rows = read.list_sorted_keys(filter, sort.unwrap_or(KeySort::NEWEST), &slice).await?;
    let count = match count {
        Some(true) => Some(read.count_keys(filter).await?),
        Some(false) | None => None,
    };
    let (environment, now) = (access.app.environment, read.now());
    let page = access.page_of(read, &rows, |key| KeyBody::new(key, environment, now));
    Ok(Ok200::new(KeyPage::new(page, count)))
}

/// A domain as keys have it. What is no host name is the domain of no key.
pub(crate) fn stored_host(text: &str) -> String {
    HostName::parse(text).map_or_else(|_| text.to_owned(), |host| host.to_string())
}

fn filter(query: &KeyQuery, customer: Option<CustomerId>) -> KeyFilter {
    KeyFilter {
        status: query.status,
        customer,
        permission: query.permission.clone(),
        tag: query.tag.clone(),
        domain: query.domain.as_deref().map(stored_host),
        created_by: query.created_by.clone(),
        text: query.text.clone(),
        expires_before: query.expires_before,
        unused_since: query.unused_since,
    }
}
