//! Keys by the thousand, written past the services: rows as `Write::insert_key` leaves them.

use chrono::{DateTime, TimeDelta, Utc};
use domain::foreign::ForeignDigest;
use domain::ids::{KeyId, OrganizationId, SecretId};
use domain::limit::Limit;
use domain::secret::{PlainSecret, Prefix};
use sqlx::types::Json;
use sqlx::{Connection, PgConnection};
use testkit::FleetEnvironment;
use uuid::Uuid;

const ROWS_AT_ONCE: usize = 10_000;

/// A key that can be presented.
#[derive(Debug, Clone)]
pub struct SeededKey {
    /// Its id.
    pub id: KeyId,
    /// Its secret, in the clear.
    pub secret: String,
}

/// What a seeded secret looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretForm {
    /// Like one that we issue.
    Own,
    /// Like one that somebody else issued.
    Foreign,
}

/// Columns of keys and of their secrets, one entry for each.
#[derive(Default)]
struct Columns {
    ids: Vec<Uuid>,
    names: Vec<String>,
    instants: Vec<DateTime<Utc>>,
    secret_ids: Vec<Uuid>,
    lookup_ids: Vec<String>,
    last4s: Vec<String>,
    hashes: Vec<Vec<u8>>,
    peppers: Vec<String>,
}

/// Writes so many keys of one organization, each with these limits and a name that starts so.
pub async fn insert_keys(
    place: &FleetEnvironment,
    (organization, form): (OrganizationId, SecretForm),
    count: usize,
    (name, limits): (&str, &[Limit]),
) -> anyhow::Result<Vec<SeededKey>> {
    let mut connection = PgConnection::connect(&place.database.owner_url).await?;
    let now = place.store.now().await?;
    let first = now - TimeDelta::milliseconds(i64::try_from(count)?);
    let mut keys = Vec::with_capacity(count);
    for start in (0..count).step_by(ROWS_AT_ONCE) {
        let mut columns = Columns::default();
        for number in start..count.min(start + ROWS_AT_ONCE) {
            let at = first + TimeDelta::milliseconds(i64::try_from(number)?);
            keys.push(columns.push(place, (organization, form), at, format!("{name} {number}")));
        }
        columns.write(&mut connection, (organization, form), limits).await?;
    }
    sqlx::raw_sql("analyze keys; analyze secrets").execute(&mut connection).await?;
    connection.close().await?;
    Ok(keys)
}

impl SecretForm {
    const fn hash_scheme(self) -> &'static str {
        match self {
            Self::Own => "text",
            Self::Foreign => "foreign",
        }
    }
}

impl Columns {
    fn push(
        &mut self,
        place: &FleetEnvironment,
        (organization, form): (OrganizationId, SecretForm),
        at: DateTime<Utc>,
        name: String,
    ) -> SeededKey {
        let own = PlainSecret::generate(&Prefix::organization(), place.environment);
        let (text, lookup_id, hash) = match form {
            SecretForm::Own => (own.expose().to_owned(), own.lookup_id(), place.peppers.hash(organization, &own)),
            SecretForm::Foreign => {
                let text = own.expose().replace('_', "-");
                let digest = ForeignDigest::of_presented(&text).expect("a text without control characters");
                let wrapped = place.peppers.wrap(&digest).remove(0);
                (text, wrapped.lookup_id, wrapped.hash)
            }
        };
        let id = KeyId::mint(at);
        self.ids.push(id.uuid());
        self.names.push(name);
        self.instants.push(at);
        self.secret_ids.push(SecretId::mint(at).uuid());
        self.lookup_ids.push(lookup_id.as_str().to_owned());
        self.last4s.push(own.last4().to_owned());
        self.hashes.push(hash.bytes.to_vec());
        self.peppers.push(hash.pepper_id.to_string());
        SeededKey { id, secret: text }
    }

    async fn write(
        self,
        connection: &mut PgConnection,
        (organization, form): (OrganizationId, SecretForm),
        limits: &[Limit],
    ) -> anyhow::Result<()> {
        let mut transaction = connection.begin().await?;
        let enter = "select set_config('claviger.organization', $1, true)";
        sqlx::query(enter).bind(organization.uuid().to_string()).execute(&mut *transaction).await?;
        let keys = "insert into keys
                (organization_id, id, kind, name, name_folded, permissions, is_for_all_customers,
                limits, metadata, tags, created_at, created_by, updated_at)
            select $1, new.id, 'organization', new.name, lower(new.name), '{documents.read}', true,
                $2, '{}', '{}', new.at, 'bench', new.at
            from unnest($3::uuid[], $4::text[], $5::timestamptz[]) new (id, name, at)";
        sqlx::query(keys)
            .bind(organization.uuid())
            .bind(Json(limits))
            .bind(&self.ids)
            .bind(self.names)
            .bind(&self.instants)
            .execute(&mut *transaction)
            .await?;
        let secrets = "insert into secrets
                (organization_id, id, key_id, prefix, lookup_id, last4, hash, hash_scheme, pepper_id, hint,
                created_at)
            select $1, new.id, new.key_id, 'clv', new.lookup_id, new.last4, new.hash, $9, new.pepper_id, $10, new.at
            from unnest($2::text[], $3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::bytea[], $8::timestamptz[])
                new (pepper_id, id, key_id, lookup_id, last4, hash, at)";
        sqlx::query(secrets)
            .bind(organization.uuid())
            .bind(self.peppers)
            .bind(self.secret_ids)
            .bind(self.ids)
            .bind(self.lookup_ids)
            .bind(self.last4s)
            .bind(self.hashes)
            .bind(self.instants)
            .bind(form.hash_scheme())
            .bind((form == SecretForm::Foreign).then_some("…"))
            .execute(&mut *transaction)
            .await?;
        if form == SecretForm::Foreign {
            // A key service asks for it every five seconds.
            let enter = "select set_config('claviger.organization', $1, true)";
            sqlx::query(enter).bind(Uuid::nil().to_string()).execute(&mut *transaction).await?;
            let note = "update organizations set has_foreign_keys = true where id = $1";
            sqlx::query(note).bind(Uuid::nil()).execute(&mut *transaction).await?;
        }
        Ok(transaction.commit().await?)
    }
}
