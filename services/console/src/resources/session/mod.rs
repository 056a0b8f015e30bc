//! `session`: who is signed in, what they have proven, and where they belong to.

mod wire;

use poem_openapi::OpenApi;
use server::answer::Ok200;
use server::problem::Problem;

pub use self::wire::{SessionBody, UserBody};
use super::Tags;
use crate::access::{Caller, Person};
use crate::operation::operations;

operations! {
    ShowSession => SignedIn;
}

/// The operations on the session.
pub struct Api;

#[OpenApi]
impl Api {
    /// Show the session
    #[oai(path = "/bff/control/v1/session", method = "get", operation_id = "show_session", tag = "Tags::Session")]
    async fn show_session(&self, access: Person<ShowSession>) -> Result<Ok200<SessionBody>, Problem> {
        Ok(Ok200::new(session_of(&access).await?))
    }
}

/// The session of a request, as the web app is told of it.
pub async fn session_of(caller: &Caller) -> Result<SessionBody, Problem> {
    let left = caller.read().await?.count_recovery_codes(caller.signed.user.id).await?;
    Ok(SessionBody::new(&caller.app, &caller.signed, left))
}
