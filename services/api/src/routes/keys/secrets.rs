//! `{o}/keys/{key}/secrets`: the secrets of a key, two while a rotation overlaps.

use std::sync::Arc;

use domain::event::Event;
use domain::ids::SecretId;
use poem_openapi::param::Path;
use poem_openapi::{Object, OpenApi};
use serde_json::json;
use server::answer::Ok200;
use server::problem::Problem;

use super::change;
use crate::app::App;
use crate::caller::{Scoped, not_found};
use crate::routes::Tags;
use crate::wire::key::{KeyBody, SecretBody};
use crate::wire::nullable::Nullable;

/// All secrets of a key, newest first.
#[derive(Debug, Clone, Object)]
pub struct SecretList {
    /// The secrets.
    pub items: Vec<SecretBody>,
    /// Always `null`: a key has few secrets.
    pub next_cursor: Nullable<String>,
}

pub struct SecretsApi {
    pub app: Arc<App>,
}

#[OpenApi]
impl SecretsApi {
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
        let key = read.find_key(change::read_id(&key)?).await?.ok_or_else(not_found)?;
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
        let mut write = change::write(&self.app, &access).await?;
        let key = write.find_key(change::read_id(&key)?).await?.ok_or_else(not_found)?;
        let secret: SecretId = secret.0.parse().map_err(|_| not_found())?;
        let key = write.retire_secret(key.id, secret).await?.ok_or_else(not_found)?;
        let event = Event::SecretRetired(key.id, secret);
        change::finish(&self.app, &access, write, change::Change { key, event, details: json!({}), is_narrowing: true })
            .await
    }
}
