//! `{o}/verifier`: the verifier that an organization has today, from which keys are adopted on their first use.

pub mod wire;

use domain::event::Event;
use poem_openapi::OpenApi;
use poem_openapi::param::Path;
use poem_openapi::types::ToJSON;
use serde_json::Value;
use server::answer::Ok200;
use server::json::Json;
use server::problem::Problem;
use store::{Rows, Verifier};

use self::wire::{VerifierBody, VerifierInput, VerifierState};
use super::Tags;
use crate::access::Scoped;
use crate::adoption;
use crate::app::App;
use crate::authenticate::not_found;
use crate::operation::{Change, operations};

operations! {
    FindVerifier   => ImportsRead, beyond_limits;
    SetVerifier    => ImportsUpdate, event("verifier.set"), strict, beyond_limits;
    DeleteVerifier => ImportsDelete, event("verifier.deleted"), priority(Revocation), beyond_limits;
}

/// What the log does not keep of a verifier: it changes without anybody changing it.
const NOT_LOGGED: [&str; 4] = ["state", "stopped_because", "counts", "recent"];

/// The operations on an organization's verifier.
pub struct Api;

#[OpenApi]
impl Api {
    /// Show the verifier
    ///
    /// With what came of it: how often it was asked, and the last ten questions.
    #[oai(
        path = "/v1/organizations/:organization/verifier",
        method = "get",
        operation_id = "find_verifier",
        tag = "Tags::Adoption"
    )]
    async fn find_verifier(
        &self,
        access: Scoped<FindVerifier>,
        #[oai(name = "organization")] _organization: Path<String>,
    ) -> Result<Ok200<VerifierBody>, Problem> {
        let mut read = access.read().await?;
        let verifier = read.find_verifier().await?.ok_or_else(not_found)?;
        Ok(Ok200::new(view(&access.app, &mut read, &verifier).await?))
    }

    /// Set the verifier
    ///
    /// From now on a text that is verified through this API and unknown here is asked there, once; if it is accepted it becomes a
    /// key under its old secret. What was refused before may be asked again. Needs `keys.create` too, and keys that come of it
    /// can be given no more than the calling key holds itself, whenever they come.
    #[oai(
        path = "/v1/organizations/:organization/verifier",
        method = "put",
        operation_id = "set_verifier",
        tag = "Tags::Adoption"
    )]
    async fn set_verifier(
        &self,
        access: Scoped<SetVerifier>,
        #[oai(name = "organization")] _organization: Path<String>,
        body: Json<VerifierInput>,
    ) -> Result<Ok200<VerifierBody>, Problem> {
        let mut write = access.write().await?;
        let new = adoption::settings::read(&access, &mut write, body.parse()?).await?;
        let before = match write.find_verifier().await? {
            Some(before) => Some(view(&access.app, &mut write, &before).await?),
            None => None,
        };
        let verifier = write.set_verifier(&new).await?;
        let after = view(&access.app, &mut write, &verifier).await?;
        let event = event(&access, (before.as_ref(), Some(&after)));
        access.commit(write, event).await?;
        Ok(Ok200::new(after))
    }

    /// Delete the verifier
    ///
    /// Nothing is asked any more, from the next request on. Keys that came of it stay; none comes twice of the same text, whatever
    /// is set later.
    #[oai(
        path = "/v1/organizations/:organization/verifier",
        method = "delete",
        operation_id = "delete_verifier",
        tag = "Tags::Adoption"
    )]
    async fn delete_verifier(
        &self,
        access: Scoped<DeleteVerifier>,
        #[oai(name = "organization")] _organization: Path<String>,
    ) -> Result<Ok200<VerifierBody>, Problem> {
        let mut write = access.write().await?;
        let verifier = write.find_verifier().await?.ok_or_else(not_found)?;
        let body = view(&access.app, &mut write, &verifier).await?;
        write.delete_verifier().await?.ok_or_else(not_found)?;
        let event = event(&access, (Some(&body), None));
        access.commit(write, event).await?;
        Ok(Ok200::new(body))
    }
}

async fn view(app: &App, rows: &mut Rows, verifier: &Verifier) -> Result<VerifierBody, Problem> {
    let recent = rows.list_verifier_answers().await?;
    let stored = adoption::settings::stored(verifier)?;
    let state = if verifier.settings.ends_at <= rows.now() {
        (VerifierState::Ended, None)
    } else {
        match adoption::settings::keys(app, rows, verifier).await {
            Ok(_) => (VerifierState::Active, None),
            Err(problem) if problem.code().status().is_server_error() => return Err(problem),
            Err(problem) => (VerifierState::Stopped, problem.into_errors().into_iter().next().map(|it| it.message)),
        }
    };
    Ok(VerifierBody::new(verifier, stored, state, &recent))
}

fn event<O: Change>(access: &Scoped<O>, (before, after): (Option<&VerifierBody>, Option<&VerifierBody>)) -> Event {
    let logged = |body: Option<&VerifierBody>| -> Option<Value> {
        let mut body = body?.to_json()?;
        body.as_object_mut()?.retain(|name, _| !NOT_LOGGED.contains(&name.as_str()));
        Some(body)
    };
    access.event(access.scope.organization()).changed(logged(before), logged(after))
}
