//! Makes root keys. No route does: only who holds an environment's database and peppers can.

use anyhow::Context;
use domain::access::Scope;
use domain::environment::Environment;
use domain::event::Event;
use domain::ids::{OrganizationId, RequestId};
use domain::limit::Limit;
use domain::names::Name;
use domain::permission::PermissionName;
use domain::policy::{AllOr, Policy};
use domain::secret::{PepperRing, PlainSecret, Prefix};
use serde_json::{Map, json};
use store::{CreditsChange, KeyChange, NewSecret, Origin, Store};

/// The name under which the action log shows what an administrator's command did.
const ACTOR: &str = "admin";

/// A root key to be.
pub struct NewRootKey {
    /// What people call it.
    pub name: Name,
    /// What it may do.
    pub permissions: Vec<PermissionName>,
    /// How often.
    pub limit: Limit,
}

/// Makes the key and returns its secret, which is kept nowhere.
pub async fn create(
    store: &Store,
    environment: Environment,
    peppers: &PepperRing,
    mut new: NewRootKey,
) -> anyhow::Result<PlainSecret> {
    let installation = OrganizationId::INSTALLATION;
    let secret = PlainSecret::generate(&Prefix::root(), environment);
    let sealed = NewSecret::new(&secret, peppers.hash(installation, &secret));
    new.permissions.sort_unstable();
    new.permissions.dedup();
    let details = json!({"name": new.name.as_str(), "permissions": &new.permissions, "limits": [&new.limit]});
    let change = KeyChange {
        name: new.name,
        policy: Policy {
            permissions: new.permissions,
            domains: AllOr::All,
            customers: AllOr::All,
            ips: AllOr::All,
            not_before: None,
            expires_at: None,
            limits: vec![new.limit],
        },
        credits: CreditsChange::Keep,
        metadata: Map::new(),
        tags: Vec::new(),
    };
    let scope = installation_scope(environment);
    let origin = Origin { request_id: RequestId::mint(store.now().await?).to_string(), ip: None };
    let mut write = store.write(&scope, &origin).await?;
    let key = write.insert_key(&change, &sealed).await.context("the root key cannot be made")?;
    write.commit(Event::KeyCreated(key.id), details).await?;
    Ok(secret)
}

#[expect(clippy::disallowed_methods, reason = "the server admin acts for the installation, with its database at hand")]
fn installation_scope(environment: Environment) -> Scope {
    Scope::system(ACTOR, environment, OrganizationId::INSTALLATION)
}
