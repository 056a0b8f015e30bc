//! `session`: who is signed in, what they have proven, and where they belong to.

mod wire;

use poem_openapi::OpenApi;
use server::answer::{NoContent, Ok200};
use server::json::Json;
use server::problem::{ErrorCode, FieldError, Problem};
use store::control::{AccessEntry, EndReason};

use self::wire::StepUpBody;

pub use self::wire::{RolesBody, SessionBody, UserBody};
use super::Tags;
use crate::access::{Caller, Person};
use crate::operation::operations;
use crate::sign_in::codes::{self, Code};
use crate::sign_in::{STEP_UP, log_refusal, password};
use crate::visit::Visit;

operations! {
    ShowSession => SignedIn;
    StepUp      => SignedIn;
    SignOut     => SignedIn;
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

    /// Prove again who you are
    ///
    /// With the password, or with a code: whoever has a second factor shows a code. It holds for ten minutes.
    #[oai(path = "/bff/control/v1/session/step-up", method = "post", operation_id = "step_up", tag = "Tags::Session")]
    async fn step_up(&self, access: Person<StepUp>, body: Json<StepUpBody>) -> Result<Ok200<SessionBody>, Problem> {
        let body = body.parse()?;
        let user = &access.signed.user;
        let visit = Visit::of_call(&access.headers, &access.origin);
        let (is_right, factor) = match (body.code.as_deref(), body.password()) {
            (Some(code), None) if user.has_second_factor => {
                (codes::attempt(&access.app, &visit, user, ("step-up", Code::Totp(code))).await?, "totp")
            }
            (None, Some(word)) if !user.has_second_factor => {
                (password::confirm(&access.app, user, word).await?, "password")
            }
            (_, _) => {
                let (wanted, other) = if user.has_second_factor { ("code", "password") } else { ("password", "code") };
                let message = format!("is what proves you, alone; {other} does not");
                return Err(Problem::validation(vec![FieldError::new(format!("/{wanted}"), "required", message)]));
            }
        };
        if !is_right {
            if factor == "password" {
                let told = (Some(user.id), "step-up");
                log_refusal(&access.app, &visit, told, ("wrong-credentials", Some(factor))).await?;
            }
            let pointer = if factor == "password" { "/password" } else { "/code" };
            let message = "is not right, was used before, or there were too many attempts";
            return Err(Problem::validation(vec![FieldError::new(pointer, "wrong-credentials", message)]));
        }
        let mut write = access.write().await?;
        let session = access.signed.session.id;
        write.step_up(session, STEP_UP).await?;
        let entry = AccessEntry {
            user: Some(user.id),
            event: "step-up",
            outcome: "succeeded",
            factor: Some(factor),
            session: Some(session),
        };
        write.commit_sign_in(&entry).await?;
        access.app.sessions.forget(user.id);
        let signed = access.app.find_signed_in(&access.headers).await?;
        let signed = signed.ok_or_else(|| Problem::new(ErrorCode::SessionEnded))?;
        let left = access.read().await?.count_recovery_codes(user.id).await?;
        Ok(Ok200::new(SessionBody::new(&access.app, &signed, left)))
    }

    /// Sign out
    #[oai(path = "/bff/control/v1/session/sign-out", method = "post", operation_id = "sign_out", tag = "Tags::Session")]
    async fn sign_out(&self, access: Person<SignOut>) -> Result<NoContent, Problem> {
        let (user, session) = (access.signed.user.id, access.signed.session.id);
        let mut write = access.write().await?;
        write.end_session(user, session, EndReason::SignedOut).await?;
        let entry = AccessEntry {
            user: Some(user),
            event: "sign-out",
            outcome: "succeeded",
            factor: None,
            session: Some(session),
        };
        write.commit_sign_in(&entry).await?;
        access.app.sessions.forget(user);
        Ok(NoContent)
    }
}

/// The session of a request, as the web app is told of it.
pub async fn session_of(caller: &Caller) -> Result<SessionBody, Problem> {
    let left = caller.read().await?.count_recovery_codes(caller.signed.user.id).await?;
    Ok(SessionBody::new(&caller.app, &caller.signed, left))
}
