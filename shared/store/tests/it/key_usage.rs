//! How often keys were used: each batch counts once, whoever writes it again, and old hours go.

use std::time::Duration;

use chrono::{DateTime, Days, DurationRound, TimeDelta, Utc};
use domain::ids::{KeyId, OrganizationId};
use store::{BatchId, KeyUse, UseOutcome};

use crate::world::World;

/// One valid use of a key.
pub fn key_use(organization: OrganizationId, key: KeyId, at: DateTime<Utc>) -> KeyUse {
    let hour = at.duration_trunc(TimeDelta::hours(1)).unwrap();
    KeyUse { organization, key, hour, outcome: UseOutcome::Valid, count: 1 }
}

/// As a replica named after the organization of the first use.
#[expect(clippy::disallowed_methods, reason = "a test of what a replica does")]
pub async fn update_key_usage(world: &World, seq: i64, uses: &[KeyUse]) {
    let replica = uses[0].organization.to_string();
    world.store.update_key_usage(BatchId { replica: &replica, seq }, uses).await.unwrap();
}

async fn total(world: &World) -> i64 {
    world.count("select coalesce(sum(count), 0)::bigint from key_usage").await
}

#[tokio::test]
async fn a_batch_that_is_written_again_counts_nothing_twice() {
    let world = World::start().await;
    let now = world.store.now().await.unwrap();
    let (one, two) = (KeyId::mint(now), KeyId::mint(now));
    let limited = KeyUse { outcome: UseOutcome::Limited, count: 5, ..key_use(world.acme, one, now) };
    // The key's two secrets were both used, and there are two organizations.
    let uses = [key_use(world.acme, one, now), key_use(world.acme, one, now), limited, key_use(world.globex, two, now)];
    for seq in [1, 1, 1, 2, 1, 2] {
        update_key_usage(&world, seq, &uses).await;
    }
    assert_eq!(total(&world).await, 2 * 8);
    assert_eq!(world.count("select count(*) from key_usage").await, 3);
    assert_eq!(world.count("select count from key_usage where outcome = 'limited'").await, 10);
}

#[tokio::test]
async fn replicas_that_count_the_same_keys_lose_and_block_nothing() {
    let world = World::start().await;
    let now = world.store.now().await.unwrap();
    let keys: Vec<KeyId> = (0..200).map(|_| KeyId::mint(now)).collect();
    let replica = async |name: &str, uses: Vec<KeyUse>| {
        for seq in 1..=10 {
            #[expect(clippy::disallowed_methods, reason = "a test of what a replica does")]
            world.store.update_key_usage(BatchId { replica: name, seq }, &uses).await.unwrap();
        }
    };
    let forward: Vec<KeyUse> = keys.iter().map(|key| key_use(world.acme, *key, now)).collect();
    let backward: Vec<KeyUse> = forward.iter().rev().copied().collect();
    let all = async { tokio::join!(replica("a", forward.clone()), replica("b", backward), replica("c", forward)) };
    tokio::time::timeout(Duration::from_secs(60), all).await.unwrap();
    assert_eq!(total(&world).await, 3 * 10 * 200);
}

#[tokio::test]
async fn hours_that_are_too_old_are_deleted_and_no_others() {
    let world = World::start().await;
    let now = world.store.now().await.unwrap();
    let key = KeyId::mint(now);
    let uses: Vec<KeyUse> = [0, 9, 11, 400].map(|days| key_use(world.acme, key, now - Days::new(days))).to_vec();
    update_key_usage(&world, 1, &uses).await;
    world.run("update usage_flushes set at = at - interval '8 days'").await;
    assert_eq!(world.store.delete_key_usage(10).await.unwrap(), 2);
    assert_eq!(world.store.delete_key_usage(10).await.unwrap(), 0);
    assert_eq!(total(&world).await, 2);
    assert_eq!(world.count("select count(*) from usage_flushes").await, 0);
}
