//! The request log: how many rows Postgres takes on one core, by the statement that the API's writer uses.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use domain::ids::{KeyId, RequestId};
use store::RequestLog;
use testkit::{Fleet, FleetEnvironment};

use crate::Bench;
use crate::measure::Accounts;
use crate::report::{Claim, Report, number};
use crate::stage::Stage;

/// As many as the writer sends at once when it has much to write.
const ROWS_AT_ONCE: usize = 4_000;
const BATCHES: u32 = 50;
const BATCHES_QUICK: u32 = 10;

/// Writes batches, one after the other.
#[expect(clippy::disallowed_methods, reason = "measures what the writer of the request log does")]
pub fn measure(bench: &Bench, report: &mut Report) -> anyhow::Result<()> {
    let stage = Stage::start(&bench.runtime, Fleet::builder().apis(0).durable())?;
    let place = stage.place();
    bench.runtime.block_on(place.store.insert_request_log_partitions(1))?;
    let now = bench.runtime.block_on(place.store.now())?;
    let count = if bench.is_quick { BATCHES_QUICK } else { BATCHES };
    let batches: Vec<Vec<RequestLog>> = (0..=count).map(|_| batch(place, now)).collect();
    bench.runtime.block_on(place.store.insert_request_logs(&batches[0]))?;
    let accounts = Accounts::of(&[], stage.stores());
    let started = Instant::now();
    for rows in &batches[1..] {
        bench.runtime.block_on(place.store.insert_request_logs(rows))?;
    }
    let elapsed = started.elapsed();
    let [_, _, postgres] = Accounts::of(&[], stage.stores()).since(&accounts);
    let rows = f64::from(count) * ROWS_AT_ONCE as f64;
    let per_core = rows / postgres.as_secs_f64();
    report.claims.push(Claim::at_least("request log rows written per second of a core", per_core, 20_000.0, ""));
    let per_second = number(rows / elapsed.as_secs_f64());
    report.figures.push(("request log rows written per second of wall clock".to_owned(), per_second));
    Ok(())
}

fn batch(place: &FleetEnvironment, now: DateTime<Utc>) -> Vec<RequestLog> {
    let row = |at: usize| {
        let at = now + TimeDelta::microseconds(i64::try_from(at).unwrap_or_default());
        let id = RequestId::mint(at);
        RequestLog {
            id,
            at,
            organization: place.acme,
            requests: 1,
            request_id: id.to_string(),
            key: Some(KeyId::mint(at)),
            customer: None,
            operation: Some(Cow::Borrowed("find_key")),
            method: Cow::Borrowed("GET"),
            path: format!("/v1/organizations/acme/keys/{}", KeyId::mint(at)),
            status: 200,
            code: None,
            verdict: Some(Cow::Borrowed("VALID")),
            client_ip: Some([203, 0, 113, 9].into()),
            duration: Duration::from_micros(850),
        }
    };
    (0..ROWS_AT_ONCE).map(row).collect()
}
