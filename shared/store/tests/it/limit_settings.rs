//! Limits without a key: one version for all of an organization's settings, and room for so many.

use domain::event::Event;
use domain::ids::OrganizationId;
use domain::limit_settings::{LimitSettings, OVERRIDES_MAX, Rate, RateSource};
use store::{Committed, Error, Generation, Subject, Write, conflict};
use uuid::Uuid;

use crate::world::World;

const FIVE: Rate = Rate { limit: 5, window_ms: 60_000 };
const NINE: Rate = Rate { limit: 9, window_ms: 3_600_000 };

async fn commit(write: Write) -> Committed {
    write.commit(Event::of("limit_namespace.set", "mail")).await.unwrap()
}

#[expect(clippy::disallowed_methods, reason = "a test of what it finds")]
async fn find(world: &World, organization: OrganizationId) -> Option<LimitSettings> {
    world.store.find_limit_settings(organization).await.unwrap()
}

#[tokio::test]
async fn every_change_makes_a_version_and_the_same_again_none() {
    let world = World::start().await;
    assert_eq!(find(&world, world.acme).await, Some(LimitSettings::default()), "none is a version, too");
    assert_eq!(find(&world, OrganizationId::from_uuid(Uuid::from_u128(7))).await, None);
    let version = |value| vec![Generation { subject: Subject::Limits(world.acme), value }];
    let mut write = world.write(world.acme).await;
    let namespace = write.set_limit_namespace("mail", Some(FIVE)).await.unwrap();
    let committed = commit(write).await;
    assert_eq!((committed.generations, committed.outbox_ids.len()), (version(1), 1));
    let mut write = world.write(world.acme).await;
    let set = write.set_limit_override(&namespace, "anna", NINE).await.unwrap();
    assert_eq!(commit(write).await.generations, version(2));
    for _ in 0..3 {
        let mut write = world.write(world.acme).await;
        write.set_limit_namespace("mail", Some(FIVE)).await.unwrap();
        assert_eq!(write.set_limit_override(&namespace, "anna", NINE).await.unwrap(), set);
        let committed = commit(write).await;
        assert_eq!((committed.generations, committed.outbox_ids), (Vec::new(), Vec::new()));
    }
    let settings = find(&world, world.acme).await.unwrap();
    assert_eq!((settings.generation, settings.entries()), (2, 2));
    assert_eq!(settings.rate("mail", "anna", None), Some((NINE, RateSource::Override)));
    assert_eq!(settings.rate("mail", "bert", None), Some((FIVE, RateSource::Namespace)));
    assert_eq!(find(&world, world.globex).await, Some(LimitSettings::default()), "another organization's are its own");
    let mut foreign = world.write(world.globex).await;
    assert_eq!(foreign.delete_limit_override(&namespace, set.id).await.unwrap(), None);
    assert_eq!(foreign.delete_limit_namespace("mail").await.unwrap(), None);
    drop(foreign);
    let mut write = world.write(world.acme).await;
    write.delete_limit_namespace("mail").await.unwrap().unwrap();
    assert_eq!(commit(write).await.generations, version(3));
    let settings = find(&world, world.acme).await.unwrap();
    assert_eq!((settings.generation, settings.entries()), (3, 0), "its overrides went with it");
}

#[tokio::test]
async fn an_organization_has_room_for_so_many_overrides() {
    let world = World::start().await;
    let mut write = world.write(world.acme).await;
    let namespace = write.set_limit_namespace("mail", None).await.unwrap();
    commit(write).await;
    world
        .run(&format!(
            "insert into limit_overrides
            select organization_id, gen_random_uuid(), id, 'user ' || n, 5, 60000, now(), now()
            from limit_namespaces, generate_series(2, {OVERRIDES_MAX}) n"
        ))
        .await;
    let mut write = world.write(world.acme).await;
    write.set_limit_override(&namespace, "the last", FIVE).await.unwrap();
    let full = write.set_limit_override(&namespace, "one more", FIVE).await;
    assert!(matches!(full, Err(Error::Conflict(name)) if name == conflict::LIMIT_SETTINGS_FULL));
    drop(write);
    let mut write = world.write(world.acme).await;
    write.set_limit_override(&namespace, "user 2", NINE).await.unwrap();
    commit(write).await;
    assert_eq!(find(&world, world.acme).await.unwrap().entries(), OVERRIDES_MAX, "one of them is changed");
}
