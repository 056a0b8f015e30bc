//! Says now and then whether the control database answers, and deletes what nobody needs any more.

use std::sync::Arc;
use std::time::{Duration, Instant};

use server::management::{Health, HealthCheck};

use crate::app::App;
use crate::pages::setup;

const WATCH_INTERVAL: Duration = Duration::from_secs(1);
/// At the start the first connection is often still being made.
const RETRY_INTERVAL: Duration = Duration::from_millis(200);
const DELETE_INTERVAL: Duration = Duration::from_secs(60);

/// Watches the database, without which the console is not ready. Never ends. The check is there, and counts as failed,
/// before this returns.
pub fn control(app: Arc<App>, health: &Health) -> impl Future<Output = ()> + Send + use<> {
    let postgres = health.required("postgres");
    watch(app, postgres)
}

async fn watch(app: Arc<App>, postgres: HealthCheck) {
    let mut deleted: Option<Instant> = None;
    let mut is_setup_offered = false;
    loop {
        let is_well = match app.control.check_ready().await {
            Ok(()) => {
                postgres.works();
                true
            }
            Err(why) => {
                postgres.fails(why.to_string());
                false
            }
        };
        if is_well && !is_setup_offered {
            is_setup_offered = setup::offer(&app).await.is_ok();
        }
        if is_well && deleted.is_none_or(|at| at.elapsed() >= DELETE_INTERVAL) {
            deleted = Some(Instant::now());
            if let Err(error) = app.control.delete_expired().await {
                tracing::warn!(%error, "what has expired could not be deleted");
            }
        }
        tokio::time::sleep(if is_well { WATCH_INTERVAL } else { RETRY_INTERVAL }).await;
    }
}
