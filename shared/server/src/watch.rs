//! Says now and then whether the stores answer; a process whose database is away stays up and is not ready.

use std::time::Duration;

use store::Store;
use store::counters::Counters;

use crate::management::Health;

const WATCH_INTERVAL: Duration = Duration::from_secs(1);
/// At the start the first connection is often still being made.
const RETRY_INTERVAL: Duration = Duration::from_millis(200);

/// Watches a Postgres, without which the process is not ready, and a Redis, without which it is degraded. Never ends.
pub async fn stores(store: Store, counters: Counters, health: Health) {
    let postgres = health.required("postgres");
    let redis = health.optional("redis");
    loop {
        let (rows, counters) = (store.check_ready().await, counters.now().await);
        let is_well = rows.is_ok() && counters.is_ok();
        match rows {
            Ok(()) => postgres.works(),
            Err(error) => postgres.fails(error.to_string()),
        }
        match counters {
            Ok(_) => redis.works(),
            Err(error) => redis.fails(error.to_string()),
        }
        tokio::time::sleep(if is_well { WATCH_INTERVAL } else { RETRY_INTERVAL }).await;
    }
}
