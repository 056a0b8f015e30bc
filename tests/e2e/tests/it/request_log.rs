//! The request log: every request arrives, nothing secret with it, and no request waits for Postgres to take it.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::environment::Environment;
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use testkit::World;

use crate::asking::await_that;

const ENVIRONMENT: Environment = Environment::Staging;
const PATIENCE: Duration = Duration::from_secs(30);

/// The rows of an environment as the superuser sees them, by request id.
async fn rows(world: &World) -> BTreeMap<String, Value> {
    let url = world.servers().cluster.superuser_url(&world.environment(ENVIRONMENT).database.name);
    let mut connection = PgConnection::connect(&url).await.unwrap();
    let sql = "select request_id, to_jsonb(l) from request_logs l";
    let rows: Vec<(String, Value)> = sqlx::query_as(sql).fetch_all(&mut connection).await.unwrap();
    let count = rows.len();
    let by_id: BTreeMap<_, _> = rows.into_iter().collect();
    assert_eq!(by_id.len(), count, "one row for each request");
    by_id
}

async fn await_rows(world: &World, count: usize) -> BTreeMap<String, Value> {
    await_that("the rows arrive", PATIENCE, async || rows(world).await.len() >= count).await;
    rows(world).await
}

#[tokio::test]
async fn every_request_is_a_row_that_says_who_asked_and_no_secret() {
    let world = World::start().await;
    let (api, place) = (world.api(ENVIRONMENT), world.environment(ENVIRONMENT));
    let asked = [
        api.root_key().get("/v1/organizations/acme").await.expect(200),
        api.organization_key().get("/v1/whoami").await.expect(200),
        api.root_key().post("/v1/organizations/acme/customers", &json!({"name": "One"})).await.expect(201),
        api.anonymous().get("/v1/whoami").await.expect(401),
        api.organization_key().get(&format!("/v1/nowhere?key={}", place.organization_key)).await,
        api.organization_key().get("/v1/organizations/acme/keys?text=a-query").await,
        api.other_organization().get("/v1/organizations/acme/keys").await.expect(404),
    ];
    let ids: Vec<String> = asked.iter().map(|answer| answer.header("x-request-id").to_owned()).collect();
    let found = await_rows(&world, ids.len()).await;
    let row = |at: usize| &found[&ids[at]];
    for (id, answer) in ids.iter().zip(&asked) {
        assert_eq!(found[id]["status"], answer.status.as_u16(), "{}", found[id]);
        assert_eq!(found[id]["client_ip"], "127.0.0.1");
        assert!(found[id]["duration_us"].as_i64().unwrap() > 0);
    }
    let (acme, globex, nobody) = (world.acme.uuid().to_string(), world.globex.uuid().to_string(), uuid_of_nobody());
    let organizations: Vec<&str> =
        [0, 1, 2, 3, 6].map(|at| row(at)["organization_id"].as_str().unwrap()).into_iter().collect();
    // A root key's request belongs to the organization that it is about; one that reaches for another stays its own.
    assert_eq!(organizations, [&acme, &acme, &acme, &nobody, &globex]);
    assert_eq!(row(1)["key_id"], place.organization_key_id.uuid().to_string());
    assert_eq!((row(1)["operation"].as_str(), row(1)["verdict"].as_str()), (Some("whoami"), Some("VALID")));
    assert_eq!((row(1)["method"].as_str(), row(1)["path"].as_str()), (Some("GET"), Some("/v1/whoami")));
    let customer: domain::ids::CustomerId = asked[2].text("/id").parse().unwrap();
    assert_eq!(row(2)["customer_id"], customer.uuid().to_string());
    assert_eq!((row(3)["key_id"].clone(), row(3)["code"].as_str()), (Value::Null, Some("credentials-missing")));
    assert_eq!(row(4)["path"], "(withheld)");
    let all = Value::from_iter(found.values().cloned()).to_string();
    for secret in [&place.root_key, &place.organization_key, &place.other_organization_key] {
        let proof = secret.rsplit('_').next().unwrap();
        assert!(!all.contains(&proof[16..]), "the part that proves is in the log");
    }
    assert!(!all.contains("a-query") && !all.contains('?'), "a query string is in the log");
}

fn uuid_of_nobody() -> String {
    domain::ids::OrganizationId::INSTALLATION.uuid().to_string()
}

#[tokio::test]
async fn a_killed_postgres_costs_no_row_that_fits_in_memory() {
    let mut world = World::builder().own_postgres().start().await;
    let before = world.api(ENVIRONMENT).anonymous().get("/v1/whoami").await;
    world.postgres().kill();
    let during = world.api(ENVIRONMENT).anonymous().get("/v1/whoami").await;
    world.postgres().restart().await.unwrap();
    let found = await_rows(&world, 2).await;
    for answer in [before, during] {
        assert!(found.contains_key(answer.header("x-request-id")));
    }
}
