//! Brings organizations of the directory into the environments: at once when somebody asks, and again and again until it works.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use domain::environment::Environment;
use domain::event::Event;
use domain::ids::{OrganizationId, SessionId, UserId};
use http::Method;
use serde_json::json;
use server::problem::Problem;
use store::control::{Assurance, ControlActor, ControlOrigin, Provisioning};

use crate::app::App;
use crate::proxy::call::Caller;
use crate::tokens::{ActingAs, Behalf};

const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Nobody else tries what one replica has taken before this is over.
const LEASE: TimeDelta = TimeDelta::seconds(60);
const TAKEN_MAX: i64 = 20;
const FIRST_PAUSE_SECONDS: i64 = 5;
const PAUSE_SECONDS_MAX: i64 = 600;
const REASON_CHARS_MAX: usize = 300;
/// What the console calls itself where it asks of its own accord.
const OWN_NAME: &str = "system:console";

/// Tries whatever is due, for ever.
pub async fn run(app: Arc<App>) {
    loop {
        if let Err(problem) = try_due(&app).await {
            tracing::debug!(cause = problem.cause(), "the provisionings wait for the control database");
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

async fn try_due(app: &App) -> Result<(), Problem> {
    let mut write = app.control.write(ControlActor::System("console"), &ControlOrigin::new("", None, "")).await?;
    let due = write.take_due_provisionings(LEASE, TAKEN_MAX).await?;
    write.commit_bookkeeping().await?;
    for place in due {
        attempt(app, &place).await?;
    }
    Ok(())
}

/// Tries one place now. That it failed is noted, and no error of this.
pub async fn try_now(app: &App, organization: OrganizationId, environment: Environment) -> Result<(), Problem> {
    let places = app.control.read().await?.list_provisionings(organization).await?;
    match places.iter().find(|place| place.environment == environment) {
        Some(place) => attempt(app, place).await,
        None => Ok(()),
    }
}

async fn attempt(app: &App, place: &Provisioning) -> Result<(), Problem> {
    let (id, environment) = (place.organization, place.environment);
    let Some(organization) = app.control.read().await?.find_control_organization(&id.to_string()).await? else {
        return Ok(());
    };
    let now = app.control.now().await?;
    let behalf = Behalf {
        email: OWN_NAME,
        session: SessionId::mint(now),
        assurance: Assurance::Password,
        step_up_until: None,
        now,
    };
    // The console itself: the nil id is nobody's.
    let acting = ActingAs::ServerAdmin(UserId::from_uuid(uuid::Uuid::nil()));
    let body = json!({"name": organization.name, "slug": organization.slug});
    let path = format!("/v1/organizations/{id}");
    let caller = Caller { app, behalf, acting };
    let failure = match caller.ask(environment, (Method::PUT, &path), Some(&body)).await {
        Ok(answered) if (200..300).contains(&answered.status) => None,
        Ok(answered) => Some(answered.reason()),
        Err(_) => Some(format!("The Integration API of {environment} does not answer.")),
    };
    let mut write = app.control.write(ControlActor::System("console"), &ControlOrigin::new("", None, "")).await?;
    match failure {
        None => {
            write.finish_provisioning(id, environment).await?;
            let event = Event::of("provisioning.finished", id).with("environment", environment.name());
            write.commit(id, &event).await?;
        }
        Some(reason) => {
            let reason: String = reason.chars().take(REASON_CHARS_MAX).collect();
            write.fail_provisioning((id, environment), &reason, pause(place.attempts)).await?;
            write.commit_bookkeeping().await?;
        }
    }
    Ok(())
}

/// Twice as long after each failure, up to ten minutes.
fn pause(attempts: i32) -> TimeDelta {
    let doublings = u32::try_from(attempts.clamp(0, 10)).unwrap_or(0);
    TimeDelta::seconds((FIRST_PAUSE_SECONDS << doublings).min(PAUSE_SECONDS_MAX))
}
