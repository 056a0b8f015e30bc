//! What every handler of one deployment shares.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context;
use chrono::{DateTime, Utc};
use client::KeysClient;
use domain::access::Scope;
use domain::environment::Environment;
use domain::event::Event;
use domain::ids::{OrganizationId, ReceiptId};
use domain::secret::PepperRing;
use server::metrics::Metrics;
use server::problem::Problem;
use store::counters::{Away, Counters, Reach, Replica};
use store::{Committed, Generation, Key, Store, Subject, Write};

use crate::adoption::verifiers::Verifiers;
use crate::config::{Config, KeyPolicy, Keys};
use crate::cursor::Cursors;
use crate::members::Members;
use crate::metrics::ApiMetrics;
use crate::outbox_ack::OutboxAck;
use crate::ownership::Ownership;
use crate::priority::Queues;
use crate::resources::receipts::wire::ReceiptBody;

/// The bound on a change that Redis has not heard of yet: the hard age of what a replica holds.
const UNPUBLISHED_BOUND_MS: u64 = 5_000;

/// How long replicas have to apply something before it is asked which have.
const ACK_PAUSE: Duration = Duration::from_millis(10);

/// One deployment's dependencies.
pub struct App {
    /// What this deployment is.
    pub environment: Environment,
    /// This environment's rows.
    pub store: Store,
    /// This environment's Redis.
    pub counters: Counters,
    /// The key service's listener for this environment.
    pub keys: KeysClient,
    /// This environment's peppers.
    pub peppers: PepperRing,
    /// Proves the console's members; `None` where no console is configured.
    pub members: Option<Members>,
    /// Makes and reads cursors.
    pub cursors: Cursors,
    /// Asks the DNS about domains.
    pub ownership: Ownership,
    /// Asks organizations' own verifiers of keys.
    pub verifiers: Verifiers,
    /// Lets proven callers in.
    pub queues: Queues,
    /// Forgets what Redis has heard of.
    outbox_ack: OutboxAck,
    /// What this environment demands of keys.
    pub demands: KeyPolicy,
    /// What this process counts.
    pub metrics: ApiMetrics,
    /// Every replica of the key service knows that there are secrets that are not of our form.
    is_foreign_told: AtomicBool,
}

fn keys_client(config: &Keys) -> anyhow::Result<KeysClient> {
    if config.ca_file.is_empty() {
        return Ok(KeysClient::new(&config.url, &config.internal_token));
    }
    let authority = std::fs::read(&config.ca_file).context("keys.ca_file")?;
    KeysClient::trusting(&authority, &config.url, &config.internal_token).context("keys.ca_file")
}

impl App {
    /// An app over what the configuration names. Nothing has to be up: connections are made when they are first used.
    pub async fn connect(config: &Config, metrics: &Metrics) -> anyhow::Result<Arc<Self>> {
        let store = Store::connect(&config.database).await?;
        Ok(Arc::new(Self {
            environment: config.environment,
            outbox_ack: OutboxAck::start(store.clone()),
            store,
            counters: Counters::connect(&config.redis),
            keys: keys_client(&config.keys)?,
            peppers: config.secrets.ring()?,
            members: Members::of(&config.console, config.environment)?,
            cursors: Cursors::new(config.secrets.cursor_key()?),
            ownership: Ownership::new(&config.dns.servers)?,
            verifiers: Verifiers::new(&config.adoption)?,
            queues: Queues::start(&config.database, metrics),
            demands: config.policy.clone(),
            metrics: ApiMetrics::register(metrics),
            is_foreign_told: AtomicBool::new(false),
        }))
    }

    /// Commits a change that has no receipt, and tells every replica of the key service.
    pub async fn commit_and_publish(&self, scope: &Scope, write: Write, event: Event) -> Result<(), Problem> {
        let committed = write.commit(event).await?;
        self.publish(scope, &committed, None).await;
        Ok(())
    }

    /// Tells every replica of the key service what changed, and says how soon the change holds everywhere.
    ///
    /// When Redis cannot be told, the outbox row of the commit stays and a worker repeats it.
    pub async fn publish(&self, scope: &Scope, committed: &Committed, receipt: Option<ReceiptId>) -> u64 {
        let Ok(reach) = self.counters.publish(scope.organization(), &committed.generations, receipt).await else {
            self.metrics.publish_failed();
            return UNPUBLISHED_BOUND_MS;
        };
        self.outbox_ack.forget(&committed.outbox_ids);
        match reach {
            Reach::All => 0,
            Reach::Full => UNPUBLISHED_BOUND_MS,
        }
    }

    /// Tells every replica of the key service of other organizations' keys that an import made newer versions of.
    pub async fn publish_elsewhere(&self, committed: &Committed) {
        for other in &committed.elsewhere {
            match self.counters.publish(other.organization, &[other.generation], None).await {
                Ok(_) => self.outbox_ack.forget(&[other.outbox_id]),
                Err(_) => self.metrics.publish_failed(),
            }
        }
        if let Some(generation) = committed.foreign.filter(|_| !self.is_foreign_told.load(Ordering::Relaxed)) {
            self.is_foreign_told.store(self.tell_foreign(generation).await, Ordering::Relaxed);
        }
    }

    /// Tells every replica that there are secrets that are not of our form, and waits until each that is heard of knows: the
    /// next request has to find them. Whoever cannot be told asks Postgres, within the bound.
    async fn tell_foreign(&self, generation: Generation) -> bool {
        let receipt = mint_receipt_id();
        let is_told = async || {
            // Again each time: a replica that is only beginning to follow hears the next one.
            self.counters.publish(OrganizationId::INSTALLATION, &[generation], Some(receipt)).await?;
            tokio::time::sleep(ACK_PAUSE).await;
            let (replicas, acks) = (self.counters.find_replicas().await?, self.counters.find_acks(receipt).await?);
            Ok::<bool, Away>(replicas.iter().all(|replica| replica.is_silent || acks.contains(&replica.name)))
        };
        let wait = async {
            while !is_told().await? {}
            Ok::<(), Away>(())
        };
        let waited = tokio::time::timeout(Duration::from_millis(UNPUBLISHED_BOUND_MS), wait).await;
        let is_told = matches!(waited, Ok(Ok(())));
        if !is_told {
            self.metrics.publish_failed();
        }
        is_told
    }

    /// Tells every replica of the key service a version that was committed before. Until Redis can be told, its outbox
    /// row stays.
    pub async fn publish_again(&self, scope: &Scope, key: &Key) {
        let generation = Generation { subject: Subject::Key(key.id), value: key.generation };
        if let Err(error) = self.counters.publish(scope.organization(), &[generation], None).await {
            tracing::debug!(%error, "what Redis was not told the worker tells it");
        }
    }

    /// The receipt of a change that was just made and holds within `bound_ms`, as far as Redis goes: where a replica was not
    /// heard of lately, or nobody can say which there are, some replica may not ask Redis at all.
    pub async fn receipt(&self, receipt: &store::Receipt, bound_ms: u64) -> ReceiptBody {
        let reached = self.reached(receipt).await;
        let is_heard = |(replicas, acks): &(Vec<Replica>, Vec<String>)| {
            replicas.iter().all(|replica| !replica.is_silent || acks.contains(&replica.name))
        };
        let bound_ms = if reached.as_ref().is_ok_and(is_heard) { bound_ms } else { UNPUBLISHED_BOUND_MS };
        ReceiptBody::new(receipt, bound_ms, reached.unwrap_or_default())
    }

    /// What has become of a receipt by now: its change holds everywhere when every replica has acknowledged it, else within
    /// what is left of the bound.
    pub async fn receipt_now(&self, receipt: &store::Receipt, now: DateTime<Utc>) -> ReceiptBody {
        let (replicas, acks) = self.reached(receipt).await.unwrap_or_default();
        let is_applied = !replicas.is_empty() && replicas.iter().all(|replica| acks.contains(&replica.name));
        let age_ms = u64::try_from((now - receipt.created_at).num_milliseconds()).unwrap_or(0);
        let left_ms = UNPUBLISHED_BOUND_MS.saturating_sub(age_ms);
        ReceiptBody::new(receipt, if is_applied { 0 } else { left_ms }, (replicas, acks))
    }

    /// The replicas, and those of them that have acknowledged a receipt.
    async fn reached(&self, receipt: &store::Receipt) -> Result<(Vec<Replica>, Vec<String>), Away> {
        Ok((self.counters.find_replicas().await?, self.counters.find_acks(receipt.id).await?))
    }
}

#[expect(clippy::disallowed_methods, reason = "an id that no row has, for acknowledgements alone")]
fn mint_receipt_id() -> ReceiptId {
    ReceiptId::mint(Utc::now())
}
