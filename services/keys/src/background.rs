//! What a replica does beside answering: it follows changes, says that it lives, repairs what was not told, writes notes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::ids::OrganizationId;
use rand::RngExt;
use server::management::{Health, HealthCheck};
use server::watch::Clocks;
use store::counters::{Away, Changes, Counters};
use store::{Generation, OutboxRow, Store, Subject};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::foreign::Presence;
use crate::usage::FLUSH_EVERY;
use crate::verify::Verifier;

/// How long one wait for changes lasts.
const FOLLOW_WAIT: Duration = Duration::from_secs(1);
/// How often a replica says that it lives.
const HEARTBEAT_EVERY: Duration = Duration::from_secs(1);
/// How often what Redis was not told is looked for.
const REPAIR_EVERY: Duration = Duration::from_secs(1);
/// How many rows of the outbox are published at once, and how many times as many before the next look.
const REPAIRS_MAX: i64 = 100;
const REPAIR_BATCHES_MAX: usize = 20;
/// How often Postgres is asked for readiness until it is ready, and for the time from then on.
const READY_EVERY: Duration = Duration::from_secs(1);
const CLOCK_EVERY: Duration = Duration::from_secs(5);
/// How long to wait before something is tried again.
const RETRY_EVERY: Duration = Duration::from_millis(200);

/// One environment's part of a replica.
#[derive(Clone)]
pub struct Replica {
    /// A name that no other process has.
    pub name: Arc<str>,
    pub verifier: Arc<Verifier>,
    pub clocks: Arc<Clocks>,
}

/// The words under which health shows an environment's stores.
#[derive(Debug, Clone, Copy)]
pub struct StoreNames {
    pub postgres: &'static str,
    pub redis: &'static str,
}

impl Replica {
    /// Starts everything; it ends with `stopped`.
    pub fn start(&self, tasks: &TaskTracker, health: &Health, names: StoreNames, stopped: &CancellationToken) {
        let (own, health) = (self.clone(), health.clone());
        let redis = health.optional(names.redis);
        let postgres = health.required(names.postgres);
        spawn(tasks, stopped, self.clone().follow());
        spawn(tasks, stopped, self.clone().live(redis));
        spawn(tasks, stopped, self.clone().repair());
        spawn(tasks, stopped, self.clone().write_notes());
        spawn(tasks, stopped, async move { own.keep_time(postgres, &health, names.postgres).await });
    }

    /// Writes what waits, and says goodbye.
    pub async fn finish(&self) {
        self.verifier.usage.finish(&self.name, self.store(), &self.verifier.metrics).await;
        // One that is silent instead has every receipt say for ten minutes that it may not know.
        let _ = self.counters().delete_replica(&self.name).await;
    }

    async fn follow(self) {
        loop {
            // Whatever ended it, the generations of each request tell what was missed.
            if let Ok(mut changes) = self.counters().follow(FOLLOW_WAIT).await {
                // What was told before is not heard any more; should this fail, it is asked for again.
                let _ = self.verifier.foreign.read(self.store()).await;
                let Err(_away) = self.apply(&mut changes).await;
            }
            tokio::time::sleep(jittered(RETRY_EVERY)).await;
        }
    }

    async fn apply(&self, changes: &mut Changes) -> Result<std::convert::Infallible, Away> {
        loop {
            for change in changes.next(FOLLOW_WAIT).await? {
                let now_ms = self.verifier.clock.monotonic_ms();
                for generation in &change.generations {
                    self.verifier.lookup.cache.set_min_version(*generation, now_ms);
                }
                let is_noted = self.note_foreign(&change.generations).await;
                if let Some(receipt) = change.receipt.filter(|_| is_noted) {
                    // A Redis that is full takes none, and whether it is away is told by the next wait.
                    let _ = self.counters().ack(&self.name, receipt).await;
                }
            }
        }
    }

    /// The installation's row says whether there are secrets that are not of our form. Says whether all is known of it.
    async fn note_foreign(&self, generations: &[Generation]) -> bool {
        let installation = Subject::Organization(OrganizationId::INSTALLATION);
        let is_about_it = generations.iter().any(|generation| generation.subject == installation);
        !is_about_it || self.verifier.foreign.read(self.store()).await.is_ok()
    }

    async fn live(self, health: HealthCheck) {
        loop {
            let heartbeat = self.counters().heartbeat(&self.name).await;
            match heartbeat {
                Ok(_) => health.works(),
                Err(_) => health.fails("Redis does not answer"),
            }
            self.verifier.lookup.cache.expire_min_versions(self.verifier.clock.monotonic_ms());
            // At the start the first connection is often still being made.
            tokio::time::sleep(if heartbeat.is_ok() { HEARTBEAT_EVERY } else { RETRY_EVERY }).await;
        }
    }

    /// Tells Redis what a commit could not tell it: whoever reaches both stores may, and one of the replicas does.
    async fn repair(self) {
        loop {
            tokio::time::sleep(jittered(REPAIR_EVERY)).await;
            let mut last = None;
            for _ in 0..REPAIR_BATCHES_MAX {
                last = self.repair_behind(last.as_ref()).await;
                if last.is_none() {
                    break;
                }
            }
        }
    }

    /// Repairs some, and says behind which the others are.
    async fn repair_behind(&self, last: Option<&OutboxRow>) -> Option<OutboxRow> {
        let run = self.store().publish_due(self.counters(), last, REPAIRS_MAX).await.ok()?;
        self.verifier.lookup.reader.heard();
        run.last
    }

    async fn write_notes(self) {
        loop {
            tokio::time::sleep(jittered(FLUSH_EVERY)).await;
            self.verifier.usage.flush(&self.name, self.store(), &self.verifier.metrics).await;
        }
    }

    /// Ready once Postgres was reached and fits. After that a lost Postgres is a degradation: keys seen lately go on.
    async fn keep_time(self, starting: HealthCheck, health: &Health, name: &'static str) {
        while let Err(why) = self.check_postgres().await {
            starting.fails(why);
            tokio::time::sleep(jittered(READY_EVERY)).await;
        }
        let running = health.optional(name);
        loop {
            let asked_at = Instant::now();
            match self.store().now().await {
                Ok(now) => {
                    self.verifier.clock.hear(now, asked_at);
                    self.clocks.compare(now);
                    running.works();
                    if self.verifier.foreign.presence() != Presence::Present {
                        // What was missed is asked for again.
                        let _ = self.verifier.foreign.read(self.store()).await;
                    }
                }
                Err(error) => running.fails(error.to_string()),
            }
            // The first answers come on connections that are being made, and tell the time badly.
            let pause = if self.verifier.clock.is_precise() { CLOCK_EVERY } else { RETRY_EVERY };
            tokio::time::sleep(jittered(pause)).await;
        }
    }

    async fn check_postgres(&self) -> Result<(), String> {
        self.store().check_ready().await.map_err(|why| why.to_string())?;
        server::watch::check_role(self.store()).await?;
        self.verifier.foreign.read(self.store()).await.map_err(|why| why.to_string())
    }

    fn store(&self) -> &Store {
        &self.verifier.store
    }

    fn counters(&self) -> &Counters {
        &self.verifier.lookup.counters
    }
}

fn spawn(tasks: &TaskTracker, stopped: &CancellationToken, work: impl Future<Output = ()> + Send + 'static) {
    let stopped = stopped.clone();
    tasks.spawn(async move { stopped.run_until_cancelled(work).await });
}

/// Between half and one and a half of `duration`, so that replicas do not work in step.
fn jittered(duration: Duration) -> Duration {
    duration.mul_f64(rand::rng().random_range(0.5..1.5))
}
