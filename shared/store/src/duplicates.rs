//! Imports of secrets that were issued elsewhere, and the secrets that another organization has already.
//!
//! One secret proves one key. A secret that two of them hold is marked in both, and proves neither's key until it is
//! regenerated, whatever becomes of the other one. What is cached of it is made old, and both sides are told. Nothing of one
//! organization is told to another, and a public id alone changes nothing of anybody's.

use std::collections::{BTreeSet, HashMap, HashSet};

use domain::event::Event;
use domain::ids::{KeyId, OrganizationId, SecretId};
use domain::secret::{HashScheme, LookupId, SecretHash};
use sqlx::Row;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use crate::error::Error;
use crate::generation::{Generation, Subject};
use crate::keys::{Key, KeyChange, NewSecret, VISIBLE, read_hash};
use crate::rows::Rows;
use crate::session::RowAccess;
use crate::unscoped::CANDIDATES_MAX;
use crate::write::{Origin, Write};

/// Who acts in the log of an organization whose secret turned up in another one.
const ACTOR: &str = "system:duplicates";
/// A key's secret turned up in another organization, and proves neither's key any more.
const DUPLICATED: &str = "secret.duplicated";
/// The constraint that lets an organization have a secret once.
const ONCE: &str = "secrets_organization_lookup_id_unique";
/// Public ids share this many locks, so that an import of many keys holds no more.
const LOCKS: u64 = 64;
/// Those locks apart from all others.
const LOCK_CLASS: i32 = 0x1_1390;

/// A key to be, with a secret that was issued elsewhere.
#[derive(Debug, Clone)]
pub struct Import {
    /// The key.
    pub key: KeyChange,
    /// What is stored of its secret.
    pub secret: NewSecret,
    /// The public ids that others would have it under: its own, and for a secret that is not of our form one for each
    /// pepper.
    pub lookup_ids: Vec<LookupId>,
}

/// What of an import an organization has already.
#[derive(Debug, Default)]
pub struct Taken {
    /// Names of keys, folded.
    pub names: HashSet<String>,
    /// Public ids.
    pub lookup_ids: HashSet<LookupId>,
}

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

/// A key whose secret has a public id that is imported.
struct Holder {
    organization: OrganizationId,
    key: KeyId,
    secret: SecretId,
    prefix: String,
    lookup_id: LookupId,
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

/// What becomes of another organization's secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Effect {
    /// What is cached of it is read again.
    Outdate,
    /// The same, and it proves nothing from now on.
    Mark,
}

impl Write {
    /// Makes keys whose secrets were issued elsewhere. `is_same` says whether that of the import with this index is the one
    /// behind an organization's hash; `None` where that cannot be told without its text.
    pub async fn import_keys(
        &mut self,
        imports: &[Import],
        is_same: impl Fn(usize, OrganizationId, &SecretHash) -> Option<bool>,
    ) -> Result<Vec<Key>, Error> {
        let lookup_ids: BTreeSet<LookupId> = imports.iter().flat_map(|import| import.lookup_ids.clone()).collect();
        let lookup_ids: Vec<LookupId> = lookup_ids.into_iter().collect();
        self.lock_lookup_ids(&lookup_ids).await?;
        let holders = self.rows.find_holders(&lookup_ids).await?;
        let mut by_id: HashMap<LookupId, Vec<&Holder>> = HashMap::new();
        for holder in &holders {
            by_id.entry(holder.lookup_id).or_default().push(holder);
        }
        let (mut duplicates, mut effects) = (HashSet::new(), Vec::new());
        for (at, import) in imports.iter().enumerate() {
            let found = import.lookup_ids.iter().flat_map(|id| by_id.get(id)).flatten().copied();
            for holder in found.filter(|holder| holder.may_be_of(import)) {
                let likeness = holder.likeness(|organization, hash| is_same(at, organization, hash));
                if likeness != Likeness::Other && holder.organization == self.rows.bounds.organization {
                    return Err(Error::conflict(ONCE));
                }
                let is_held = likeness == Likeness::Same && !holder.is_over;
                if is_held || (likeness == Likeness::Same && holder.is_duplicated) {
                    duplicates.insert(at);
                }
                match likeness {
                    Likeness::Other => {}
                    Likeness::Same if is_held && !holder.is_duplicated => effects.push((holder, Effect::Mark)),
                    Likeness::Same | Likeness::Unknown => effects.push((holder, Effect::Outdate)),
                }
            }
        }
        // In one order for everybody, so that two of these wait for each other in turn.
        effects.sort_unstable_by_key(|(holder, effect)| (holder.organization, holder.key, *effect));
        for (holder, effect) in effects {
            self.change_elsewhere(holder, effect).await?;
        }
        self.insert_imports(imports, &duplicates).await
    }

    async fn insert_imports(&mut self, imports: &[Import], duplicates: &HashSet<usize>) -> Result<Vec<Key>, Error> {
        let mut keys = Vec::with_capacity(imports.len());
        for (at, import) in imports.iter().enumerate() {
            let key = self.insert_key(&import.key, &import.secret).await?;
            if duplicates.contains(&at) {
                self.mark_newest(key.id).await?;
                self.append_event(&Event::of(DUPLICATED, key.id)).await?;
            }
            keys.push(key);
        }
        if imports.iter().any(|import| import.secret.hash.scheme == HashScheme::Foreign) {
            self.note_foreign_keys().await?;
        }
        Ok(keys)
    }

    /// Which of these names and public ids keys of the organization have already; of names, as far as the caller sees.
    pub async fn find_taken(&mut self, names: &[String], lookup_ids: &[LookupId]) -> Result<Taken, Error> {
        // What the caller cannot see must not be told by a refusal.
        let sql = format!(
            "select k.name_folded from keys k
            where {VISIBLE} and k.name_folded = any ($5) and k.deleted_at is null and $4::timestamptz is not null"
        );
        let statement = self.rows.of_scope(sql).bind(names.to_vec());
        let rows = self.rows.session.all(statement).await?;
        let names = rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
        let sql = "select lookup_id from secrets where organization_id = $1 and lookup_id = any ($2)";
        let statement = sqlx::query(sql).bind(self.organization()).bind(texts(lookup_ids));
        let rows = self.rows.session.all(statement).await?;
        let lookup_ids = rows.iter().map(read_lookup_id).collect::<Result<_, _>>()?;
        Ok(Taken { names, lookup_ids })
    }

    /// Of two imports of one secret at once, the second sees the first.
    async fn lock_lookup_ids(&mut self, lookup_ids: &[LookupId]) -> Result<(), Error> {
        let bucket = |id: &LookupId| {
            let sum = id.as_str().bytes().fold(0_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte)));
            i32::try_from(sum % LOCKS).expect("below the number of locks")
        };
        let buckets: BTreeSet<i32> = lookup_ids.iter().map(bucket).collect();
        let sql = "select pg_advisory_xact_lock($1, bucket) from unnest($2::int[]) bucket";
        let statement = sqlx::query(sql).bind(LOCK_CLASS).bind(buckets.into_iter().collect::<Vec<_>>());
        self.rows.session.execute(statement).await.map(drop)
    }

    /// Marks the one secret that a new key has.
    async fn mark_newest(&mut self, key: KeyId) -> Result<(), Error> {
        let sql = "update secrets set is_duplicated = true where organization_id = $1 and key_id = $2";
        let statement = sqlx::query(sql).bind(self.organization()).bind(key.uuid());
        self.rows.session.execute(statement).await.map(drop)
    }

    /// Makes a new version of another organization's key; where its secret is a duplicate from now on, marks it and tells its
    /// log.
    async fn change_elsewhere(&mut self, holder: &Holder, effect: Effect) -> Result<(), Error> {
        self.as_other(holder.organization, async |write| write.outdate((holder.key, holder.secret), effect).await).await
    }

    async fn outdate(&mut self, (key, secret): (KeyId, SecretId), effect: Effect) -> Result<(), Error> {
        let organization = self.organization();
        let sql = "update keys set generation = generation + 1
            where organization_id = $1 and id = $2
            returning generation";
        let statement = sqlx::query(sql).bind(organization).bind(key.uuid());
        let Some(row) = self.rows.session.optional(statement).await? else { return Ok(()) };
        self.bump(Subject::Key(key), row.try_get("generation")?);
        if effect == Effect::Mark {
            let sql = "update secrets set is_duplicated = true where organization_id = $1 and id = $2";
            let statement = sqlx::query(sql).bind(organization).bind(secret.uuid());
            self.rows.session.execute(statement).await?;
            self.append_event(&Event::of(DUPLICATED, key)).await?;
        }
        Ok(())
    }

    /// Notes in the installation's row that there are secrets that are not of our form, and remembers that version.
    async fn note_foreign_keys(&mut self) -> Result<(), Error> {
        self.as_other(OrganizationId::INSTALLATION, async |write| {
            let installation = OrganizationId::INSTALLATION;
            let subject = Subject::Organization(installation);
            let sql = "update organizations set has_foreign_keys = true, generation = generation + 1
                where id = $1 and not has_foreign_keys
                returning generation";
            let first = write.rows.session.optional(sqlx::query(sql).bind(installation.uuid())).await?;
            let value = match first {
                Some(row) => {
                    let value = row.try_get("generation")?;
                    write.bump(subject, value);
                    value
                }
                None => {
                    let sql = "select generation from organizations where id = $1";
                    let row = write.rows.session.one(sqlx::query(sql).bind(installation.uuid())).await?;
                    row.try_get("generation")?
                }
            };
            write.foreign = Some(Generation { subject, value });
            Ok(())
        })
        .await
    }

    /// Does something to another organization's rows, and leaves the versions that it makes to its outbox. Neither the request
    /// nor its address is the other organization's to know.
    async fn as_other(
        &mut self,
        organization: OrganizationId,
        work: impl AsyncFnOnce(&mut Self) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let bounds = self.rows.bounds.clone();
        self.rows.bounds.organization = organization;
        ACTOR.clone_into(&mut self.rows.bounds.actor);
        let origin = std::mem::replace(&mut self.origin, Origin { request_id: String::new(), ip: None });
        let bumped = std::mem::take(&mut self.bumped);
        let done = self.within(organization, work).await;
        (self.rows.bounds, self.origin, self.bumped) = (bounds, origin, bumped);
        self.rows.session.allow(RowAccess::Organization(self.rows.bounds.organization)).await?;
        done
    }

    async fn within(
        &mut self,
        organization: OrganizationId,
        work: impl AsyncFnOnce(&mut Self) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.rows.session.allow(RowAccess::Organization(organization)).await?;
        work(self).await?;
        let outbox_ids = self.insert_outbox().await?;
        let made = self.generations().into_iter().zip(outbox_ids);
        let made = made.map(|(generation, outbox_id)| Elsewhere { organization, generation, outbox_id });
        self.elsewhere.extend(made);
        Ok(())
    }
}

impl Rows {
    /// What is stored of the secrets of any organization with these public ids.
    pub(crate) async fn find_hashes(&mut self, lookup_ids: &[LookupId]) -> Result<Vec<SecretHash>, Error> {
        Ok(self.find_holders(lookup_ids).await?.into_iter().map(|holder| holder.hash).collect())
    }

    /// The secrets of any organization with these public ids, as many of each as a verification looks at.
    async fn find_holders(&mut self, lookup_ids: &[LookupId]) -> Result<Vec<Holder>, Error> {
        self.session.allow(RowAccess::Lookups(lookup_ids)).await?;
        let sql = "select s.organization_id, s.key_id, s.id, s.prefix, s.lookup_id, s.hash, s.hash_scheme, s.pepper_id,
                s.digest_hash, s.is_duplicated, s.retires_at <= $3 as is_over
            from unnest($1::text[]) asked (id)
            cross join lateral (
                select * from secrets where lookup_id = asked.id order by created_at, id limit $2
            ) s";
        let statement = sqlx::query(sql).bind(texts(lookup_ids)).bind(CANDIDATES_MAX).bind(self.now);
        let rows = self.session.all(statement).await?;
        self.session.allow(RowAccess::NoLookups).await?;
        rows.iter().map(read_holder).collect()
    }
}

impl Holder {
    /// Whether its secret may be the one that is imported. Its prefix is a part of one of our form.
    fn may_be_of(&self, import: &Import) -> bool {
        import.secret.hash.scheme == HashScheme::Foreign || self.prefix == import.secret.prefix.as_str()
    }

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

fn texts(lookup_ids: &[LookupId]) -> Vec<String> {
    lookup_ids.iter().map(|id| id.as_str().to_owned()).collect()
}

fn read_lookup_id(row: &PgRow) -> Result<LookupId, Error> {
    LookupId::parse(row.try_get("lookup_id")?).ok_or_else(|| Error::unreadable("no public id has this form"))
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
        prefix: row.try_get("prefix")?,
        lookup_id: read_lookup_id(row)?,
        hash,
        digest_hash,
        is_over: row.try_get::<Option<bool>, _>("is_over")?.unwrap_or(false),
        is_duplicated: row.try_get("is_duplicated")?,
    })
}
