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
    LimitsRead, "limits.read", Organization, "Limits", "Limit Read", "List the namespaces of limits with their overrides";
    LimitsUpdate, "limits.update", Organization, "Limits", "Limit Update", "Set the namespaces of limits and their overrides";
    LimitsDelete, "limits.delete", Organization, "Limits", "Limit Delete", "Delete the namespaces of limits and their overrides";
    LimitsSpend, "limits.spend", Organization, "Limits", "Limit Spend", "Spend limits without a key, and name limits in questions about keys";
    ImportsRead, "imports.read", Organization, "Imports", "Import Read", "See the verifier that keys are adopted from, and what came of asking it";
    ImportsUpdate, "imports.update", Organization, "Imports", "Import Update", "Set the verifier that keys are adopted from";
    ImportsDelete, "imports.delete", Organization, "Imports", "Import Delete", "Stop adopting keys";
    CustomersRead, "customers.read", Organization, "Customers", "Customer Read", "List and see customers";
    CustomersCreate, "customers.create", Organization, "Customers", "Customer Create", "Create customers";
    CustomersUpdate, "customers.update", Organization, "Customers", "Customer Update", "Change customers";
    CustomersSuspend, "customers.suspend", Organization, "Customers", "Customer Suspend", "Suspend and resume customers";
    CustomersDelete, "customers.delete", Organization, "Customers", "Customer Delete", "Delete customers";
    DomainsRead, "domains.read", Organization, "Domains", "Domain Read", "List and see domains";
    DomainsCreate, "domains.create", Organization, "Domains", "Domain Create", "Register domains";
    DomainsCheck, "domains.check", Organization, "Domains", "Domain Check", "Look up the proof of domains";
    DomainsDelete, "domains.delete", Organization, "Domains", "Domain Delete", "Remove domains";
    PolicyRead, "policy.read", Organization, "Policy", "Policy Read", "See what the organization demands of its keys, and the keys that break it";
    PolicyUpdate, "policy.update", Organization, "Policy", "Policy Update", "Change what the organization demands of its keys";
    LogsRead, "logs.read", Organization, "Logs", "Log Read", "See who changed what";
    PermissionsRead, "permissions.read", Organization, "Permissions", "Permission Read", "List the permissions of the organization's own API";
    PermissionsCreate, "permissions.create", Organization, "Permissions", "Permission Create", "Add permissions of the organization's own API";
    PermissionsDelete, "permissions.delete", Organization, "Permissions", "Permission Delete", "Give up permissions of the organization's own API";
    RolesRead, "roles.read", Organization, "Roles", "Role Read", "List and see roles";
    RolesCreate, "roles.create", Organization, "Roles", "Role Create", "Create roles";
    RolesUpdate, "roles.update", Organization, "Roles", "Role Update", "Change roles";
    RolesDelete, "roles.delete", Organization, "Roles", "Role Delete", "Delete roles";
}

/// The resources of this API, those to come included: no organization names a permission of its own under one of them.
/// The list is closed. Migration 20261130120000 reports what was named before.
pub const RESERVED: [&str; 21] = [
    "organizations",
    "keys",
    "customers",
    "domains",
    "roles",
    "permissions",
    "policy",
    "limits",
    "licenses",
    "telemetry",
    "logs",
    "jobs",
    "usage",
    "imports",
    "exports",
    "webhooks",
    "leaks",
    "audit",
    "members",
    "root-keys",
    "portal",
];

impl Permission {
    /// The permission with this name.
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|permission| permission.name() == name)
    }

    /// Says whether a key of this kind can hold it.
    pub fn is_for(self, kind: crate::policy::KeyKind) -> bool {
        match (self.plane(), kind) {
            (Plane::Organization, _) | (Plane::Root, crate::policy::KeyKind::Root) => true,
            (Plane::Root, crate::policy::KeyKind::Organization) => false,
        }
    }
}

/// The longest name.
pub const NAME_BYTES_MAX: usize = 100;

/// A permission as a key holds it: one of the catalogue, one of the organization's own, or a wildcard over either.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PermissionName(String);

impl PermissionName {
    /// Every permission that a key of its kind can hold.
    pub const WILDCARD: &'static str = "*";

    /// Reads a name such as `documents.read`, a wildcard such as `documents.*`, or `*`.
    pub fn parse(text: &str) -> Result<Self, ValidationError> {
        let stem = match text.strip_suffix('*') {
            Some("") => return Ok(Self(text.to_owned())),
            Some(stem) if stem.ends_with(['.', ':']) => stem,
            Some(_) | None => text,
        };
        let is_own = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let is_name = stem.starts_with(|first: char| first.is_ascii_lowercase() || first.is_ascii_digit())
            && stem.bytes().all(|byte| is_own(byte) || b"._:-".contains(&byte));
        if is_name && text.len() <= NAME_BYTES_MAX {
            return Ok(Self(text.to_owned()));
        }
        Err(ValidationError::new(
            "permission",
            format!(
                "\"{}\" is not a permission; write a name such as documents.read: at most {NAME_BYTES_MAX} of a-z, 0-9 and \
                ._:-, beginning with a letter or a digit",
                excerpt(text)
            ),
        ))
    }

    /// Reads the name of a permission of an organization's own API: no wildcard, and not under a resource of this one.
    pub fn parse_own(text: &str) -> Result<Self, ValidationError> {
        let name = Self::parse(text)?;
        if name.is_wildcard() {
            return Err(ValidationError::new("wildcard", "a wildcard is granted, and is no permission by itself"));
        }
        if name.is_reserved() {
            let message = format!("permissions under {} belong to the Integration API itself", name.resource());
            return Err(ValidationError::new("reserved", message));
        }
        Ok(name)
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Says whether it stands for others: `*`, or `documents.*`.
    pub fn is_wildcard(&self) -> bool {
        self.0.ends_with('*')
    }

    /// The wildcards that stand for it and for nothing of this API: `documents.*` and `documents.pages.*` for
    /// `documents.pages.read`.
    pub fn own_wildcards(&self) -> impl Iterator<Item = Self> {
        let ends = self.0.match_indices(['.', ':']).map(|(at, _)| at + 1);
        let is_own = !self.is_reserved();
        ends.filter(move |end| is_own && *end < NAME_BYTES_MAX).map(|end| Self(format!("{}*", &self.0[..end])))
    }

    /// Says whether it is under a resource of this API, in whatever way that is separated or hyphenated.
    fn is_reserved(&self) -> bool {
        let resource = self.resource().replace('_', "-");
        RESERVED.contains(&resource.as_str())
    }

    fn resource(&self) -> &str {
        self.0.split(['.', ':']).next().unwrap_or_default()
    }

    /// Says whether whoever holds this one holds `wanted`, on a key of this kind.
    fn covers(&self, kind: crate::policy::KeyKind, wanted: &Self) -> bool {
        if self == wanted {
            return true;
        }
        let is_within = self.0.strip_suffix('*').is_some_and(|stem| wanted.0.starts_with(stem));
        is_within && Permission::find(wanted.as_str()).is_none_or(|permission| permission.is_for(kind))
    }

    /// Checks that the name is known: in the catalogue for this kind of key, or among the organization's `own`; a wildcard,
    /// that it stands for one that is.
    pub fn check_known(&self, kind: crate::policy::KeyKind, own: &[Self]) -> Result<(), ValidationError> {
        if self.is_wildcard() {
            let mut catalogue = Permission::ALL.iter().filter(|permission| permission.is_for(kind));
            let stands_for_any = catalogue.any(|permission| self.covers(kind, &Self::from(*permission)))
                || own.iter().any(|own| self.covers(kind, own));
            return if stands_for_any { Ok(()) } else { Err(self.unknown(kind, own)) };
        }
        match Permission::find(&self.0) {
            Some(permission) if permission.is_for(kind) => Ok(()),
            Some(_) => {
                Err(ValidationError::new("permission-plane", format!("{} can be given to root keys only", self.0)))
            }
            None if own.contains(self) => Ok(()),
            None => Err(self.unknown(kind, own)),
        }
    }

    fn unknown(&self, kind: crate::policy::KeyKind, own: &[Self]) -> ValidationError {
        let known = Permission::ALL.iter().map(|p| p.name()).chain(own.iter().map(Self::as_str));
        let near: Vec<&str> = known.filter(|name| strsim::damerau_levenshtein(name, &self.0) <= 3).take(3).collect();
        let name = excerpt(&self.0);
        let hint = if near.is_empty() {
            "see GET /v1/permissions".to_owned()
        } else {
            format!("did you mean {}?", near.join(", "))
        };
        let can_be_added = kind == crate::policy::KeyKind::Organization && Self::parse_own(&self.0).is_ok();
        let how = if can_be_added {
            " Add it to your own API with POST /v1/organizations/{organization}/permissions, or send \"create_permissions\": true."
        } else {
            ""
        };
        ValidationError::new("unknown-permission", format!("there is no permission {name}; {hint}{how}"))
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

/// Says whether `held` covers `wanted`, by name or by a wildcard. A wildcard covers on organization keys only what they can
/// hold.
pub fn holds(held: &[PermissionName], kind: crate::policy::KeyKind, wanted: &PermissionName) -> bool {
    held.iter().any(|one| one.covers(kind, wanted))
}

/// The same of a list that is sorted and has no repetition, without looking at each of it.
pub fn holds_sorted(held: &[PermissionName], kind: crate::policy::KeyKind, wanted: &PermissionName) -> bool {
    if held.binary_search(wanted).is_ok() {
        return true;
    }
    let stems = wanted.0.match_indices(['.', ':']).map(|(at, _)| &wanted.0[..=at]);
    let is_held = |stem: &str| held.binary_search_by(|one| one.0.bytes().cmp(stem.bytes().chain([b'*']))).is_ok();
    std::iter::once("").chain(stems).any(is_held)
        && Permission::find(wanted.as_str()).is_none_or(|permission| permission.is_for(kind))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::KeyKind;

    fn name(text: &str) -> PermissionName {
        PermissionName::parse(text).expect("a name")
    }

    #[test]
    fn names_are_lower_case_with_four_separators() {
        let longest = "a".repeat(100);
        for good in [
            "keys.read",
            "documents",
            "a",
            "*",
            "line_items.re-open",
            "a.b.c",
            "documents:read",
            "2fa.reset",
            "documents.*",
            "documents:*",
            "a.b.*",
            &longest,
        ] {
            assert!(PermissionName::parse(good).is_ok(), "{good}");
        }
        let too_long = "a".repeat(101);
        for bad in [
            "",
            "Keys.read",
            "keys.READ",
            ".read",
            "-a",
            "*.read",
            "**",
            "documents*",
            ".*",
            "a.*.b",
            "a,b.c",
            "a/b.c",
            "keys.read ",
            "k\u{435}ys.read",
            &too_long,
        ] {
            assert!(PermissionName::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn no_own_name_is_under_a_resource_of_this_api() {
        for resource in RESERVED {
            let other = resource.replace('-', "_");
            for text in [
                resource.to_owned(),
                format!("{resource}.read"),
                format!("{resource}:read"),
                format!("{resource}.a.b"),
                format!("{other}.read"),
                format!("{resource}.."),
            ] {
                let refusal = PermissionName::parse_own(&text).expect_err(&text);
                assert_eq!(refusal.code, "reserved", "{text}");
            }
        }
        for text in ["*", "documents.*"] {
            assert_eq!(PermissionName::parse_own(text).expect_err(text).code, "wildcard");
        }
        for text in ["documents.read", "keyss.read", "documents.keys", "keys-of-mine.read"] {
            assert!(PermissionName::parse_own(text).is_ok(), "{text}");
        }
        for permission in Permission::ALL {
            let resource = permission.name().split_once('.').expect("resource.action").0;
            assert!(RESERVED.contains(&resource), "{resource} is not reserved");
        }
    }

    #[test]
    fn a_wildcard_covers_what_is_under_it_and_nothing_else() {
        let covers = |held: &str, wanted: &str| holds(&[name(held)], KeyKind::Organization, &name(wanted));
        for (held, wanted) in [
            ("*", "documents.read"),
            ("*", "documents.*"),
            ("documents.*", "documents.read"),
            ("documents.*", "documents.pages.read"),
            ("documents.*", "documents.pages.*"),
            ("documents.*", "documents.*"),
            ("keys.*", "keys.read"),
        ] {
            assert!(covers(held, wanted), "{held} {wanted}");
        }
        for (held, wanted) in [
            ("documents.*", "*"),
            ("documents.*", "documents"),
            ("documents.*", "documents-old.read"),
            ("documents.*", "documents:read"),
            ("documents.pages.*", "documents.*"),
            ("documents.read", "documents.*"),
            ("organizations.*", "organizations.create"),
        ] {
            assert!(!covers(held, wanted), "{held} {wanted}");
        }
    }

    #[test]
    fn a_wildcard_is_known_when_it_stands_for_anything() {
        let own = [name("documents.read")];
        for known in ["*", "keys.*", "documents.*"] {
            assert!(name(known).check_known(KeyKind::Organization, &own).is_ok(), "{known}");
        }
        for unknown in ["docments.*", "documents:*", "documents.read.*"] {
            assert!(name(unknown).check_known(KeyKind::Organization, &own).is_err(), "{unknown}");
        }
    }

    #[test]
    fn an_unknown_own_name_is_told_how_to_add_it() {
        let message = |text: &str, kind| name(text).check_known(kind, &[]).expect_err("unknown").message;
        for way in ["/permissions", "create_permissions"] {
            assert!(message("documents.read", KeyKind::Organization).contains(way));
            assert!(!message("keys.raed", KeyKind::Organization).contains("create_permissions"));
            assert!(!message("documents.read", KeyKind::Root).contains("create_permissions"));
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

    #[test]
    fn a_sorted_list_holds_what_a_list_holds() {
        let texts = [
            "*",
            "a",
            "a.*",
            "a.b",
            "a.b.*",
            "a.b:*",
            "a.b:c",
            "a.bc",
            "a:*",
            "a:b",
            "ab.*",
            "ab",
            "keys.*",
            "keys.read",
            "organizations.*",
            "organizations.create",
            "organizations.read",
        ];
        for seen in 0..1_u32 << texts.len() {
            // Every pair, and now and then more.
            if seen.count_ones() > 2 && !seen.is_multiple_of(97) {
                continue;
            }
            let mut held: Vec<PermissionName> =
                texts.iter().enumerate().filter(|(at, _)| seen >> at & 1 == 1).map(|(_, text)| name(text)).collect();
            held.sort_unstable();
            for wanted in texts.iter().chain(&["a.b.c.d", "b", "keys.create", "organizations.list"]) {
                for kind in [KeyKind::Organization, KeyKind::Root] {
                    let wanted = name(wanted);
                    assert_eq!(holds_sorted(&held, kind, &wanted), holds(&held, kind, &wanted), "{held:?} {wanted}");
                }
            }
        }
    }
}
