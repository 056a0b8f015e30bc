//! Below the services: a copied database and a shared Redis open nothing either.

use std::time::Duration;

use domain::environment::Environment;
use domain::ids::OrganizationId;
use domain::secret::PlainSecret;
use redis::AsyncConnectionConfig;
use redis::aio::MultiplexedConnection;
use serde_json::json;
use sqlx::{Connection, PgConnection};
use testkit::World;

use crate::asking::{about, assert_all, await_that, verdict, verdicts, verify};
use crate::dump::{dump, restore};
use crate::isolation::{pairs, retagged};
use crate::monitor::Monitor;

/// Production's keys of every sort: made beside it, through it, rotated with an overlap, around a part of the caller's.
async fn production_secrets(world: &World) -> Vec<(OrganizationId, String)> {
    let production = world.environment(Environment::Production);
    let mut secrets = vec![
        (world.acme, production.organization_key.clone()),
        (world.globex, production.other_organization_key.clone()),
        (OrganizationId::INSTALLATION, production.root_key.clone()),
    ];
    let api = world.api(Environment::Production);
    let made = api.create_key(&json!({"name": "rotated"})).await;
    secrets.push((world.acme, made.text("/secret").to_owned()));
    let path = api.path(world.acme, &format!("keys/{}/regenerate", made.text("/key/id")));
    let rotated = api.root_key().post(&path, &json!({"overlap_seconds": 3_600})).await.expect(200);
    secrets.push((world.acme, rotated.text("/secret").to_owned()));
    let own = "TheCallersOwnPart0123456789abcdefghij";
    let made = api.create_key(&json!({"name": "brought along", "secret": own, "prefix": "acme"})).await;
    secrets.push((world.acme, made.text("/secret").to_owned()));
    secrets
}

#[tokio::test]
async fn a_dump_of_production_has_no_valid_key_in_staging() {
    let world = World::builder().replicas(2).start().await;
    let (production, staging) = (world.environment(Environment::Production), world.environment(Environment::Staging));
    let secrets = production_secrets(&world).await;
    for (_, secret) in &secrets {
        assert_all(&verdicts(production, &about(secret)).await, "VALID");
    }
    let cluster = &world.servers().cluster;
    let sql = dump(&cluster.superuser_url(&production.database.name)).await;
    let owner = staging.database.owner_url.strip_prefix("postgres://").unwrap().split(':').next().unwrap();
    cluster.delete_database(&staging.database.name).await.unwrap();
    cluster.create_database(&staging.database.name, owner, &staging.database.app_role).await.unwrap();
    let url = cluster.superuser_url(&staging.database.name);
    restore(&url, &sql).await;

    // The services lost their connections with the database; once they answer, they answer from production's rows.
    let unknown = PlainSecret::generate(&domain::secret::Prefix::organization(), Environment::Staging);
    let answers = async || {
        let question = about(unknown.expose());
        let asked = staging.keys.iter().map(async |replica| replica.post("/v1/keys/verify", &question).await.status);
        futures_util::future::join_all(asked).await.iter().all(|status| status.as_u16() == 200)
    };
    await_that("staging has found its new database", Duration::from_secs(20), answers).await;
    for (_, secret) in &secrets {
        let disguised = retagged(secret, Environment::Staging);
        for replica in &staging.keys {
            assert_eq!(verdict(replica, &about(secret)).await, "WRONG_ENVIRONMENT");
            let answer = verify(replica, &about(&disguised)).await;
            assert_eq!(answer["verdict"], "NOT_FOUND");
            assert_eq!(answer.as_object().unwrap().len(), 2, "nothing is told: {answer}");
        }
        let api = world.api(Environment::Staging);
        assert_eq!(api.with(secret).get("/v1/whoami").await.expect(401).code(), "wrong-environment");
        assert_eq!(api.with(&disguised).get("/v1/whoami").await.expect(401).code(), "credentials-invalid");
    }

    // The rows are all there, and it was the pepper that refused: under staging's own each of them opens.
    let mut connection = PgConnection::connect(&url).await.unwrap();
    for (organization, secret) in &secrets {
        let disguised = PlainSecret::parse(&retagged(secret, Environment::Staging)).unwrap();
        let hash = staging.peppers.hash(*organization, &disguised);
        let changed = sqlx::query("update secrets set hash = $1 where lookup_id = $2")
            .bind(hash.bytes.to_vec())
            .bind(disguised.lookup_id().as_str())
            .execute(&mut connection)
            .await
            .unwrap();
        assert_eq!(changed.rows_affected(), 1);
        assert_all(&verdicts(staging, &about(disguised.expose())).await, "VALID");
    }
    println!("{} keys of production, none of them valid in staging", secrets.len());
}

async fn connect(url: &str) -> MultiplexedConnection {
    let patience = AsyncConnectionConfig::new().set_response_timeout(Some(Duration::from_secs(5)));
    let client = redis::Client::open(url).unwrap();
    client.get_multiplexed_async_connection_with_config(&patience).await.unwrap()
}

#[tokio::test]
async fn the_redis_user_of_an_environment_reaches_no_other_prefix() {
    let world = World::start().await;
    let mut refused = 0;
    for (from, to) in pairs() {
        let mut connection = connect(&world.environment(from).redis.url).await;
        let prefix = &world.environment(to).redis.prefix;
        let (key, script) = (format!("{prefix}isolation"), "return redis.call('GET', KEYS[1])");
        let commands: [&[&str]; 8] = [
            &["SET", &key, "1"],
            &["GET", &key],
            &["DEL", &key],
            &["EVAL", script, "1", &key],
            &["XREAD", "STREAMS", &format!("{prefix}changes"), "0"],
            &["ZRANGE", &format!("{prefix}replicas"), "0", "-1"],
            &["PUBLISH", &format!("{prefix}news"), "1"],
            // The key is hidden from the command's own key list.
            &["EVAL", &format!("return redis.call('GET', '{key}')"), "0"],
        ];
        for words in commands {
            let mut command = redis::cmd(words[0]);
            command.arg(&words[1..]);
            let answer = command.query_async::<redis::Value>(&mut connection).await;
            if from == to {
                answer.unwrap();
                continue;
            }
            let error = answer.unwrap_err().to_string();
            // From inside a script Redis words it differently.
            let is_denied = ["NOPERM", "permission", "can't access"].iter().any(|word| error.contains(word));
            assert!(is_denied, "{from} at {to}, {words:?}: {error}");
            refused += 1;
        }
    }
    assert_eq!(refused, 6 * 8);
}

/// Says whether nothing is left in any environment's outbox, so that nobody repeats a change later.
async fn is_told(world: &World) -> bool {
    for environment in Environment::ALL {
        let url = world.servers().cluster.superuser_url(&world.environment(environment).database.name);
        let mut connection = PgConnection::connect(&url).await.unwrap();
        let waiting: i64 = sqlx::query_scalar("select count(*) from outbox").fetch_one(&mut connection).await.unwrap();
        if waiting > 0 {
            return false;
        }
    }
    true
}

#[tokio::test]
async fn an_environment_touches_redis_under_its_own_prefix_only() {
    let world = World::builder().own_redis().replicas(3).start().await;
    let acme = world.acme.uuid().simple().to_string();
    for environment in Environment::ALL {
        let (api, own) = (world.api(environment), world.environment(environment));
        await_that("Redis was told of all changes", Duration::from_secs(10), async || is_told(&world).await).await;
        let monitor = Monitor::start(world.servers().redis.admin_url()).await;
        let key = api.create_key(&json!({"name": format!("watched {environment}")})).await;
        assert_all(&verdicts(own, &about(key.text("/secret"))).await, "VALID");
        let path = api.path(world.acme, &format!("keys/{}/revoke", key.text("/key/id")));
        api.organization_key().post_empty(&path).await.expect(200);
        assert_all(&verdicts(own, &about(key.text("/secret"))).await, "REVOKED");
        let lines = monitor.finish().await;

        // Heartbeats of all environments go on all the time; what names an organization comes of the requests.
        let (mut named, mut changes) = (0, 0);
        for line in &lines {
            assert!(!line.contains("claviger:") || line.contains("\"claviger:test_"), "{line}");
            let is_of_request = line.contains(&acme) || line.contains("EVAL") || line.contains("\"XADD\"");
            for other in Environment::ALL.into_iter().filter(|other| *other != environment) {
                let is_foreign = line.contains(&world.environment(other).redis.prefix);
                assert!(!(is_of_request && is_foreign), "{environment} reached {other}: {line}");
            }
            named += usize::from(line.contains(&acme));
            changes += usize::from(line.contains("\"XADD\"") && line.contains(&own.redis.prefix));
        }
        assert!(named >= 6 && changes >= 1, "the capture saw {named} commands about the organization: {lines:#?}");
        println!("{environment}: {} commands, {named} about the organization, all under its own prefix", lines.len());
    }
}
