//! What can go wrong between a statement and its rows, in three words.

use std::time::Duration;

/// What lies under an error; for the log, never for a caller.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why a statement did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A constraint refused; the name is part of this crate's interface.
    #[error("conflict with {0}")]
    Conflict(String),
    /// The store cannot answer at the moment; the same call may succeed later.
    #[error("the store is unavailable")]
    Unavailable(#[source] Cause),
    /// A mistake in a statement or in a row.
    #[error("a statement or a row is wrong")]
    Database(#[source] Cause),
}

/// Conflicts that no constraint of the schema names.
pub mod conflict {
    /// An organization cannot go while keys of it still work.
    pub const ORGANIZATION_HAS_KEYS: &str = "organization_has_keys";
    /// The key changed since the caller looked at it.
    pub const KEY_CHANGED: &str = "key_changed";
    /// The newest secret was revoked as compromised.
    pub const SECRET_COMPROMISED: &str = "secret_compromised";
    /// The newest secret is what the key lives by: regenerate, revoke or delete the key instead.
    pub const SECRET_IS_NEWEST: &str = "secret_is_newest";
    /// The key's end has come.
    pub const KEY_EXPIRED: &str = "key_expired";
    /// Nothing is left of the customers or domains that the key was limited to.
    pub const KEY_SCOPE_REMOVED: &str = "key_scope_removed";
    /// The organization has a permission of this name.
    pub const PERMISSION_EXISTS: &str = "permission_exists";
    /// The organization has as many permissions as it may.
    pub const PERMISSIONS_FULL: &str = "permissions_full";
    /// An organization has as many roles as it may.
    pub const ROLES_FULL: &str = "roles_full";
    /// An organization has as many namespaces of limits, or as many overrides, as it may.
    pub const LIMIT_SETTINGS_FULL: &str = "limit_settings_full";
}

/// No answer within the client's own deadline.
#[derive(Debug, thiserror::Error)]
#[error("no answer within {0:?}")]
pub(crate) struct DeadlineElapsed(pub(crate) Duration);

impl Error {
    pub(crate) fn conflict(name: &str) -> Self {
        Self::Conflict(name.to_owned())
    }

    /// The row holds what this program cannot have written.
    pub(crate) fn unreadable(cause: impl Into<Cause>) -> Self {
        Self::Database(cause.into())
    }

    /// The same cause, told as a passing outage: for steps that cannot fail by the caller's doing.
    pub(crate) fn into_unavailable(self) -> Self {
        match self {
            Self::Conflict(name) => Self::Unavailable(name.into()),
            Self::Unavailable(cause) | Self::Database(cause) => Self::Unavailable(cause),
        }
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        let Some(database) = error.as_database_error() else {
            return if is_outage(&error) { Self::Unavailable(error.into()) } else { Self::Database(error.into()) };
        };
        let code = database.code().unwrap_or_default();
        match (code.as_ref(), database.constraint()) {
            // Unique, foreign key, exclusion.
            ("23505" | "23503" | "23P01", Some(constraint)) => Self::Conflict(constraint.to_owned()),
            (code, _) if is_passing(code) => Self::Unavailable(error.into()),
            (_, _) => Self::Database(error.into()),
        }
    }
}

fn is_outage(error: &sqlx::Error) -> bool {
    matches!(
        error,
        sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed
            | sqlx::Error::BeginFailed
    )
}

/// SQLSTATEs that say "not now": connection, resources, shutdown, lock and statement timeouts, deadlock, a standby.
fn is_passing(code: &str) -> bool {
    let is_class = ["08", "53", "57", "58"].iter().any(|class| code.starts_with(class));
    is_class || matches!(code, "40001" | "40P01" | "55P03" | "25P03" | "25006")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_deadlocks_and_shutdowns_pass_and_mistakes_do_not() {
        for passing in ["57014", "40P01", "55P03", "57P01", "53300", "08006", "25006", "25P03"] {
            assert!(is_passing(passing), "{passing}");
        }
        for mistake in ["42P01", "42501", "23502", "22P02", "25P02"] {
            assert!(!is_passing(mistake), "{mistake}");
        }
    }
}
