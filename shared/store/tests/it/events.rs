//! The action log: every commit has its entry, and no entry can be changed unseen.

#![expect(clippy::disallowed_methods, reason = "looks at what the job would find")]

use std::sync::Arc;

use domain::event::Event;
use serde_json::json;
use store::Error;
use store::events::{CHAIN_START, verify_chain};

use crate::world::{ENVIRONMENT, World, new_customer, patiently};

#[tokio::test]
async fn fifty_writers_at_once_leave_one_chain_without_gaps() {
    let world = Arc::new(World::start().await);
    let writers = (0..50).map(|number| {
        let world = Arc::clone(&world);
        tokio::spawn(async move { patiently(|| insert(&world, number)).await })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    let events = world.read(world.acme).await.list_events(0, 1_000).await.unwrap();
    assert_eq!(events.len(), 51, "one for the organization and one for each writer");
    verify_chain((ENVIRONMENT.name(), world.acme), (0, CHAIN_START), &events).unwrap();
    let head = world.count("select count(*) from event_heads h join events e using (organization_id, seq, hash)").await;
    assert_eq!(head, 2, "each head is the last entry of its chain");
}

async fn insert(world: &World, number: u32) -> Result<(), Error> {
    let mut write = world.store.write(&crate::world::scope(world.acme), &crate::world::origin()).await?;
    let customer = write.insert_customer(&new_customer(&format!("c{number}"))).await?;
    write.commit(Event::of("customer.created", customer.id).with("number", number)).await.map(drop)
}

#[tokio::test]
async fn an_entry_reads_back_as_it_was_hashed() {
    let world = World::start().await;
    let customer = world.insert_customer(world.acme, "first").await;
    let mut write = world.write(world.acme).await;
    let customer = write.suspend_customer(customer.id).await.unwrap().unwrap();
    let said = json!({"b": 1.50, "a": "\u{e9}\u{1f600}", "c": [1, null], "note": "it's"});
    write.commit(Event::of("customer.suspended", customer.id).with("said", &said)).await.unwrap();
    let events = world.read(world.acme).await.list_events(0, 10).await.unwrap();
    let last = events.last().unwrap();
    assert_eq!(last.action, "customer.suspended");
    assert_eq!(last.actor, "system:test");
    assert_eq!(last.subject, customer.id.to_string());
    assert_eq!(serde_json::from_str::<serde_json::Value>(&last.details).unwrap(), json!({"said": said}));
    verify_chain((ENVIRONMENT.name(), world.acme), (0, CHAIN_START), &events).unwrap();
}

#[tokio::test]
async fn a_change_in_the_database_is_found_at_its_place() {
    let world = World::start().await;
    for number in 0..6 {
        world.insert_customer(world.acme, &format!("c{number}")).await;
    }
    for change in [
        "update events set details = '{\"number\": 9}' where seq = 4",
        "update events set actor = 'key_other' where seq = 4",
        "update events set at = at + interval '1 microsecond' where seq = 4",
        "update events set ip = null where seq = 4",
        "delete from events where seq = 4",
    ] {
        let mut superuser = world.superuser().await;
        sqlx::raw_sql("create table kept as select * from events").execute(&mut superuser).await.unwrap();
        sqlx::raw_sql(change).execute(&mut superuser).await.unwrap();
        let events = world.read(world.acme).await.list_events(0, 10).await.unwrap();
        let broken = verify_chain((ENVIRONMENT.name(), world.acme), (0, CHAIN_START), &events).unwrap_err();
        assert_eq!(broken.seq, 4, "{change}");
        let restore = "delete from events; insert into events select * from kept; drop table kept";
        sqlx::raw_sql(restore).execute(&mut superuser).await.unwrap();
    }
}

#[tokio::test]
async fn without_its_entry_nothing_is_changed_and_reads_go_on() {
    let world = World::start().await;
    world.run(&format!("revoke insert on events from \"{}\"", world.database.app_role)).await;
    let mut write = world.write(world.acme).await;
    let customer = write.insert_customer(&new_customer("unlogged")).await.unwrap();
    let result = write.commit(Event::of("customer.created", customer.id)).await;
    assert!(matches!(result, Err(Error::Unavailable(_))), "{result:?}");
    assert_eq!(world.count("select count(*) from customers").await, 0);
    assert!(world.read(world.acme).await.find_organization().await.unwrap().is_some());
}

#[tokio::test]
async fn the_services_role_cannot_change_or_remove_entries() {
    let world = World::start().await;
    let mut connection = <sqlx::PgConnection as sqlx::Connection>::connect(&world.database.app_url).await.unwrap();
    for sql in ["update events set actor = ''", "delete from events", "truncate events"] {
        let error = sqlx::raw_sql(sql).execute(&mut connection).await.unwrap_err();
        assert_eq!(error.as_database_error().unwrap().code().unwrap(), "42501", "{sql}");
    }
}

#[tokio::test]
async fn every_version_of_a_commit_waits_in_the_outbox() {
    let world = World::start().await;
    let customer = world.insert_customer(world.acme, "first").await;
    world.run("delete from outbox").await;
    let mut write = world.write(world.acme).await;
    write.suspend_customer(customer.id).await.unwrap();
    let committed = write.commit(Event::of("customer.suspended", customer.id)).await.unwrap();
    assert_eq!(committed.generations.len(), 1);
    assert_eq!(committed.generations[0].value, 2);
    assert_eq!(world.store.find_due_outbox(None, 10).await.unwrap(), [], "whoever committed publishes first");
    world.run("update outbox set created_at = created_at - interval '2 seconds'").await;
    let due = world.store.find_due_outbox(None, 10).await.unwrap();
    assert_eq!(due.iter().map(|row| row.id).collect::<Vec<_>>(), committed.outbox_ids);
    assert_eq!((due[0].organization, due[0].generation), (world.acme, committed.generations[0]));
    assert_eq!(world.store.find_due_outbox(due.last(), 10).await.unwrap(), [], "nothing is behind the last");
    world.store.delete_outbox(&committed.outbox_ids).await.unwrap();
    assert_eq!(world.count("select count(*) from outbox").await, 0);
}
