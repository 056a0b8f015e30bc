//! How keys are called. All of one organization share a hash tag, so that one script may touch them together.

use std::fmt::Write;

use domain::ids::OrganizationId;

use crate::generation::Subject;

/// The version of a row.
pub(super) fn generation(prefix: &str, organization: OrganizationId, subject: Subject) -> String {
    named(prefix, organization, 'g', subject)
}

/// What an owner has spent of a limit.
pub(super) fn limit(prefix: &str, organization: OrganizationId, owner: Subject, name: &str) -> String {
    let mut key = named(prefix, organization, 'l', owner);
    key.push(':');
    key.push_str(name);
    key
}

/// The stream of changes.
pub(super) fn changes(prefix: &str) -> String {
    format!("{prefix}changes")
}

/// The replicas with the time of their last heartbeat.
pub(super) fn replicas(prefix: &str) -> String {
    format!("{prefix}replicas")
}

/// The replicas that have applied a receipt.
pub(super) fn acks(prefix: &str, receipt: &str) -> String {
    format!("{prefix}acks:{receipt}")
}

fn named(prefix: &str, organization: OrganizationId, family: char, subject: Subject) -> String {
    let letter = match subject {
        Subject::Organization(_) => 'o',
        Subject::Key(_) => 'k',
        Subject::Customer(_) => 'c',
    };
    let mut key = String::with_capacity(prefix.len() + 120);
    let (organization, id) = (organization.uuid(), subject.uuid());
    write!(key, "{prefix}{{{}}}:{family}:{letter}:{}", organization.simple(), id.simple())
        .expect("writing to a string cannot fail");
    key
}

#[cfg(test)]
mod tests {
    use domain::ids::KeyId;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn all_keys_of_an_organization_share_a_hash_tag() {
        let key = Subject::Key(KeyId::from_uuid(Uuid::from_u128(7)));
        let name = limit("claviger:staging:", OrganizationId::from_uuid(Uuid::from_u128(1)), key, "requests");
        assert_eq!(
            name,
            "claviger:staging:{00000000000000000000000000000001}:l:k:00000000000000000000000000000007:requests"
        );
    }
}
