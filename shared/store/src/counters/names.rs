//! How keys are called. All of one organization share a hash tag, so that one script may touch them together.

use domain::ids::OrganizationId;
use domain::limit::Limit;
use uuid::Uuid;

use super::spend::LimitOwner;
use crate::generation::Subject;

/// The version of a row.
pub(super) fn generation(prefix: &str, organization: OrganizationId, subject: Subject) -> Vec<u8> {
    named(prefix, organization, (b'g', subject), "")
}

/// What an owner has spent of a limit.
pub(super) fn limit(prefix: &str, organization: OrganizationId, owner: LimitOwner, limit: &Limit) -> Vec<u8> {
    match owner {
        LimitOwner::Row(row) => named(prefix, organization, (b'l', row), &limit.name),
        LimitOwner::Named(id) => plain(prefix, organization, &format!("n:{}", id.simple())),
        LimitOwner::NewNames(_) => plain(prefix, organization, &format!("n:new:{}", limit.window_ms)),
    }
}

fn plain(prefix: &str, organization: OrganizationId, rest: &str) -> Vec<u8> {
    format!("{prefix}{{{}}}:{rest}", organization.uuid().simple()).into_bytes()
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
        Subject::Limits(_) => b's',
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
        let requests = Limit::platform_default();
        let name = limit("claviger:staging:", OrganizationId::from_uuid(Uuid::from_u128(1)), key.into(), &requests);
        assert_eq!(
            String::from_utf8(name).unwrap(),
            "claviger:staging:{00000000000000000000000000000001}:l:k:00000000000000000000000000000007:requests"
        );
        let organization = OrganizationId::from_uuid(Uuid::from_u128(1));
        let named = [LimitOwner::Named(Uuid::from_u128(7)), LimitOwner::NewNames(organization)];
        let names = named.map(|owner| String::from_utf8(limit("p:", organization, owner, &requests)).unwrap());
        assert_eq!(
            names,
            [
                "p:{00000000000000000000000000000001}:n:00000000000000000000000000000007",
                "p:{00000000000000000000000000000001}:n:new:60000"
            ]
        );
    }
}
