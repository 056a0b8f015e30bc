//! One folder per resource; the folder's name is the path's.

pub mod customers;
pub mod domains;
pub mod keys;
pub mod limits;
pub mod logs;
pub mod organizations;
pub mod permissions;
pub mod policy;
pub mod receipts;
pub mod roles;
pub mod root_keys;
pub mod verifier;
pub mod verify;
pub mod whoami;

use std::sync::LazyLock;

use crate::operation::{self, Descriptor, Route};

/// Puts the resources together: their routes, and their tables of operations.
macro_rules! resources {
    ($($($part:ident)::+;)+) => {
        /// All resources of the API.
        pub type Apis = resources!(@type $([$($part)+])+);

        /// All resources of the API.
        pub const APIS: Apis = resources!(@value $([$($part)+])+);

        /// The operations of each resource, as they are declared.
        const TABLES: &[&[&Descriptor]] = &[$($($part::)+OPERATIONS),+];
    };
    (@type) => { () };
    (@type [$($part:ident)+] $($rest:tt)*) => { ($($part::)+Api, resources!(@type $($rest)*)) };
    (@value) => { () };
    (@value [$($part:ident)+] $($rest:tt)*) => { ($($part::)+Api, resources!(@value $($rest)*)) };
}

resources! {
    whoami;
    permissions;
    permissions::own;
    roles;
    organizations;
    policy;
    root_keys;
    keys;
    keys::credits;
    keys::import;
    keys::bulk;
    keys::lifecycle;
    keys::secrets;
    receipts;
    verify;
    verifier;
    limits;
    customers;
    domains;
    logs;
}

/// Every operation of the Integration API with its method and path.
pub static ROUTES: LazyLock<Vec<Route>> = LazyLock::new(|| operation::routes::<Apis>(TABLES));

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
    /// Keys of another system that go on working here, one after the other.
    Adoption,
    /// Limits that hang on no key.
    Limits,
    /// An organization's own customers.
    Customers,
    /// Host names that an organization has registered.
    Domains,
    /// What an organization's keys may do in its own API.
    Permissions,
    /// Named sets of permissions that an organization gives to its keys.
    Roles,
    /// What an organization demands of its keys.
    Policy,
    /// Who changed what.
    Logs,
    /// Keys across organizations.
    #[oai(rename = "Root API Keys")]
    RootKeys,
}
