//! Domains: host names that an organization has registered.

use chrono::{DateTime, Utc};
use data_encoding::BASE32_NOPAD;
use domain::hosts::HostName;
use domain::ids::DomainId;
use rand::TryRng;
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, Row};

use crate::error::Error;
use crate::page::{Page, Slice};
use crate::rows::Rows;
use crate::scope_removal::Deleted;
use crate::write::Write;

const COLUMNS: &str = "id, name, challenge, verified_at, generation, created_at";

/// Every query of domains begins so: $1 is the organization, $2 the names in scope or null for all.
const VISIBLE: &str = "organization_id = $1 and ($2::text[] is null or name = any ($2))";

/// A domain as its row stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Domain {
    /// Its id.
    pub id: DomainId,
    /// The host name.
    pub name: HostName,
    /// What its owner puts into the DNS to prove that it is theirs.
    pub challenge: String,
    /// When that was last found.
    pub verified_at: Option<DateTime<Utc>>,
    /// The row's version.
    pub generation: i64,
    /// When it was registered.
    pub created_at: DateTime<Utc>,
}

impl Rows {
    /// The domain with this id, if it is in scope.
    pub async fn find_domain(&mut self, id: DomainId) -> Result<Option<Domain>, Error> {
        let sql = format!("select {COLUMNS} from domains where {VISIBLE} and id = $3");
        let statement =
            sqlx::query(AssertSqlSafe(sql)).bind(self.organization()).bind(self.bounds.domains.clone()).bind(id.uuid());
        self.session.optional(statement).await?.as_ref().map(read_row).transpose()
    }

    /// The domains in scope, newest first, with `text` in the name.
    pub async fn list_domains(&mut self, text: Option<&str>, slice: &Slice) -> Result<Page<Domain>, Error> {
        let sql = format!(
            "select {COLUMNS} from domains
            where {VISIBLE}
              and (created_at, id) < ($3, $4)
              and ($5::text is null or strpos(name, lower($5)) > 0)
            order by created_at desc, id desc
            limit $6"
        );
        let (after_at, after_id) = slice.position();
        let statement = sqlx::query(AssertSqlSafe(sql))
            .bind(self.organization())
            .bind(self.bounds.domains.clone())
            .bind(after_at)
            .bind(after_id)
            .bind(text)
            .bind(slice.fetched());
        let rows = self.session.all(statement).await?;
        Page::read(&rows, slice, read_row)
    }
}

impl Write {
    /// Registers a host name.
    pub async fn insert_domain(&mut self, name: &HostName) -> Result<Domain, Error> {
        let sql = format!(
            "insert into domains (organization_id, id, name, challenge, created_at)
            values ($1, $2, $3, $4, $5)
            returning {COLUMNS}"
        );
        let statement = sqlx::query(AssertSqlSafe(sql))
            .bind(self.organization())
            .bind(DomainId::mint(self.now).uuid())
            .bind(name.as_str())
            .bind(draw_challenge())
            .bind(self.now);
        read_row(&self.rows.session.one(statement).await?)
    }

    /// Notes what a look at the DNS has found: since when the domain is proven, or `None` when it is not.
    pub async fn update_domain_verified(
        &mut self,
        id: DomainId,
        verified_at: Option<DateTime<Utc>>,
    ) -> Result<Option<Domain>, Error> {
        let Some(found) = self.find_domain(id).await? else { return Ok(None) };
        if found.verified_at.is_some() == verified_at.is_some() {
            self.leave_unchanged(None);
            return Ok(Some(found));
        }
        let sql = format!(
            "update domains
            set verified_at = $4, generation = generation + 1
            where {VISIBLE} and id = $3
            returning {COLUMNS}"
        );
        let statement = sqlx::query(AssertSqlSafe(sql))
            .bind(self.organization())
            .bind(self.bounds.domains.clone())
            .bind(id.uuid())
            .bind(verified_at);
        self.rows.session.optional(statement).await?.as_ref().map(read_row).transpose()
    }

    /// Removes a domain and takes its name off every key's list; a key that has no other is revoked.
    pub async fn delete_domain(&mut self, id: DomainId) -> Result<Option<Deleted<Domain>>, Error> {
        let sql = format!("delete from domains where {VISIBLE} and id = $3 returning {COLUMNS}");
        let statement =
            sqlx::query(AssertSqlSafe(sql)).bind(self.organization()).bind(self.bounds.domains.clone()).bind(id.uuid());
        let Some(row) = self.rows.session.optional(statement).await? else { return Ok(None) };
        let row = read_row(&row)?;
        let removal = self.remove_domain_from_keys(&row.name).await?;
        Ok(Some(Deleted { row, revoked: removal.revoked, narrowed: removal.narrowed }))
    }
}

fn draw_challenge() -> String {
    let mut bytes = [0u8; 20];
    rand::rngs::SysRng.try_fill_bytes(&mut bytes).expect("the operating system has randomness");
    BASE32_NOPAD.encode(&bytes).to_ascii_lowercase()
}

fn read_row(row: &PgRow) -> Result<Domain, Error> {
    Ok(Domain {
        id: DomainId::from_uuid(row.try_get("id")?),
        name: HostName::parse(row.try_get("name")?).map_err(Error::unreadable)?,
        challenge: row.try_get("challenge")?,
        verified_at: row.try_get("verified_at")?,
        generation: row.try_get("generation")?,
        created_at: row.try_get("created_at")?,
    })
}
