//! Making keys and changing what binds them.

use domain::ids::{CustomerId, KeyId, SecretId};
use domain::names::{self, Name};
use domain::policy::{AllOr, Credits, KeyKind, Policy};
use domain::role::{self, HeldRole};
use serde_json::{Map, Value};
use sqlx::types::Json;
use sqlx::{AssertSqlSafe, Row};
use uuid::Uuid;

use super::secrets::{NewSecret, bind_secret};
use super::{BESIDE, COLUMNS, Key, VISIBLE, read_row};
use crate::decode::{only_texts, texts};
use crate::error::Error;
use crate::generation::Subject;
use crate::granted::{GRANTED, HELD_ROLES};
use crate::write::Write;

/// A key to be, or the whole of what can change about one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyChange {
    /// Its name.
    pub name: Name,
    /// What binds it, with the permissions that it is given by name.
    pub policy: Policy,
    /// Its roles, by id.
    pub roles: Vec<HeldRole>,
    /// The organization's version whose permissions it is given.
    pub permissions_since: i64,
    /// The balance that verification spends.
    pub credits: CreditsChange,
    /// The organization's own notes.
    pub metadata: Map<String, Value>,
    /// The organization's own marks.
    pub tags: Vec<String>,
}

/// What becomes of a balance that verification spends meanwhile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CreditsChange {
    /// It stays as it is; a new key has none.
    Keep,
    /// It is this from now on, or there is none any more.
    Set(Option<Credits>),
}

impl KeyChange {
    /// What binds the key, with everything that it is to hold, of its own and by its roles.
    pub fn effective_policy(&self) -> Policy {
        Policy { permissions: role::effective(&self.policy.permissions, &self.roles), ..self.policy.clone() }
    }

    /// Whether the key is like this already.
    fn is_met_by(&self, key: &Key) -> bool {
        let keeps_credits = match &self.credits {
            CreditsChange::Keep => true,
            CreditsChange::Set(credits) => *credits == key.credits,
        };
        keeps_credits
            && self.name.as_str() == key.name
            && self.policy == key.policy
            && self.roles == key.roles
            && self.metadata == key.metadata
            && self.tags == key.tags
    }
}

impl Write {
    /// Makes a key with its first secret. In the installation it is a root key, elsewhere an organization key.
    ///
    /// It is the first version, so that there is none that anybody could go on with, and nothing to tell Redis.
    pub async fn insert_key(&mut self, new: &KeyChange, secret: &NewSecret) -> Result<Key, Error> {
        let id = KeyId::mint(self.now);
        let mut key = self.insert_with_secret(id, new, secret).await?;
        self.insert_key_customers(id, &new.policy).await?;
        if let CreditsChange::Set(Some(credits)) = &new.credits {
            self.update_credits(id, &new.credits).await?;
            key.credits = Some(credits.clone());
        }
        Ok(key)
    }

    /// Both rows in one statement, and the key as it then stands.
    async fn insert_with_secret(&mut self, id: KeyId, new: &KeyChange, secret: &NewSecret) -> Result<Key, Error> {
        self.check_name(id, &new.name).await?;
        let kind = if self.bounds.organization.is_installation() { KeyKind::Root } else { KeyKind::Organization };
        let sql = "with k as (
                insert into keys
                    (organization_id, id, kind, name, name_folded, permissions, domains, is_for_all_customers,
                    ips, not_before, expires_at, limits, metadata, tags, created_at, created_by, updated_at, name_scope,
                    permissions_since, roles)
                select $1, $2, $3, $4, $5, $6, $7, $8::uuid[] is null, $9, $10, $11, $12, $13, $14, $15, $16, $15, $26,
                    $27, $28
                -- Nobody deletes the organization before this change ends.
                from organizations where id = $1 and deleted_at is null for key share
                returning *
            ), s as (
                insert into secrets
                    (organization_id, id, key_id, prefix, lookup_id, last4, hash, hash_scheme, pepper_id, digest_hash,
                    hint, created_at)
                select k.organization_id, $17, k.id, $18, $19, $20, $21, $22, $23, $24, $25, k.created_at from k
                returning prefix, lookup_id, last4, hint
            )
            select k.*, k.permissions as own_permissions, '[]'::json as held_roles, coalesce($8, '{}') as customers, s.prefix, s.lookup_id, s.last4,
                s.hint, 1::bigint as secrets_active, null::timestamptz as last_used_at, null::inet as last_used_ip, null::bigint as remaining
            from k, s";
        let policy = &new.policy;
        let statement = sqlx::query(sql)
            .bind(self.organization())
            .bind(id.uuid())
            .bind(kind.name())
            .bind(new.name.as_str())
            .bind(new.name.fold())
            .bind(texts(&policy.permissions))
            .bind(only_texts(&policy.domains))
            .bind(policy.customers.only().map(uuids))
            .bind(only_texts(&policy.ips))
            .bind(policy.not_before)
            .bind(policy.expires_at)
            .bind(Json(&policy.limits))
            .bind(Json(&new.metadata))
            .bind(&new.tags)
            .bind(self.rows.now)
            .bind(self.rows.bounds.actor.clone());
        let statement = bind_secret(statement, SecretId::mint(self.now), secret)
            .bind(self.name_scope())
            .bind(new.permissions_since)
            .bind(role_uuids(&new.roles));
        let row = self.rows.session.optional(statement).await?;
        let key = read_row(&row.ok_or_else(|| Error::conflict("keys_organization_fkey"))?)?;
        Ok(Key { roles: new.roles.clone(), ..key })
    }

    /// Changes the key that the caller saw at version `seen`; `None` when it has changed since or is gone.
    pub async fn update_key(&mut self, id: KeyId, seen: i64, change: &KeyChange) -> Result<Option<Key>, Error> {
        if self.hold_key(id).await?.is_none_or(|held| held.generation != seen) {
            return Ok(None);
        }
        let Some(before) = self.find_key(id).await? else { return Ok(None) };
        if change.is_met_by(&before) {
            return self.find_unchanged_key(id).await;
        }
        if names::fold(&before.name) != change.name.fold() {
            self.check_name(id, &change.name).await?;
        }
        let policy = &change.policy;
        let sql = "update keys
            set name = $3, name_folded = $4, permissions = $5, domains = $6, is_for_all_customers = $7, ips = $8,
                not_before = $9, expires_at = $10, limits = $11, metadata = $12, tags = $13,
                generation = generation + 1, updated_at = $14,
                name_scope = case when name_folded = $4 then name_scope else $15 end, permissions_since = $16,
                roles = $17
            where organization_id = $1 and id = $2";
        let statement = sqlx::query(sql)
            .bind(self.organization())
            .bind(id.uuid())
            .bind(change.name.as_str())
            .bind(change.name.fold())
            .bind(texts(&policy.permissions))
            .bind(only_texts(&policy.domains))
            .bind(policy.customers == AllOr::All)
            .bind(only_texts(&policy.ips))
            .bind(policy.not_before)
            .bind(policy.expires_at)
            .bind(Json(&policy.limits))
            .bind(Json(&change.metadata))
            .bind(&change.tags)
            .bind(self.rows.now)
            .bind(self.name_scope())
            .bind(change.permissions_since)
            .bind(role_uuids(&change.roles));
        self.rows.session.execute(statement).await?;
        self.delete_key_customers(id).await?;
        self.insert_key_customers(id, policy).await?;
        // No secret outlives its key.
        self.cap_overlaps(id).await?;
        self.update_credits(id, &change.credits).await?;
        self.bump(Subject::Key(id), seen + 1);
        self.find_written_key(id).await.map(Some)
    }

    /// Refuses a name that another key has which the caller can see. What it cannot see must not be told by a refusal.
    async fn check_name(&mut self, id: KeyId, name: &Name) -> Result<(), Error> {
        let sql = format!(
            "select from keys k where {VISIBLE} and k.deleted_at is null and k.name_folded = $5 and k.id <> $6 limit 1"
        );
        let statement = self.rows.of_scope(sql).bind(name.fold()).bind(id.uuid());
        match self.rows.session.optional(statement).await? {
            Some(_) => Err(Error::conflict("keys_organization_name_unique")),
            None => Ok(()),
        }
    }

    /// Among which keys the index holds a name to be unique: those of callers that see everything, or those of one limited
    /// caller.
    fn name_scope(&self) -> String {
        let is_limited = self.bounds.customers.is_some() || self.bounds.domains.is_some();
        if is_limited { self.bounds.actor.clone() } else { String::new() }
    }

    /// The key as this change leaves it, even where the change moved it out of the caller's own sight.
    async fn find_written_key(&mut self, id: KeyId) -> Result<Key, Error> {
        let sql = format!("select {COLUMNS} from keys k {GRANTED} {HELD_ROLES} {BESIDE} where {VISIBLE} and k.id = $5");
        let everything: (Option<Vec<Uuid>>, Option<Vec<String>>) = (None, None);
        let statement = sqlx::query(AssertSqlSafe(sql))
            .bind(self.organization())
            .bind(everything.0)
            .bind(everything.1)
            .bind(self.now)
            .bind(id.uuid());
        read_row(&self.rows.session.one(statement).await?)
    }

    async fn delete_key_customers(&mut self, id: KeyId) -> Result<(), Error> {
        let sql = "delete from key_customers where organization_id = $1 and key_id = $2";
        let statement = sqlx::query(sql).bind(self.organization()).bind(id.uuid());
        self.rows.session.execute(statement).await.map(drop)
    }

    async fn insert_key_customers(&mut self, id: KeyId, policy: &Policy) -> Result<(), Error> {
        let Some(customers) = policy.customers.only() else { return Ok(()) };
        let sql = "insert into key_customers (organization_id, key_id, customer_id)
            select distinct $1::uuid, $2::uuid, listed.id from unnest($3::uuid[]) listed (id) order by 3";
        let statement = sqlx::query(sql).bind(self.organization()).bind(id.uuid()).bind(uuids(customers));
        self.rows.session.execute(statement).await.map(drop)
    }
}

fn role_uuids(roles: &[HeldRole]) -> Vec<Uuid> {
    roles.iter().map(|role| role.id.uuid()).collect()
}

fn uuids(customers: &[CustomerId]) -> Vec<Uuid> {
    customers.iter().map(|customer| customer.uuid()).collect()
}

/// A key that nobody else changes before this change ends.
pub(crate) struct HeldKey {
    pub(super) generation: i64,
}

impl Write {
    /// Holds the key if it is in scope and has not been deleted.
    pub(crate) async fn hold_key(&mut self, id: KeyId) -> Result<Option<HeldKey>, Error> {
        // The customers are looked at again once the row is held: they may have changed while this waited for it.
        let sql = "select generation from keys where organization_id = $1 and id = $2 for no key update";
        let statement = sqlx::query(sql).bind(self.organization()).bind(id.uuid());
        if self.rows.session.optional(statement).await?.is_none() {
            return Ok(None);
        }
        let sql = format!(
            "select k.generation from keys k
            where {VISIBLE} and k.deleted_at is null and k.id = $5 and $4::timestamptz is not null"
        );
        let statement = self.of_scope(sql).bind(id.uuid());
        let row = self.rows.session.optional(statement).await?;
        row.map(|row| Ok(HeldKey { generation: row.try_get("generation")? })).transpose()
    }
}
