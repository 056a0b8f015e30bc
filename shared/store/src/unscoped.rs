//! What needs no scope: finding the credential that a scope will come from, and the traces that its use leaves.
//!
//! Nothing else reads a tenant's rows without a scope.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use domain::access::Authority;
use domain::environment::Environment;
use domain::foreign::{Presented, Wrapped};
use domain::ids::{KeyId, OrganizationId, RoleId, SecretId};
use domain::names::Slug;
use domain::permission::PermissionName;
use domain::secret::{LookupId, SecretHash};
use domain::snapshot::{CustomerFacts, EffectivePolicy, KeyFacts, OrganizationFacts, SecretFacts, Snapshot};
use ipnet::IpNet;
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, Row};
use uuid::Uuid;

use crate::customers;
use crate::decode;
use crate::error::Error;
use crate::granted::{GRANTED, HELD_ROLES, read_counting, read_held};
use crate::keys::{Key, read_hash, read_kind, read_policy};
use crate::rows::Bounds;
use crate::session::{Mode, RowAccess, Session};
use crate::store::Store;

/// The most secrets with one public id that are looked at.
pub const CANDIDATES_MAX: i64 = 16;

/// An organization as a path names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OrganizationRef {
    /// By its id.
    Id(OrganizationId),
    /// By its name in URLs.
    Slug(Slug),
}

/// What may be behind a presented secret, at one instant of the database.
#[derive(Debug, Clone)]
pub struct Found {
    /// What is behind every secret with the public id that was proven, oldest first.
    pub snapshots: Vec<Snapshot>,
    /// Those of their secrets that were revoked as compromised.
    pub compromised: Vec<SecretId>,
    /// Whether one of them was ever held by two organizations at once.
    pub is_duplicated: bool,
    /// The database's clock.
    pub now: DateTime<Utc>,
}

/// What a member of an organization is judged by, at one instant of the database.
#[derive(Debug, Clone)]
pub struct MemberBasis {
    /// The organization's name in URLs.
    pub slug: String,
    /// Whether the organization is suspended.
    pub is_suspended: bool,
    /// The permissions of the organization's own API.
    pub own_permissions: Vec<PermissionName>,
    /// What the organization's own role holds that was asked for; `None` if there is none.
    pub role_permissions: Option<Vec<PermissionName>>,
    /// The database's clock.
    pub now: DateTime<Utc>,
}

/// One use of a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastUse {
    /// Whose secret.
    pub organization: OrganizationId,
    /// Which.
    pub secret: SecretId,
    /// When.
    pub at: DateTime<Utc>,
    /// From where.
    pub ip: Option<IpAddr>,
}

impl Found {
    /// The one key that the secret proves. One that anybody revoked as compromised is dead wherever it is held, and one that
    /// two organizations hold, or held, proves neither's key.
    pub fn into_sole(self) -> Option<Snapshot> {
        let is_held = |snapshot: &Snapshot| {
            !snapshot.key.is_deleted && snapshot.secret.retired_at.is_none_or(|retired_at| retired_at > self.now)
        };
        let compromised = self.snapshots.iter().position(|one| self.compromised.contains(&one.secret.id));
        let mut held = self.snapshots.iter().enumerate().filter(|(_, snapshot)| is_held(snapshot)).map(|(at, _)| at);
        let at = match (compromised, held.next(), held.next()) {
            (Some(at), _, _) => at,
            (None, ..) if self.is_duplicated => return None,
            (None, Some(at), None) => at,
            (None, Some(_), Some(_)) => return None,
            (None, None, _) => 0,
        };
        drop(held);
        self.snapshots.into_iter().nth(at)
    }
}

impl Store {
    /// The organization that a root key names in a path.
    pub async fn find_organization_id(&self, reference: OrganizationRef) -> Result<Option<OrganizationId>, Error> {
        let (mut session, _) = self.session_at(Mode::Read, RowAccess::Root).await?;
        let statement = match reference {
            OrganizationRef::Id(id) => {
                sqlx::query("select id from organizations where id = $1 and deleted_at is null").bind(id.uuid())
            }
            OrganizationRef::Slug(slug) => {
                sqlx::query("select id from organizations where slug = $1 and deleted_at is null")
                    .bind(slug.as_str().to_owned())
            }
        };
        let Some(row) = session.optional(statement).await? else { return Ok(None) };
        let id = OrganizationId::from_uuid(row.try_get("id")?);
        Ok((!id.is_installation()).then_some(id))
    }

    /// What a member of an organization is judged by, for whoever has proven that somebody is one. `None` if there is no such
    /// organization here.
    pub async fn find_member_basis(
        &self,
        organization: OrganizationId,
        role: Option<RoleId>,
    ) -> Result<Option<MemberBasis>, Error> {
        let (mut session, now) = self.session_at(Mode::Snapshot, RowAccess::Organization(organization)).await?;
        let sql = "select slug, suspended_at is not null as is_suspended, permissions
            from organizations where id = $1 and deleted_at is null";
        let Some(row) = session.optional(sqlx::query(sql).bind(organization.uuid())).await? else { return Ok(None) };
        let role_permissions = match role {
            Some(role) => find_role_permissions(&mut session, organization, role).await?,
            None => None,
        };
        Ok(Some(MemberBasis {
            slug: row.try_get("slug")?,
            is_suspended: row.try_get("is_suspended")?,
            own_permissions: decode::permissions(&row, "permissions")?,
            role_permissions,
            now,
        }))
    }

    /// The caller's own key, and the instant of the look; `None` for a person.
    pub async fn find_own_key(&self, caller: &Authority) -> Result<Option<(Key, DateTime<Utc>)>, Error> {
        let Some(own) = caller.principal.key() else { return Ok(None) };
        // A key always sees itself, whatever it is limited to.
        let bounds = Bounds { customers: None, domains: None, ..Bounds::of_own(caller) };
        let mut rows = self.rows(Mode::Read, bounds).await?;
        let now = rows.now();
        Ok(rows.find_key(own).await?.map(|key| (key, now)))
    }

    /// Everything that the checks of a verification need to know about a presented secret, as of one instant.
    ///
    /// `proves` says whether it is the one behind an organization's hash. A row of another prefix is never behind it: an
    /// imported digest names a prefix, and that of a root key's text must not become an organization's key. An id that does not exist has a row of nobody's,
    /// under a pepper that there is not: until a secret is proven everything is the same for both, and the time of an
    /// answer tells nobody which ids exist. To find a row and to judge whether it may be seen takes Postgres some 10 µs, so
    /// where there is none it looks at the installation, which may not be seen here.
    pub async fn find_snapshots(
        &self,
        environment: Environment,
        presented: impl Into<Presented<'_>>,
        proves: impl Fn(OrganizationId, &SecretHash) -> bool,
    ) -> Result<Found, Error> {
        let presented = presented.into();
        let proves = |organization, prefix: &str, hash: &SecretHash| {
            // Without haste: the same work for every row.
            proves(organization, hash) & presented.fits_prefix(prefix)
        };
        let (first, others) = match presented {
            Presented::Own(secret) => (secret.lookup_id(), &[] as &[Wrapped]),
            // One for each pepper that there is or was.
            Presented::Foreign(wrapped) => {
                let (first, others) = wrapped.split_first().ok_or_else(|| Error::unreadable("no pepper"))?;
                (first.lookup_id, others)
            }
        };
        let (mut session, now) = self.session_at(Mode::Snapshot, RowAccess::Lookup(&first)).await?;
        let mut rows = find_candidates(&mut session, &first).await?;
        for other in others {
            session.allow(RowAccess::Lookup(&other.lookup_id)).await?;
            rows.extend(find_candidates(&mut session, &other.lookup_id).await?);
        }
        let (mut snapshots, mut compromised, mut is_duplicated) = (Vec::with_capacity(rows.len()), Vec::new(), false);
        for row in &rows {
            match find_snapshot(&mut session, environment, (row, &proves)).await {
                Ok(Some(snapshot)) => {
                    if row.try_get("is_compromised")? {
                        compromised.push(snapshot.secret.id);
                    }
                    is_duplicated |= row.try_get::<bool, _>("is_duplicated")?;
                    snapshots.push(snapshot);
                }
                Ok(None) => {}
                // A row that nobody can read denies; it takes no other key down with it.
                Err(Error::Database(cause)) => tracing::error!(%cause, "a key's row cannot be read and denies"),
                Err(error) => return Err(error),
            }
        }
        Ok(Found { snapshots, compromised, is_duplicated, now })
    }

    /// Whether anybody here may have a secret that is not of our form. Once so, it is so for good.
    pub async fn has_foreign_keys(&self) -> Result<bool, Error> {
        let installation = OrganizationId::INSTALLATION;
        let (mut session, _) = self.session_at(Mode::Read, RowAccess::Organization(installation)).await?;
        let sql = "select has_foreign_keys from organizations where id = $1";
        Ok(session.one(sqlx::query(sql).bind(installation.uuid())).await?.try_get("has_foreign_keys")?)
    }

    /// The customer that a verification names by id or external id.
    pub async fn find_customer_facts(
        &self,
        organization: OrganizationId,
        reference: &str,
    ) -> Result<Option<CustomerFacts>, Error> {
        let (mut session, _) = self.session_at(Mode::Read, RowAccess::Organization(organization)).await?;
        let Some(customer) = customers::find(&mut session, organization, None, reference).await? else {
            return Ok(None);
        };
        Ok(Some(CustomerFacts {
            id: customer.id,
            external_id: customer.external_id.map(Arc::from),
            name: customer.name.into(),
            metadata: Arc::new(customer.metadata),
            is_suspended: customer.suspended_at.is_some(),
            generation: customer.generation,
            limits: customer.limits,
        }))
    }

    /// Notes when and from where secrets were last used. A secret that somebody else is noting is left to them.
    pub async fn update_last_used(&self, uses: &[LastUse]) -> Result<(), Error> {
        let mut latest: BTreeMap<OrganizationId, BTreeMap<SecretId, &LastUse>> = BTreeMap::new();
        for one in uses {
            let entry = latest.entry(one.organization).or_default().entry(one.secret).or_insert(one);
            if entry.at < one.at {
                *entry = one;
            }
        }
        for (organization, uses) in latest {
            self.update_last_used_of(organization, &uses.into_values().collect::<Vec<_>>()).await?;
        }
        Ok(())
    }

    async fn update_last_used_of(&self, organization: OrganizationId, uses: &[&LastUse]) -> Result<(), Error> {
        let (mut session, _) = self.session_at(Mode::Write, RowAccess::Organization(organization)).await?;
        let sql = "with free as (
                select id from secrets
                where organization_id = $1 and id = any ($2)
                order by id
                for no key update skip locked
            ), noted as (
                update secrets s
                set last_used_at = used.at, last_used_ip = used.ip
                from free
                join unnest($2::uuid[], $3::timestamptz[], $4::inet[]) as used (id, at, ip) on used.id = free.id
                where s.organization_id = $1 and s.id = free.id
                  and (s.last_used_at is null or s.last_used_at < used.at)
                returning s.key_id, s.last_used_at
            ), later as (
                -- Of its own row, in which the lists of keys are sorted, a key writes once a minute at most.
                select u.key_id, n.minute
                from key_last_uses u
                join (select key_id, max(date_trunc('minute', last_used_at)) as minute from noted group by key_id) n
                    on n.key_id = u.key_id
                where u.organization_id = $1 and u.minute < n.minute
                order by u.key_id
                for no key update of u skip locked
            )
            update key_last_uses u
            set minute = later.minute
            from later
            where u.organization_id = $1 and u.key_id = later.key_id";
        let statement = sqlx::query(sql)
            .bind(organization.uuid())
            .bind(uses.iter().map(|one| one.secret.uuid()).collect::<Vec<_>>())
            .bind(uses.iter().map(|one| one.at).collect::<Vec<_>>())
            .bind(uses.iter().map(|one| one.ip.map(IpNet::from)).collect::<Vec<_>>());
        session.execute(statement).await?;
        session.commit().await
    }
}

/// What still counts of a role's permissions.
async fn find_role_permissions(
    session: &mut Session,
    organization: OrganizationId,
    role: RoleId,
) -> Result<Option<Vec<PermissionName>>, Error> {
    let sql = format!(
        "select k.permissions, g.own_permissions from roles k {GRANTED} where k.organization_id = $1 and k.id = $2"
    );
    let statement = sqlx::query(AssertSqlSafe(sql)).bind(organization.uuid()).bind(role.uuid());
    session.optional(statement).await?.as_ref().map(read_counting).transpose()
}

/// The secrets with a public id, or nobody's.
async fn find_candidates(session: &mut Session, lookup_id: &LookupId) -> Result<Vec<PgRow>, Error> {
    let sql = "with found as (
            select organization_id, id, key_id, prefix, hash, hash_scheme, pepper_id, retires_at, is_compromised,
                is_duplicated
            from secrets
            where lookup_id = $1
            order by created_at, id
            limit $2
        )
        select * from found
        union all
        select coalesce(hidden.id, $3), $3, $3, '', $4, 'text', 'nobody''s', null, false, false
        from (select) nobody left join organizations hidden on hidden.id = $3
        where not exists (select from found)";
    let statement = sqlx::query(sql)
        .bind(lookup_id.as_str().to_owned())
        .bind(CANDIDATES_MAX)
        .bind(Uuid::nil())
        .bind([0_u8; 32].as_slice());
    session.all(statement).await
}

/// The key and the organization behind one secret, in the same transaction and so of the same instant.
async fn find_snapshot(
    session: &mut Session,
    environment: Environment,
    (secret, proves): (&PgRow, &impl Fn(OrganizationId, &str, &SecretHash) -> bool),
) -> Result<Option<Snapshot>, Error> {
    let organization = OrganizationId::from_uuid(secret.try_get("organization_id")?);
    let hash = read_hash(secret)?;
    if !proves(organization, secret.try_get("prefix")?, &hash) {
        return Ok(None);
    }
    session.allow(RowAccess::Organization(organization)).await?;
    let sql = format!(
        "select k.id, k.kind, k.name, k.permissions, g.own_permissions, hr.held_roles, k.domains, k.is_for_all_customers, k.ips,
            k.not_before, k.expires_at, k.limits, k.metadata, k.revoked_at, k.deleted_at, k.generation,
            array(select kc.customer_id from key_customers kc
                where kc.organization_id = k.organization_id and kc.key_id = k.id
                order by kc.customer_id) as customers,
            exists (select 1 from credits c
                where c.organization_id = k.organization_id and c.key_id = k.id) as has_credits,
            o.slug, o.suspended_at, o.deleted_at as organization_deleted_at, o.generation as organization_generation,
            o.limits as organization_limits, o.permissions as organization_permissions
        from keys k {GRANTED} {HELD_ROLES}
        where k.organization_id = $1 and k.id = $2"
    );
    let key: Uuid = secret.try_get("key_id")?;
    let statement = sqlx::query(AssertSqlSafe(sql)).bind(organization.uuid()).bind(key);
    let Some(row) = session.optional(statement).await? else { return Ok(None) };
    Ok(Some(Snapshot {
        organization: Arc::new(read_organization(organization, &row)?),
        key: read_key(environment, &row)?,
        secret: SecretFacts {
            id: SecretId::from_uuid(secret.try_get("id")?),
            hash,
            retired_at: decode::instant(secret, "retires_at")?,
        },
    }))
}

fn read_organization(id: OrganizationId, row: &PgRow) -> Result<OrganizationFacts, Error> {
    let suspended_at = decode::instant(row, "suspended_at")?;
    let deleted_at = decode::instant(row, "organization_deleted_at")?;
    let mut permissions = decode::permissions(row, "organization_permissions")?;
    permissions.sort_unstable();
    Ok(OrganizationFacts {
        id,
        slug: row.try_get("slug")?,
        is_suspended: suspended_at.is_some() || deleted_at.is_some(),
        generation: row.try_get("organization_generation")?,
        limits: decode::limits(row, "organization_limits")?,
        permissions,
    })
}

fn read_key(environment: Environment, row: &PgRow) -> Result<KeyFacts, Error> {
    Ok(KeyFacts {
        id: KeyId::from_uuid(row.try_get("id")?),
        kind: read_kind(row)?,
        environment,
        name: row.try_get::<&str, _>("name")?.into(),
        policy: Arc::new(EffectivePolicy::new(read_policy(row)?, read_held(row)?)),
        has_credits: row.try_get("has_credits")?,
        metadata: Arc::new(decode::metadata(row)?),
        is_revoked: decode::instant(row, "revoked_at")?.is_some(),
        is_deleted: decode::instant(row, "deleted_at")?.is_some(),
        generation: row.try_get("generation")?,
    })
}
