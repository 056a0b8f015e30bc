//! Credits: spent exactly once, filled up when due, untouched by changes that do not speak of them.

use std::sync::Arc;

use domain::ids::KeyId;
use domain::policy::{Credits, Refill, RefillInterval};
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
    let looked = world.store.spend_credits(world.acme, key, 0).await.unwrap();
    assert_eq!(looked, Some(Spent { is_enough: true, remaining: 0 }));
    world.store.give_back_credits(world.acme, key, 1).await.unwrap();
    let refused = world.store.spend_credits(world.acme, key, 2).await.unwrap();
    assert_eq!(refused, Some(Spent { is_enough: false, remaining: 1 }));
    assert_eq!(world.store.spend_credits(world.globex, key, 1).await.unwrap(), None);
}

#[tokio::test]
async fn a_due_refill_comes_before_the_spending() {
    let world = World::start().await;
    let refill = Refill { amount: 100, interval: RefillInterval::Daily, day: 1 };
    let key = key_with_credits(&world, 3, Some(refill)).await;
    assert_eq!(world.store.spend_credits(world.acme, key, 4).await.unwrap().unwrap().remaining, 3);
    world.run("update credits set refill_at = now()").await;
    let shown = world.find_key(world.acme, key).await.unwrap().credits.unwrap();
    assert_eq!(shown.remaining, 100, "lists show what a verification would find");
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
