//! Futures that are dropped half-way: no transaction and no organization is left for the next one.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use domain::event::Event;
use domain::ids::OrganizationId;
use store::{DatabaseConfig, Error, KeyFilter, Slice, Store};

use crate::world::{Dice, World, new_customer, new_key, origin, scope};

const ITERATIONS: u64 = 500;

/// Drives a future for so many polls and drops it then; `None` when it was not done.
async fn at_most_polls<T>(polls: u64, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    let mut left = polls;
    poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        future.as_mut().poll(context).map(Some)
    })
    .await
}

async fn store_with_one_connection(world: &World) -> Store {
    let mut config = DatabaseConfig::new(&world.database.app_url, 1);
    // The test's own machine may be busy; what is measured here is not time.
    config.acquire_timeout_ms = 20_000;
    Store::connect(&config).await.unwrap()
}

async fn list_own(store: &Store, organization: OrganizationId) -> Result<Vec<OrganizationId>, Error> {
    let mut read = store.read(&scope(organization)).await?;
    let page = read.list_keys(&KeyFilter::none(), &Slice::first(50)).await?;
    Ok(page.items.iter().map(|key| key.organization_id).collect())
}

async fn insert_named(store: &Store, organization: OrganizationId, name: &str) -> Result<(), Error> {
    let mut write = store.write(&scope(organization), &origin()).await?;
    let customer = write.insert_customer(&new_customer(name)).await?;
    write.commit(Event::of("customer.created", customer.id)).await.map(drop)
}

#[tokio::test]
async fn a_connection_that_serves_two_organizations_mixes_none() {
    let world = World::start().await;
    world.insert_key(world.acme, &new_key("of acme")).await.unwrap();
    world.insert_key(world.globex, &new_key("of globex")).await.unwrap();
    let store = store_with_one_connection(&world).await;
    let mut dice = Dice(20_261_121);
    let (mut cancelled, mut acknowledged) = (0, 0);
    for iteration in 0..ITERATIONS {
        let organization = if iteration % 2 == 0 { world.acme } else { world.globex };
        // A look waits four to five times; some of these are done before they are dropped, and more than 5 % are not.
        let polls = if dice.below(5) == 0 { 1 + dice.below(6) } else { u64::MAX };
        if iteration % 10 == 0 {
            let name = format!("c{iteration}");
            match at_most_polls(polls, insert_named(&store, organization, &name)).await {
                Some(result) => result.map(|()| acknowledged += 1).unwrap(),
                None => cancelled += 1,
            }
            continue;
        }
        match at_most_polls(polls, list_own(&store, organization)).await {
            Some(owners) => assert_eq!(owners.unwrap(), [organization], "iteration {iteration}"),
            None => cancelled += 1,
        }
    }
    assert!(cancelled > ITERATIONS / 20, "only {cancelled} were cancelled");
    let kept = world.count("select count(*) from customers").await;
    assert!(kept >= acknowledged, "{acknowledged} were acknowledged and {kept} were kept");
    assert_eq!(world.count(IN_TRANSACTION).await, 0);
}

const IN_TRANSACTION: &str = "select count(*) from pg_stat_activity
    where datname = current_database() and state like 'idle in transaction%'";

/// sqlx's own `begin` fails this: cancelled between sending BEGIN and reading the answer it leaves the transaction
/// open in the pool, and the next user's work is part of it: read only here, or lost with it.
#[tokio::test]
async fn a_cancelled_begin_leaves_no_transaction_behind() {
    let world = World::start().await;
    let store = store_with_one_connection(&world).await;
    insert_named(&store, world.acme, "warms the connection").await.unwrap();
    let (mut cancelled, mut kept) = (0, 1);
    // One round trip: whoever looks once is never done, whoever looks four times nearly always is.
    for polls in (1..5).cycle().take(80) {
        let look = at_most_polls(polls, store.read(&scope(world.acme))).await;
        cancelled += i64::from(look.is_none());
        drop(look);
        insert_named(&store, world.acme, &format!("c{kept}")).await.unwrap();
        kept += 1;
    }
    assert!(cancelled > 10, "only {cancelled} were cancelled");
    assert_eq!(world.count("select count(*) from customers").await, kept);
    drop(at_most_polls(1, store.write(&scope(world.acme), &origin())).await);
    let deadline = std::time::Instant::now() + Duration::from_secs(5);
    while world.count(IN_TRANSACTION).await > 0 {
        assert!(std::time::Instant::now() < deadline, "a transaction stays open in the pool");
    }
}

#[tokio::test]
async fn a_write_that_is_dropped_changes_nothing() {
    let world = World::start().await;
    let mut write = world.write(world.acme).await;
    write.insert_customer(&new_customer("dropped")).await.unwrap();
    drop(write);
    assert_eq!(world.count("select count(*) from customers").await, 0);
    assert_eq!(world.count("select count(*) from outbox where subject_kind = 'customer'").await, 0);
}

#[tokio::test]
async fn a_statement_that_waits_too_long_costs_its_connection() {
    let world = World::start().await;
    let mut config = DatabaseConfig::new(&world.database.app_url, 1);
    config.statement_timeout_ms = 300;
    let store = Store::connect(&config).await.unwrap();
    let customer = world.insert_customer(world.acme, "held").await;
    let mut holder = world.write(world.acme).await;
    holder.suspend_customer(customer.id).await.unwrap();
    let mut waiter = store.write(&scope(world.acme), &origin()).await.unwrap();
    let result = waiter.suspend_customer(customer.id).await;
    assert!(matches!(result, Err(Error::Unavailable(_))), "{result:?}");
    drop(waiter);
    assert!(tokio::time::timeout(Duration::from_secs(5), store.now()).await.unwrap().is_ok());
}

#[tokio::test]
async fn a_full_pool_is_an_outage_and_not_a_wait() {
    let world = World::start().await;
    let store = Store::connect(&DatabaseConfig::new(&world.database.app_url, 1)).await.unwrap();
    let held = store.read(&scope(world.acme)).await.unwrap();
    let begun = std::time::Instant::now();
    assert!(matches!(store.now().await, Err(Error::Unavailable(_))));
    assert!(begun.elapsed() < Duration::from_secs(2));
    drop(held);
    store.now().await.unwrap();
}
