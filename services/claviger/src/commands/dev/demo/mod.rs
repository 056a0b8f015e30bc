//! Demo data of the first start: two organizations with customers, domains and keys, in each environment.

mod caller;
mod keys;

use anyhow::{Context, bail};
use chrono::{DateTime, TimeDelta, Utc};
use domain::access::Scope;
use domain::environment::Environment;
use domain::event::Event;
use domain::ids::{OrganizationId, RequestId};
use domain::limit::Limit;
use domain::names::{Name, Slug};
use domain::permission::{Permission, PermissionName};
use domain::policy::{AllOr, KeyKind};
use domain::secret::{Pepper, PepperRing};
use futures_util::future::try_join_all;
use serde_json::json;
use store::{DatabaseConfig, NewOrganization, OrganizationRef, Origin, Store};

use self::caller::{Caller, text_at};
use self::keys::{DemoKey, Fate};
use super::folder::Secrets;
use super::ports::Ports;
use super::stores::Reach;
use crate::root_key::{self, NewRootKey};

const ACTOR: &str = "dev";
/// Seven services start beside this.
const PATIENCE_MS: u64 = 10_000;
const OWN_PERMISSIONS: [&str; 2] = ["documents.read", "documents.write"];
/// How soon a key ends that is to have ended.
const EXPIRES_IN: TimeDelta = TimeDelta::seconds(3);
const NORTHWIND: &str = "northwind";

/// What scripts need from the demo data.
pub struct Demo {
    /// The organization `acme`: the same id in every environment.
    pub acme: OrganizationId,
    /// In the order of [`Environment::ALL`].
    pub keys: Vec<DemoKeys>,
}

/// The two secrets of one environment that are kept.
pub struct DemoKeys {
    /// Holds every permission of root keys.
    pub root_key: String,
    /// Of `acme`; holds every permission of organization keys.
    pub organization_key: String,
}

/// The organizations' ids and the instant that dates follow.
struct Plan {
    now: DateTime<Utc>,
    acme: OrganizationId,
    globex: OrganizationId,
}

/// Makes the demo data of every environment.
pub async fn create(ports: Ports, secrets: &Secrets, reaches: &[Reach]) -> anyhow::Result<Demo> {
    let mut stores = Vec::new();
    for reach in reaches {
        let database =
            DatabaseConfig { acquire_timeout_ms: PATIENCE_MS, ..DatabaseConfig::new(&reach.database_url, 2) };
        stores.push(Store::connect(&database).await?);
    }
    for store in &stores {
        if store.find_organization_id(OrganizationRef::Slug(Slug::parse("acme")?)).await?.is_some() {
            bail!(
                "there is data, and no .claviger/dev.json with its keys any more; claviger dev --reset starts afresh"
            );
        }
    }
    let now = stores.first().context("there is no environment")?.now().await?;
    let plan = Plan { now, acme: OrganizationId::mint(now), globex: OrganizationId::mint(now) };
    let fill = Environment::ALL.into_iter().zip(&stores).map(|(environment, store)| {
        let own = secrets.of(environment);
        let caller = Caller::new(ports.api(environment), ports.keys(environment), &own.keys_token);
        fill(environment, store, &own.pepper, caller, &plan)
    });
    let keys = try_join_all(fill).await.context("the demo data cannot be made")?;
    for store in stores {
        store.close().await;
    }
    Ok(Demo { acme: plan.acme, keys })
}

async fn fill(
    environment: Environment,
    store: &Store,
    pepper: &str,
    caller: anyhow::Result<Caller>,
    plan: &Plan,
) -> anyhow::Result<DemoKeys> {
    insert_organization(store, environment, plan.acme, ("acme", "Acme Inc.")).await?;
    insert_organization(store, environment, plan.globex, ("globex", "Globex Corporation")).await?;
    let pepper = data_encoding::BASE64.decode(pepper.as_bytes()).context("a pepper that is not base64")?;
    let ring = PepperRing::new(Pepper::new(super::configs::PEPPER_ID, pepper)?, Vec::new());
    let root = NewRootKey {
        name: Name::parse("Demo root key")?,
        permissions: vec![PermissionName::parse(PermissionName::WILDCARD)?],
        limit: Limit { name: "requests".to_owned(), limit: 1_000_000, window_ms: 60_000, auto: true },
        lifetime: None,
        ips: AllOr::All,
    };
    let (_, root_key) = root_key::create(store, environment, &ring, root).await?;
    let mut caller = caller?;
    root_key.expose().clone_into(&mut caller.credential);
    fill_globex(&caller).await?;
    let organization_key = fill_acme(store, &caller, plan.now).await?;
    Ok(DemoKeys { root_key: caller.credential, organization_key })
}

/// Inserted directly, because the API gives an organization a different id in each environment.
async fn insert_organization(
    store: &Store,
    environment: Environment,
    id: OrganizationId,
    (slug, name): (&str, &str),
) -> anyhow::Result<()> {
    let new = NewOrganization {
        name: Name::parse(name)?,
        slug: Slug::parse(slug)?,
        permissions: OWN_PERMISSIONS.into_iter().map(PermissionName::parse).collect::<Result<_, _>>()?,
        limits: Vec::new(),
        default_limits: vec![Limit::platform_default()],
    };
    let origin = Origin { request_id: RequestId::mint(store.now().await?).to_string(), ip: None };
    let mut write = store.write(&demo_scope(environment, id), &origin).await?;
    write.insert_organization(&new).await?;
    write.commit(Event::of("organization.created", id).with("slug", slug).with("name", name)).await?;
    Ok(())
}

async fn fill_acme(store: &Store, caller: &Caller, now: DateTime<Utc>) -> anyhow::Result<String> {
    fill_customers(caller).await?;
    let names = ["shop.example.com", "www.example.com", "api.example.com", "*.eu.example.com", "bücher.example.com"];
    for name in names {
        caller.post("acme/domains", json!({"name": name})).await?;
    }
    for key in keys::all(now, NORTHWIND) {
        make(store, caller, key).await?;
    }
    let grantable = Permission::ALL.iter().filter(|permission| permission.is_for(KeyKind::Organization));
    let permissions: Vec<&str> = grantable.map(|permission| permission.name()).chain(OWN_PERMISSIONS).collect();
    let limits = json!([{"name": "requests", "limit": 1_000_000, "window_ms": 60_000}]);
    let everything = json!({"name": "Demo organization key", "permissions": permissions, "limits": limits});
    let made = caller.post("acme/keys", everything).await?;
    Ok(text_at(&made, "/secret")?.to_owned())
}

async fn fill_customers(caller: &Caller) -> anyhow::Result<()> {
    let limits = json!([{"name": "requests", "limit": 5_000, "window_ms": 60_000}]);
    for (name, external_id, metadata) in [
        ("Northwind Traders", NORTHWIND, json!({"plan": "enterprise"})),
        ("Initech", "initech", json!({"plan": "team"})),
        ("Hooli", "hooli", json!({"plan": "enterprise", "region": "us"})),
        ("Contoso", "contoso", json!({})),
        ("Fabrikam", "fabrikam", json!({"plan": "trial"})),
    ] {
        let body = json!({"name": name, "external_id": external_id, "metadata": metadata, "limits": limits});
        caller.post("acme/customers", body).await?;
    }
    caller.post("acme/customers/fabrikam/suspend", json!({})).await.map(drop)
}

/// Makes a key, and does with it what becomes of it.
async fn make(store: &Store, caller: &Caller, DemoKey { mut body, fate }: DemoKey) -> anyhow::Result<()> {
    if fate == Fate::Expired {
        // The API makes no key whose end has come.
        body["expires_at"] = json!(keys::instant(store.now().await? + EXPIRES_IN));
    }
    let (domain, customer) = (body["domains"][0].clone(), body["customers"][0].clone());
    let address = body["ips"][0].as_str().map_or("198.51.100.20", |_| "192.0.2.17").to_owned();
    let made = caller.post("acme/keys", body).await?;
    match fate {
        Fate::Used => {
            let mut question = json!({"key": text_at(&made, "/secret")?, "client_ip": address});
            for (name, value) in [("domain", domain), ("customer", customer)] {
                if !value.is_null() {
                    question[name] = value;
                }
            }
            caller.verify(question).await
        }
        Fate::Revoked(reason) => {
            let id = text_at(&made, "/key/id")?;
            let why = json!({"reason": reason, "note": "Part of the demo"});
            caller.post(&format!("acme/keys/{id}/revoke"), why).await.map(drop)
        }
        Fate::Unused | Fate::Expired => Ok(()),
    }
}

async fn fill_globex(caller: &Caller) -> anyhow::Result<()> {
    caller.post("globex/customers", json!({"name": "Umbrella", "external_id": "umbrella"})).await?;
    caller.post("globex/domains", json!({"name": "globex.example.com"})).await?;
    let key = json!({"name": "Back Office", "permissions": ["customers.read", "documents.read"]});
    caller.post("globex/keys", key).await.map(drop)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the demo's organizations have the same id in every environment, which no API can give them"
)]
fn demo_scope(environment: Environment, organization: OrganizationId) -> Scope {
    Scope::system(ACTOR, environment, organization)
}
