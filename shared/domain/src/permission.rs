//! Permissions: the closed catalogue of our own API, and the names that keys hold.

use crate::validation::{ValidationError, excerpt};

/// Which keys a permission can be granted to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plane {
    /// Root keys and organization keys.
    Organization,
    /// Root keys only.
    Root,
}

macro_rules! permissions {
    ($($variant:ident, $name:literal, $plane:ident, $group:literal, $title:literal, $about:literal;)*) => {
        /// A permission of the Integration API.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Permission { $(#[doc = $about] $variant,)* }

        impl Permission {
            /// The whole catalogue, grouped.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// `resource.action`.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// Which keys it can be granted to.
            pub const fn plane(self) -> Plane {
                match self { $(Self::$variant => Plane::$plane,)* }
            }

            /// The group under which selectors show it.
            pub const fn group(self) -> &'static str {
                match self { $(Self::$variant => $group,)* }
            }

            /// The display name.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)* }
            }

            /// What its holder may do.
            pub const fn about(self) -> &'static str {
                match self { $(Self::$variant => $about,)* }
            }
        }
    };
}

permissions! {
    OrganizationsList, "organizations.list", Root, "Organizations", "Organization List", "List every organization of the environment";
    OrganizationsRead, "organizations.read", Organization, "Organizations", "Organization Read", "See an organization";
    OrganizationsCreate, "organizations.create", Root, "Organizations", "Organization Create", "Create organizations";
    OrganizationsUpdate, "organizations.update", Organization, "Organizations", "Organization Update", "Change an organization";
    OrganizationsSuspend, "organizations.suspend", Root, "Organizations", "Organization Suspend", "Suspend and resume organizations";
    OrganizationsDelete, "organizations.delete", Root, "Organizations", "Organization Delete", "Delete organizations";
    KeysRead, "keys.read", Organization, "API Keys", "API Key Read", "List keys and see their policy and history";
    KeysCreate, "keys.create", Organization, "API Keys", "API Key Create", "Create and import keys";
    KeysUpdate, "keys.update", Organization, "API Keys", "API Key Update", "Change the policy of keys";
    KeysRegenerate, "keys.regenerate", Organization, "API Keys", "API Key Regenerate", "Give keys a new secret and retire old ones";
    KeysRevoke, "keys.revoke", Organization, "API Keys", "API Key Revoke", "Revoke and reactivate keys";
    KeysDelete, "keys.delete", Organization, "API Keys", "API Key Delete", "Delete keys for good";
    KeysVerify, "keys.verify", Organization, "API Keys", "API Key Verify", "Ask for the verdict about a presented key";
    CustomersRead, "customers.read", Organization, "Customers", "Customer Read", "List and see customers";
    CustomersCreate, "customers.create", Organization, "Customers", "Customer Create", "Create customers";
    CustomersUpdate, "customers.update", Organization, "Customers", "Customer Update", "Change customers";
    CustomersSuspend, "customers.suspend", Organization, "Customers", "Customer Suspend", "Suspend and resume customers";
    CustomersDelete, "customers.delete", Organization, "Customers", "Customer Delete", "Delete customers";
    DomainsRead, "domains.read", Organization, "Domains", "Domain Read", "List and see domains";
    DomainsCreate, "domains.create", Organization, "Domains", "Domain Create", "Register domains";
    DomainsCheck, "domains.check", Organization, "Domains", "Domain Check", "Look up the proof of domains";
    DomainsDelete, "domains.delete", Organization, "Domains", "Domain Delete", "Remove domains";
}

impl Permission {
    /// The permission with this name.
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|permission| permission.name() == name)
    }

    /// Says whether `resource` is one of the catalogue's own.
    pub fn is_own_resource(resource: &str) -> bool {
        Self::ALL.iter().any(|permission| permission.name().split_once('.').is_some_and(|(own, _)| own == resource))
    }

    /// Says whether a key of this kind can hold it.
    pub fn is_for(self, kind: crate::policy::KeyKind) -> bool {
        match (self.plane(), kind) {
            (Plane::Organization, _) | (Plane::Root, crate::policy::KeyKind::Root) => true,
            (Plane::Root, crate::policy::KeyKind::Organization) => false,
        }
    }
}

/// A permission as a key holds it: one of the catalogue, one of the organization's own, or `*`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PermissionName(String);

impl PermissionName {
    /// Every permission that a key of its kind can hold.
    pub const WILDCARD: &'static str = "*";

    /// Reads `resource.action` in lower case, or `*`.
    pub fn parse(text: &str) -> Result<Self, ValidationError> {
        if text == Self::WILDCARD {
            return Ok(Self(text.to_owned()));
        }
        let is_word = |word: &str| {
            (1..=48).contains(&word.len())
                && word.starts_with(|c: char| c.is_ascii_lowercase())
                && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-')
        };
        match text.split_once('.') {
            Some((resource, action)) if is_word(resource) && is_word(action) => Ok(Self(text.to_owned())),
            Some(_) | None => Err(ValidationError::new(
                "permission",
                format!("\"{}\" is not a permission; write resource.action in lower case", excerpt(text)),
            )),
        }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Says whether it is `*`.
    pub fn is_wildcard(&self) -> bool {
        self.0 == Self::WILDCARD
    }

    /// Checks that the name is known: in the catalogue for this kind of key, or among the organization's `own`.
    pub fn check_known(&self, kind: crate::policy::KeyKind, own: &[Self]) -> Result<(), ValidationError> {
        match Permission::find(&self.0) {
            _ if self.is_wildcard() || own.contains(self) => Ok(()),
            Some(permission) if permission.is_for(kind) => Ok(()),
            Some(_) => {
                Err(ValidationError::new("permission-plane", format!("{} can be given to root keys only", self.0)))
            }
            None => Err(ValidationError::new("unknown-permission", self.unknown_message(own))),
        }
    }

    fn unknown_message(&self, own: &[Self]) -> String {
        let known = Permission::ALL.iter().map(|p| p.name()).chain(own.iter().map(Self::as_str));
        let near: Vec<&str> = known.filter(|name| strsim::damerau_levenshtein(name, &self.0) <= 3).take(3).collect();
        let name = excerpt(&self.0);
        if near.is_empty() {
            return format!("there is no permission {name}; see GET /v1/permissions");
        }
        format!("there is no permission {name}; did you mean {}?", near.join(", "))
    }
}

impl std::fmt::Display for PermissionName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<Permission> for PermissionName {
    fn from(permission: Permission) -> Self {
        Self(permission.name().to_owned())
    }
}

impl TryFrom<String> for PermissionName {
    type Error = ValidationError;

    fn try_from(text: String) -> Result<Self, ValidationError> {
        Self::parse(&text)
    }
}

impl From<PermissionName> for String {
    fn from(name: PermissionName) -> String {
        name.0
    }
}

/// Says whether `held` covers `wanted`. `*` covers everything, on organization keys only what they can hold.
pub fn holds(held: &[PermissionName], kind: crate::policy::KeyKind, wanted: &PermissionName) -> bool {
    if held.contains(wanted) {
        return true;
    }
    let has_wildcard = held.iter().any(PermissionName::is_wildcard);
    has_wildcard && Permission::find(wanted.as_str()).is_none_or(|permission| permission.is_for(kind))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::KeyKind;

    #[test]
    fn names_are_lower_case_resource_and_action() {
        for good in ["keys.read", "documents.read", "a.b", "*", "line_items.re-open"] {
            assert!(PermissionName::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "keys",
            "Keys.read",
            "keys.READ",
            "keys.",
            ".read",
            "a.b.c",
            "keys.*",
            "*.read",
            "a,b.c",
            "a/b.c",
            "keys.read ",
        ] {
            assert!(PermissionName::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_unknown_name_is_refused_with_the_near_ones() {
        let refusal = PermissionName::parse("keys.raed").expect("shape").check_known(KeyKind::Organization, &[]);
        assert!(refusal.expect_err("unknown").message.contains("keys.read"));
    }

    #[test]
    fn a_root_permission_is_never_for_an_organization_key() {
        let create = PermissionName::from(Permission::OrganizationsCreate);
        assert_eq!(create.check_known(KeyKind::Organization, &[]).expect_err("plane").code, "permission-plane");
        let wildcard = [PermissionName::parse("*").expect("wildcard")];
        assert!(!holds(&wildcard, KeyKind::Organization, &create));
        assert!(holds(&wildcard, KeyKind::Root, &create));
    }

    #[test]
    fn every_name_is_one_of_a_kind() {
        let mut names: Vec<&str> = Permission::ALL.iter().map(|p| p.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Permission::ALL.len());
    }
}
