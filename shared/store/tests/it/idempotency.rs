//! One creation for one `Idempotency-Key`, whoever sends it how often.

use domain::event::Event;
use domain::ids::OrganizationId;
use serde_json::json;
use store::idempotency::{Replay, ReplayKey};
use store::{Error, Write};

use crate::world::{World, conflict_name, new_customer, new_organization};

fn replay_key(organization: OrganizationId, key: &str) -> ReplayKey {
    ReplayKey {
        organization,
        credential: uuid::Uuid::from_u128(7),
        route: "POST /v1/organizations/acme/customers".to_owned(),
        key: key.to_owned(),
    }
}

fn replay(write: &Write) -> Replay {
    Replay {
        request_hash: [3; 32],
        body: json!({"id": "cus_1", "n": 1}),
        sealed_secret: Some(vec![1, 2, 3]),
        created_at: write.now(),
    }
}

#[tokio::test]
async fn a_second_one_meanwhile_hears_that_the_first_is_in_flight() {
    let world = World::start().await;
    let key = replay_key(world.acme, "once");
    let mut first = world.write(world.acme).await;
    let mut second = world.write(world.acme).await;
    assert!(first.lock_replay(&key).await.unwrap());
    assert!(!second.lock_replay(&key).await.unwrap());
    assert!(second.lock_replay(&replay_key(world.acme, "another")).await.unwrap());
    assert!(second.lock_replay(&replay_key(world.globex, "once")).await.unwrap());
    drop(first);
    let mut third = world.write(world.acme).await;
    // The rollback of the first runs beside this test; until it is done the answer is still "in flight".
    while !third.lock_replay(&key).await.unwrap() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn an_answer_is_given_again_for_a_day_and_then_forgotten() {
    let world = World::start().await;
    let key = replay_key(world.acme, "once");
    let mut write = world.write(world.acme).await;
    assert_eq!(write.find_replay(&key).await.unwrap(), None);
    let kept = replay(&write);
    let customer = write.insert_customer(&new_customer("first")).await.unwrap();
    write.insert_replay(&key, &kept).await.unwrap();
    write.commit(Event::of("customer.created", customer.id)).await.unwrap();
    assert_eq!(world.write(world.acme).await.find_replay(&key).await.unwrap(), Some(kept));
    assert_eq!(world.write(world.acme).await.find_replay(&replay_key(world.acme, "two")).await.unwrap(), None);
    let mut again = world.write(world.acme).await;
    let second = replay(&again);
    assert_eq!(conflict_name(again.insert_replay(&key, &second).await), "idempotency_pkey");
    drop(again);

    world.run("update idempotency set created_at = created_at - interval '24 hours'").await;
    let mut later = world.write(world.acme).await;
    assert_eq!(later.find_replay(&key).await.unwrap(), None);
    let fresh = replay(&later);
    later.insert_replay(&key, &fresh).await.unwrap();
    assert_eq!(later.find_replay(&key).await.unwrap(), Some(fresh));
}

#[tokio::test]
async fn a_root_keys_replay_is_found_in_any_organization() {
    let world = World::start().await;
    let key = replay_key(OrganizationId::INSTALLATION, "create initech");
    let id = OrganizationId::mint(world.store.now().await.unwrap());
    let mut write = world.write(id).await;
    write.insert_organization(&new_organization("initech")).await.unwrap();
    let kept = replay(&write);
    write.insert_replay(&key, &kept).await.unwrap();
    write.commit(Event::of("organization.created", id)).await.unwrap();

    let another = OrganizationId::mint(world.store.now().await.unwrap());
    let mut write = world.write(another).await;
    assert_eq!(write.find_replay(&key).await.unwrap(), Some(kept));
    // And the look at the credential's own rows leaves this change where it was.
    write.insert_organization(&new_organization("hooli")).await.unwrap();
    assert_eq!(write.find_organization().await.unwrap().unwrap().id, another);
}

#[tokio::test]
async fn fifty_at_once_create_one() {
    let world = std::sync::Arc::new(World::start().await);
    let attempts = (0..50).map(|_| {
        let world = std::sync::Arc::clone(&world);
        tokio::spawn(async move {
            let key = replay_key(world.acme, "once");
            let scope = crate::world::scope(world.acme);
            let Ok(mut write) = world.store.write(&scope, &crate::world::origin()).await else { return Ok(0) };
            if !write.lock_replay(&key).await? || write.find_replay(&key).await?.is_some() {
                return Ok(0);
            }
            let customer = write.insert_customer(&new_customer("only")).await?;
            let kept = replay(&write);
            write.insert_replay(&key, &kept).await?;
            write.commit(Event::of("customer.created", customer.id)).await?;
            Ok::<_, Error>(1)
        })
    });
    let mut created = 0;
    for attempt in attempts.collect::<Vec<_>>() {
        created += attempt.await.unwrap().unwrap();
    }
    assert_eq!(created, 1);
}
