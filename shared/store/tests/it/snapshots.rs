//! What verification is given: everything behind a public id, as of one instant, and nothing that it cannot read.

#![expect(clippy::disallowed_methods, reason = "these queries are what is tested")]

use domain::event::Event;
use domain::ids::OrganizationId;
use domain::names::Slug;
use domain::policy::{AllOr, Credits};
use domain::secret::SecretHash;
use store::{CreditsChange, OrganizationRef};

use crate::world::{ENVIRONMENT, World, for_customers, new_key, new_secret, peppers};

/// Takes every candidate for proven.
fn anyone(_: OrganizationId, _: &SecretHash) -> bool {
    true
}

#[tokio::test]
async fn a_presented_secret_finds_its_key_and_organization() {
    let world = World::start().await;
    let customer = world.insert_customer(world.acme, "one").await;
    let (plain, sealed) = new_secret(world.acme);
    let mut change = for_customers("first", &[customer.id]);
    change.credits = CreditsChange::Set(Some(Credits { remaining: 3, refill: None }));
    let mut write = world.write(world.acme).await;
    let key = write.insert_key(&change, &sealed).await.unwrap();
    write.commit(Event::of("key.created", key.id)).await.unwrap();

    let found = world.store.find_snapshots(ENVIRONMENT, &plain, anyone).await.unwrap();
    let [snapshot] = found.snapshots.as_slice() else { panic!("one was made") };
    assert_eq!((snapshot.organization.id, snapshot.organization.slug.as_str()), (world.acme, "acme"));
    assert_eq!((snapshot.organization.is_suspended, snapshot.organization.limits.len()), (false, 1));
    assert_eq!((snapshot.key.id, snapshot.key.environment, snapshot.key.generation), (key.id, ENVIRONMENT, 1));
    assert_eq!(snapshot.key.policy.customers, AllOr::Only(vec![customer.id]));
    assert!(snapshot.key.has_credits);
    assert!(peppers().proves(world.acme, &plain, &snapshot.secret.hash));
    assert!(!peppers().proves(world.globex, &plain, &snapshot.secret.hash));

    let unproven = |organization, hash: &SecretHash| !peppers().proves(organization, &plain, hash);
    assert!(world.store.find_snapshots(ENVIRONMENT, &plain, unproven).await.unwrap().snapshots.is_empty());
    let other = new_secret(world.acme).0;
    assert!(world.store.find_snapshots(ENVIRONMENT, &other, anyone).await.unwrap().snapshots.is_empty());
}

#[tokio::test]
async fn every_organization_with_the_same_public_id_is_a_candidate() {
    let world = World::start().await;
    let (plain, sealed) = new_secret(world.globex);
    for organization in [world.globex, world.acme] {
        let mut write = world.write(organization).await;
        let key = write.insert_key(&new_key("same"), &sealed).await.unwrap();
        write.commit(Event::of("key.created", key.id)).await.unwrap();
    }
    let found = world.store.find_snapshots(ENVIRONMENT, &plain, anyone).await.unwrap();
    let owners: Vec<OrganizationId> = found.snapshots.iter().map(|snapshot| snapshot.organization.id).collect();
    assert_eq!(owners, [world.globex, world.acme], "oldest first");
}

#[tokio::test]
async fn a_row_that_cannot_be_read_denies_and_takes_no_other_down() {
    let world = World::start().await;
    let (plain, sealed) = new_secret(world.globex);
    for organization in [world.globex, world.acme] {
        let mut write = world.write(organization).await;
        let key = write.insert_key(&new_key("same"), &sealed).await.unwrap();
        write.commit(Event::of("key.created", key.id)).await.unwrap();
    }
    for change in [
        "permissions = array['not a permission']",
        "limits = '{\"version\": 2}'",
        "domains = array['..']",
        "ips = array['300.1.1.1']",
        "metadata = '[]'",
    ] {
        world.run(&format!("update keys set {change} where organization_id = '{}'", world.globex.uuid())).await;
        let found = world.store.find_snapshots(ENVIRONMENT, &plain, anyone).await.unwrap();
        let owners: Vec<OrganizationId> = found.snapshots.iter().map(|snapshot| snapshot.organization.id).collect();
        assert_eq!(owners, [world.acme], "{change}");
    }
}

#[tokio::test]
async fn the_ends_of_keys_secrets_and_organizations_show_at_once() {
    let world = World::start().await;
    let (plain, sealed) = new_secret(world.acme);
    let mut write = world.write(world.acme).await;
    let key = write.insert_key(&new_key("first"), &sealed).await.unwrap();
    write.commit(Event::of("key.created", key.id)).await.unwrap();
    let mut write = world.write(world.acme).await;
    write.suspend_organization().await.unwrap().unwrap();
    write.commit(Event::of("organization.suspended", world.acme)).await.unwrap();
    let found = world.store.find_snapshots(ENVIRONMENT, &plain, anyone).await.unwrap();
    assert!(found.snapshots[0].organization.is_suspended);
    assert_eq!(found.snapshots[0].organization.generation, 2);

    let mut write = world.write(world.acme).await;
    write.delete_key(key.id).await.unwrap().unwrap();
    write.delete_organization().await.unwrap().unwrap();
    write.resume_organization().await.unwrap();
    write.commit(Event::of("organization.deleted", world.acme)).await.unwrap();
    let found = world.store.find_snapshots(ENVIRONMENT, &plain, anyone).await.unwrap();
    assert!(found.snapshots[0].organization.is_suspended, "a deleted organization is refused whatever else it is");
    assert!(found.snapshots[0].key.is_deleted);
    assert!(found.snapshots[0].secret.retired_at.unwrap() <= found.now);
}

#[tokio::test]
async fn a_customer_is_found_by_either_id_in_its_organization() {
    let world = World::start().await;
    let customer = world.insert_customer(world.acme, "one").await;
    for reference in ["one".to_owned(), customer.id.to_string()] {
        let facts = world.store.find_customer_facts(world.acme, &reference).await.unwrap().unwrap();
        assert_eq!((facts.id, facts.external_id.as_deref(), facts.generation), (customer.id, Some("one"), 1));
        assert!(world.store.find_customer_facts(world.globex, &reference).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn an_organization_is_found_by_id_or_slug_the_installation_not() {
    let world = World::start().await;
    let find = async |reference| world.store.find_organization_id(reference).await.unwrap();
    assert_eq!(find(OrganizationRef::Id(world.acme)).await, Some(world.acme));
    assert_eq!(find(OrganizationRef::Slug(Slug::parse("globex").unwrap())).await, Some(world.globex));
    assert_eq!(find(OrganizationRef::Slug(Slug::parse("initech").unwrap())).await, None);
    assert_eq!(find(OrganizationRef::Id(OrganizationId::INSTALLATION)).await, None);
}
