//! What the document says of members that their types do not: lengths and patterns of texts, which the code reads with
//! clearer errors than the framework; and closed sets of words.

use domain::foreign::{FOREIGN_TEXT_BYTES_MAX, HINT_CHARS_MAX};
use domain::names::{EXTERNAL_ID_CHARS_MAX, METADATA_MEMBERS_MAX, NAME_CHARS_MAX, NOTE_CHARS_MAX};
use domain::names::{SLUG_CHARS_MAX, SLUG_CHARS_MIN, TAG_CHARS_MAX};
use domain::permission::NAME_BYTES_MAX;
use domain::policy::RevokeReason;
use serde_json::{Value, json};
use server::document::{Member, reference_to};

/// Members that hold an id, with the letters that it starts with.
const IDS: [(&str, &str); 16] = [
    ("Action.id", "evt"),
    ("Customer.id", "cus"),
    ("Domain.id", "dom"),
    ("ImportResult.key_id", "key"),
    ("Key.id", "key"),
    ("Key.organization_id", "org"),
    ("LimitOverride.id", "lov"),
    ("Organization.id", "org"),
    ("PolicyViolation.key_id", "key"),
    ("Receipt.id", "rcp"),
    ("Receipt.key_id", "key"),
    ("Role.id", "role"),
    ("Secret.id", "sec"),
    ("VerifierQuestion.key_id", "key"),
    ("Whoami.organization_id", "org"),
    ("Whoami.request_id", "req"),
];

/// Names that people choose.
const NAMES: [&str; 8] = [
    "CustomerPatch.name",
    "KeyPatch.name",
    "NewCustomer.name",
    "NewKey.name",
    "NewOrganization.name",
    "NewRole.name",
    "OrganizationPatch.name",
    "RolePatch.name",
];

/// Texts with a length, and with a pattern where they have one.
fn texts() -> Vec<(&'static str, Value)> {
    let upto = |longest: usize| json!({"minLength": 1, "maxLength": longest});
    let patterned = |pattern: &str| json!({"pattern": pattern});
    vec![
        ("BulkRevocation.note", json!({"maxLength": NOTE_CHARS_MAX})),
        ("CustomerPatch.external_id", upto(EXTERNAL_ID_CHARS_MAX)),
        ("HashedSecret.id", patterned("^[0-9A-Za-z]{16}$")),
        ("HashedSecret.last4", patterned("^[0-9A-Za-z]{4}$")),
        ("HashedSecret.prefix", patterned("^[a-z][a-z0-9]{1,15}$")),
        ("HashedSecret.sha256", patterned("^[0-9A-Fa-f]{64}$")),
        ("KeyImport.hint", upto(HINT_CHARS_MAX)),
        ("KeyImport.secret", json!({"minLength": 1, "maxLength": FOREIGN_TEXT_BYTES_MAX, "format": "password"})),
        ("KeyPatch.permissions[]", upto(NAME_BYTES_MAX)),
        ("KeyPatch.roles[]", upto(NAME_CHARS_MAX)),
        ("KeyPatch.tags[]", upto(TAG_CHARS_MAX)),
        ("Limit.name", patterned("^[a-z][a-z0-9_-]{0,39}$")),
        ("Metadata", json!({"maxProperties": METADATA_MEMBERS_MAX})),
        ("NewCustomer.external_id", upto(EXTERNAL_ID_CHARS_MAX)),
        ("NewDomain.name", json!({"minLength": 1})),
        ("NewKey.permissions[]", upto(NAME_BYTES_MAX)),
        ("NewKey.prefix", patterned("^[a-z][a-z0-9]{1,15}$")),
        ("NewKey.roles[]", upto(NAME_CHARS_MAX)),
        ("NewKey.secret", json!({"minLength": 32, "pattern": "^[0-9A-Za-z]+$", "format": "password"})),
        ("NewKey.tags[]", upto(TAG_CHARS_MAX)),
        ("NewOrganization.permissions[]", upto(NAME_BYTES_MAX)),
        (
            "NewOrganization.slug",
            json!({"minLength": SLUG_CHARS_MIN, "maxLength": SLUG_CHARS_MAX, "pattern": "^[a-z0-9]+(-[a-z0-9]+)*$"}),
        ),
        ("NewPermission.name", upto(NAME_BYTES_MAX)),
        ("NewRole.permissions[]", upto(NAME_BYTES_MAX)),
        ("PolicyPatch.prefix", patterned("^[a-z][a-z0-9]{1,15}$")),
        ("Revocation.note", json!({"maxLength": NOTE_CHARS_MAX})),
        ("RolePatch.permissions[]", upto(NAME_BYTES_MAX)),
        ("SecretDigest.value", json!({"minLength": 43, "maxLength": 64})),
        ("VerifierInput.url", json!({"minLength": 1, "format": "uri"})),
    ]
}

/// Everything.
pub fn of_this_api() -> Vec<Member> {
    let id = |(at, letters): (&'static str, &str)| {
        Member::with(at, json!({"pattern": format!("^{letters}_[0-9A-Za-z]{{22}}$")}))
    };
    let name = |at| Member::with(at, json!({"minLength": 1, "maxLength": NAME_CHARS_MAX}));
    let never = json!({"anyOf": [reference_to("NeverWord"), {"type": "string", "format": "date-time"}]});
    let words = vec![
        Member::schema("NeverWord", json!({"type": "string", "enum": ["never"]})),
        Member::named("NewKey.expires_at", "NeverOrInstant", never.clone()),
        Member::named("KeyPatch.expires_at", "NeverOrInstant", never),
        Member::one_of(
            "Key.revoke_reason",
            "RevokedBecause",
            "Why a key was revoked.",
            RevokeReason::ALL.map(RevokeReason::name),
        ),
    ];
    let texts = texts().into_iter().map(|(at, facets)| Member::with(at, facets));
    let verification = client::wire::members().into_iter().map(Member::from);
    IDS.into_iter().map(id).chain(NAMES.map(name)).chain(texts).chain(words).chain(verification).collect()
}
