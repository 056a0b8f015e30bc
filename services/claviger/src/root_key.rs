//! Creates, lists, revokes and regenerates root keys, for the holder of an environment's database and peppers. Changes go through the same commit, outbox and publication as those of the API.

use std::time::Duration;

use anyhow::{Context, bail};
use api::root_keys::{self, RootKeyPolicy};
use chrono::{DateTime, TimeDelta, Utc};
use domain::access::Scope;
use domain::addresses::IpRule;
use domain::environment::Environment;
use domain::event::Event;
use domain::ids::{KeyId, OrganizationId, RequestId};
use domain::limit::Limit;
use domain::names::Name;
use domain::permission::PermissionName;
use domain::policy::{AllOr, RevokeReason};
use domain::secret::{PepperRing, PlainSecret};
use serde_json::{Value, json};
use store::counters::{Counters, Reach};
use store::{Key, KeyFilter, Origin, PAGE_SIZE_MAX, Secret, Slice, Store, Write};

/// The name under which the action log shows what an administrator's command did.
const ACTOR: &str = "admin";

/// A root key to be created.
pub struct NewRootKey {
    /// What people call it.
    pub name: Name,
    /// What it may do.
    pub permissions: Vec<PermissionName>,
    /// How often.
    pub limit: Limit,
    /// How long it is valid; `None` for a key without an end.
    pub lifetime: Option<TimeDelta>,
    /// The addresses from which it is accepted.
    pub ips: AllOr<IpRule>,
}

/// How soon a change is in effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// The next request anywhere is judged by it.
    Now,
    /// Redis could not be told, or counts as full: at the latest when cached entries expire.
    Soon,
}

/// The root keys of one environment.
pub struct RootKeys {
    /// The environment.
    pub environment: Environment,
    /// Its rows.
    pub store: Store,
    /// Its Redis.
    pub counters: Counters,
    /// Its peppers.
    pub peppers: PepperRing,
}

/// Creates the key and returns it with its secret, which is stored nowhere.
pub async fn create(
    store: &Store,
    environment: Environment,
    peppers: &PepperRing,
    new: NewRootKey,
) -> anyhow::Result<(Key, PlainSecret)> {
    let mut write = open(store, environment).await?;
    let expires_at = new.lifetime.map(|lifetime| write.now() + lifetime);
    let policy = RootKeyPolicy {
        name: new.name,
        permissions: new.permissions,
        limits: vec![new.limit],
        not_before: None,
        expires_at,
        ips: new.ips,
    };
    let view = json!({
        "name": policy.name.as_str(), "permissions": &policy.permissions, "limits": &policy.limits,
        "ips": ips(&policy.ips), "expires_at": expires_at.map(domain::instants::format_instant),
    });
    let (key, secret) = match root_keys::insert(&mut write, (environment, peppers), policy).await {
        Err(store::Error::Conflict(name)) if name == "keys_organization_name_unique" => {
            bail!("there is a root key of this name already; choose another, or regenerate that one")
        }
        inserted => inserted.context("the root key cannot be created")?,
    };
    write.commit(Event::of(root_keys::CREATED, key.id).changed(None, Some(view))).await?;
    Ok((key, secret))
}

impl RootKeys {
    /// All that have not been deleted, newest first, and the instant as of which that is.
    pub async fn list(&self) -> anyhow::Result<(Vec<Key>, DateTime<Utc>)> {
        let mut read = self.store.read(&scope(self.environment)).await?;
        let (mut keys, mut slice): (Vec<Key>, _) = (Vec::new(), Slice::first(PAGE_SIZE_MAX));
        loop {
            let page = read.list_keys(&KeyFilter::none(), &slice).await?;
            keys.extend(page.items);
            slice.after = page.next;
            if slice.after.is_none() {
                return Ok((keys, read.now()));
            }
        }
    }

    /// The key with its secrets, newest first, and the instant as of which that is. `reference` is an id, or the public id
    /// of its newest secret: the 16 characters after the tag.
    pub async fn find(&self, reference: &str) -> anyhow::Result<(Key, Vec<Secret>, DateTime<Utc>)> {
        let id = self.resolve(reference).await?;
        let mut read = self.store.read(&scope(self.environment)).await?;
        let key = read.find_key(id).await?.with_context(|| missing(reference))?;
        let secrets = read.list_secrets(id).await?;
        Ok((key, secrets, read.now()))
    }

    /// Ends all access by the key at once. Answers `None` when it was revoked before and nothing had to change.
    pub async fn revoke(
        &self,
        reference: &str,
        reason: RevokeReason,
        note: Option<&str>,
    ) -> anyhow::Result<(Key, Option<Effect>)> {
        let id = self.resolve(reference).await?;
        let mut write = open(&self.store, self.environment).await?;
        let seen = write.find_key(id).await?.with_context(|| missing(reference))?;
        let key = write.revoke_key(id, reason, note).await?.with_context(|| missing(reference))?;
        if key.generation == seen.generation {
            return Ok((key, None));
        }
        let event = Event::of(root_keys::REVOKED, id).with("reason", reason.name()).with("note", note);
        let effect = self.commit(write, event).await?;
        Ok((key, Some(effect)))
    }

    /// Gives the key a new secret. The one before works for `overlap` longer.
    pub async fn regenerate(&self, reference: &str, overlap: Duration) -> anyhow::Result<(Key, PlainSecret, Effect)> {
        let id = self.resolve(reference).await?;
        let mut write = open(&self.store, self.environment).await?;
        let seen = write.find_key(id).await?.with_context(|| missing(reference))?;
        if seen.policy.expires_at.is_some_and(|end| end <= write.now()) {
            bail!("this root key has expired; create another");
        }
        let (secret, sealed) = root_keys::mint(self.environment, &self.peppers);
        let regenerated = write.regenerate_key(&seen, &sealed, overlap).await;
        let key = regenerated.context("the root key cannot be regenerated")?.with_context(|| missing(reference))?;
        let event = Event::of(root_keys::REGENERATED, id).with("overlap_seconds", overlap.as_secs());
        let effect = self.commit(write, event).await?;
        Ok((key, secret, effect))
    }

    /// Commits a change and publishes it. Until Redis has been told the outbox row stays, and a worker repeats it.
    async fn commit(&self, write: Write, event: Event) -> anyhow::Result<Effect> {
        let committed = write.commit(event).await?;
        let published = self.counters.publish(OrganizationId::INSTALLATION, &committed.generations, None).await;
        let Ok(reach) = published else { return Ok(Effect::Soon) };
        // A row that stays is published once more, which does no harm.
        let _ = self.store.delete_outbox(&committed.outbox_ids).await;
        let replicas = self.counters.find_replicas().await;
        let hears_all = replicas.is_ok_and(|replicas| replicas.iter().all(|replica| !replica.is_silent));
        Ok(if reach == Reach::All && hears_all { Effect::Now } else { Effect::Soon })
    }

    async fn resolve(&self, reference: &str) -> anyhow::Result<KeyId> {
        if PlainSecret::parse(reference).is_ok() {
            bail!("this is a secret, which has no place on a command line: regenerate or revoke its key by id");
        }
        if let Ok(id) = reference.parse() {
            return Ok(id);
        }
        let (keys, _) = self.list().await?;
        let found = keys.iter().find(|key| key.lookup_id == reference);
        found.map(|key| key.id).with_context(|| missing(reference))
    }
}

/// What the action log and people read of an address rule.
pub fn ips(ips: &AllOr<IpRule>) -> Value {
    match ips {
        AllOr::All => json!("all"),
        AllOr::Only(rules) => rules.iter().map(ToString::to_string).collect(),
    }
}

fn missing(reference: &str) -> String {
    let excerpt = domain::validation::excerpt(reference);
    format!("there is no root key {excerpt} in this environment; `claviger admin root-key list` shows all")
}

async fn open(store: &Store, environment: Environment) -> anyhow::Result<Write> {
    let origin = Origin { request_id: RequestId::mint(store.now().await?).to_string(), ip: None };
    Ok(store.write(&scope(environment), &origin).await?)
}

#[expect(clippy::disallowed_methods, reason = "the server admin acts for the installation, with its database at hand")]
fn scope(environment: Environment) -> Scope {
    Scope::system(ACTOR, environment, OrganizationId::INSTALLATION)
}
