//! Secrets that were issued elsewhere: from a body to what is stored of them. A text is read once; of a digest no more is known.

use domain::foreign::{ForeignDigest, ForeignHint, Presented, Wrapped};
use domain::ids::OrganizationId;
use domain::secret::{LookupId, PepperRing, PlainSecret, Prefix, SecretHash};
use domain::validation::{ValidationError, excerpt};
use server::problem::Problem;
use store::{Import, KeyChange, NewSecret, Organization};

use crate::app::App;
use crate::demands::check_supplied;
use crate::fields::{Fields, unread};
use crate::resources::keys::wire::import::{DigestEncoding, HashedSecret, KeyImport, SecretDigest};

/// A secret that was issued elsewhere.
pub struct Imported {
    /// What is stored of it.
    secret: NewSecret,
    known: Known,
}

/// What is known of it.
enum Known {
    /// A text of our form.
    Text(PlainSecret),
    /// The digest of one.
    Digest([u8; 32]),
    /// The digest of a text of another form, as each pepper wraps it.
    Foreign(Vec<Wrapped>),
}

impl Imported {
    /// The public ids that others would have it under.
    pub fn lookup_ids(&self) -> Vec<LookupId> {
        match &self.known {
            Known::Text(_) | Known::Digest(_) => vec![self.secret.lookup_id],
            Known::Foreign(wrapped) => Presented::Foreign(wrapped).lookup_ids(),
        }
    }

    /// With the key that it is to prove.
    pub fn with(&self, key: KeyChange) -> Import {
        Import { key, secret: self.secret.clone(), lookup_ids: self.lookup_ids() }
    }

    /// Whether it is the secret behind an organization's hash; `None` for a digest where a text was hashed.
    pub fn is_behind(&self, peppers: &PepperRing, organization: OrganizationId, hash: &SecretHash) -> Option<bool> {
        match &self.known {
            Known::Text(secret) => Some(peppers.proves(organization, secret, hash)),
            Known::Digest(digest) => peppers.proves_digest(organization, digest, hash),
            Known::Foreign(wrapped) => Some(peppers.proves_presented(organization, Presented::Foreign(wrapped), hash)),
        }
    }
}

/// Reads what the body says of its secret: the text, of any form, or its digest.
pub fn read(app: &App, organization: &Organization, body: &KeyImport) -> Result<Imported, Problem> {
    let mut fields = Fields::default();
    if body.key.secret.0.is_some() {
        let refusal = ValidationError::new("contradiction", "leave it out here; the import names the whole secret");
        fields.refuse("/key/secret", refusal);
    }
    let imported = match (&body.secret, &body.hashed, &body.digest) {
        (Some(text), None, None) => {
            check_brought(&mut fields, app, organization, ("/secret", Some(text)));
            read_text(app, organization, (&mut fields, body), text)
        }
        (None, Some(hashed), None) => {
            check_brought(&mut fields, app, organization, ("/hashed", None));
            refuse_foreign_members(&mut fields, body);
            fields.take("/hashed", read_hashed(app, organization, hashed))
        }
        (None, None, Some(digest)) => {
            check_brought(&mut fields, app, organization, ("/digest", None));
            let digest = fields.take("/digest/value", read_digest(digest));
            digest.and_then(|digest| {
                read_foreign(app, organization, (&mut fields, body), (&digest, ForeignHint::unknown()))
            })
        }
        _ => {
            let message = "send one of secret, hashed and digest";
            fields.refuse("/secret", ValidationError::new("contradiction", message));
            None
        }
    };
    fields.finish()?;
    imported.ok_or_else(unread)
}

/// Refuses what the environment or the organization demands otherwise of secrets that callers bring.
fn check_brought(fields: &mut Fields, app: &App, organization: &Organization, (at, text): (&str, Option<&str>)) {
    let length = text.map(|text| PlainSecret::parse(text).map_or(text.len(), |secret| secret.part_bytes()));
    fields.take(at, check_supplied(app, organization));
    fields.take(at, organization.policy.check_secret_bytes(length));
}

fn read_text(
    app: &App,
    organization: &Organization,
    (fields, body): (&mut Fields, &KeyImport),
    text: &str,
) -> Option<Imported> {
    match PlainSecret::parse(text) {
        Ok(secret) => {
            refuse_foreign_members(fields, body);
            let secret = fields.take("/secret", check_own(app, organization, secret))?;
            let stored = NewSecret::new(&app.peppers, organization.id, &secret);
            Some(Imported { secret: stored, known: Known::Text(secret) })
        }
        Err(_) => {
            let digest = fields.take("/secret", ForeignDigest::of_text(text))?;
            read_foreign(app, organization, (fields, body), (&digest, ForeignHint::of_text(text)))
        }
    }
}

/// One of our form says its prefix and its hint itself.
fn refuse_foreign_members(fields: &mut Fields, body: &KeyImport) {
    for (pointer, is_there) in [("/key/prefix", body.key.prefix.0.is_some()), ("/hint", body.hint.is_some())] {
        if is_there {
            let message = "leave it out here; a secret of Claviger's own form says it itself";
            fields.refuse(pointer, ValidationError::new("contradiction", message));
        }
    }
}

fn check_own(app: &App, organization: &Organization, secret: PlainSecret) -> Result<PlainSecret, ValidationError> {
    organization.policy.check_prefix(Some(Prefix::parse_own(secret.prefix().as_str())?))?;
    if secret.environment() != app.environment {
        let message = format!("this secret is for {}; this endpoint is {}", secret.environment(), app.environment);
        return Err(ValidationError::new("wrong-environment", message));
    }
    Ok(secret)
}

fn read_hashed(app: &App, organization: &Organization, hashed: &HashedSecret) -> Result<Imported, ValidationError> {
    let prefix = organization.policy.check_prefix(Some(Prefix::parse_own(&hashed.prefix)?))?;
    let lookup_id = LookupId::parse(&hashed.id).ok_or_else(|| {
        ValidationError::new("secret-id", format!("\"{}\" is not 16 base62 characters", excerpt(&hashed.id)))
    })?;
    let digest = data_encoding::HEXLOWER_PERMISSIVE.decode(hashed.sha256.as_bytes()).ok();
    let digest: [u8; 32] = digest
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or_else(|| ValidationError::new("sha256", "sha256 is 64 hexadecimal digits"))?;
    if hashed.last4.len() != 4 || !hashed.last4.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err(ValidationError::new("last4", "last4 is the last four characters of the secret"));
    }
    let hash = app.peppers.hash_digest(organization.id, &digest);
    let secret = NewSecret { prefix, lookup_id, last4: hashed.last4.clone(), hash, digest_hash: None, hint: None };
    Ok(Imported { secret, known: Known::Digest(digest) })
}

/// A secret of another form; `hint` is what is shown of it where the body says nothing. Its key goes on with secrets of our
/// form, under the prefix that the body names.
fn read_foreign(
    app: &App,
    organization: &Organization,
    (fields, body): (&mut Fields, &KeyImport),
    (digest, hint): (&ForeignDigest, ForeignHint),
) -> Option<Imported> {
    let hint = match body.hint.as_deref() {
        Some(text) => fields.take("/hint", ForeignHint::parse(text, digest))?,
        None => hint,
    };
    let asked = match body.key.prefix.0.as_deref() {
        Some(text) => Some(fields.take("/key/prefix", Prefix::parse_own(text))?),
        None => None,
    };
    let prefix = fields.take("/key/prefix", organization.policy.check_prefix(asked))?;
    let wrapped = app.peppers.wrap(digest);
    let secret = NewSecret::foreign(wrapped.first()?, prefix, hint);
    Some(Imported { secret, known: Known::Foreign(wrapped) })
}

fn read_digest(digest: &SecretDigest) -> Result<ForeignDigest, ValidationError> {
    let text = digest.value.trim_end_matches('=').as_bytes();
    let (decoded, form) = match digest.encoding {
        DigestEncoding::Hex => {
            (data_encoding::HEXLOWER_PERMISSIVE.decode(digest.value.as_bytes()), "64 hexadecimal digits")
        }
        DigestEncoding::Base64 => (data_encoding::BASE64_NOPAD.decode(text), "43 or 44 characters of base64"),
        DigestEncoding::Base64Url => (data_encoding::BASE64URL_NOPAD.decode(text), "43 or 44 characters of base64url"),
    };
    let bytes = decoded.ok().and_then(|bytes| bytes.try_into().ok());
    bytes
        .map(ForeignDigest::from_bytes)
        .ok_or_else(|| ValidationError::new("digest", format!("a SHA-256 digest is {form}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resources::keys::wire::import::DigestAlgorithm;

    #[test]
    fn each_encoding_of_a_digest_reads_as_the_same_bytes() {
        // SHA-256 of "abc", from FIPS 180-2, whose base64 has characters that the two alphabets differ in.
        let cases = [
            (DigestEncoding::Hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", true),
            (DigestEncoding::Hex, "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD", true),
            (DigestEncoding::Base64, "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=", true),
            (DigestEncoding::Base64, "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0", true),
            (DigestEncoding::Base64Url, "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0", true),
            (DigestEncoding::Base64Url, "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0", false),
            (DigestEncoding::Base64, "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0", false),
            (DigestEncoding::Hex, "ba7816bf", false),
            (DigestEncoding::Base64, "", false),
        ];
        let expected = "abc".to_owned();
        for (encoding, value, is_good) in cases {
            let digest = SecretDigest { algorithm: DigestAlgorithm::Sha256, encoding, value: value.to_owned() };
            let read = read_digest(&digest);
            assert_eq!(read.is_ok(), is_good, "{encoding:?} {value}");
            if let Ok(read) = read {
                // A hint that is the secret is refused: the digest is that of the text.
                assert!(ForeignHint::parse(&expected, &read).is_err(), "{encoding:?} {value}");
            }
        }
    }
}
