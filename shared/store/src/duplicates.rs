//! Secrets of one public id that several organizations hold: an import brings what another one has already.
//!
//! One secret proves one key: verification refuses a secret that two of them prove. Here what is cached of the others is
//! made old, and both sides are told. Nothing of one organization is told to another.

use domain::event::Event;
use domain::ids::{KeyId, OrganizationId};
use domain::secret::{LookupId, SecretHash};
use sqlx::Row;
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
    hash: SecretHash,
}

impl Write {
    /// Makes a key whose secret was issued elsewhere. `is_same` says whether it is the one behind an organization's hash, as
    /// far as that can be told without its text.
    pub async fn import_key(
        &mut self,
        new: &KeyChange,
        secret: &NewSecret,
        is_same: impl Fn(OrganizationId, &SecretHash) -> bool,
    ) -> Result<Key, Error> {
        // Of two imports at once, the second sees the first.
        let sql = "select pg_advisory_xact_lock(hashtextextended($1, 0))";
        let statement = sqlx::query(sql).bind(secret.lookup_id.as_str().to_owned());
        self.rows.session.execute(statement).await?;
        let key = self.insert_key(new, secret).await?;
        let mut is_duplicate = false;
        for holder in self.find_elsewhere(&secret.lookup_id, secret.prefix.as_str()).await? {
            let is_held = is_same(holder.organization, &holder.hash);
            self.outdate_elsewhere(&holder, is_held).await?;
            is_duplicate |= is_held;
        }
        if is_duplicate {
            self.append_event(&Event::of(DUPLICATED, key.id)).await?;
        }
        Ok(key)
    }

    /// In one order for everybody, so that two of these wait for each other in turn.
    async fn find_elsewhere(&mut self, lookup_id: &LookupId, prefix: &str) -> Result<Vec<Holder>, Error> {
        self.rows.session.allow(RowAccess::Lookup(lookup_id)).await?;
        let sql = "select organization_id, key_id, hash, hash_scheme, pepper_id
            from secrets
            where lookup_id = $2 and prefix = $3 and organization_id <> $1
            order by organization_id
            limit $4";
        let statement = sqlx::query(sql)
            .bind(self.organization())
            .bind(lookup_id.as_str().to_owned())
            .bind(prefix.to_owned())
            .bind(CANDIDATES_MAX);
        let rows = self.rows.session.all(statement).await?;
        self.rows.session.allow(RowAccess::NoLookup).await?;
        let read = |row: &sqlx::postgres::PgRow| {
            Ok(Holder {
                organization: OrganizationId::from_uuid(row.try_get("organization_id")?),
                key: KeyId::from_uuid(row.try_get("key_id")?),
                hash: read_hash(row)?,
            })
        };
        rows.iter().map(read).collect()
    }

    /// Makes a new version of another organization's key, and tells its log where it is told.
    async fn outdate_elsewhere(&mut self, holder: &Holder, is_told: bool) -> Result<(), Error> {
        let bounds = self.rows.bounds.clone();
        self.rows.bounds.organization = holder.organization;
        ACTOR.clone_into(&mut self.rows.bounds.actor);
        // Neither the request nor its address is the other organization's to know.
        let origin = std::mem::replace(&mut self.origin, Origin { request_id: String::new(), ip: None });
        let bumped = std::mem::take(&mut self.bumped);
        let done = self.outdate(holder.key, is_told).await;
        (self.rows.bounds, self.origin, self.bumped) = (bounds, origin, bumped);
        self.rows.session.allow(RowAccess::Organization(self.rows.bounds.organization)).await?;
        done
    }

    async fn outdate(&mut self, key: KeyId, is_told: bool) -> Result<(), Error> {
        let organization = self.rows.bounds.organization;
        self.rows.session.allow(RowAccess::Organization(organization)).await?;
        let sql = "update keys set generation = generation + 1
            where organization_id = $1 and id = $2
            returning generation";
        let statement = sqlx::query(sql).bind(organization.uuid()).bind(key.uuid());
        let Some(row) = self.rows.session.optional(statement).await? else { return Ok(()) };
        let generation = Generation { subject: Subject::Key(key), value: row.try_get("generation")? };
        self.bump(generation.subject, generation.value);
        if is_told {
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
