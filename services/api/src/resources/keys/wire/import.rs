//! Keys that were issued elsewhere, one or many.

use poem_openapi::{Enum, Object};
use server::problem::FieldError;

use super::key_input::NewKey;
use crate::wire::nullable::Nullable;

/// A key that was issued elsewhere: its whole secret, or a digest of it. Exactly one of `secret`, `hashed` and `digest`.
#[derive(Debug, Clone, Object)]
#[oai(deny_unknown_fields)]
pub struct KeyImport {
    /// The key's name and policy. `secret` is left out here. `prefix` is what the secrets of a regenerated key start with, where
    /// the imported one has another form than Claviger's.
    pub key: NewKey,
    /// The whole secret, as it was issued: of any form, 16 to 1,024 bytes.
    pub secret: Option<String>,
    /// What is known of a secret of Claviger's own form when its text is not.
    pub hashed: Option<HashedSecret>,
    /// What is known of a secret of any other form when its text is not.
    pub digest: Option<SecretDigest>,
    /// What lists show of a secret of another form, at most 32 characters; by default its last four.
    pub hint: Option<String>,
}

/// A secret of Claviger's own form of which only the digest is known.
#[derive(Debug, Clone, Object)]
#[oai(deny_unknown_fields)]
pub struct HashedSecret {
    /// The prefix of its text.
    pub prefix: String,
    /// The 16 characters of its public id.
    pub id: String,
    /// SHA-256 of the whole text, in hex.
    pub sha256: String,
    /// The last four characters of its text, for lists.
    pub last4: String,
}

/// A digest of the whole text of a secret, as another system stores it.
#[derive(Debug, Clone, Object)]
#[oai(deny_unknown_fields)]
pub struct SecretDigest {
    /// How it was made. Salted and slow hashes cannot be looked up.
    pub algorithm: DigestAlgorithm,
    /// How its bytes are written.
    pub encoding: DigestEncoding,
    /// The digest; padding may be left out.
    pub value: String,
}

/// How a digest was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum DigestAlgorithm {
    /// SHA-256.
    #[oai(rename = "sha256")]
    Sha256,
}

/// How a digest is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum DigestEncoding {
    /// 64 hexadecimal digits.
    #[oai(rename = "hex")]
    Hex,
    /// RFC 4648, section 4.
    #[oai(rename = "base64")]
    Base64,
    /// RFC 4648, section 5.
    #[oai(rename = "base64url")]
    Base64Url,
}

/// Many keys that were issued elsewhere.
#[derive(Debug, Clone, Object)]
#[oai(deny_unknown_fields)]
pub struct KeyImports {
    /// 1 to 1,000 keys.
    #[oai(validator(min_items = 1, max_items = 1000))]
    pub keys: Vec<KeyImport>,
    /// What becomes of the others when one cannot be imported; `import_none` when left out.
    pub on_refusal: Option<OnRefusal>,
}

/// What becomes of the other keys when one cannot be imported.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub enum OnRefusal {
    /// None is imported, and the problem names every mistake.
    #[default]
    ImportNone,
    /// They are imported, and the answer says which were not and why.
    ImportOthers,
}

/// What became of each key, in the order of the request.
#[derive(Debug, Clone, Object)]
pub struct ImportReport {
    /// How many were imported.
    pub imported: u64,
    /// How many were not.
    pub refused: u64,
    /// One line for each key.
    pub results: Vec<ImportResult>,
}

/// What became of one key.
#[derive(Debug, Clone, Object)]
pub struct ImportResult {
    /// Its id; `null` when it was refused.
    pub key_id: Nullable<String>,
    /// What lists show of its secret; `null` when it was refused.
    pub hint: Nullable<String>,
    /// Why it was refused.
    pub errors: Vec<ImportError>,
}

/// One thing in a key that is not acceptable.
#[derive(Debug, Clone, Object)]
pub struct ImportError {
    /// Where in this key: a JSON pointer.
    pub pointer: String,
    /// What kind of mistake.
    pub code: String,
    /// What is wrong and what would be accepted.
    pub message: String,
}

impl From<FieldError> for ImportError {
    fn from(error: FieldError) -> Self {
        Self { pointer: error.pointer, code: error.code.into_owned(), message: error.message }
    }
}
