//! The end that every change of a key has in common: commit, tell every replica, answer, with a receipt where due.

use domain::event::Event;
use domain::ids::KeyId;
use domain::policy::RevokeReason;
use poem_openapi::param::Path;
use poem_openapi::types::ToJSON;
use server::answer::Ok200;
use server::problem::Problem;
use store::{Key, Write};

use super::wire::key::KeyBody;
use crate::access::Scoped;
use crate::authenticate::not_found;
use crate::operation::Change;

/// The note of a key that was made inactive.
const MADE_INACTIVE: &str = "Made with enabled: false.";

/// What differs between two states of a key, for the action log.
pub fn event<O: Change>(access: &Scoped<O>, write: &Write, (before, after): (&Key, &Key)) -> Event {
    let body = |key| KeyBody::new(key, access.app.environment, write.now()).to_json();
    access.event(after.id).changed(body(before), body(after))
}

/// Commits a change, tells every replica, and answers with the key; with a receipt where it lost power.
pub async fn finish<O: Change>(
    access: &Scoped<O>,
    mut write: Write,
    key: &Key,
    event: Event,
    is_narrowing: bool,
) -> Result<Ok200<KeyBody>, Problem> {
    let receipt = match is_narrowing {
        true => Some(write.insert_receipt(key.id, key.generation).await?),
        false => None,
    };
    let mut body = KeyBody::new(key, access.app.environment, write.now());
    let committed = write.commit(event).await?;
    let receipt_id = receipt.as_ref().map(|receipt| receipt.id);
    let bound_ms = access.app.publish(&access.scope, &committed, receipt_id).await;
    if let Some(receipt) = receipt {
        body.receipt = Some(access.app.receipt(&receipt, bound_ms).await);
    }
    Ok(Ok200::new(body).etag(key.generation))
}

/// Revokes a key that is made with `enabled: false`, in the transaction that makes it: it never works before it is reactivated.
pub async fn switch_off(write: &mut Write, key: Key, is_enabled: bool) -> Result<Key, Problem> {
    if is_enabled {
        return Ok(key);
    }
    write.revoke_key(key.id, RevokeReason::Other, Some(MADE_INACTIVE)).await?.ok_or_else(not_found)
}

/// A path's key id; a text that is none is a key that is not there.
pub fn read_id(text: &Path<String>) -> Result<KeyId, Problem> {
    text.0.parse().map_err(|_| not_found())
}
