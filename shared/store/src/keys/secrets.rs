//! Secrets of a key: hashes, hints, and when each stops proving anything.

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use domain::foreign::{ForeignHint, Wrapped};
use domain::ids::{KeyId, OrganizationId, SecretId};
use domain::secret::{HashScheme, LookupId, PepperRing, PlainSecret, Prefix, SecretHash};
use sqlx::Row;
use sqlx::postgres::PgRow;

use crate::decode;
use crate::error::Error;
use crate::rows::Rows;
use crate::session::Statement;
use crate::write::Write;

/// The most secrets that are shown: a key has one or two, and those before it are history.
const SECRETS_SHOWN_MAX: i64 = 100;

/// A secret as its row stands, without what proves it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Secret {
    /// Its id in lists.
    pub id: SecretId,
    /// The key that it proves.
    pub key_id: KeyId,
    /// The text before the tag.
    pub prefix: String,
    /// The public part.
    pub lookup_id: String,
    /// The last four characters.
    pub last4: String,
    /// What lists show of one that is not of our form.
    pub hint: Option<String>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// From when it proves nothing; a past instant for one that is over.
    pub retires_at: Option<DateTime<Utc>>,
    /// Revoked as compromised: it never works again.
    pub is_compromised: bool,
    /// Another organization held the same secret: it never works again.
    pub is_duplicated: bool,
    /// When it was last presented.
    pub last_used_at: Option<DateTime<Utc>>,
    /// From where.
    pub last_used_ip: Option<IpAddr>,
}

/// What is stored of a new secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSecret {
    /// The text before the tag.
    pub prefix: Prefix,
    /// The public part.
    pub lookup_id: LookupId,
    /// The last four characters.
    pub last4: String,
    /// What proves it.
    pub hash: SecretHash,
    /// What the hash would be had only the digest been known, so that the two can be compared; `None` where it was.
    pub digest_hash: Option<[u8; 32]>,
    /// What lists show of a secret that is not of our form; `None` for one that is.
    pub hint: Option<ForeignHint>,
}

impl NewSecret {
    /// What is stored of an organization's secret whose text is known.
    pub fn new(ring: &PepperRing, organization: OrganizationId, secret: &PlainSecret) -> Self {
        Self {
            prefix: secret.prefix().clone(),
            lookup_id: secret.lookup_id(),
            last4: secret.last4().to_owned(),
            hash: ring.hash(organization, secret),
            digest_hash: Some(ring.hash_digest(organization, &secret.digest()).bytes),
            hint: None,
        }
    }

    /// What is stored of a secret that is not of our form. The next one of its key is, under this prefix.
    pub fn foreign(wrapped: &Wrapped, prefix: Prefix, hint: ForeignHint) -> Self {
        Self {
            prefix,
            lookup_id: wrapped.lookup_id,
            last4: hint.last4(),
            hash: wrapped.hash.clone(),
            digest_hash: None,
            hint: Some(hint),
        }
    }
}

impl Rows {
    /// The key's secrets, newest first; none when the key is not in sight.
    pub async fn list_secrets(&mut self, key: KeyId) -> Result<Vec<Secret>, Error> {
        if self.find_key(key).await?.is_none() {
            return Ok(Vec::new());
        }
        let sql = "select id, key_id, prefix, lookup_id, last4, hint, created_at, retires_at, is_compromised,
                is_duplicated, last_used_at, last_used_ip
            from secrets
            where organization_id = $1 and key_id = $2
            order by created_at desc, id desc
            limit $3";
        let statement = sqlx::query(sql).bind(self.organization()).bind(key.uuid()).bind(SECRETS_SHOWN_MAX);
        self.session.all(statement).await?.iter().map(read_row).collect()
    }
}

impl Write {
    /// Adds a secret, newer than all that the key has, whatever this change's instant.
    pub(super) async fn insert_secret(&mut self, key: KeyId, secret: &NewSecret) -> Result<(), Error> {
        let sql = "insert into secrets
                (organization_id, id, key_id, prefix, lookup_id, last4, hash, hash_scheme, pepper_id, digest_hash,
                hint, created_at)
            select $1, $4, $2, $5, $6, $7, $8, $9, $10, $11, $12, greatest($3, max(older.created_at) + interval '1 microsecond')
            from secrets older
            where older.organization_id = $1 and older.key_id = $2";
        let statement = sqlx::query(sql).bind(self.organization()).bind(key.uuid()).bind(self.now);
        let statement = bind_secret(statement, SecretId::mint(self.now), secret);
        self.rows.session.execute(statement).await.map(drop)
    }

    /// Ends the key's secrets for good: the newest and all that still prove it. Says how many that newly were.
    pub(super) async fn compromise_secrets(&mut self, key: KeyId) -> Result<u64, Error> {
        let sql = "update secrets
            set is_compromised = true, retires_at = least(retires_at, $3)
            where organization_id = $1 and key_id = $2 and not is_compromised
              and (retires_at is null or retires_at > $3 or id = (
                  select newest.id from secrets newest
                  where newest.organization_id = $1 and newest.key_id = $2
                  order by newest.created_at desc, newest.id desc limit 1))";
        let statement = sqlx::query(sql).bind(self.organization()).bind(key.uuid()).bind(self.now);
        self.rows.session.execute(statement).await
    }

    /// Whether the newest secret was revoked as compromised.
    pub(super) async fn is_newest_compromised(&mut self, key: KeyId) -> Result<bool, Error> {
        let sql = "select is_compromised from secrets
            where organization_id = $1 and key_id = $2
            order by created_at desc, id desc limit 1";
        let statement = sqlx::query(sql).bind(self.organization()).bind(key.uuid());
        Ok(self.rows.session.one(statement).await?.try_get("is_compromised")?)
    }

    /// Lets the newest secret live until `end`, or its key's end, and ends all others now; one that was compromised or
    /// duplicated is over.
    pub(super) async fn overlap_secrets(&mut self, key: KeyId, end: DateTime<Utc>) -> Result<(), Error> {
        let sql = "update secrets s
            set retires_at = case
                when not s.is_compromised and not s.is_duplicated and s.id = (
                    select newest.id from secrets newest
                    where newest.organization_id = $1 and newest.key_id = $2
                    order by newest.created_at desc, newest.id desc limit 1)
                then least(s.retires_at, $4, k.expires_at)
                else least(s.retires_at, $3) end
            from keys k
            where s.organization_id = $1 and s.key_id = $2 and (s.retires_at is null or s.retires_at > $3)
              and k.organization_id = $1 and k.id = $2";
        let statement = sqlx::query(sql).bind(self.organization()).bind(key.uuid()).bind(self.now).bind(end);
        self.rows.session.execute(statement).await.map(drop)
    }

    /// Moves the end of overlaps to the key's own end where that comes first.
    pub(super) async fn cap_overlaps(&mut self, key: KeyId) -> Result<(), Error> {
        let sql = "update secrets s
            set retires_at = k.expires_at
            from keys k
            where s.organization_id = $1 and s.key_id = $2 and s.retires_at > k.expires_at
              and k.organization_id = $1 and k.id = $2";
        let statement = sqlx::query(sql).bind(self.organization()).bind(key.uuid());
        self.rows.session.execute(statement).await.map(drop)
    }

    /// Ends all of the key's secrets now.
    pub(super) async fn retire_secrets(&mut self, key: KeyId) -> Result<(), Error> {
        let sql = "update secrets
            set retires_at = $3
            where organization_id = $1 and key_id = $2 and (retires_at is null or retires_at > $3)";
        let statement = sqlx::query(sql).bind(self.organization()).bind(key.uuid()).bind(self.now);
        self.rows.session.execute(statement).await.map(drop)
    }
}

/// What is stored of a secret as the next arguments: its id, prefix, public part, last four characters, hash, scheme,
/// pepper, the hash of its digest and its hint.
pub(super) fn bind_secret<'q>(statement: Statement<'q>, id: SecretId, secret: &NewSecret) -> Statement<'q> {
    statement
        .bind(id.uuid())
        .bind(secret.prefix.as_str().to_owned())
        .bind(secret.lookup_id.as_str().to_owned())
        .bind(secret.last4.clone())
        .bind(secret.hash.bytes.to_vec())
        .bind(scheme_name(secret.hash.scheme))
        .bind(secret.hash.pepper_id.to_string())
        .bind(secret.digest_hash.map(|hash| hash.to_vec()))
        .bind(secret.hint.as_ref().map(|hint| hint.as_str().to_owned()))
}

fn read_row(row: &PgRow) -> Result<Secret, Error> {
    Ok(Secret {
        id: SecretId::from_uuid(row.try_get("id")?),
        key_id: KeyId::from_uuid(row.try_get("key_id")?),
        prefix: row.try_get("prefix")?,
        lookup_id: row.try_get("lookup_id")?,
        last4: row.try_get("last4")?,
        hint: row.try_get("hint")?,
        created_at: row.try_get("created_at")?,
        retires_at: decode::instant(row, "retires_at")?,
        is_compromised: row.try_get("is_compromised")?,
        is_duplicated: row.try_get("is_duplicated")?,
        last_used_at: row.try_get("last_used_at")?,
        last_used_ip: decode::address(row, "last_used_ip")?,
    })
}

const fn scheme_name(scheme: HashScheme) -> &'static str {
    match scheme {
        HashScheme::Text => "text",
        HashScheme::Sha256 => "sha256",
        HashScheme::Foreign => "foreign",
    }
}

/// What proves a secret, from its row.
pub(crate) fn read_hash(row: &PgRow) -> Result<SecretHash, Error> {
    let scheme = match row.try_get("hash_scheme")? {
        "text" => HashScheme::Text,
        "sha256" => HashScheme::Sha256,
        "foreign" => HashScheme::Foreign,
        other => return Err(Error::unreadable(format!("no hash scheme is called {other}"))),
    };
    let bytes: &[u8] = row.try_get("hash")?;
    let bytes = bytes.try_into().map_err(Error::unreadable)?;
    let pepper_id: &str = row.try_get("pepper_id")?;
    Ok(SecretHash { pepper_id: pepper_id.into(), scheme, bytes })
}
