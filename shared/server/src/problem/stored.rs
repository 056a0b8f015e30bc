//! What a caller is told when the store refuses or is away; its own texts stay in the log.

use std::time::Duration;

use store::conflict::{
    KEY_CHANGED, KEY_EXPIRED, KEY_SCOPE_REMOVED, LIMIT_SETTINGS_FULL, ORGANIZATION_HAS_KEYS, PERMISSION_EXISTS,
    PERMISSIONS_FULL, ROLES_FULL, SECRET_COMPROMISED, SECRET_IS_NEWEST,
};

use super::{ErrorCode, Problem};

/// A store that is away is worth another try; a conflict is told in words, by the constraint's name.
impl From<store::Error> for Problem {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::Conflict(name) => conflict(&name),
            store::Error::Unavailable(_) => {
                Problem::new(ErrorCode::Unavailable).retry_after(Duration::from_secs(1)).source(error)
            }
            store::Error::Database(_) => Problem::new(ErrorCode::Internal).source(error),
        }
    }
}

fn conflict(name: &str) -> Problem {
    if name == SECRET_COMPROMISED {
        return Problem::new(ErrorCode::SecretCompromised);
    }
    let detail = match name {
        ORGANIZATION_HAS_KEYS => "The organization still has keys that work; revoke or delete them first.",
        KEY_CHANGED => "The key has changed in the meantime; read it again.",
        SECRET_IS_NEWEST => "This is the newest secret of the key; regenerate, revoke or delete the key instead.",
        KEY_EXPIRED => "The key has expired; set a new end first.",
        KEY_SCOPE_REMOVED => "Nothing is left of the customers or domains that the key was limited to.",
        PERMISSION_EXISTS => "The organization has this permission already.",
        PERMISSIONS_FULL => "An organization has at most 200 permissions of its own; delete one first.",
        ROLES_FULL => "An organization has at most 200 roles; delete one first.",
        LIMIT_SETTINGS_FULL => {
            "An organization has at most 100 namespaces of limits and 1,000 overrides; delete some first."
        }
        "organizations_slug_unique" => "Another organization has this slug.",
        "customers_organization_external_id_unique" => "Another customer of this organization has this external_id.",
        "domains_organization_name_unique" => "This organization has this domain already.",
        "keys_organization_name_unique" => "Another key of this organization has this name.",
        "roles_organization_name_unique" => "Another role of this organization has this name.",
        "secrets_organization_lookup_id_unique" => "This secret is registered already.",
        _ => "The request conflicts with the present state.",
    };
    Problem::new(ErrorCode::Conflict).detail(detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_store_says_conflict_away_or_wrong_and_each_has_its_code() {
        let code_of = |error| Problem::from(error).code();
        assert_eq!(code_of(store::Error::Conflict("keys_organization_name_unique".into())), ErrorCode::Conflict);
        assert_eq!(code_of(store::Error::Conflict("secret_compromised".into())), ErrorCode::SecretCompromised);
        assert_eq!(code_of(store::Error::Unavailable("refused".into())), ErrorCode::Unavailable);
        let wrong = Problem::from(store::Error::Database("column x".into()));
        assert_eq!(wrong.code(), ErrorCode::Internal);
        assert_eq!(wrong.cause().as_deref(), Some("a statement or a row is wrong: column x"));
    }
}
