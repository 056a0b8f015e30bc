//! The end that every change of a key has in common: commit, tell every replica, answer, with a receipt where due.

use domain::event::Event;
use poem_openapi::param::Path;
use server::answer::Ok200;
use server::problem::Problem;
use store::Write;

use crate::app::App;
use crate::caller::{Scoped, not_found};
use crate::wire::key::{KeyBody, KeyWithSecret};
use crate::wire::nullable::Nullable;
use domain::ids::KeyId;

/// A change that has been made in a transaction and is not yet committed.
pub struct Change {
    pub key: store::Key,
    pub event: Event,
    pub details: serde_json::Value,
    /// Whether the key lost power, and its caller gets a receipt.
    pub is_narrowing: bool,
}

/// Opens the transaction of a change.
pub async fn write(app: &App, access: &Scoped) -> Result<Write, Problem> {
    Ok(app.store.write(&access.scope, &access.caller.origin()).await?)
}

/// Commits a change, tells every replica, and answers with the key; with a receipt where it lost power.
pub async fn finish(app: &App, access: &Scoped, mut write: Write, change: Change) -> Result<Ok200<KeyBody>, Problem> {
    let Change { key, event, details, is_narrowing } = change;
    let receipt = match is_narrowing {
        true => Some(write.insert_receipt(key.id, key.generation).await?),
        false => None,
    };
    let mut body = KeyBody::new(&key, app.environment, write.now());
    let committed = write.commit(event, details).await?;
    let receipt_id = receipt.as_ref().map(|receipt| receipt.id);
    let bound_ms = app.publish(&access.scope, &committed, receipt_id).await;
    if let Some(receipt) = receipt {
        body.receipt = Some(app.receipt(&receipt, bound_ms).await);
    }
    Ok(Ok200::new(body).etag(key.generation))
}

/// The answer that shows a secret, this once.
pub fn with_secret(app: &App, key: &store::Key, write: &Write, secret: &str) -> KeyWithSecret {
    KeyWithSecret {
        key: KeyBody::new(key, app.environment, write.now()),
        secret: Nullable(Some(secret.to_owned())),
        secret_note: None,
        receipt: None,
    }
}

/// A path's key id; a text that is none is a key that is not there.
pub fn read_id(text: &Path<String>) -> Result<KeyId, Problem> {
    text.0.parse().map_err(|_| not_found())
}
