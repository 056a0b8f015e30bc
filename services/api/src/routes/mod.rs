//! One file per resource; the file's name is the path's.

pub mod customers;
pub mod domains;
pub mod keys;
pub mod organizations;
pub mod receipts;
pub mod verify;
pub mod whoami;

use std::sync::Arc;

use crate::app::App;

/// All resources of the API.
pub type Apis = (
    whoami::WhoamiApi,
    organizations::OrganizationsApi,
    keys::KeysApi,
    keys::lifecycle::LifecycleApi,
    keys::secrets::SecretsApi,
    receipts::ReceiptsApi,
    verify::VerifyApi,
    customers::CustomersApi,
    domains::DomainsApi,
);

/// The resources over one deployment's dependencies.
pub fn apis(app: &Arc<App>) -> Apis {
    let app = || Arc::clone(app);
    (
        whoami::WhoamiApi { app: app() },
        organizations::OrganizationsApi { app: app() },
        keys::KeysApi { app: app() },
        keys::lifecycle::LifecycleApi { app: app() },
        keys::secrets::SecretsApi { app: app() },
        receipts::ReceiptsApi { app: app() },
        verify::VerifyApi { app: app() },
        customers::CustomersApi { app: app() },
        domains::DomainsApi { app: app() },
    )
}

/// The groups of the documentation.
#[derive(poem_openapi::Tags)]
pub enum Tags {
    /// What the presented credential is and may do.
    Caller,
    /// Tenants of this environment.
    Organizations,
    /// API keys and their secrets.
    #[oai(rename = "API Keys")]
    Keys,
    /// The question that a guard asks about a presented key.
    Verification,
    /// An organization's own customers.
    Customers,
    /// Host names that an organization has registered.
    Domains,
}
