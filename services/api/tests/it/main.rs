//! The Integration API from outside: the document, and every operation against real stores.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod access;
mod authority;
mod bad_input;
mod bulk_revoke;
mod credits;
mod customers;
mod docs_pages;
mod domains;
mod events;
mod examples;
mod imports;
mod key_lists;
mod keys;
mod limits;
mod logs;
mod members;
mod mistakes;
mod openapi;
mod organizations;
mod permissions;
mod policy;
mod receipts;
mod roles;
mod root_keys;
mod support;
mod verifier;
mod verifier_attacks;
mod verifier_server;
mod verify;
mod whoami;

use api::operation::Descriptor;

use crate::access::{Cast, Example};

/// A request for the access matrix, made by the file of the operation's resource.
async fn example(cast: &Cast<'_>, operation: &Descriptor) -> Example {
    match operation.resource() {
        "customers" => customers::example(cast, operation.id).await,
        "domains" => domains::example(cast, operation.id).await,
        "keys" => keys::example(cast, operation.id).await,
        "limits" => limits::example(cast, operation.id).await,
        "organizations" => organizations::example(cast, operation.id).await,
        "permissions" => permissions::example(cast, operation.id).await,
        "policy" => policy::example(cast, operation.id).await,
        "receipts" => receipts::example(cast, operation.id).await,
        "verifier" => verifier::example(cast, operation.id).await,
        "roles" => roles::example(cast, operation.id).await,
        "root_keys" => root_keys::example(cast, operation.id).await,
        "verify" => verify::example(cast, operation.id).await,
        _ => Example::default(),
    }
}
