//! The console's own operations, one file or folder per resource.

pub mod account;
pub mod admin;
pub mod invites;
pub mod login_page;
pub mod members;
pub mod organizations;
pub mod security;
pub mod session;
pub mod sign_ins;

use std::sync::LazyLock;

use crate::operation::{self, Descriptor, Route};

/// Puts the resources together: their routes, and their tables of operations.
macro_rules! resources {
    ($($($part:ident)::+;)+) => {
        /// All resources of the console.
        pub type Apis = resources!(@type $([$($part)+])+);

        /// All resources of the console.
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
    session;
    account;
    account::factors;
    organizations;
    organizations::directory;
    organizations::standing;
    members;
    invites;
    security;
    login_page;
    sign_ins;
    admin::users;
    admin::installation;
}

/// Every operation of the console with its method and path.
pub static ROUTES: LazyLock<Vec<Route>> = LazyLock::new(|| operation::routes::<Apis>(TABLES));

/// The groups of the documentation.
#[derive(poem_openapi::Tags)]
pub enum Tags {
    /// Who is signed in, and where they belong to.
    Session,
    /// A person's own account.
    Account,
    /// Organizations across the environments.
    Organizations,
    /// Who belongs to an organization.
    Members,
    /// What server admins do.
    #[oai(rename = "Server Admin")]
    ServerAdmin,
}
