//! The second step: a one-time code or a recovery code, each of which works once, whoever else sends it at the same time.

use server::problem::Problem;
use store::control::{AttemptSubject, ControlActor, User};

use super::password::{CONSECUTIVE_MAX, FAILURES_MAX, WINDOW};
use super::{log_refusal, totp};
use crate::app::App;
use crate::visit::Visit;

/// What is said whatever is wrong.
pub const REFUSED: &str = "This code is not right, was used before, or there were too many attempts. \
    Wait for the next one; after several wrong ones, a quarter of an hour.";

/// What somebody shows.
#[derive(Debug, Clone, Copy)]
pub enum Code<'c> {
    /// Of an authenticator.
    Totp(&'c str),
    /// Of the list.
    Recovery(&'c str),
}

impl Code<'_> {
    /// The word in the access log.
    pub const fn factor(self) -> &'static str {
        match self {
            Self::Totp(_) => "totp",
            Self::Recovery(_) => "recovery-code",
        }
    }
}

/// Tries a code of somebody whose password was right, for `event`. Says whether it counts.
pub async fn attempt(
    app: &App,
    visit: &Visit,
    user: &User,
    (event, code): (&'static str, Code<'_>),
) -> Result<bool, Problem> {
    let subject = subject_of(app, visit, user).await?;
    let [attempts] = app.control.count_attempts([subject], WINDOW).await?;
    let is_over = attempts.in_window > FAILURES_MAX || attempts.consecutive > CONSECUTIVE_MAX;
    if !is_over && take(app, visit, user, code).await? {
        app.control.forget_attempts(&[subject]).await?;
        return Ok(true);
    }
    let outcome = if is_over { "locked" } else { "wrong-code" };
    log_refusal(app, visit, (Some(user.id), event), (outcome, Some(code.factor()))).await?;
    Ok(false)
}

/// A browser that the account knows has a count of its own, here too: whoever knows the password alone keeps nobody out.
async fn subject_of(app: &App, visit: &Visit, user: &User) -> Result<AttemptSubject, Problem> {
    if let Some(token) = &visit.device {
        let device = app.control.read().await?.find_device(user.id, &token.hash()).await?;
        if let Some(device) = device.filter(|device| device.approved_at.is_some()) {
            return Ok(AttemptSubject::of("device-code", &device.id.to_string()));
        }
    }
    Ok(AttemptSubject::of("account-code", &user.id.to_string()))
}

async fn take(app: &App, visit: &Visit, user: &User, code: Code<'_>) -> Result<bool, Problem> {
    let mut write = app.control.write(ControlActor::User(user.id), &visit.origin).await?;
    let is_first = match code {
        Code::Totp(text) => {
            let Some(factor) = write.find_second_factor(user.id).await?.filter(|factor| factor.is_confirmed) else {
                return Ok(false);
            };
            let now = write.now().timestamp();
            match totp::step_of(&app.sealer, user.id, &factor.secret, text, now) {
                Some(step) => write.use_step(user.id, &factor.secret, step).await?,
                None => false,
            }
        }
        Code::Recovery(text) => match totp::recovery_hash(&app.sealer, user.id, text) {
            Some(hash) => write.use_recovery_code(user.id, &hash).await?,
            None => false,
        },
    };
    write.commit_bookkeeping().await?;
    Ok(is_first)
}
