//! Changes that are kept: how many keys can be made, and how long a revocation takes beyond its commit.

use serde_json::json;
use testkit::Fleet;

use crate::Bench;
use crate::ceilings::Ceiling;
use crate::load::{Expected, Plan};
use crate::measure::{Case, take_turns};
use crate::report::{Claim, Report};
use crate::request::{self, Requests};
use crate::stage::{CeilingServer, Stage, address, family};
use crate::verify;

const CREATORS: usize = 16;
/// More than a core can make in the time that is measured.
const CREATED: usize = 100_000;
/// As many.
const REVOKED: usize = 40_000;
const REVOKED_QUICK: usize = 10_000;

const CREATE: &str = "API: create a key, commits kept";
const REVOKE: &str = "API: revoke a key, commits kept, one at a time";
const COMMIT: &str = "ceiling: poem, one row of Postgres changed, commit kept, one at a time";

/// Measures both.
pub fn measure(bench: &Bench, report: &mut Report) -> anyhow::Result<()> {
    let stage = Stage::start(&bench.runtime, Fleet::builder().durable())?;
    let place = stage.place();
    let superuser = stage.fleet.postgres.superuser_url(&place.database.name);
    let commit = CeilingServer::start(Ceiling::Commit, Some(&superuser))?;
    let servers: Vec<_> = stage.fleet.apis.iter().chain(&stage.fleet.keys).map(family).collect();
    let plan = |connections, requests, (status, text)| {
        let expected = Expected { status, text, times: 1 };
        anyhow::Ok(Plan { addresses: vec![address(&place.api_urls[0])?], connections, requests, expected })
    };
    let bearer = Some(place.organization_key.as_str());
    let path = "/v1/organizations/acme/keys";
    let create = |at| request::post(path, bearer, &json!({"name": format!("created {at}")}));
    let created = Requests::new((0..CREATED).map(create).collect());
    let revoked = if bench.is_quick { REVOKED_QUICK } else { REVOKED };
    let keys = verify::seed(bench, &stage, (revoked, 1))?.keys;
    let revoke = |key: &crate::seed::SeededKey| request::post(&format!("{path}/{}/revoke", key.id), bearer, &json!({}));
    let revoked = Requests::new(keys.iter().map(revoke).collect());
    let organization = place.acme.uuid();
    let rows = keys.iter().map(|key| request::get(&format!("/{organization}/{}", key.id.uuid()), None)).collect();
    let changed =
        Plan { addresses: vec![commit.address], ..plan(1, Requests::new(rows), (200, "{\"name\":\"1 limits"))? };
    let mut cases = [
        Case::http(CREATE, (&servers, stage.stores()), plan(CREATORS, created, (201, "\"secret\":\"clv_"))?),
        Case::http(REVOKE, (&servers, stage.stores()), plan(1, revoked, (200, "\"status\":\"inactive\""))?),
        Case::http(COMMIT, (&[commit.family()], stage.stores()), changed),
    ];
    take_turns(&mut cases, bench)?;
    let [create, revoke, commit] = cases.each_ref().map(Case::median);
    let per_core = 1e6 / create.total_us();
    report.claims.push(Claim::at_least("keys created per second of a core, durable commits", per_core, 1_000.0, ""));
    let beyond = (revoke.p99_us - commit.p99_us) / 1_000.0;
    report.claims.push(Claim::at_most("revoking a key, p99 beyond that of one commit", beyond, 10.0, "ms"));
    report.cases.extend(cases);
    Ok(())
}
