//! What the retention job promises.

use server::metrics::Metrics;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use worker::jobs::retention;
use worker::metrics::WorkerMetrics;

use crate::fixture::WorkerFixture;

/// Rows of every age, for one key with seven secrets.
const FILL: &str = "
    insert into keys (organization_id, id, kind, name, name_folded, permissions, is_for_all_customers, limits, metadata,
        tags, created_at, created_by, updated_at)
    values ($organization, $organization, 'organization', 'a', 'a', '{}', true, '[]', '{}', '{}', now(), 'test', now());
    insert into secrets (organization_id, id, key_id, prefix, lookup_id, last4, hash, hash_scheme, pepper_id, created_at,
        retires_at, is_compromised)
    select $organization, gen_random_uuid(), $organization, 'clv', age::text || compromised, 'last', sha256('x'), 'text',
        'test', now() - (100 + age) * interval '1 day', now() - age * interval '1 day', compromised
    from unnest(array[29, 31, 40]) age, unnest(array[false, true]) compromised;
    insert into secrets (organization_id, id, key_id, prefix, lookup_id, last4, hash, hash_scheme, pepper_id, created_at,
        retires_at)
    values ($organization, gen_random_uuid(), $organization, 'clv', 'newest', 'last', sha256('x'), 'text', 'test', now(),
        now() - interval '50 days');
    insert into receipts (organization_id, id, key_id, generation, created_at)
    select $organization, gen_random_uuid(), $organization, 1, now() - age * interval '1 day' from unnest(array[6, 8, 9]) age;
    insert into idempotency (organization_id, credential_id, route, key, request_hash, body, created_at)
    select $organization, gen_random_uuid(), 'POST /', number::text, sha256('x'), '{}',
        now() - number % 2 * interval '25 hours'
    from generate_series(1, 3000) number";

#[tokio::test]
async fn old_rows_go_and_what_proves_or_is_recent_stays() {
    let fixture = WorkerFixture::start().await;
    let organization = fixture.commit_unheard("acme").await.organization.uuid();
    let mut owner = PgConnection::connect(&fixture.owner_url).await.unwrap();
    let enter = format!("select set_config('claviger.organization', '{organization}', false);");
    let fill = format!("{enter} {}", FILL.replace("$organization", &format!("'{organization}'")));
    sqlx::raw_sql(AssertSqlSafe(fill)).execute(&mut owner).await.unwrap();
    let generation = "select generation from keys";
    let metrics = WorkerMetrics::register(&Metrics::new());
    for _ in 0..2 {
        retention::run(&fixture.stores.store, &metrics).await;
        for (table, deleted) in [("idempotency", 1_500), ("receipts", 2), ("secrets", 2)] {
            assert_eq!(metrics.retention_deleted.value(&[table]), deleted, "{table}: a second run deletes nothing");
            assert_eq!(metrics.retention_failures.value(&[table]), 0, "{table}");
        }
    }
    let left = "select array_agg(lookup_id order by lookup_id) from secrets";
    let left: Vec<String> = sqlx::query_scalar(left).fetch_one(&mut owner).await.unwrap();
    assert_eq!(left, ["29false", "29true", "31true", "40true", "newest"]);
    let generation: i64 = sqlx::query_scalar(generation).fetch_one(&mut owner).await.unwrap();
    assert_eq!(generation, 1, "nothing that verification reads has changed");
}
