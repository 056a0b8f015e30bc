//! Pages of 50 out of very many keys, by each filter: what Postgres needs for one.

use std::time::{Duration, Instant};

use chrono::TimeDelta;
use sqlx::{Connection, PgConnection};
use testkit::FleetEnvironment;
use uuid::Uuid;

use crate::Bench;
use crate::load::{Expected, Load, Outcome, Plan, Until};
use crate::measure::Accounts;
use crate::report::{Claim, Report};
use crate::request::{self, Requests};
use crate::seed::SeededKey;
use crate::stage::{Stage, address};

/// So many keys match a filter that hardly any matches.
const RARE: usize = 10;
const PAGES_MAX: u32 = 20;
const TIME_MAX: Duration = Duration::from_secs(10);
const TARGET_MS: f64 = 5.0;

/// Measures a page by each filter.
pub fn measure(bench: &Bench, stage: &Stage, keys: &[SeededKey], report: &mut Report) -> anyhow::Result<()> {
    let place = stage.place();
    let filters = bench.runtime.block_on(prepare(place, keys))?;
    for (what, filter) in filters {
        let path = format!("/v1/organizations/acme/keys?limit=50{filter}");
        let plan = Plan {
            addresses: vec![address(&place.api_urls[0])?],
            connections: 1,
            requests: Requests::new(vec![request::get(&path, Some(&place.organization_key))]),
            expected: Expected { status: 200, text: "\"items\":[", times: 1 },
        };
        let mut load = Load::open(&plan, 0)?;
        let warm_up = load.run(Until::Sent(1))?;
        let claim = format!("page of 50 from {} keys, {what}: Postgres", keys.len());
        if let Some(answer) = warm_up.wrong_answer {
            let status = answer.get(9..12).unwrap_or_default().to_owned();
            let (measured, target) = (format!("no page: {status}"), format!("≤ {TARGET_MS} ms"));
            report.claims.push(Claim { what: claim, measured, target, is_met: false });
            continue;
        }
        let (spent, pages) = read_pages(&mut load, stage)?;
        report.claims.push(Claim::at_most(&claim, spent.as_secs_f64() * 1e3 / f64::from(pages), TARGET_MS, "ms"));
    }
    Ok(())
}

/// Reads pages for a while; says what Postgres spent, and for how many.
fn read_pages(load: &mut Load<'_>, stage: &Stage) -> anyhow::Result<(Duration, u32)> {
    let accounts = Accounts::of(&[], stage.stores());
    let (started, mut pages) = (Instant::now(), 0);
    while pages < PAGES_MAX && started.elapsed() < TIME_MAX {
        let _: Outcome = load.run(Until::Sent(1))?.all_right()?;
        pages += 1;
    }
    let [_, _, postgres] = Accounts::of(&[], stage.stores()).since(&accounts);
    Ok((postgres, pages))
}

/// Makes some keys that hardly any filter matches; the filters in words, and as they are sent.
async fn prepare(place: &FleetEnvironment, keys: &[SeededKey]) -> anyhow::Result<Vec<(&'static str, String)>> {
    let rare: Vec<Uuid> = keys.iter().step_by(keys.len().div_ceil(RARE)).map(|key| key.id.uuid()).collect();
    let organization = place.acme.uuid();
    let customer = domain::ids::CustomerId::mint(place.store.now().await?);
    let mut connection = PgConnection::connect(&place.database.owner_url).await?;
    let mut transaction = connection.begin().await?;
    let enter = "select set_config('claviger.organization', $1, true)";
    sqlx::query(enter).bind(organization.to_string()).execute(&mut *transaction).await?;
    let mark = "update keys set tags = '{rare}', permissions = '{documents.read,documents.write}',
            name = 'needle ' || id, name_folded = 'needle ' || id, is_for_all_customers = false,
            expires_at = clock_timestamp() + interval '1 day', not_before = clock_timestamp() + interval '1 hour'
        where organization_id = $1 and id = any ($2)";
    sqlx::query(mark).bind(organization).bind(&rare).execute(&mut *transaction).await?;
    let insert = "insert into customers
            (organization_id, id, external_id, name, metadata, limits, created_at, updated_at)
        values ($1, $2, 'needle', 'needle', '{}', '[]', now(), now())";
    sqlx::query(insert).bind(organization).bind(customer.uuid()).execute(&mut *transaction).await?;
    let bind = "insert into key_customers (organization_id, key_id, customer_id) select $1, unnest($2::uuid[]), $3";
    sqlx::query(bind).bind(organization).bind(&rare).bind(customer.uuid()).execute(&mut *transaction).await?;
    transaction.commit().await?;
    sqlx::raw_sql("analyze keys; analyze key_labels; analyze key_customers; analyze customers")
        .execute(&mut connection)
        .await?;
    connection.close().await?;
    let now = place.store.now().await?;
    let soon = (now + TimeDelta::days(2)).format("%Y-%m-%dT%H:%M:%SZ");
    let long_ago = (now - TimeDelta::days(2)).format("%Y-%m-%dT%H:%M:%SZ");
    Ok(vec![
        ("no filter", String::new()),
        ("status that all have", "&status=active".to_owned()),
        ("status that 10 have", "&status=scheduled".to_owned()),
        ("status that none has", "&status=expired".to_owned()),
        ("customer that 10 have", "&customer=needle".to_owned()),
        ("permission that 10 have", "&permission=documents.write".to_owned()),
        ("tag that 10 have", "&tag=rare".to_owned()),
        ("text in all names", "&text=limits".to_owned()),
        ("text in 10 names", "&text=needle".to_owned()),
        ("text in no name", "&text=haystack".to_owned()),
        ("expiry of 10", format!("&expires_before={soon}")),
        ("never used, none", format!("&unused_since={long_ago}")),
    ])
}
