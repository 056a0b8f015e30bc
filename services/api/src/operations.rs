//! The route table: every operation with its permission. What a request needs is looked up here and nowhere else.
//!
//! A route without a row refuses every request, and the access matrix enumerates the rows.

use domain::permission::Permission;

/// What a caller must show before an operation is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Any proven caller.
    Any,
    /// A proven caller that holds the permission.
    Holds(Permission),
    /// The same, and the organization in the path must be one that it reaches.
    Within(Permission),
}

/// What an operation does to the platform, as far as a lost Redis is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    /// Goes on with local limits.
    Usual,
    /// Makes credentials: refused while limits cannot be shared.
    Strict,
}

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Operation {
    /// The operation id of the OpenAPI document.
    pub id: &'static str,
    /// The HTTP method.
    pub method: &'static str,
    /// The path as routes write it.
    pub path: &'static str,
    /// What the caller must show.
    pub access: Access,
    /// How it behaves without Redis.
    pub weight: Weight,
}

const fn row(id: &'static str, method: &'static str, path: &'static str, access: Access) -> Operation {
    Operation { id, method, path, access, weight: Weight::Usual }
}

const fn strict(operation: Operation) -> Operation {
    Operation { weight: Weight::Strict, ..operation }
}

use Access::{Any, Holds, Within};
use Permission as P;

/// Every operation of the Integration API.
#[rustfmt::skip]
pub const OPERATIONS: &[Operation] = &[
    row("whoami", "GET", "/v1/whoami", Any),
    row("list_permissions", "GET", "/v1/permissions", Any),
    row("list_organizations", "GET", "/v1/organizations", Holds(P::OrganizationsList)),
    row("create_organization", "POST", "/v1/organizations", Holds(P::OrganizationsCreate)),
    row("find_organization", "GET", "/v1/organizations/:organization", Within(P::OrganizationsRead)),
    row("update_organization", "PATCH", "/v1/organizations/:organization", Within(P::OrganizationsUpdate)),
    row("delete_organization", "DELETE", "/v1/organizations/:organization", Within(P::OrganizationsDelete)),
    row("suspend_organization", "POST", "/v1/organizations/:organization/suspend", Within(P::OrganizationsSuspend)),
    row("resume_organization", "POST", "/v1/organizations/:organization/resume", Within(P::OrganizationsSuspend)),
    row("list_keys", "GET", "/v1/organizations/:organization/keys", Within(P::KeysRead)),
    strict(row("create_key", "POST", "/v1/organizations/:organization/keys", Within(P::KeysCreate))),
    strict(row("import_key", "POST", "/v1/organizations/:organization/keys/import", Within(P::KeysCreate))),
    row("find_key", "GET", "/v1/organizations/:organization/keys/:key", Within(P::KeysRead)),
    row("update_key", "PATCH", "/v1/organizations/:organization/keys/:key", Within(P::KeysUpdate)),
    row("delete_key", "DELETE", "/v1/organizations/:organization/keys/:key", Within(P::KeysDelete)),
    row("revoke_key", "POST", "/v1/organizations/:organization/keys/:key/revoke", Within(P::KeysRevoke)),
    row("reactivate_key", "POST", "/v1/organizations/:organization/keys/:key/reactivate", Within(P::KeysRevoke)),
    strict(row("regenerate_key", "POST", "/v1/organizations/:organization/keys/:key/regenerate", Within(P::KeysRegenerate))),
    row("list_secrets", "GET", "/v1/organizations/:organization/keys/:key/secrets", Within(P::KeysRead)),
    row("retire_secret", "POST", "/v1/organizations/:organization/keys/:key/secrets/:secret/retire", Within(P::KeysRegenerate)),
    row("find_receipt", "GET", "/v1/organizations/:organization/receipts/:receipt", Within(P::KeysRead)),
    row("verify_key", "POST", "/v1/keys/verify", Holds(P::KeysVerify)),
    row("verify_keys", "POST", "/v1/keys/verify-batch", Holds(P::KeysVerify)),
    row("list_customers", "GET", "/v1/organizations/:organization/customers", Within(P::CustomersRead)),
    row("create_customer", "POST", "/v1/organizations/:organization/customers", Within(P::CustomersCreate)),
    row("find_customer", "GET", "/v1/organizations/:organization/customers/:customer", Within(P::CustomersRead)),
    row("update_customer", "PATCH", "/v1/organizations/:organization/customers/:customer", Within(P::CustomersUpdate)),
    row("delete_customer", "DELETE", "/v1/organizations/:organization/customers/:customer", Within(P::CustomersDelete)),
    row("suspend_customer", "POST", "/v1/organizations/:organization/customers/:customer/suspend", Within(P::CustomersSuspend)),
    row("resume_customer", "POST", "/v1/organizations/:organization/customers/:customer/resume", Within(P::CustomersSuspend)),
    row("list_customer_keys", "GET", "/v1/organizations/:organization/customers/:customer/keys", Within(P::KeysRead)),
    row("list_domains", "GET", "/v1/organizations/:organization/domains", Within(P::DomainsRead)),
    row("create_domain", "POST", "/v1/organizations/:organization/domains", Within(P::DomainsCreate)),
    row("find_domain", "GET", "/v1/organizations/:organization/domains/:domain", Within(P::DomainsRead)),
    row("check_domain", "POST", "/v1/organizations/:organization/domains/:domain/check", Within(P::DomainsCheck)),
    row("delete_domain", "DELETE", "/v1/organizations/:organization/domains/:domain", Within(P::DomainsDelete)),
];

/// A parameter of a list.
#[derive(Debug, Clone, Copy)]
pub struct Parameter {
    /// Its name in the query.
    pub name: &'static str,
    /// Its JSON type in the document.
    pub kind: &'static str,
    /// What it does, for the document.
    pub about: &'static str,
}

const PAGING: &[Parameter] = &[
    Parameter { name: "limit", kind: "integer", about: "Items per page, 1 to 200; 50 when left out." },
    Parameter { name: "cursor", kind: "string", about: "The next_cursor of the page before." },
];
const TEXT: &[Parameter] = &[Parameter { name: "text", kind: "string", about: "Only those whose name has this text." }];
const KEY_FILTERS: &[Parameter] = &[
    Parameter { name: "status", kind: "string", about: "Only active, inactive, expired or scheduled keys." },
    Parameter { name: "customer", kind: "string", about: "Only keys limited to this customer (id or external id)." },
    Parameter { name: "permission", kind: "string", about: "Only keys that hold this permission." },
    Parameter { name: "tag", kind: "string", about: "Only keys with this tag." },
    Parameter {
        name: "text",
        kind: "string",
        about: "Only keys with this text in their name, or known by it: the beginning of a hint or of a public id, or last four characters.",
    },
    Parameter { name: "expires_before", kind: "date-time", about: "Only keys that end before this instant." },
    Parameter { name: "unused_since", kind: "date-time", about: "Only keys not used since this instant, or never." },
];

impl Operation {
    /// The parameters that the operation takes in its query.
    pub fn parameters(&self) -> impl Iterator<Item = &'static Parameter> + use<> {
        let filters: &[Parameter] = match self.id {
            "list_keys" => KEY_FILTERS,
            "list_organizations" | "list_customers" | "list_domains" => TEXT,
            _ => &[],
        };
        let is_paged = self.id.starts_with("list_") && !matches!(self.id, "list_permissions" | "list_secrets");
        let paging: &[Parameter] = if is_paged { PAGING } else { &[] };
        paging.iter().chain(filters)
    }

    /// The row of a route. The names of parameters do not count: the framework has its own for them.
    pub fn find(method: &str, path: &str) -> Option<&'static Self> {
        OPERATIONS.iter().find(|operation| operation.method == method && is_same_path(operation.path, path))
    }

    /// The permission that the operation needs, if it needs one.
    pub const fn permission(&self) -> Option<Permission> {
        match self.access {
            Any => None,
            Holds(permission) | Within(permission) => Some(permission),
        }
    }
}

fn is_same_path(one: &str, other: &str) -> bool {
    let (mut one, mut other) = (one.split('/'), other.split('/'));
    loop {
        match (one.next(), other.next()) {
            (None, None) => return true,
            (Some(a), Some(b)) if a == b || a.starts_with(':') && b.starts_with(':') => {}
            (_, _) => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogue_is_what_the_routes_need() {
        for permission in Permission::ALL {
            let is_needed = OPERATIONS.iter().any(|operation| operation.permission() == Some(*permission));
            assert!(is_needed, "{} is needed by no route", permission.name());
        }
    }

    #[test]
    fn a_path_with_an_organization_is_held_within_it() {
        for operation in OPERATIONS {
            let names_one = operation.path.contains(":organization");
            assert_eq!(names_one, matches!(operation.access, Within(_)), "{}", operation.id);
        }
    }
}
