//! Secrets of one public id that several organizations hold: an import brings what another one has already.
//!
//! One secret proves one key. A secret that two of them hold is marked in both, and proves neither's key until it is
//! regenerated, whatever becomes of the other one. What is cached of it is made old, and both sides are told. Nothing of one
//! organization is told to another, and a public id alone changes nothing of anybody's.

use domain::event::Event;
use domain::ids::{KeyId, OrganizationId, SecretId};
use domain::secret::{HashScheme, LookupId, SecretHash};
use sqlx::Row;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use crate::error::Error;
use crate::generation::{Generation, Subject};
use crate::keys::{Key, KeyChange, NewSecret, read_hash};
use crate::session::RowAccess;
use crate::unscoped::CANDIDATES_MAX;
use crate::write::{Origin, Write};

/// Who acts in the log of an organization whose secret turned up in another one.
const ACTOR: &str = "system:duplicates";
/// A key's secret turned up in another organization, and proves neither's key any more.
const DUPLICATED: &str = "secret.duplicated";

/// A version of a key of another organization that a change made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Elsewhere {
    /// Whose key.
    pub organization: OrganizationId,
    /// Its new version.
    pub generation: Generation,
    /// The outbox row that holds it until Redis has heard.
    pub outbox_id: Uuid,
}

/// A key of another organization whose secret has the public id and the prefix.
struct Holder {
    organization: OrganizationId,
    key: KeyId,
    secret: SecretId,
    hash: SecretHash,
    /// The hash of its digest, where its text was hashed.
    digest_hash: Option<SecretHash>,
    /// It proves nothing any more.
    is_over: bool,
    is_duplicated: bool,
}

/// What a secret elsewhere has to do with the one that is imported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Likeness {
    /// Another secret that goes by the same public id.
    Other,
    /// The same one.
    Same,
    /// Nobody can tell: its row is older than the hashes of digests, and a digest is imported.
    Unknown,
}

impl Write {
    /// Makes a key whose secret was issued elsewhere. `is_same` says whether it is the one behind an organization's hash; `None`
    /// where that cannot be told without its text.
    pub async fn import_key(
        &mut self,
        new: &KeyChange,
        secret: &NewSecret,
        is_same: impl Fn(OrganizationId, &SecretHash) -> Option<bool>,
    ) -> Result<Key, Error> {
        // Of two imports at once, the second sees the first.
        let sql = "select pg_advisory_xact_lock(hashtextextended($1, 0))";
        let statement = sqlx::query(sql).bind(secret.lookup_id.as_str().to_owned());
        self.rows.session.execute(statement).await?;
        let key = self.insert_key(new, secret).await?;
        let mut is_duplicate = false;
        for holder in self.find_elsewhere(&secret.lookup_id, secret.prefix.as_str()).await? {
            let likeness = holder.likeness(&is_same);
            if likeness == Likeness::Other {
                continue;
            }
            let is_held = likeness == Likeness::Same && !holder.is_over;
            is_duplicate |= is_held || (likeness == Likeness::Same && holder.is_duplicated);
            self.outdate_elsewhere(&holder, is_held && !holder.is_duplicated).await?;
        }
        if is_duplicate {
            self.mark_newest(key.id).await?;
            self.append_event(&Event::of(DUPLICATED, key.id)).await?;
        }
        Ok(key)
    }

    /// Marks the one secret that a new key has.
    async fn mark_newest(&mut self, key: KeyId) -> Result<(), Error> {
        let sql = "update secrets set is_duplicated = true where organization_id = $1 and key_id = $2";
        let statement = sqlx::query(sql).bind(self.organization()).bind(key.uuid());
        self.rows.session.execute(statement).await.map(drop)
    }

    /// In one order for everybody, so that two of these wait for each other in turn.
    async fn find_elsewhere(&mut self, lookup_id: &LookupId, prefix: &str) -> Result<Vec<Holder>, Error> {
        self.rows.session.allow(RowAccess::Lookup(lookup_id)).await?;
        let sql = "select organization_id, key_id, id, hash, hash_scheme, pepper_id, digest_hash, is_duplicated,
                retires_at <= $5 as is_over
            from secrets
            where lookup_id = $2 and prefix = $3 and organization_id <> $1
            -- Those that a verification looks at.
            order by created_at, id
            limit $4";
        let statement = sqlx::query(sql)
            .bind(self.organization())
            .bind(lookup_id.as_str().to_owned())
            .bind(prefix.to_owned())
            .bind(CANDIDATES_MAX)
            .bind(self.now());
        let rows = self.rows.session.all(statement).await?;
        self.rows.session.allow(RowAccess::NoLookup).await?;
        let mut holders = rows.iter().map(read_holder).collect::<Result<Vec<_>, _>>()?;
        holders.sort_unstable_by_key(|holder| holder.organization);
        Ok(holders)
    }

    /// Makes a new version of another organization's key; where its secret is a duplicate from now on, marks it and tells its
    /// log.
    async fn outdate_elsewhere(&mut self, holder: &Holder, is_marked: bool) -> Result<(), Error> {
        let bounds = self.rows.bounds.clone();
        self.rows.bounds.organization = holder.organization;
        ACTOR.clone_into(&mut self.rows.bounds.actor);
        // Neither the request nor its address is the other organization's to know.
        let origin = std::mem::replace(&mut self.origin, Origin { request_id: String::new(), ip: None });
        let bumped = std::mem::take(&mut self.bumped);
        let done = self.outdate((holder.key, holder.secret), is_marked).await;
        (self.rows.bounds, self.origin, self.bumped) = (bounds, origin, bumped);
        self.rows.session.allow(RowAccess::Organization(self.rows.bounds.organization)).await?;
        done
    }

    async fn outdate(&mut self, (key, secret): (KeyId, SecretId), is_marked: bool) -> Result<(), Error> {
        let organization = self.rows.bounds.organization;
        self.rows.session.allow(RowAccess::Organization(organization)).await?;
        let sql = "update keys set generation = generation + 1
            where organization_id = $1 and id = $2
            returning generation";
        let statement = sqlx::query(sql).bind(organization.uuid()).bind(key.uuid());
        let Some(row) = self.rows.session.optional(statement).await? else { return Ok(()) };
        let generation = Generation { subject: Subject::Key(key), value: row.try_get("generation")? };
        self.bump(generation.subject, generation.value);
        if is_marked {
            let sql = "update secrets set is_duplicated = true where organization_id = $1 and id = $2";
            let statement = sqlx::query(sql).bind(organization.uuid()).bind(secret.uuid());
            self.rows.session.execute(statement).await?;
            self.append_event(&Event::of(DUPLICATED, key)).await?;
        }
        let outbox_ids = self.insert_outbox().await?;
        self.elsewhere.extend(outbox_ids.into_iter().map(|outbox_id| Elsewhere {
            organization,
            generation,
            outbox_id,
        }));
        Ok(())
    }
}

impl Holder {
    fn likeness(&self, is_same: impl Fn(OrganizationId, &SecretHash) -> Option<bool>) -> Likeness {
        let told =
            is_same(self.organization, &self.hash).or_else(|| is_same(self.organization, self.digest_hash.as_ref()?));
        match told {
            Some(true) => Likeness::Same,
            Some(false) => Likeness::Other,
            None => Likeness::Unknown,
        }
    }
}

fn read_holder(row: &PgRow) -> Result<Holder, Error> {
    let hash = read_hash(row)?;
    let digest_hash = match row.try_get::<Option<&[u8]>, _>("digest_hash")? {
        Some(bytes) => {
            let bytes = bytes.try_into().map_err(Error::unreadable)?;
            Some(SecretHash { pepper_id: hash.pepper_id.clone(), scheme: HashScheme::Sha256, bytes })
        }
        None => None,
    };
    Ok(Holder {
        organization: OrganizationId::from_uuid(row.try_get("organization_id")?),
        key: KeyId::from_uuid(row.try_get("key_id")?),
        secret: SecretId::from_uuid(row.try_get("id")?),
        hash,
        digest_hash,
        is_over: row.try_get::<Option<bool>, _>("is_over")?.unwrap_or(false),
        is_duplicated: row.try_get("is_duplicated")?,
    })
}
