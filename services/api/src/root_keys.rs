//! What makes a root key, for a server admin who is signed in to the console and for the commands of the installation alike.

use chrono::{DateTime, Utc};
use domain::addresses::IpRule;
use domain::environment::Environment;
use domain::ids::OrganizationId;
use domain::limit::Limit;
use domain::names::Name;
use domain::permission::PermissionName;
use domain::policy::{AllOr, KeyKind, Policy};
use domain::secret::{PepperRing, PlainSecret, Prefix};
use domain::validation::ValidationError;
use serde_json::Map;
use store::{CreditsChange, Key, KeyChange, NewSecret, Write};

/// What the action log calls a root key's beginning.
pub const CREATED: &str = "root-key.created";
/// What it calls its end.
pub const REVOKED: &str = "root-key.revoked";
/// What it calls a new secret.
pub const REGENERATED: &str = "root-key.regenerated";

/// How long a root key is valid unless something else is asked for, in days.
pub const LIFETIME_DAYS: i64 = 90;

/// The most that a root key can be.
#[derive(Debug, Clone)]
pub struct RootKeyPolicy {
    /// What people call it.
    pub name: Name,
    /// What it may do.
    pub permissions: Vec<PermissionName>,
    /// How often; none for without limits.
    pub limits: Vec<Limit>,
    /// Not valid before.
    pub not_before: Option<DateTime<Utc>>,
    /// Not valid from this instant on; `None` for a key without an end.
    pub expires_at: Option<DateTime<Utc>>,
    /// The addresses from which it is accepted.
    pub ips: AllOr<IpRule>,
}

impl RootKeyPolicy {
    /// What a row becomes by it.
    pub fn change(self) -> KeyChange {
        let mut permissions = self.permissions;
        permissions.sort_unstable();
        permissions.dedup();
        KeyChange {
            name: self.name,
            policy: Policy {
                permissions,
                domains: AllOr::All,
                customers: AllOr::All,
                ips: self.ips,
                not_before: self.not_before,
                expires_at: self.expires_at,
                limits: self.limits,
            },
            roles: Vec::new(),
            permissions_since: 0,
            credits: CreditsChange::Keep,
            metadata: Map::new(),
            tags: Vec::new(),
        }
    }
}

/// A permission of the catalogue, or a wildcard over it.
pub fn read_permission(text: &str) -> Result<PermissionName, ValidationError> {
    let name = PermissionName::parse(text)?;
    name.check_known(KeyKind::Root, &[])?;
    Ok(name)
}

/// Makes a root key in the installation's rows; its secret is stored nowhere.
pub async fn insert(
    write: &mut Write,
    (environment, peppers): (Environment, &PepperRing),
    new: RootKeyPolicy,
) -> Result<(Key, PlainSecret), store::Error> {
    let (secret, sealed) = mint(environment, peppers);
    let key = write.insert_key(&new.change(), &sealed).await?;
    Ok((key, secret))
}

/// A secret of a root key, and what is stored of it.
pub fn mint(environment: Environment, peppers: &PepperRing) -> (PlainSecret, NewSecret) {
    let secret = PlainSecret::generate(&Prefix::root(), environment);
    let sealed = NewSecret::new(peppers, OrganizationId::INSTALLATION, &secret);
    (secret, sealed)
}
