//! The first step: an address and a password. Whatever is wrong, the answer and its time are the same.

use chrono::TimeDelta;
use domain::email::Email;
use domain::ids::{DeviceId, UserId};
use server::problem::Problem;
use store::control::{AttemptSubject, ControlActor, User};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{Progress, log_refusal};
use crate::app::App;
use crate::passwords::{PASSWORD_BYTES_MAX, TooBusy};
use crate::visit::Visit;

/// Attempts are counted for so long.
pub const WINDOW: TimeDelta = TimeDelta::minutes(15);
/// Failures of one account from browsers that it does not know, and of one browser that it knows.
pub const FAILURES_MAX: i32 = 10;
/// Failures of one account without a success in between.
pub const CONSECUTIVE_MAX: i32 = 100;
/// Failures of one source, whatever the accounts.
pub const SOURCE_FAILURES_MAX: i32 = 60;

/// Whose devices are looked for where there is no account.
const NOBODY: UserId = UserId::from_uuid(Uuid::nil());

/// What is said whatever is wrong.
pub const REFUSED: &str = "The e-mail or the password is not right, or there were too many attempts. \
    After several wrong ones, wait a quarter of an hour or choose a new password.";

/// What the attempts of an account are counted by.
pub fn account_subject(email_canonical: &str) -> AttemptSubject {
    AttemptSubject::of("account", email_canonical)
}

fn source_subject(visit: &Visit) -> AttemptSubject {
    AttemptSubject::of("source", &visit.source())
}

fn device_subject(device: DeviceId) -> AttemptSubject {
    AttemptSubject::of("device", &device.to_string())
}

/// Tries a password. `None` where it is not to be: the access log says why.
///
/// An attempt counts before it is judged, so that many at once gain nothing. A browser that the account knows and has
/// approved has a count of its own: what strangers try does not keep its person out.
pub async fn attempt(
    app: &App,
    visit: &Visit,
    email: &str,
    password: Zeroizing<String>,
) -> Result<Option<User>, Problem> {
    let email = Email::parse(email).ok();
    let found = find(app, visit, email.as_ref()).await?;
    let (user, device) = (found.as_ref().map(|found| &found.0), found.as_ref().and_then(|found| found.1));
    let counted = count(app, visit, email.as_ref(), device).await?;
    if password.len() > PASSWORD_BYTES_MAX {
        let told = (user.map(|user| user.id), "sign-in");
        log_refusal(app, visit, told, ("wrong-credentials", Some("password"))).await?;
        return Ok(None);
    }
    let hash = user.and_then(|user| user.password_hash.as_deref());
    let is_right = match app.passwords.verify(password.clone(), hash).await {
        Ok(is_right) => is_right,
        Err(TooBusy) => {
            counted.forget(app, false).await?;
            log_refusal(app, visit, (user.map(|user| user.id), "sign-in"), ("too-busy", Some("password"))).await?;
            return Err(TooBusy.into());
        }
    };
    let outcome = match user {
        Some(_) if is_right && counted.is_over => "locked",
        Some(user) if is_right && user.disabled_at.is_some() => "disabled",
        Some(_) if is_right => "",
        Some(_) | None if counted.is_over => "locked",
        Some(_) | None => "wrong-credentials",
    };
    if !outcome.is_empty() {
        log_refusal(app, visit, (user.map(|user| user.id), "sign-in"), (outcome, Some("password"))).await?;
        return Ok(None);
    }
    counted.forget(app, true).await?;
    let Some((user, _)) = found else { return Ok(None) };
    rehash(app, visit, &user, password).await?;
    Ok(Some(user))
}

/// Where a sign-in stands after its password.
pub fn progress(user: &User, next: &str) -> Progress {
    Progress {
        user: user.id,
        password_changed_at: user.password_changed_at,
        has_second_factor: false,
        next: super::next_of(next),
        factor: "password",
    }
}

/// Whether a signed-in person's password is right, for a step-up: counted by the session's own person, from a browser
/// that holds a session and so is no stranger.
pub async fn confirm(app: &App, user: &User, password: Zeroizing<String>) -> Result<bool, Problem> {
    let subject = AttemptSubject::of("step-up", &user.id.to_string());
    let [attempts] = app.control.count_attempts([subject], WINDOW).await?;
    if attempts.in_window > FAILURES_MAX || password.len() > PASSWORD_BYTES_MAX {
        return Ok(false);
    }
    let is_right = app.passwords.verify(password, user.password_hash.as_deref()).await?;
    if is_right {
        app.control.forget_attempts(&[subject]).await?;
    }
    Ok(is_right)
}

/// The account, and the browser where the account knows and has approved it.
async fn find(app: &App, visit: &Visit, email: Option<&Email>) -> Result<Option<(User, Option<DeviceId>)>, Problem> {
    let mut read = app.control.read().await?;
    let user = match email {
        Some(email) => read.find_user_by_email(email).await?,
        None => None,
    };
    // Asked without an account, too: whoever brings a cookie must not learn from the time which addresses have one.
    let id = user.as_ref().map_or(NOBODY, |user| user.id);
    let device = match &visit.device {
        Some(token) => read.find_device(id, &token.hash()).await?,
        None => None,
    };
    let device = device.filter(|device| device.approved_at.is_some()).map(|device| device.id);
    Ok(user.map(|user| (user, device)))
}

/// Attempts that were counted.
struct Counted {
    is_over: bool,
    /// Forgotten by a success.
    own: AttemptSubject,
    /// Shared with others: a success takes back itself alone.
    shared: Option<AttemptSubject>,
}

async fn count(app: &App, visit: &Visit, email: Option<&Email>, device: Option<DeviceId>) -> Result<Counted, Problem> {
    if let Some(device) = device {
        let own = device_subject(device);
        let [attempts] = app.control.count_attempts([own], WINDOW).await?;
        return Ok(Counted { is_over: attempts.in_window > FAILURES_MAX, own, shared: None });
    }
    let own = account_subject(email.map(Email::canonical).unwrap_or_default());
    let source = source_subject(visit);
    let [account, shared] = app.control.count_attempts([own, source], WINDOW).await?;
    let is_over = account.in_window > FAILURES_MAX
        || account.consecutive > CONSECUTIVE_MAX
        || shared.in_window > SOURCE_FAILURES_MAX;
    Ok(Counted { is_over, own, shared: Some(source) })
}

impl Counted {
    /// Takes the attempt back; after a success with everything that its subject tried before.
    async fn forget(&self, app: &App, has_succeeded: bool) -> Result<(), Problem> {
        if has_succeeded {
            app.control.forget_attempts(&[self.own]).await?;
        } else {
            app.control.uncount_attempt(self.own).await?;
        }
        if let Some(shared) = self.shared {
            app.control.uncount_attempt(shared).await?;
        }
        Ok(())
    }
}

/// Keeps the password under the present parameters, now that it is at hand.
async fn rehash(app: &App, visit: &Visit, user: &User, password: Zeroizing<String>) -> Result<(), Problem> {
    let Some(before) = user.password_hash.as_deref().filter(|hash| app.passwords.is_outdated(hash)) else {
        return Ok(());
    };
    let after = app.passwords.hash(password).await?;
    let mut write = app.control.write(ControlActor::User(user.id), &visit.origin).await?;
    write.update_password_hash(user.id, before, &after).await?;
    Ok(write.commit_bookkeeping().await?)
}
