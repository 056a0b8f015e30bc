//! One environment's Integration API as a test sees it: a client for each role.

use domain::ids::OrganizationId;
use serde_json::{Value, json};

use crate::answer::{Answer, Client};
use crate::world::EnvironmentWorld;

/// The Integration API of one environment.
#[derive(Debug, Clone, Copy)]
pub struct Api<'w> {
    pub(crate) environment: &'w EnvironmentWorld,
}

impl EnvironmentWorld {
    /// The key service as the Integration API asks it, with the internal token.
    pub fn internal_keys(&self) -> Client {
        self.keys.first().expect("a world has a replica").with(&self.internal_token)
    }
}

impl Api<'_> {
    /// Without credentials.
    pub fn anonymous(self) -> Client {
        self.environment.api.clone()
    }

    /// With a root key that holds every permission.
    pub fn root_key(self) -> Client {
        self.environment.api.with(&self.environment.root_key)
    }

    /// With a key of `acme` that holds every permission that it can.
    pub fn organization_key(self) -> Client {
        self.environment.api.with(&self.environment.organization_key)
    }

    /// With the same of `globex`.
    pub fn other_organization(self) -> Client {
        self.environment.api.with(&self.environment.other_organization_key)
    }

    /// With any secret.
    pub fn with(self, secret: &str) -> Client {
        self.environment.api.with(secret)
    }

    /// Makes a key of `acme` through the API and answers as it does: `/key/…` and `/secret`.
    pub async fn create_key(self, body: &Value) -> Answer {
        self.root_key().post("/v1/organizations/acme/keys", body).await.expect(201)
    }

    /// With a new key of `acme` that holds exactly these permissions.
    pub async fn with_permissions(self, permissions: &[&str]) -> Client {
        let name = format!("holds {}", permissions.join(" ").chars().take(80).collect::<String>());
        let made = self.create_key(&json!({"name": name, "permissions": permissions})).await;
        self.with(made.text("/secret"))
    }

    /// The path of something of an organization.
    pub fn path(self, organization: OrganizationId, rest: &str) -> String {
        format!("/v1/organizations/{organization}/{rest}")
    }
}
