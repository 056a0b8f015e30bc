//! `account/totp` and `account/recovery-codes`: a person's own second factor.

use domain::ids::UserId;
use poem_openapi::OpenApi;
use server::answer::{NoContent, Ok200};
use server::json::Json;
use server::problem::{ErrorCode, FieldError, Problem};
use store::control::{ControlWrite, EndReason};

use super::super::Tags;
use super::wire::{CodeBody, NewTotp, RecoveryCodes};
use crate::access::Person;
use crate::operation::operations;
use crate::sign_in::totp;

operations! {
    EnrolTotp            => SignedIn, step_up;
    ConfirmTotp          => SignedIn, step_up, event("second_factor.added");
    RemoveTotp           => SignedIn, step_up, event("second_factor.removed");
    ReplaceRecoveryCodes => SignedIn, step_up, event("second_factor.codes_replaced");
}

/// The operations on one's own second factor.
pub struct Api;

/// What authenticators call the account's place.
const ISSUER: &str = "Claviger";

fn has_one() -> Problem {
    Problem::new(ErrorCode::Conflict).detail("There is a second factor already; remove it first.")
}

async fn replace_codes(
    write: &mut ControlWrite,
    sealer: &crate::seal::Sealer,
    user: UserId,
) -> Result<RecoveryCodes, Problem> {
    let (recovery_codes, hashes) = totp::recovery_codes(sealer, user);
    write.replace_recovery_codes(user, &hashes).await?;
    Ok(RecoveryCodes { recovery_codes })
}

#[OpenApi]
impl Api {
    /// Begin to set up one-time codes
    ///
    /// The secret is shown this once. Nothing is asked for before a code of it was confirmed.
    #[oai(path = "/bff/control/v1/account/totp", method = "post", operation_id = "enrol_totp", tag = "Tags::Account")]
    async fn enrol_totp(&self, access: Person<EnrolTotp>) -> Result<Ok200<NewTotp>, Problem> {
        let user = &access.signed.user;
        let new = totp::generate(&access.app.sealer, user.id, &user.email, ISSUER);
        let mut write = access.write().await?;
        if !write.insert_second_factor(user.id, &new.sealed).await? {
            return Err(has_one());
        }
        write.commit_bookkeeping().await?;
        Ok(Ok200::new(NewTotp { secret: new.text, uri: new.uri, qr_svg: new.qr_svg }))
    }

    /// Confirm one-time codes with one of them
    ///
    /// All other sessions end. The recovery codes are shown this once.
    #[oai(
        path = "/bff/control/v1/account/totp/confirm",
        method = "post",
        operation_id = "confirm_totp",
        tag = "Tags::Account"
    )]
    async fn confirm_totp(
        &self,
        access: Person<ConfirmTotp>,
        body: Json<CodeBody>,
    ) -> Result<Ok200<RecoveryCodes>, Problem> {
        let code = body.parse()?.code;
        let user = access.signed.user.id;
        let mut write = access.write().await?;
        write.hold_user(user).await?;
        let factor = write.find_second_factor(user).await?.filter(|factor| !factor.is_confirmed);
        let factor = factor.ok_or_else(|| Problem::new(ErrorCode::NotFound).detail("Begin to set it up first."))?;
        let step = totp::step_of(&access.app.sealer, user, &factor.secret, &code, write.now().timestamp());
        let is_right = match step {
            Some(step) => write.confirm_second_factor(user, &factor.secret, step).await?,
            None => false,
        };
        if !is_right {
            let message = "is not the code that the app shows now; check the time of both devices";
            return Err(Problem::validation(vec![FieldError::new("/code", "wrong-code", message)]));
        }
        let codes = replace_codes(&mut write, &access.app.sealer, user).await?;
        let session = access.signed.session.id;
        write.end_sessions(user, Some(session), EndReason::SecondFactorChanged).await?;
        write.raise_assurance(session).await?;
        access.commit(write, &access.event(user)).await?;
        Ok(Ok200::new(codes))
    }

    /// Take the second factor away
    ///
    /// All other sessions end.
    #[oai(
        path = "/bff/control/v1/account/totp",
        method = "delete",
        operation_id = "remove_totp",
        tag = "Tags::Account"
    )]
    async fn remove_totp(&self, access: Person<RemoveTotp>) -> Result<NoContent, Problem> {
        let user = access.signed.user.id;
        let mut write = access.write().await?;
        write.hold_user(user).await?;
        if !write.delete_second_factor(user).await? {
            return Err(Problem::new(ErrorCode::NotFound));
        }
        write.end_sessions(user, Some(access.signed.session.id), EndReason::SecondFactorChanged).await?;
        access.commit(write, &access.event(user)).await?;
        Ok(NoContent)
    }

    /// Make new recovery codes
    ///
    /// The ones before do not work any more. They are shown this once.
    #[oai(
        path = "/bff/control/v1/account/recovery-codes",
        method = "post",
        operation_id = "replace_recovery_codes",
        tag = "Tags::Account"
    )]
    async fn replace_recovery_codes(
        &self,
        access: Person<ReplaceRecoveryCodes>,
    ) -> Result<Ok200<RecoveryCodes>, Problem> {
        let user = access.signed.user.id;
        let mut write = access.write().await?;
        let held = write.hold_user(user).await?;
        if !held.is_some_and(|held| held.has_second_factor) {
            return Err(Problem::new(ErrorCode::Conflict).detail("There is no second factor to recover from."));
        }
        let codes = replace_codes(&mut write, &access.app.sealer, user).await?;
        access.commit(write, &access.event(user)).await?;
        Ok(Ok200::new(codes))
    }
}
