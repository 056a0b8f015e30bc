//! The cases that take turns: verifications of a thousand warm keys, requests to the Integration API, and their ceilings.

use serde_json::{Value, json};

use crate::Bench;
use crate::ceilings::Ceiling;
use crate::load::{Expected, Plan};
use crate::measure::{Case, Sample, take_turns};
use crate::redis_load::{Call, RedisPlan};
use crate::report::{Claim, Report};
use crate::request::{self, Requests};
use crate::stage::{CeilingServer, Stage, address, family};
use crate::verify::{self, MANY, VALID, Warm};

const KEYS: usize = 1_000;
const BATCH: usize = 100;

const VERIFY: &str = "verify, one limit";
const VERIFY_ALONE: &str = "verify, one limit, one at a time";
const FIND_KEY: &str = "API: show a key";
const HELLO: &str = "ceiling: hyper, constant body";
const HELLO_ALONE: &str = "ceiling: hyper, constant body, one at a time";
const ECHO: &str = "ceiling: poem-openapi, JSON echo";
const SELECT: &str = "ceiling: poem, one row of Postgres";
const KEY: &str = "ceiling: poem, the same key from the same store";

/// Measures all of them.
pub fn measure(bench: &Bench, report: &mut Report) -> anyhow::Result<()> {
    let stage = Stage::start(&bench.runtime, testkit::Fleet::builder())?;
    let superuser = stage.fleet.postgres.superuser_url(&stage.place().database.name);
    let start = |ceiling| CeilingServer::start(ceiling, Some(&superuser));
    let [hello, poem, echo] = [start(Ceiling::Hello)?, start(Ceiling::Poem)?, start(Ceiling::Echo)?];
    // As the services connect, so that row-level security is paid for as well.
    let key = CeilingServer::start(Ceiling::Key, Some(&stage.place().database.app_url))?;
    let servers = [hello, poem, echo, start(Ceiling::Select)?, key];
    let one = verify::seed_and_warm(bench, &stage, (KEYS, 1))?;
    let resident = stage.keys()[0].resident_bytes()?;
    let mut cases = ceilings(&servers, &stage, &one);
    cases.extend(verifications(bench, &stage, &one)?);
    cases.extend(api(&stage, &one)?);
    cases.extend(redis_ceilings(&stage));
    take_turns(&mut cases, bench)?;
    let resident = resident as f64 / f64::from(1 << 20);
    report.claims.push(Claim::at_most("memory of a key service with 1,000 cached keys", resident, 40.0, "MiB"));
    report.cases.extend(cases);
    claim(report);
    Ok(())
}

fn claim(report: &mut Report) {
    let cost: fn(&Sample) -> f64 = Sample::server_and_redis_us;
    let whole: fn(&Sample) -> f64 = Sample::total_us;
    if let Some(case) = report.case(VERIFY) {
        let measured = cost(&case.median());
        report.claims.push(Claim::at_most("verification, server + Redis, 64 connections", measured, 22.0, "µs"));
    }
    report.claim_ratio("verification, server + Redis, ratio to poem-openapi's JSON echo", (VERIFY, ECHO), cost, 2.3);
    let p50: fn(&Sample) -> f64 = |sample| sample.p50_us;
    report.claim_ratio("verification, p50 at one connection, ratio to hyper", (VERIFY_ALONE, HELLO_ALONE), p50, 2.5);
    report.claim_ratio("showing a key, ratio to the same without authentication", (FIND_KEY, KEY), whole, 2.5);
}

fn verifications(bench: &Bench, stage: &Stage, one: &Warm) -> anyhow::Result<Vec<Case>> {
    let servers = stage.keys();
    let case = |name: &str, requests: &Requests, connections| {
        Ok::<_, anyhow::Error>(Case::http(
            name,
            (&servers, stage.stores()),
            verify::plan(stage, requests, connections)?,
        ))
    };
    let none = verify::seed_and_warm(bench, stage, (KEYS, 0))?;
    let three = verify::seed_and_warm(bench, stage, (KEYS, 3))?;
    let batches: Vec<Box<[u8]>> = one.keys.chunks(BATCH).map(|keys| batch(&stage.place().token, keys)).collect();
    let every = Expected { times: BATCH, ..VALID };
    let batches = Plan { expected: every, ..verify::plan(stage, &Requests::new(batches), MANY / 8)? };
    Ok(vec![
        case(VERIFY_ALONE, &one.requests, 1)?,
        case("verify, one limit, 16 at a time", &one.requests, 16)?,
        case(VERIFY, &one.requests, MANY)?,
        case("verify, no limit", &none.requests, MANY)?,
        case("verify, three limits", &three.requests, MANY)?,
        Case::http("verify, one limit, 100 keys in a request, per key", (&servers, stage.stores()), batches)
            .things(BATCH as u32),
    ])
}

fn batch(token: &str, keys: &[crate::seed::SeededKey]) -> Box<[u8]> {
    let requests: Vec<Value> = keys.iter().map(|key| json!({"key": key.secret})).collect();
    request::post("/v1/keys/verify-batch", Some(token), &json!({"requests": requests}))
}

fn api(stage: &Stage, one: &Warm) -> anyhow::Result<Vec<Case>> {
    let place = stage.place();
    let servers: Vec<_> = stage.fleet.apis.iter().chain(&stage.fleet.keys).map(family).collect();
    let bearer = Some(place.organization_key.as_str());
    let plan = |requests: Vec<Box<[u8]>>, text| {
        let expected = Expected { status: 200, text, times: 1 };
        let addresses = vec![address(&place.api_urls[0])?];
        anyhow::Ok(Plan { addresses, connections: MANY, requests: Requests::new(requests), expected })
    };
    let path = |key: &crate::seed::SeededKey| format!("/v1/organizations/acme/keys/{}", key.id);
    let keys = one.keys.iter().map(|key| request::get(&path(key), bearer)).collect();
    let whoami = vec![request::get("/v1/whoami", bearer)];
    Ok(vec![
        Case::http("API: whoami", (&servers, stage.stores()), plan(whoami, "\"environment\":\"staging\"")?),
        Case::http(FIND_KEY, (&servers, stage.stores()), plan(keys, "\"id\":\"key_")?),
    ])
}

fn ceilings(servers: &[CeilingServer; 5], stage: &Stage, one: &Warm) -> Vec<Case> {
    let [hello, poem, echo, select, key] = servers;
    let plan = |server: &CeilingServer, connections, requests: Vec<Box<[u8]>>, text| Plan {
        addresses: vec![server.address],
        connections,
        requests: Requests::new(requests),
        expected: Expected { status: 200, text, times: 1 },
    };
    // As long as a question to the key service.
    let question = json!({"key": one.keys[0].secret});
    let question = vec![request::post("/echo", Some(&stage.place().token), &question)];
    let get = || vec![request::get("/", None)];
    let organization = stage.place().acme.uuid();
    let rows =
        || one.keys.iter().map(|key| request::get(&format!("/{organization}/{}", key.id.uuid()), None)).collect();
    vec![
        Case::http(HELLO, (&[hello.family()], stage.stores()), plan(hello, MANY, get(), "hello")),
        Case::http(HELLO_ALONE, (&[hello.family()], stage.stores()), plan(hello, 1, get(), "hello")),
        Case::http(
            "ceiling: poem, constant body",
            (&[poem.family()], stage.stores()),
            plan(poem, MANY, get(), "hello"),
        ),
        Case::http(ECHO, (&[echo.family()], stage.stores()), plan(echo, MANY, question, "\"key\":\"clv_")),
        Case::http(SELECT, (&[select.family()], stage.stores()), plan(select, MANY, rows(), "{\"name\":\"1 limits")),
        Case::http(KEY, (&[key.family()], stage.stores()), plan(key, MANY, rows(), "{\"name\":\"1 limits")),
    ]
}

fn redis_ceilings(stage: &Stage) -> Vec<Case> {
    let plan = |call| RedisPlan { url: stage.fleet.redis.server().admin_url().to_owned(), callers: MANY, call };
    vec![
        Case::redis("ceiling: Redis, PING", stage.stores(), plan(Call::Ping)),
        Case::redis("ceiling: Redis, EVALSHA that adds and compares", stage.stores(), plan(Call::Script)),
    ]
}
