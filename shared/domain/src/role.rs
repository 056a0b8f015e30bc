//! Roles: those that every organization's members can have, and an organization's own as its keys hold them.

use crate::ids::RoleId;
use crate::permission::{Permission, PermissionName};
use crate::policy::KeyKind;

/// The most roles of a key.
pub const KEY_ROLES_MAX: usize = 20;

/// A role of an organization's own, as a key holds it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HeldRole {
    /// Its id.
    pub id: RoleId,
    /// Its name.
    pub name: String,
    /// What still counts of its permissions.
    pub permissions: Vec<PermissionName>,
}

/// Everything that a key holds, of its own and by its roles: sorted, without repetition.
pub fn effective(own: &[PermissionName], roles: &[HeldRole]) -> Vec<PermissionName> {
    let mut held: Vec<PermissionName> =
        own.iter().chain(roles.iter().flat_map(|role| &role.permissions)).cloned().collect();
    held.sort_unstable();
    held.dedup();
    held
}

/// A role of members that nobody has to make and nobody can change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BuiltInRole {
    /// Everything, the organization itself included.
    Owner,
    /// Everything but changing the organization itself.
    Admin,
    /// What building against the API takes.
    Developer,
    /// Looks.
    Viewer,
    /// Looks at everything, members and jobs included, and exports logs.
    Auditor,
}

/// Permissions that a role has together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Group {
    /// Keys, with the limits that they share.
    Keys,
    /// Asking about presented keys and spending limits.
    Verify,
    /// Customers and what they see.
    Customers,
    /// Domains.
    Domains,
    /// Licenses.
    Licenses,
    /// Telemetry.
    Telemetry,
    /// Logs and usage.
    Logs,
    /// Background jobs.
    Jobs,
    /// Webhooks.
    Webhooks,
    /// Members, roles, and the permissions of the organization's own API.
    Members,
    /// The organization and its policy.
    Organization,
}

/// What of a group a role has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Nothing.
    None,
    /// What only looks.
    Read,
    /// What only looks or exports.
    ReadAndExport,
    /// Every action.
    Write,
}

impl Group {
    /// All of them, in the order in which selectors show them.
    pub const ALL: [Self; 11] = [
        Self::Keys,
        Self::Verify,
        Self::Customers,
        Self::Domains,
        Self::Licenses,
        Self::Telemetry,
        Self::Logs,
        Self::Jobs,
        Self::Webhooks,
        Self::Members,
        Self::Organization,
    ];

    /// The display name.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Keys => "Keys",
            Self::Verify => "Verify",
            Self::Customers => "Customers",
            Self::Domains => "Domains",
            Self::Licenses => "Licenses",
            Self::Telemetry => "Telemetry",
            Self::Logs => "Logs",
            Self::Jobs => "Background Jobs",
            Self::Webhooks => "Webhooks",
            Self::Members => "Members and roles",
            Self::Organization => "Organization",
        }
    }

    /// The group of a permission; `None` for what no member of an organization can hold.
    pub fn of(permission: Permission) -> Option<Self> {
        if !permission.is_for(KeyKind::Organization) {
            return None;
        }
        let (resource, action) = split(permission);
        if matches!((resource, action), ("keys", "verify") | ("limits", "spend")) {
            return Some(Self::Verify);
        }
        Self::of_resource(resource)
    }

    /// The group of a resource out of [`crate::permission::RESERVED`].
    fn of_resource(resource: &str) -> Option<Self> {
        match resource {
            "keys" | "limits" | "imports" | "leaks" => Some(Self::Keys),
            "customers" | "portal" => Some(Self::Customers),
            "domains" => Some(Self::Domains),
            "licenses" => Some(Self::Licenses),
            "telemetry" => Some(Self::Telemetry),
            "logs" | "audit" | "usage" | "exports" => Some(Self::Logs),
            "jobs" => Some(Self::Jobs),
            "webhooks" => Some(Self::Webhooks),
            "members" | "roles" | "permissions" => Some(Self::Members),
            "organizations" | "policy" => Some(Self::Organization),
            _ => None,
        }
    }
}

impl Access {
    /// Whether an action is one of those that the role has.
    fn includes(self, resource: &str, action: &str) -> bool {
        match self {
            Self::None => false,
            Self::Read => action == "read",
            Self::ReadAndExport => action == "read" || action == "export" || resource == "exports",
            Self::Write => true,
        }
    }
}

impl BuiltInRole {
    /// All of them, the strongest first.
    pub const ALL: [Self; 5] = [Self::Owner, Self::Admin, Self::Developer, Self::Viewer, Self::Auditor];

    /// The word in rows, tokens and requests.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Admin => "admin",
            Self::Developer => "developer",
            Self::Viewer => "viewer",
            Self::Auditor => "auditor",
        }
    }

    /// The display name.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Owner => "Owner",
            Self::Admin => "Admin",
            Self::Developer => "Developer",
            Self::Viewer => "Viewer",
            Self::Auditor => "Auditor",
        }
    }

    /// The role with this name.
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }

    /// What of a group the role has: the table of built-in roles.
    pub const fn access(self, group: Group) -> Access {
        use Access::{None, Read, ReadAndExport, Write};
        // Owner, Admin, Developer, Viewer, Auditor
        let row = match group {
            Group::Keys => [Write, Write, Write, Read, Read],
            Group::Verify => [Write, Write, Write, None, None],
            Group::Customers | Group::Domains => [Write, Write, Read, Read, Read],
            Group::Licenses | Group::Telemetry => [Write, Write, Write, Read, Read],
            Group::Logs => [Read, Read, Read, Read, ReadAndExport],
            Group::Jobs => [Write, Write, Read, None, Read],
            Group::Webhooks => [Write, Write, Write, None, Read],
            Group::Members => [Write, Write, None, None, Read],
            Group::Organization => [Write, Read, None, None, Read],
        };
        match self {
            Self::Owner => row[0],
            Self::Admin => row[1],
            Self::Developer => row[2],
            Self::Viewer => row[3],
            Self::Auditor => row[4],
        }
    }

    /// What of the catalogue the role has.
    pub fn permissions(self) -> impl Iterator<Item = Permission> {
        Permission::ALL.iter().copied().filter(move |permission| self.has(*permission))
    }

    /// Whether the role has a permission of the catalogue.
    pub fn has(self, permission: Permission) -> bool {
        let (resource, action) = split(permission);
        Group::of(permission).is_some_and(|group| self.access(group).includes(resource, action))
    }

    /// Whether the role has all permissions of the organization's own API, those to come included.
    pub const fn has_all_own(self) -> bool {
        matches!(self, Self::Owner | Self::Admin)
    }

    /// Everything that a member with this role holds in an organization whose API has the permissions `own`, as
    /// [`crate::permission::holds`] reads it.
    ///
    /// Who has all own permissions has the wildcards over them too. None of those stands for anything of the catalogue.
    pub fn held(self, own: &[PermissionName]) -> Vec<PermissionName> {
        let mut held: Vec<PermissionName> = self.permissions().map(PermissionName::from).collect();
        if self.has_all_own() {
            held.extend(own.iter().cloned());
            held.extend(own.iter().flat_map(PermissionName::own_wildcards));
        }
        held.sort_unstable();
        held.dedup();
        held
    }
}

fn split(permission: Permission) -> (&'static str, &'static str) {
    permission.name().split_once('.').unwrap_or((permission.name(), ""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::permission::{RESERVED, holds};

    fn name(text: &str) -> PermissionName {
        PermissionName::parse(text).expect("a name")
    }

    fn has(role: BuiltInRole, text: &str) -> bool {
        role.has(Permission::find(text).expect(text))
    }

    #[test]
    fn every_resource_is_in_a_group_but_that_of_root_keys() {
        for resource in RESERVED {
            assert_eq!(Group::of_resource(resource).is_none(), resource == "root-keys", "{resource}");
        }
        for permission in Permission::ALL {
            assert_eq!(Group::of(*permission).is_some(), permission.is_for(KeyKind::Organization), "{permission:?}");
        }
    }

    #[test]
    fn the_table_is_what_people_are_shown() {
        let told = |role: BuiltInRole| {
            Group::ALL.map(|group| match role.access(group) {
                Access::None => '-',
                Access::Read => 'r',
                Access::ReadAndExport => 'e',
                Access::Write => 'w',
            })
        };
        let rows = BuiltInRole::ALL.map(|role| told(role).into_iter().collect::<String>());
        assert_eq!(rows, ["wwwwwwrwwww", "wwwwwwrwwwr", "wwrrwwrrw--", "r-rrrrr----", "r-rrrrerrrr"]);
    }

    #[test]
    fn write_is_every_action_and_read_is_what_looks() {
        use BuiltInRole::{Admin, Auditor, Developer, Owner, Viewer};
        for text in ["keys.read", "keys.create", "keys.delete", "keys.verify", "limits.spend", "limits.update"] {
            assert!(has(Developer, text), "{text}");
        }
        assert!(has(Viewer, "keys.read") && has(Viewer, "limits.read"));
        for text in ["keys.create", "keys.regenerate", "keys.verify", "limits.spend", "permissions.read"] {
            assert!(!has(Viewer, text), "{text}");
        }
        assert!(has(Developer, "customers.read") && !has(Developer, "customers.create"));
        assert!(has(Admin, "permissions.delete") && !has(Developer, "permissions.read"));
        assert!(has(Auditor, "permissions.read") && !has(Auditor, "permissions.create"));
        assert!(has(Owner, "organizations.update") && has(Admin, "organizations.read"));
        assert!(!has(Admin, "organizations.update"));
        for permission in Permission::ALL.iter().filter(|permission| !permission.is_for(KeyKind::Organization)) {
            assert!(!Owner.has(*permission), "{permission:?} is for root keys");
        }
    }

    #[test]
    fn exporting_is_what_an_auditor_alone_may_with_logs() {
        for role in BuiltInRole::ALL {
            let access = role.access(Group::Logs);
            assert!(access.includes("logs", "read"));
            assert_eq!(access.includes("logs", "export"), role == BuiltInRole::Auditor);
            assert_eq!(access.includes("exports", "create"), role == BuiltInRole::Auditor);
            assert!(!access.includes("logs", "delete"));
        }
    }

    #[test]
    fn owners_and_admins_hold_the_organizations_own() {
        // One is from before its resource was this API's.
        let own = [name("documents.pages.read"), name("reports:export"), name("2fa"), name("licenses.old")];
        for role in BuiltInRole::ALL {
            let held = role.held(&own);
            for wanted in ["documents.pages.read", "documents.*", "documents.pages.*", "reports:*", "2fa"] {
                assert_eq!(holds(&held, KeyKind::Organization, &name(wanted)), role.has_all_own(), "{role:?} {wanted}");
            }
            for wanted in ["*", "keys.*", "licenses.*", "organizations.delete", "pages.read"] {
                assert!(!holds(&held, KeyKind::Organization, &name(wanted)), "{role:?} {wanted}");
            }
        }
    }

    #[test]
    fn a_role_is_found_by_its_name() {
        for role in BuiltInRole::ALL {
            assert_eq!(BuiltInRole::find(role.name()), Some(role));
            assert_eq!(serde_json::to_value(role).expect("text"), role.name());
        }
        assert_eq!(BuiltInRole::find("root"), None);
    }
}
