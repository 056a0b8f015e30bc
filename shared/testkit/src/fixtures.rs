//! What is in every world: two organizations, and keys for each role, written as an administrator's command would.

use anyhow::Context;
use domain::access::Scope;
use domain::environment::Environment;
use domain::event::Event;
use domain::ids::{KeyId, OrganizationId};
use domain::limit::Limit;
use domain::names::{Name, Slug};
use domain::permission::{Permission, PermissionName};
use domain::policy::{AllOr, KeyKind, Policy};
use domain::secret::{PepperRing, PlainSecret, Prefix};
use serde_json::Map;
use store::{CreditsChange, KeyChange, NewOrganization, NewSecret, Origin, Store};

/// The limit of the keys that hold every permission: out of every test's way.
pub const EVERYTHING_LIMIT: u64 = 1_000_000;
/// The permissions of the organizations' own APIs.
pub(crate) const OWN_PERMISSIONS: [&str; 2] = ["documents.read", "documents.write"];

const ACTOR: &str = "testkit";

/// Writes rows of one environment without asking its API.
pub(crate) struct Fixtures<'a> {
    pub(crate) environment: Environment,
    pub(crate) store: &'a Store,
    pub(crate) peppers: &'a PepperRing,
}

/// A key that a fixture made.
pub(crate) struct FixtureKey {
    pub(crate) id: KeyId,
    pub(crate) secret: String,
}

impl Fixtures<'_> {
    pub(crate) async fn insert_organization(&self, id: OrganizationId, slug: &str) -> anyhow::Result<()> {
        let new = NewOrganization {
            name: Name::parse(slug)?,
            slug: Slug::parse(slug)?,
            permissions: own_permissions(),
            limits: Vec::new(),
            default_limits: vec![Limit::platform_default()],
        };
        let mut write = self.store.write(&self.scope(id), &origin()).await?;
        write.insert_organization(&new).await?;
        write.commit(Event::of("organization.created", id).with("slug", slug)).await?;
        Ok(())
    }

    /// A key that holds everything that a key of this organization can hold; a root key in the installation.
    pub(crate) async fn insert_key(&self, organization: OrganizationId, name: &str) -> anyhow::Result<FixtureKey> {
        let kind = if organization.is_installation() { KeyKind::Root } else { KeyKind::Organization };
        let catalogue = Permission::ALL.iter().copied().filter(|permission| permission.is_for(kind));
        let mut permissions: Vec<PermissionName> = catalogue.map(PermissionName::from).collect();
        match kind {
            KeyKind::Organization => permissions.extend(own_permissions()),
            // What organizations have of their own is held by a wildcard alone.
            KeyKind::Root => permissions.push(PermissionName::parse(PermissionName::WILDCARD)?),
        }
        permissions.sort_unstable();
        let prefix = match kind {
            KeyKind::Organization => Prefix::organization(),
            KeyKind::Root => Prefix::root(),
        };
        let secret = PlainSecret::generate(&prefix, self.environment);
        let sealed = NewSecret::new(self.peppers, organization, &secret);
        let change = KeyChange {
            name: Name::parse(name)?,
            policy: Policy {
                permissions,
                domains: AllOr::All,
                customers: AllOr::All,
                ips: AllOr::All,
                not_before: None,
                expires_at: None,
                limits: vec![Limit {
                    name: "requests".to_owned(),
                    limit: EVERYTHING_LIMIT,
                    window_ms: 60_000,
                    auto: true,
                }],
            },
            roles: Vec::new(),
            permissions_since: 0,
            credits: CreditsChange::Keep,
            metadata: Map::new(),
            tags: Vec::new(),
        };
        let mut write = self.store.write(&self.scope(organization), &origin()).await?;
        let key = write.insert_key(&change, &sealed).await.context("inserting a key")?;
        write.commit(Event::of("key.created", key.id).with("name", name)).await?;
        Ok(FixtureKey { id: key.id, secret: secret.expose().to_owned() })
    }

    #[expect(clippy::disallowed_methods, reason = "a fixture is what an administrator's command would have written")]
    fn scope(&self, organization: OrganizationId) -> Scope {
        Scope::system(ACTOR, self.environment, organization)
    }
}

fn own_permissions() -> Vec<PermissionName> {
    OWN_PERMISSIONS.iter().map(|name| PermissionName::parse(name).expect("the fixtures name permissions")).collect()
}

fn origin() -> Origin {
    Origin { request_id: "req_testkit".to_owned(), ip: None }
}
