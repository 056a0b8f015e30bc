//! Demo data of the first start: two organizations with customers, domains and keys, in each environment.

use std::time::Duration;

use anyhow::{Context, bail};
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
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
use serde_json::{Value, json};
use store::{DatabaseConfig, NewOrganization, OrganizationRef, Origin, Store};

use super::folder::Secrets;
use super::ports::Ports;
use super::stores::Reach;
use crate::root_key::{self, NewRootKey};

const ACTOR: &str = "dev";
/// Seven services start beside this.
const PATIENCE_MS: u64 = 10_000;
const OWN_PERMISSIONS: [&str; 2] = ["documents.read", "documents.write"];
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
        let pepper = &secrets.of(environment).pepper;
        fill(environment, store, pepper, Caller::new(ports.api(environment)), &plan)
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
    let caller = Caller { credential: root_key.expose().to_owned(), ..caller? };
    fill_globex(&caller).await?;
    let organization_key = fill_acme(&caller, plan.now).await?;
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

async fn fill_acme(caller: &Caller, now: DateTime<Utc>) -> anyhow::Result<String> {
    for (name, external_id) in [("Northwind Traders", NORTHWIND), ("Initech", "initech"), ("Hooli", "hooli")] {
        caller.post("acme/customers", json!({"name": name, "external_id": external_id})).await?;
    }
    for name in ["shop.example.com", "www.example.com", "api.example.com"] {
        caller.post("acme/domains", json!({"name": name})).await?;
    }
    let every_day = json!([
        {"name": "requests", "limit": 100, "window_ms": 60_000},
        {"name": "daily", "limit": 10_000, "window_ms": 86_400_000},
    ]);
    let soon = (now + TimeDelta::days(30)).to_rfc3339_opts(SecondsFormat::Micros, true);
    for key in [
        json!({"name": "Main Website Integration", "permissions": ["documents.read"],
            "domains": ["shop.example.com", "www.example.com"], "tags": ["website"]}),
        json!({"name": "Northwind Reporting", "permissions": ["documents.read", "customers.read"],
            "customers": [NORTHWIND], "limits": every_day, "metadata": {"team": "reporting"}}),
        json!({"name": "Office Scripts", "permissions": ["documents.read", "documents.write"],
            "ips": ["192.0.2.0/24", "2001:db8::/32"]}),
        json!({"name": "Trial", "permissions": ["documents.read"], "expires_at": soon, "credits": {"remaining": 500}}),
        json!({"name": "Next Release", "permissions": ["documents.write"], "not_before": soon}),
    ] {
        caller.post("acme/keys", key).await?;
    }
    let old = caller.post("acme/keys", json!({"name": "Old Mobile App", "permissions": ["documents.read"]})).await?;
    let old = text_at(&old, "/key/id")?;
    let why = json!({"reason": "superseded", "note": "Replaced by the new app"});
    caller.post(&format!("acme/keys/{old}/revoke"), why).await?;

    let grantable = Permission::ALL.iter().filter(|permission| permission.is_for(KeyKind::Organization));
    let permissions: Vec<&str> = grantable.map(|permission| permission.name()).chain(OWN_PERMISSIONS).collect();
    let limits = json!([{"name": "requests", "limit": 1_000_000, "window_ms": 60_000}]);
    let everything = json!({"name": "Demo organization key", "permissions": permissions, "limits": limits});
    let made = caller.post("acme/keys", everything).await?;
    Ok(text_at(&made, "/secret")?.to_owned())
}

async fn fill_globex(caller: &Caller) -> anyhow::Result<()> {
    caller.post("globex/customers", json!({"name": "Umbrella", "external_id": "umbrella"})).await?;
    caller.post("globex/domains", json!({"name": "globex.example.com"})).await?;
    let key = json!({"name": "Back Office", "permissions": ["customers.read", "documents.read"]});
    caller.post("globex/keys", key).await.map(drop)
}

/// A caller of one environment's API.
struct Caller {
    http: reqwest::Client,
    organizations: String,
    credential: String,
}

impl Caller {
    fn new(port: u16) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(10)).build()?;
        Ok(Self { http, organizations: format!("http://127.0.0.1:{port}/v1/organizations"), credential: String::new() })
    }

    async fn post(&self, path: &str, body: Value) -> anyhow::Result<Value> {
        let request = self.http.post(format!("{}/{path}", self.organizations)).bearer_auth(&self.credential);
        let response = request.json(&body).send().await?;
        let status = response.status();
        if !status.is_success() {
            bail!("POST {path} answered {status}: {}", response.text().await?);
        }
        Ok(response.json().await?)
    }
}

fn text_at<'v>(value: &'v Value, pointer: &str) -> anyhow::Result<&'v str> {
    value.pointer(pointer).and_then(Value::as_str).with_context(|| format!("an answer without {pointer}"))
}

#[expect(
    clippy::disallowed_methods,
    reason = "the demo's organizations have the same id in every environment, which no API can give them"
)]
fn demo_scope(environment: Environment, organization: OrganizationId) -> Scope {
    Scope::system(ACTOR, environment, organization)
}
