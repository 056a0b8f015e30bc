//! How keys are called. All of one organization share a hash tag, so that one script may touch them together.

use domain::ids::OrganizationId;
use uuid::Uuid;

use crate::generation::Subject;

/// The version of a row.
pub(super) fn generation(prefix: &str, organization: OrganizationId, subject: Subject) -> Vec<u8> {
    named(prefix, organization, (b'g', subject), "")
}

/// What an owner has spent of a limit.
pub(super) fn limit(prefix: &str, organization: OrganizationId, owner: Subject, name: &str) -> Vec<u8> {
    named(prefix, organization, (b'l', owner), name)
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

fn named(prefix: &str, organization: OrganizationId, (family, subject): (u8, Subject), limit: &str) -> Vec<u8> {
    let letter = match subject {
        Subject::Organization(_) => b'o',
        Subject::Key(_) => b'k',
        Subject::Customer(_) => b'c',
    };
    let mut text = Uuid::encode_buffer();
    let mut key = Vec::with_capacity(prefix.len() + 72 + limit.len());
    key.extend_from_slice(prefix.as_bytes());
    key.push(b'{');
    key.extend_from_slice(organization.uuid().simple().encode_lower(&mut text).as_bytes());
    key.extend_from_slice(&[b'}', b':', family, b':', letter, b':']);
    key.extend_from_slice(subject.uuid().simple().encode_lower(&mut text).as_bytes());
    if !limit.is_empty() {
        key.push(b':');
        key.extend_from_slice(limit.as_bytes());
    }
    key
}

#[cfg(test)]
mod tests {
    use domain::ids::KeyId;

    use super::*;

    #[test]
    fn all_keys_of_an_organization_share_a_hash_tag() {
        let key = Subject::Key(KeyId::from_uuid(Uuid::from_u128(7)));
        let name = limit("claviger:staging:", OrganizationId::from_uuid(Uuid::from_u128(1)), key, "requests");
        assert_eq!(
            String::from_utf8(name).unwrap(),
            "claviger:staging:{00000000000000000000000000000001}:l:k:00000000000000000000000000000007:requests"
        );
    }
}
