//! `{o}/keys/{key}/secrets`: the secrets of a key, two while a rotation overlaps.

use domain::ids::SecretId;
use poem_openapi::param::Path;
use poem_openapi::{Object, OpenApi};
use server::answer::Ok200;
use server::problem::Problem;

use super::change;
use super::wire::key::{KeyBody, SecretBody};
use crate::access::Scoped;
use crate::authenticate::not_found;
use crate::operation::operations;
use crate::resources::Tags;
use crate::wire::nullable::Nullable;

operations! {
    ListSecrets  => KeysRead, priority(Lists);
    RetireSecret => KeysRegenerate, event("secret.retired"), priority(Revocation);
}

/// All secrets of a key, newest first.
#[derive(Debug, Clone, Object)]
pub struct SecretList {
    /// The secrets.
    pub items: Vec<SecretBody>,
    /// Always `null`: a key has few secrets.
    pub next_cursor: Nullable<String>,
}

/// The operations on the secrets of a key.
pub struct Api;

#[OpenApi]
impl Api {
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
        access: Scoped<ListSecrets>,
        #[oai(name = "organization")] _organization: Path<String>,
        key: Path<String>,
    ) -> Result<Ok200<SecretList>, Problem> {
        let mut read = access.read().await?;
        let key = read.find_key(change::read_id(&key)?).await?.ok_or_else(not_found)?;
        let secrets = read.list_secrets(key.id).await?;
        let items = secrets.iter().map(|secret| SecretBody::new(secret, access.app.environment, read.now())).collect();
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
        access: Scoped<RetireSecret>,
        #[oai(name = "organization")] _organization: Path<String>,
        key: Path<String>,
        secret: Path<String>,
    ) -> Result<Ok200<KeyBody>, Problem> {
        let mut write = access.write().await?;
        let key = write.find_key(change::read_id(&key)?).await?.ok_or_else(not_found)?;
        let secret: SecretId = secret.0.parse().map_err(|_| not_found())?;
        let key = write.retire_secret(key.id, secret).await?.ok_or_else(not_found)?;
        let event = access.event(secret).with("key_id", key.id);
        change::finish(&access, write, &key, event, true).await
    }
}
