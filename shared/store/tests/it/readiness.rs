//! What a service finds out before it takes requests.

use dev::{LocalOptions, Postgres};
use domain::permission::Permission;
use store::{DatabaseConfig, Error, MIGRATIONS, NotReady, Store};

use crate::world::{World, scope};

#[tokio::test]
async fn a_schema_that_is_too_old_or_too_new_is_told_apart() {
    let world = World::empty().await;
    let known = MIGRATIONS.iter().map(|migration| migration.version).max().unwrap();
    let refusal = world.store.check_ready().await.unwrap_err();
    assert!(matches!(refusal, NotReady::SchemaOlder { found: 0, needed } if needed == known), "{refusal}");

    store::migrate(&world.database.owner_url, &world.database.app_role).await.unwrap();
    store::migrate(&world.database.owner_url, &world.database.app_role).await.unwrap();
    world.store.check_ready().await.unwrap();

    // A later expand migration is no reason to stop; a later contract migration is.
    world.run("update _sqlx_migrations set version = 99990101000000 where version = (select max(version) from _sqlx_migrations)").await;
    world.store.check_ready().await.unwrap();
    world
        .run(
            "create or replace function claviger_schema_floor() returns bigint language sql immutable
            as 'select 99990101000000'",
        )
        .await;
    let refusal = world.store.check_ready().await.unwrap_err();
    assert!(matches!(refusal, NotReady::SchemaNewer { floor: 99_990_101_000_000, .. }), "{refusal}");
}

#[tokio::test]
async fn a_role_that_row_level_security_does_not_hold_is_refused() {
    let world = World::start().await;
    let faults = world.store.check_role().await.unwrap();
    let own: Vec<_> = faults.iter().filter(|fault| *fault != "fsync is off").collect();
    assert_eq!(own, Vec::<&String>::new());

    let owner = Store::connect(&DatabaseConfig::new(&world.database.owner_url, 1)).await.unwrap();
    assert!(owner.check_role().await.unwrap().iter().any(|fault| fault.starts_with("the role owns tables")));
    let superuser = world.cluster.superuser_url(&world.database.name);
    let superuser = Store::connect(&DatabaseConfig::new(superuser, 1)).await.unwrap();
    assert!(superuser.check_role().await.unwrap().contains(&"the role is a superuser".to_owned()));

    let role = &world.database.app_role;
    world.run(&format!("alter role \"{role}\" set synchronous_commit = off")).await;
    let careless = Store::connect(&DatabaseConfig::new(&world.database.app_url, 1)).await.unwrap();
    assert!(careless.check_role().await.unwrap().contains(&"synchronous_commit is off".to_owned()));
}

#[tokio::test]
async fn an_absent_database_is_an_outage_and_no_error_to_connect() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let url = format!("postgres://app:secret@127.0.0.1:{port}/nothing");
    let store = Store::connect(&DatabaseConfig::new(url, 1)).await.unwrap();
    assert!(matches!(store.check_ready().await, Err(NotReady::Unavailable(_))));
    let organization = domain::ids::OrganizationId::INSTALLATION;
    assert!(matches!(store.read(&scope(organization)).await, Err(Error::Unavailable(_))));
    assert!(Store::connect(&DatabaseConfig::new("not a url", 1)).await.is_err());
}

#[tokio::test]
async fn a_silent_database_is_an_outage_within_the_deadline() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let url = format!("postgres://app:secret@127.0.0.1:{port}/nothing");
    let store = Store::connect(&DatabaseConfig::new(url, 1)).await.unwrap();
    let begun = std::time::Instant::now();
    assert!(matches!(store.now().await, Err(Error::Unavailable(_))));
    assert!(begun.elapsed() < std::time::Duration::from_secs(3));
}

/// A frozen server keeps its connections open and answers nothing; only the client's own deadline ends the wait.
#[tokio::test]
async fn a_frozen_database_is_an_outage_and_the_pool_recovers_from_it() {
    let directory = std::env::temp_dir().join(format!("claviger-frozen-{}", std::process::id()));
    let options = LocalOptions { directory: directory.clone(), port: None, is_durable: false };
    let postgres = Postgres::start(options).await.unwrap();
    let mut config = DatabaseConfig::new(postgres.superuser_url("postgres"), 1);
    config.statement_timeout_ms = 200;
    let store = Store::connect(&config).await.unwrap();
    store.now().await.unwrap();
    postgres.pause();
    let begun = std::time::Instant::now();
    assert!(matches!(store.now().await, Err(Error::Unavailable(_))));
    assert!(begun.elapsed() < std::time::Duration::from_secs(3));
    postgres.resume();
    // The stuck connection was given up with its place in the pool, so there is room for a new one.
    let deadline = begun + std::time::Duration::from_secs(10);
    while store.now().await.is_err() {
        assert!(std::time::Instant::now() < deadline, "the pool does not recover");
    }
    postgres.stop();
    std::fs::remove_dir_all(directory).unwrap();
}

/// Names of permissions are stored as text: one that disappears would make rows unreadable.
#[tokio::test]
async fn every_permission_of_the_catalogue_can_be_stored() {
    let world = World::start().await;
    let mut change = crate::world::new_key("everything");
    change.policy.permissions = Permission::ALL.iter().map(|permission| (*permission).into()).collect();
    let key = world.insert_key(world.acme, &change).await.unwrap();
    assert_eq!(key.policy.permissions, change.policy.permissions);
}
