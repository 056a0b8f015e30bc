//! Organizations, customers and domains: their versions, their conflicts, their ends.

use domain::event::Event;
use domain::policy::RevokeReason;
use store::{OrganizationChange, Slice, conflict};

use crate::world::{World, conflict_name, host, name, new_customer, new_key, new_organization};

#[tokio::test]
async fn an_organization_with_keys_that_work_cannot_be_deleted() {
    let world = World::start().await;
    let key = world.insert_key(world.acme, &new_key("live")).await.unwrap();
    let mut write = world.write(world.acme).await;
    assert_eq!(write.count_live_keys().await.unwrap(), 1);
    assert_eq!(conflict_name(write.delete_organization().await), conflict::ORGANIZATION_HAS_KEYS);
    write.revoke_key(key.id, RevokeReason::Unused, None).await.unwrap();
    let deleted = write.delete_organization().await.unwrap().unwrap();
    assert_eq!(deleted.generation, 2);
    write.commit(Event::of("organization.deleted", world.acme)).await.unwrap();
    assert_eq!(world.read(world.acme).await.find_organization().await.unwrap(), None);
    assert_eq!(world.find_key(world.acme, key.id).await, None);
    // Its slug is free, its history is not gone.
    world.insert_organization("acme").await;
    assert_eq!(world.read(world.acme).await.list_events(0, 10).await.unwrap().len(), 3);
}

#[tokio::test]
async fn an_organization_changes_once_for_each_version_that_was_seen() {
    let world = World::start().await;
    let change = |text: &str| {
        let new = new_organization("acme");
        OrganizationChange { name: name(text), limits: new.limits, default_limits: new.default_limits }
    };
    let mut write = world.write(world.acme).await;
    let changed = write.update_organization(1, &change("one")).await.unwrap().unwrap();
    assert_eq!((changed.name.as_str(), changed.slug.as_str(), changed.generation), ("one", "acme", 2));
    assert_eq!(write.update_organization(1, &change("two")).await.unwrap(), None);
}

#[tokio::test]
async fn suspending_twice_is_suspending_once() {
    let world = World::start().await;
    let customer = world.insert_customer(world.acme, "one").await;
    let mut write = world.write(world.acme).await;
    for (suspended, resumed) in [(2, 3), (4, 5)] {
        for _ in 0..2 {
            let row = write.suspend_organization().await.unwrap().unwrap();
            assert_eq!((row.suspended_at.is_some(), row.generation), (true, suspended));
            let row = write.suspend_customer(customer.id).await.unwrap().unwrap();
            assert_eq!((row.suspended_at.is_some(), row.generation), (true, suspended));
        }
        for _ in 0..2 {
            let row = write.resume_organization().await.unwrap().unwrap();
            assert_eq!((row.suspended_at, row.generation), (None, resumed));
            let row = write.resume_customer(customer.id).await.unwrap().unwrap();
            assert_eq!((row.suspended_at, row.generation), (None, resumed));
        }
    }
}

#[tokio::test]
async fn a_conflict_names_its_constraint_in_ones_organization_only() {
    let world = World::start().await;
    world.insert_customer(world.acme, "one").await;
    world.insert_customer(world.globex, "one").await;
    let mut write = world.write(world.acme).await;
    let clash = write.insert_customer(&new_customer("one")).await;
    assert_eq!(conflict_name(clash), "customers_organization_external_id_unique");

    for organization in [world.acme, world.globex] {
        let mut write = world.write(organization).await;
        let registered = write.insert_domain(&host("shop.example.com")).await.unwrap();
        write.commit(Event::of("domain.created", registered.id)).await.unwrap();
    }
    let mut write = world.write(world.acme).await;
    let clash = write.insert_domain(&host("shop.example.com")).await;
    assert_eq!(conflict_name(clash), "domains_organization_name_unique");

    let id = domain::ids::OrganizationId::mint(write.now());
    let mut write = world.write(id).await;
    let clash = write.insert_organization(&new_organization("acme")).await;
    assert_eq!(conflict_name(clash), "organizations_slug_unique");
}

#[tokio::test]
async fn a_customer_without_an_external_id_clashes_with_nobody() {
    let world = World::start().await;
    let mut write = world.write(world.acme).await;
    for text in ["one", "two"] {
        let mut new = new_customer(text);
        new.external_id = None;
        write.insert_customer(&new).await.unwrap();
    }
    let text = write.list_customers(Some("TW"), &Slice::first(9)).await.unwrap();
    assert_eq!(text.items.len(), 1);
    let mut change = new_customer("three");
    change.metadata.clear();
    let row = write.update_customer(text.items[0].id, 1, &change).await.unwrap().unwrap();
    assert_eq!((row.external_id.as_deref(), row.metadata.len(), row.generation), (Some("three"), 0, 2));
    assert_eq!(write.update_customer(row.id, 1, &change).await.unwrap(), None);
}
