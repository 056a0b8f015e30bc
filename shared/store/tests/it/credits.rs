//! Credits: spent exactly once, filled up when due, untouched by changes that do not speak of them.

use std::sync::Arc;

use domain::event::Event;
use domain::ids::KeyId;
use domain::policy::Credits;
use domain::refill::{Refill, RefillInterval};
use store::{CreditsChange, Spent};

use crate::world::{World, new_key, patiently};

async fn key_with_credits(world: &World, remaining: i64, refill: Option<Refill>) -> KeyId {
    let mut change = new_key("counted");
    change.credits = CreditsChange::Set(Some(Credits { remaining, refill }));
    world.insert_key(world.acme, &change).await.unwrap().id
}

#[tokio::test]
async fn no_balance_is_spent_twice() {
    let world = Arc::new(World::start().await);
    let key = key_with_credits(&world, 20, None).await;
    let spenders = (0..60).map(|_| {
        let world = Arc::clone(&world);
        tokio::spawn(async move { patiently(|| world.store.spend_credits(world.acme, key, 1)).await })
    });
    let mut spent = 0;
    for spender in spenders.collect::<Vec<_>>() {
        spent += i64::from(spender.await.unwrap().unwrap().is_enough);
    }
    assert_eq!(spent, 20);
    assert_eq!(world.store.find_balance(world.acme, key).await.unwrap(), Some(0));
    let refused = world.store.spend_credits(world.acme, key, 2).await.unwrap();
    assert_eq!(refused, Some(Spent { is_enough: false, remaining: 0 }));
    assert_eq!(world.store.spend_credits(world.globex, key, 1).await.unwrap(), None);
    assert_eq!(world.store.find_balance(world.globex, key).await.unwrap(), None);
}

#[tokio::test]
async fn a_due_refill_comes_before_the_spending() {
    let world = World::start().await;
    let refill = Refill { amount: 100, interval: RefillInterval::Daily };
    let key = key_with_credits(&world, 3, Some(refill)).await;
    assert_eq!(world.store.spend_credits(world.acme, key, 4).await.unwrap().unwrap().remaining, 3);
    world.run("update credits set refill_at = now()").await;
    let shown = world.find_key(world.acme, key).await.unwrap().credits.unwrap();
    assert_eq!(shown.remaining, 100, "lists show what a verification would find");
    assert_eq!(world.store.find_balance(world.acme, key).await.unwrap(), Some(100));
    let spent = world.store.spend_credits(world.acme, key, 4).await.unwrap();
    assert_eq!(spent, Some(Spent { is_enough: true, remaining: 96 }));
    let spent = world.store.spend_credits(world.acme, key, 4).await.unwrap();
    assert_eq!(spent, Some(Spent { is_enough: true, remaining: 92 }), "once, not each time");
}

#[tokio::test]
async fn a_change_that_keeps_the_balance_takes_nothing_back() {
    let world = World::start().await;
    let key = key_with_credits(&world, 10, None).await;
    let mut write = world.write(world.acme).await;
    world.store.spend_credits(world.acme, key, 4).await.unwrap();
    let kept = write.update_key(key, 1, &new_key("renamed")).await.unwrap().unwrap();
    assert_eq!(kept.credits.unwrap().remaining, 6);
    let mut without = new_key("renamed");
    without.credits = CreditsChange::Set(None);
    assert_eq!(write.update_key(key, 2, &without).await.unwrap().unwrap().credits, None);
}

#[tokio::test]
async fn every_interval_reads_back_as_it_was_written() {
    let world = World::start().await;
    for interval in [
        RefillInterval::Hourly { hours: 744 },
        RefillInterval::Daily,
        RefillInterval::Weekly { day: 7 },
        RefillInterval::Monthly { day: 31 },
    ] {
        let refill = Some(Refill { amount: 9, interval });
        let mut change = new_key(interval.name());
        change.credits = CreditsChange::Set(Some(Credits { remaining: 1, refill }));
        let key = world.insert_key(world.acme, &change).await.unwrap().id;
        world.run("update credits set refill_at = now()").await;
        assert_eq!(world.store.spend_credits(world.acme, key, 1).await.unwrap().unwrap().remaining, 8, "{interval:?}");
        let shown = world.find_key(world.acme, key).await.unwrap().credits;
        assert_eq!(shown, Some(Credits { remaining: 8, refill }));
    }
}

#[tokio::test]
async fn a_balance_is_changed_between_two_spendings() {
    let world = Arc::new(World::start().await);
    let refill = Some(Refill { amount: 5, interval: RefillInterval::Daily });
    let key = key_with_credits(&world, 50, refill).await;
    let mut write = world.write(world.acme).await;
    let held = write.hold_key_with_credits(key).await.unwrap().unwrap();
    let spender = {
        let world = Arc::clone(&world);
        tokio::spawn(async move { patiently(|| world.store.spend_credits(world.acme, key, 1)).await })
    };
    tokio::task::yield_now().await;
    let remaining = held.credits.as_ref().unwrap().remaining + 2;
    write.update_remaining(&held, remaining).await.unwrap();
    write.commit(Event::of("key.credits_changed", key)).await.unwrap();
    assert_eq!(spender.await.unwrap(), Some(Spent { is_enough: true, remaining: 51 }), "neither undoes the other");
    let shown = world.find_key(world.acme, key).await.unwrap();
    assert_eq!(shown.credits, Some(Credits { remaining: 51, refill }));
    assert_eq!(shown.generation, 1, "a balance is no part of a key's version");
    let mut foreign = world.write(world.globex).await;
    assert_eq!(foreign.hold_key_with_credits(key).await.unwrap(), None);
}
