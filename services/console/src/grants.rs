//! Who may give and take which role: nobody gives more than they have, and an admin makes no owner and unmakes none.

use domain::environment::Environment;
use domain::role::BuiltInRole;
use server::problem::{ErrorCode, FieldError, Problem};
use store::control::{OrganizationMember, Roles};

/// What somebody may give.
#[derive(Debug, Clone, Copy)]
pub enum Giver<'a> {
    /// A server admin, who may give everything everywhere.
    ServerAdmin,
    /// A member, as far as its own role in each environment goes.
    Member(&'a Roles),
}

impl Giver<'_> {
    /// Whether this role may be given and taken in this environment.
    fn may_give(self, environment: Environment, role: &str) -> bool {
        let own = match self {
            Self::ServerAdmin => Some(BuiltInRole::Owner),
            Self::Member(roles) => roles.of(environment).and_then(BuiltInRole::find),
        };
        match own {
            Some(BuiltInRole::Owner) => true,
            Some(BuiltInRole::Admin) => role != BuiltInRole::Owner.name(),
            Some(BuiltInRole::Developer | BuiltInRole::Viewer | BuiltInRole::Auditor) | None => false,
        }
    }

    /// Refuses a change of roles in which any goes or comes that this giver may not give.
    pub fn check(self, before: &Roles, after: &Roles) -> Result<(), Problem> {
        let errors: Vec<FieldError> =
            Environment::ALL.into_iter().filter_map(|environment| self.refusal(environment, before, after)).collect();
        if errors.is_empty() { Ok(()) } else { Err(Problem::new(ErrorCode::ExceedsGrantor).errors(errors)) }
    }

    fn refusal(self, environment: Environment, before: &Roles, after: &Roles) -> Option<FieldError> {
        let (old, new) = (before.of(environment), after.of(environment));
        if old == new || [old, new].into_iter().flatten().all(|role| self.may_give(environment, role)) {
            return None;
        }
        let message = "You can give and take no more than your own role in this environment allows.";
        Some(FieldError::new(format!("/roles/{environment}"), "exceeds-grantor", message))
    }
}

/// Refuses a role that is no word: one that an environment does not have holds nothing there.
pub fn check_words(roles: &Roles) -> Result<(), Problem> {
    let is_known = |role: &str| BuiltInRole::find(role).is_some() || is_own(role);
    let refused = |environment: &Environment| roles.of(*environment).is_some_and(|role| !is_known(role));
    let errors: Vec<FieldError> = Environment::ALL
        .into_iter()
        .filter(refused)
        .map(|environment| {
            let message =
                "Send owner, admin, developer, viewer, auditor, the id of a role of this environment, or null.";
            FieldError::new(format!("/roles/{environment}"), "role", message)
        })
        .collect();
    if errors.is_empty() { Ok(()) } else { Err(Problem::validation(errors)) }
}

/// Whether this is the id of one of an environment's own roles.
fn is_own(role: &str) -> bool {
    role.strip_prefix("role_").and_then(domain::ids::decode).is_some()
}

/// Refuses to leave an environment without an owner that has one. `others` have one beside this member.
pub fn check_last_owner(member: &OrganizationMember, after: &Roles, others: &[Environment]) -> Result<(), Problem> {
    let owner = Some(BuiltInRole::Owner.name());
    let is_left = |environment: &Environment| {
        member.roles.of(*environment) == owner && after.of(*environment) != owner && !others.contains(environment)
    };
    match Environment::ALL.into_iter().find(is_left) {
        None => Ok(()),
        Some(environment) => Err(Problem::new(ErrorCode::Conflict)
            .detail(format!("This is the last owner in {environment}; make somebody else an owner first."))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roles(production: Option<&str>, staging: Option<&str>) -> Roles {
        Roles { production: production.map(str::to_owned), staging: staging.map(str::to_owned), development: None }
    }

    #[test]
    fn an_admin_makes_no_owner_and_unmakes_none() {
        let (none, admin) = (Roles::default(), roles(Some("admin"), Some("viewer")));
        let giver = Giver::Member(&admin);
        assert!(giver.check(&none, &roles(Some("admin"), None)).is_ok());
        assert!(giver.check(&none, &roles(Some("role_0000000000000000000000"), None)).is_ok());
        for (before, after) in [
            (none.clone(), roles(Some("owner"), None)),
            (roles(Some("owner"), None), none.clone()),
            (roles(Some("owner"), None), roles(Some("viewer"), None)),
            // In an environment where the giver is no admin.
            (none.clone(), roles(None, Some("viewer"))),
            (roles(None, Some("viewer")), none.clone()),
        ] {
            assert!(giver.check(&before, &after).is_err(), "{before:?} {after:?}");
        }
        let owner = roles(Some("owner"), None);
        assert!(Giver::Member(&owner).check(&none, &owner).is_ok());
        assert!(Giver::Member(&owner).check(&none, &roles(None, Some("viewer"))).is_err());
        assert!(Giver::ServerAdmin.check(&none, &roles(Some("owner"), Some("owner"))).is_ok());
    }

    #[test]
    fn a_role_is_a_word_or_an_id() {
        for good in ["owner", "auditor", "role_0000000000000000000000"] {
            assert!(check_words(&roles(Some(good), None)).is_ok(), "{good}");
        }
        for bad in ["", "Owner", "server-admin", "root", "role_1"] {
            assert!(check_words(&roles(None, Some(bad))).is_err(), "{bad}");
        }
    }
}
