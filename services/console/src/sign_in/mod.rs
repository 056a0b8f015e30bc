//! From a password to a session: what was proven, what is still asked for, and how often anybody may try.
//!
//! Password, then a second factor where there is one, then a new password where the old one is too old, then the approval
//! of the device where an organization asks for that. Each step has a token of its own, so that none is worth anything
//! for another; only the last one makes a session.

pub mod codes;
pub mod password;
pub mod totp;

use chrono::{DateTime, TimeDelta, Utc};
use domain::ids::UserId;
use http::HeaderValue;
use server::problem::Problem;
use store::control::{
    AccessEntry, Assurance, ControlActor, ControlWrite, EndReason, Membership, NewDevice, NewSession, NewSignIn,
    SignIn, User,
};

use crate::app::App;
use crate::cookies::{self, Token};
use crate::visit::Visit;

/// How long what was just proven counts as proven again.
pub const STEP_UP: TimeDelta = TimeDelta::minutes(10);
/// How long a sign-in may take, from one step to the next.
const SIGN_IN_LIFETIME: TimeDelta = TimeDelta::minutes(10);
/// The same while somebody else has to approve the device.
const APPROVAL_LIFETIME: TimeDelta = TimeDelta::hours(1);
/// How long a browser is known.
const DEVICE_LIFETIME: TimeDelta = TimeDelta::days(400);
/// Who approved a device that nobody had to.
const APPROVED_BY_SIGN_IN: &str = "sign-in";

/// Where a sign-in stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// Whose password was right.
    pub user: UserId,
    /// Which password that was.
    pub password_changed_at: Option<DateTime<Utc>>,
    /// A second factor was shown.
    pub has_second_factor: bool,
    /// Where it leads.
    pub next: String,
    /// What was shown last.
    pub factor: &'static str,
}

/// What a step leads to: a place, and the cookies that go with it.
#[derive(Debug)]
pub struct Onward {
    /// The page.
    pub path: String,
    /// Cookies to set.
    pub cookies: Vec<HeaderValue>,
}

impl Onward {
    /// Back to the beginning.
    pub fn restart() -> Self {
        Self { path: "/login".to_owned(), cookies: vec![cookies::clear(cookies::SIGN_IN)] }
    }
}

/// Goes on from where a sign-in stands: to the next thing that is asked for, or to a session.
pub async fn proceed(app: &App, visit: &Visit, progress: Progress) -> Result<Onward, Problem> {
    let write = app.control.write(ControlActor::User(progress.user), &visit.origin).await?;
    proceed_in(app, visit, write, progress).await
}

/// The same within a change that is not committed yet.
pub async fn proceed_in(
    app: &App,
    visit: &Visit,
    mut write: ControlWrite,
    progress: Progress,
) -> Result<Onward, Problem> {
    // Held until the end: a change of the password or the second factor at this moment comes before or after.
    let Some(user) = write.hold_user(progress.user).await? else { return Ok(Onward::restart()) };
    if user.disabled_at.is_some() || user.password_changed_at != progress.password_changed_at {
        return Ok(Onward::restart());
    }
    if let Some(token) = &visit.sign_in {
        write.delete_sign_in(&token.hash()).await?;
    }
    let step = Step { app, visit, user, progress };
    if step.user.has_second_factor && !step.progress.has_second_factor {
        return step.ask(write, "/login/2fa", "second-factor-asked").await;
    }
    let memberships = write.list_memberships(step.user.id).await?;
    if is_password_too_old(&step.user, &memberships, write.now()) {
        return step.ask(write, "/login/password", "password-expired").await;
    }
    step.enter(write, &memberships).await
}

/// Whether the strictest organization of a person asks for another password.
fn is_password_too_old(user: &User, memberships: &[Membership], now: DateTime<Utc>) -> bool {
    let days = memberships.iter().filter_map(|own| own.organization.policy.password_max_days).min();
    let is_older = |days: i32| {
        user.password_changed_at.is_none_or(|changed_at| changed_at + TimeDelta::days(i64::from(days)) < now)
    };
    days.is_some_and(is_older)
}

/// A sign-in whose person is held.
struct Step<'a> {
    app: &'a App,
    visit: &'a Visit,
    user: User,
    progress: Progress,
}

impl Step<'_> {
    /// Asks for something more.
    async fn ask(self, mut write: ControlWrite, path: &str, outcome: &'static str) -> Result<Onward, Problem> {
        let cookie = self.keep(&mut write, None, SIGN_IN_LIFETIME).await?;
        self.app.metrics.sign_in(outcome);
        write.commit_sign_in(&self.entry(outcome, None)).await?;
        Ok(Onward { path: path.to_owned(), cookies: vec![cookie] })
    }

    /// Looks at the browser, and begins the session where it may.
    async fn enter(self, mut write: ControlWrite, memberships: &[Membership]) -> Result<Onward, Problem> {
        let token = self
            .visit
            .device
            .as_ref()
            .map_or_else(Token::generate, |known| Token::parse(known.expose()).expect("it was read as one"));
        let new = NewDevice { user: self.user.id, token_hash: token.hash(), label: self.visit.device_label() };
        let device = write.insert_device(&new).await?;
        let device_cookie = cookies::set(cookies::DEVICE, &token, DEVICE_LIFETIME);
        if device.approved_at.is_none() {
            if memberships.iter().any(|own| own.organization.policy.device_approvals) {
                let cookie = self.keep(&mut write, Some(device.id), APPROVAL_LIFETIME).await?;
                self.app.metrics.sign_in("device-pending");
                write.commit_sign_in(&self.entry("device-pending", None)).await?;
                return Ok(Onward { path: "/login/device".to_owned(), cookies: vec![cookie, device_cookie] });
            }
            write.approve_device(self.user.id, device.id, APPROVED_BY_SIGN_IN).await?;
        }
        if let Some(before) = &self.visit.session
            && let Some(found) = write.find_session(&before.hash(), self.app.lifetime.idle).await?
        {
            write.end_session(found.user.id, found.session.id, EndReason::Replaced).await?;
        }
        let session_token = Token::generate();
        let session = write
            .insert_session(&NewSession {
                token_hash: session_token.hash(),
                user: self.user.id,
                assurance: if self.progress.has_second_factor { Assurance::SecondFactor } else { Assurance::Password },
                device: Some(device.id),
                lifetime: self.app.lifetime.absolute,
                step_up: STEP_UP,
            })
            .await?;
        self.app.metrics.sign_in("succeeded");
        write.commit_sign_in(&self.entry("succeeded", Some(session))).await?;
        self.app.sessions.forget(self.user.id);
        let session_cookie = cookies::set(cookies::SESSION, &session_token, self.app.lifetime.absolute);
        let cookies = vec![session_cookie, device_cookie, cookies::clear(cookies::SIGN_IN)];
        Ok(Onward { path: self.progress.next, cookies })
    }

    async fn keep(
        &self,
        write: &mut ControlWrite,
        device: Option<domain::ids::DeviceId>,
        lifetime: TimeDelta,
    ) -> Result<HeaderValue, Problem> {
        let token = Token::generate();
        let sign_in = SignIn {
            user: self.user.id,
            has_second_factor: self.progress.has_second_factor,
            device,
            next: self.progress.next.clone(),
        };
        write.insert_sign_in(&NewSignIn { token_hash: token.hash(), sign_in, lifetime }).await?;
        Ok(cookies::set(cookies::SIGN_IN, &token, lifetime))
    }

    fn entry(&self, outcome: &'static str, session: Option<domain::ids::SessionId>) -> AccessEntry {
        AccessEntry { user: Some(self.user.id), event: "sign-in", outcome, factor: Some(self.progress.factor), session }
    }
}

/// The sign-in that a browser is in the middle of, with its person.
pub async fn find(app: &App, visit: &Visit) -> Result<Option<(SignIn, User)>, Problem> {
    let Some(token) = &visit.sign_in else { return Ok(None) };
    let mut read = app.control.read().await?;
    let Some(sign_in) = read.find_sign_in(&token.hash()).await? else { return Ok(None) };
    let user = read.find_user(sign_in.user).await?;
    Ok(user.map(|user| (sign_in, user)))
}

/// Writes in the access log what did not lead to a session.
pub async fn log_refusal(
    app: &App,
    visit: &Visit,
    (user, event): (Option<UserId>, &'static str),
    (outcome, factor): (&'static str, Option<&'static str>),
) -> Result<(), Problem> {
    app.metrics.sign_in(outcome);
    let mut write = app.control.write(ControlActor::System("console"), &visit.origin).await?;
    write.insert_access(&AccessEntry { user, event, outcome, factor, session: None }).await?;
    Ok(write.commit_bookkeeping().await?)
}

/// A path of the console that a sign-in may lead to; anything else leads to its front page.
pub fn next_of(text: &str) -> String {
    let is_path = text.starts_with('/') && !text.starts_with("//") && !text.starts_with("/login");
    let is_plain = text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\') && text.len() <= 2_000;
    if is_path && is_plain { text.to_owned() } else { "/".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sign_in_leads_to_a_page_of_the_console_alone() {
        for own in ["/", "/o/halden/keys?q=a%20b&x=1", "/account#security"] {
            assert_eq!(next_of(own), own);
        }
        for other in [
            "",
            "//evil.test",
            "/\\evil.test",
            "https://evil.test",
            "javascript:1",
            "/a\nb",
            "/ b",
            "\\\\e",
            "/login?next=/",
        ] {
            assert_eq!(next_of(other), "/", "{other:?}");
        }
    }
}
